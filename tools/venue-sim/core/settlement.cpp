#include "tools/venue-sim/core/settlement.hpp"

#include "libs/common/assert.hpp"
#include "tools/venue-sim/core/margin.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr std::int64_t kRateUnit = 1'000'000'000;
constexpr Int128 kMicro = 100;  // perp money is kept in 10^-6: 100 units of 10^-8

// Recorded fills cut the fee to 6 places: 4307.4 x 0.0025 x 0.00045 = 0.0048458 -> "0.004845".
Money perp_fee(const VenueState& state, Money notional, std::int64_t rate, std::int64_t unit) {
  const auto rounding =
      state.readings.fees_round_half_even != 0 ? Rounding::kHalfEven : Rounding::kDown;
  return Money{mul_div(notional.value, rate, Int128{unit} * kMicro, rounding) * kMicro};
}

std::string direction_text(const Market& market, Side side, Lots start, Lots size) {
  if (!market.is_perp()) {
    return side == Side::kBuy ? "Buy" : "Sell";
  }
  if (start.value * sign(side) >= 0) {
    return side == Side::kBuy ? "Open Long" : "Open Short";
  }
  if (size > start.abs()) {
    return side == Side::kBuy ? "Short > Long" : "Long > Short";
  }
  return side == Side::kBuy ? "Close Short" : "Close Long";
}

// Closes `size` of the position at `price`; gives the profit.
Money close_part(const Market& market, Holding& holding, Money& balance, Ticks price, Lots size) {
  Position& position = holding.position;
  const Lots before = position.size.abs();
  const int direction = position.size.is_positive() ? 1 : -1;
  const Money entry = size == before ? position.entry_notional
                                     : Money{mul_div(position.entry_notional.value, size.value,
                                                     before.value * kMicro, Rounding::kHalfEven) *
                                             kMicro};
  const Money notional = market.notional(price, size);
  const Money cash = direction > 0 ? notional : -notional;
  if (holding.is_cross) {
    balance += cash;
  } else {
    const Money equity = position.isolated_usd + market.notional(price, position.size);
    position.isolated_usd += cash;
    const Money released = size == before
                               ? position.isolated_usd
                               : Money{mul_div(std::max(equity, Money{}).value, size.value,
                                               before.value, Rounding::kDown)};
    position.isolated_usd -= released;
    balance += released;
  }
  position.entry_notional -= entry;
  position.size -= Lots{direction * size.value};
  return direction > 0 ? notional - entry : entry - notional;
}

void open_part(const Market& market, Holding& holding, Money& balance, Side side, Ticks price,
               Lots size) {
  Position& position = holding.position;
  const Money notional = market.notional(price, size);
  const Money cash = side == Side::kBuy ? -notional : notional;
  if (position.size.is_zero()) {
    position.funding_since_open = {};
  }
  if (holding.is_cross) {
    balance += cash;
  } else {
    const Money margin = initial_margin(notional, holding.leverage);
    balance -= margin;
    position.isolated_usd += margin + cash;
  }
  position.entry_notional += notional;
  position.size += Lots{sign(side) * size.value};
}

void settle_perp(VenueState& state, const Execution& execution, Fill& fill) {
  const Order& order = *execution.order;
  const Market& market = state.market(order.market);
  Holding& holding = state.holding(order.account, order.market);
  Money& balance = state.accounts[order.account].perp_usd[market.dex];
  const Lots start = holding.position.size;
  const bool reduces = start.value * sign(order.side) < 0;
  const Lots closing = reduces ? std::min(start.abs(), execution.size) : Lots{};
  if (closing.is_positive()) {
    fill.closed_pnl = close_part(market, holding, balance, execution.price, closing);
  }
  if (execution.size > closing) {
    open_part(market, holding, balance, order.side, execution.price, execution.size - closing);
  }
  holding.position.funding_since_change = {};
  balance -= fill.fee;
  const Lots longs = std::max(holding.position.size, Lots{}) - std::max(start, Lots{});
  state.markets[order.market].open_interest += longs;
  fill.start_position = start;
}

