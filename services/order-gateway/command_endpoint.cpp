#include "services/order-gateway/command_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "libs/common/time.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kPeersKept = 10'000;

v1::Reply refused(const std::string& request_id, ErrorCode code, const std::string& reason) {
  v1::Reply reply;
  reply.set_request_id(request_id);
  reply.set_status("REJECTED");
  reply.set_code(std::string(to_string(code)));
  reply.set_reason(reason);
  return reply;
}

/// Lists that a query asked for are printed even when empty.
std::string encode(const v1::Reply& reply, const std::string& type, bool json) {
  if (!json) return to_protobuf(reply);
  const bool ok = reply.status() == "OK";
  if (ok && (type == "get_order" || type == "get_open_orders")) {
    return to_contract_json(reply, {.keep = {"orders"}});
  }
  if (ok && type == "get_positions") return to_contract_json(reply, {.keep = {"positions"}});
  if (ok && type == "get_balances") return to_contract_json(reply, {.keep = {"balances"}});
  if (type == "place_batch" || type == "cancel_batch" || type == "modify_batch" ||
      type == "cancel_all") {
    return to_contract_json(reply, {.keep = {"results"}});
  }
  return to_contract_json(reply);
}

}  // namespace

CommandEndpoint::CommandEndpoint(boost::asio::io_context& io, zmq::context_t& zmq,
                                 const Config& config, Handler handler, HaltHandler halt)
    : config_(config), handler_(std::move(handler)), halt_(std::move(halt)) {
  RequestServerConfig server_config;
  server_config.endpoint = config.endpoint;
  server_config.curve = config.curve;
  server_ = std::make_unique<RequestServer>(
      io, zmq, server_config, [this](const IncomingRequest& request) { on_request(request); });
}

void CommandEndpoint::on_request(const IncomingRequest& request) {
  const Now received{.wall = wall_clock_now(), .mono = monotonic_now()};
  const bool json = is_json(request.payload);
  v1::Command command;
  v1::Reply reply;
  if (const Status parsed = parse_payload(request.payload, command); !parsed) {
    ++counters_.malformed;
    reply = refused("", ErrorCode::kInvalidCommand, parsed.error().text);
  } else {
    reply = answer(command, request, received);
  }
  server_->reply(request.reply_to, encode(reply, command.type(), json));
}

v1::Reply CommandEndpoint::answer(const v1::Command& command, const IncomingRequest& request,
                                  Now received) {
  if (command.type() == "hello") return hello(command, request);
  if (command.type() == "halt") {
    const auto peer = peers_.find(request.connection);
    if (peer == peers_.end() || peer->second != "risk") {
      ++counters_.refused_halts;
      return refused(command.request_id(), ErrorCode::kUnsupported,
                     "halt is taken from the risk process alone, after its hello");
    }
    return halt_(command);
  }
  return handler_(command, received);
}

v1::Reply CommandEndpoint::hello(const v1::Command& command, const IncomingRequest& request) {
  const v1::Hello ours = own_hello("order-gateway", config_.instance);
  const std::string& process = command.hello().process();
  const Status same = check_hello(command.hello(), ours,
                                  {.same_build = process == "risk" || process == "signer",
                                   .allow_builds = config_.allow_builds});
  v1::Reply reply;
  if (!same) {
    ++counters_.refused_hellos;
    spdlog::warn("hello refused: {}", same.error().text);
    reply = refused(command.request_id(), same.error().code, same.error().text);
  } else {
    if (peers_.size() >= kPeersKept) peers_.clear();  // they say hello again when they reconnect
    peers_[request.connection] = process;
    reply.set_request_id(command.request_id());
    reply.set_status("OK");
  }
  *reply.mutable_hello() = ours;
  return reply;
}

}  // namespace perpwire::gateway
