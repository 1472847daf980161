#include "tools/venue-sim/api/market_views.hpp"

#include "tools/venue-sim/core/price_feed.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace perpwire::sim {
namespace {

Json level_json(const Market& market, const BookLevel& level) {
  Json out = Json::object();
  out["px"] = market.text(level.price);
  out["sz"] = market.text(level.size);
  out["n"] = level.orders;
  return out;
}

// The step of a price at a number of significant figures, times the mantissa.
std::int64_t aggregation_step(Ticks price, int figures, int mantissa) {
  std::int64_t step = 1;
  std::int64_t limit = 1;
  for (int i = 0; i < figures; ++i) {
    limit *= 10;
  }
  for (std::int64_t rest = price.value; rest >= limit; rest /= 10) {
    step *= 10;
  }
  return step * mantissa;
}

std::vector<BookLevel> aggregated(const OrderBook& book, Side side, const BookShape& shape) {
  if (!shape.significant_figures) {
    return book.levels(side, shape.depth);
  }
  std::vector<BookLevel> result;
  for (const auto& level : book.levels(side, 100'000)) {
    const std::int64_t step =
        aggregation_step(level.price, *shape.significant_figures, shape.mantissa.value_or(1));
    const std::int64_t down = level.price.value / step * step;
    const bool is_exact = down == level.price.value;
    const Ticks price{side == Side::kBuy || is_exact ? down : down + step};
    if (!result.empty() && result.back().price == price) {
      result.back().size += level.size;
      result.back().orders += level.orders;
    } else {
      result.push_back({price, level.size, level.orders});
    }
    if (result.size() > shape.depth) {
      result.pop_back();
      break;
    }
  }
  return result;
}

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

std::optional<std::string> true_mid(const VenueState& state, MarketIndex index) {
  const Market& market = state.market(index);
  const auto twice = mid_times_two(state.markets[index].book);
  return twice ? std::optional{fixed_text(*twice * 5, market.price_decimals() + 1)} : std::nullopt;
}

}  // namespace

std::string average_text(const Market& market, Int128 cost, Lots size) {
  return fixed_text(size.is_zero() ? Int128{0} : mul_div(cost, 1, size.value, Rounding::kHalfEven),
                    market.price_decimals());
}

std::string rate_text(std::int64_t rate) { return fixed_text(rate, 10); }

std::string mid_text(const VenueState& state, MarketIndex index) {
  return true_mid(state, index).value_or(state.market(index).text(state.markets[index].last));
}

Json meta_json(const Universe& universe, std::size_t dex) {
  Json out = Json::object();
  Json markets = Json::array();
  for (const Market* market : universe.perps(dex)) {
    Json one = Json::object();
    one["szDecimals"] = market->sz_decimals;
    one["name"] = market->coin;
    one["maxLeverage"] = market->max_leverage;
    one["marginTableId"] = market->margin_table;
    if (market->margin_mode != MarginMode::kNormal) {
      one["onlyIsolated"] = true;
      one["marginMode"] =
          market->margin_mode == MarginMode::kNoCross ? "noCross" : "strictIsolated";
    }
    if (market->delisted) {
      one["isDelisted"] = true;
    }
    if (market->growth_mode) {
      one["growthMode"] = "enabled";
      one["lastGrowthModeChangeTime"] = "2025-11-23T17:37:10.033211662";
    }
    markets.push_back(std::move(one));
  }
  out["universe"] = std::move(markets);
  Json tables = Json::array();
  for (const auto& table : universe.margin_tables) {
    if (table.id < 50) {
      continue;  // not listed: one tier with leverage = id. Section 7.1.
    }
    Json entry = Json::object();
    entry["description"] = table.description;
    Json tiers = Json::array();
    for (const auto& tier : table.tiers) {
      Json one = Json::object();
      one["lowerBound"] = money_text(tier.lower_bound);
      one["maxLeverage"] = tier.max_leverage;
      tiers.push_back(std::move(one));
    }
    entry["marginTiers"] = std::move(tiers);
    tables.push_back(Json::array({table.id, std::move(entry)}));
  }
  out["marginTables"] = std::move(tables);
  out["collateralToken"] = universe.dexs[dex].collateral_token;
  return out;
}

Json spot_meta_json(const Universe& universe) {
  Json out = Json::object();
  Json pairs = Json::array();
  for (const auto& market : universe.markets) {
    if (market.is_perp()) {
      continue;
    }
    Json one = Json::object();
    one["tokens"] = Json::array({market.base_token, market.quote_token});
    one["name"] = market.coin;
    one["index"] = market.spot_index;
    one["isCanonical"] = market.spot_index == 0;
    pairs.push_back(std::move(one));
  }
  out["universe"] = std::move(pairs);
  Json tokens = Json::array();
  for (const auto& token : universe.tokens) {
    Json one = Json::object();
    one["name"] = token.name;
    one["szDecimals"] = token.sz_decimals;
    one["weiDecimals"] = token.wei_decimals;
    one["index"] = token.index;
    one["tokenId"] = token.token_id;
    one["isCanonical"] = token.is_canonical;
    one["evmContract"] = nullptr;
    one["fullName"] = token.full_name.empty() ? Json(nullptr) : Json(token.full_name);
    one["deployerTradingFeeShare"] = "0.0";
    tokens.push_back(std::move(one));
  }
  out["tokens"] = std::move(tokens);
  return out;
}

Json perp_dexs_json(const Universe& universe) {
  Json out = Json::array();
  out.push_back(nullptr);  // the main DEX
  for (std::size_t i = 1; i < universe.dexs.size(); ++i) {
    const Dex& dex = universe.dexs[i];
    if (!dex.present) {
      out.push_back(nullptr);
      continue;
    }
    Json caps = Json::array();
    for (const Market* market : universe.perps(i)) {
      caps.push_back(Json::array({market->coin, "25000000.0"}));
    }
    Json one = Json::object();
    one["name"] = dex.name;
    one["fullName"] = dex.full_name;
    one["deployer"] = dex.deployer;
    one["oracleUpdater"] = nullptr;
    one["feeRecipient"] = dex.deployer;
    one["assetToStreamingOiCap"] = std::move(caps);
    one["subDeployers"] = Json::array();
    one["deployerFeeScale"] = "1.0";
    one["lastDeployerFeeScaleChangeTime"] = "1970-01-01T00:00:00";
    one["assetToFundingMultiplier"] = Json::array();
    one["assetToFundingInterestRate"] = Json::array();
    out.push_back(std::move(one));
  }
  return out;
}

Json asset_ctx_json(const VenueState& state, MarketIndex index) {
  const Market& market = state.market(index);
  const MarketState& book = state.markets[index];
  const auto bid = impact_price(state, index, Side::kBuy);
  const auto ask = impact_price(state, index, Side::kSell);
  Json out = Json::object();
  out["funding"] = rate_text(book.funding_rate);
  out["openInterest"] = market.text(book.open_interest);
  out["prevDayPx"] = market.text(book.previous_day);
  out["dayNtlVlm"] = money_text(book.day_notional);
  out["premium"] = bid && ask ? Json(rate_text(book.premium_now)) : Json(nullptr);
  out["oraclePx"] = market.text(book.oracle);
  out["markPx"] = market.text(book.mark);
  out["midPx"] = text_or_null(true_mid(state, index));
  out["impactPxs"] =
      bid && ask ? Json::array({market.text(*bid), market.text(*ask)}) : Json(nullptr);
  out["dayBaseVlm"] = market.text(book.day_volume);
  return out;
}

Json spot_ctx_json(const VenueState& state, MarketIndex index) {
  const Market& market = state.market(index);
  const MarketState& book = state.markets[index];
  Json out = Json::object();
  out["prevDayPx"] = market.text(book.previous_day);
  out["dayNtlVlm"] = money_text(book.day_notional);
  out["markPx"] = market.text(book.mark);
  out["midPx"] = text_or_null(true_mid(state, index));
  out["circulatingSupply"] = "596400647.8014800549";
  out["coin"] = market.coin;
  out["totalSupply"] = "596400654.3242599964";
  out["dayBaseVlm"] = market.text(book.day_volume);
  return out;
}

Json mids_json(const VenueState& state, std::size_t dex) {
  Json out = Json::object();
  for (const auto& market : state.universe.markets) {
    if (market.is_perp() ? market.dex == dex : dex == 0) {
      out[market.coin] = mid_text(state, market.index);
    }
  }
  return out;
}

Json l2_book_json(const VenueState& state, MarketIndex index, const BookShape& shape) {
  const Market& market = state.market(index);
  const OrderBook& book = state.markets[index].book;
  Json sides = Json::array();
  for (const Side side : {Side::kBuy, Side::kSell}) {
    Json levels = Json::array();
    for (const auto& level : aggregated(book, side, shape)) {
      levels.push_back(level_json(market, level));
    }
    sides.push_back(std::move(levels));
  }
  Json out = Json::object();
  out["coin"] = market.coin;
  out["time"] = state.now;
  out["levels"] = std::move(sides);
  if (shape.significant_figures) {
    const auto bid = book.best(Side::kBuy);
    const auto ask = book.best(Side::kSell);
    out["spread"] = market.text(bid && ask ? *ask - *bid : Ticks{});
  }
  return out;
}

Json bbo_json(const VenueState& state, MarketIndex index) {
  const Market& market = state.market(index);
  Json best = Json::array();
  for (const Side side : {Side::kBuy, Side::kSell}) {
    const auto top = state.markets[index].book.top(side);
    best.push_back(top ? level_json(market, *top) : Json(nullptr));
  }
  Json out = Json::object();
  out["coin"] = market.coin;
  out["time"] = state.now;
  out["bbo"] = std::move(best);
  return out;
}

Json trade_json(const VenueState& state, const Trade& trade) {
  const Market& market = state.market(trade.market);
  Json out = Json::object();
  out["coin"] = market.coin;
  out["side"] = side_text(trade.aggressor);
  out["px"] = market.text(trade.price);
  out["sz"] = market.text(trade.size);
  out["time"] = trade.time;
  out["hash"] = trade.hash;
  out["tid"] = trade.trade_id;
  out["users"] = Json::array({trade.buyer, trade.seller});
  return out;
}

Json candle_json(const Market& market, std::size_t interval, const Candle& candle) {
  Json out = Json::object();
  out["t"] = candle.open_time;
  out["T"] = candle.close_time;
  out["s"] = market.coin;
  out["i"] = kCandleIntervals[interval];
  out["o"] = market.text(candle.open);
  out["c"] = market.text(candle.close);
  out["h"] = market.text(candle.high);
  out["l"] = market.text(candle.low);
  out["v"] = market.text(candle.volume);
  out["n"] = candle.trades;
  return out;
}

}  // namespace perpwire::sim
