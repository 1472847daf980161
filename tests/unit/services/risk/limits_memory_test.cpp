#include "services/risk/limits_memory.hpp"

#include <gtest/gtest.h>

namespace perpwire::risk {
namespace {

limits::LimitEntry entry(std::string pair, std::string_view max_position) {
  limits::LimitEntry made;
  made.account = AccountName{"main"};
  made.trading_pair = TradingPair{std::move(pair)};
  if (!max_position.empty()) made.max_position = *parse_as<Quantity>(max_position, "quantity");
  return made;
}
limits::LimitTable table(std::string_view max_position) {
  return *limits::LimitTable::make({entry("*", max_position)});
}

TEST(LimitsMemory, TheFirstStartTakesTheFile) {
  const auto chosen = choose_limits(std::nullopt, table("1"), "refuse");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->version, 1u);
  EXPECT_EQ(chosen->table, table("1"));
}

TEST(LimitsMemory, AnEditedFileCountsWhileNobodySetAnythingAtRunTime) {
  const LimitsMemory durable{.table = table("1"), .version = 4, .origin = LimitsOrigin::kFile};
  const auto same = choose_limits(durable, table("1"), "refuse");
  EXPECT_EQ(same->version, 4u);
  const auto edited = choose_limits(durable, table("2"), "refuse");
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->version, 5u);
  EXPECT_EQ(edited->table, table("2"));
}

TEST(LimitsMemory, ADifferenceToWhatAnOperatorSetIsRefusedUntilChosen) {
  const LimitsMemory durable{.table = table("1"), .version = 4, .origin = LimitsOrigin::kOperator};
  const auto refused = choose_limits(durable, table("2"), "refuse");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("main * max_position: 1 -> 2"), std::string::npos)
      << refused.error().text;
  EXPECT_NE(refused.error().text.find("on_limits_difference"), std::string::npos);

  const auto kept = choose_limits(durable, table("2"), "durable");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->table, table("1"));
  EXPECT_EQ(kept->version, 4u);
  EXPECT_EQ(kept->origin, LimitsOrigin::kOperator);

  const auto file = choose_limits(durable, table("2"), "file");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->table, table("2"));
  EXPECT_EQ(file->version, 5u);
  EXPECT_EQ(file->origin, LimitsOrigin::kFile);

  EXPECT_TRUE(choose_limits(durable, table("1"), "refuse"));
}

TEST(LimitsMemory, AChangeReplacesTheEntriesItNamesAndRemovesEmptyOnes) {
  const LimitsMemory current{
      .table = *limits::LimitTable::make({entry("*", "1"), entry("BTC-USD", "0.5")}),
      .version = 4,
      .origin = LimitsOrigin::kFile};
  const auto changed = change_limits(current, {entry("BTC-USD", "0.7"), entry("ETH-USD", "3")});
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->version, 5u);
  EXPECT_EQ(changed->origin, LimitsOrigin::kOperator);
  EXPECT_EQ(changed->table.find("main", "BTC-USD")->max_position->to_string(), "0.7");
  EXPECT_EQ(changed->table.find("main", "DOGE-USD")->max_position->to_string(), "1");

  const auto removed = change_limits(*changed, {entry("ETH-USD", "")});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->table.find("main", "ETH-USD")->max_position->to_string(), "1");
  EXPECT_FALSE(change_limits(*removed, {entry("ETH-USD", "")}));
  EXPECT_FALSE(change_limits(*removed, {entry("ETH-USD", "-1")}));
}

}  // namespace
}  // namespace perpwire::risk
