#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <algorithm>
#include <array>

namespace perpwire::hyperliquid {
namespace {

constexpr std::array<std::string_view, 6> kLight{
    "allMids",     "l2Book",        "clearinghouseState", "spotClearinghouseState",
    "orderStatus", "exchangeStatus"};

/// Types with a surcharge of 1 for each 20 returned items.
constexpr std::array<std::string_view, 10> kPerItem{"recentTrades",
                                                    "fundingHistory",
                                                    "historicalOrders",
                                                    "userFills",
                                                    "userFillsByTime",
                                                    "userTwapSliceFills",
                                                    "userTwapSliceFillsByTime",
                                                    "twapHistory",
                                                    "userFunding",
                                                    "userNonFundingLedgerUpdates"};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::uint32_t info_weight(std::string_view type) {
  if (is_in(kLight, type)) {
    return 2;
  }
  return type == "userRole" ? 60 : 20;
}

std::uint32_t info_item_weight(std::string_view type, std::uint32_t items) {
  if (type == "candleSnapshot") {
    return items / 60;
  }
  return is_in(kPerItem, type) ? items / 20 : 0;
}

}  // namespace perpwire::hyperliquid
