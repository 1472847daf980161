#include "tools/venue-sim/api/venue_api.hpp"

#include "tools/venue-sim/api/action_parser.hpp"
#include "tools/venue-sim/api/answers.hpp"
#include "tools/venue-sim/api/authentication.hpp"
#include "tools/venue-sim/api/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr Millis kIdleClose = 60'000;     // nothing sent to a client for so long. Section 8.1.
constexpr Millis kSnapshotInterval = 50;  // of what a lagging info server knows
constexpr std::size_t kMostWaiting = 100'000;

std::string type_of(const Json& request, bool is_exchange) {
  const Json* object = &request;
  if (is_exchange) {
    const auto action = request.find("action");
    if (action == request.end() || !action->is_object()) {
      return "?";
    }
    object = &*action;
  }
  const auto type = object->find("type");
  return type != object->end() && type->is_string() ? type->get<std::string>() : "?";
}

HttpReply fault_reply(const RequestFault& fault) {
  return {fault.status, fault.body, fault.content_type};
}

// How a WebSocket post words an HTTP error. Section 8.6.
std::string post_error_text(const HttpReply& reply) {
  switch (reply.status) {
    case 422:
      return "422 Unprocessable Entity: " + reply.body;
    case 429:
      return "429 Too Many Requests: " + reply.body;
    case 500:
      return "500 Internal Server Error: " + reply.body;
    default:
      return std::to_string(reply.status) + ": " + reply.body;
  }
}

}  // namespace

VenueApi::VenueApi(Exchange& exchange, hyperliquid::Network network)
    : exchange_(exchange),
      network_(network),
      faults_(exchange.config().seed),
      hub_(exchange, faults_),
      limits_(exchange.config().documented_limits) {}

std::optional<ConnectionId> VenueApi::open_connection(const std::string& ip, Millis now) {
  if (faults_.refuse_connections || !limits_.open_connection(ip, now)) {
    ++counters_.connections_refused;
    return std::nullopt;
  }
  ++counters_.connections_opened;
  const ConnectionId id = next_connection_++;
  connections_[id] = Connection{ip, now, {}};
  if (exchange_.state().readings.greeting != 0) {
    hub_.send(id, "Websocket connection established.");
  }
  return id;
}

bool VenueApi::may_open_connection(const std::string& ip, Millis now) {
  if (exchange_.state().readings.refused_connection_is_closed != 0 ||
      (!faults_.refuse_connections && limits_.may_open_connection(ip, now))) {
    return true;
  }
  ++counters_.connections_refused;
  return false;
}

void VenueApi::on_closed(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;
  }
  limits_.close_connection(found->second.ip);
  for (std::size_t i = 0; i < found->second.posts.size(); ++i) {
    limits_.end_post(found->second.ip);
  }
  hub_.forget(id);
  connections_.erase(found);
}

std::vector<ConnectionId> VenueApi::connections() const {
  std::vector<ConnectionId> result;
  for (const auto& [id, connection] : connections_) {
    result.push_back(id);
  }
  return result;
}

void VenueApi::close_connections(const ApiOutput::Close& how) {
  for (const auto& [id, connection] : connections_) {
    if (how.connection == 0 || how.connection == id) {
      ApiOutput::Close close = how;
      close.connection = id;
      output_.closes.push_back(std::move(close));
    }
  }
}

void VenueApi::say(ConnectionId connection, const std::string& text) {
  for (const auto& [id, known] : connections_) {
    if (connection == 0 || connection == id) {
      hub_.send(id, text);
    }
  }
}

void VenueApi::stall_connections(const ApiOutput::Stall& how) {
  for (const auto& [id, connection] : connections_) {
    if (how.connection == 0 || how.connection == id) {
      ApiOutput::Stall stall = how;
      stall.connection = id;
      output_.stalls.push_back(stall);
    }
  }
}

