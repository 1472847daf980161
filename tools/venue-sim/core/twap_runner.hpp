#pragma once

#include "tools/venue-sim/core/action.hpp"
#include "tools/venue-sim/core/order_entry.hpp"

namespace perpwire::sim {

/// TWAP orders: slices every 30 s, at most 3 % from the mark, catching up to 3 times the normal
/// size. Section 5.1.
class TwapRunner {
 public:
  TwapRunner(VenueState& state, OrderEntry& entry) : state_(state), entry_(entry) {}

  ActionResult place(AccountIndex account, const PlaceTwap& action);
  ActionResult cancel(AccountIndex account, const CancelTwap& action);
  /// Sends the slices that are due.
  void run();

 private:
  void slice(AccountIndex account, Twap& twap);
  void end(AccountIndex account, Twap& twap, TwapStatus status);

  VenueState& state_;
  OrderEntry& entry_;
};

}  // namespace perpwire::sim
