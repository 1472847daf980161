// What comes in at a ROUTER: page requests of either encoding are always answered, commands and
// envelopes parse or give an error, and what parses prints and parses again to the same.
#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/zmq_socket.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "perpwire/v1/requests.pb.h"
#include "perpwire/v1/risk.pb.h"
#include "perpwire/v1/signing.pb.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace perpwire;

namespace {

template <class Message>
void parse(std::string_view bytes) {
  Message message;
  if (!parse_payload(bytes, message) || !is_json(bytes)) return;
  // JSON is exact: printed and read again it prints the same.
  const auto printed = to_contract_json(message);
  Message again;
  if (!parse_payload(printed, again)) return;  // text that JSON cannot carry unchanged
  PW_ASSERT(to_contract_json(again) == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const v1::Envelope kEvent;
  PageHandlers handlers;
  handlers.process = "p";
  handlers.instance = "i";
  handlers.replay = [](const v1::PageRequest& request, bool json) {
    return not_kept(request, json, "p.i.1", 7);
  };
  handlers.snapshot_of = [](std::string_view topic) -> Result<const v1::Envelope*> {
    if (topic.size() % 2 == 1) return fail(ErrorCode::kUnknownTopic, std::string(topic));
    return &kEvent;
  };
  handlers.other = [](const v1::PageRequest&, v1::PageReply&) -> Status { return {}; };
  const auto reply = answer_page_request(bytes, handlers);
  PW_ASSERT(!reply.empty() && reply.size() % 2 == 1 && !reply.front().empty());
  PW_ASSERT(is_json(reply.front()) == is_json(bytes));

  parse<v1::Command>(bytes);
  parse<v1::RiskCommand>(bytes);
  parse<v1::Envelope>(bytes);
  parse<v1::Reply>(bytes);
  parse<v1::PageReply>(bytes);
  parse<v1::RiskReply>(bytes);
  parse<v1::SignReply>(bytes);
  for (const auto kind : {ReplyKind::kReply, ReplyKind::kPage}) {
    const auto id = reply_request_id(bytes, kind);
    PW_ASSERT(!id || id->size() <= size);
  }
  const auto peer = parse_peer_address(bytes);
  PW_ASSERT(!peer || bytes.substr(0, 10) == "localhost:");
  return 0;
}
