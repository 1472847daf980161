#include "libs/common/time.hpp"

#include <ctime>

namespace perpwire {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

UnixNanos wall_clock_now() { return UnixNanos{read_clock(CLOCK_REALTIME)}; }
Nanos monotonic_now() { return Nanos{read_clock(CLOCK_MONOTONIC)}; }
Nanos boottime_now() { return Nanos{read_clock(CLOCK_BOOTTIME)}; }

}  // namespace perpwire
