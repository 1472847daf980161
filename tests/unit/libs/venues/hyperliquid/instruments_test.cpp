#include "libs/venues/hyperliquid/instruments.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/market_data.pb.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <random>

namespace perpwire::hyperliquid {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMainMeta =
    R"({"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},
        {"szDecimals":1,"name":"MATIC","maxLeverage":20,"marginTableId":20,"isDelisted":true},
        {"szDecimals":0,"name":"kPEPE","maxLeverage":10,"marginTableId":52}],
        "marginTables":[],"collateralToken":0})";
constexpr std::string_view kHynaMeta =
    R"({"universe":[{"szDecimals":4,"name":"hyna:ETH","maxLeverage":20,"marginTableId":20},
        {"szDecimals":5,"name":"hyna:BTC","maxLeverage":40,"onlyIsolated":true,
         "marginMode":"strictIsolated"}],"collateralToken":235})";
constexpr std::string_view kSpotMeta =
    R"({"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0},
        {"name":"PURR","szDecimals":0,"weiDecimals":5,"index":1},
        {"name":"USDE","szDecimals":2,"weiDecimals":8,"index":235},
        {"name":"PURR","szDecimals":2,"weiDecimals":5,"index":7}],
        "universe":[{"tokens":[7,0],"name":"@9","index":9,"isCanonical":false},
        {"tokens":[1,0],"name":"PURR/USDC","index":0,"isCanonical":true},
        {"tokens":[99,0],"name":"@10","index":10,"isCanonical":false},
        {"tokens":[235,0],"name":"@150","index":150,"isCanonical":false}]})";

Instruments build(const std::string& perp_dexs = R"([null,{"name":"xyz"},null,{"name":"hyna"}])") {
  auto built =
      Instruments::build({.perp_dexs = perp_dexs,
                          .metas = {{"", std::string(kMainMeta)}, {"hyna", std::string(kHynaMeta)}},
                          .spot_meta = std::string(kSpotMeta)});
  EXPECT_TRUE(built) << built.error().text;
  return built.value();
}

const Instrument& get(const Instruments& instruments, const std::string& pair) {
  const auto* found = instruments.by_pair(TradingPair{pair});
  EXPECT_NE(found, nullptr) << pair;
  return *found;
}

