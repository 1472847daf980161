#include "services/order-gateway/address_budget.hpp"

#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;
using namespace std::chrono_literals;

TEST(AddressBudget, WhatLeftSinceTheVenuesWordIsCountedOnTop) {
  AddressBudget budget;
  budget.on_sent(30);
  EXPECT_FALSE(budget.left());
  EXPECT_TRUE(budget.room_for(1'000'000)) << "nobody knows yet";
  const auto asked = budget.sent();
  budget.on_sent(5);  // before the answer came: the venue may or may not have counted them
  budget.on_told(9'900, 10'000, asked);
  EXPECT_EQ(budget.left(), 95U);
  EXPECT_TRUE(budget.room_for(95));
  EXPECT_EQ(budget.room_for(96).error().code, ErrorCode::kRateLimited);
  budget.on_sent(200);  // cancels go on
  EXPECT_EQ(budget.left(), 0U);
}

TEST(AddressBudget, IsAskedForMoreOftenWhenLittleIsLeft) {
  AddressBudget budget;
  EXPECT_EQ(budget.interval(), 1min);
  budget.on_told(100, 10'000, 0);
  EXPECT_EQ(budget.interval(), 1min);
  budget.on_told(9'501, 10'000, 0);
  EXPECT_EQ(budget.interval(), 10s);
}

TEST(AddressBudget, AnAccountThatUsedItUpPlacesNothingAndCancelsStill) {
  auto settings = EngineBench::default_settings();
  settings.documented_limits = true;
  EngineBench bench{settings};
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.answer_statuses(bench.sent.at(0), R"({"resting":{"oid":77}})");
  bench.info["userRateLimit"] =
      R"({"cumVlm":"1.0","nRequestsUsed":9999,"nRequestsCap":10001,"nRequestsSurplus":0})";
  bench.advance(61'000);
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").status(), "ACCEPTED");
  EXPECT_EQ(bench.place("c", "BUY", "49000", "0.01").status(), "ACCEPTED");
  const auto refused = bench.place("d", "BUY", "49000", "0.01");
  EXPECT_EQ(refused.code(), "RATE_LIMITED");
  EXPECT_NE(refused.reason().find("0 of the 10001 actions left"), std::string::npos)
      << refused.reason();
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("a");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
  EXPECT_TRUE(bench.sent.back().request.has_cancel_by_cloid());
  // Asked again soon, since little is left; volume was made meanwhile.
  bench.info["userRateLimit"] = R"({"cumVlm":"9.0","nRequestsUsed":10003,"nRequestsCap":12000})";
  bench.advance(11'000);
  EXPECT_EQ(bench.place("e", "BUY", "49000", "0.01").status(), "ACCEPTED");
}

}  // namespace
}  // namespace perpwire::gateway
