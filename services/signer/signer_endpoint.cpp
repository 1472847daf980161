#include "services/signer/signer_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/crash_point.hpp"
#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/signing.hpp"
#include "perpwire/v1/signing.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace perpwire::signer {
namespace {

constexpr std::size_t kMaxRefusedConnections = 1'024;

void reject(ErrorCode code, const std::string& reason, v1::SignReply& reply) {
  reply.set_status("REJECTED");
  reply.set_code(std::string(to_string(code)));
  reply.set_reason(reason);
}

/// "rule max_leverage: ..." -> "max_leverage"; the code where no rule is named.
std::string rule_of(const v1::SignReply& reply) {
  constexpr std::string_view kPrefix = "rule ";
  const std::string_view reason = reply.reason();
  if (!reason.starts_with(kPrefix)) {
    return reply.code();
  }
  return std::string(reason.substr(kPrefix.size(), reason.find(':') - kPrefix.size()));
}

ClockReading read_clocks() { return {wall_clock_now(), boottime_now()}; }

/// Words of requests as labels: a client must not be able to make series.
std::string known_type(const std::string& type) {
  constexpr std::array<std::string_view, 12> kTypes{
      "sign",    "lease",      "lock",  "unlock", "accept_asset", "add_key",
      "use_key", "retire_key", "audit", "hello",  "status",       "metrics"};
  return std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end() ? "unknown" : type;
}

/// Stands for a CURVE client where users of this machine have their uid (whose locks are whose):
/// the upper half of the numbers, which no real user has, by the client's key.
std::uint32_t curve_uid(std::string_view public_key) {
  std::uint32_t hash = 2'166'136'261U;  // FNV-1a
  for (const char c : public_key) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return std::min(hash | 0x8000'0000U, KeyLock::kNobody - 1);
}

std::string_view state_of(const SignerCore& core, const std::string& key) {
  if (core.keys().is_sealed(key)) return "SEALED";
  if (core.rotation().is_draining(key)) return "DRAINING";
  if (!core.rotation().needed().contains(key)) return "STANDBY";
  return core.is_locked(key) ? "CANCEL_ONLY" : "ARMED";
}

}  // namespace

SignerEndpoint::SignerEndpoint(boost::asio::io_context& io, zmq::context_t& context,
                               Metrics& metrics, SignerCore& core, Options options)
    : io_(io),
      metrics_(metrics),
      core_(core),
      options_(std::move(options)),
      sign_seconds_(metrics.histogram("perpwire_hop_seconds", "Time of each step of an order",
                                      {{"hop", "sign"}})),
      signed_(metrics.counter("perpwire_signer_requests_total", "Requests by type and answer",
                              {{"type", "sign"}, {"status", "OK"}})),
      server_(io, context,
              RequestServerConfig{.endpoint = options_.endpoint, .curve = options_.curve},
              [this](const IncomingRequest& incoming) { on_request(incoming, Via::kRouter); }) {
  if (options_.audit != nullptr) pages_ = std::make_unique<AuditPageServer>(io, *options_.audit);
  if (!options_.direct.empty()) {
    direct_ = std::make_unique<StreamServer>(
        io, StreamServerConfig{.endpoint = options_.direct},
        [this](const IncomingRequest& incoming) { on_request(incoming, Via::kDirect); });
  }
  spdlog::info("signer endpoint={} direct={} keys={} policy={}", server_.endpoint(),
               options_.direct.empty() ? "none" : options_.direct,
               fmt::join(core_.keys().names(), ","),
               options_.policy_hash.empty() ? "configured accounts" : options_.policy_hash);
  show_states();
}

SignerEndpoint::~SignerEndpoint() {
  if (loader_) loader_->join();
}

void SignerEndpoint::on_request(const IncomingRequest& incoming, Via via) {
  v1::SignRequest request;
  v1::SignReply reply;
  const auto parsed = parse_payload(incoming.payload, request);
  if (!parsed) {
    reject(ErrorCode::kInvalidCommand, parsed.error().text, reply);
  } else {
    reply = answer(request, incoming);
  }
  if (reply.status() == "OK" && request.type() == "audit") {
    return answer_audit(request, incoming, via);
  }
  if (reply.status() == "OK" && request.type() == "add_key") {
    return answer_add_key(request, incoming, via);
  }
  count(parsed ? known_type(request.type()) : "malformed", reply);
  send(reply, incoming.reply_to, via, is_json(incoming.payload));
  if (!deferred_posted_ && request.type() == "sign") {
    deferred_posted_ = true;
    boost::asio::post(io_, [this] { run_deferred(); });
  }
}

void SignerEndpoint::send(const v1::SignReply& reply, const ReplyAddress& to, Via via, bool json) {
  const auto text = json ? to_contract_json(reply) : to_protobuf(reply);
  if (via == Via::kDirect) {
    direct_->reply(to, text);
  } else {
    server_.reply(to, text);
  }
}

void SignerEndpoint::answer_add_key(const v1::SignRequest& request, const IncomingRequest& incoming,
                                    Via via) {
  const auto answer = [this, request, to = incoming.reply_to, via,
                       json = is_json(incoming.payload)](Status outcome) {
    v1::SignReply reply;
    reply.set_request_id(request.request_id());
    if (outcome) {
      reply.set_status("OK");
      reply.set_signer_address(core_.keys().address_of(request.key())->to_string());
      show_states();
    } else {
      reject(outcome.error().code, outcome.error().text, reply);
    }
    spdlog::warn("add_key key={} account={} result={} {}", request.key(), request.account(),
                 reply.status(), reply.reason());
    count("add_key", reply);
    send(reply, to, via, json);
  };
  if (core_.keys().has(request.key())) return answer({});
  if (loading_) return answer(fail(ErrorCode::kRateLimited, "another key is being read"));
  loading_ = true;
  if (!loader_) loader_ = std::make_unique<boost::asio::thread_pool>(1);
  boost::asio::post(*loader_, [this, name = request.key(), answer] {
    auto key = std::make_shared<Result<SigningKey>>(options_.load_key(name));
    boost::asio::post(io_, [this, name, key, answer] {
      loading_ = false;
      answer(*key ? core_.add_key(name, std::move(**key), read_clocks())
                  : Status{tl::unexpected(key->error())});
    });
  });
}

void SignerEndpoint::answer_audit(const v1::SignRequest& request, const IncomingRequest& incoming,
                                  Via via) {
  pages_->ask(request.audit().from(), request.audit().max_bytes(),
              [this, id = request.request_id(), to = incoming.reply_to, via,
               json = is_json(incoming.payload)](Result<AuditPageServer::Answer> answer) {
                v1::SignReply reply;
                reply.set_request_id(id);
                if (!answer) {
                  reject(answer.error().code, answer.error().text, reply);
                } else {
                  reply.set_status("OK");
                  auto& page = *reply.mutable_audit();
                  for (auto& line : answer->page.lines) page.add_lines(std::move(line));
                  page.set_next(answer->page.next);
                  page.set_first(answer->page.first);
                  page.set_last(answer->last);
                  page.set_head(answer->head);
                }
                count("audit", reply);
                send(reply, to, via, json);
              });
}

v1::SignReply SignerEndpoint::answer(const v1::SignRequest& request,
                                     const IncomingRequest& incoming) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  const auto asker = asker_of(incoming);
  if (!asker) {
    reject(asker.error().code, asker.error().text, reply);
    return reply;
  }
  if (request.type() == "hello") {
    return answer_hello(request, incoming.connection);
  }
  if (request.type() == "status" || request.type() == "metrics") {
    reply.set_status("OK");
    reply.set_text(request.type() == "status" ? status_text() : metrics_.text());
    return reply;
  }
  if (request.type() == "lock" || request.type() == "unlock" || request.type() == "accept_asset") {
    reply = core_.operate(request, *asker, read_clocks());
    spdlog::warn("{} key={} uid={} client={} result={} {}", request.type(),
                 request.key().empty() ? "*" : request.key(), asker->uid, incoming.user,
                 reply.status(), reply.reason());
    show_states();
    return reply;
  }
  if (request.type() == "add_key" && options_.load_key) {
    if (const auto may = core_.may_add(request, *asker, read_clocks()); !may) {
      reject(may.error().code, may.error().text, reply);
    } else {
      reply.set_status("OK");  // once it is read
    }
    return reply;
  }
  if (request.type() == "use_key" || request.type() == "retire_key") {
    reply = core_.change_keys(request, *asker, read_clocks());
    spdlog::warn("{} key={} account={} uid={} client={} result={} {}", request.type(),
                 request.key(), request.account(), asker->uid, incoming.user, reply.status(),
                 reply.reason());
    show_states();
    return reply;
  }
  if (request.type() == "audit" && pages_ != nullptr) {
    if (asker->is_operator) {
      reply.set_status("OK");  // the page itself follows
    } else {
      reject(ErrorCode::kSignerRefused, "rule operator: the audit log is for operators alone",
             reply);
    }
    return reply;
  }
  if (request.type() != "sign" && request.type() != "lease") {
    reject(ErrorCode::kInvalidCommand,
           fmt::format("type: expected sign, lease, lock, unlock, accept_asset, add_key, use_key, "
                       "retire_key, audit, hello, status or metrics, found \"{}\"",
                       request.type().substr(0, 80)),
           reply);
    return reply;
  }
  if (refused_connections_.contains(incoming.connection)) {
    reject(ErrorCode::kVersionMismatch, "this connection's hello was refused", reply);
    return reply;
  }
  const auto start = monotonic_now();
  reply = core_.handle(request, read_clocks());
  if (request.type() == "sign") crash_point("signer.before_reply");
  if (request.type() == "sign" && reply.status() == "OK") {
    sign_seconds_.observe(std::chrono::duration<double>(monotonic_now() - start)  // not money: time
                              .count());
  } else if (request.type() == "lease") {
    spdlog::info(
        "lease account={} holder={} result={} {}", request.account(), request.lease().holder(),
        reply.status(),
        reply.has_lease() ? fmt::format("epoch={}", reply.lease().epoch()) : reply.reason());
  }
  return reply;
}

