#include "libs/common/bounded_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace perpwire {
namespace {

TEST(BoundedQueue, RefusesWhatDoesNotFitAndCountsIt) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(queue.try_push(std::move(third)));
  ASSERT_NE(third, nullptr);  // untouched
  EXPECT_EQ(queue.refused(), 1U);
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.capacity(), 2U);
  EXPECT_EQ(**queue.try_pop(), 1);
  EXPECT_TRUE(queue.try_push(std::move(third)));
  EXPECT_EQ(**queue.try_pop(), 2);
  EXPECT_EQ(**queue.try_pop(), 3);
  EXPECT_FALSE(queue.try_pop().has_value());
}

TEST(BoundedQueue, HandsOutWhatWasPushedBeforeItClosed) {
  BoundedQueue<int> queue(4);
  EXPECT_TRUE(queue.try_push(1));
  queue.close();
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_EQ(queue.wait_pop(), 1);
  EXPECT_EQ(queue.wait_pop(), std::nullopt);
}

TEST(BoundedQueue, EverythingCrossesInOrder) {
  constexpr int kItems = 100'000;
  BoundedQueue<int> queue(64);
  std::thread producer([&] {
    for (int i = 0; i < kItems;) {
      int item = i;
      if (queue.try_push(std::move(item))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
    queue.close();
  });
  int expected = 0;
  while (const auto item = queue.wait_pop()) ASSERT_EQ(*item, expected++);
  EXPECT_EQ(expected, kItems);
  producer.join();
}

}  // namespace
}  // namespace perpwire
