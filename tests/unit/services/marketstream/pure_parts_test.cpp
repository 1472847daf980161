#include "libs/common/minute_budget.hpp"
#include "libs/venues/hyperliquid/market_events.hpp"
#include "services/marketstream/instrument_watch.hpp"
#include "services/marketstream/shard_plan.hpp"
#include "services/marketstream/status_board.hpp"
#include "services/marketstream/wanted_channels.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace perpwire::marketstream {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MinuteBudget, NoMinuteUsesMoreThanTheShare) {
  MinuteBudget budget{300};
  std::mt19937_64 random{
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed())};
  std::vector<std::pair<Nanos, std::int64_t>> used;
  std::int64_t total = 0;
  for (Nanos now = 1000s; now < 1600s; now += 100ms) {
    const auto weight = static_cast<std::int64_t>(1 + random() % 40);
    if (!budget.take(weight, now)) continue;
    used.emplace_back(now, weight);
    total += weight;
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    std::int64_t within = 0;
    for (std::size_t k = i; k < used.size() && used[k].first - used[i].first < 60s; ++k)
      within += used[k].second;
    ASSERT_LE(within, 300) << "from " << used[i].first.count();
  }
  EXPECT_GE(total, 1400);  // and nearly all of the second half of the share comes back: 150 in each
                           // of 10 minutes
}

TEST(MinuteBudget, WhatAnAnswerCostsMakesTheNextOnesWait) {
  MinuteBudget budget{240};
  EXPECT_TRUE(budget.take(20, 1000s));
  budget.charge(200, 1000s);
  EXPECT_FALSE(budget.take(20, 1020s));
  EXPECT_TRUE(budget.take(20, 1061s));
  MinuteBudget unlimited{0};
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(unlimited.take(100, 1000s));
}

TEST(ShardPlan, StreamsOfOneCoinShareAConnectionAndOthersFillUpThenSpread) {
  ShardPlan plan{{.connections = 2, .per_connection = 4, .subscriptions = 100}};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plan.take("BTC"), 0u);
  EXPECT_EQ(plan.take("ETH"), 0u);
  EXPECT_EQ(plan.take("SOL"), 1u);  // the first is full
  EXPECT_EQ(plan.take("BTC"), 0u);  // but a coin stays together
  EXPECT_EQ(plan.connections(), 2u);
}

TEST(ShardPlan, TheVenuesLimitIsKeptAndRoomComesBack) {
  ShardPlan plan{{.connections = 1, .per_connection = 10, .subscriptions = 2}};
  EXPECT_TRUE(plan.take("A"));
  EXPECT_TRUE(plan.take("B"));
  EXPECT_FALSE(plan.take("A"));
  EXPECT_FALSE(plan.take("C"));
  plan.release("B");
  EXPECT_TRUE(plan.take("C"));
  EXPECT_EQ(plan.subscriptions(), 2u);
}

TEST(StatusBoard, TheWorstSourceCountsAndOnlyChangesAreShown) {
  StatusBoard board;
  EXPECT_EQ(board.set("candle", "BTC-USD", "1m", FeedState::kLive, ""),
            (StatusBoard::Shown{FeedState::kLive, ""}));
  EXPECT_EQ(board.set("candle", "BTC-USD", "5m", FeedState::kStale, "silent"),
            (StatusBoard::Shown{FeedState::kStale, "silent"}));
  EXPECT_EQ(board.set("candle", "BTC-USD", "1m", FeedState::kLive, ""), std::nullopt);
  EXPECT_EQ(board.set("candle", "BTC-USD", "1m", FeedState::kDown, "closed"),
            (StatusBoard::Shown{FeedState::kDown, "closed"}));
  EXPECT_EQ(board.forget("candle", "BTC-USD", "1m"),
            (StatusBoard::Shown{FeedState::kStale, "silent"}));
  EXPECT_EQ(board.forget("candle", "BTC-USD", "5m"), std::nullopt);
  EXPECT_EQ(board.shown("candle", "BTC-USD"), std::nullopt);
}

