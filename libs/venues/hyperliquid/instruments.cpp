#include "libs/venues/hyperliquid/instruments.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/json_fields.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/market_data.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

constexpr int kSignificantFigures = 5;
constexpr int kMaxPerpDecimals = 6;
constexpr int kMaxSpotDecimals = 8;
constexpr std::uint64_t kUsdcToken = 0;

int digits_of(std::int64_t mantissa) {
  int digits = 1;
  while ((mantissa /= 10) != 0) {
    ++digits;
  }
  return digits;
}

std::string nearest(const Neighbours& around) {
  return around.below ? fmt::format("nearest are {} and {}", around.below->to_string(),
                                    around.above.to_string())
                      : "nearest is " + around.above.to_string();
}

// ---- reading answers: strict about what is used, indifferent to what is not ----

Error bad_answer(std::string_view answer, std::string_view what) {
  return {ErrorCode::kMalformed, fmt::format("{}: {}", answer, what)};
}

Result<std::vector<std::optional<std::string>>> read_perp_dexs(std::string_view text) {
  dom::parser parser;
  dom::array dexs;
  if (parser.parse(text.data(), text.size()).get_array().get(dexs) != simdjson::SUCCESS) {
    return tl::unexpected(bad_answer("perpDexs", "expected an array"));
  }
  std::vector<std::optional<std::string>> names;
  for (const auto dex : dexs) {
    std::string_view name;
    if (dex.is_null()) {
      names.emplace_back();  // keeps its position: asset numbers count it
    } else if (dex["name"].get_string().get(name) == simdjson::SUCCESS) {
      names.emplace_back(name);
    } else {
      return tl::unexpected(
          bad_answer("perpDexs", fmt::format("element {} has no name", names.size())));
    }
  }
  return names;
}

struct Token {
  std::string name;
  int size_decimals = 0;
};
using Tokens = std::map<std::uint64_t, Token>;

/// `meta`, or the first element of `metaAndAssetCtxs`; likewise for spot.
Result<dom::object> definition_of(dom::parser& parser, std::string_view text,
                                  std::string_view answer) {
  dom::element document;
  dom::object object;
  if (parser.parse(text.data(), text.size()).get(document) != simdjson::SUCCESS) {
    return tl::unexpected(bad_answer(answer, "not JSON"));
  }
  if (document.is_array()) {
    document = document.at(0).is_object() ? document.at(0).value_unsafe() : document;
  }
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return tl::unexpected(bad_answer(answer, "expected an object"));
  }
  return object;
}

Result<int> read_size_decimals(dom::element from, std::string_view answer) {
  std::int64_t decimals = 0;
  if (from["szDecimals"].get_int64().get(decimals) != simdjson::SUCCESS || decimals < 0 ||
      decimals > 18) {
    return tl::unexpected(bad_answer(answer, "szDecimals: expected 0 to 18"));
  }
  return static_cast<int>(decimals);
}

MarginRule read_margin_rule(dom::element asset) {
  std::string_view mode;
  if (asset["marginMode"].get_string().get(mode) == simdjson::SUCCESS) {
    return mode == "strictIsolated" ? MarginRule::kStrictIsolated
           : mode == "noCross"      ? MarginRule::kNoCross
                                    : MarginRule::kCrossAllowed;
  }
  bool only_isolated = false;  // the older field
  ignore(asset["onlyIsolated"].get_bool().get(only_isolated), "absent = false");
  return only_isolated ? MarginRule::kStrictIsolated : MarginRule::kCrossAllowed;
}

class Builder {
 public:
  Status read_spot(std::string_view text) {
    if (text.empty()) {
      return {};
    }
    dom::parser parser;
    const auto definition = definition_of(parser, text, "spotMeta");
    if (!definition) {
      return tl::unexpected(definition.error());
    }
    dom::array tokens;
    dom::array universe;
    if ((*definition)["tokens"].get_array().get(tokens) != simdjson::SUCCESS ||
        (*definition)["universe"].get_array().get(universe) != simdjson::SUCCESS) {
      return tl::unexpected(bad_answer("spotMeta", "expected the arrays tokens and universe"));
    }
    for (const auto token : tokens) {
      if (auto read = read_token(token); !read) {
        return read;
      }
    }
    std::map<std::uint64_t, Instrument> pairs;  // by index: the older one keeps a clashing name
    for (const auto pair : universe) {
      if (auto read = read_spot_pair(pair, pairs); !read) {
        return read;
      }
    }
    std::set<std::string> names;
    for (auto& [index, pair] : pairs) {
      const auto name = pair.base + "-" + pair.quote;
      const bool plain = name.find_first_of(":@/ ") == std::string::npos;
      pair.trading_pair =
          TradingPair{plain && names.insert(name).second ? name : fmt::format("@{}", index)};
      spot_.push_back(std::move(pair));
    }
    return {};
  }

