#pragma once

#include "tools/venue-sim/core/units.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::sim {

enum class MarketKind { kPerp, kSpot };
enum class MarginMode { kNormal, kNoCross, kStrictIsolated };

/// One tradable market. Asset numbers: hyperliquid.md section 2.1.
struct Market {
  std::size_t index = 0;  // in Universe::markets
  MarketKind kind = MarketKind::kPerp;
  std::string coin;         // "BTC", "hyna:BTC", "PURR/USDC", "@107"
  std::uint32_t asset = 0;  // on the wire
  std::size_t dex = 0;      // position in Universe::dexs; 0 = main
  int sz_decimals = 0;
  int max_leverage = 1;
  int margin_table = 1;
  MarginMode margin_mode = MarginMode::kNormal;
  bool growth_mode = false;
  bool delisted = false;
  int base_token = 0;   // spot only
  int quote_token = 0;  // spot: the quote; perp: the collateral
  int spot_index = 0;   // spot only: field `index`
  Ticks start_price;

  [[nodiscard]] bool is_perp() const { return kind == MarketKind::kPerp; }
  /// MAX_DECIMALS: 6 for perps, 8 for spot (section 2.2).
  [[nodiscard]] int max_decimals() const { return is_perp() ? 6 : 8; }
  [[nodiscard]] int price_decimals() const { return max_decimals() - sz_decimals; }
  /// Price x size.
  [[nodiscard]] Money notional(Ticks price, Lots size) const;
  /// The effective tick at a price: 5 significant figures, whole numbers always valid.
  [[nodiscard]] Ticks tick_at(Ticks price) const;
  [[nodiscard]] bool valid_price(Ticks price) const;
  /// The nearest valid price at or below, and at or above.
  [[nodiscard]] Ticks round_down(Ticks price) const;
  [[nodiscard]] Ticks round_up(Ticks price) const;
  [[nodiscard]] std::string text(Ticks price) const;
  [[nodiscard]] std::string text(Lots size) const;
};

struct MarginTier {
  Money lower_bound;
  int max_leverage = 1;
};

struct MarginTable {
  int id = 0;
  std::string description;
  std::vector<MarginTier> tiers;
};

struct Token {
  std::string name;
  int index = 0;
  int sz_decimals = 2;
  int wei_decimals = 8;
  std::string token_id;
  std::string full_name;  // empty = null
  bool is_canonical = false;
};

struct Dex {
  std::string name;  // "" = main
  std::string full_name;
  std::string deployer;
  int collateral_token = 0;
  bool present = true;  // false: the null entry of perpDexs that keeps an index
};

/// All markets, tokens and DEXs: fixed for a run.
struct Universe {
  std::vector<Dex> dexs;  // position = perp_dex_index
  std::vector<Market> markets;
  std::vector<Token> tokens;
  std::vector<MarginTable> margin_tables;

  [[nodiscard]] const Market* by_asset(std::uint64_t asset) const;
  [[nodiscard]] const Market* by_coin(std::string_view coin) const;
  [[nodiscard]] std::optional<std::size_t> dex_index(std::string_view name) const;
  [[nodiscard]] const Token* token(int index) const;
  /// Perps of one DEX in the order of its universe.
  [[nodiscard]] std::vector<const Market*> perps(std::size_t dex) const;
  [[nodiscard]] const MarginTable& margin_table(const Market& market) const;
};

/// `dex_names`: the builder DEXs in the order of perpDexs; "-" is a null entry. Known names are
/// hyna and flx; any other name gets one BTC market. kInvalidCommand names a name that is not 2 to
/// 6 lower-case letters or digits, or is there twice.
Result<Universe> make_universe(const std::vector<std::string>& dex_names);

}  // namespace perpwire::sim