TEST(WantedChannels, OneUsersLeavingTakesNothingFromAnother) {
  WantedChannels wanted;
  EXPECT_TRUE(wanted.add(WantedChannels::kConfiguration, "BTC-USD", "book"));
  EXPECT_FALSE(wanted.add("client-1", "BTC-USD", "book"));
  EXPECT_FALSE(wanted.add("client-1", "BTC-USD", "book"));  // twice is once
  EXPECT_FALSE(wanted.remove("client-1", "BTC-USD", "book"));
  EXPECT_FALSE(wanted.remove("client-2", "BTC-USD", "book"));
  EXPECT_TRUE(wanted.wanted("BTC-USD", "book"));
  EXPECT_TRUE(wanted.add("client-1", "ETH-USD", "bbo"));
  EXPECT_TRUE(wanted.remove("client-1", "ETH-USD", "bbo"));
  EXPECT_FALSE(wanted.wanted("ETH-USD", "bbo"));
  EXPECT_THAT(wanted.all(), ElementsAre(std::pair<std::string, std::string>{"BTC-USD", "book"}));
}

hyperliquid::Instruments instruments(const std::string& universe) {
  auto built = hyperliquid::Instruments::build(
      {.perp_dexs = R"([null,{"name":"hyna"}])",
       .metas =
           {{"", R"({"universe":[)" + universe + R"(],"collateralToken":0})"},
            {"hyna",
             R"({"universe":[{"szDecimals":5,"name":"hyna:BTC","maxLeverage":40}],"collateralToken":0})"}},
       .spot_meta =
           R"({"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0},{"name":"PURR","szDecimals":0,"weiDecimals":5,"index":1}],"universe":[{"tokens":[1,0],"name":"PURR/USDC","index":0,"isCanonical":true}]})"});
  EXPECT_TRUE(built) << (built ? "" : built.error().text);
  return *built;
}
constexpr const char* kBtc = R"({"szDecimals":5,"name":"BTC","maxLeverage":40})";
constexpr const char* kEth = R"({"szDecimals":4,"name":"ETH","maxLeverage":25})";
constexpr const char* kEthGone =
    R"({"szDecimals":4,"name":"ETH","maxLeverage":25,"isDelisted":true})";
constexpr const char* kBtcLower = R"({"szDecimals":5,"name":"BTC","maxLeverage":20})";

std::vector<std::string> names(const std::vector<const hyperliquid::Instrument*>& list) {
  std::vector<std::string> out;
  for (const auto* instrument : list) out.push_back(instrument->trading_pair.value());
  return out;
}

TEST(InstrumentWatch, ListingsDelistingsAndChangedRulesShowOnce) {
  InstrumentWatch watch;
  const auto first = watch.update(instruments(fmt::format("{}", kBtc)));
  EXPECT_THAT(names(first.changed),
              ::testing::UnorderedElementsAre("BTC-USD", "hyna:BTC-USD", "PURR-USDC"));
  EXPECT_THAT(names(watch.update(instruments(fmt::format("{}", kBtc))).changed), IsEmpty());
  const auto listed = watch.update(instruments(fmt::format("{},{}", kBtc, kEth)));
  EXPECT_THAT(names(listed.listed), ElementsAre("ETH-USD"));
  const auto lowered = watch.update(instruments(fmt::format("{},{}", kBtcLower, kEth)));
  EXPECT_THAT(names(lowered.changed), ElementsAre("BTC-USD"));
  EXPECT_THAT(names(lowered.listed), IsEmpty());
  const auto gone = watch.update(instruments(fmt::format("{},{}", kBtcLower, kEthGone)));
  EXPECT_THAT(names(gone.delisted), ElementsAre("ETH-USD"));
  EXPECT_THAT(names(watch.update(instruments(fmt::format("{},{}", kBtcLower, kEthGone))).delisted),
              IsEmpty());
}

TEST(InstrumentWatch, TheStarMeansAllTradedPerpsOfTheListedDexs) {
  const auto all = instruments(fmt::format("{},{}", kBtc, kEthGone));
  std::vector<std::string> unknown;
  EXPECT_THAT(resolve_symbols({"*"}, {"", "hyna"}, all, unknown),
              ElementsAre("BTC-USD", "hyna:BTC-USD"));
  EXPECT_THAT(resolve_symbols({"*"}, {""}, all, unknown), ElementsAre("BTC-USD"));
  EXPECT_THAT(
      resolve_symbols({"PURR-USDC", "*", "BTC-USD", "DOGE-USD", "ETH-USD"}, {""}, all, unknown),
      ElementsAre("PURR-USDC", "BTC-USD", "ETH-USD"));
  EXPECT_THAT(unknown, ElementsAre("DOGE-USD"));
}

}  // namespace
}  // namespace perpwire::marketstream