void settle_spot(VenueState& state, const Execution& execution, Fill& fill) {
  const Order& order = *execution.order;
  const Market& market = state.market(order.market);
  auto& spot = state.accounts[order.account].spot;
  SpotBalance& base = spot[market.base_token];
  SpotBalance& quote = spot[market.quote_token];
  const Money amount = lots_of_token(market, execution.size);
  const Money notional = market.notional(execution.price, execution.size);
  fill.start_balance = base.total;
  if (order.side == Side::kBuy) {
    base.total += amount - fill.fee;
    base.entry_notional += notional;
    quote.total -= notional;
    return;
  }
  const Money entry = base.total.is_positive()
                          ? Money{mul_div(base.entry_notional.value, amount.value,
                                          std::max(base.total, amount).value, Rounding::kHalfEven)}
                          : Money{};
  fill.closed_pnl = notional - entry;
  base.entry_notional -= entry;
  base.total -= amount;
  quote.total += notional - fill.fee;
}

// Volume on growth-mode assets counts 10 %. Section 9.2.
Money counted_volume(const Market& market, Money notional) {
  return market.growth_mode ? Money{notional.value / 10} : notional;
}

}  // namespace

std::int64_t fee_rate(const Market& market, bool crossed) {
  if (!market.is_perp()) {
    return crossed ? 700'000 : 400'000;  // 0.070 %, 0.040 %
  }
  const std::int64_t base = crossed ? 450'000 : 150'000;  // 0.045 %, 0.015 %
  if (market.dex == 0) {
    return base;
  }
  // A builder DEX usually costs twice the main DEX; growth mode cuts that by 90 %. Section 10.4.
  return market.growth_mode ? base * 2 / 10 : base * 2;
}

void settle(VenueState& state, const Execution& execution) {
  const Order& order = *execution.order;
  const Market& market = state.market(order.market);
  Account& account = state.accounts[order.account];
  const Money notional = market.notional(execution.price, execution.size);
  Fill fill;
  fill.market = order.market;
  fill.price = execution.price;
  fill.size = execution.size;
  fill.side = order.side;
  fill.time = state.now;
  fill.hash = order.kind == OrderKind::kTwapSlice ? std::string(kZeroHash) : state.hash;
  fill.oid = order.oid;
  fill.crossed = execution.crossed;
  fill.trade_id = execution.trade_id;
  fill.cloid = order.cloid;
  fill.twap = order.twap;
  fill.liquidation = execution.liquidation;
  const bool is_spot_buy = !market.is_perp() && order.side == Side::kBuy;
  const std::int64_t rate = fee_rate(market, execution.crossed);
  if (is_spot_buy) {
    fill.fee_token = market.base_token;
    fill.fee = Money{
        mul_div(lots_of_token(market, execution.size).value, rate, kRateUnit, Rounding::kDown)};
  } else {
    fill.fee_token = market.quote_token;
    fill.fee = perp_fee(state, notional, rate, kRateUnit);
    if (order.builder_fee > 0 && (market.is_perp() || order.side == Side::kSell)) {
      fill.builder_fee = perp_fee(state, notional, order.builder_fee, 100'000);
      fill.fee += fill.builder_fee;
    }
  }
  if (market.is_perp()) {
    settle_perp(state, execution, fill);
  } else {
    settle_spot(state, execution, fill);
  }
  fill.direction = direction_text(market, order.side, fill.start_position, execution.size);
  account.volume += counted_volume(market, notional);
  if (account.is_background) {
    return;
  }
  account.fills.push_back(fill);
  if (account.fills.size() > Account::kFillsKept) {
    account.fills.pop_front();
  }
  if (order.kind == OrderKind::kTwapSlice) {
    state.emit(order.account, TwapSlice{fill, order.twap});
  }
  state.emit(order.account, std::move(fill));
}

void add_ledger(VenueState& state, AccountIndex index, LedgerEntry entry) {
  entry.time = state.now;
  entry.hash = state.hash;
  Account& account = state.accounts[index];
  account.ledger.push_back(entry);
  state.emit(index, std::move(entry));
}

}  // namespace perpwire::sim
