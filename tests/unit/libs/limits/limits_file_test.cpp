#include "libs/limits/limits_file.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/limits/limits_codec.hpp"
#include "perpwire/v1/risk.pb.h"

#include <gtest/gtest.h>

namespace perpwire::limits {
namespace {

constexpr std::string_view kGood = R"(
[[limits]]
account = "main"
trading_pair = "*"
max_order_notional = "10000.25"
max_position = 2
max_position_notional = 100000
max_open_orders = 200
price_collar_bps = 300
max_daily_loss = "2500"

[[limits]]
account = "main"
trading_pair = "hyna:BTC-USD"
max_position = "0.000000000001"
)";

TEST(LimitsFile, ReadsEveryFigureByItsDigits) {
  const auto table = parse_limits(kGood, "limits.toml");
  ASSERT_TRUE(table) << table.error().text;
  const auto* limits = table->find("main", "hyna:BTC-USD");
  ASSERT_NE(limits, nullptr);
  EXPECT_EQ(limits->max_order_notional->to_string(), "10000.25");
  EXPECT_EQ(limits->max_position->to_string(), "0.000000000001");
  EXPECT_EQ(limits->max_position_notional->to_string(), "100000");
  EXPECT_EQ(limits->max_open_orders, 200u);
  EXPECT_EQ(limits->price_collar_bps, 300u);
  EXPECT_EQ(limits->max_daily_loss->to_string(), "2500");
  EXPECT_EQ(table->find("main", "ETH-USD")->max_position->to_string(), "2");
}

TEST(LimitsFile, AnEmptyFileHasNoLimits) {
  const auto table = parse_limits("", "limits.toml");
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->empty());
}

TEST(LimitsFile, RefusalsNameFileLineKeyExpectedAndFound) {
  struct Case {
    std::string text;
    std::string refusal;
  };
  const std::string head = "[[limits]]\naccount = \"main\"\ntrading_pair = \"*\"\n";
  const Case cases[] = {
      {head + "max_postion = 1\n",
       "l.toml:4: max_postion: expected a known key, found an unknown one: is max_position meant?"},
      {head + "max_position = 0.5\n",
       "l.toml:4: max_position: expected a decimal in quotes or a whole number, found a bare "
       "number "
       "with a point"},
      {head + "max_position = \"1e3\"\n", "found \"1e3\""},
      {head + "max_open_orders = -1\n",
       "l.toml:4: max_open_orders: expected a whole number from 0 to 4294967295, found -1"},
      {head + "max_open_orders = 4294967296\n", "found 4294967296"},
      {head + "price_collar_bps = \"5\"\n", "found \"5\""},
      {head + "max_position = -9223372036854775808\n", "l.toml"},
      {"[[limits]]\naccount = 5\n", "l.toml:2: account: expected a name in quotes, found 5"},
      {"limit = 5\n",
       "l.toml:1: limit: expected a list of tables [[limits]], found an unknown key"},
      {"limits = 5\n", "l.toml:1: limits: expected a list of tables [[limits]], found 5"},
      {"[[limits\n", "l.toml:1: expected TOML, found an error"},
      {head +
           "max_daily_loss = 5\n[[limits]]\naccount=\"main\"\ntrading_pair=\"*\"\nmax_position=1\n",
       "l.toml: limits of main *: stated twice"},
  };
  for (const auto& c : cases) {
    const auto table = parse_limits(c.text, "l.toml");
    ASSERT_FALSE(table) << c.text;
    EXPECT_EQ(table.error().code, ErrorCode::kInvalidCommand);
    EXPECT_NE(table.error().text.find(c.refusal), std::string::npos) << table.error().text;
  }
}

TEST(LimitsFile, AMissingFileIsAnErrorAndNotAnEmptyTable) {
  const auto table = load_limits("/nonexistent/limits.toml");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::kIo);
}

TEST(LimitsCodec, TheTableSurvivesTheContractsMessagesAndTheirJson) {
  const auto table = parse_limits(kGood, "limits.toml");
  ASSERT_TRUE(table);
  v1::RiskLimits message;
  to_proto(*table, *message.mutable_limits());
  v1::RiskLimits back;
  ASSERT_TRUE(parse_contract_json(to_contract_json(message), back));
  const auto read = from_proto(back.limits());
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, *table);
}

TEST(LimitsCodec, AFigureOutOfRangeIsNamed) {
  v1::Limits limits;
  limits.set_account("main");
  limits.set_trading_pair("*");
  limits.mutable_max_position()->set_mantissa(1);
  limits.mutable_max_position()->set_exponent(400);
  const auto read = from_proto(limits);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text.find("limits of main *: max_position:"), std::string::npos)
      << read.error().text;
}

}  // namespace
}  // namespace perpwire::limits
