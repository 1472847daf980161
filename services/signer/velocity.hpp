#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "services/signer/action_request.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

namespace perpwire::signer {

/// How fast one key may add orders. An absent figure is not limited.
struct VelocityRules {
  std::optional<std::uint64_t> max_orders_per_second = std::nullopt;
  std::optional<Decimal> max_notional_per_minute = std::nullopt;  // price x amount, quote
};

/// What an action adds: each order and each modify is one, at its limit price. A TWAP carries no
/// price; cancels and noops add nothing.
struct Exposure {
  std::uint64_t orders = 0;
  WideDecimal notional{};
  bool priced = true;
};
Exposure exposure_of(const hyperliquid::Action& action);

/// Orders of the last second and notional of the last minute of one key. The second is exact; the
/// minute is kept in whole seconds and so reaches back up to one second further: stricter, never
/// looser. Time is CLOCK_BOOTTIME, passed in; a step back counts as standing still.
class Velocity {
 public:
  /// Errors: kSignerRefused naming the rule; nothing was counted then.
  Status take(const VelocityRules& rules, const Exposure& added, Nanos now);

  /// Counts what was signed before a restart, `age` ago.
  void restore(const Exposure& added, Nanos now, Nanos age);

 private:
  static constexpr std::size_t kSeconds = 61;
  struct Bucket {
    std::int64_t second = -1;
    WideDecimal notional{};
  };
  struct Burst {
    Nanos at;
    std::uint64_t orders;
  };
  void count(const Exposure& added, Nanos at);
  [[nodiscard]] Result<WideDecimal> notional_within(Nanos now) const;
  std::uint64_t orders_within(Nanos now);

  std::array<Bucket, kSeconds> buckets_{};
  std::deque<Burst> bursts_;  // oldest first
  std::uint64_t burst_orders_ = 0;
  Nanos last_{0};
};

}  // namespace perpwire::signer
