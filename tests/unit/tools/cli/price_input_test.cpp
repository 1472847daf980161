#include "tools/cli/price_input.hpp"

#include "libs/common/contract_json.hpp"

#include <gtest/gtest.h>

namespace perpwire::cli {
namespace {

v1::Bbo book(const char* bid, const char* ask) {
  v1::Bbo bbo;
  bbo.set_trading_pair("BTC-USD");
  set_decimal(WideDecimal::parse(bid).value(), *bbo.mutable_bid_price());
  set_decimal(WideDecimal::parse(ask).value(), *bbo.mutable_ask_price());
  return bbo;
}

v1::Instrument with_tick(const char* tick) {
  v1::Instrument instrument;
  set_decimal(WideDecimal::parse(tick).value(), *instrument.mutable_tick_size());
  return instrument;
}

v1::Instrument with_rule(std::uint32_t figures, std::uint32_t decimals) {
  v1::Instrument instrument;
  instrument.mutable_price_rule()->set_significant_figures(figures);
  instrument.mutable_price_rule()->set_max_decimals(decimals);
  return instrument;
}

std::string resolved(const std::string& text, Side side, const v1::Bbo& bbo,
                     const v1::Instrument& instrument) {
  const auto input = parse_price_input("--px", text);
  if (!input) return input.error().text;
  const auto price = resolve_price(*input, side, bbo, instrument);
  return price ? price->to_string() : price.error().text;
}

TEST(PriceInput, AnAbsolutePriceIsTakenByItsDigits) {
  EXPECT_EQ(resolved("50000.01", Side::kBuy, book("1", "2"), with_tick("1")), "50000.01");
}

TEST(PriceInput, BasisPointsCountFromTheMidPrice) {
  const auto bbo = book("49990", "50010");
  EXPECT_EQ(resolved("mid", Side::kBuy, bbo, with_tick("0.1")), "50000");
  EXPECT_EQ(resolved("-10bps", Side::kBuy, bbo, with_tick("0.1")), "49950");
  EXPECT_EQ(resolved("+2.5bps", Side::kSell, bbo, with_tick("0.1")), "50012.5");
}

TEST(PriceInput, RoundingNeverMakesThePriceWorseForUs) {
  const auto bbo = book("100.01", "100.02");
  EXPECT_EQ(resolved("mid", Side::kBuy, bbo, with_tick("0.01")), "100.01");
  EXPECT_EQ(resolved("mid", Side::kSell, bbo, with_tick("0.01")), "100.02");
}

TEST(PriceInput, SignificantFiguresLimitThePrice) {
  // Five figures: hyperliquid.md section 2.2; whole numbers are always valid.
  EXPECT_EQ(resolved("mid", Side::kBuy, book("1234.56", "1234.58"), with_rule(5, 6)), "1234.5");
  EXPECT_EQ(resolved("mid", Side::kSell, book("1234.56", "1234.58"), with_rule(5, 6)), "1234.6");
  EXPECT_EQ(resolved("mid", Side::kBuy, book("123456", "123457"), with_rule(5, 6)), "123456");
  EXPECT_EQ(resolved("mid", Side::kBuy, book("0.00123456", "0.00123458"), with_rule(5, 6)),
            "0.001234");
  EXPECT_EQ(resolved("mid", Side::kBuy, book("0.00123456", "0.00123458"), with_rule(5, 8)),
            "0.0012345");
}

TEST(PriceInput, AnEmptySideIsAnErrorThatNamesIt) {
  v1::Bbo bbo = book("1", "2");
  bbo.clear_ask_price();
  EXPECT_EQ(resolved("mid", Side::kBuy, bbo, with_tick("1")),
            "BTC-USD: expected a bid and an ask, found no ask");
}

TEST(PriceInput, NonsenseIsRefused) {
  for (const auto* text : {"", "bps", "abc", "-5", "0", "1e5", "-10000bps", "99999bps", "1,000"}) {
    const auto input = parse_price_input("--px", text);
    ASSERT_FALSE(input) << text;
    EXPECT_EQ(input.error().exit, Exit::kUsage);
  }
}

}  // namespace
}  // namespace perpwire::cli