  Status read_perps(const std::string& dex, std::uint64_t position, std::string_view text) {
    const auto answer = dex.empty() ? std::string("meta") : "meta of dex " + dex;
    dom::parser parser;
    const auto definition = definition_of(parser, text, answer);
    if (!definition) {
      return tl::unexpected(definition.error());
    }
    dom::array universe;
    if ((*definition)["universe"].get_array().get(universe) != simdjson::SUCCESS) {
      return tl::unexpected(bad_answer(answer, "expected the array universe"));
    }
    std::uint64_t collateral = kUsdcToken;
    ignore((*definition)["collateralToken"].get_uint64().get(collateral),
           "absent in older answers");
    std::uint64_t index = 0;
    for (const auto asset : universe) {
      Instrument perp;
      std::string_view name;
      std::uint64_t leverage = 0;
      if (asset["name"].get_string().get(name) != simdjson::SUCCESS ||
          asset["maxLeverage"].get_uint64().get(leverage) != simdjson::SUCCESS ||
          leverage > UINT32_MAX) {
        return tl::unexpected(
            bad_answer(answer, fmt::format("universe[{}]: expected name and maxLeverage", index)));
      }
      if (dex_of(name) != dex || name.size() == dex.size()) {
        return tl::unexpected(bad_answer(
            answer, fmt::format("universe[{}]: coin {} is of another DEX", index, name)));
      }
      const auto decimals = read_size_decimals(asset, answer);
      if (!decimals) {
        return tl::unexpected(decimals.error());
      }
      perp.trading_pair = perp_pair(name);
      perp.venue_symbol = VenueSymbol{std::string(name)};
      perp.dex = dex;
      perp.asset = perp_asset(position, index);
      perp.base = dex.empty() ? std::string(name) : std::string(name.substr(dex.size() + 1));
      perp.quote = "USD";
      perp.settle = token_name(collateral);
      perp.size_decimals = *decimals;
      perp.max_leverage = static_cast<std::uint32_t>(leverage);
      perp.margin_rule = read_margin_rule(asset);
      ignore(asset["isDelisted"].get_bool().get(perp.delisted), "absent = false");
      perps_.push_back(std::move(perp));
      ++index;
    }
    return {};
  }

  std::vector<Instrument> take() {
    auto all = std::move(perps_);
    std::move(spot_.begin(), spot_.end(), std::back_inserter(all));
    return all;
  }
  [[nodiscard]] std::size_t skipped() const { return skipped_; }

 private:
  Status read_token(dom::element token) {
    std::string_view name;
    std::uint64_t index = 0;
    if (token["name"].get_string().get(name) != simdjson::SUCCESS ||
        token["index"].get_uint64().get(index) != simdjson::SUCCESS) {
      return tl::unexpected(bad_answer("spotMeta", "tokens: expected name and index"));
    }
    const auto decimals = read_size_decimals(token, "spotMeta");
    if (!decimals) {
      return tl::unexpected(decimals.error());
    }
    tokens_[index] = Token{std::string(name), *decimals};
    return {};
  }

  Status read_spot_pair(dom::element pair, std::map<std::uint64_t, Instrument>& pairs) {
    std::string_view name;
    std::uint64_t index = 0;
    std::uint64_t base = 0;
    std::uint64_t quote = 0;
    if (pair["name"].get_string().get(name) != simdjson::SUCCESS ||
        pair["index"].get_uint64().get(index) != simdjson::SUCCESS ||
        pair["tokens"].at(0).get_uint64().get(base) != simdjson::SUCCESS ||
        pair["tokens"].at(1).get_uint64().get(quote) != simdjson::SUCCESS) {
      return tl::unexpected(
          bad_answer("spotMeta", "universe: expected name, index and two tokens"));
    }
    const auto base_token = tokens_.find(base);
    const auto quote_token = tokens_.find(quote);
    if (base_token == tokens_.end() || quote_token == tokens_.end()) {
      ++skipped_;
      return {};
    }
    Instrument spot;
    spot.venue_symbol = VenueSymbol{std::string(name)};
    spot.asset = spot_asset(index);
    spot.kind = InstrumentKind::kSpot;
    spot.base = base_token->second.name;
    spot.quote = quote_token->second.name;
    spot.settle = spot.quote;
    spot.size_decimals = base_token->second.size_decimals;
    if (!pairs.emplace(index, std::move(spot)).second) {
      return tl::unexpected(
          bad_answer("spotMeta", fmt::format("universe: index {} stands twice", index)));
    }
    return {};
  }

