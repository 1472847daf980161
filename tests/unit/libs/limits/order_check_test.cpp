#include "libs/limits/order_check.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

namespace perpwire::limits {
namespace {

constexpr UnixNanos kNow{1'705'747'200'000'000'000};

Quantity quantity(std::string_view text) { return *parse_as<Quantity>(text, "quantity"); }
Price price(std::string_view text) { return *parse_as<Price>(text, "price"); }
Notional notional(std::string_view text) { return *parse_as<Notional>(text, "notional"); }

/// One order and all that it is checked against; each case changes what it is about.
struct Scene {
  OrderToCheck order{.account = "main",
                     .trading_pair = "BTC-USD",
                     .side = Side::kBuy,
                     .quantity = quantity("0.1"),
                     .price = price("50000"),
                     .trigger_price = std::nullopt};
  Exposure exposure{.position = {},
                    .working_buys = {},
                    .working_sells = {},
                    .reduce_only_buys = {},
                    .reduce_only_sells = {},
                    .open_orders = 0,
                    .account_open_orders = 0,
                    .day_pnl = notional("0")};
  Reference reference{.price = price("50000"), .at = kNow};
  PairLimits limits{.max_order_notional = notional("10000"),
                    .max_position = quantity("1"),
                    .max_position_notional = notional("60000"),
                    .max_open_orders = 10,
                    .max_account_open_orders = 20,
                    .price_collar_bps = 100,
                    .max_daily_loss = notional("500")};
  bool have_limits = true;
  RiskLevel level = RiskLevel::kRunning;

