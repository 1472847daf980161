#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace perpwire::v1 {
class Instrument;
}

namespace perpwire::hyperliquid {

enum class InstrumentKind { kPerpetual, kSpot };
enum class MarginRule {
  kCrossAllowed,
  kNoCross,         // isolated, margin may be removed
  kStrictIsolated,  // isolated, margin cannot be removed
};

/// The two valid prices or quantities beside one that is not; `below` is missing where it would be
/// zero.
struct Neighbours {
  std::optional<Decimal> below;
  Decimal above;
};

/// One thing that can be traded, with the venue's rules for its orders.
/// Source of the rules: hyperliquid.md section 2.2.
struct Instrument {
  TradingPair trading_pair;
  VenueSymbol venue_symbol;  // coin: "BTC", "hyna:BTC", "@107", "PURR/USDC"
  std::string dex;           // "" = main DEX (and spot)
  std::uint64_t asset = 0;   // what orders carry
  InstrumentKind kind = InstrumentKind::kPerpetual;
  std::string base;
  std::string quote;
  std::string settle;  // collateral
  int size_decimals = 0;
  std::optional<std::uint32_t> max_leverage = std::nullopt;  // perps
  MarginRule margin_rule = MarginRule::kCrossAllowed;
  bool delisted = false;

  /// Most digits after the point of a price that is no integer: 6 (perps) or 8 (spot) less
  /// size_decimals.
  [[nodiscard]] int max_price_decimals() const;
  [[nodiscard]] Decimal lot_size() const { return Decimal::of(1, -size_decimals); }
  [[nodiscard]] static Decimal min_notional() { return Decimal::of(10); }
  /// The effective tick at a price: there is no fixed one, since five significant figures count.
  [[nodiscard]] Decimal tick_at(const Price& price) const;

  [[nodiscard]] bool is_valid_price(const Price& price) const;
  /// Of a positive price that is not valid.
  [[nodiscard]] Neighbours valid_prices_around(const Price& price) const;
  /// The nearest valid price at or below, or at or above. kPriceTick if there is none below.
  [[nodiscard]] Result<Price> valid_price_at_or_below(const Price& price) const;
  [[nodiscard]] Price valid_price_at_or_above(const Price& price) const;

  /// Errors: PRICE_TICK "price 50000.01 of BTC-USD is not on its tick 1: nearest are 50000 and
  ///         50001", or "... must be above zero".
  [[nodiscard]] Status check_price(const Price& price) const;
  /// Errors: AMOUNT_LOT with the two nearest multiples, or "... must be above zero".
  [[nodiscard]] Status check_quantity(const Quantity& quantity) const;
  /// Errors: MIN_NOTIONAL "value 9.5 of BTC-USD is below its minimum 10". A reduce-only order that
  ///         closes the whole position is exempt (hyperliquid.md section 11.4): the caller's to
  ///         know.
  [[nodiscard]] Status check_notional(const Price& price, const Quantity& quantity) const;
  /// Price, quantity and notional, and MARKET_CLOSED for a delisted instrument.
  [[nodiscard]] Status check_order(const Price& price, const Quantity& quantity) const;

  /// The contract's message. receive_timestamp = when the definition was read.
  void fill(v1::Instrument& out, UnixNanos receive_timestamp) const;

  friend bool operator==(const Instrument&, const Instrument&) = default;
};

/// Answers of /info that define instruments.
struct InstrumentSources {
  std::string perp_dexs;  // `perpDexs`; may be empty if only the main DEX is wanted
  struct DexMeta {
    std::string dex;     // "" = main DEX
    std::string answer;  // `meta` or `metaAndAssetCtxs` of that DEX
  };
  std::vector<DexMeta> metas;
  std::string spot_meta;  // `spotMeta` or `spotMetaAndAssetCtxs`; may be empty: no spot
};

/// What can be traded, and the asset numbers: immutable once built; build a new one to refresh.
class Instruments {
 public:
  Instruments() = default;
  /// Errors: kMalformed naming answer and field; a DEX that `perpDexs` does not name; a coin of
  ///         another DEX in a `meta` (the venue answers some unknown names with the main DEX).
  static Result<Instruments> build(const InstrumentSources& sources);

  [[nodiscard]] const std::vector<Instrument>& all() const { return all_; }
  /// Null if unknown. Lifetime: this object's.
  [[nodiscard]] const Instrument* by_pair(const TradingPair& pair) const;
  [[nodiscard]] const Instrument* by_symbol(std::string_view coin) const;
  [[nodiscard]] const Instrument* by_asset(std::uint64_t asset) const;
  /// by_pair, or UNKNOWN_PAIR naming it.
  [[nodiscard]] Result<const Instrument*> find(const TradingPair& pair) const;
  /// Spot pairs left out because a token of theirs is not described.
  [[nodiscard]] std::size_t skipped() const { return skipped_; }

 private:
  void index();

  std::vector<Instrument> all_;
  std::unordered_map<std::string, std::size_t> by_pair_;
  std::unordered_map<std::string, std::size_t> by_symbol_;
  std::unordered_map<std::uint64_t, std::size_t> by_asset_;
  std::size_t skipped_ = 0;
};

/// Asset number of a perp: its index on the main DEX, or 100000 + position of the DEX in `perpDexs`
/// (nulls counted) x 10000 + index. Source: hyperliquid.md section 2.1.
constexpr std::uint64_t perp_asset(std::uint64_t dex_position, std::uint64_t index) {
  return dex_position == 0 ? index : 100'000 + dex_position * 10'000 + index;
}
/// 10000 + the pair's own `index` (not its position).
constexpr std::uint64_t spot_asset(std::uint64_t pair_index) { return 10'000 + pair_index; }

}  // namespace perpwire::hyperliquid
