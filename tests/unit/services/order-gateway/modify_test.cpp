#include "libs/common/contract_json.hpp"
#include "libs/limits/limit_table.hpp"
#include "services/order-gateway/executor.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

constexpr std::string_view kOk = R"({"status":"ok","response":{"type":"default"}})";

v1::Reply modify(EngineBench& bench, const std::string& id, const std::string& price,
                 const std::string& amount) {
  v1::Command command;
  command.set_type("modify");
  command.set_client_order_id(id);
  set_decimal(*Decimal::parse(price), *command.mutable_price());
  set_decimal(*Decimal::parse(amount), *command.mutable_amount());
  return bench.command(command);
}

std::string resting(int oid) { return R"({"resting":{"oid":)" + std::to_string(oid) + "}}"; }

// ---------------------------------------------------------------- limits

class ModifyLimits : public testing::Test {
 protected:
  ModifyLimits() {
    limits::LimitEntry entry;
    entry.account = AccountName{"main"};
    entry.trading_pair = TradingPair{"*"};
    entry.max_order_notional = Notional{WideDecimal{10'000}};
    entry.max_position_notional = Notional{WideDecimal{1'000}};
    entry.max_open_orders = 1;
    entry.price_collar_bps = 500;
    entry.max_daily_loss = Notional{WideDecimal{10'000}};
    bench.risk.on_limits(*limits::LimitTable::make({entry}), 1);
    hear();
    bench.start();
    hear();
    bench.place("a", "BUY", "49000", "0.01");
    bench.answer_statuses(bench.sent.at(0), resting(77));
  }
  static EngineSettings with_risk() {
    EngineSettings settings = EngineBench::default_settings();
    settings.need_risk = true;
    return settings;
  }
  void hear() {
    bench.risk.on_heartbeat(limits::RiskLevel::kRunning, 1, 1, bench.now().wall, bench.now().wall,
                            bench.now().mono);
  }
  EngineBench bench{with_risk()};
};

TEST_F(ModifyLimits, TheOldLegCountsBesideTheNewOne) {
  ASSERT_EQ(bench.state("a"), OrderState::kOpen);
  // 0.01 may fill before the modify gets there: 0.01 + 0.011 at 50,000 are 1,050 USD.
  EXPECT_EQ(modify(bench, "a", "49100", "0.011").code(), "RISK_MAX_POSITION_NOTIONAL");
  EXPECT_EQ(modify(bench, "a", "49100", "0.009").status(), "ACCEPTED");
}

TEST_F(ModifyLimits, ItIsNoSecondOpenOrder) {
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.001").code(), "RISK_MAX_OPEN_ORDERS");
  EXPECT_EQ(modify(bench, "a", "49100", "0.005").status(), "ACCEPTED");
}

/// The stream drops frames: what a leg executed before its end is not known yet.
TEST_F(ModifyLimits, WhatACancelledOrderMayHaveExecutedCountsUntilItIsKnown) {
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("a");
  bench.command(cancel);
  bench.answer_statuses(bench.sent.back(), R"("success")");
  ASSERT_EQ(bench.state("a"), OrderState::kCancelled);
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.015").code(), "RISK_MAX_POSITION_NOTIONAL");
  // The venue's word: nothing of it was executed.
  bench.update(bench.cloid("a"), 77, "canceled", "49000", "0.01");
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.015").status(), "ACCEPTED");
}

TEST_F(ModifyLimits, ASweepAfterTheEndSettlesItWithoutAnyWord) {
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("a");
  bench.command(cancel);
  bench.answer_statuses(bench.sent.back(), R"("success")");
  for (int i = 0; i < 30; ++i) {
    bench.advance(500);
    hear();
  }
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.015").status(), "ACCEPTED");
}

TEST_F(ModifyLimits, WhatAReplacedLegMayHaveExecutedCountsToo) {
  ASSERT_EQ(modify(bench, "a", "49100", "0.009").status(), "ACCEPTED");
  bench.answer_statuses(bench.sent.back(), resting(78));
  // 0.01 of the old leg, 0.009 of the new one, and this.
  EXPECT_EQ(modify(bench, "a", "49200", "0.009").code(), "RISK_MAX_POSITION_NOTIONAL");
  bench.update(bench.cloid("a"), 77, "canceled", "49000", "0.01");
  EXPECT_EQ(modify(bench, "a", "49200", "0.009").status(), "ACCEPTED");
}

// ---------------------------------------------------------------- restarts

/// One modify that a fence has proven never to have been executed, then one that the venue took.
class ConcludedModify : public testing::Test {
 protected:
  static EngineSettings settings() {
    EngineSettings made = EngineBench::default_settings();
    made.ws_post.fallback_to_rest = false;
    return made;
  }
  ConcludedModify() {
    bench.start();
    bench.place("a", "BUY", "49000", "0.01");
    bench.answer_statuses(bench.sent.back(), resting(77));
    modify(bench, "a", "48000", "0.02");
    bench.advance(5'500);  // no answer: unknown, and a noop with its nonce
    EXPECT_TRUE(bench.sent.back().request.has_noop());
    bench.answer(bench.sent.back(), std::string(kOk));
    EXPECT_EQ(bench.state("a"), OrderState::kOpen);
    modify(bench, "a", "47000", "0.03");
    bench.answer_statuses(bench.sent.back(), resting(78));
  }
  void expect_the_second() {
    const auto view = bench.order("a")->view({});
    EXPECT_EQ(view.content.price, Price{Decimal{47'000}});
    EXPECT_EQ(view.content.amount, Quantity(Decimal::of(3, -2)));
    EXPECT_FALSE(bench.order("a")->modify_unsettled());
  }
  EngineBench bench{settings()};
};

TEST_F(ConcludedModify, ARestartTakesTheNewLegForTheOneThatWasExecuted) {
  expect_the_second();
  bench.restart();
  expect_the_second();
}

TEST_F(ConcludedModify, ANoteOfItIsJournaled) {
  EXPECT_TRUE(std::any_of(bench.writer.records.begin(), bench.writer.records.end(),
                          [](const v1::JournalRecord& record) {
                            return record.state_note().name() == kModifySettled;
                          }));
}

TEST_F(ConcludedModify, ALaterOneThatWasSentSettlesItWhereTheNoteIsMissing) {
  auto records = bench.writer.records;
  while (!records.back().has_action_sent()) records.pop_back();  // killed before the answer
  ASSERT_EQ(records.back().action_sent().kind(), "modify");
  std::erase_if(records, [](const v1::JournalRecord& record) { return record.has_state_note(); });
  bench.restart_from(records);
  bench.update(bench.cloid("a"), 78, "open", "47000", "0.03");
  expect_the_second();
}

}  // namespace
}  // namespace perpwire::gateway
