#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace perpwire {

/// A duration in nanoseconds.
using Nanos = std::chrono::nanoseconds;

/// A point in time: nanoseconds since the unix epoch, UTC, in 64 bits.
class UnixNanos {
 public:
  constexpr UnixNanos() = default;
  constexpr explicit UnixNanos(std::int64_t value) : value_(value) {}
  /// From unix milliseconds, the unit of most venues. Values beyond the range of 64-bit nanoseconds
  /// saturate.
  static constexpr UnixNanos from_millis(std::int64_t millis) {
    constexpr std::int64_t kMax = INT64_MAX / 1'000'000;
    if (millis > kMax) return UnixNanos{INT64_MAX};
    if (millis < -kMax) return UnixNanos{INT64_MIN};
    return UnixNanos{millis * 1'000'000};
  }

  [[nodiscard]] constexpr std::int64_t value() const { return value_; }
  [[nodiscard]] constexpr std::int64_t millis() const { return value_ / 1'000'000; }

  friend constexpr auto operator<=>(UnixNanos, UnixNanos) = default;
  friend constexpr UnixNanos operator+(UnixNanos at, Nanos by) {
    return UnixNanos{at.value_ + by.count()};
  }
  friend constexpr UnixNanos operator-(UnixNanos at, Nanos by) {
    return UnixNanos{at.value_ - by.count()};
  }
  friend constexpr Nanos operator-(UnixNanos a, UnixNanos b) { return Nanos{a.value_ - b.value_}; }

 private:
  std::int64_t value_ = 0;
};

/// The wall clock and the monotonic clock. Only drivers and I/O call these; deciding code takes
/// times as arguments.
UnixNanos wall_clock_now();
/// CLOCK_MONOTONIC; compare only with itself.
Nanos monotonic_now();
/// CLOCK_BOOTTIME; counts suspended time too.
Nanos boottime_now();

}  // namespace perpwire
