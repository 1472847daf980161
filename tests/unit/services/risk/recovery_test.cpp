#include "services/risk/recovery.hpp"

#include "perpwire/v1/journal.pb.h"
#include "tests/unit/services/risk/events.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace perpwire::risk {
namespace {

using namespace testing_events;

constexpr UnixNanos kNow{1'705'747'200'000'000'000};

Price price(std::string_view text) { return *parse_as<Price>(text, "price"); }

class RecoveryTest : public testing::Test {
 protected:
  /// A life of the engine that keeps what the service keeps.
  void live(const v1::Envelope& event, std::uint64_t sequence) {
    auto numbered = event;
    numbered.set_stream("order-gateway.main.1");
    numbered.set_sequence(sequence);
    std::vector<Breach> breaches;
    if (engine.on_gateway_event(numbered, kNow, breaches)) {
      keep(notes::gateway_event("fills.hyperliquid.BTC-USD", numbered));
    }
  }
  void live_mark(std::string_view mark) {
    std::vector<Breach> breaches;
    engine.on_mark("BTC-USD", price(mark), kNow, kNow, breaches);
    v1::Mids marks;
    set((*marks.mutable_mids())["BTC-USD"], mark);
    keep(notes::marks(marks));
  }
  void keep(v1::JournalRecord record) {
    record.set_index(journal.size() + 1);
    record.set_timestamp(kNow.value());
    journal.push_back(std::move(record));
  }
  static std::string digest(const Engine& of) {
    std::vector<v1::AccountRisk> rows;
    of.describe(rows);
    std::string text = of.day_pnl() ? of.day_pnl()->to_string() : "none";
    for (const auto& row : rows) text += "\n" + to_contract_json(row);
    return text;
  }

