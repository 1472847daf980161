#include "tools/venue-sim/core/universe.hpp"

#include "libs/common/assert.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

struct PerpRow {
  const char* name;
  int sz_decimals;
  int max_leverage;
  int margin_table;
  std::int64_t price_mantissa;
  int price_decimals;
  MarginMode margin_mode = MarginMode::kNormal;
  bool growth_mode = false;
  bool delisted = false;
};

// szDecimals, leverage and table numbers of the main DEX as recorded in December 2025 (fixtures
// `meta`, `metaAndAssetCtxs`); prices are a plausible start and mean nothing.
constexpr PerpRow kMainPerps[] = {
    {"BTC", 5, 40, 56, 98123, 0},
    {"ETH", 4, 25, 55, 32456, 1},
    {"ATOM", 2, 5, 5, 26512, 4},
    {"MATIC", 1, 20, 20, 37621, 5, MarginMode::kNormal, false, true},
    {"DYDX", 1, 5, 5, 21340, 5},
    {"SOL", 2, 20, 54, 14321, 2},
    {"AVAX", 2, 10, 51, 13987, 3},
    {"BNB", 3, 10, 51, 87654, 2},
    {"DOGE", 0, 10, 52, 14567, 5},
    {"HYPE", 2, 10, 52, 34668, 3},
    {"kPEPE", 0, 10, 52, 45671, 7 - 1},
};
constexpr PerpRow kHynaPerps[] = {
    {"BTC", 5, 40, 56, 98130, 0, MarginMode::kNormal, true},
    {"ETH", 4, 25, 55, 32460, 1, MarginMode::kNormal, true},
    {"SOL", 2, 20, 54, 14325, 2, MarginMode::kNoCross, true},
};
constexpr PerpRow kFlxPerps[] = {
    {"TSLA", 3, 10, 10, 39952, 2, MarginMode::kStrictIsolated},
    {"GOLD", 4, 20, 20, 41234, 1, MarginMode::kNoCross},
    {"NVDA", 3, 10, 10, 17765, 2},
};

Ticks scaled(std::int64_t mantissa, int decimals, int wanted) {
  PW_ASSERT(decimals <= wanted);
  return Ticks{static_cast<std::int64_t>(mantissa * power_of_ten(wanted - decimals))};
}

Market make_perp(const PerpRow& row, const Dex& dex, std::size_t dex_index, std::size_t position) {
  Market market;
  market.coin = dex.name.empty() ? row.name : dex.name + ":" + row.name;
  market.asset = static_cast<std::uint32_t>(
      dex_index == 0 ? position : 100'000 + dex_index * 10'000 + position);
  market.dex = dex_index;
  market.sz_decimals = row.sz_decimals;
  market.max_leverage = row.max_leverage;
  market.margin_table = row.margin_table;
  market.margin_mode = row.margin_mode;
  market.growth_mode = row.growth_mode;
  market.delisted = row.delisted;
  market.quote_token = dex.collateral_token;
  market.start_price = scaled(row.price_mantissa, row.price_decimals, market.price_decimals());
  return market;
}

Market make_spot(int base, int spot_index, const char* coin, int sz_decimals, std::int64_t mantissa,
                 int decimals) {
  Market market;
  market.kind = MarketKind::kSpot;
  market.coin = coin;
  market.asset = static_cast<std::uint32_t>(10'000 + spot_index);
  market.sz_decimals = sz_decimals;
  market.base_token = base;
  market.spot_index = spot_index;
  market.start_price = scaled(mantissa, decimals, market.price_decimals());
  return market;
}

void add_market(Universe& universe, Market market) {
  market.index = universe.markets.size();
  PW_ASSERT(market.valid_price(market.start_price));
  universe.markets.push_back(std::move(market));
}

// Recorded tables (fixture `Meta_WithDex`); ids below 50 mean one tier with that leverage.
std::vector<MarginTable> recorded_margin_tables() {
  const auto tiered = [](int id, const char* text, int first, std::int64_t bound, int second) {
    return MarginTable{id, text, {{Money{}, first}, {whole_money(bound), second}}};
  };
  return {{50, "", {{Money{}, 50}}},
          tiered(51, "tiered 10x", 10, 3'000'000, 5),
          tiered(52, "tiered 10x (2)", 10, 20'000'000, 5),
          tiered(53, "tiered 20x", 20, 40'000'000, 10),
          tiered(54, "tiered 20x (2)", 20, 70'000'000, 10),
          tiered(55, "tiered 25x", 25, 100'000'000, 15),
          tiered(56, "tiered 40x", 40, 150'000'000, 20),
          {5, "", {{Money{}, 5}}},
          {10, "", {{Money{}, 10}}},
          {20, "", {{Money{}, 20}}}};
}

bool valid_dex_name(const std::string& name) {
  return name.size() >= 2 && name.size() <= 6 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
         });
}

}  // namespace

