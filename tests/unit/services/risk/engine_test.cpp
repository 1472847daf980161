#include "services/risk/engine.hpp"

#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/risk.pb.h"
#include "tests/unit/services/risk/events.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace perpwire::risk {
namespace {

using namespace testing_events;
using namespace std::chrono_literals;

constexpr UnixNanos kMorning{1'705'747'200'000'000'000};  // 2024-01-20 10:40 UTC

Quantity quantity(std::string_view text) { return *parse_as<Quantity>(text, "quantity"); }
Price price(std::string_view text) { return *parse_as<Price>(text, "price"); }
Notional notional(std::string_view text) { return *parse_as<Notional>(text, "notional"); }

limits::LimitTable table(std::string_view max_position, std::string_view max_loss) {
  limits::LimitEntry entry;
  entry.account = AccountName{"main"};
  entry.trading_pair = TradingPair{"*"};
  entry.max_order_notional = notional("100000");
  entry.max_position = quantity(max_position);
  entry.max_position_notional = notional("5000");
  entry.max_open_orders = 3;
  entry.price_collar_bps = 500;
  entry.max_daily_loss = notional(max_loss);
  return *limits::LimitTable::make({entry});
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    kill_switch.set_recovering(false, "caught up");
    engine.set_limits(table("10", "100"));
  }
  void give(const v1::Envelope& envelope) { engine.on_gateway_event(envelope, now, breaches); }
  void mark(std::string_view at) { engine.on_mark("BTC-USD", price(at), now, now, breaches); }
  TimerOutcome tick(Nanos later = 1s) {
    now = now + later;
    return engine.on_timer(now, breaches);
  }
  /// Until what differs has stood for long enough, and not a second more.
  std::vector<Adoption> stand() {
    std::vector<Adoption> adopted;
    for (Nanos stood{0}; stood <= EngineConfig{}.drop_copy_grace && adopted.empty(); stood += 1s) {
      adopted = tick().adopted;
    }
    return adopted;
  }
  [[nodiscard]] Quantity held() const {
    return engine.positions().find("main", "BTC-USD")->quantity();
  }
  [[nodiscard]] std::vector<std::string> controls() const {
    std::vector<std::string> names;
    for (const auto& breach : breaches) names.push_back(breach.control + ":" + breach.action);
    return names;
  }

  KillSwitch kill_switch{{}, std::nullopt};
  Engine engine{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, kill_switch};
  UnixNanos now = kMorning;
  std::vector<Breach> breaches;
};

TEST_F(EngineTest, AFillBeyondMaxPositionLatchesReduceOnlyOnce) {
  give(fill({.id = "1", .amount = "10"}));
  EXPECT_EQ(kill_switch.level(), RiskLevel::kRunning);
  give(fill({.id = "2", .at = 2, .amount = "0.001"}));
  EXPECT_EQ(kill_switch.level(), RiskLevel::kReduceOnly);
  ASSERT_EQ(controls(), std::vector<std::string>{"max_position:REDUCE_ONLY"});
  EXPECT_EQ(breaches[0].found.to_string(), "10.001");
  EXPECT_EQ(breaches[0].limit.to_string(), "10");
  give(fill({.id = "3", .at = 3, .amount = "0.001"}));
  EXPECT_EQ(breaches.size(), 1u);
  EXPECT_EQ(engine.standing(), std::vector<std::string>{"max_position of main BTC-USD"});
  give(fill({.id = "4", .at = 4, .side = "SELL", .amount = "1"}));
  EXPECT_TRUE(engine.standing().empty());
  EXPECT_EQ(kill_switch.level(), RiskLevel::kReduceOnly);  // latched
}

