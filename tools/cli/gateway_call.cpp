#include "tools/cli/gateway_call.hpp"

#include "libs/common/contract_json.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/transport.hpp"

#include <fmt/format.h>

namespace perpwire::cli {

Outcome<v1::Reply> ask_gateway(Session& session, v1::Command command, Exit if_no_answer) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  if (command.request_id().empty()) command.set_request_id(new_request_id());
  const auto answer =
      Caller("order-gateway", (*settings)->order_gateway.commands, session.timeout(),
             {(*settings)->order_gateway.curve.public_key, (*settings)->curve.key_file})
          .ask(command.SerializeAsString(), if_no_answer);
  if (!answer) return tl::unexpected(answer.error());
  v1::Reply reply;
  if (answer->empty())
    return fail_with(if_no_answer, "order-gateway: expected a reply, found nothing");
  if (auto parsed = parse_payload(answer->front(), reply); !parsed) {
    return fail_with(if_no_answer, "order-gateway: " + parsed.error().text);
  }
  if (reply.status() == "REJECTED") {
    return fail_with(Exit::kRejected, fmt::format("{}: {}", reply.code(), reply.reason()));
  }
  return reply;
}

}  // namespace perpwire::cli
