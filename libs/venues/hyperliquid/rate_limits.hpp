#pragma once

#include <cstdint>
#include <string_view>

/// The venue's documented budgets. Source: hyperliquid.md section 9; weights of /info section 7.
namespace perpwire::hyperliquid {

// Per IP address.
inline constexpr std::uint32_t kRestWeightPerMinute = 1'200;
inline constexpr std::uint32_t kWsConnections = 10;
inline constexpr std::uint32_t kWsNewConnectionsPerMinute = 30;
inline constexpr std::uint32_t kWsSubscriptions = 1'000;
inline constexpr std::uint32_t kWsUsers = 10;
inline constexpr std::uint32_t kWsMessagesPerMinute = 2'000;
inline constexpr std::uint32_t kWsPostsInFlight = 100;

// Per account address.
inline constexpr std::uint64_t kActionsBase = 10'000;  // + 1 per USDC traded since inception
inline constexpr std::uint64_t kMsBetweenActionsOverCap = 10'000;
inline constexpr std::uint32_t kOpenOrdersBase = 1'000;  // + 1 per 5M USDC volume
inline constexpr std::uint32_t kOpenOrdersMax = 5'000;
inline constexpr std::uint32_t kStaleExpiresAfterCost = 5;  // of address actions
inline constexpr std::uint32_t kMaxActionWeight = 200;      // orders or cancels in one action

/// Weight of POST /exchange with `n` orders or cancels in its array (0 where it has none).
constexpr std::uint32_t exchange_weight(std::uint32_t n) { return 1 + n / 40; }

/// Weight of a POST /info of this type before its answer is known. Unknown types: 20.
std::uint32_t info_weight(std::string_view type);
/// What an answer of `items` elements adds.
std::uint32_t info_item_weight(std::string_view type, std::uint32_t items);

/// Actions that an address may send: 10000 + 1 per USDC of volume; cancels have their own cap.
constexpr std::uint64_t action_cap(std::uint64_t volume_usdc) { return kActionsBase + volume_usdc; }
constexpr std::uint64_t cancel_cap(std::uint64_t volume_usdc) {
  const auto cap = action_cap(volume_usdc);
  return cap + 100'000 < 2 * cap ? cap + 100'000 : 2 * cap;
}

}  // namespace perpwire::hyperliquid