  KillSwitch kill_switch{{}, std::nullopt};
  Engine engine{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, kill_switch};
  std::vector<v1::JournalRecord> journal;
};

TEST_F(RecoveryTest, ARestartAtAnyPointKnowsTheBooksTheDayAndWhereToGoOn) {
  std::vector<std::string> expected{digest(engine)};
  std::vector<std::uint64_t> next{1};
  std::vector<std::size_t> length{0};
  std::uint64_t sequence = 0;
  const auto step = [&](const v1::Envelope& event) {
    live(event, ++sequence);
    expected.push_back(digest(engine));
    next.push_back(sequence + 1);
    length.push_back(journal.size());
  };
  step(fill({.id = "1", .amount = "5", .fee = "0.25"}));
  step(order({.id = "a", .amount = "2"}));
  step(funding("-3"));
  live_mark("97");
  step(fill({.id = "2", .at = 2, .side = "SELL", .amount = "7", .price = "98"}));
  keep(notes::checkpoint(engine,
                         StreamPosition{.stream = "order-gateway.main.1", .next_sequence = 5},
                         kill_switch.memory(), LimitsMemory{}));
  step(fill({.id = "3", .at = 3, .amount = "1", .price = "99"}));
  step(order({.id = "a", .state = "FILLED", .updated = 9}));

  for (std::size_t i = 1; i < expected.size(); ++i) {
    KillSwitch fresh_switch{{}, std::nullopt};
    Engine fresh{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, fresh_switch};
    Recovery recovery{fresh};
    for (std::size_t r = 0; r < length[i]; ++r) recovery.on_record(journal[r]);
    ASSERT_TRUE(recovery.status()) << recovery.status().error().text;
    EXPECT_EQ(digest(fresh), expected[i]) << "after step " << i;
    ASSERT_TRUE(recovery.gateway());
    EXPECT_EQ(recovery.gateway()->next_sequence, next[i]);
    EXPECT_EQ(fresh_switch.version(), 1u);  // counting alone raises nothing
  }
}

TEST_F(RecoveryTest, APositionThatWasTakenOverIsTakenOverAgainAtItsEntry) {
  live(position("3", "100"), 1);
  live_mark("90");
  std::vector<Breach> breaches;
  engine.on_timer(kNow, breaches);
  const auto stood = kNow + EngineConfig{}.drop_copy_grace;
  for (const auto& adoption : engine.on_timer(stood, breaches).adopted) {
    keep(notes::adoption(adoption));
  }
  live_mark("89");
  EXPECT_EQ(engine.day_pnl()->to_string(), "-3");
  Engine fresh{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, kill_switch};
  Recovery recovery{fresh};
  for (const auto& record : journal) recovery.on_record(record);
  ASSERT_TRUE(recovery.status());
  EXPECT_EQ(digest(fresh), digest(engine));
}

TEST_F(RecoveryTest, WhatLiesBeforeACheckpointIsNotNeeded) {
  live(fill({.id = "1", .amount = "5"}), 1);
  live_mark("97");
  KillSwitch latched{
      {},
      KillSwitchMemory{.latched = RiskLevel::kCancelAll, .version = 8, .reason = "r", .by = "b"}};
  limits::LimitEntry entry;
  entry.account = AccountName{"main"};
  entry.trading_pair = TradingPair{"*"};
  entry.max_open_orders = 3;
  const LimitsMemory limits{
      .table = *limits::LimitTable::make({entry}), .version = 6, .origin = LimitsOrigin::kOperator};
  keep(notes::checkpoint(engine, StreamPosition{.stream = "s", .next_sequence = 77},
                         latched.memory(), limits));
  Engine fresh{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, kill_switch};
  Recovery recovery{fresh};
  recovery.on_record(journal.back());
  ASSERT_TRUE(recovery.status());
  EXPECT_EQ(digest(fresh), digest(engine));
  EXPECT_EQ(*recovery.gateway(), (StreamPosition{.stream = "s", .next_sequence = 77}));
  EXPECT_EQ(*recovery.kill_switch(), latched.memory());
  EXPECT_EQ(recovery.limits()->version, 6u);
  EXPECT_EQ(recovery.limits()->origin, LimitsOrigin::kOperator);
  EXPECT_EQ(recovery.limits()->table, limits.table);
}

TEST_F(RecoveryTest, LatchAndLimitsAreTheNewestKept) {
  keep(
      notes::kill_switch({.latched = RiskLevel::kFlatten, .version = 3, .reason = "x", .by = "y"}));
  keep(notes::kill_switch({.latched = RiskLevel::kPaused, .version = 4, .reason = "z", .by = "y"}));
  Recovery recovery{engine};
  for (const auto& record : journal) recovery.on_record(record);
  EXPECT_EQ(recovery.kill_switch()->latched, RiskLevel::kPaused);
  EXPECT_EQ(recovery.kill_switch()->version, 4u);
  EXPECT_FALSE(recovery.limits());
}

TEST_F(RecoveryTest, TheLossOfTheDayIsNotForgottenOverARestart) {
  live(fill({.id = "1", .amount = "5"}), 1);
  live_mark("90");
  v1::RiskDayState day;
  engine.positions().save_day("main", day);
  keep(notes::day(day));
  Engine fresh{EngineConfig{.venue = "hyperliquid", .accounts = {"main"}}, kill_switch};
  Recovery recovery{fresh};
  for (const auto& record : journal) recovery.on_record(record);
  EXPECT_EQ(fresh.day_pnl()->to_string(), "-50");
}

TEST_F(RecoveryTest, ADamagedNoteStopsTheRecoveryByName) {
  v1::JournalRecord record;
  record.set_index(12);
  record.mutable_state_note()->set_name("checkpoint");
  record.mutable_state_note()->set_value("\xff\xff\xff");
  Recovery recovery{engine};
  recovery.on_record(record);
  ASSERT_FALSE(recovery.status());
  EXPECT_NE(recovery.status().error().text.find("journal record 12: note checkpoint"),
            std::string::npos);
}

}  // namespace
}  // namespace perpwire::risk
