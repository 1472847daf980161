#pragma once

#include "services/order-gateway/client_order_tracker.hpp"
#include "services/order-gateway/in_flight_order.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Orders of the account that others placed, told as events (`foreign_orders = "report"`): the same
/// events as of ours, under the name "foreign:<venue order id>". Nobody here may cancel or change
/// them, and their fills are published as unattributed, as without this.
/// Pure. Owned by EngineCore.
class ForeignBook {
 public:
  explicit ForeignBook(AccountName account) : account_(std::move(account)) {}

  /// A word about an order that is not ours. One that is first heard of when it is over is not
  /// told.
  void on_word(const venues::OrderWord& word, const TradingPair& pair, UnixNanos now,
               std::vector<TrackerEvent>& out);
  /// A fill that no order of ours has. It waits for its order's first word.
  void on_fill(const venues::Fill& fill, UnixNanos now, std::vector<TrackerEvent>& out);
  void fills_known_through(UnixNanos venue_time, UnixNanos now, std::vector<TrackerEvent>& out);
  /// Drops what ended before that.
  void forget_final(UnixNanos before);

  [[nodiscard]] const InFlightOrder* find(const ClientOrderId& id) const;
  [[nodiscard]] std::size_t size() const { return orders_.size(); }
  [[nodiscard]] std::map<VenueOrderId, InFlightOrder>& orders() { return orders_; }

  void restore_fill(const venues::Fill& fill);
  void restore(const OrderEvent& event);
  /// After the last record: events that a killed writer had not written yet.
  void finish_restore(UnixNanos now, std::vector<TrackerEvent>& out);
  void restore_snapshot(InFlightOrder order);

 private:
  static void settle(InFlightOrder& order, UnixNanos now, std::vector<TrackerEvent>& out);

  AccountName account_;
  std::map<VenueOrderId, InFlightOrder> orders_;
  std::deque<venues::Fill> waiting_;
};

}  // namespace perpwire::gateway
