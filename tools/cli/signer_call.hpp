#pragma once

#include "perpwire/v1/signing.pb.h"
#include "tools/cli/session.hpp"

namespace perpwire::cli {

/// Sends a request to the signer and reads its reply.
///
/// Errors: kRejected with the reply's code and reason; kFailed if the signer cannot be reached;
///         `if_no_answer` if the request left and no reply came.
Outcome<v1::SignReply> ask_signer(Session& session, v1::SignRequest request, Exit if_no_answer);

}  // namespace perpwire::cli