TEST(Instruments, AssetNumbersCountTheNullsOfPerpDexs) {
  const auto instruments = build();
  EXPECT_EQ(get(instruments, "BTC-USD").asset, 0U);
  EXPECT_EQ(get(instruments, "kPEPE-USD").asset, 2U);  // the delisted one kept its index
  EXPECT_EQ(get(instruments, "hyna:ETH-USD").asset, 130'000U);
  EXPECT_EQ(get(instruments, "hyna:BTC-USD").asset, 130'001U);
  const auto without_null = build(R"([null,{"name":"xyz"},{"name":"hyna"}])");
  EXPECT_EQ(get(without_null, "hyna:BTC-USD").asset, 120'001U);
  // The first builder DEX on testnet: test:ABC = 110000 (hyperliquid.md section 2.1).
  EXPECT_EQ(perp_asset(1, 0), 110'000U);
}

TEST(Instruments, SpotNumbersUseThePairsIndexAndNamesThatClashUseTheVenues) {
  const auto instruments = build();
  EXPECT_EQ(get(instruments, "PURR-USDC").asset, 10'000U);  // the older one keeps the name
  EXPECT_EQ(get(instruments, "PURR-USDC").venue_symbol.value(), "PURR/USDC");
  EXPECT_EQ(get(instruments, "@9").asset, 10'009U);
  EXPECT_EQ(get(instruments, "USDE-USDC").asset, 10'150U);
  EXPECT_EQ(instruments.by_symbol("@150")->trading_pair.value(), "USDE-USDC");
  EXPECT_EQ(instruments.skipped(), 1U);  // token 99 is not described
}

TEST(Instruments, BuilderDexesKeepTheirCollateralAndMarginRule) {
  const auto instruments = build();
  const auto& btc = get(instruments, "hyna:BTC-USD");
  EXPECT_EQ(btc.settle, "USDE");
  EXPECT_EQ(btc.quote, "USD");
  EXPECT_EQ(btc.base, "BTC");
  EXPECT_EQ(btc.dex, "hyna");
  EXPECT_EQ(btc.margin_rule, MarginRule::kStrictIsolated);
  EXPECT_EQ(get(instruments, "BTC-USD").margin_rule, MarginRule::kCrossAllowed);
  EXPECT_EQ(instruments.by_asset(130'001), &btc);
  EXPECT_EQ(instruments.by_asset(130'002), nullptr);
}

TEST(Instruments, RefusesAnswersThatDoNotFitTogether) {
  const std::string main{kMainMeta};
  const std::string hyna{kHynaMeta};
  const auto text = [](const InstrumentSources& sources) {
    const auto built = Instruments::build(sources);
    return built ? std::string("built") : built.error().text;
  };
  EXPECT_EQ(text({"[null]", {{"hyna", hyna}}, ""}),
            "perpDexs: no builder DEX named hyna among 1 entries");
  // The venue answers some unknown DEX names with the main DEX's meta.
  EXPECT_EQ(text({R"([null,{"name":"hyna"}])", {{"hyna", main}}, ""}),
            "meta of dex hyna: universe[0]: coin BTC is of another DEX");
  EXPECT_EQ(text({"", {{"", hyna}}, ""}), "meta: universe[0]: coin hyna:ETH is of another DEX");
  EXPECT_EQ(text({R"([{"name":"hyna"}])", {{"hyna", hyna}}, ""}),
            "perpDexs: no builder DEX named hyna among 1 entries");
  EXPECT_EQ(text({"{}", {}, ""}), "perpDexs: expected an array");
  EXPECT_EQ(text({"[null,3]", {}, ""}), "perpDexs: element 1 has no name");
  EXPECT_EQ(text({"", {{"", "null"}}, ""}), "meta: expected an object");
  EXPECT_EQ(text({"", {{"", "[]"}}, ""}), "meta: expected an object");
  EXPECT_EQ(
      text({"", {{"", R"({"universe":[{"name":"A","maxLeverage":3,"szDecimals":99}]})"}}, ""}),
      "meta: szDecimals: expected 0 to 18");
  EXPECT_EQ(text({"", {{"", main.substr(0, 40)}}, ""}), "meta: not JSON");
}

TEST(Instruments, UnknownPairsAreNamed) {
  const auto found = build().find(TradingPair{"NOPE-USD"});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnknownPair);
  EXPECT_EQ(found.error().text, "hyperliquid has no pair NOPE-USD");
}

struct PriceCase {
  std::string_view name;
  std::string_view pair;
  std::string_view price;
  std::string_view text;  // empty = valid
};
class InstrumentPrices : public ::testing::TestWithParam<PriceCase> {};

TEST_P(InstrumentPrices, AreJudgedByFiguresAndDecimals) {
  const auto instruments = build();
  const auto& row = GetParam();
  const auto checked = get(instruments, std::string(row.pair))
                           .check_price(parse_as<Price>(row.price, "price").value());
  EXPECT_EQ(checked ? "" : checked.error().text, row.text);
  if (!checked) {
    EXPECT_EQ(checked.error().code, ErrorCode::kPriceTick);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, InstrumentPrices,
    ::testing::Values(
        PriceCase{"contract_example", "BTC-USD", "50000.01",
                  "price 50000.01 of BTC-USD is not on its tick 1: nearest are 50000 and 50001"},
        PriceCase{"integer_of_six_figures", "BTC-USD", "123456", ""},
        PriceCase{"integer_of_nine_figures", "BTC-USD", "123456789", ""},
        PriceCase{"six_figures", "BTC-USD", "12345.6",
                  "price 12345.6 of BTC-USD is not on its tick 1: nearest are 12345 and 12346"},
        PriceCase{"five_figures_one_decimal", "BTC-USD", "1234.5", ""},
        PriceCase{"too_many_decimals", "BTC-USD", "99.99",
                  "price 99.99 of BTC-USD is not on its tick 0.1: nearest are 99.9 and 100"},
        PriceCase{"crosses_a_power_of_ten", "kPEPE-USD", "0.0999996",
                  "price 0.0999996 of kPEPE-USD is not on its tick 0.000001: nearest are 0.099999 "
                  "and 0.1"},
        PriceCase{"five_figures_below_one", "kPEPE-USD", "0.012345", ""},
        PriceCase{"nothing_below", "kPEPE-USD", "0.0000004",
                  "price 0.0000004 of kPEPE-USD is not on its tick 0.000001: nearest is 0.000001"},
        PriceCase{"zero", "BTC-USD", "0", "price 0 of BTC-USD must be above zero"},
        PriceCase{"negative", "BTC-USD", "-5", "price -5 of BTC-USD must be above zero"},
        PriceCase{"spot_has_eight", "PURR-USDC", "0.00012345", ""},
        PriceCase{"spot_figures", "PURR-USDC", "1.00001",
                  "price 1.00001 of PURR-USDC is not on its tick 0.0001: nearest are 1 and "
                  "1.0001"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(InstrumentOrders, AreCheckedForLotValueAndListing) {
  const auto instruments = build();
  const auto& btc = get(instruments, "BTC-USD");
  const auto check = [&](std::string_view price, std::string_view amount) {
    const auto checked = btc.check_order(parse_as<Price>(price, "p").value(),
                                         parse_as<Quantity>(amount, "a").value());
    return checked ? std::string() : checked.error().text;
  };
  EXPECT_EQ(check("50000", "0.0002"), "");
  EXPECT_EQ(check("50000", "0.000201"),
            "amount 0.000201 of BTC-USD is not on its lot 0.00001: nearest are 0.0002 and 0.00021");
  EXPECT_EQ(check("50000", "0.000001"),
            "amount 0.000001 of BTC-USD is not on its lot 0.00001: nearest is 0.00001");
  EXPECT_EQ(check("50000", "0"), "amount 0 of BTC-USD must be above zero");
  EXPECT_EQ(check("49999", "0.0002"), "value 9.9998 of BTC-USD is below its minimum 10");
  const auto closed =
      get(instruments, "MATIC-USD").check_order(Price{Decimal::of(1)}, Quantity{Decimal::of(100)});
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, ErrorCode::kMarketClosed);
}

TEST(Instruments, TheContractsMessageSaysTheRules) {
  v1::Instrument message;
  get(build(), "hyna:BTC-USD").fill(message, UnixNanos{5});
  EXPECT_EQ(to_contract_json(message),
            R"({"venue":"hyperliquid","trading_pair":"hyna:BTC-USD","exchange_timestamp":null,)"
            R"("receive_timestamp":5,"venue_symbol":"hyna:BTC","kind":"PERPETUAL","base":"BTC",)"
            R"("quote":"USD","settle":"USDE","tick_size":null,)"
            R"("price_rule":{"significant_figures":5,"max_decimals":1},"lot_size":0.00001,)"
            R"("min_notional":10.0,"max_leverage":40,"status":"TRADING","venue_asset_id":130001})");
}

// ---- properties over every asset of the recorded answers ----

std::vector<Instrument> recorded_instruments() {
  std::vector<Instrument> all;
  std::string perp_dexs;
  InstrumentSources sources;
  std::vector<InstrumentSources> built_from;
  std::ifstream file(std::string(PERPWIRE_SOURCE_DIR) +
                     "/tests/fixtures/hyperliquid/rest_market_messages.jsonl");
  std::string line;
  std::vector<Json> rows;
  while (std::getline(file, line)) {
    rows.push_back(Json::parse(line));
  }
  for (const auto& row : rows) {
    if (row.at("group") == "perpDexs") {
      perp_dexs = row.at("response").dump();
    }
  }
  for (const auto& row : rows) {
    const auto& group = row.at("group");
    InstrumentSources one{.perp_dexs = perp_dexs, .metas = {}, .spot_meta = ""};
    if (group == "meta" || group == "metaAndAssetCtxs") {
      one.metas.push_back({row.at("request").value("dex", ""), row.at("response").dump()});
    } else if (group == "spotMeta" || group == "spotMetaAndAssetCtxs") {
      one.spot_meta = row.at("response").dump();
    } else {
      continue;
    }
    const auto built = Instruments::build(one);
    EXPECT_TRUE(built) << group << ": " << built.error().text;
    all.insert(all.end(), built->all().begin(), built->all().end());
  }
  return all;
}

/// The rule again, on the digits of the text: what hyperliquid.md section 2.2 says in words.
bool valid_by_digits(const Instrument& instrument, const Price& price) {
  auto text = price.to_string();
  const auto point = text.find('.');
  if (point == std::string::npos) {
    return true;
  }
  const auto decimals = static_cast<int>(text.size() - point - 1);
  text.erase(point, 1);
  text.erase(0, text.find_first_not_of('0'));
  return text.size() <= 5 && decimals <= instrument.max_price_decimals();
}

TEST(InstrumentProperties, NeighboursAreValidAdjacentAndOnBothSidesForEveryRecordedAsset) {
  const auto all = recorded_instruments();
  ASSERT_GT(all.size(), 90U);
  std::mt19937_64 random(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  for (const auto& instrument : all) {
    for (int i = 0; i < 60; ++i) {
      const auto mantissa = static_cast<std::int64_t>(1 + random() % (1ULL << (1 + random() % 40)));
      const auto price = Price{Decimal::of(mantissa, static_cast<int>(random() % 14) - 12)};
      ASSERT_EQ(instrument.is_valid_price(price), valid_by_digits(instrument, price))
          << instrument.trading_pair << " " << price;
      if (instrument.is_valid_price(price)) {
        EXPECT_EQ(instrument.valid_price_at_or_below(price).value(), price);
        EXPECT_EQ(instrument.valid_price_at_or_above(price), price);
        continue;
      }
      const auto around = instrument.valid_prices_around(price);
      EXPECT_GT(around.above, price.value());
      EXPECT_TRUE(valid_by_digits(instrument, Price{around.above})) << price;
      const auto below = around.below.value_or(Decimal{});
      EXPECT_LT(below, price.value());
      EXPECT_TRUE(!around.below || valid_by_digits(instrument, Price{below})) << price;
      // Nothing valid lies between them: the middle is not, nor is anything one tick wide.
      EXPECT_EQ(subtract(around.above, below).value(), instrument.tick_at(price)) << price;
    }
  }
}

TEST(Symbols, PerpNamesGoBothWays) {
  EXPECT_EQ(perp_pair("hyna:BTC").value(), "hyna:BTC-USD");
  EXPECT_EQ(perp_coin(TradingPair{"hyna:BTC-USD"}), "hyna:BTC");
  EXPECT_EQ(perp_coin(TradingPair{"PURR-USDC"}), std::nullopt);
  EXPECT_EQ(perp_coin(TradingPair{"-USD"}), std::nullopt);
  EXPECT_EQ(dex_of("hyna:BTC"), "hyna");
  EXPECT_EQ(dex_of("BTC-USD"), "");
  EXPECT_EQ(kind_of_coin("@107"), CoinKind::kSpot);
  EXPECT_EQ(kind_of_coin("PURR/USDC"), CoinKind::kSpot);
  EXPECT_EQ(kind_of_coin("#10"), CoinKind::kOutcome);
  EXPECT_EQ(kind_of_coin("hyna:BTC"), CoinKind::kPerpetual);
}

}  // namespace
}  // namespace perpwire::hyperliquid
