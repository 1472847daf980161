#pragma once

#include "tools/venue-sim/core/lifecycle.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

#include <optional>

namespace perpwire::sim {

struct MatchResult {
  Lots filled;
  Int128 cost = 0;  // sum of ticks x lots
};

/// Price-time matching of one aggressing order against a book. Section 11.2.
class Matching {
 public:
  Matching(VenueState& state, OrderLifecycle& lifecycle) : state_(state), lifecycle_(lifecycle) {}

  /// Takes what the order may take. Resting orders of the same account are cancelled
  /// (selfTradeCanceled), those that their owner cannot carry any more too (marginCanceled). The
  /// order itself is neither rested nor finished.
  MatchResult match(Order& taker, const std::optional<Fill::Liquidation>& liquidation = {});
  /// One execution between two orders at a price: control commands fill a given order with it.
  void execute(Order& taker, Order& maker, Ticks price, Lots size,
               const std::optional<Fill::Liquidation>& liquidation = {});

 private:
  VenueState& state_;
  OrderLifecycle& lifecycle_;
};

}  // namespace perpwire::sim
