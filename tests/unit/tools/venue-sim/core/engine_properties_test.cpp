// Random order streams against the engine; after every step what must hold at any time is checked
// by code that shares nothing with it but the data.
#include "tests/unit/tools/venue-sim/core/sim_fixture.hpp"

#include <map>

namespace perpwire::sim::testing {
namespace {

constexpr int kTraders = 4;

Address trader(int i) {
  return Address{"0x000000000000000000000000000000000000c00" + std::to_string(i)};
}

struct Totals {
  std::map<MarketIndex, Lots> positions;
  std::map<std::size_t, Money> money;  // by DEX, isolated margin included
};

Totals totals(const VenueState& state) {
  Totals result;
  for (AccountIndex i = 0; i < state.accounts.size(); ++i) {
    for (const auto& [dex, usd] : state.accounts[i].perp_usd) {
      result.money[dex] += usd;
    }
    for (const auto& [market, holding] : state.accounts[i].holdings) {
      result.positions[market] += holding.position.size;
      result.money[state.market(market).dex] += holding.position.isolated_usd;
    }
  }
  return result;
}

// Books hold exactly the live orders in them, and no bid meets an ask.
void check_books(const VenueState& state) {
  std::map<std::pair<MarketIndex, Side>, std::map<Ticks, std::pair<Lots, std::size_t>>> expected;
  for (AccountIndex i = 0; i < state.accounts.size(); ++i) {
    for (const OrderNumber oid : state.accounts[i].live) {
      const Order* order = state.accounts.order(oid);
      ASSERT_NE(order, nullptr);
      ASSERT_NE(order->phase, OrderPhase::kDone);
      if (order->book_rank != 0) {
        ASSERT_TRUE(order->remaining.is_positive());
        auto& level = expected[{order->market, order->side}][order->price];
        level.first += order->remaining;
        ++level.second;
      }
    }
  }
  for (MarketIndex market = 0; market < state.markets.size(); ++market) {
    const OrderBook& book = state.markets[market].book;
    const auto bid = book.best(Side::kBuy);
    const auto ask = book.best(Side::kSell);
    if (bid && ask) {
      ASSERT_LT(*bid, *ask) << state.market(market).coin;
    }
    for (const Side side : {Side::kBuy, Side::kSell}) {
      auto& levels = expected[{market, side}];
      const auto found = book.levels(side, 100'000);
      ASSERT_EQ(found.size(), levels.size());
      for (const auto& level : found) {
        ASSERT_EQ(levels[level.price].first, level.size);
        ASSERT_EQ(levels[level.price].second, level.orders);
      }
    }
  }
}

class RandomStream : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomStream, KeepsBooksUncrossedQuantitiesConservedAndEveryDollarAccountedFor) {
  const std::uint64_t seed = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Venue venue{seed, true, readings_from_seed(seed)};
  Rng rng{seed};
  for (int i = 0; i < kTraders; ++i) {
    venue->fund(trader(i), whole_money(rng.between(500, 50'000)));
  }
  const VenueState& state = venue->state();
  ignore(venue->take_output(), "the opening");
  const Totals opening = totals(state);
  std::map<std::size_t, Money> fees;
  std::map<std::uint64_t, std::pair<int, Lots>> by_trade;

  for (int step = 0; step < 250; ++step) {
    const Address who = trader(static_cast<int>(rng.below(kTraders)));
    const Market& market = state.market(rng.below(state.universe.markets.size()));
    const Ticks mark = state.markets[market.index].mark;
    const std::int64_t tick = market.tick_at(mark).value;
    OrderRequest one;
    one.asset = market.asset;
    one.side = rng.coin() ? Side::kBuy : Side::kSell;
    one.price = to_decimal(market.round_down(Ticks{mark.value + tick * rng.between(-20, 20)}).value,
                           market.price_decimals());
    const Money value = whole_money(rng.between(5, 20'000));
    one.size = to_decimal(
        static_cast<std::int64_t>(value.value / market.notional(mark, Lots{1}).value + 1),
        market.sz_decimals);
    one.reduce_only = rng.chance(1, 4);
    one.tif = std::array{TimeInForce::kGtc, TimeInForce::kIoc, TimeInForce::kAlo,
                         TimeInForce::kFrontendMarket}[rng.below(4)];
    if (rng.chance(1, 6)) {
      one.trigger = OrderRequest::TriggerRequest{rng.coin(), one.price, rng.coin()};
    }
    switch (rng.below(10)) {
      case 0: {
        const auto account = state.accounts.find(who).value();
        const auto& live = state.accounts[account].live;
        if (!live.empty()) {
          const Order* order = state.accounts.order(*live.begin());
          CancelOrders cancel;
          cancel.cancels.push_back({state.market(order->market).asset, order->oid});
          venue.act(who, cancel);
        }
        break;
      }
      case 1: {
        const auto account = state.accounts.find(who).value();
        const auto& live = state.accounts[account].live;
        if (!live.empty()) {
          ModifyOrders modify;
          modify.modifies.push_back({*live.rbegin(), one});
          modify.always_place = rng.coin();
          venue.act(who, modify);
        }
        break;
      }
      case 2: {
        UpdateLeverage leverage{market.asset, rng.coin(), rng.between(1, 20)};
        venue.act(who, leverage);
        break;
      }
      case 3:
        venue->move_price(market.index, Ticks{mark.value + mark.value / 100 * rng.between(-3, 3)});
        break;
      case 4:
        venue.advance(rng.between(1, 4000));
        break;
      case 5:
        venue.advance(rng.chance(1, 10) ? PriceFeed::kHour : 100);
        break;
      default:
        venue.act(who, PlaceOrders{
                           {one}, rng.chance(1, 5) ? Grouping::kNormalTpsl : Grouping::kNone, {}});
    }
    ASSERT_NO_FATAL_FAILURE(check_books(state)) << "step " << step;

    const Output output = venue->take_output();
    for (const auto& trade : output.trades) {
      ASSERT_TRUE(trade.size.is_positive());
      by_trade[trade.trade_id] = {0, trade.size};
    }
    for (const auto& event : output.events) {
      if (const auto* fill = std::get_if<Fill>(&event.body)) {
        const auto trade = by_trade.find(fill->trade_id);
        ASSERT_NE(trade, by_trade.end()) << "a fill without a trade";
        ASSERT_EQ(trade->second.second, fill->size);
        ASSERT_LE(++trade->second.first, 2);
      }
    }
    const Totals now = totals(state);
    for (const auto& [index, sum] : now.positions) {
      ASSERT_TRUE(sum.is_zero()) << state.market(index).coin << " step " << step;
    }
    // Money changes hands; only fees leave the accounts.
    for (const auto& [dex, sum] : now.money) {
      const auto before = opening.money.find(dex);
      const Money start = before == opening.money.end() ? Money{} : before->second;
      ASSERT_LE(sum, start - fees[dex]) << "step " << step;
      fees[dex] = start - sum;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStream, ::testing::Range<std::uint64_t>(1, 13));

TEST(Fees, OfAnExecutionLeaveBothSidesAndNothingElseDoes) {
  Venue venue;
  venue.empty(0);
  venue.place(kBob, {.side = Side::kSell, .price = "98000", .size = "0.5"});
  venue.place(kAlice,
              {.side = Side::kBuy, .price = "98000", .size = "0.5", .tif = TimeInForce::kIoc});
  // 49,000 USD: the taker pays 0.045 %, the maker 0.015 %.
  EXPECT_EQ(money_text(venue.balance(kAlice)), "50977.95");
  EXPECT_EQ(money_text(venue.balance(kBob)), "148992.65");
}

}  // namespace
}  // namespace perpwire::sim::testing