Money Market::notional(Ticks price, Lots size) const {
  return Money{Int128{price.value} * size.value * power_of_ten(kMoneyDecimals - max_decimals())};
}

Ticks Market::tick_at(Ticks price) const {
  const std::int64_t one = static_cast<std::int64_t>(power_of_ten(price_decimals()));
  std::int64_t tick = 1;
  for (std::int64_t rest = price.abs().value; rest >= 100'000; rest /= 10) {
    tick *= 10;
  }
  return Ticks{std::min(tick, one)};
}

bool Market::valid_price(Ticks price) const {
  return price.is_positive() && price.value % tick_at(price).value == 0;
}

Ticks Market::round_down(Ticks price) const {
  const std::int64_t tick = tick_at(price).value;
  return Ticks{std::max<std::int64_t>(price.value / tick * tick, 1)};
}

Ticks Market::round_up(Ticks price) const {
  const Ticks down = round_down(price);
  return down >= price ? down : Ticks{down.value + tick_at(price).value};
}

std::string Market::text(Ticks price) const { return fixed_text(price.value, price_decimals()); }
std::string Market::text(Lots size) const { return fixed_text(size.value, sz_decimals); }

const Market* Universe::by_asset(std::uint64_t asset) const {
  for (const auto& market : markets) {
    if (market.asset == asset) {
      return &market;
    }
  }
  return nullptr;
}

const Market* Universe::by_coin(std::string_view coin) const {
  for (const auto& market : markets) {
    if (market.coin == coin) {
      return &market;
    }
  }
  return nullptr;
}

std::optional<std::size_t> Universe::dex_index(std::string_view name) const {
  for (std::size_t i = 0; i < dexs.size(); ++i) {
    if (dexs[i].present && dexs[i].name == name) {
      return i;
    }
  }
  return std::nullopt;
}

const Token* Universe::token(int index) const {
  for (const auto& entry : tokens) {
    if (entry.index == index) {
      return &entry;
    }
  }
  return nullptr;
}

std::vector<const Market*> Universe::perps(std::size_t dex) const {
  std::vector<const Market*> result;
  for (const auto& market : markets) {
    if (market.is_perp() && market.dex == dex) {
      result.push_back(&market);
    }
  }
  return result;
}

const MarginTable& Universe::margin_table(const Market& market) const {
  for (const auto& table : margin_tables) {
    if (table.id == market.margin_table) {
      return table;
    }
  }
  PW_ASSERT(false && "every market has a margin table");
}

Result<Universe> make_universe(const std::vector<std::string>& dex_names) {
  Universe universe;
  universe.margin_tables = recorded_margin_tables();
  universe.tokens = {
      {"USDC", 0, 8, 8, "0x6d1e7cde53ba9467b783cb7c530ce054", "", true},
      {"PURR", 1, 0, 5, "0xc1fb593aeffbeb02f85e0308e9956a90", "", true},
      {"HYPE", 150, 2, 8, "0x0d01dc56dcaaca66ad901c959b4011ec", "Hyperliquid", false},
      {"USDE", 235, 2, 8, "0x2e6d84f2d7ca82e6581e03523e4389f7", "Ethena USDe", false},
      {"USDH", 360, 2, 8, "0x54e00a5988577cb0b0c9ab0cb6ef7f4b", "USDH", false},
  };
  universe.dexs.push_back(Dex{});
  for (std::size_t position = 0; position < std::size(kMainPerps); ++position) {
    add_market(universe, make_perp(kMainPerps[position], universe.dexs[0], 0, position));
  }
  for (const auto& name : dex_names) {
    const std::size_t index = universe.dexs.size();
    if (name == "-") {
      universe.dexs.push_back(Dex{.name = "", .full_name = "", .deployer = "", .present = false});
      continue;
    }
    if (!valid_dex_name(name) || universe.dex_index(name)) {
      return fail(ErrorCode::kInvalidCommand,
                  "dex name: expected 2 to 6 of [a-z0-9], each once, found " + name);
    }
    Dex dex{.name = name, .full_name = name, .deployer = "0x" + std::string(38, '0')};
    dex.deployer += std::to_string(10 + index % 90);
    std::vector<PerpRow> rows{kHynaPerps[0]};
    if (name == "hyna") {
      dex.full_name = "HyENA";
      dex.collateral_token = 235;
      rows.assign(std::begin(kHynaPerps), std::end(kHynaPerps));
    } else if (name == "flx") {
      dex.full_name = "Felix Exchange";
      dex.collateral_token = 360;
      rows.assign(std::begin(kFlxPerps), std::end(kFlxPerps));
    }
    for (std::size_t position = 0; position < rows.size(); ++position) {
      add_market(universe, make_perp(rows[position], dex, index, position));
    }
    universe.dexs.push_back(std::move(dex));
  }
  add_market(universe, make_spot(1, 0, "PURR/USDC", 0, 14821, 5));
  add_market(universe, make_spot(150, 107, "@107", 2, 34690, 3));
  return universe;
}

}  // namespace perpwire::sim
