#pragma once

#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

#include <optional>
#include <string>

namespace perpwire::sim {

/// Market data in the venue's JSON: what /info and the streams share. Sections 7.1, 8.3.
Json meta_json(const Universe& universe, std::size_t dex);
Json spot_meta_json(const Universe& universe);
Json perp_dexs_json(const Universe& universe);
Json asset_ctx_json(const VenueState& state, MarketIndex market);
Json spot_ctx_json(const VenueState& state, MarketIndex market);
Json mids_json(const VenueState& state, std::size_t dex);

struct BookShape {
  std::optional<int> significant_figures;  // 2..5
  std::optional<int> mantissa;             // 2 or 5, with 5 figures
  std::size_t depth = 20;
};
Json l2_book_json(const VenueState& state, MarketIndex market, const BookShape& shape);
Json bbo_json(const VenueState& state, MarketIndex market);
Json trade_json(const VenueState& state, const Trade& trade);
Json candle_json(const Market& market, std::size_t interval, const Candle& candle);

/// sum of ticks x lots over lots, to the places of the market's prices.
std::string average_text(const Market& market, Int128 cost, Lots size);
std::string rate_text(std::int64_t rate);
/// The mid, or the last price while the book is empty on a side.
std::string mid_text(const VenueState& state, MarketIndex market);

}  // namespace perpwire::sim
