#include "services/risk/control_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::risk {
namespace {

Status run(const v1::RiskCommand& command, const ControlHandlers& handlers, v1::RiskReply& reply) {
  const auto& type = command.type();
  if (type == "status") return handlers.status(command, reply);
  if (type == "halt") return handlers.halt(command, reply);
  if (type == "resume") return handlers.resume(command, reply);
  if (type == "set_limits") return handlers.set_limits(command, reply);
  if (type == "hello") {
    const auto ours = own_hello("risk", handlers.instance);
    *reply.mutable_hello() = ours;
    return check_hello(command.hello(), ours, handlers.hello_policy);
  }
  return fail(ErrorCode::kInvalidCommand,
              fmt::format("type: expected status, halt, resume, set_limits or hello, found \"{}\"",
                          type.substr(0, 64)));
}

}  // namespace

std::string answer_control(std::string_view payload, const ControlHandlers& handlers,
                           std::string_view user) {
  v1::RiskCommand command;
  v1::RiskReply reply;
  auto outcome = parse_payload(payload, command);
  reply.set_request_id(command.request_id());
  if (!user.empty()) command.set_operator_(std::string(user));
  if (outcome) outcome = run(command, handlers, reply);
  if (outcome) {
    reply.set_status("OK");
  } else {
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(outcome.error().code)));
    reply.set_reason(outcome.error().text);
  }
  return encode_message(reply, is_json(payload));
}

ControlEndpoint::ControlEndpoint(boost::asio::io_context& io, zmq::context_t& context,
                                 const std::string& endpoint, ControlHandlers handlers,
                                 std::optional<CurveServer> curve)
    : handlers_(std::move(handlers)),
      server_(io, context, RequestServerConfig{.endpoint = endpoint, .curve = std::move(curve)},
              [this](const IncomingRequest& request) {
                spdlog::debug("operator command uid={} client={} bytes={}",
                              request.peer ? static_cast<long>(request.peer->uid) : -1,
                              request.user, request.payload.size());
                server_.reply(request.reply_to,
                              answer_control(request.payload, handlers_, request.user));
              }) {}

}  // namespace perpwire::risk
