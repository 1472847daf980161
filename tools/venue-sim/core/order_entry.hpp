#pragma once

#include "tools/venue-sim/core/action.hpp"
#include "tools/venue-sim/core/lifecycle.hpp"
#include "tools/venue-sim/core/matching.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

#include <optional>
#include <vector>

namespace perpwire::sim {

/// Orders from request to book: checks, placing, cancelling, modifying, firing triggers.
class OrderEntry {
 public:
  OrderEntry(VenueState& state, OrderLifecycle& lifecycle, Matching& matching)
      : state_(state), lifecycle_(lifecycle), matching_(matching) {}

  ActionResult place(AccountIndex account, const PlaceOrders& action);
  ActionResult modify(AccountIndex account, const ModifyOrders& action);
  ActionResult cancel(AccountIndex account, const CancelOrders& action);
  /// Cancels every live order of the account (schedule, liquidation), or those of one DEX.
  void cancel_all(AccountIndex account, OrderStatus status, std::optional<std::size_t> dex = {});
  void cancel_market(AccountIndex account, OrderStatus status, MarketIndex market);
  /// Triggers whose condition the mark price meets become orders.
  void fire_triggers(MarketIndex market);
  /// One slice of a TWAP, with the checks of an ordinary order. Gives what was filled.
  MatchResult place_twap_slice(Order order);
  /// A market order of the venue itself (a liquidation), unchecked. Gives what was filled.
  MatchResult place_system_order(Order order, const std::optional<Fill::Liquidation>& liquidation);

 private:
  struct Refusal {
    std::string text;
    OrderStatus status = OrderStatus::kRejected;
  };
  struct Plan {  // a request that passed the static checks
    const Market* market = nullptr;
    Order order;
  };

  [[nodiscard]] tl::expected<Plan, Refusal> check_static(AccountIndex account,
                                                         const OrderRequest& request,
                                                         Grouping grouping) const;
  [[nodiscard]] std::optional<Refusal> check_minimum(AccountIndex account, const Plan& plan) const;
  [[nodiscard]] std::optional<Refusal> check_book(AccountIndex account, Order& order) const;
  [[nodiscard]] bool triggers_now(const Order& order) const;
  OrderAnswer place_one(AccountIndex account, Plan plan);
  OrderAnswer enter(Order& order);
  OrderAnswer refuse(AccountIndex account, Order order, const Refusal& refusal);
  OrderAnswer refuse_static(AccountIndex account, const OrderRequest& request,
                            const Refusal& refusal);
  OrderAnswer modify_one(AccountIndex account, const ModifyOrders::One& one, bool always_place);
  std::vector<OrderAnswer> place_family(AccountIndex account, std::vector<Plan> plans,
                                        Grouping grouping);
  [[nodiscard]] Order* find_live(AccountIndex account, const OrderName& name) const;
  [[nodiscard]] std::string with_asset(std::string text, std::uint64_t asset) const;
  void fire(Order& order);

  VenueState& state_;
  OrderLifecycle& lifecycle_;
  Matching& matching_;
};

}  // namespace perpwire::sim