TEST_F(EngineTest, AMarkThatBringsTheDaysLossToItsLimitCancelsAll) {
  give(fill({.id = "1", .amount = "5", .fee = "1"}));
  mark("80.3");
  EXPECT_EQ(*engine.day_pnl(), notional("-99.5"));
  EXPECT_TRUE(breaches.empty());
  mark("80.2");
  EXPECT_EQ(kill_switch.level(), RiskLevel::kCancelAll);
  ASSERT_EQ(controls(), std::vector<std::string>{"max_daily_loss:CANCEL_ALL"});
  EXPECT_EQ(breaches[0].found.to_string(), "-100");
  EXPECT_NE(kill_switch.reason().find("max_daily_loss of main"), std::string::npos);
}

TEST_F(EngineTest, FeesAndFundingBelongToTheDaysLoss) {
  give(fill({.id = "1", .amount = "1", .fee = "60"}));
  give(funding("-39.99"));
  EXPECT_TRUE(breaches.empty());
  give(funding("-0.01"));
  EXPECT_EQ(controls(), std::vector<std::string>{"max_daily_loss:CANCEL_ALL"});
}

TEST_F(EngineTest, AZeroLossLimitDoesNotStopAnAccountThatLostNothing) {
  engine.set_limits(table("10", "0"));
  give(fill({.id = "1", .amount = "1"}));
  mark("100");
  EXPECT_TRUE(breaches.empty());
  mark("99.999");
  EXPECT_EQ(controls(), std::vector<std::string>{"max_daily_loss:CANCEL_ALL"});
}

TEST_F(EngineTest, ANewUtcDayBeginsWithWhatTheAccountIsWorth) {
  give(fill({.id = "1", .amount = "5"}));
  mark("90");
  EXPECT_EQ(*engine.day_pnl(), notional("-50"));
  EXPECT_FALSE(tick(1h).day_began);
  now = UnixNanos{(kMorning.value() / 86'400'000'000'000 + 1) * 86'400'000'000'000};
  EXPECT_TRUE(engine.on_timer(now, breaches).day_began);
  EXPECT_TRUE(engine.day_pnl()->is_zero());
  mark("88");
  EXPECT_EQ(*engine.day_pnl(), notional("-10"));
  EXPECT_FALSE(engine.on_timer(kMorning, breaches).day_began);  // a clock that steps back
  EXPECT_EQ(*engine.day_pnl(), notional("-10"));
}

TEST_F(EngineTest, APositionSeenFirstIsTakenOverAndIsNoLossOfToday) {
  mark("50");
  give(position("3", "100"));
  stand();
  EXPECT_TRUE(breaches.empty());
  EXPECT_EQ(engine.positions().find("main", "BTC-USD")->quantity(), quantity("3"));
  EXPECT_TRUE(engine.day_pnl()->is_zero());
  mark("40");
  EXPECT_EQ(*engine.day_pnl(), notional("-30"));
}

TEST_F(EngineTest, APositionSeenBeforeAnyMarkIsNoLossOfTodayEither) {
  give(position("3", "100"));
  stand();
  mark("50");
  EXPECT_TRUE(engine.day_pnl()->is_zero());
  mark("40");
  EXPECT_EQ(*engine.day_pnl(), notional("-30"));
}

TEST_F(EngineTest, APositionThatItsFillExplainsAMomentLaterIsCountedOnce) {
  give(position("8", "100"));  // the venue's word overtook the fill
  tick();
  give(fill({.id = "1", .amount = "8"}));
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(tick().adopted.empty());
  EXPECT_EQ(engine.positions().find("main", "BTC-USD")->quantity(), quantity("8"));
  EXPECT_TRUE(breaches.empty());
  EXPECT_EQ(kill_switch.level(), RiskLevel::kRunning);
}

TEST_F(EngineTest, APositionBeyondItsLimitCountsBeforeItIsTakenOver) {
  give(position("11", "100"));
  EXPECT_EQ(controls(), std::vector<std::string>{"max_position:REDUCE_ONLY"});
}

