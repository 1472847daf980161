#include "services/order-gateway/ready_watch.hpp"

#include <gtest/gtest.h>

namespace perpwire::gateway {
namespace {

using namespace std::chrono_literals;

TEST(ReadyWatch, SaysAtIntervalsWhatIsWaitedForAndForHowLong) {
  ReadyWatch watch;
  EXPECT_EQ(watch.on_tick(false, "the lease", 100s), std::nullopt);
  EXPECT_EQ(watch.on_tick(false, "the lease", 104s), std::nullopt);
  EXPECT_EQ(watch.on_tick(false, "the stream", 105s), "not READY for 5 s, waits for: the stream");
  EXPECT_EQ(watch.on_tick(false, "the stream", 106s), std::nullopt);
  EXPECT_EQ(watch.on_tick(false, "the stream", 111s), "not READY for 11 s, waits for: the stream");
  EXPECT_EQ(watch.waited(111s), 11s);
}

TEST(ReadyWatch, BeginsAnewAfterReady) {
  ReadyWatch watch;
  EXPECT_EQ(watch.on_tick(false, "x", 100s), std::nullopt);
  EXPECT_EQ(watch.on_tick(true, "", 104s), std::nullopt);
  EXPECT_EQ(watch.waited(200s), 0s);
  EXPECT_EQ(watch.on_tick(false, "x", 200s), std::nullopt);
  EXPECT_EQ(watch.on_tick(false, "x", 204s), std::nullopt);
  EXPECT_NE(watch.on_tick(false, "x", 205s), std::nullopt);
}

}  // namespace
}  // namespace perpwire::gateway
