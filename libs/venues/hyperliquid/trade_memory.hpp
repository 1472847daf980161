#pragma once

#include "libs/common/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace perpwire::hyperliquid {

/// The newest trades of one coin, by (time, id), so that each is published once whether it comes by
/// the stream, by the old trades of a first message, or by the answer of a request.
///
/// Bound: `capacity` trades; a new one takes the place of the one seen longest ago.
class TradeMemory {
 public:
  explicit TradeMemory(std::size_t capacity = 512) : capacity_(capacity) {}

  /// Remembers a trade. Returns: false if it is known already.
  bool remember(UnixNanos time, std::uint64_t trade_id);
  [[nodiscard]] bool knows(UnixNanos time, std::uint64_t trade_id) const;
  [[nodiscard]] bool empty() const { return seen_.empty(); }
  /// Of all trades remembered since construction; zero if there was none.
  [[nodiscard]] UnixNanos newest() const { return newest_; }

 private:
  struct Key {
    UnixNanos time;
    std::uint64_t trade_id;
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::size_t capacity_;
  std::size_t next_ = 0;  // place of the next one once `seen_` is full
  std::vector<Key> seen_;
  UnixNanos newest_;
};

}  // namespace perpwire::hyperliquid