TEST_F(EngineTest, ADifferenceToTheDropCopyMustStandIsSaidAloudAndThenTakenOver) {
  give(fill({.id = "1", .amount = "5"}));
  give(position("4", "100"));
  EXPECT_TRUE(tick().adopted.empty());
  give(position("5", "100"));  // it was only a matter of time
  EXPECT_TRUE(stand().empty());
  EXPECT_TRUE(breaches.empty());
  give(position("7", "100"));
  const auto adopted = stand();
  ASSERT_EQ(adopted.size(), 1u);
  EXPECT_EQ(adopted[0].before, quantity("5"));
  EXPECT_EQ(adopted[0].after, quantity("7"));
  EXPECT_EQ(controls(), std::vector<std::string>{"drop_copy:none"});
  EXPECT_EQ(held(), quantity("7"));
}

TEST_F(EngineTest, AFillThatTheGatewayKeepsBackForTenSecondsIsNoDifference) {
  give(fill({.id = "1", .amount = "5"}));
  give(position("5", "100"));
  give(position("7", "100"));  // at once; its fill waits for the order that it belongs to
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(tick().adopted.empty());
  give(fill({.id = "2", .amount = "2"}));
  EXPECT_TRUE(stand().empty());
  EXPECT_TRUE(breaches.empty());
  EXPECT_EQ(held(), quantity("7"));
}

TEST_F(EngineTest, AFillThatComesAfterItsPositionWasTakenOverIsNotCountedForLong) {
  give(fill({.id = "1", .amount = "5"}));
  give(position("7", "100"));
  EXPECT_EQ(stand().size(), 1u);
  give(fill({.id = "2", .amount = "2"}));  // before the timer sees that all is well again
  EXPECT_EQ(held(), quantity("9"));
  const auto adopted = stand();
  ASSERT_EQ(adopted.size(), 1u);
  EXPECT_EQ(adopted[0].before, quantity("9"));
  EXPECT_EQ(held(), quantity("7"));
}

TEST_F(EngineTest, OnlyWhatChangesTheBooksMustBeKept) {
  const auto kept = [&](const v1::Envelope& event) {
    return engine.on_gateway_event(event, now, breaches);
  };
  EXPECT_TRUE(kept(position("3", "100")));  // first sight
  EXPECT_TRUE(kept(fill({.id = "1"})));
  EXPECT_FALSE(kept(position("3", "100")));  // only to compare with
  EXPECT_FALSE(kept(fill({.id = "1"})));
  EXPECT_TRUE(kept(order({})));
  EXPECT_TRUE(kept(funding("1")));
  EXPECT_TRUE(kept(adjusted("3", "4")));
}

TEST_F(EngineTest, UntilExplainedTheLargerOfTwoFiguresCounts) {
  give(fill({.id = "1", .amount = "5"}));
  give(position("11", "100"));
  EXPECT_EQ(controls(), std::vector<std::string>{"max_position:REDUCE_ONLY"});
}

TEST_F(EngineTest, AnAdjustmentIsTakenAsSaid) {
  give(fill({.id = "1", .amount = "5"}));
  mark("120");
  const auto before = *engine.day_pnl();
  give(adjusted("5", "4"));
  EXPECT_EQ(engine.positions().find("main", "BTC-USD")->quantity(), quantity("4"));
  EXPECT_EQ(*engine.day_pnl(), before);
}

TEST_F(EngineTest, WorkingOrdersAreCountedAgainAndReportedWhenTheyStandOverTheLimit) {
  give(fill({.id = "1", .amount = "9"}));
  give(order({.id = "a", .amount = "2"}));
  for (const char* id : {"b", "c", "d"}) give(order({.id = id, .side = "SELL", .amount = "0.1"}));
  tick();
  EXPECT_TRUE(breaches.empty());
  tick();
  tick();
  EXPECT_EQ(controls(),
            (std::vector<std::string>{"max_position_worst_case:none", "max_open_orders:none"}));
  EXPECT_EQ(kill_switch.level(), RiskLevel::kRunning);
}

