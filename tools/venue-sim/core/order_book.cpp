#include "tools/venue-sim/core/order_book.hpp"

#include "libs/common/assert.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

template <class Levels>
std::vector<BookLevel> first_levels(const Levels& side, std::size_t depth) {
  std::vector<BookLevel> result;
  result.reserve(std::min(depth, side.size()));
  for (const auto& [price, level] : side) {
    if (result.size() == depth) {
      break;
    }
    result.push_back({price, level.size, level.queue.size()});
  }
  return result;
}

template <class Levels>
void take_out(Levels& side, Ticks price, std::uint64_t rank, Lots size) {
  const auto level = side.find(price);
  PW_ASSERT(level != side.end());
  PW_ASSERT(level->second.queue.erase(rank) == 1);
  level->second.size -= size;
  PW_ASSERT(!level->second.size.is_negative());
  if (level->second.queue.empty()) {
    PW_ASSERT(level->second.size.is_zero());
    side.erase(level);
  }
}

template <class Levels>
std::optional<Int128> total_cost(const Levels& side, Lots size) {
  Int128 cost = 0;
  for (const auto& [price, level] : side) {
    const Lots part = std::min(level.size, size);
    cost += Int128{price.value} * part.value;
    size -= part;
    if (size.is_zero()) {
      return cost;
    }
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t OrderBook::add(Side side, Ticks price, OrderNumber oid, Lots size) {
  PW_ASSERT(size.is_positive());
  Level& level = side == Side::kBuy ? bids_[price] : asks_[price];
  const std::uint64_t rank = next_rank_++;
  level.queue.emplace_hint(level.queue.end(), rank, oid);
  level.size += size;
  return rank;
}

void OrderBook::remove(Side side, Ticks price, std::uint64_t rank, Lots size) {
  if (side == Side::kBuy) {
    take_out(bids_, price, rank, size);
  } else {
    take_out(asks_, price, rank, size);
  }
}

void OrderBook::reduce(Side side, Ticks price, Lots by) {
  Level& level = side == Side::kBuy ? bids_.at(price) : asks_.at(price);
  level.size -= by;
  PW_ASSERT(level.size.is_positive());
}

std::optional<Ticks> OrderBook::best(Side side) const {
  if (side == Side::kBuy) {
    return bids_.empty() ? std::nullopt : std::optional{bids_.begin()->first};
  }
  return asks_.empty() ? std::nullopt : std::optional{asks_.begin()->first};
}

OrderNumber OrderBook::front(Side side) const {
  const Level& level = side == Side::kBuy ? bids_.begin()->second : asks_.begin()->second;
  return level.queue.begin()->second;
}

std::vector<BookLevel> OrderBook::levels(Side side, std::size_t depth) const {
  return side == Side::kBuy ? first_levels(bids_, depth) : first_levels(asks_, depth);
}

std::optional<BookLevel> OrderBook::top(Side side) const {
  const auto first = levels(side, 1);
  return first.empty() ? std::nullopt : std::optional{first.front()};
}

bool OrderBook::crosses(Side side, Ticks price) const {
  const auto other = best(opposite(side));
  return other && (side == Side::kBuy ? price >= *other : price <= *other);
}

std::optional<Int128> OrderBook::cost_of(Side taken_from, Lots size) const {
  return taken_from == Side::kBuy ? total_cost(bids_, size) : total_cost(asks_, size);
}

}  // namespace perpwire::sim
