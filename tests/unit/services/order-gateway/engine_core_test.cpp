#include "services/order-gateway/engine_core.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace perpwire::gateway {
namespace {

using enum TokenBudget::Urgency;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kUser = "0x1111111111111111111111111111111111111111";

/// Two engines of one process; 237 of weight at once, 8 more each second.
class Questions : public testing::Test {
 protected:
  static EngineSettings settings() {
    EngineSettings settings = bench::EngineBench::default_settings();
    settings.documented_limits = true;
    return settings;
  }
  void SetUp() override {
    move_to(seconds{100});
    // 237 = 11 x 20 + 8 x 2 + 1.
    while (budget.weight.take(20, kReserve, one.now.mono)) continue;
    while (budget.weight.take(2, kReserve, one.now.mono)) continue;
  }
  void move_to(Nanos mono) {
    for (EngineCore* core : {&one, &two}) {
      core->now.mono = mono;
      core->expire_questions();
    }
  }
  /// Moves on by 50 ms at a time.
  void advance(Nanos time) {
    for (const Nanos end = one.now.mono + time; one.now.mono < end;) {
      move_to(one.now.mono + milliseconds{50});
    }
  }
  static std::vector<AskOut> asked(EngineCore& core) {
    std::vector<AskOut> found;
    for (auto& out : std::exchange(core.out, {})) {
      if (auto* ask = std::get_if<AskOut>(&out)) found.push_back(std::move(*ask));
    }
    return found;
  }
  EngineCore::Answered note(const std::string& name) {
    return [this, name](const Result<std::string>& answer) {
      told.push_back(name + " " + (answer ? *answer : answer.error().text));
    };
  }

  bench::EngineBench::Writer writer;
  VenueBudget budget{settings()};
  EngineCore one{settings(), writer, &budget};
  EngineCore two{settings(), writer, &budget};
  std::vector<std::string> told;
};

TEST_F(Questions, OneThatWaitsIsAskedOnceAndEveryoneIsTold) {
  const std::string time = hyperliquid::exchange_status_request();
  for (const char* name : {"a", "b", "c"}) one.ask(time, kReserve, note(name));
  EXPECT_EQ(one.waiting_questions(), 1U);
  EXPECT_TRUE(asked(one).empty());
  advance(seconds{1});
  const auto left = asked(one);
  ASSERT_EQ(left.size(), 1U);
  one.on_query_answer(left[0].id, std::string("now"));
  EXPECT_EQ(told, (std::vector<std::string>{"a now", "b now", "c now"}));
  one.ask(time, kReserve, note("d"));
  EXPECT_EQ(asked(one).size(), 1U) << "what has left is asked anew";
}

TEST_F(Questions, TheSmallOnesOfAnotherAccountDoNotStarveALargeOne) {
  one.ask(hyperliquid::historical_orders_request(kUser), kReserve, note("large"));
  std::size_t small = 0;
  for (int i = 0; i < 100 && one.waiting_questions() > 0; ++i) {
    two.ask(hyperliquid::order_status_request(kUser, "0x" + std::to_string(i)), kReserve,
            note("small"));
    advance(milliseconds{100});
    if (one.waiting_questions() > 0) small += asked(two).size();
  }
  EXPECT_EQ(asked(one).size(), 1U);
  EXPECT_GT(small, 0U) << "they pass it while it is young";
  EXPECT_LE(one.now.mono, seconds{105});
  advance(seconds{30});
  EXPECT_EQ(two.waiting_questions(), 0U) << "and go on after it";
}

TEST_F(Questions, ADisconnectEndsTheWait) {
  one.ask(hyperliquid::historical_orders_request(kUser), kReserve, note("old"));
  one.on_stream_closed();
  EXPECT_TRUE(told.empty()) << "never from inside";
  two.ask(hyperliquid::exchange_status_request(), kReserve, note("other"));
  advance(seconds{2});
  EXPECT_EQ(told, std::vector<std::string>{"old the connection ended before it was asked"});
  EXPECT_TRUE(asked(one).empty());
  EXPECT_EQ(asked(two).size(), 1U) << "its turn went with it";
}

TEST_F(Questions, OneWaitsForAMinuteAtMost) {
  // The venue charged for lists of some thousand items.
  budget.weight.charge(2'000);
  one.ask(hyperliquid::exchange_status_request(), kReserve, note("time"));
  advance(seconds{60} - milliseconds{50});
  EXPECT_TRUE(told.empty());
  advance(milliseconds{100});
  EXPECT_EQ(told, std::vector<std::string>{"time our share of the budget, for a minute"});
  EXPECT_EQ(budget.turns.size(), 0U);
}

TEST_F(Questions, AnEngineThatEndsGivesItsTurnBack) {
  auto third = std::make_unique<EngineCore>(settings(), writer, &budget);
  third->now.mono = one.now.mono;
  third->ask(hyperliquid::historical_orders_request(kUser), kReserve, note("gone"));
  third.reset();
  one.ask(hyperliquid::exchange_status_request(), kReserve, note("time"));
  advance(seconds{2});
  EXPECT_EQ(asked(one).size(), 1U);
}

}  // namespace
}  // namespace perpwire::gateway
