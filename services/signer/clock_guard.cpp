#include "services/signer/clock_guard.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::signer {

Status ClockGuard::check(ClockReading now) {
  const auto leap = offset_of(now) - offset_;
  if (std::chrono::abs(leap) > kMaxLeap) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule clock_leap: the wall clock leapt by {} s",
                            std::chrono::duration_cast<std::chrono::seconds>(leap).count()));
  }
  constexpr int kSlewPerSecond = 1'000;  // 1 ms a second = 1/1000
  const auto most = (now.boot - last_boot_) / kSlewPerSecond;
  offset_ += std::clamp(leap, -most, most);
  last_boot_ = now.boot;
  return {};
}

}  // namespace perpwire::signer
