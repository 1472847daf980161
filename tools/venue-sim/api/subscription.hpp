#pragma once

#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/api/market_views.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace perpwire::sim {

enum class Channel {
  kAllMids,
  kL2Book,
  kBbo,
  kTrades,
  kCandle,
  kActiveAssetCtx,
  kAllDexsAssetCtxs,
  kOrderUpdates,
  kUserEvents,
  kUserFills,
  kUserFundings,
  kLedgerUpdates,
  kTwapSliceFills,
  kTwapHistory,
  kHistoricalOrders,
  kOpenOrders,
  kClearinghouseState,
  kAllDexsClearinghouseState,
  kSpotState,
  kActiveAssetData,
  kTwapStates,
  kWebData3,
  kNotification,
};

/// One stream that a client may ask for. Sections 8.3, 8.4.
struct Subscription {
  Channel channel = Channel::kAllMids;
  std::string type;  // the name in `subscription.type`
  std::string coin;  // market streams
  MarketIndex market = 0;
  bool has_market = false;
  std::string user;  // lower case
  std::string dex;
  std::size_t dex_index = 0;
  std::size_t interval = 0;
  BookShape shape;
  bool aggregate_by_time = false;
  std::string normalised;  // the echo; equal subscriptions are equal texts
};

/// Nothing if the venue would answer "Invalid subscription". A coin that does not exist is a
/// subscription without a market.
std::optional<Subscription> parse_subscription(const Json& json, const Universe& universe);

bool is_user_channel(Channel channel);

}  // namespace perpwire::sim
