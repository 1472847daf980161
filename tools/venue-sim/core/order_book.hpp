#pragma once

#include "tools/venue-sim/core/order.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace perpwire::sim {

struct BookLevel {
  Ticks price;
  Lots size;
  std::size_t orders = 0;
};

/// One market's resting orders in price-time priority. Knows oids and sizes only; the owner of the
/// orders tells it about every change.
class OrderBook {
 public:
  /// Adds at the end of its level; gives the rank that remove() and reduce() need.
  std::uint64_t add(Side side, Ticks price, OrderNumber oid, Lots size);
  void remove(Side side, Ticks price, std::uint64_t rank, Lots size);
  /// Lowers the size of an order that keeps its place.
  void reduce(Side side, Ticks price, Lots by);

  [[nodiscard]] std::optional<Ticks> best(Side side) const;
  /// The first order of the best level; the side must not be empty.
  [[nodiscard]] OrderNumber front(Side side) const;
  [[nodiscard]] std::vector<BookLevel> levels(Side side, std::size_t depth) const;
  [[nodiscard]] std::optional<BookLevel> top(Side side) const;
  /// Whether an order at this price would match at once.
  [[nodiscard]] bool crosses(Side side, Ticks price) const;
  /// Average price of taking `size` lots from a side, if that much is there: total of price x lots.
  [[nodiscard]] std::optional<Int128> cost_of(Side taken_from, Lots size) const;

 private:
  struct Level {
    Lots size;
    std::map<std::uint64_t, OrderNumber> queue;  // by rank
  };
  std::map<Ticks, Level, std::greater<>> bids_;
  std::map<Ticks, Level> asks_;
  std::uint64_t next_rank_ = 1;
};

}  // namespace perpwire::sim