void VenueApi::on_text(ConnectionId id, const std::string& text, Millis now) {
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) {
    return;
  }
  ++counters_.messages_in;
  if (!limits_.count_message(connection->second.ip, now)) {
    hub_.error(id, "Cannot send more than 2000 messages per minute.");
    return;
  }
  const Json message = parse_json(text);
  try {
    const JsonReader in{message};
    const std::string method = in.text("method");
    if (method == "ping") {
      hub_.send(id, R"({"channel":"pong"})");
    } else if (method == "subscribe") {
      hub_.subscribe(id, in.at("subscription"), now);
    } else if (method == "unsubscribe") {
      hub_.unsubscribe(id, in.at("subscription"));
    } else if (method == "post") {
      post(id, message, now);
    } else {
      throw BadRequest{};
    }
  } catch (const BadRequest&) {
    hub_.error(id, "Error parsing JSON into valid websocket request: " + text);
  }
}

void VenueApi::post(ConnectionId id, const Json& message, Millis now) {
  const JsonReader in{message};
  const std::uint64_t number = in.number("id");
  const JsonReader request = in.object("request");
  const std::string kind = request.text("type");
  const Json& payload = request.at("payload");
  Connection& connection = connections_.at(id);
  if ((kind != "action" && kind != "info") || !payload.is_object()) {
    throw BadRequest{};
  }
  if (!limits_.start_post(connection.ip)) {
    hub_.error(id, "too many pending post requests id=" + std::to_string(number));
    return;
  }
  connection.posts.insert(number);
  Origin origin;
  origin.connection = id;
  origin.post = number;
  if (kind == "action") {
    handle_action(origin, payload, now);
  } else {
    handle_info(origin, payload, now);
  }
}

RequestId VenueApi::on_request(const HttpRequest& request, Millis now) {
  const RequestId id = next_request_++;
  Origin origin;
  origin.request = id;
  if (faults_.refuse_connections) {
    output_.replies.push_back({id, std::nullopt});
    return id;
  }
  const bool is_info = request.target == "/info";
  if (!is_info && request.target != "/exchange") {
    send_answer(origin, {404, "", "text/plain"}, false);
    return id;
  }
  if (request.method != "POST") {
    send_answer(origin, {405, "", "text/plain"}, false);
    return id;
  }
  if (!request.content_type.starts_with("application/json")) {
    send_answer(origin, wrong_content_type(), !is_info);
    return id;
  }
  if (!limits_.may_request(request.ip, now)) {
    send_answer(origin, rate_limited(), !is_info);
    return id;
  }
  const Json body = parse_json(request.body);
  if (body.is_discarded()) {
    limits_.spend(request.ip, 1, now);
    send_answer(origin, not_json(), !is_info);
    return id;
  }
  request_ips_[id] = request.ip;
  if (is_info) {
    handle_info(origin, body, now);
  } else {
    handle_action(origin, body, now);
  }
  request_ips_.erase(id);
  return id;
}

void VenueApi::handle_info(const Origin& origin, const Json& request, Millis now) {
  const std::string type = type_of(request, false);
  ++counters_.requests[(origin.connection != 0 ? "post." : "info.") + type];
  Origin target = origin;
  const auto fault = faults_.next_request({origin.connection != 0, false, type});
  if (fault) {
    switch (fault->kind) {
      case RequestFault::Kind::kLoseBefore:
      case RequestFault::Kind::kLoseAfter:
        target.is_lost = true;
        break;
      case RequestFault::Kind::kReply:
        target.instead = fault_reply(*fault);
        break;
      case RequestFault::Kind::kDelay:
      case RequestFault::Kind::kHold:
        target.delay = fault->delay;
        break;
      case RequestFault::Kind::kDuplicate:
        target.is_doubled = true;
        break;
    }
  }
  InfoReply reply = answer_info(exchange_, known_accounts(now), request);
  if (const auto ip = request_ips_.find(origin.request); ip != request_ips_.end()) {
    limits_.spend(ip->second, reply.weight, now);
  }
  if (origin.connection != 0 && reply.http.status == 200) {
    // Inside a post the answer is wrapped with its type. Section 8.6.
    reply.http.body = R"({"type":")" + type + R"(","data":)" + reply.http.body + "}";
  }
  deliver(target, std::move(reply.http), false, now);
}

