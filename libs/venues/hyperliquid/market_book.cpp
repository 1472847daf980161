#include "libs/venues/hyperliquid/market_book.hpp"

#include <fmt/format.h>

namespace perpwire::hyperliquid {
namespace {

constexpr std::int64_t kSixSignificantFigures = 100'000;  // the least number that has six

tl::unexpected<Error> doubtful(std::string text) {
  return fail(ErrorCode::kResyncing, std::move(text));
}

Status check_level(const BookLevel& level, const PriceGrid& grid, std::string_view side) {
  if (!level.price.is_positive() || !level.quantity.is_positive()) {
    return doubtful(fmt::format("{} {} x {} is empty", side, level.price.to_string(),
                                level.quantity.to_string()));
  }
  if (!is_on_grid(level.price, grid)) {
    return doubtful(fmt::format("{} price {} is off the grid (5 significant figures, {} decimals)",
                                side, level.price.to_string(), grid.max_decimals));
  }
  if (!is_on_grid(level.quantity, grid)) {
    return doubtful(fmt::format("{} quantity {} at {} is off the lot (1e-{})", side,
                                level.quantity.to_string(), level.price.to_string(),
                                grid.size_decimals));
  }
  return {};
}

Status check_side(std::span<const BookLevel> levels, const PriceGrid& grid, bool descending) {
  const std::string_view side = descending ? "bid" : "ask";
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (auto level = check_level(levels[i], grid, side); !level) return level;
    if (i == 0) continue;
    const bool in_order =
        descending ? levels[i].price < levels[i - 1].price : levels[i].price > levels[i - 1].price;
    if (!in_order) {
      return doubtful(fmt::format("{} {} follows {}", side, levels[i].price.to_string(),
                                  levels[i - 1].price.to_string()));
    }
  }
  return {};
}

Status check_crossing(const BookLevel& bid, const BookLevel& ask) {
  if (bid.price < ask.price) return {};
  return doubtful(
      fmt::format("crossed: bid {}, ask {}", bid.price.to_string(), ask.price.to_string()));
}

}  // namespace

bool is_on_grid(const Price& price, const PriceGrid& grid) {
  const auto& value = price.value();
  // The mantissa has no trailing zeros, so its digits are the significant figures unless the number
  // is whole.
  return value.exponent() >= 0 ||
         (value.mantissa() < kSixSignificantFigures && value.decimals() <= grid.max_decimals);
}

bool is_on_grid(const Quantity& quantity, const PriceGrid& grid) {
  return quantity.value().decimals() <= grid.size_decimals;
}

Status check_book(std::span<const BookLevel> bids, std::span<const BookLevel> asks,
                  const PriceGrid& grid) {
  if (auto side = check_side(bids, grid, true); !side) return side;
  if (auto side = check_side(asks, grid, false); !side) return side;
  if (bids.empty() || asks.empty()) return {};
  return check_crossing(bids.front(), asks.front());
}

Status check_top(const std::optional<BookLevel>& bid, const std::optional<BookLevel>& ask,
                 const PriceGrid& grid) {
  if (bid) {
    if (auto level = check_level(*bid, grid, "bid"); !level) return level;
  }
  if (ask) {
    if (auto level = check_level(*ask, grid, "ask"); !level) return level;
  }
  return bid && ask ? check_crossing(*bid, *ask) : Status{};
}

void difference(std::span<const BookLevel> before, std::span<const BookLevel> after,
                bool descending, std::vector<BookLevel>& out) {
  out.clear();
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    const bool only_before = j == after.size();
    const bool only_after = i == before.size();
    const auto order = only_before  ? std::strong_ordering::less
                       : only_after ? std::strong_ordering::greater
                       : descending ? after[j].price <=> before[i].price
                                    : before[i].price <=> after[j].price;
    if (order < 0) {
      out.push_back({before[i++].price, Quantity{}, 0});
    } else if (order > 0) {
      out.push_back(after[j++]);
    } else {
      if (before[i].quantity != after[j].quantity) out.push_back(after[j]);
      ++i;
      ++j;
    }
  }
}

}  // namespace perpwire::hyperliquid
