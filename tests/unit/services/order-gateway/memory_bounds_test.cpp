#include "services/order-gateway/fill_memory.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

venues::FillKey key(std::int64_t time, const std::string& trade) {
  return {.time = time, .symbol = "BTC", .trade_id = trade, .venue_order_id = "1"};
}

TEST(FillMemory, KeepsTheNewestAndCountsWhatIsOlderAsKnown) {
  FillMemory memory{3};
  for (std::int64_t t = 1; t <= 5; ++t) EXPECT_TRUE(memory.insert(key(t, "x")));
  EXPECT_LE(memory.size(), 3U);
  EXPECT_FALSE(memory.insert(key(2, "never seen"))) << "older than what can be told apart";
  EXPECT_FALSE(memory.insert(key(5, "x")));
  EXPECT_TRUE(memory.insert(key(5, "y"))) << "another one of the same moment";
}

TEST(FillMemory, ReadsBackWhatItWrote) {
  FillMemory memory{3};
  for (std::int64_t t = 1; t <= 5; ++t) memory.insert(key(t, "x"));
  FillMemory again{3};
  ASSERT_TRUE(again.restore(memory.serialise()));
  for (std::int64_t t = 1; t <= 5; ++t) EXPECT_TRUE(again.contains(key(t, "x"))) << t;
  EXPECT_FALSE(again.contains(key(5, "y")));
  EXPECT_FALSE(again.restore("short"));
}

/// Places and ends one order.
void live_and_die(EngineBench& bench, const std::string& id, std::uint64_t oid) {
  bench.place(id, "BUY", "49000", "0.001", [](auto& order) { order.set_time_in_force("IOC"); });
  bench.answer_statuses(
      bench.sent.back(),
      R"({"error":"Order could not immediately match against any resting orders. asset=0"})");
  bench.sent.clear();
  static_cast<void>(oid);
}

TEST(MemoryBounds, FinalOrdersBeyondTheBoundGoAndTheirIdsStayKnown) {
  EngineSettings settings = EngineBench::default_settings();
  settings.max_final_orders = 50;
  IdsInMemory ids;
  EngineBench bench{settings, &ids};
  bench.start();
  constexpr int kOrders = 2'000;
  for (int i = 0; i < kOrders; ++i) {
    live_and_die(bench, "o-" + std::to_string(i), 1'000U + static_cast<unsigned>(i));
    if (i % 20 == 0) bench.advance(50);
    ASSERT_LE(bench.engine->tracker().size(), 50U + 21U);
  }
  bench.advance(50);
  EXPECT_EQ(bench.engine->tracker().size(), 50U);
  EXPECT_EQ(bench.order("o-0"), nullptr);
  EXPECT_NE(bench.order("o-1999"), nullptr) << "the newest are still there for queries";
  const auto repeated = [&](const std::string& price) {
    return bench.place("o-0", "BUY", price, "0.001",
                       [](auto& order) { order.set_time_in_force("IOC"); });
  };
  EXPECT_EQ(repeated("49000").status(), "ACCEPTED") << "answered as the first time";
  EXPECT_TRUE(bench.sent.empty()) << "and placed once";
  EXPECT_EQ(repeated("48000").code(), "DUPLICATE_CLIENT_ORDER_ID");
}

TEST(MemoryBounds, FinalOrdersStayForTheirTimeAndIdsForTheirs) {
  EngineSettings settings = EngineBench::default_settings();
  settings.final_order_retention = std::chrono::seconds{10};
  IdsInMemory ids;
  EngineBench bench{settings, &ids};
  bench.start();
  live_and_die(bench, "o", 1'000);
  bench.advance(9'000);
  EXPECT_NE(bench.order("o"), nullptr);
  bench.advance(2'000);
  EXPECT_EQ(bench.order("o"), nullptr);
  EXPECT_EQ(ids.size(), 1U);
  ids.forget_before(bench.now().wall);
  EXPECT_EQ(ids.size(), 0U);
}

TEST(MemoryBounds, ALateWordAboutAForgottenOrderDoesNotBringItBack) {
  EngineSettings settings = EngineBench::default_settings();
  settings.max_final_orders = 0;
  EngineBench bench{settings};
  bench.start();
  bench.place("o", "BUY", "49000", "0.001");
  const std::string cloid = bench.cloid("o");
  bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":7}})");
  bench.update(cloid, 7, "canceled", "49000", "0.001");
  bench.advance(100);
  ASSERT_EQ(bench.order("o"), nullptr);
  bench.update(cloid, 7, "canceled", "49000", "0.001");
  bench.advance(15'000);
  EXPECT_EQ(bench.engine->tracker().size(), 0U);
}

TEST(MemoryBounds, ARestartHoldsNoMoreThanBefore) {
  EngineSettings settings = EngineBench::default_settings();
  settings.max_final_orders = 50;
  IdsInMemory ids;
  EngineBench bench{settings, &ids};
  bench.start();
  for (int i = 0; i < 300; ++i) live_and_die(bench, "o-" + std::to_string(i), 1'000);
  bench.restart();
  EXPECT_LE(bench.engine->tracker().size(), 51U);
  bench.start();
  EXPECT_EQ(bench.place("o-3", "BUY", "49000", "0.001", [](auto& o) { o.set_time_in_force("IOC"); })
                .status(),
            "ACCEPTED");
  EXPECT_TRUE(bench.sent.empty());
}

}  // namespace
}  // namespace perpwire::gateway
