// User-stream frames, account answers of /info and answers of /exchange: whatever the bytes, an
// error or a value, never a crash; and what an order-update list yields has a usable identity.
#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/account_protocol.hpp"
#include "libs/venues/hyperliquid/exchange_reply.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace perpwire::hyperliquid;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto frame = parse_stream_frame(text);
  if (frame) {
    if (const auto* fills = std::get_if<UserFills>(&*frame)) {
      for (const auto& fill : fills->fills.items) {
        if (!fill.quantity.is_positive() || fill.venue_order_id.empty()) std::abort();
      }
    }
  }
  (void)parse_open_orders(text);
  (void)parse_order_status(text);
  (void)parse_historical_orders(text);
  (void)parse_fills(text);
  (void)parse_clearinghouse_state(text);
  (void)parse_spot_state(text);
  (void)parse_exchange_status(text);
  (void)parse_user_rate_limit(text);
  (void)parse_exchange_reply(text);
  (void)leading_http_status(text);

  AccountProtocol protocol{"0x1111111111111111111111111111111111111111"};
  std::vector<AccountProtocol::Action> out;
  protocol.on_connected(std::chrono::seconds{1}, out);
  (void)protocol.on_text(text, std::chrono::seconds{2}, out);
  return 0;
}
