#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/order_check.hpp"

#include <optional>
#include <unordered_map>

namespace perpwire::gateway {

/// What marketstream last said of each pair's price: top of book and mark. Pure.
class ReferencePrices {
 public:
  explicit ReferencePrices(Nanos stale_after) : stale_after_(stale_after) {}

  /// `received`: when the event reached us, on the clock that the limits are given.
  void on_top(const TradingPair& pair, std::optional<Price> bid, std::optional<Price> ask,
              UnixNanos received);
  void on_mark(const TradingPair& pair, std::optional<Price> mark, UnixNanos received);
  /// The publisher lives and has called no feed lost: what it said last still holds. A market whose
  /// best prices do not move sends nothing.
  void on_alive(UnixNanos received) { alive_at_ = received; }
  /// The feed of a pair (or of all, with an empty pair) is not live: its prices count no more.
  void on_feed_lost(const TradingPair& pair);

  /// The middle of a fresh top of book, else a fresh mark; `at` is when it was received. Empty:
  /// none, or stale.
  [[nodiscard]] limits::Reference reference(const TradingPair& pair, UnixNanos now) const;
  [[nodiscard]] std::optional<Price> best_bid(const TradingPair& pair, UnixNanos now) const;
  [[nodiscard]] std::optional<Price> best_ask(const TradingPair& pair, UnixNanos now) const;
  [[nodiscard]] Nanos stale_after() const { return stale_after_; }

 private:
  struct Known {
    std::optional<Price> bid;
    std::optional<Price> ask;
    UnixNanos top_at;
    std::optional<Price> mark;
    UnixNanos mark_at;
  };
  [[nodiscard]] bool fresh(UnixNanos at, UnixNanos now) const;

  /// Until when a price of that age holds.
  [[nodiscard]] UnixNanos held_until(UnixNanos at) const { return at > alive_at_ ? at : alive_at_; }

  Nanos stale_after_;
  UnixNanos alive_at_;
  std::unordered_map<TradingPair, Known> known_;
};

}  // namespace perpwire::gateway
