#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

/// Another gateway signed actions that may land for eight more seconds.
void somebody_else_signed(EngineBench& bench) {
  ++bench.lease_epoch;
  bench.lease_latest_expiry = static_cast<std::uint64_t>(bench.venue_ms()) + 8'000;
}

void expect_wait_of_ten_seconds(EngineBench& bench) {
  bench.advance(9'000);
  EXPECT_EQ(bench.engine->state(), EngineState::kReconciling);
  EXPECT_EQ(bench.engine->reason(), "waiting until what was signed before can no longer land");
  EXPECT_EQ(bench.place("o-1", "BUY", "49000", "0.01").code(), "NOT_READY");
  bench.advance(3'000);
  EXPECT_EQ(bench.engine->state(), EngineState::kReady) << bench.engine->reason();
}

TEST(Lease, WhoeverTakesItOverWaitsForWhatWasSignedBefore) {
  EngineBench bench;
  bench.start();
  somebody_else_signed(bench);
  bench.lease_is_ours = false;
  bench.restart();
  bench.connect();
  expect_wait_of_ten_seconds(bench);
}

// The first grant's answer was lost, so that the signer knows the asker already.
TEST(Lease, ThatTheSignerSaysTheSameInstanceProvesNothing) {
  EngineBench bench;
  bench.start();
  somebody_else_signed(bench);
  bench.restart();
  bench.connect();
  expect_wait_of_ten_seconds(bench);
}

TEST(Lease, ALifeKilledWhileItWaitedLeavesTheWaitToTheNext) {
  EngineBench bench;
  bench.start();
  somebody_else_signed(bench);
  bench.lease_is_ours = false;
  bench.restart();
  bench.connect();
  bench.advance(500);
  bench.lease_is_ours = true;
  bench.restart();
  bench.connect();
  expect_wait_of_ten_seconds(bench);
}

// Unrenewed for 10 s, taken by another and free again: our next renewal is a grant.
TEST(Lease, ARenewalWithAnotherEpochIsATakeover) {
  EngineBench bench;
  bench.start();
  somebody_else_signed(bench);
  bench.lease_is_ours = false;
  bench.advance(3'100);
  EXPECT_EQ(bench.engine->state(), EngineState::kReconciling);
  bench.advance(9'000);
  EXPECT_EQ(bench.engine->state(), EngineState::kReady) << bench.engine->reason();
}

TEST(Lease, TheSameInstanceWithItsOwnJournalDoesNotWait) {
  EngineBench bench;
  bench.start();
  bench.lease_latest_expiry = static_cast<std::uint64_t>(bench.venue_ms()) + 8'000;
  bench.restart();
  bench.connect();
  bench.advance(1'000);
  EXPECT_EQ(bench.engine->state(), EngineState::kReady) << bench.engine->reason();
}

TEST(Lease, WhatTheOtherPlacedAndFinishedIsUsedBeforeAnythingIsPlaced) {
  EngineBench bench;
  bench.start();
  ASSERT_EQ(bench.place("o-1", "BUY", "49000", "0.01").status(), "ACCEPTED");
  const std::string cloid = bench.cloid("o-1");
  // A journal that never heard of it, under a lease that somebody else had.
  EngineBench other;
  other.start();
  somebody_else_signed(other);
  other.restart();
  other.connect();
  other.advance(5'000);
  // It lands late and ends, and no stream says so.
  other.info["historicalOrders"] =
      R"([{"order":{"coin":"BTC","side":"B","limitPx":"49000","sz":"0.01","oid":7,"timestamp":)" +
      std::to_string(other.venue_ms()) + R"(,"origSz":"0.01","cloid":")" + cloid +
      R"("},"status":"canceled","statusTimestamp":)" + std::to_string(other.venue_ms()) + "}]";
  other.advance(8'000);
  ASSERT_EQ(other.engine->state(), EngineState::kReady) << other.engine->reason();
  EXPECT_EQ(other.place("o-1", "BUY", "49000", "0.01").code(), "DUPLICATE_CLIENT_ORDER_ID");
  EXPECT_TRUE(other.sent.empty());
}

/// An order that we called FAILED, the signer having been away, is live at the venue after all.
class ContradictedFailure : public testing::Test {
 protected:
  void fail_an_order() {
    bench.start();
    bench.signer_down = true;
    bench.place("a", "BUY", "49000", "0.01");
    ASSERT_EQ(bench.state("a"), OrderState::kFailed);
    bench.signer_down = false;
  }
  void see_it_live() {
    bench.update(bench.cloid("a"), 77, "open", "49000");
    bench.advance(3'000);
    EXPECT_EQ(bench.events("order_created").size(), 1U);
  }
  [[nodiscard]] bool cancelled() const {
    return std::any_of(bench.sent.begin(), bench.sent.end(), [](const auto& sent) {
      return sent.request.has_cancel() || sent.request.has_cancel_by_cloid();
    });
  }
  EngineBench bench;
};

TEST_F(ContradictedFailure, IsCancelled) {
  fail_an_order();
  see_it_live();
  EXPECT_TRUE(cancelled());
}

TEST_F(ContradictedFailure, IsTheHoldersOnceTheLeaseIsLost) {
  fail_an_order();
  bench.lease_lost = true;
  bench.advance(5'000);
  ASSERT_EQ(bench.engine->state(), EngineState::kHalted);
  see_it_live();
  EXPECT_FALSE(cancelled()) << "a client may have turned to the holder with the same id";
}

}  // namespace
}  // namespace perpwire::gateway
