#pragma once

#include "libs/common/hello.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/result.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class RiskCommand;
class RiskReply;
}  // namespace perpwire::v1

namespace perpwire::risk {

/// What operators may ask, by command; each fills the reply or says what is wrong.
struct ControlHandlers {
  std::function<Status(const v1::RiskCommand&, v1::RiskReply&)> status;
  std::function<Status(const v1::RiskCommand&, v1::RiskReply&)> halt;
  std::function<Status(const v1::RiskCommand&, v1::RiskReply&)> resume;
  std::function<Status(const v1::RiskCommand&, v1::RiskReply&)> set_limits;
  std::string instance;
  HelloPolicy hello_policy;
};

/// Answers one operator command of either encoding in the same encoding. Never fails: whatever is
/// wrong is in the reply (REJECTED, code, reason). `user`: the client's name where CURVE proved it;
/// it is then the operator, whatever the command says.
std::string answer_control(std::string_view payload, const ControlHandlers& handlers,
                           std::string_view user = {});

/// The ROUTER for operators: an ipc socket, so that file permissions say who may halt and resume,
/// or TCP with CURVE and its allow-list. I/O; every command is logged with the peer's uid or name.
class ControlEndpoint {
 public:
  /// Throws ConfigError if it cannot be bound.
  ControlEndpoint(boost::asio::io_context& io, zmq::context_t& context, const std::string& endpoint,
                  ControlHandlers handlers, std::optional<CurveServer> curve = {});

 private:
  ControlHandlers handlers_;
  RequestServer server_;
};

}  // namespace perpwire::risk
