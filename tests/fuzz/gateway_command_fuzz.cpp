// Commands of clients in either encoding: an error or a checked content; a content that was taken
// survives its way through the journal unchanged.
#include "libs/common/contract_json.hpp"
#include "perpwire/v1/orders.pb.h"
#include "services/order-gateway/order_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perpwire;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  v1::Command command;
  if (!parse_payload(bytes, command)) return 0;
  const auto content = gateway::content_of(command.order());
  if (content) {
    const auto again = gateway::restored_content_of(gateway::order_request(*content));
    if (!again || !(*again == *content)) std::abort();
  }
  for (const auto& order : command.orders()) (void)gateway::content_of(order);
  return 0;
}
