#include "services/order-gateway/foreign_book.hpp"

#include "services/order-gateway/order_messages.hpp"

#include <string_view>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kFillsThatWait = 1'000;

std::optional<OrderType> type_of(std::string_view venue_type) {
  if (venue_type == "Stop Limit") return OrderType::kStopLimit;
  if (venue_type == "Stop Market") return OrderType::kStopMarket;
  if (venue_type == "Take Profit Limit") return OrderType::kTakeProfitLimit;
  if (venue_type == "Take Profit Market") return OrderType::kTakeProfitMarket;
  return std::nullopt;
}

OrderContent content_of(const venues::OrderWord& word, const TradingPair& pair,
                        const AccountName& account) {
  OrderContent content;
  content.client_order_id = ClientOrderId{std::string(kForeign) + word.venue_order_id.value()};
  content.account = account;
  content.trading_pair = pair;
  content.side = word.side;
  content.type = type_of(word.order_type).value_or(OrderType::kLimit);
  content.price = word.price;
  if (has_trigger(content.type)) content.trigger_price = word.trigger_price;
  content.amount = word.original.value_or(word.remaining.value_or(Quantity{}));
  content.reduce_only = word.reduce_only;
  if (word.time_in_force == "Alo") content.time_in_force = TimeInForce::kAlo;
  return content;
}

}  // namespace

void ForeignBook::settle(InFlightOrder& order, UnixNanos now, std::vector<TrackerEvent>& out) {
  std::vector<OrderEvent> events;
  order.settle(now, events);
  for (OrderEvent& event : events) out.emplace_back(std::move(event));
}

void ForeignBook::on_word(const venues::OrderWord& word, const TradingPair& pair, UnixNanos now,
                          std::vector<TrackerEvent>& out) {
  auto found = orders_.find(word.venue_order_id);
  if (found == orders_.end()) {
    const bool live =
        word.status == venues::OrderStatus::kOpen || word.status == venues::OrderStatus::kTriggered;
    if (!live) return;
    InFlightOrder fresh{content_of(word, pair, account_), word.cloid,
                        word.created.value() != 0 ? word.created : now};
    found = orders_.emplace(word.venue_order_id, std::move(fresh)).first;
    found->second.create_fate(Fate::kAccepted,
                              {.venue_order_id = word.venue_order_id, .executed = {}, .time = now});
  }
  InFlightOrder& order = found->second;
  order.word(word);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->venue_order_id != word.venue_order_id) {
      ++it;
      continue;
    }
    ignore(order.fill(*it), "a sum that overflows is not counted");
    it = waiting_.erase(it);
  }
  settle(order, now, out);
}

void ForeignBook::on_fill(const venues::Fill& fill, UnixNanos now, std::vector<TrackerEvent>& out) {
  const auto found = orders_.find(fill.venue_order_id);
  if (found == orders_.end()) {
    waiting_.push_back(fill);
    if (waiting_.size() > kFillsThatWait) waiting_.pop_front();
    return;
  }
  ignore(found->second.fill(fill), "a sum that overflows is not counted");
  settle(found->second, now, out);
}

void ForeignBook::fills_known_through(UnixNanos venue_time, UnixNanos now,
                                      std::vector<TrackerEvent>& out) {
  for (auto& [id, order] : orders_) {
    if (!order.may_be_live()) continue;
    order.fills_known_through(venue_time);
    settle(order, now, out);
  }
}

void ForeignBook::forget_final(UnixNanos before) {
  std::erase_if(orders_, [before](const auto& known) {
    const InFlightOrder& order = known.second;
    return is_final(order.state()) && !order.may_be_live() && order.updated() < before;
  });
}

const InFlightOrder* ForeignBook::find(const ClientOrderId& id) const {
  if (!id.value().starts_with(kForeign)) return nullptr;
  const auto found = orders_.find(VenueOrderId{id.value().substr(kForeign.size())});
  return found == orders_.end() ? nullptr : &found->second;
}

void ForeignBook::restore_fill(const venues::Fill& fill) {
  waiting_.push_back(fill);
  if (waiting_.size() > kFillsThatWait) waiting_.pop_front();
}

void ForeignBook::finish_restore(UnixNanos now, std::vector<TrackerEvent>& out) {
  for (const venues::Fill& fill : std::exchange(waiting_, {})) {
    const auto found = orders_.find(fill.venue_order_id);
    if (found != orders_.end()) {
      ignore(found->second.fill(fill), "it was counted when it was journaled");
    }
  }
  for (auto& [id, order] : orders_) settle(order, now, out);
}

void ForeignBook::restore(const OrderEvent& event) {
  const OrderContent& content = event.order.content;
  const VenueOrderId id{content.client_order_id.value().substr(kForeign.size())};
  auto found = orders_.find(id);
  if (found == orders_.end()) {
    found = orders_.emplace(id, InFlightOrder{content, "", event.order.creation_time}).first;
    found->second.create_fate(
        Fate::kAccepted, {.venue_order_id = id, .executed = {}, .time = event.order.update_time});
  }
  if (event.trade_id) {
    // The fill event before it carries the execution; a foreign one has no name, so it waited.
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (it->trade_id != *event.trade_id || it->venue_order_id != id) continue;
      ignore(found->second.fill(*it), "it was counted when it was journaled");
      waiting_.erase(it);
      break;
    }
  }
  found->second.restore(event);
}

void ForeignBook::restore_snapshot(InFlightOrder order) {
  const VenueOrderId id{order.content().client_order_id.value().substr(kForeign.size())};
  orders_.insert_or_assign(id, std::move(order));
}

}  // namespace perpwire::gateway
