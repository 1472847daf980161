// Actions from JSON: what is read must be encodable, and read back the same from its own text.
#include "libs/venues/hyperliquid/account_actions.hpp"
#include "libs/venues/hyperliquid/exchange_request.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "libs/venues/hyperliquid/sign_lines.hpp"
#include "libs/venues/hyperliquid/user_signed.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace hl = perpwire::hyperliquid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto action = hl::parse_action(text)) {
    std::string json;
    hl::append_json(*action, json);  // asserts that it is encodable
    const auto again = hl::parse_action(json);
    perpwire::Bytes first;
    perpwire::Bytes second;
    hl::append_msgpack(*action, first);
    if (!again || !(*again == *action)) {
      std::abort();
    }
    hl::append_msgpack(*again, second);
    if (first != second) {
      std::abort();
    }
  }
  if (const auto action = hl::parse_account_action(text)) {
    std::string json;
    hl::append_json(*action, json);
    if (!hl::parse_account_action(json)) {
      std::abort();
    }
  }
  perpwire::ignore(hl::parse_user_signed(text, hl::Network::kTestnet), "must not crash");
  perpwire::ignore(hl::parse_exchange_request(text), "must not crash");
  perpwire::ignore(hl::sign_json_line(text), "must not crash");
  return 0;
}
