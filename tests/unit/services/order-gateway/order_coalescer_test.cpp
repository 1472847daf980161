#include "services/order-gateway/order_coalescer.hpp"

#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::string_view kResting = R"({"resting":{"oid":77}})";

constexpr OrderCoalescer::Kind kPostOnly{.post_only = true};
constexpr OrderCoalescer::Kind kReduceOnly{.reduce_only = true};

Executor::NewOrder order(const std::string& id) { return {ClientOrderId{id}, Price{}}; }

TEST(OrderCoalescer, TheFirstLeavesAtOnceAndThoseOfItsWindowTogether) {
  OrderCoalescer coalescer(10ms);
  EXPECT_EQ(coalescer.add(order("a"), {}, 100ms).size(), 1U);
  EXPECT_TRUE(coalescer.add(order("b"), {}, 101ms).empty());
  EXPECT_TRUE(coalescer.add(order("c"), {}, 109ms).empty());
  EXPECT_EQ(coalescer.next_due(), Nanos{110ms});
  EXPECT_TRUE(coalescer.due(109ms).empty());
  const auto due = coalescer.due(110ms);
  ASSERT_EQ(due.size(), 1U);
  ASSERT_EQ(due[0].size(), 2U);
  EXPECT_EQ(due[0][0].id, ClientOrderId{"b"});
  EXPECT_EQ(due[0][1].id, ClientOrderId{"c"});
  EXPECT_FALSE(coalescer.next_due());
  EXPECT_TRUE(coalescer.add(order("d"), {}, 119ms).empty()) << "that action opened a window too";
  EXPECT_EQ(coalescer.add(order("e"), {}, 120ms).size(), 2U);
}

TEST(OrderCoalescer, PostOnlyOrdersHaveActionsOfTheirOwn) {
  OrderCoalescer coalescer(10ms);
  EXPECT_EQ(coalescer.add(order("a"), {}, 100ms).size(), 1U);
  EXPECT_EQ(coalescer.add(order("p"), kPostOnly, 100ms).size(), 1U);
  coalescer.add(order("b"), {}, 101ms);
  coalescer.add(order("q"), kPostOnly, 102ms);
  EXPECT_EQ(coalescer.size(), 2U);
  EXPECT_EQ(coalescer.due(110ms).size(), 2U);
}

TEST(OrderCoalescer, WhatClosesSharesNoActionWithWhatOpens) {
  OrderCoalescer coalescer(10ms);
  EXPECT_EQ(coalescer.add(order("a"), {}, 100ms).size(), 1U);
  EXPECT_EQ(coalescer.add(order("r"), kReduceOnly, 100ms).size(), 1U);
  coalescer.add(order("b"), {}, 101ms);
  coalescer.add(order("s"), kReduceOnly, 102ms);
  const auto due = coalescer.due(110ms);
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].size(), 1U);
  EXPECT_EQ(due[1].size(), 1U);
}

TEST(OrderCoalescer, AFullActionWaitsForNothing) {
  OrderCoalescer coalescer(1s);
  coalescer.add(order("first"), {}, 0ms);
  for (std::size_t i = 1; i < OrderCoalescer::kFull; ++i) {
    EXPECT_TRUE(coalescer.add(order(std::to_string(i)), {}, 1ms).empty());
  }
  EXPECT_EQ(coalescer.add(order("last"), {}, 1ms).size(), OrderCoalescer::kFull);
}

TEST(OrderCoalescer, WithoutAWindowEachLeavesAtOnce) {
  OrderCoalescer coalescer(0ms);
  EXPECT_EQ(coalescer.add(order("a"), {}, 1ms).size(), 1U);
  EXPECT_EQ(coalescer.add(order("b"), {}, 1ms).size(), 1U);
  EXPECT_FALSE(coalescer.next_due());
}

// ---------------------------------------------------------------- in the engine

EngineSettings with_window(Nanos window) {
  EngineSettings settings = EngineBench::default_settings();
  settings.coalesce_window = window;
  return settings;
}

v1::Command cancel_of(const std::string& id) {
  v1::Command command;
  command.set_type("cancel");
  command.set_client_order_id(id);
  return command;
}

std::string resting(int first, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ",") + (R"({"resting":{"oid":)" + std::to_string(first + i)) + "}}";
  }
  return text;
}

