#pragma once

#include "libs/common/time.hpp"

#include <algorithm>
#include <cstdint>

namespace perpwire::risk {

/// Risk's share of the venue's weight per IP and minute, as a bucket that refills evenly. Pure.
///
/// Cancels are never held back: they may overdraw the bucket, and questions then wait longer.
class WeightBudget {
 public:
  /// `per_minute` 0 = unlimited.
  explicit WeightBudget(std::int64_t per_minute)
      : per_minute_(per_minute), nanos_(per_minute * kNanosPerMinute) {}

  bool try_spend(std::int64_t weight, Nanos now) {
    if (per_minute_ == 0) return true;
    refill(now);
    if (nanos_ < weight * kNanosPerMinute) return false;
    nanos_ -= weight * kNanosPerMinute;
    return true;
  }
  void spend(std::int64_t weight, Nanos now) {
    if (per_minute_ == 0) return;
    refill(now);
    nanos_ -= weight * kNanosPerMinute;
  }

 private:
  // Weight is kept in units of weight x nanoseconds of a minute, so that refilling is exact.
  static constexpr std::int64_t kNanosPerMinute = 60'000'000'000;
  void refill(Nanos now) {
    const std::int64_t minute = std::min<std::int64_t>((now - refilled_).count(), kNanosPerMinute);
    refilled_ = now;
    nanos_ = std::min(nanos_ + minute * per_minute_, per_minute_ * kNanosPerMinute);
  }

  std::int64_t per_minute_;
  std::int64_t nanos_;
  Nanos refilled_{};
};

}  // namespace perpwire::risk
