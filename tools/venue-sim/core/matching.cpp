#include "tools/venue-sim/core/matching.hpp"

#include "libs/common/assert.hpp"
#include "tools/venue-sim/core/margin.hpp"
#include "tools/venue-sim/core/settlement.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

// A 50-bit hash of (buyer oid, seller oid). Section 7.5.
std::uint64_t trade_id(const Order& buyer, const Order& seller, Millis time) {
  return mix64(mix64(buyer.oid) ^ (seller.oid << 1U) ^ static_cast<std::uint64_t>(time)) >> 14U;
}

// The resting side is checked again at each match, unless it only reduces. Section 11.2.
bool still_carried(const VenueState& state, const Order& maker) {
  if (!state.market(maker.market).is_perp() || maker.reduce_only) {
    return true;
  }
  const Holding* holding = state.find_holding(maker.account, maker.market);
  const Lots position = holding != nullptr ? holding->position.size : Lots{};
  const bool reduces = position.value * sign(maker.side) < 0 && maker.remaining <= position.abs();
  return reduces || can_carry(state, maker.account, maker.market, maker.side, Lots{});
}

void record_trade(VenueState& state, const Order& taker, const Order& maker, Ticks price, Lots size,
                  std::uint64_t id) {
  const Market& market = state.market(taker.market);
  MarketState& book = state.markets[taker.market];
  const auto address = [&](const Order& order) {
    return state.accounts[order.account].address.value();
  };
  const bool is_buy = taker.side == Side::kBuy;
  Trade trade{taker.market,
              taker.side,
              price,
              size,
              state.now,
              taker.kind == OrderKind::kTwapSlice ? std::string(kZeroHash) : state.hash,
              id,
              is_buy ? address(taker) : address(maker),
              is_buy ? address(maker) : address(taker)};
  book.last = price;
  book.day_notional += market.notional(price, size);
  book.day_volume += size;
  book.candles.on_trade(price, size, state.now);
  book.trades.push_back(trade);
  if (book.trades.size() > MarketState::kTradesKept) {
    book.trades.pop_front();
  }
  state.output.trades.push_back(std::move(trade));
}

}  // namespace

MatchResult Matching::match(Order& taker, const std::optional<Fill::Liquidation>& liquidation) {
  MatchResult result;
  const OrderBook& book = state_.markets[taker.market].book;
  while (taker.remaining.is_positive() && book.crosses(taker.side, taker.price)) {
    Order* maker = state_.accounts.order(book.front(opposite(taker.side)));
    PW_ASSERT(maker != nullptr && maker->remaining.is_positive());
    if (maker->account == taker.account) {
      lifecycle_.finish(*maker, OrderStatus::kSelfTradeCanceled);
      continue;
    }
    if (!still_carried(state_, *maker)) {
      const OrderNumber oid = maker->oid;
      state_.emit(maker->account, NonUserCancel{maker->market, oid});
      lifecycle_.finish(*maker, OrderStatus::kMarginCanceled);
      continue;
    }
    const Lots size = std::min(taker.remaining, maker->remaining);
    const Ticks price = maker->price;
    execute(taker, *maker, price, size, liquidation);
    result.filled += size;
    result.cost += Int128{price.value} * size.value;
  }
  return result;
}

void Matching::execute(Order& taker, Order& maker, Ticks price, Lots size,
                       const std::optional<Fill::Liquidation>& liquidation) {
  const Order& buyer = taker.side == Side::kBuy ? taker : maker;
  const Order& seller = taker.side == Side::kBuy ? maker : taker;
  const std::uint64_t id = trade_id(buyer, seller, state_.now);
  lifecycle_.take_fill(taker, size);
  lifecycle_.take_fill(maker, size);
  settle(state_, {&taker, price, size, true, id, liquidation});
  settle(state_, {&maker, price, size, false, id, liquidation});
  record_trade(state_, taker, maker, price, size, id);
  const AccountIndex maker_account = maker.account;
  const MarketIndex market = taker.market;
  if (maker.remaining.is_zero()) {
    lifecycle_.finish(maker, OrderStatus::kFilled);
  } else if (state_.readings.partial_fill_sends_update != 0) {
    lifecycle_.announce(maker, OrderStatus::kOpen);
  }
  lifecycle_.shrink_reduce_only(maker_account, market);
  lifecycle_.shrink_reduce_only(taker.account, market);
}

}  // namespace perpwire::sim
