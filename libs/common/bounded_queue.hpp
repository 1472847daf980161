#pragma once

#include "libs/common/assert.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace perpwire {

/// A bounded queue from one thread to one other, without locks.
///
/// Threads: exactly one calls try_push and close, exactly one other calls try_pop and wait; the
///          figures may be read by anyone.
/// When full: try_push says no and counts it; what follows (block, conflate, halt) is the
///          producer's stated policy.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : slots_(capacity + 1) { PW_ASSERT(capacity > 0); }

  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  /// False if full or closed: `item` is then untouched.
  [[nodiscard]] bool try_push(T&& item) {
    if (closed_.load(std::memory_order_relaxed)) return false;
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t after = next(tail);
    if (after == head_.load(std::memory_order_acquire)) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    slots_[tail].emplace(std::move(item));
    tail_.store(after, std::memory_order_release);
    wake();
    return true;
  }

  [[nodiscard]] std::optional<T> try_pop() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return std::nullopt;
    std::optional<T> item = std::move(slots_[head]);
    slots_[head].reset();
    head_.store(next(head), std::memory_order_release);
    return item;
  }

  /// Blocks the consumer until there is an item, or the queue is closed. An item that was pushed
  /// before close is still handed out.
  [[nodiscard]] std::optional<T> wait_pop() {
    for (;;) {
      const std::uint32_t seen = signal_.load(std::memory_order_acquire);
      if (auto item = try_pop()) return item;
      if (closed_.load(std::memory_order_acquire)) return try_pop();
      signal_.wait(seen, std::memory_order_acquire);
    }
  }

  /// No more pushes; wakes the consumer.
  void close() {
    closed_.store(true, std::memory_order_release);
    wake();
  }

  /// Items waiting: exact for the calling side, a moment old for others.
  [[nodiscard]] std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    return tail >= head ? tail - head : tail + slots_.size() - head;
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size() - 1; }
  /// Pushes that found it full.
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::size_t next(std::size_t index) const {
    return index + 1 == slots_.size() ? 0 : index + 1;
  }
  void wake() {
    signal_.fetch_add(1, std::memory_order_release);
    signal_.notify_one();
  }

  std::vector<std::optional<T>> slots_;  // one stays empty: full and empty differ
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::atomic<std::uint32_t> signal_{0};
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace perpwire
