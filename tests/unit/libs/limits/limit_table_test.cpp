#include "libs/limits/limit_table.hpp"

#include <gtest/gtest.h>

namespace perpwire::limits {
namespace {

Notional notional(std::string_view text) { return *parse_as<Notional>(text, "notional"); }
Quantity quantity(std::string_view text) { return *parse_as<Quantity>(text, "quantity"); }

LimitEntry entry(std::string account, std::string pair) {
  LimitEntry made;
  made.account = AccountName{std::move(account)};
  made.trading_pair = TradingPair{std::move(pair)};
  return made;
}

LimitEntry defaults_of(std::string account) {
  auto made = entry(std::move(account), "*");
  made.max_order_notional = notional("1000");
  made.max_position = quantity("2");
  made.max_open_orders = 50;
  made.price_collar_bps = 200;
  made.max_daily_loss = notional("300");
  return made;
}

TEST(LimitTable, APairTakesTheFiguresItDoesNotStateFromTheAccountsDefault) {
  auto own = entry("main", "BTC-USD");
  own.max_position = quantity("0.5");
  own.max_open_orders = 5;
  const auto table = LimitTable::make({own, defaults_of("main")});
  ASSERT_TRUE(table) << table.error().text;

  const auto* btc = table->find("main", "BTC-USD");
  ASSERT_NE(btc, nullptr);
  EXPECT_EQ(btc->max_position, quantity("0.5"));
  EXPECT_EQ(btc->max_order_notional, notional("1000"));
  EXPECT_EQ(btc->max_open_orders, 5u);
  EXPECT_EQ(btc->max_account_open_orders, 50u);
  EXPECT_EQ(btc->max_daily_loss, notional("300"));
  EXPECT_FALSE(first_missing_control(*btc));

  const auto* eth = table->find("main", "ETH-USD");
  ASSERT_NE(eth, nullptr);
  EXPECT_EQ(eth->max_position, quantity("2"));
}

TEST(LimitTable, AnAccountWithoutEntriesHasNoLimits) {
  const auto table = LimitTable::make({defaults_of("main")});
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find("other", "BTC-USD"), nullptr);
  EXPECT_EQ(LimitTable{}.find("main", "BTC-USD"), nullptr);
}

TEST(LimitTable, APairWithoutAccountDefaultDoesNotSpeakForOtherPairs) {
  auto own = entry("main", "BTC-USD");
  own.max_position = quantity("0.5");
  const auto table = LimitTable::make({own});
  ASSERT_TRUE(table);
  EXPECT_EQ(table->find("main", "ETH-USD"), nullptr);
  const auto* btc = table->find("main", "BTC-USD");
  ASSERT_NE(btc, nullptr);
  EXPECT_EQ(first_missing_control(*btc), "max_order_notional");
}

TEST(LimitTable, DefaultsOfOneAccountDoNotReachAnother) {
  auto own = entry("zeta", "BTC-USD");
  own.max_position = quantity("0.5");
  const auto table = LimitTable::make({defaults_of("alpha"), own});
  ASSERT_TRUE(table);
  EXPECT_FALSE(table->find("zeta", "BTC-USD")->max_order_notional);
}

TEST(LimitTable, RefusesWhatIsWrongAndNamesIt) {
  struct Case {
    std::string name;
    std::vector<LimitEntry> entries;
    std::string text;
  };
  auto negative = defaults_of("main");
  negative.max_position = quantity("-1");
  auto pair_loss = entry("main", "BTC-USD");
  pair_loss.max_daily_loss = notional("5");
  const Case cases[] = {
      {"doubled", {defaults_of("main"), defaults_of("main")}, "limits of main *: stated twice"},
      {"negative", {negative}, "limits of main *: max_position: expected 0 or more, found -1"},
      {"loss of a pair", {pair_loss}, "limits of main BTC-USD: max_daily_loss is account-wide"},
      {"empty", {entry("main", "BTC-USD")}, "expected at least one figure"},
      {"no account", {defaults_of("")}, "expected the name of an account"},
  };
  for (const auto& c : cases) {
    const auto table = LimitTable::make(c.entries);
    ASSERT_FALSE(table) << c.name;
    EXPECT_EQ(table.error().code, ErrorCode::kInvalidCommand);
    EXPECT_NE(table.error().text.find(c.text), std::string::npos) << table.error().text;
  }
}

TEST(LimitTable, DifferencesNameEveryFigureThatChanged) {
  auto changed = defaults_of("main");
  changed.max_position = quantity("3");
  changed.price_collar_bps.reset();
  auto fresh = entry("main", "BTC-USD");
  fresh.max_open_orders = 7;
  const auto before = LimitTable::make({defaults_of("main")});
  const auto after = LimitTable::make({changed, fresh});
  EXPECT_EQ(differences(*before, *after),
            (std::vector<std::string>{"main * max_position: 2 -> 3",
                                      "main * price_collar_bps: 200 -> none",
                                      "main BTC-USD max_open_orders: none -> 7"}));
  EXPECT_TRUE(differences(*before, *before).empty());
}

}  // namespace
}  // namespace perpwire::limits