  [[nodiscard]] std::string token_name(std::uint64_t token) const {
    const auto found = tokens_.find(token);
    if (found != tokens_.end()) {
      return found->second.name;
    }
    return token == kUsdcToken ? "USDC" : fmt::format("token:{}", token);
  }

  Tokens tokens_;
  std::vector<Instrument> perps_;
  std::vector<Instrument> spot_;
  std::size_t skipped_ = 0;
};

}  // namespace

int Instrument::max_price_decimals() const {
  const int most = kind == InstrumentKind::kPerpetual ? kMaxPerpDecimals : kMaxSpotDecimals;
  return std::max(0, most - size_decimals);
}

Decimal Instrument::tick_at(const Price& price) const {
  const auto& value = price.value();
  // floor(log10 p): the place of the first digit.
  const int magnitude = digits_of(value.mantissa()) - 1 + value.exponent();
  const int place = std::max(magnitude - (kSignificantFigures - 1), -max_price_decimals());
  return Decimal::of(1, std::min(place, 0));
}

bool Instrument::is_valid_price(const Price& price) const {
  return price.is_positive() && is_multiple(price.value(), tick_at(price));
}

Neighbours Instrument::valid_prices_around(const Price& price) const {
  const auto tick = tick_at(price);
  // A positive 64-bit price and a tick of at most 1: the nearest multiples always fit but for the
  // last few below 2^63, where the price itself stands in.
  const auto below = round_down_to(price.value(), tick).value_or(price.value());
  const auto above = round_up_to(price.value(), tick).value_or(price.value());
  Neighbours around{std::nullopt, above};
  if (below.is_positive()) {
    around.below = below;
  }
  return around;
}

Result<Price> Instrument::valid_price_at_or_below(const Price& price) const {
  if (price.is_positive()) {
    if (const auto around = valid_prices_around(price); around.below) {
      return Price{*around.below};
    }
  }
  return fail(ErrorCode::kPriceTick, fmt::format("{} has no valid price at or below {}",
                                                 trading_pair.value(), price.to_string()));
}

Price Instrument::valid_price_at_or_above(const Price& price) const {
  return price.is_positive() ? Price{valid_prices_around(price).above}
                             : Price{Decimal::of(1, -max_price_decimals())};
}

Status Instrument::check_price(const Price& price) const {
  if (!price.is_positive()) {
    return fail(ErrorCode::kPriceTick, fmt::format("price {} of {} must be above zero",
                                                   price.to_string(), trading_pair.value()));
  }
  if (is_valid_price(price)) {
    return {};
  }
  return fail(ErrorCode::kPriceTick,
              fmt::format("price {} of {} is not on its tick {}: {}", price.to_string(),
                          trading_pair.value(), tick_at(price).to_string(),
                          nearest(valid_prices_around(price))));
}

Status Instrument::check_quantity(const Quantity& quantity) const {
  if (!quantity.is_positive()) {
    return fail(ErrorCode::kAmountLot, fmt::format("amount {} of {} must be above zero",
                                                   quantity.to_string(), trading_pair.value()));
  }
  const auto lot = lot_size();
  if (is_multiple(quantity.value(), lot)) {
    return {};
  }
  const auto below = round_down_to(quantity.value(), lot).value_or(quantity.value());
  const auto above = round_up_to(quantity.value(), lot).value_or(quantity.value());
  Neighbours around{std::nullopt, above};
  if (below.is_positive()) {
    around.below = below;
  }
  return fail(ErrorCode::kAmountLot,
              fmt::format("amount {} of {} is not on its lot {}: {}", quantity.to_string(),
                          trading_pair.value(), lot.to_string(), nearest(around)));
}