Result<Asker> SignerEndpoint::asker_of(const IncomingRequest& incoming) const {
  if (options_.curve && !incoming.peer) {  // on TCP; the kernel tells of the direct socket's peers
    const auto found = options_.clients.find(std::string(incoming.user));
    if (found == options_.clients.end()) {
      return fail(ErrorCode::kSignerRefused, "rule curve: the asking client is not known");
    }
    return Asker{.uid = curve_uid(found->second.public_key),
                 .is_operator = found->second.is_operator};
  }
  if (!incoming.peer || !options_.uids.contains(incoming.peer->uid)) {
    return fail(ErrorCode::kSignerRefused,
                incoming.peer
                    ? fmt::format("rule uid: user {} may not ask this signer", incoming.peer->uid)
                    : std::string("rule uid: the asking process is not known"));
  }
  return Asker{.uid = incoming.peer->uid,
               .is_operator = options_.operators.contains(incoming.peer->uid)};
}

v1::SignReply SignerEndpoint::answer_hello(const v1::SignRequest& request,
                                           const std::string& connection) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  const auto ours = own_hello("signer", options_.instance);
  *reply.mutable_hello() = ours;
  auto policy = options_.hello;
  const auto& process = request.hello().process();
  policy.same_build = process == "order-gateway" || process == "risk";
  if (auto checked = check_hello(request.hello(), ours, policy); !checked) {
    reject(checked.error().code, checked.error().text, reply);
    spdlog::error("hello refused process={} reason={}", process, checked.error().text);
    if (refused_connections_.size() < kMaxRefusedConnections) {
      refused_connections_.insert(connection);
    }
    return reply;
  }
  refused_connections_.erase(connection);
  reply.set_status("OK");
  const auto conflicts = core_.hear_assets(request);
  if (!conflicts.empty()) {
    // The client's orders on these pairs will be refused one by one, with the rule's name.
    reply.set_reason(fmt::format("asset map differs: {}", fmt::join(conflicts, "; ")));
    spdlog::error("asset map process={} differs={}", process, fmt::join(conflicts, "; "));
  }
  return reply;
}

