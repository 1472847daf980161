#include "tools/venue-sim/core/liquidator.hpp"

#include "tools/venue-sim/core/margin.hpp"
#include "tools/venue-sim/core/settlement.hpp"

#include <set>

namespace perpwire::sim {
namespace {

Order closing_order(const VenueState& state, AccountIndex account, MarketIndex index) {
  const Market& market = state.market(index);
  const Position& position = state.find_holding(account, index)->position;
  const Ticks mark = state.markets[index].mark;
  Order order;
  order.account = account;
  order.market = index;
  order.side = position.size.is_positive() ? Side::kSell : Side::kBuy;
  order.price = order.side == Side::kBuy ? market.round_up(Ticks{mark.value / 10 * 11})
                                         : market.round_down(Ticks{mark.value / 10 * 9});
  order.remaining = order.original = position.size.abs();
  order.tif = TimeInForce::kLiquidationMarket;
  order.kind = OrderKind::kLiquidation;
  order.reduce_only = true;
  return order;
}

}  // namespace

void Liquidator::check_all() {
  for (AccountIndex account = 0; account < state_.accounts.size(); ++account) {
    if (state_.accounts[account].is_background) {
      continue;
    }
    std::set<std::size_t> dexs;
    std::vector<MarketIndex> isolated;
    for (const auto& [market, holding] : state_.accounts[account].holdings) {
      if (holding.position.size.is_zero()) {
        continue;
      }
      if (holding.is_cross) {
        dexs.insert(state_.market(market).dex);
      } else {
        isolated.push_back(market);
      }
    }
    for (const std::size_t dex : dexs) {
      check_cross(account, dex);
    }
    for (const MarketIndex market : isolated) {
      check_isolated(account, market);
    }
  }
}

void Liquidator::check_cross(AccountIndex account, std::size_t dex) {
  const DexMargin margin = dex_margin(state_, state_.accounts[account], dex);
  if (margin.cross.account_value >= margin.cross_maintenance) {
    return;
  }
  state_.start_transaction();
  std::vector<MarketIndex> markets;
  for (const auto& [market, holding] : state_.accounts[account].holdings) {
    if (holding.is_cross && state_.market(market).dex == dex && !holding.position.size.is_zero()) {
      markets.push_back(market);
    }
  }
  report(account, markets, margin.cross.account_value, margin.cross.total_notional, true);
  entry_.cancel_all(account, OrderStatus::kLiquidatedCanceled, dex);
  for (const MarketIndex market : markets) {
    close(account, market);
  }
  const DexMargin after = dex_margin(state_, state_.accounts[account], dex);
  if (after.cross.account_value.value * 3 >= after.cross_maintenance.value * 2) {
    return;
  }
  for (const MarketIndex market : markets) {
    backstop(account, market);
  }
}

void Liquidator::check_isolated(AccountIndex account, MarketIndex market) {
  const auto value = [&] {
    return signed_value(state_, market, state_.find_holding(account, market)->position.size);
  };
  const auto own = [&] {
    return state_.find_holding(account, market)->position.isolated_usd + value();
  };
  const auto needed = [&] {
    return maintenance_margin(state_.universe, state_.market(market), value().abs());
  };
  if (own() >= needed()) {
    return;
  }
  state_.start_transaction();
  report(account, {market}, own(), value().abs(), false);
  entry_.cancel_market(account, OrderStatus::kLiquidatedCanceled, market);
  close(account, market);
  if (own().value * 3 < needed().value * 2) {
    backstop(account, market);
  }
}

void Liquidator::report(AccountIndex account, const std::vector<MarketIndex>& markets, Money value,
                        Money notional, bool is_cross) {
  LedgerEntry entry;
  entry.type = "liquidation";
  entry.texts = {{"accountValue", money_text(value)},
                 {"leverageType", is_cross ? "Cross" : "Isolated"}};
  for (const MarketIndex market : markets) {
    const Holding* holding = state_.find_holding(account, market);
    entry.positions.emplace_back(state_.market(market).coin,
                                 state_.market(market).text(holding->position.size));
  }
  add_ledger(state_, account, std::move(entry));
  state_.emit(account, LiquidationNotice{state_.next_liquidation++,
                                         state_.accounts[state_.liquidator].address.value(),
                                         notional, value});
}

void Liquidator::close(AccountIndex account, MarketIndex market) {
  if (state_.find_holding(account, market)->position.size.is_zero()) {
    return;
  }
  const Fill::Liquidation liquidation{state_.accounts[account].address.value(),
                                      state_.markets[market].mark, "market"};
  entry_.place_system_order(closing_order(state_, account, market), liquidation);
}

void Liquidator::backstop(AccountIndex account, MarketIndex market) {
  if (state_.find_holding(account, market)->position.size.is_zero()) {
    return;
  }
  const Fill::Liquidation liquidation{state_.accounts[account].address.value(),
                                      state_.markets[market].mark, "backstop"};
  Order& taken = lifecycle_.create(closing_order(state_, account, market));
  Order other = taken;
  other.account = state_.liquidator;
  other.side = opposite(taken.side);
  other.reduce_only = false;
  Order& counter = lifecycle_.create(std::move(other));
  matching_.execute(taken, counter, state_.markets[market].mark, taken.remaining, liquidation);
  lifecycle_.finish(taken, OrderStatus::kFilled);
}

}  // namespace perpwire::sim
