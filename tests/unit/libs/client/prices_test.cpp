#include "libs/client/prices.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/market_data.pb.h"

#include <gtest/gtest.h>

namespace perpwire::client {
namespace {

Price price(const char* text) { return *parse_as<Price>(text, "price"); }
Quantity quantity(const char* text) { return *parse_as<Quantity>(text, "amount"); }

v1::Instrument with_rule(unsigned figures, unsigned decimals) {
  v1::Instrument instrument;
  instrument.set_trading_pair("BTC-USD");
  instrument.mutable_price_rule()->set_significant_figures(figures);
  instrument.mutable_price_rule()->set_max_decimals(decimals);
  return instrument;
}

v1::Bbo book(const char* bid, const char* ask) {
  v1::Bbo bbo;
  set_decimal(price(bid), *bbo.mutable_bid_price());
  set_decimal(price(ask), *bbo.mutable_ask_price());
  return bbo;
}

struct Row {
  const char* price;
  Side side;
  const char* rounded;
};
class PriceRule : public testing::TestWithParam<Row> {};

// Hyperliquid's rule: five significant figures, at most six decimals, whole numbers always valid.
TEST_P(PriceRule, RoundsToWhatTheVenueTakesAndNeverAgainstUs) {
  const auto& row = GetParam();
  const auto rounded = round_price(with_rule(5, 6), price(row.price), row.side);
  ASSERT_TRUE(rounded);
  EXPECT_EQ(*rounded, price(row.rounded)) << row.price;
}

INSTANTIATE_TEST_SUITE_P(Rows, PriceRule,
                         testing::Values(Row{"50000.4", Side::kBuy, "50000"},
                                         Row{"50000.4", Side::kSell, "50001"},
                                         Row{"123456.7", Side::kBuy, "123456"},
                                         Row{"1234.56", Side::kBuy, "1234.5"},
                                         Row{"1234.56", Side::kSell, "1234.6"},
                                         Row{"0.00123456", Side::kBuy, "0.001234"},
                                         Row{"0.00123456", Side::kSell, "0.001235"},
                                         Row{"100000", Side::kSell, "100000"}));

TEST(Prices, ATickCountsBeforeARule) {
  auto instrument = with_rule(5, 6);
  set_decimal(*Decimal::parse("0.5"), *instrument.mutable_tick_size());
  EXPECT_EQ(*round_price(instrument, price("10.7"), Side::kBuy), price("10.5"));
  EXPECT_EQ(*round_price(instrument, price("10.7"), Side::kSell), price("11"));
}

TEST(Prices, AnInstrumentThatIsNotKnownYetGivesAnError) {
  EXPECT_FALSE(round_price(v1::Instrument{}, price("1"), Side::kBuy));
  EXPECT_FALSE(round_price(with_rule(5, 6), price("0"), Side::kBuy));
}

TEST(Prices, StandBasisPointsAwayFromTheMiddle) {
  const auto bbo = book("49999", "50001");
  EXPECT_EQ(*price_from_middle(with_rule(5, 1), bbo, Side::kBuy, Decimal{-3}), price("49985"));
  EXPECT_EQ(*price_from_middle(with_rule(5, 1), bbo, Side::kSell, Decimal{3}), price("50015"));
  EXPECT_EQ(*price_from_middle(with_rule(6, 1), bbo, Side::kSell, Decimal::of(1, -1)),
            price("50000.5"));
  v1::Bbo one_sided = bbo;
  one_sided.clear_ask_price();
  const auto none = price_from_middle(with_rule(5, 1), one_sided, Side::kBuy, Decimal{-3});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kStalePrice);
}

TEST(Prices, HaveMovedByAtLeastSoManyBasisPoints) {
  EXPECT_TRUE(has_moved(price("50000"), price("50005"), Decimal{1}));
  EXPECT_TRUE(has_moved(price("50000"), price("49995"), Decimal{1}));
  EXPECT_FALSE(has_moved(price("50000"), price("50004.99"), Decimal{1}));
  EXPECT_TRUE(has_moved(price("50000"), price("50000.5"), Decimal::of(1, -1)));
  EXPECT_TRUE(has_moved(price("50000"), price("50000"), Decimal{0}));
}

TEST(Prices, PositionsAreCountedInLots) {
  EXPECT_EQ(whole_lots(quantity("0.1"), quantity("0.01")), 10);
  EXPECT_EQ(whole_lots(quantity("-0.03"), quantity("0.01")), -3);
  EXPECT_EQ(whole_lots(quantity("0"), quantity("0.01")), 0);
  EXPECT_EQ(whole_lots(quantity("1000"), quantity("0.01")), 100'000);
}

}  // namespace
}  // namespace perpwire::client
