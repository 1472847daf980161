#include "tools/cli/signer_call.hpp"

#include "libs/common/contract_json.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/transport.hpp"

#include <fmt/format.h>

namespace perpwire::cli {

Outcome<v1::SignReply> ask_signer(Session& session, v1::SignRequest request, Exit if_no_answer) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  request.set_request_id(new_request_id());
  const auto answer = Caller("signer", (*settings)->signer.endpoint, session.timeout(),
                             {(*settings)->signer.curve.public_key, (*settings)->curve.key_file})
                          .ask(request.SerializeAsString(), if_no_answer);
  if (!answer) return tl::unexpected(answer.error());
  v1::SignReply reply;
  if (auto parsed = parse_payload(answer->front(), reply); !parsed) {
    return fail_with(if_no_answer, "signer: " + parsed.error().text);
  }
  if (reply.status() != "OK") {
    return fail_with(Exit::kRejected, fmt::format("{}: {}", reply.code(), reply.reason()));
  }
  return reply;
}

}  // namespace perpwire::cli
