#pragma once

#include "tools/venue-sim/core/order_entry.hpp"

#include <map>
#include <vector>

namespace perpwire::sim {

/// The other participants: a maker keeps a ladder of quotes around a seeded random walk of each
/// market's fair price, and takes what others left behind it; a taker trades against the touch.
class Liquidity {
 public:
  static constexpr int kLevels = 25;

  Liquidity(VenueState& state, OrderLifecycle& lifecycle, Matching& matching)
      : state_(state), lifecycle_(lifecycle), matching_(matching) {}

  /// Opens every market: prices, a little history of candles, the first ladder.
  void open_markets();
  /// One step of every market: the fair price walks, the ladder follows, somebody trades.
  void step();
  /// Puts the fair price somewhere and the ladder around it.
  void move_to(MarketIndex market, Ticks fair);
  /// Turns the walk and the taker off (the ladder stays) or on.
  void set_active(bool active) { is_active_ = active; }
  /// Takes the ladder away for good: an empty market.
  void withdraw(MarketIndex market);

 private:
  struct Ladder {
    std::map<Ticks, OrderNumber> bids;
    std::map<Ticks, OrderNumber> asks;
    Ticks anchor;
    bool is_withdrawn = false;
  };
  void walk(MarketIndex market);
  void requote(MarketIndex market);
  void quote(MarketIndex market, Side side, Ticks price, int level);
  void drop_stale(MarketIndex market, Side side, Ticks lowest, Ticks highest);
  void trade(MarketIndex market);
  void make_history(MarketIndex market);
  [[nodiscard]] Lots random_size(MarketIndex market, std::int64_t low_usd, std::int64_t high_usd);

  VenueState& state_;
  OrderLifecycle& lifecycle_;
  Matching& matching_;
  std::vector<Ladder> ladders_;
  bool is_active_ = true;
};

}  // namespace perpwire::sim
