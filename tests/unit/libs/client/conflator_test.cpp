#include "libs/client/conflator.hpp"

#include <gtest/gtest.h>

namespace perpwire::client {
namespace {

TEST(Conflator, KeepsTheNewestOfEachTopicAndCountsTheRest) {
  Conflator<int> conflator;
  EXPECT_TRUE(conflator.empty());
  for (const int event : {1, 2, 3}) conflator.push("a", event);
  conflator.push("b", 9);
  EXPECT_EQ(conflator.conflated(), 2U);
  using Events = std::vector<std::pair<std::string, int>>;
  EXPECT_EQ(conflator.pop_all(), (Events{{"a", 3}, {"b", 9}}));
  EXPECT_TRUE(conflator.empty());
  conflator.push("a", 4);
  EXPECT_EQ(conflator.conflated(), 2U);
}

}  // namespace
}  // namespace perpwire::client
