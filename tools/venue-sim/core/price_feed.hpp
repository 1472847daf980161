#pragma once

#include "tools/venue-sim/core/venue_state.hpp"

namespace perpwire::sim {

/// Oracle and mark prices, premium samples and hourly funding. Rules: hyperliquid.md section 11.5;
/// the perps of other exchanges that the mark uses are played by the market's fair price.
class PriceFeed {
 public:
  static constexpr Millis kMarkInterval = 3000;
  static constexpr Millis kPremiumInterval = 5000;
  static constexpr Millis kHour = 3'600'000;

  explicit PriceFeed(VenueState& state) : state_(state) {}

  void update_mark(MarketIndex market);
  void sample_premium(MarketIndex market);
  /// Pays every perp position for the hour that ends now.
  void pay_funding(Millis hour);

 private:
  VenueState& state_;
};

/// Impact prices of a market (bid, ask) if the book is deep enough: 20,000 USDC for BTC and ETH,
/// 6,000 for others.
std::optional<Ticks> impact_price(const VenueState& state, MarketIndex market, Side taken_from);
std::optional<Int128> mid_times_two(const OrderBook& book);

}  // namespace perpwire::sim
