#include "tools/cli/process_view.hpp"

#include "libs/common/build_info.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/signing.pb.h"
#include "tools/cli/fields.hpp"
#include "tools/cli/transport.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace perpwire::cli {
namespace {

constexpr Nanos kStaleAfter = std::chrono::seconds(2);  // ARCHITECTURE.md section 3, heartbeats
constexpr Nanos kHeartbeatWait = std::chrono::milliseconds(1'500);
constexpr int kPersisterPort = 3;

void take_hello(const v1::Hello& hello, ProcessView& view) {
  view.version = hello.version();
  view.build = hello.build();
  view.contract = hello.contract();
}

void check_contract(ProcessView& view) {
  if (view.contract.empty() || view.contract == contract_hash()) return;
  view.well = false;
  view.note = fmt::format("contract {}, ours is {}", view.contract.substr(0, 12),
                          contract_hash().substr(0, 12));
}

ProcessView by_heartbeat(const std::string& process, const std::string& endpoint, Nanos timeout) {
  ProcessView view{.process = process, .state = "DOWN"};
  Listener listener(process, endpoint, {});
  if (const auto why = why_not_listening(endpoint); !why.empty()) {
    view.note = fmt::format("{}: {}", endpoint, why);
    return view;
  }
  const auto message = listener.next(std::min(timeout, kHeartbeatWait), true);
  if (!message) {
    view.state = "SILENT";
    view.note = fmt::format("{} listens, no heartbeat", endpoint);
    return view;
  }
  const auto& heartbeat = message->envelope.heartbeat();
  view.state = heartbeat.state();
  view.version = heartbeat.version();
  view.build = heartbeat.build();
  view.contract = heartbeat.contract();
  view.stream = heartbeat.stream();
  view.newest_sequence = heartbeat.newest_sequence();
  view.heartbeat_age = message->arrived - UnixNanos{message->envelope.timestamp()};
  view.well = *view.heartbeat_age < kStaleAfter && view.state != "HALTED" &&
              view.state != "DEGRADED" && view.state != "STOPPED" && view.state != "STARTING" &&
              view.state != "RECONCILING";
  if (heartbeat.has_level()) {
    view.note = fmt::format("level {} (version {})", heartbeat.level(), heartbeat.level_version());
    if (heartbeat.level() != "RUNNING") view.well = false;
  }
  check_contract(view);
  return view;
}

/// A socket of this machine that this user may not write to.
bool is_out_of_reach(const std::string& endpoint) {
  constexpr std::string_view kIpc = "ipc://";
  if (!endpoint.starts_with(kIpc)) return false;
  return ::access(endpoint.substr(kIpc.size()).c_str(), W_OK) != 0 && errno == EACCES;
}

/// What a gateway that is not wholly well says of itself.
ProcessView gateway(const Settings& settings, Nanos timeout) {
  const std::string& endpoint = settings.order_gateway.events;
  ProcessView view = by_heartbeat("order-gateway", endpoint, timeout);
  if (view.state != "DEGRADED") return view;
  Listener listener("order-gateway", endpoint, {"gateway.hyperliquid.status"});
  if (const auto message = listener.next(std::min(timeout, kHeartbeatWait))) {
    for (const auto& pair : message->envelope.gateway_status().stopped_pairs()) {
      view.note +=
          fmt::format("{}{} is stopped: position adjusted", view.note.empty() ? "" : ", ", pair);
    }
  }
  return view;
}

ProcessView signer(const Settings& settings, Nanos timeout) {
  ProcessView view{.process = "signer", .state = "DOWN"};
  if (is_out_of_reach(settings.signer.endpoint)) {
    // As it should be for operators: only its clients' group may ask it.
    view.state = "HIDDEN";
    view.well = true;
    view.note = "not for this user to ask; an order-gateway that is READY holds its lease";
    return view;
  }
  v1::SignRequest request;
  request.set_type("hello");
  request.set_request_id(new_request_id());
  *request.mutable_hello() = own_hello("cli", "main");
  const auto answer = Caller("signer", settings.signer.endpoint, timeout,
                             {settings.signer.curve.public_key, settings.curve.key_file})
                          .ask(request.SerializeAsString());
  if (!answer) {
    view.note = answer.error().text;
    return view;
  }
  v1::SignReply reply;
  if (answer->empty() || !parse_payload(answer->front(), reply)) {
    view.state = "CONFUSED";
    view.note = "its answer to hello does not parse";
    return view;
  }
  take_hello(reply.hello(), view);
  view.well = reply.status() == "OK";
  view.state = view.well ? "READY" : reply.code();
  if (!view.well) view.note = reply.reason();
  check_contract(view);
  return view;
}

ProcessView persister(const Settings& settings, Nanos timeout) {
  ProcessView view{.process = "persister", .state = "DOWN"};
  if (!settings.metrics.enabled || settings.metrics.base_port == 0) {
    view.state = "UNKNOWN";
    view.well = true;
    view.note = "has no fixed metrics port to ask";
    return view;
  }
  const auto code = http_status(static_cast<int>(settings.metrics.base_port) + kPersisterPort,
                                "/healthz", timeout);
  if (!code) {
    view.note = code.error().text;
    return view;
  }
  view.well = *code == 200;
  view.state = view.well ? "RUNNING" : "DEGRADED";
  if (!view.well) view.note = fmt::format("/healthz answers {}", *code);
  return view;
}

}  // namespace

std::vector<ProcessView> look_at_processes(const Settings& settings, Nanos timeout) {
  return {by_heartbeat("marketstream", settings.marketstream.events, timeout),
          gateway(settings, timeout), signer(settings, timeout),
          by_heartbeat("risk", settings.risk.events, timeout), persister(settings, timeout)};
}

}  // namespace perpwire::cli
