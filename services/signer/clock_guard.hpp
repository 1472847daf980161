#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

namespace perpwire::signer {

/// Both clocks at one moment.
struct ClockReading {
  UnixNanos wall;
  Nanos boot{};  // CLOCK_BOOTTIME
};

/// Nothing is signed while the wall clock has leapt against CLOCK_BOOTTIME by more than 60 s: its
/// time goes into nonces and expiries. Slow corrections (up to 1 ms a second, twice what adjtime
/// does) are followed; a leap is forgiven when the clock comes back, or by a restart.
class ClockGuard {
 public:
  static constexpr Nanos kMaxLeap = std::chrono::seconds(60);

  explicit ClockGuard(ClockReading start) : last_boot_(start.boot), offset_(offset_of(start)) {}

  /// Errors: kSignerRefused, rule clock_leap, with the size of the leap.
  Status check(ClockReading now);

 private:
  static Nanos offset_of(ClockReading reading) {
    return Nanos{reading.wall.value()} - reading.boot;
  }

  Nanos last_boot_;
  Nanos offset_;
};

}  // namespace perpwire::signer
