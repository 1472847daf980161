#pragma once

#include "tools/venue-sim/core/order_entry.hpp"

namespace perpwire::sim {

/// Closes positions whose margin fell below maintenance: at the market first, and what is left
/// below two thirds of maintenance goes to the backstop liquidator at the mark price. Left out: the
/// 20 % first step of large positions, ADL. Section 11.5.
class Liquidator {
 public:
  Liquidator(VenueState& state, OrderLifecycle& lifecycle, Matching& matching, OrderEntry& entry)
      : state_(state), lifecycle_(lifecycle), matching_(matching), entry_(entry) {}

  void check_all();

 private:
  void check_cross(AccountIndex account, std::size_t dex);
  void check_isolated(AccountIndex account, MarketIndex market);
  void close(AccountIndex account, MarketIndex market);
  void backstop(AccountIndex account, MarketIndex market);
  void report(AccountIndex account, const std::vector<MarketIndex>& markets, Money value,
              Money notional, bool is_cross);

  VenueState& state_;
  OrderLifecycle& lifecycle_;
  Matching& matching_;
  OrderEntry& entry_;
};

}  // namespace perpwire::sim
