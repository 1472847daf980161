#include "services/order-gateway/order_coalescer.hpp"

#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <algorithm>
#include <utility>

namespace perpwire::gateway {

static_assert(hyperliquid::exchange_weight(OrderCoalescer::kFull) == 1);
static_assert(hyperliquid::exchange_weight(OrderCoalescer::kFull + 1) == 2);

OrderCoalescer::Batch OrderCoalescer::leave(Queue& queue, Nanos now) {
  queue.not_before = now + window_;
  return std::exchange(queue.waiting, {});
}

OrderCoalescer::Batch OrderCoalescer::add(Executor::NewOrder order, Kind kind, Nanos now) {
  Queue& queue = queues_.at((kind.post_only ? 1U : 0U) + (kind.reduce_only ? 2U : 0U));
  queue.waiting.push_back(std::move(order));
  const bool full = queue.waiting.size() >= kFull;
  if (!full && now < queue.not_before) return {};
  return leave(queue, now);
}

std::vector<OrderCoalescer::Batch> OrderCoalescer::due(Nanos now) {
  std::vector<Batch> batches;
  for (Queue& queue : queues_) {
    if (!queue.waiting.empty() && now >= queue.not_before) batches.push_back(leave(queue, now));
  }
  return batches;
}

std::vector<OrderCoalescer::Batch> OrderCoalescer::all(Nanos now) {
  for (Queue& queue : queues_) queue.not_before = Nanos{0};
  return due(now);
}

std::size_t OrderCoalescer::size() const {
  return static_cast<std::size_t>(std::count_if(
      queues_.begin(), queues_.end(), [](const Queue& queue) { return !queue.waiting.empty(); }));
}

std::optional<Nanos> OrderCoalescer::next_due() const {
  std::optional<Nanos> next;
  for (const Queue& queue : queues_) {
    if (!queue.waiting.empty() && (!next || queue.not_before < *next)) next = queue.not_before;
  }
  return next;
}

}  // namespace perpwire::gateway
