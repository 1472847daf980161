// Bytes of the venue into the public parser alone: fast, so that it sees many.
#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/market_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace perpwire;               // NOLINT(google-build-using-namespace): a test
using namespace perpwire::hyperliquid;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MarketMessageParser parser;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto frame = parser.parse(text);
  if (!frame) {
    PW_ASSERT(frame.error().code == ErrorCode::kMalformed && !frame.error().text.empty());
    return 0;
  }
  if (const auto* const* book = std::get_if<const BookMessage*>(&*frame)) {
    PW_ASSERT(!(*book)->coin.empty());
    for (const auto& level : (*book)->bids) PW_ASSERT(!level.price.is_negative());
  }
  if (const auto* const* trades = std::get_if<const TradesMessage*>(&*frame)) {
    for (const auto& trade : (*trades)->trades) PW_ASSERT(!trade.coin.empty());
  }
  if (const auto* reply = std::get_if<SubscriptionReply>(&*frame);
      reply != nullptr && reply->subscription) {
    // What we write, we read again.
    const auto again = parse_subscription(to_json(*reply->subscription));
    PW_ASSERT(again && *again == *reply->subscription);
  }
  return 0;
}
