#pragma once

#include "perpwire/v1/orders.pb.h"
#include "tools/cli/session.hpp"

namespace perpwire::cli {

/// Sends a command to the order gateway and reads its reply.
///
/// Errors: kRejected with the reply's code and reason; kFailed if the gateway cannot be reached;
///         `if_no_answer` if the command left and no reply came.
Outcome<v1::Reply> ask_gateway(Session& session, v1::Command command,
                               Exit if_no_answer = Exit::kFailed);

}  // namespace perpwire::cli