TEST(Coalescing, OrdersAndCancelsOfAWindowShareAnAction) {
  EngineBench bench{with_window(100ms)};
  bench.start();
  for (const auto* id : {"a", "b", "c"}) {
    EXPECT_EQ(bench.place(id, "BUY", "49000", "0.01").status(), "ACCEPTED");
  }
  ASSERT_EQ(bench.sent.size(), 1U);
  EXPECT_EQ(bench.sent[0].request.order().orders_size(), 1);
  EXPECT_EQ(bench.engine->wakes_at(), bench.now().mono + 100ms);
  bench.advance(100);
  ASSERT_EQ(bench.sent.size(), 2U);
  EXPECT_EQ(bench.sent[1].request.order().orders_size(), 2);
  bench.answer_statuses(bench.sent[0], resting(77, 1));
  bench.answer_statuses(bench.sent[1], resting(78, 2));
  for (const auto* id : {"a", "b", "c"}) EXPECT_EQ(bench.state(id), OrderState::kOpen) << id;

  for (const auto* id : {"a", "b", "c"}) bench.command(cancel_of(id));
  ASSERT_EQ(bench.sent.size(), 3U);
  EXPECT_EQ(bench.sent[2].request.cancel_by_cloid().cancels_size(), 1);
  bench.advance(100);
  ASSERT_EQ(bench.sent.size(), 4U);
  EXPECT_EQ(bench.sent[3].request.cancel_by_cloid().cancels_size(), 2);
}

TEST(Coalescing, ACancelThatCameBeforeItsOrdersAnswerLeavesWithThatAnswer) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.command(cancel_of("a"));
  EXPECT_EQ(bench.sent.size(), 1U) << "it would overtake the order";
  bench.answer_statuses(bench.sent[0], std::string(kResting));
  ASSERT_EQ(bench.sent.size(), 2U) << "no timer was needed";
  EXPECT_TRUE(bench.sent[1].request.has_cancel_by_cloid());
}

TEST(Answers, TheirTimeIsToldByPath) {
  EngineBench bench;
  bench.start();
  std::vector<std::pair<bool, Nanos>> told;
  bench.engine->observe_answers([&](bool by_ws, Nanos took) { told.emplace_back(by_ws, took); });
  bench.place("a", "BUY", "49000", "0.01");
  bench.advance(250);
  bench.answer_statuses(bench.sent[0], std::string(kResting));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].first);
  EXPECT_EQ(told[0].second, 250ms);
}

TEST(Coalescing, AStopSendsWhatWasAccepted) {
  EngineBench bench{with_window(1s)};
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.place("b", "BUY", "49000", "0.01");
  bench.engine->on_stop(bench.now());
  bench.pump();
  ASSERT_GE(bench.sent.size(), 2U);
  EXPECT_EQ(bench.sent[1].request.order().orders(0).cloid(), bench.cloid("b"));
}

TEST(Coalescing, AStopThatCancelsPlacesNothingMoreAndItsCancelsDoNotWait) {
  EngineBench bench{with_window(1s)};
  bench.start();
  for (const auto* id : {"a", "b", "c"}) bench.place(id, "BUY", "49000", "0.01");
  bench.advance(1'000);
  bench.answer_statuses(bench.sent[0], resting(77, 1));
  bench.answer_statuses(bench.sent[1], resting(78, 2));
  bench.command(cancel_of("a"));
  bench.place("waits", "BUY", "49000", "0.01");
  const auto before = bench.sent.size();
  bench.engine->cancel_everything(bench.now());
  bench.engine->on_timer(bench.now());
  bench.engine->on_stop(bench.now(), false);
  bench.pump();
  EXPECT_EQ(bench.state("waits"), OrderState::kFailed);
  ASSERT_EQ(bench.sent.size(), before + 1);
  EXPECT_EQ(bench.sent.back().request.cancel_by_cloid().cancels_size(), 2);
}

TEST(Coalescing, AKillWhileAnOrderWaitsLeavesItNeverPlaced) {
  EngineBench bench{with_window(1s)};
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.place("b", "BUY", "49000", "0.01");
  bench.restart();
  EXPECT_EQ(bench.state("b"), OrderState::kFailed);
  EXPECT_EQ(bench.state("a"), OrderState::kUnknown) << "that one had left";
}

}  // namespace
}  // namespace perpwire::gateway
