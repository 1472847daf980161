#pragma once

#include "libs/common/result.hpp"
#include "libs/venues/hyperliquid/market_messages.hpp"

#include <span>
#include <string>
#include <vector>

namespace perpwire::hyperliquid {

/// The grid of an instrument. Prices: at most 5 significant figures and at most `max_decimals`
/// digits after the point, whole numbers always; quantities: at most `size_decimals` digits after
/// the point. Source: venue documentation, "Tick and lot size".
struct PriceGrid {
  int max_decimals = 6;  // 6 - szDecimals for perps, 8 - szDecimals for spot
  int size_decimals = 0;
};

bool is_on_grid(const Price& price, const PriceGrid& grid);
bool is_on_grid(const Quantity& quantity, const PriceGrid& grid);

/// The self-check of a book before anything of it is published.
///
/// Returns: nothing wrong = ok.
/// Errors:  kResyncing with the reason in words: crossed, out of order, off the grid, an empty
/// level.
Status check_book(std::span<const BookLevel> bids, std::span<const BookLevel> asks,
                  const PriceGrid& grid);
/// The same for the best levels alone.
Status check_top(const std::optional<BookLevel>& bid, const std::optional<BookLevel>& ask,
                 const PriceGrid& grid);

/// What turns one side into another: changed and new levels with their quantity, gone ones with
/// quantity 0, best first. Both sides are in the order `descending` says (bids) or the other
/// (asks). `out` is cleared first.
void difference(std::span<const BookLevel> before, std::span<const BookLevel> after,
                bool descending, std::vector<BookLevel>& out);

}  // namespace perpwire::hyperliquid
