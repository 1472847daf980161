#include "tools/venue-sim/core/margin.hpp"

#include "libs/common/assert.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr std::int64_t kRateUnit = 1'000'000'000;  // maintenance rates are units of 1e-9

std::int64_t maintenance_rate(int leverage) { return kRateUnit / (2 * leverage); }

Money perp_balance(const Account& account, std::size_t dex) {
  const auto found = account.perp_usd.find(dex);
  return found == account.perp_usd.end() ? Money{} : found->second;
}

// The largest position that the resting orders (and one more) could lead to.
Lots worst_exposure(const Holding& holding, Lots more_buy, Lots more_sell) {
  const Lots longest = holding.position.size + holding.resting_buy + more_buy;
  const Lots shortest = holding.position.size - holding.resting_sell - more_sell;
  return std::max({longest, -shortest, holding.position.size.abs()});
}

// Cross money that a market ties up: cross = margin of the worst exposure; isolated = of what would
// still have to be moved into the position.
Money required(const VenueState& state, MarketIndex market, const Holding& holding, Lots more_buy,
               Lots more_sell) {
  Lots exposure = worst_exposure(holding, more_buy, more_sell);
  if (!holding.is_cross) {
    exposure -= holding.position.size.abs();
  }
  return initial_margin(signed_value(state, market, exposure), holding.leverage);
}

Money cross_value(const VenueState& state, const Account& account, std::size_t dex) {
  Money value = perp_balance(account, dex);
  for (const auto& [market, holding] : account.holdings) {
    if (state.market(market).dex == dex && holding.is_cross) {
      value += signed_value(state, market, holding.position.size);
    }
  }
  return value;
}

Money required_in_all(const VenueState& state, const Account& account, std::size_t dex) {
  Money total;
  for (const auto& [market, holding] : account.holdings) {
    if (state.market(market).dex == dex) {
      total += required(state, market, holding, Lots{}, Lots{});
    }
  }
  return total;
}

}  // namespace

Money signed_value(const VenueState& state, MarketIndex market, Lots size) {
  return state.market(market).notional(state.markets[market].mark, size);
}

Money initial_margin(Money notional, int leverage) {
  return Money{mul_div(notional.value, 1, leverage, Rounding::kHalfEven)};
}

Money maintenance_margin(const Universe& universe, const Market& market, Money notional) {
  const auto& tiers = universe.margin_table(market).tiers;
  std::int64_t rate = 0;
  Money deduction;
  for (const auto& tier : tiers) {
    if (notional < tier.lower_bound) {
      break;
    }
    const std::int64_t next = maintenance_rate(tier.max_leverage);
    if (rate != 0) {
      deduction += Money{mul_div(tier.lower_bound.value, next - rate, kRateUnit, Rounding::kDown)};
    }
    rate = next;
  }
  return Money{mul_div(notional.value, rate, kRateUnit, Rounding::kDown)} - deduction;
}

Money position_margin(const VenueState& state, MarketIndex market, const Holding& holding) {
  const Money value = signed_value(state, market, holding.position.size);
  return holding.is_cross ? initial_margin(value.abs(), holding.leverage)
                          : holding.position.isolated_usd + value;
}

DexMargin dex_margin(const VenueState& state, const Account& account, std::size_t dex) {
  DexMargin result;
  result.cross.total_raw_usd = perp_balance(account, dex);
  result.cross.account_value = result.cross.total_raw_usd;
  Money isolated_value;
  for (const auto& [market, holding] : account.holdings) {
    if (state.market(market).dex != dex) {
      continue;
    }
    const Money value = signed_value(state, market, holding.position.size);
    const Money margin =
        holding.position.size.is_zero() ? Money{} : position_margin(state, market, holding);
    result.all.total_notional += value.abs();
    result.all.margin_used += margin;
    result.order_hold +=
        required(state, market, holding, Lots{}, Lots{}) -
        (holding.is_cross ? initial_margin(value.abs(), holding.leverage) : Money{});
    if (holding.is_cross) {
      result.cross.account_value += value;
      result.cross.total_notional += value.abs();
      result.cross.margin_used += margin;
      result.cross_maintenance +=
          maintenance_margin(state.universe, state.market(market), value.abs());
    } else {
      isolated_value += margin;
      result.all.total_raw_usd += holding.position.isolated_usd;
    }
  }
  result.all.total_raw_usd += result.cross.total_raw_usd;
  result.all.account_value = result.cross.account_value + isolated_value;
  const Money tenth{result.cross.total_notional.value / 10};
  const Money tied = std::max(result.cross.margin_used + result.order_hold, tenth);
  result.withdrawable = std::max(Money{}, result.cross.account_value - tied);
  return result;
}