void VenueApi::handle_action(const Origin& origin, const Json& request, Millis now) {
  const std::string type = type_of(request, true);
  const bool is_post = origin.connection != 0;
  ++counters_.requests[(is_post ? "post." : "exchange.") + type];
  Origin target = origin;
  if (const auto fault = faults_.next_request({is_post, true, type})) {
    switch (fault->kind) {
      case RequestFault::Kind::kLoseBefore:
        target.is_lost = true;
        deliver(target, {}, true, now);
        return;
      case RequestFault::Kind::kLoseAfter:
        target.is_lost = true;
        break;
      case RequestFault::Kind::kReply:
        target.instead = fault_reply(*fault);
        if (!fault->execute) {
          deliver(target, {}, true, now);
          return;
        }
        break;
      case RequestFault::Kind::kDelay:
        target.delay = fault->delay;
        break;
      case RequestFault::Kind::kDuplicate:
        target.is_doubled = true;
        break;
      case RequestFault::Kind::kHold:
        held_.push_back({now + fault->delay, origin, request.dump(), is_post});
        return;
    }
  }
  try {
    const JsonReader in{request};
    const ParsedAction parsed = parse_action(in.at("action"), exchange_.state().readings);
    Action action;
    action.nonce = in.number("nonce");
    if (in.has("vaultAddress")) {
      action.vault = in.address("vaultAddress");
    }
    action.expires_after = in.optional_number("expiresAfter");
    if (const auto ip = request_ips_.find(origin.request); ip != request_ips_.end()) {
      limits_.spend(ip->second, 1 + parsed.array_length / 40, now);
    }
    const JsonReader signature = in.object("signature");
    const auto r = parse_scalar(signature.text("r"));
    const auto s = parse_scalar(signature.text("s"));
    const std::uint64_t v = signature.number("v");
    if (!r || !s) {
      throw BadRequest{};
    }
    if (parsed.typed) {
      const std::string expected =
          network_ == hyperliquid::Network::kMainnet ? "Mainnet" : "Testnet";
      if (parsed.chain != expected) {
        deliver(target, {200, encode_error("Mainnet and testnet require different signature.")},
                true, now);
        return;
      }
      if (parsed.inner_nonce != action.nonce) {
        deliver(target, {200, encode_error("Nonce mismatch.")}, true, now);
        return;
      }
    }
    const auto signer =
        recover_signer(parsed, network_, action.nonce, action.vault, action.expires_after,
                       {*r, *s, static_cast<std::uint8_t>(v <= 1 ? v + 27 : v & 0xffU)});
    if (!signer) {
      deliver(target, {200, encode_error("Unable to recover signer.")}, true, now);
      return;
    }
    if (exchange_.waiting_actions() >= kMostWaiting) {
      deliver(target, {200, encode_error("L1 is congested. Action not sent to L1.")}, true, now);
      return;
    }
    action.signer = *signer;
    action.body = parsed.body;
    action.is_user_signed = parsed.typed.has_value();
    if (!exchange_.state().accounts.find(*signer) &&
        !exchange_.state().accounts.agents.contains(*signer)) {
      ++counters_.unknown_signers;
    }
    const auto ticket = exchange_.submit(std::move(action), venue_time(now));
    waiting_.emplace(ticket, std::move(target));
    if (exchange_.config().block_ms == 0) {
      flush(now);
    }
  } catch (const BadRequest&) {
    if (const auto ip = request_ips_.find(origin.request); ip != request_ips_.end()) {
      limits_.spend(ip->second, 1, now);
    }
    deliver(target, unprocessable(), true, now);
  }
}

void VenueApi::deliver(const Origin& origin, HttpReply reply, bool is_action, Millis now) {
  if (origin.delay > 0) {
    Origin later = origin;
    later.delay = 0;
    later_.push_back({now + origin.delay, std::move(later), std::move(reply), is_action});
    return;
  }
  send_answer(origin, reply, is_action);
}

