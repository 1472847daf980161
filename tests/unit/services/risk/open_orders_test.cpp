#include "services/risk/open_orders.hpp"

#include "perpwire/v1/risk.pb.h"
#include "tests/unit/services/risk/events.hpp"

#include <gtest/gtest.h>

namespace perpwire::risk {
namespace {

using testing_events::order;
using testing_events::OrderSpec;

Quantity quantity(std::string_view text) { return *parse_as<Quantity>(text, "quantity"); }

Status apply(OpenOrders& orders, const OrderSpec& spec) {
  return orders.apply(order(spec).order());
}

TEST(OpenOrders, EveryLiveStateCountsAtFullRemainingSizeAndFinalOnesNotAtAll) {
  OpenOrders orders;
  for (const char* state :
       {"PENDING_CREATE", "OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"}) {
    ASSERT_TRUE(apply(orders, {.id = state, .state = state, .amount = "2", .filled = "0.5"}));
  }
  for (const char* state : {"FILLED", "CANCELLED", "FAILED"}) {
    ASSERT_TRUE(apply(orders, {.id = state, .state = state, .amount = "2"}));
  }
  const auto exposure = orders.exposure("main", "BTC-USD");
  ASSERT_TRUE(exposure);
  EXPECT_EQ(exposure->open_orders, 5u);
  EXPECT_EQ(exposure->working_buys, quantity("7.5"));
  EXPECT_TRUE(exposure->working_sells.is_zero());
}

TEST(OpenOrders, SidesAndReduceOnlyAreSummedApartAndOtherPairsOnlyCounted) {
  OpenOrders orders;
  ASSERT_TRUE(apply(orders, {.id = "a", .side = "SELL", .amount = "1"}));
  ASSERT_TRUE(apply(orders, {.id = "b", .side = "SELL", .amount = "2", .reduce_only = true}));
  ASSERT_TRUE(apply(orders, {.id = "c", .side = "BUY", .amount = "4", .reduce_only = true}));
  ASSERT_TRUE(apply(orders, {.id = "d", .amount = "8", .pair = "ETH-USD"}));
  ASSERT_TRUE(apply(orders, {.id = "e", .amount = "8", .account = "other"}));
  const auto exposure = orders.exposure("main", "BTC-USD");
  ASSERT_TRUE(exposure);
  EXPECT_EQ(exposure->working_sells, quantity("1"));
  EXPECT_EQ(exposure->reduce_only_sells, quantity("2"));
  EXPECT_EQ(exposure->reduce_only_buys, quantity("4"));
  EXPECT_EQ(exposure->open_orders, 3u);
  EXPECT_EQ(exposure->account_open_orders, 4u);
  EXPECT_EQ(orders.count("other"), 1u);
  EXPECT_EQ(orders.total(), 5u);
}

TEST(OpenOrders, LateAndDoubledEventsDoNotBringAFinalOrderBack) {
  OpenOrders orders;
  ASSERT_TRUE(apply(orders, {.state = "OPEN", .updated = 1}));
  ASSERT_TRUE(apply(orders, {.state = "FILLED", .filled = "1", .updated = 5}));
  ASSERT_TRUE(apply(orders, {.state = "PARTIALLY_FILLED", .filled = "0.5", .updated = 3}));
  ASSERT_TRUE(apply(orders, {.state = "OPEN", .updated = 1}));
  EXPECT_EQ(orders.total(), 0u);
}

TEST(OpenOrders, TheVenuesWordAgainstAnInferredFailureBringsItBack) {
  OpenOrders orders;
  ASSERT_TRUE(apply(orders, {.state = "FAILED", .updated = 5}));
  ASSERT_TRUE(apply(orders, {.state = "OPEN", .updated = 6}));
  EXPECT_EQ(orders.total(), 1u);
}

TEST(OpenOrders, FilledAmountsNeverShrinkAndAModifyChangesTheAmount) {
  OpenOrders orders;
  ASSERT_TRUE(apply(orders, {.amount = "3", .filled = "2", .updated = 2}));
  ASSERT_TRUE(apply(orders, {.amount = "3", .filled = "1", .updated = 1}));
  EXPECT_EQ(orders.exposure("main", "BTC-USD")->working_buys, quantity("1"));
  ASSERT_TRUE(apply(orders, {.amount = "10", .filled = "2", .updated = 3}));
  EXPECT_EQ(orders.exposure("main", "BTC-USD")->working_buys, quantity("8"));
}

TEST(OpenOrders, WhatIsNotOfTheContractIsRefusedByNameAndChangesNothing) {
  OpenOrders orders;
  const auto state = apply(orders, {.state = "ZOMBIE"});
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().text.find("order o-1 of main: order_state"), std::string::npos);
  EXPECT_FALSE(apply(orders, {.side = "HOLD"}));
  EXPECT_FALSE(apply(orders, {.amount = "-1"}));
  EXPECT_EQ(orders.total(), 0u);
}

TEST(OpenOrders, SavedAndLoadedTheyCountTheSame) {
  OpenOrders orders;
  ASSERT_TRUE(apply(orders, {.id = "a", .side = "SELL", .amount = "3", .filled = "1"}));
  ASSERT_TRUE(apply(orders, {.id = "b", .amount = "2", .reduce_only = true}));
  v1::RiskCheckpoint saved;
  orders.save(saved);
  OpenOrders loaded;
  ASSERT_TRUE(loaded.load(saved));
  const auto exposure = loaded.exposure("main", "BTC-USD");
  EXPECT_EQ(exposure->working_sells, quantity("2"));
  EXPECT_EQ(exposure->reduce_only_buys, quantity("2"));
}

}  // namespace
}  // namespace perpwire::risk