Status Instrument::check_notional(const Price& price, const Quantity& quantity) const {
  const auto notional = price * quantity;
  if (notional.value() >= widen(min_notional())) {
    return {};
  }
  return fail(ErrorCode::kMinNotional,
              fmt::format("value {} of {} is below its minimum {}", notional.to_string(),
                          trading_pair.value(), min_notional().to_string()));
}

Status Instrument::check_order(const Price& price, const Quantity& quantity) const {
  if (delisted) {
    return fail(ErrorCode::kMarketClosed, trading_pair.value() + " is delisted");
  }
  if (auto checked = check_price(price); !checked) {
    return checked;
  }
  if (auto checked = check_quantity(quantity); !checked) {
    return checked;
  }
  return check_notional(price, quantity);
}

void Instrument::fill(v1::Instrument& out, UnixNanos receive_timestamp) const {
  out.Clear();
  out.set_venue("hyperliquid");
  out.set_trading_pair(trading_pair.value());
  out.set_receive_timestamp(receive_timestamp.value());
  out.set_venue_symbol(venue_symbol.value());
  out.set_kind(kind == InstrumentKind::kPerpetual ? "PERPETUAL" : "SPOT");
  out.set_base(base);
  out.set_quote(quote);
  out.set_settle(settle);
  out.mutable_price_rule()->set_significant_figures(kSignificantFigures);
  out.mutable_price_rule()->set_max_decimals(static_cast<std::uint32_t>(max_price_decimals()));
  set_decimal(lot_size(), *out.mutable_lot_size());
  set_decimal(min_notional(), *out.mutable_min_notional());
  if (max_leverage) {
    out.set_max_leverage(*max_leverage);
  }
  out.set_status(delisted ? "DELISTED" : "TRADING");
  out.set_venue_asset_id(asset);
}

Result<Instruments> Instruments::build(const InstrumentSources& sources) {
  std::vector<std::optional<std::string>> dexs;
  if (!sources.perp_dexs.empty()) {
    auto read = read_perp_dexs(sources.perp_dexs);
    if (!read) {
      return tl::unexpected(read.error());
    }
    dexs = std::move(*read);
  }
  Builder builder;
  if (auto read = builder.read_spot(sources.spot_meta); !read) {
    return tl::unexpected(read.error());
  }
  for (const auto& [dex, answer] : sources.metas) {
    std::uint64_t position = 0;
    if (!dex.empty()) {
      const auto found = std::find(dexs.begin(), dexs.end(), std::optional<std::string>(dex));
      // Position 0 is the main DEX: no builder DEX can stand there.
      if (found == dexs.end() || found == dexs.begin()) {
        return fail(
            ErrorCode::kMalformed,
            fmt::format("perpDexs: no builder DEX named {} among {} entries", dex, dexs.size()));
      }
      position = static_cast<std::uint64_t>(found - dexs.begin());
    }
    if (auto read = builder.read_perps(dex, position, answer); !read) {
      return tl::unexpected(read.error());
    }
  }
  Instruments instruments;
  instruments.all_ = builder.take();
  instruments.skipped_ = builder.skipped();
  instruments.index();
  return instruments;
}

void Instruments::index() {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const auto& instrument = all_[i];
    by_asset_[instrument.asset] = i;
    // A coin that stands twice: the one that still trades answers to the name.
    for (auto* map : {&by_pair_, &by_symbol_}) {
      const auto& name =
          map == &by_pair_ ? instrument.trading_pair.value() : instrument.venue_symbol.value();
      const auto [entry, added] = map->emplace(name, i);
      if (!added && all_[entry->second].delisted) {
        entry->second = i;
      }
    }
  }
}

const Instrument* Instruments::by_pair(const TradingPair& pair) const {
  const auto found = by_pair_.find(pair.value());
  return found == by_pair_.end() ? nullptr : &all_[found->second];
}

const Instrument* Instruments::by_symbol(std::string_view coin) const {
  const auto found = by_symbol_.find(std::string(coin));
  return found == by_symbol_.end() ? nullptr : &all_[found->second];
}

const Instrument* Instruments::by_asset(std::uint64_t asset) const {
  const auto found = by_asset_.find(asset);
  return found == by_asset_.end() ? nullptr : &all_[found->second];
}

Result<const Instrument*> Instruments::find(const TradingPair& pair) const {
  if (const auto* instrument = by_pair(pair)) {
    return instrument;
  }
  return fail(ErrorCode::kUnknownPair, "hyperliquid has no pair " + pair.value());
}

}  // namespace perpwire::hyperliquid