std::string SignerEndpoint::status_text() const {
  std::string text = R"({"process":"signer","keys":[)";
  for (const auto& name : core_.keys().names()) {
    text +=
        fmt::format(R"({}{{"name":"{}","address":"{}","state":"{}","last_nonce":{}}})",
                    text.back() == '[' ? "" : ",", name, core_.keys().address_of(name)->to_string(),
                    state_of(core_, name), core_.last_nonce(name));
  }
  const auto* log = options_.audit;
  text += fmt::format(R"(],"policy":"{}","audit":"{}"}})", options_.policy_hash,
                      log == nullptr ? "" : fmt::format("{} {}", log->number(), log->head()));
  return text;
}

void SignerEndpoint::show_states() {
  const auto show = [&](const std::string& name, int value) {
    metrics_
        .gauge("perpwire_signer_key_state",
               "0 = armed, 1 = signs cancels only, 2 = sealed, 3 = draining, 4 = standing by, 5 = "
               "retired",
               {{"key", name}})
        .set(value);
  };
  for (const auto& name : shown_keys_) show(name, 5);
  for (const auto& name : core_.keys().names()) {
    const auto state = state_of(core_, name);
    show(name, state == "SEALED"        ? 2
               : state == "CANCEL_ONLY" ? 1
               : state == "DRAINING"    ? 3
               : state == "STANDBY"     ? 4
                                        : 0);
    shown_keys_.insert(name);
  }
}

void SignerEndpoint::count(const std::string& type, const v1::SignReply& reply) {
  if (type == "sign" && reply.status() == "OK") {
    signed_.increment();  // the hot one, looked up once
    return;
  }
  metrics_
      .counter("perpwire_signer_requests_total", "Requests by type and answer",
               {{"type", type}, {"status", reply.status()}})
      .increment();
  if (reply.status() == "REJECTED") {
    metrics_
        .counter("perpwire_signer_refusals_total", "Refusals by rule or code",
                 {{"rule", rule_of(reply)}})
        .increment();
    spdlog::warn("refused type={} code={} reason={}", type, reply.code(), reply.reason());
  }
}

void SignerEndpoint::run_deferred() {
  deferred_posted_ = false;
  for (const auto& name : core_.run_deferred()) {
    spdlog::critical("key sealed key={} a signature of it does not recover to it", name);
    core_.note("sealed", name, "a signature of it does not recover to it", wall_clock_now());
    show_states();
  }
  if (core_.audit_failures() != audit_failures_shown_) {
    audit_failures_shown_ = core_.audit_failures();
    metrics_.gauge("perpwire_signer_audit_failures", "Records that the audit log did not take")
        .set(static_cast<double>(audit_failures_shown_));  // not money: a metric
    spdlog::error("audit log failures={}", audit_failures_shown_);
  }
  if (core_.has_deferred()) {
    deferred_posted_ = true;
    boost::asio::post(io_, [this] { run_deferred(); });
  }
}

}  // namespace perpwire::signer
