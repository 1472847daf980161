#pragma once

#include "tools/venue-sim/core/venue_state.hpp"

namespace perpwire::sim {

/// What happens to an order between its creation and its end: the book, the account's lists, the
/// margin it ties up, its children and siblings, and the updates that its owner is sent.
class OrderLifecycle {
 public:
  explicit OrderLifecycle(VenueState& state) : state_(state) {}

  /// Stores the order under a new oid. Sends nothing.
  Order& create(Order order);
  /// Puts what remains of it into the book.
  void rest(Order& order);
  /// Sends an update with this status; the order stays what it is.
  void announce(Order& order, OrderStatus status);
  /// Ends the order. A background account's order is forgotten: do not use the reference
  /// afterwards.
  void finish(Order& order, OrderStatus status);
  /// Takes an executed size off an order (in the book or not).
  void take_fill(Order& order, Lots size);
  /// Reduce-only orders of the account shrink to its position, or end. Section 11.3.
  void shrink_reduce_only(AccountIndex account, MarketIndex market);
  /// A trigger order begins to watch the mark price.
  void watch(Order& order);

 private:
  void leave_book(Order& order);
  void count_resting(const Order& order, Lots change);
  void end_family(const Order& order, OrderStatus status);

  VenueState& state_;
};

}  // namespace perpwire::sim
