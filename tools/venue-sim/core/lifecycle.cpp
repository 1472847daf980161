#include "tools/venue-sim/core/lifecycle.hpp"

#include "libs/common/assert.hpp"

#include <vector>

namespace perpwire::sim {

Order& OrderLifecycle::create(Order order) {
  order.oid = state_.next_oid++;
  order.created = state_.now;
  order.status_time = state_.now;
  Account& account = state_.accounts[order.account];
  account.live.insert(order.oid);
  if (!order.cloid.empty()) {
    account.live_cloids[order.cloid] = order.oid;
    account.newest_cloids[order.cloid] = order.oid;
  }
  return state_.accounts.store(std::move(order));
}

void OrderLifecycle::rest(Order& order) {
  PW_ASSERT(order.book_rank == 0 && order.remaining.is_positive());
  order.phase = OrderPhase::kInBook;
  order.book_rank =
      state_.markets[order.market].book.add(order.side, order.price, order.oid, order.remaining);
  count_resting(order, order.remaining);
  if (order.reduce_only) {
    ++state_.holding(order.account, order.market).reduce_only_orders;
  }
  state_.output.changed_books.insert(order.market);
}

void OrderLifecycle::count_resting(const Order& order, Lots change) {
  if (order.reduce_only || !state_.market(order.market).is_perp() ||
      state_.accounts[order.account].is_background) {
    return;
  }
  Holding& holding = state_.holding(order.account, order.market);
  (order.side == Side::kBuy ? holding.resting_buy : holding.resting_sell) += change;
}

void OrderLifecycle::announce(Order& order, OrderStatus status) {
  order.status = status;
  order.status_time = state_.now;
  Account& account = state_.accounts[order.account];
  if (account.is_background) {
    return;
  }
  if (state_.readings.history_has_every_change != 0) {
    account.history.push_back({order, status, state_.now});
    if (account.history.size() > Account::kHistoryKept) {
      account.history.pop_front();
    }
  }
  if (order.kind == OrderKind::kTwapSlice && state_.readings.twap_slices_in_updates == 0) {
    return;
  }
  state_.emit(order.account, OrderUpdate{order, status, state_.now});
}

void OrderLifecycle::leave_book(Order& order) {
  if (order.book_rank == 0) {
    return;
  }
  state_.markets[order.market].book.remove(order.side, order.price, order.book_rank,
                                           order.remaining);
  count_resting(order, -order.remaining);
  if (order.reduce_only) {
    --state_.holding(order.account, order.market).reduce_only_orders;
  }
  order.book_rank = 0;
  state_.output.changed_books.insert(order.market);
}

void OrderLifecycle::take_fill(Order& order, Lots size) {
  PW_ASSERT(size.is_positive() && size <= order.remaining);
  if (order.book_rank != 0) {
    if (size == order.remaining) {
      leave_book(order);
    } else {
      state_.markets[order.market].book.reduce(order.side, order.price, size);
      count_resting(order, -size);
      state_.output.changed_books.insert(order.market);
    }
  }
  order.remaining -= size;
  order.filled += size;
}

void OrderLifecycle::watch(Order& order) {
  order.phase = OrderPhase::kWaitingForTrigger;
  state_.markets[order.market].triggers.insert(order.oid);
}

void OrderLifecycle::finish(Order& order, OrderStatus status) {
  PW_ASSERT(order.phase != OrderPhase::kDone);
  leave_book(order);
  state_.markets[order.market].triggers.erase(order.oid);
  order.phase = OrderPhase::kDone;
  Account& account = state_.accounts[order.account];
  account.live.erase(order.oid);
  if (!order.cloid.empty()) {
    const auto live = account.live_cloids.find(order.cloid);
    if (live != account.live_cloids.end() && live->second == order.oid) {
      account.live_cloids.erase(live);
    }
  }
  announce(order, status);
  if (account.is_background) {
    state_.accounts.forget(order.oid);
    return;
  }
  account.finished.push_back(order.oid);
  end_family(order, status);
  if (account.finished.size() > Account::kOrdersKept) {
    const OrderNumber oldest = account.finished.front();
    account.finished.pop_front();
    if (const Order* gone = state_.accounts.order(oldest);
        gone != nullptr && !gone->cloid.empty()) {
      const auto newest = account.newest_cloids.find(gone->cloid);
      if (newest != account.newest_cloids.end() && newest->second == oldest) {
        account.newest_cloids.erase(newest);
      }
    }
    state_.accounts.forget(oldest);
  }
}

void OrderLifecycle::end_family(const Order& order, OrderStatus status) {
  // Children are placed once the parent is completely filled, or was margin-cancelled after a
  // partial fill; otherwise they go with it. Section 11.3.
  const bool activate = status == OrderStatus::kFilled ||
                        (status == OrderStatus::kMarginCanceled && order.filled.is_positive());
  const std::vector<OrderNumber> children = order.children;
  for (const OrderNumber oid : children) {
    Order* child = state_.accounts.order(oid);
    if (child == nullptr || child->phase != OrderPhase::kWaitingForParent) {
      continue;
    }
    if (!activate) {
      finish(*child, OrderStatus::kCanceled);
      continue;
    }
    watch(*child);
    if (state_.readings.waiting_children_are_open == 0) {
      announce(*child, OrderStatus::kOpen);
    }
  }
  if (status != OrderStatus::kFilled) {
    return;
  }
  const std::vector<OrderNumber> siblings = order.siblings;
  for (const OrderNumber oid : siblings) {
    Order* sibling = state_.accounts.order(oid);
    if (sibling != nullptr && sibling->phase != OrderPhase::kDone) {
      finish(*sibling, OrderStatus::kSiblingFilledCanceled);
    }
  }
}

void OrderLifecycle::shrink_reduce_only(AccountIndex index, MarketIndex market) {
  const Account& account = state_.accounts[index];
  const Holding* holding = state_.find_holding(index, market);
  if (account.is_background || holding == nullptr) {
    return;
  }
  const Lots position = holding->position.size;
  if (holding->reduce_only_orders == 0 && !position.is_zero()) {
    return;
  }
  const std::vector<OrderNumber> live(account.live.begin(), account.live.end());
  for (const OrderNumber oid : live) {
    Order* order = state_.accounts.order(oid);
    if (order == nullptr || order->market != market || order->phase == OrderPhase::kDone ||
        !order->reduce_only) {
      continue;
    }
    if (order->phase == OrderPhase::kWaitingForTrigger) {
      if (order->is_position_tpsl && position.is_zero()) {
        finish(*order, OrderStatus::kReduceOnlyCanceled);
      }
      continue;
    }
    if (order->book_rank == 0) {
      continue;
    }
    const bool reduces = position.value * sign(order->side) < 0;
    if (!reduces) {
      finish(*order, OrderStatus::kReduceOnlyCanceled);
    } else if (order->remaining > position.abs()) {
      const Lots cut = order->remaining - position.abs();
      state_.markets[market].book.reduce(order->side, order->price, cut);
      order->remaining -= cut;
      order->original -= cut;
      state_.output.changed_books.insert(market);
      if (state_.readings.reduce_only_shrink_sends_update != 0) {
        announce(*order, OrderStatus::kOpen);
      }
    }
  }
}

}  // namespace perpwire::sim
