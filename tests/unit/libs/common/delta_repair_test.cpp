#include "libs/common/delta_repair.hpp"

#include "perpwire/v1/envelope.pb.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace perpwire {
namespace {

BusEvent delta(const std::string& stream, std::uint64_t topic_sequence, bool snapshot = false) {
  auto envelope = std::make_shared<v1::Envelope>();
  envelope->mutable_delta()->set_snapshot(snapshot);
  return {.topic = "md.x.delta.BTC-USD",
          .envelope = envelope,
          .stream = stream,
          .sequence = topic_sequence,
          .topic_sequence = topic_sequence};
}

/// "S3" = snapshot up to 3, "4" = delta 4, "?" = asks.
std::vector<std::string> told(DeltaRepair::Actions& actions) {
  std::vector<std::string> out;
  for (const auto& action : actions) {
    if (const auto* deliver = std::get_if<DeltaRepair::Deliver>(&action)) {
      out.push_back((deliver->event.envelope->delta().snapshot() ? "S" : "") +
                    std::to_string(deliver->event.topic_sequence));
    } else {
      out.emplace_back("?");
    }
  }
  actions.clear();
  return out;
}

using Told = std::vector<std::string>;

TEST(DeltaRepair, ASnapshotComesFirstAndDeltasAfterIt) {
  DeltaRepair repair;
  DeltaRepair::Actions out;
  repair.start(out);
  repair.on_delta(delta("a", 8), out);
  repair.on_delta(delta("a", 9), out);
  EXPECT_EQ(told(out), (Told{"?"}));
  repair.on_snapshot(delta("a", 8, true), out);
  repair.on_delta(delta("a", 10), out);
  EXPECT_EQ(told(out), (Told{"S8", "9", "10"}));
  EXPECT_TRUE(repair.in_step());
}

TEST(DeltaRepair, AGapHoldsDeltasUntilASnapshotThatCoversIt) {
  DeltaRepair repair;
  DeltaRepair::Actions out;
  repair.start(out);
  repair.on_snapshot(delta("a", 5, true), out);
  told(out);
  EXPECT_EQ(repair.on_delta(delta("a", 9), out), 3U);
  EXPECT_EQ(told(out), (Told{"?"}));
  repair.on_snapshot(delta("a", 7, true), out);  // 8 is in neither
  EXPECT_EQ(told(out), (Told{"?"}));
  repair.on_snapshot(delta("a", 8, true), out);
  EXPECT_EQ(told(out), (Told{"S8", "9"}));
}

TEST(DeltaRepair, ASnapshotOnTheBusRepairsByItself) {
  DeltaRepair repair;
  DeltaRepair::Actions out;
  repair.on_delta(delta("a", 3), out);
  told(out);
  repair.on_delta(delta("a", 7, true), out);
  repair.on_delta(delta("a", 8), out);
  repair.on_snapshot(delta("a", 6, true), out);  // the late answer
  EXPECT_EQ(told(out), (Told{"S7", "8"}));
}

TEST(DeltaRepair, ARestartedPublisherNeedsANewSnapshot) {
  DeltaRepair repair;
  DeltaRepair::Actions out;
  repair.start(out);
  repair.on_snapshot(delta("a", 50, true), out);
  told(out);
  EXPECT_EQ(repair.on_delta(delta("b", 1), out), 0U);
  EXPECT_EQ(told(out), (Told{"?"}));
  repair.on_snapshot(delta("b", 1, true), out);
  repair.on_delta(delta("b", 2), out);
  EXPECT_EQ(told(out), (Told{"S1", "2"}));
}

TEST(DeltaRepair, AFailedSnapshotIsAskedForWhenToldTo) {
  DeltaRepair repair;
  DeltaRepair::Actions out;
  repair.start(out);
  repair.on_snapshot_failed();
  repair.retry(out);
  repair.retry(out);
  EXPECT_EQ(told(out), (Told{"?", "?"}));
}

/// A book is a number here: a snapshot sets it, a delta adds one.
TEST(DeltaRepair, AnyLossLeavesTheBookWhole) {
  const auto base = static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  for (std::uint64_t seed = base; seed < base + 500; ++seed) {
    std::mt19937_64 random(seed);
    DeltaRepair repair;
    DeltaRepair::Actions out;
    std::uint64_t book = 0;
    std::uint64_t published = 0;
    bool asked = false;
    const auto apply = [&] {
      for (const auto& action : out) {
        if (const auto* deliver = std::get_if<DeltaRepair::Deliver>(&action)) {
          const auto& event = deliver->event;
          const auto expected =
              event.envelope->delta().snapshot() ? event.topic_sequence : book + 1;
          ASSERT_EQ(event.topic_sequence, expected) << "seed " << seed;
          book = event.topic_sequence;
        } else {
          ASSERT_FALSE(asked) << "seed " << seed;
          asked = true;
        }
      }
      out.clear();
    };
    const auto answer = [&](std::uint64_t at) {
      asked = false;
      repair.on_snapshot(delta("a", at, true), out);
      apply();
    };
    repair.start(out);
    apply();
    std::uint64_t asked_at = 0;
    for (int i = 0; i < 100; ++i) {
      ++published;
      if (random() % 5 != 0) repair.on_delta(delta("a", published, random() % 20 == 0), out);
      apply();
      if (asked && random() % 3 == 0)
        answer(std::max(asked_at, published - random() % std::min<std::uint64_t>(3, published)));
      asked_at = published > 3 ? published - 3 : 0;
    }
    ++published;
    repair.on_delta(delta("a", published), out);
    apply();
    for (int i = 0; i < 5 && asked; ++i) answer(published);
    ASSERT_EQ(book, published) << "seed " << seed;
  }
}

}  // namespace
}  // namespace perpwire
