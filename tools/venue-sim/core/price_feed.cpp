#include "tools/venue-sim/core/price_feed.hpp"

#include "tools/venue-sim/core/margin.hpp"

#include <algorithm>
#include <array>

namespace perpwire::sim {
namespace {

constexpr Int128 kRateUnit = 10'000'000'000;   // rates and premiums are units of 10^-10
constexpr std::int64_t kInterest = 1'000'000;  // 0.01 %
constexpr std::int64_t kClamp = 5'000'000;     // 0.05 %
constexpr std::int64_t kCap = 400'000'000;     // 4 % an hour

Ticks median(Ticks a, Ticks b, Ticks c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

std::int64_t hourly_rate(std::int64_t premium) {
  const std::int64_t eight_hours = premium + std::clamp(kInterest - premium, -kClamp, kClamp);
  return std::clamp(eight_hours / 8, -kCap, kCap);
}

}  // namespace

std::optional<Int128> mid_times_two(const OrderBook& book) {
  const auto bid = book.best(Side::kBuy);
  const auto ask = book.best(Side::kSell);
  return bid && ask ? std::optional<Int128>{Int128{bid->value} + ask->value} : std::nullopt;
}

std::optional<Ticks> impact_price(const VenueState& state, MarketIndex index, Side taken_from) {
  const Market& market = state.market(index);
  const bool is_large = market.coin == "BTC" || market.coin == "ETH";
  const Money notional = whole_money(is_large ? 20'000 : 6'000);
  const Money one_lot = market.notional(state.markets[index].oracle, Lots{1});
  const Lots size{std::max<std::int64_t>(
      static_cast<std::int64_t>(notional.value / std::max<Int128>(one_lot.value, 1)), 1)};
  const auto cost = state.markets[index].book.cost_of(taken_from, size);
  return cost ? std::optional{Ticks{static_cast<std::int64_t>(*cost / size.value)}} : std::nullopt;
}

void PriceFeed::update_mark(MarketIndex index) {
  const Market& market = state_.market(index);
  MarketState& book = state_.markets[index];
  const auto mid = mid_times_two(book.book);
  const std::int64_t noise = market.tick_at(book.fair).value;
  book.oracle =
      Ticks{std::max<std::int64_t>(book.fair.value + state_.rng.between(-noise, noise), 1)};
  if (mid) {
    // 150 s average in steps of 3 s.
    const auto basis = static_cast<std::int64_t>(*mid / 2) - book.oracle.value;
    book.basis_average += (basis - book.basis_average) / 50;
  }
  const auto bid = book.book.best(Side::kBuy).value_or(book.fair);
  const auto ask = book.book.best(Side::kSell).value_or(book.fair);
  const Ticks local = median(bid, ask, book.last);
  const Ticks from_oracle{book.oracle.value + book.basis_average};
  const Ticks mark = market.is_perp() ? median(from_oracle, local, book.fair) : local;
  book.mark = market.round_down(Ticks{std::max<std::int64_t>(mark.value, 1)});
}

void PriceFeed::sample_premium(MarketIndex index) {
  const Market& market = state_.market(index);
  MarketState& book = state_.markets[index];
  const auto bid = impact_price(state_, index, Side::kBuy);
  const auto ask = impact_price(state_, index, Side::kSell);
  if (!market.is_perp() || !bid || !ask) {
    return;
  }
  const Int128 oracle = book.oracle.value;
  Int128 above = 0;
  if (market.dex == 0) {
    above = std::max<Int128>(bid->value - oracle, 0) - std::max<Int128>(oracle - ask->value, 0);
  } else {
    above = (Int128{bid->value} + ask->value) / 2 - oracle;
  }
  book.premium_now = static_cast<std::int64_t>(above * kRateUnit / oracle);
  book.premium_sum += book.premium_now;
  ++book.premium_count;
  book.funding_rate = hourly_rate(book.premium_sum / book.premium_count);
}

void PriceFeed::pay_funding(Millis hour) {
  state_.hash = kZeroHash;
  for (MarketIndex index = 0; index < state_.markets.size(); ++index) {
    const Market& market = state_.market(index);
    MarketState& book = state_.markets[index];
    if (!market.is_perp() || market.delisted) {
      continue;
    }
    const std::int64_t premium =
        book.premium_count == 0 ? 0 : book.premium_sum / book.premium_count;
    const std::int64_t rate = hourly_rate(premium);
    book.funding_rate = rate;
    book.premium_sum = 0;
    book.premium_count = 0;
    book.fundings.push_back({hour, rate, premium});
    if (book.fundings.size() > MarketState::kFundingsKept) {
      book.fundings.pop_front();
    }
    // Paid between the positions, so that the sum over all accounts is zero: what rounding leaves
    // goes to the background maker.
    Money total;
    for (AccountIndex account = 0; account < state_.accounts.size(); ++account) {
      const Holding* found = state_.find_holding(account, index);
      if (found == nullptr || found->position.size.is_zero()) {
        continue;
      }
      const Money value = market.notional(book.oracle, found->position.size);
      const Money paid{mul_div(value.value, rate, kRateUnit * 100, Rounding::kDown) * 100};
      Holding& holding = state_.holding(account, index);
      Account& owner = state_.accounts[account];
      (holding.is_cross ? owner.perp_usd[market.dex] : holding.position.isolated_usd) -= paid;
      holding.position.funding_all_time += paid;
      holding.position.funding_since_open += paid;
      holding.position.funding_since_change += paid;
      total += paid;
      if (owner.is_background) {
        continue;
      }
      FundingPayment payment{index, hour, -paid, holding.position.size, rate};
      owner.fundings.push_back(payment);
      if (owner.fundings.size() > Account::kFillsKept) {
        owner.fundings.pop_front();
      }
      state_.emit(account, payment);
    }
    state_.accounts[state_.maker].perp_usd[market.dex] += total;
  }
}

}  // namespace perpwire::sim