  [[nodiscard]] Status check() const {
    return check_order(order, exposure, reference, have_limits ? &limits : nullptr, level, kNow);
  }
};

struct Case {
  std::string name;
  std::function<void(Scene&)> change;
  std::string code;  // empty = passes
  std::string text;  // a part of the error text
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class OrderCheck : public testing::TestWithParam<Case> {};

TEST_P(OrderCheck, GivesThePromisedAnswer) {
  Scene scene;
  GetParam().change(scene);
  const auto status = scene.check();
  if (GetParam().code.empty()) {
    EXPECT_TRUE(status.has_value()) << status.error().text;
    return;
  }
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(to_string(status.error().code), GetParam().code);
  EXPECT_NE(status.error().text.find(GetParam().text), std::string::npos) << status.error().text;
}

const auto kCases = testing::Values(
    Case{"PlainOrderPasses", [](Scene&) {}, "", ""},
    // No limit configured = no trading.
    Case{"NoEntryForThePair", [](Scene& s) { s.have_limits = false; }, "RISK_NO_LIMITS",
         "no limits for main BTC-USD"},
    Case{"OrderNotionalNotStated", [](Scene& s) { s.limits.max_order_notional.reset(); },
         "RISK_NO_LIMITS", "max_order_notional of main BTC-USD"},
    Case{"OpenOrdersNotStated", [](Scene& s) { s.limits.max_open_orders.reset(); },
         "RISK_NO_LIMITS", "max_open_orders"},
    Case{"CollarNotStated", [](Scene& s) { s.limits.price_collar_bps.reset(); }, "RISK_NO_LIMITS",
         "price_collar_bps"},
    Case{"DailyLossNotStated", [](Scene& s) { s.limits.max_daily_loss.reset(); },
         "RISK_NO_LIMITS", "max_daily_loss"},
    Case{"NoPositionLimitAtAll",
         [](Scene& s) {
           s.limits.max_position.reset();
           s.limits.max_position_notional.reset();
         },
         "RISK_NO_LIMITS", "max_position"},
    Case{"OnePositionLimitIsEnough", [](Scene& s) { s.limits.max_position.reset(); }, "", ""},
    // The reference price.
    Case{"ReferenceMissing", [](Scene& s) { s.reference.price.reset(); }, "STALE_PRICE",
         "found none"},
    Case{"ReferenceTooOld", [](Scene& s) { s.reference.at = kNow - std::chrono::milliseconds{5001}; },
         "STALE_PRICE", "expected at most 5000 ms old, found 5001 ms"},
    Case{"ReferenceJustFreshEnough",
         [](Scene& s) { s.reference.at = kNow - std::chrono::milliseconds{5000}; }, "", ""},
    // Order notional.
    Case{"NotionalAtItsLimit", [](Scene& s) { s.order.quantity = quantity("0.2"); }, "", ""},
    Case{"NotionalOverItsLimit", [](Scene& s) { s.order.quantity = quantity("0.20001"); },
         "RISK_MAX_ORDER_NOTIONAL",
         "max_order_notional of main BTC-USD: expected at most 10000, found 10000.5"},
    Case{"MarketOrderIsValuedAtTheReference",
         [](Scene& s) {
           s.order.price.reset();
           s.order.quantity = quantity("0.21");
         },
         "RISK_MAX_ORDER_NOTIONAL", "found 10500"},
    Case{"ReduceOnlyIsBoundByNotionalToo",
         [](Scene& s) {
           s.order.reduce_only = true;
           s.order.quantity = quantity("0.3");
         },
         "RISK_MAX_ORDER_NOTIONAL", "found 15000"},
    // Price collar: 100 bps of 50000 = 500.
    Case{"BuyAtTheCollar", [](Scene& s) { s.order.price = price("50500"); }, "", ""},
    Case{"BuyAboveTheCollar", [](Scene& s) { s.order.price = price("50500.1"); },
         "RISK_PRICE_COLLAR",
         "expected a buy at most 50500 (100 bps from reference price 50000), found 50500.1"},
    Case{"BuyFarBelowIsPassive", [](Scene& s) { s.order.price = price("1000"); }, "", ""},
    Case{"SellAtTheCollar",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.price = price("49500");
         },
         "", ""},
    Case{"SellBelowTheCollar",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.price = price("49499");
         },
         "RISK_PRICE_COLLAR", "expected a sell at least 49500"},
    Case{"StopIsMeasuredFromItsTrigger",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.trigger_price = price("40000");
           s.order.price = price("39600");
         },
         "", ""},
    Case{"StopLimitTooFarFromItsTrigger",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.trigger_price = price("40000");
           s.order.price = price("39599");
         },
         "RISK_PRICE_COLLAR", "100 bps from trigger price 40000"},
    Case{"CollarOver100PercentLetsAnySellPass",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.price = price("0.1");
           s.limits.price_collar_bps = 10'001;
         },
         "", ""},
    // Open orders.
    Case{"LastFreeOrder", [](Scene& s) { s.exposure.open_orders = 9; }, "", ""},
    Case{"PairIsFull", [](Scene& s) { s.exposure.open_orders = 10; }, "RISK_MAX_OPEN_ORDERS",
         "max_open_orders of main BTC-USD: expected at most 10, found 11 with this one"},
    Case{"AccountIsFull", [](Scene& s) { s.exposure.account_open_orders = 20; },
         "RISK_MAX_OPEN_ORDERS", "max_open_orders of main: expected at most 20, found 21"},
    // Daily loss.
    Case{"LossJustUnderItsLimit", [](Scene& s) { s.exposure.day_pnl = notional("-499.99"); }, "",
         ""},
    Case{"LossAtItsLimit", [](Scene& s) { s.exposure.day_pnl = notional("-500"); },
         "RISK_MAX_DAILY_LOSS", "expected a loss under 500, found PnL -500 today"},
    Case{"ReduceOnlyPassesAfterALoss",
         [](Scene& s) {
           s.exposure.day_pnl = notional("-1000");
           s.order.reduce_only = true;
         },
         "", ""},
    // Position, worst case.
    Case{"PositionAtItsLimit", [](Scene& s) { s.exposure.position = quantity("0.9"); }, "", ""},
    Case{"PositionOverItsLimit", [](Scene& s) { s.exposure.position = quantity("0.91"); },
         "RISK_MAX_POSITION", "max_position of main BTC-USD: expected at most 1, found 1.01"},
    Case{"WorkingOrdersCount",
         [](Scene& s) {
           s.exposure.position = quantity("0.5");
           s.exposure.working_buys = quantity("0.45");
         },
         "RISK_MAX_POSITION", "found 1.05 (position 0.5, working buys 0.45, reduce-only 0, this order 0.1)"},
    Case{"TheOtherSideDoesNotNet",
         [](Scene& s) {
           s.exposure.position = quantity("0.95");
           s.exposure.working_sells = quantity("0.95");
         },
         "RISK_MAX_POSITION", "found 1.05"},
    Case{"SellFromLongHasRoomThroughZero",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.exposure.position = quantity("1");
           s.exposure.working_sells = quantity("1.9");
         },
         "", ""},
    Case{"SellTooFarThroughZero",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.exposure.position = quantity("1");
           s.exposure.working_sells = quantity("1.91");
         },
         "RISK_MAX_POSITION", "found 1.01"},
    Case{"TheWayBackFromABreachIsOpen",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.exposure.position = quantity("5");
         },
         "", ""},
    Case{"ReduceOnlyPassesFromABreach",
         [](Scene& s) {
           s.order.reduce_only = true;
           s.exposure.position = quantity("-5");
         },
         "", ""},
    Case{"ReduceOnlyThatIncreasesIsLeftToTheVenueToRefuse",
         [](Scene& s) {
           s.order.reduce_only = true;
           s.exposure.position = quantity("1");
         },
         "", ""},
    // Long 1, sells of 1.95 working reach -0.95. If 0.1 is closed first, they reach -1.05.
    Case{"ReduceOnlyThatMakesRoomForSellsAlreadyOut",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.order.reduce_only = true;
           s.exposure.position = quantity("1");
           s.exposure.working_sells = quantity("1.95");
         },
         "RISK_MAX_POSITION", "found 1.05 (position 1, working sells 1.95, reduce-only 0, this "
                              "reduce-only order 0.1)"},
    Case{"PlainSellAfterReduceOnlySells",
         [](Scene& s) {
           s.order.side = Side::kSell;
           s.exposure.position = quantity("1");
           s.exposure.working_sells = quantity("0.95");
           s.exposure.reduce_only_sells = quantity("7");
         },
         "RISK_MAX_POSITION", "found 1.05"},
    Case{"PositionNotional",
         [](Scene& s) {
           s.limits.max_position = quantity("100");
           s.exposure.position = quantity("1.2");
         },
         "RISK_MAX_POSITION_NOTIONAL", "expected at most 60000, found 65000 at 50000"},
    // Figures that are no order.
    Case{"NoQuantity", [](Scene& s) { s.order.quantity = quantity("0"); }, "INVALID_COMMAND",
         "amount of main BTC-USD: expected more than 0, found 0"},
    Case{"NegativePrice", [](Scene& s) { s.order.price = price("-1"); }, "INVALID_COMMAND",
         "price"},
    Case{"OverflowIsARefusal",
         [](Scene& s) {
           s.limits.max_order_notional = notional("99999999999999999999999999");
           s.exposure.position = quantity("9000000000000000001");
           s.order.quantity = quantity("9000000000000000001");
           s.order.price = price("1");
         },
         "RISK_MAX_POSITION", "out of range"});