TEST_F(EngineTest, WhatCannotBeCountedPauses) {
  auto broken = fill({.id = "1"});
  broken.mutable_fill()->set_trade_type("HOLD");
  give(broken);
  EXPECT_EQ(kill_switch.level(), RiskLevel::kPaused);
  EXPECT_EQ(engine.counters().malformed, 1u);
}

TEST_F(EngineTest, EventsOfOtherAccountsAndVenuesAreNotOurs) {
  give(fill({.id = "1", .amount = "99", .account = "stranger"}));
  auto other = fill({.id = "2", .amount = "99"});
  other.mutable_fill()->set_venue("bybit");
  give(other);
  EXPECT_TRUE(engine.positions().ledgers().empty());
  EXPECT_EQ(engine.counters().ignored, 2u);
  EXPECT_TRUE(breaches.empty());
}

TEST_F(EngineTest, ReorderedAndDoubledEventsGiveTheSameBooks) {
  const auto first = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  for (unsigned seed = first; seed < first + 50; ++seed) {
    std::mt19937 random{seed};
    std::vector<v1::Envelope> events;
    for (int i = 0; i < 60; ++i) {
      const std::string pair = random() % 2 == 0 ? "BTC-USD" : "ETH-USD";
      events.push_back(fill({.id = std::to_string(i),
                             .at = 1000 + i,
                             .side = random() % 2 == 0 ? "BUY" : "SELL",
                             .amount = std::to_string(1 + random() % 3),
                             .price = std::to_string(95 + random() % 10),
                             .fee = "0.01",
                             .pair = pair}));
      const std::string id = "o" + std::to_string(i);
      events.push_back(order({.id = id, .updated = 1}));
      events.push_back(
          order({.id = id, .state = "PARTIALLY_FILLED", .filled = "0.5", .updated = 2}));
      if (i % 3 == 0) {
        events.push_back(order({.id = id, .state = "FILLED", .filled = "1", .updated = 3}));
      }
    }
    const auto run = [&](const std::vector<v1::Envelope>& stream) {
      KillSwitch unused{{}, std::nullopt};
      Engine made{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, unused};
      std::vector<Breach> ignored;
      for (const auto& event : stream) made.on_gateway_event(event, now, ignored);
      made.on_mark("BTC-USD", price("101"), now, now, ignored);
      made.on_mark("ETH-USD", price("99"), now, now, ignored);
      std::string digest = made.day_pnl()->to_string();
      std::vector<v1::AccountRisk> rows;
      made.describe(rows);
      for (const auto& row : rows) digest += "\n" + to_contract_json(row);
      return digest;
    };
    const auto expected = run(events);
    auto mixed = events;
    for (int i = 0; i < 40; ++i) mixed.push_back(events[random() % events.size()]);
    std::shuffle(mixed.begin(), mixed.end(), random);
    ASSERT_EQ(run(mixed), expected) << "seed " << seed;
  }
}

TEST_F(EngineTest, ACheckpointAndWhatCameAfterItGiveTheSameBooks) {
  give(fill({.id = "1", .amount = "5", .fee = "0.5"}));
  give(order({.id = "a", .amount = "2"}));
  mark("97");
  v1::RiskCheckpoint saved;
  engine.save(saved);
  KillSwitch other_switch{{}, std::nullopt};
  Engine loaded{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, other_switch};
  ASSERT_TRUE(loaded.load(saved));
  for (auto* one : {&engine, &loaded}) {
    one->on_gateway_event(fill({.id = "2", .at = 2, .side = "SELL", .amount = "7"}), now, breaches);
    one->on_gateway_event(order({.id = "a", .state = "FILLED", .updated = 9}), now, breaches);
  }
  EXPECT_EQ(*loaded.day_pnl(), *engine.day_pnl());
  EXPECT_EQ(loaded.orders().total(), 0u);
  EXPECT_EQ(loaded.positions().find("main", "BTC-USD")->state(),
            engine.positions().find("main", "BTC-USD")->state());
}

}  // namespace
}  // namespace perpwire::risk
