#include "libs/venues/hyperliquid/account_protocol.hpp"

#include <algorithm>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

constexpr std::array<std::string_view, 3> kTypes{"orderUpdates", "userFills", "userEvents"};

std::string subscription_frame(net::SubscriptionSet::Request::Kind kind, std::string_view type,
                               std::string_view user) {
  const bool subscribe = kind == net::SubscriptionSet::Request::Kind::kSubscribe;
  return std::string(R"({"method":")") + (subscribe ? "subscribe" : "unsubscribe") +
         R"(","subscription":{"type":")" + std::string(type) + R"(","user":")" + std::string(user) +
         R"("}})";
}

std::string post_frame(std::uint64_t id, std::string_view type, std::string_view body) {
  std::string frame = R"({"method":"post","id":)";
  frame += std::to_string(id);
  frame += R"(,"request":{"type":")";
  frame += type;
  frame += R"(","payload":)";
  frame += body;
  frame += "}}";
  return frame;
}

}  // namespace

AccountProtocol::AccountProtocol(std::string user) : user_(std::move(user)) {
  for (const std::string_view type : kTypes) subscriptions_.add(std::string(type));
}

void AccountProtocol::on_connected(Nanos now, std::vector<Action>& out) {
  ready_ = false;
  fills_snapshot_ = false;
  ready_by_ = now + kReadyDeadline;
  subscriptions_.on_connected();
  send_due(now, out);
}

void AccountProtocol::on_disconnected() {
  ready_ = false;
  fills_snapshot_ = false;
  ready_by_.reset();
  subscriptions_.on_disconnected();
}

void AccountProtocol::on_timer(Nanos now, std::vector<Action>& out) {
  send_due(now, out);
  check_stuck(now, out);
}

void AccountProtocol::send_due(Nanos now, std::vector<Action>& out) {
  for (const auto& request : subscriptions_.due(now)) {
    out.emplace_back(SendText{subscription_frame(request.kind, request.key, user_)});
  }
}

void AccountProtocol::check_ready(std::vector<Action>& out) {
  if (ready_ || !fills_snapshot_ || !subscriptions_.settled() ||
      !subscriptions_.refused().empty()) {
    return;
  }
  ready_ = true;
  ready_by_.reset();
  out.emplace_back(StreamReady{});
}

void AccountProtocol::check_stuck(Nanos now, std::vector<Action>& out) {
  if (!ready_by_ || now < *ready_by_) return;
  ready_by_.reset();
  std::string missing;
  for (const std::string_view type : kTypes) {
    if (subscriptions_.state(std::string(type)) == net::SubscriptionSet::State::kSubscribed) {
      continue;
    }
    missing += (missing.empty() ? "the acknowledgement of " : ", ") + std::string(type);
  }
  if (!fills_snapshot_) {
    missing += std::string(missing.empty() ? "" : " and ") + "the userFills snapshot";
  }
  out.emplace_back(Stuck{std::move(missing)});
}

std::vector<std::string> AccountProtocol::on_text(std::string_view frame, Nanos now,
                                                  std::vector<Action>& out) {
  ++counters_.frames;
  auto parsed = parse_stream_frame(frame);
  if (!parsed) {
    ++counters_.malformed;
    return {parsed.error().text};
  }
  std::vector<std::string> problems;
  const auto note = [&](std::vector<std::string>& found) {
    counters_.problems += found.size();
    problems.insert(problems.end(), found.begin(), found.end());
  };
  if (auto* ack = std::get_if<SubscriptionAck>(&*parsed)) {
    // The echo is normalised; an address of another case is the same user.
    if (ack->user.empty() || ack->user == user_) {
      if (ack->subscribed) {
        subscriptions_.on_subscribed(ack->type);
      } else {
        subscriptions_.on_unsubscribed(ack->type);
      }
    }
  } else if (auto* updates = std::get_if<OrderUpdates>(&*parsed)) {
    counters_.unknown_statuses += updates->words.unknown_statuses;
    note(updates->words.problems);
    out.emplace_back(std::move(*updates));
  } else if (auto* fills = std::get_if<UserFills>(&*parsed)) {
    if (!fills->user.empty() && fills->user != user_) {
      ++counters_.other_users;
    } else {
      note(fills->fills.problems);
      if (fills->snapshot) fills_snapshot_ = true;
      out.emplace_back(std::move(*fills));
    }
  } else if (auto* event = std::get_if<UserEvent>(&*parsed)) {
    note(event->fills.problems);
    note(event->problems);
    if (!event->other.empty()) ++counters_.other_channels;
    out.emplace_back(std::move(*event));
  } else if (auto* answer = std::get_if<PostAnswer>(&*parsed)) {
    out.emplace_back(std::move(*answer));
  } else if (auto* error = std::get_if<StreamError>(&*parsed)) {
    if (error->already_subscribed) subscriptions_.on_subscribed(*error->already_subscribed);
    problems.push_back("error channel: " + error->text);
    out.emplace_back(std::move(*error));
  } else if (std::holds_alternative<OtherFrame>(*parsed)) {
    ++counters_.other_channels;
  }
  send_due(now, out);
  check_ready(out);
  return problems;
}

std::string AccountProtocol::post_action_frame(std::uint64_t id, std::string_view body) {
  return post_frame(id, "action", body);
}
std::string AccountProtocol::post_info_frame(std::uint64_t id, std::string_view body) {
  return post_frame(id, "info", body);
}

bool AccountProtocol::is_pong(std::string_view frame) {
  return frame.size() < 64 && frame.find("\"pong\"") != std::string_view::npos;
}

}  // namespace perpwire::hyperliquid