INSTANTIATE_TEST_SUITE_P(Table, OrderCheck, kCases,
                         [](const auto& test) { return test.param.name; });

struct LevelCase {
  RiskLevel level;
  bool reduce_only;
  bool immediate;
  std::string code;
};

TEST(OrderCheckLevels, EachLevelForbidsWhatTheOneBeforeForbids) {
  using enum RiskLevel;
  const LevelCase cases[] = {
      {kRunning, false, false, ""},
      {kRunning, true, false, ""},
      {kReduceOnly, false, false, "RISK_REDUCE_ONLY"},
      {kReduceOnly, false, true, "RISK_REDUCE_ONLY"},
      {kReduceOnly, true, false, ""},
      {kPaused, false, false, "RISK_PAUSED"},
      {kPaused, true, true, "RISK_PAUSED"},
      {kCancelAll, false, false, "HALTED"},
      {kCancelAll, true, true, "HALTED"},
      {kFlatten, false, true, "HALTED"},
      {kFlatten, true, false, "HALTED"},
      {kFlatten, true, true, ""},  // how a position is closed
  };
  for (const auto& c : cases) {
    Scene scene;
    scene.level = c.level;
    scene.order.reduce_only = c.reduce_only;
    scene.order.immediate = c.immediate;
    const auto status = scene.check();
    const std::string code{status ? "" : to_string(status.error().code)};
    EXPECT_EQ(code, c.code) << to_string(c.level) << " reduce_only=" << c.reduce_only
                            << " immediate=" << c.immediate;
  }
}

TEST(OrderCheckLevels, FlattenLetsAPositionOfAnySizeBeClosedWithinTheCollar) {
  Scene scene;
  scene.level = RiskLevel::kFlatten;
  scene.order.reduce_only = scene.order.immediate = true;
  scene.order.quantity = quantity("1000");
  scene.exposure.open_orders = 10;
  EXPECT_TRUE(scene.check());
  scene.order.price = price("50501");
  EXPECT_FALSE(scene.check());
  scene.order.price = price("50500");
  scene.reference.price.reset();
  EXPECT_FALSE(scene.check());
}

TEST(RiskLevel, WordsAreTheContractsAndReadBack) {
  using enum RiskLevel;
  for (const auto level : {kRunning, kReduceOnly, kPaused, kCancelAll, kFlatten}) {
    EXPECT_EQ(risk_level_from_string(to_string(level)), level);
  }
  EXPECT_EQ(to_string(kReduceOnly), "REDUCE_ONLY");
  EXPECT_FALSE(risk_level_from_string("running"));
  EXPECT_FALSE(risk_level_from_string(""));
}

}  // namespace
}  // namespace perpwire::limits