bool can_carry(const VenueState& state, AccountIndex index, MarketIndex market, Side side,
               Lots size) {
  const Account& account = state.accounts[index];
  if (account.is_background) {
    return true;
  }
  const Market& definition = state.market(market);
  const Holding* known = state.find_holding(index, market);
  const Holding holding = known != nullptr ? *known : default_holding(definition);
  const Lots buy = side == Side::kBuy ? size : Lots{};
  const Lots sell = side == Side::kSell ? size : Lots{};
  const Money before = required(state, market, holding, Lots{}, Lots{});
  const Money after = required(state, market, holding, buy, sell);
  if (!size.is_zero() && after <= before) {
    return true;  // adds no exposure
  }
  const Money others =
      required_in_all(state, account, definition.dex) - (known != nullptr ? before : Money{});
  return others + after <= cross_value(state, account, definition.dex);
}

Money available_to_trade(const VenueState& state, const Account& account, MarketIndex market,
                         Side side) {
  const std::size_t dex = state.market(market).dex;
  Money available =
      std::max(Money{}, cross_value(state, account, dex) - required_in_all(state, account, dex));
  const auto found = account.holdings.find(market);
  if (found != account.holdings.end() && found->second.position.size.value * sign(side) < 0) {
    // Turning a position round frees its margin and uses it again.
    available += position_margin(state, market, found->second);
    available += position_margin(state, market, found->second);
  }
  return available;
}

Lots largest_order(const VenueState& state, const Account& account, MarketIndex market, Side side) {
  const Market& definition = state.market(market);
  const auto found = account.holdings.find(market);
  const int leverage = found == account.holdings.end() ? default_holding(definition).leverage
                                                       : found->second.leverage;
  const Money buying_power{available_to_trade(state, account, market, side).value * leverage};
  const Money one_lot = definition.notional(state.markets[market].mark, Lots{1});
  if (one_lot.is_zero()) {
    return {};
  }
  return Lots{static_cast<std::int64_t>(buying_power.value / one_lot.value)};
}

std::optional<Ticks> liquidation_price(const VenueState& state, const Account& account,
                                       MarketIndex market) {
  const auto found = account.holdings.find(market);
  if (found == account.holdings.end() || found->second.position.size.is_zero()) {
    return std::nullopt;
  }
  const Holding& holding = found->second;
  const Market& definition = state.market(market);
  const Money value = signed_value(state, market, holding.position.size);
  const Money maintenance = maintenance_margin(state.universe, definition, value.abs());
  Money margin_available;
  if (holding.is_cross) {
    const DexMargin margin = dex_margin(state, account, definition.dex);
    margin_available = margin.cross.account_value - margin.cross_maintenance;
  } else {
    margin_available = holding.position.isolated_usd + value - maintenance;
  }
  // px - side x margin_available / size / (1 - l x side), l = 1 / maintenance leverage
  const int side = holding.position.size.is_positive() ? 1 : -1;
  const Int128 two_leverage = 2 * definition.max_leverage;
  const Int128 lot_value =
      definition.notional(Ticks{1}, Lots{holding.position.size.abs().value}).value;
  const Int128 distance = mul_div(margin_available.value, two_leverage,
                                  lot_value * (two_leverage - side), Rounding::kHalfEven);
  const Int128 price = state.markets[market].mark.value - side * distance;
  if (price <= 0 || price > INT64_MAX) {
    return std::nullopt;
  }
  return Ticks{static_cast<std::int64_t>(price)};
}

Money lots_of_token(const Market& market, Lots size) {
  return Money{Int128{size.value} * power_of_ten(kMoneyDecimals - market.sz_decimals)};
}

Money spot_hold(const VenueState& state, const Accounts& accounts, const Account& account,
                int token) {
  Money hold;
  for (const OrderNumber oid : account.live) {
    const Order* order = accounts.order(oid);
    if (order == nullptr || order->phase != OrderPhase::kInBook) {
      continue;
    }
    const Market& market = state.market(order->market);
    if (market.is_perp()) {
      continue;
    }
    if (order->side == Side::kBuy && market.quote_token == token) {
      hold += market.notional(order->price, order->remaining);
    } else if (order->side == Side::kSell && market.base_token == token) {
      hold += lots_of_token(market, order->remaining);
    }
  }
  return hold;
}

}  // namespace perpwire::sim
