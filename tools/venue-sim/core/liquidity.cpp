#include "tools/venue-sim/core/liquidity.hpp"

#include "tools/venue-sim/core/price_feed.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr int kHistoryMinutes = 120;

}  // namespace

void Liquidity::open_markets() {
  ladders_.resize(state_.markets.size());
  for (MarketIndex index = 0; index < state_.markets.size(); ++index) {
    MarketState& book = state_.markets[index];
    const Ticks start = state_.market(index).start_price;
    book.fair = book.oracle = book.mark = book.last = start;
    ladders_[index].anchor = start;
    const std::int64_t percent = start.value / 100;
    book.previous_day = state_.market(index).round_down(
        Ticks{start.value + state_.rng.between(-2 * percent, 2 * percent)});
    if (state_.market(index).delisted) {
      continue;
    }
    make_history(index);
    requote(index);
  }
}

void Liquidity::make_history(MarketIndex index) {
  const Market& market = state_.market(index);
  MarketState& book = state_.markets[index];
  std::vector<Ticks> path{book.fair};
  const std::int64_t tick = market.tick_at(book.fair).value;
  for (int i = 1; i < kHistoryMinutes * 3; ++i) {
    path.push_back(market.round_down(Ticks{path.back().value + tick * state_.rng.between(-6, 6)}));
  }
  for (std::size_t i = path.size(); i-- > 0;) {
    const Millis time = state_.now - static_cast<Millis>(i) * 20'000;
    const Lots size = random_size(index, 500, 20'000);
    book.candles.on_trade(path[i], size, time);
    book.day_volume += size;
    book.day_notional += market.notional(path[i], size);
  }
}

Lots Liquidity::random_size(MarketIndex index, std::int64_t low_usd, std::int64_t high_usd) {
  const Money wanted = whole_money(state_.rng.between(low_usd, high_usd));
  const Money one = state_.market(index).notional(state_.markets[index].fair, Lots{1});
  return Lots{std::max<std::int64_t>(
      static_cast<std::int64_t>(wanted.value / std::max<Int128>(one.value, 1)), 1)};
}

void Liquidity::step() {
  if (!is_active_) {
    return;
  }
  for (MarketIndex index = 0; index < state_.markets.size(); ++index) {
    if (state_.market(index).delisted || state_.markets[index].halted ||
        ladders_[index].is_withdrawn) {
      continue;
    }
    state_.start_transaction();
    walk(index);
    requote(index);
    trade(index);
  }
}

void Liquidity::walk(MarketIndex index) {
  const Market& market = state_.market(index);
  Ticks& fair = state_.markets[index].fair;
  const Ticks anchor = ladders_[index].anchor;
  std::int64_t move = state_.rng.between(-2, 2);
  // A weak pull back: the walk stays within some percent of where it started.
  if (fair.value > anchor.value + anchor.value / 20) {
    move -= 1;
  } else if (fair.value < anchor.value - anchor.value / 20) {
    move += 1;
  }
  fair = market.round_down(Ticks{fair.value + move * market.tick_at(fair).value});
}

void Liquidity::drop_stale(MarketIndex index, Side side, Ticks lowest, Ticks highest) {
  auto& quotes = side == Side::kBuy ? ladders_[index].bids : ladders_[index].asks;
  for (auto quote = quotes.begin(); quote != quotes.end();) {
    Order* order = state_.accounts.order(quote->second);
    const bool in_range = quote->first >= lowest && quote->first <= highest;
    if (order != nullptr && !in_range) {
      lifecycle_.finish(*order, OrderStatus::kCanceled);
    }
    quote = order == nullptr || !in_range ? quotes.erase(quote) : std::next(quote);
  }
}

void Liquidity::quote(MarketIndex index, Side side, Ticks price, int level) {
  auto& quotes = side == Side::kBuy ? ladders_[index].bids : ladders_[index].asks;
  if (quotes.contains(price)) {
    return;
  }
  Order order;
  order.account = state_.maker;
  order.market = index;
  order.side = side;
  order.price = price;
  order.remaining = order.original = random_size(index, 500 + 200 * level, 8'000 + 2'000 * level);
  Order& placed = lifecycle_.create(std::move(order));
  matching_.match(placed);
  if (placed.remaining.is_positive()) {
    lifecycle_.rest(placed);
    quotes[price] = placed.oid;
  } else {
    lifecycle_.finish(placed, OrderStatus::kFilled);
  }
}

void Liquidity::requote(MarketIndex index) {
  const Market& market = state_.market(index);
  const Ticks fair = state_.markets[index].fair;
  const std::int64_t tick = market.tick_at(fair).value;
  const std::int64_t reach = tick * (kLevels + 5);
  drop_stale(index, Side::kBuy, Ticks{fair.value - reach}, Ticks{fair.value - tick});
  drop_stale(index, Side::kSell, Ticks{fair.value + tick}, Ticks{fair.value + reach});
  for (int level = 1; level <= kLevels; ++level) {
    const Ticks bid{fair.value - tick * level};
    if (bid.is_positive() && market.valid_price(bid)) {
      quote(index, Side::kBuy, bid, level);
    }
    const Ticks ask = market.round_up(Ticks{fair.value + tick * level});
    quote(index, Side::kSell, ask, level);
  }
}

void Liquidity::trade(MarketIndex index) {
  if (!state_.rng.chance(2, 5)) {
    return;
  }
  const Market& market = state_.market(index);
  const Ticks fair = state_.markets[index].fair;
  const std::int64_t reach = market.tick_at(fair).value * 4;
  Order order;
  order.account = state_.taker;
  order.market = index;
  order.side = state_.rng.coin() ? Side::kBuy : Side::kSell;
  order.price = order.side == Side::kBuy ? market.round_up(Ticks{fair.value + reach})
                                         : market.round_down(Ticks{fair.value - reach});
  order.remaining = order.original = random_size(index, 20, 9'000);
  order.tif = TimeInForce::kIoc;
  state_.start_transaction();
  Order& placed = lifecycle_.create(std::move(order));
  matching_.match(placed);
  lifecycle_.finish(placed, OrderStatus::kFilled);
}

void Liquidity::move_to(MarketIndex index, Ticks fair) {
  state_.markets[index].fair = state_.market(index).round_down(fair);
  ladders_[index].anchor = state_.markets[index].fair;
  if (!ladders_[index].is_withdrawn) {
    state_.start_transaction();
    requote(index);
  }
}

void Liquidity::withdraw(MarketIndex index) {
  ladders_[index].is_withdrawn = true;
  drop_stale(index, Side::kBuy, Ticks{1}, Ticks{0});
  drop_stale(index, Side::kSell, Ticks{1}, Ticks{0});
}

}  // namespace perpwire::sim