void VenueApi::send_answer(const Origin& origin, const HttpReply& answer, bool is_action) {
  const HttpReply& reply = origin.instead ? *origin.instead : answer;
  if (origin.connection == 0) {
    if (origin.is_lost) {
      output_.replies.push_back({origin.request, std::nullopt});
      return;
    }
    ++counters_.statuses[reply.status];
    output_.replies.push_back({origin.request, reply});
    return;
  }
  const auto connection = connections_.find(origin.connection);
  if (connection == connections_.end()) {
    return;
  }
  if (origin.is_lost) {
    return;  // it stays pending for the client, and here too
  }
  if (connection->second.posts.erase(origin.post) != 0) {
    limits_.end_post(connection->second.ip);
  }
  std::string text = R"({"channel":"post","data":{"id":)" + std::to_string(origin.post) +
                     R"(,"response":{"type":")";
  if (reply.status == 200) {
    text += std::string(is_action ? "action" : "info") + R"(","payload":)" + reply.body;
  } else {
    text += R"(error","payload":)" + Json(post_error_text(reply)).dump();
  }
  text += "}}}";
  if (origin.is_doubled) {
    hub_.send(origin.connection, text);
  }
  hub_.send(origin.connection, std::move(text));
}

void VenueApi::forward_answers(Millis now) {
  for (const auto& answer : exchange_.take_answers()) {
    const auto origin = waiting_.find(answer.ticket);
    if (origin == waiting_.end()) {
      continue;
    }
    deliver(origin->second, {200, encode_answer(exchange_.state().universe, answer.result)}, true,
            now);
    waiting_.erase(origin);
  }
}

void VenueApi::flush(Millis now) {
  const bool streams_first = exchange_.state().readings.answer_after_streams != 0;
  if (!streams_first) {
    forward_answers(now);
  }
  hub_.publish(exchange_.take_output(), now);
  if (streams_first) {
    forward_answers(now);
  }
}

const Accounts& VenueApi::known_accounts(Millis now) const {
  if (faults_.info_lag == 0 || snapshots_.empty()) {
    return exchange_.state().accounts;
  }
  const auto newest = std::find_if(
      snapshots_.rbegin(), snapshots_.rend(),
      [&](const Snapshot& snapshot) { return snapshot.time <= now - faults_.info_lag; });
  return newest == snapshots_.rend() ? *snapshots_.front().accounts : *newest->accounts;
}

void VenueApi::keep_snapshot(Millis now) {
  if (faults_.info_lag == 0) {
    snapshots_.clear();
    return;
  }
  if (!snapshots_.empty() && now - snapshots_.back().time < kSnapshotInterval) {
    return;
  }
  snapshots_.push_back({now, std::make_shared<const Accounts>(exchange_.state().accounts)});
  while (snapshots_.size() > 2 && snapshots_[1].time <= now - faults_.info_lag) {
    snapshots_.pop_front();
  }
}

void VenueApi::on_timer(Millis now) {
  keep_snapshot(now);
  for (std::size_t i = 0; i < held_.size();) {
    if (held_[i].due > now) {
      ++i;
      continue;
    }
    const Held held = std::move(held_[i]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    handle_action(held.origin, Json::parse(held.body), now);
  }
  exchange_.advance(venue_time(now));
  flush(now);
  for (std::size_t i = 0; i < later_.size();) {
    if (later_[i].due > now) {
      ++i;
      continue;
    }
    const Later later = std::move(later_[i]);
    later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(i));
    send_answer(later.origin, later.reply, later.is_action);
  }
  if (!exchange_.is_stalled()) {
    hub_.on_timer(now);
  }
  for (const auto& [id, connection] : connections_) {
    if (now - connection.last_sent >= kIdleClose) {
      output_.closes.push_back({id, false, 1000, "Inactive"});
    }
  }
}

Millis VenueApi::next_due() const { return exchange_.next_due() - faults_.clock_shift; }

ApiOutput VenueApi::take(Millis now) {
  for (auto& frame : hub_.take_frames()) {
    const auto connection = connections_.find(frame.connection);
    if (connection != connections_.end()) {
      ++counters_.frames_out;
      connection->second.last_sent = now;
      output_.frames.push_back(std::move(frame));
    }
  }
  return std::exchange(output_, {});
}

}  // namespace perpwire::sim
