#pragma once

#include "libs/common/time.hpp"

#include <cstdint>

namespace perpwire::gateway {

/// Switches a path off for a while after so many failures in a row, then lets it be tried again.
/// Pure.
class PathBreaker {
 public:
  PathBreaker(bool enabled, std::uint64_t max_failures, Nanos cooldown)
      : enabled_(enabled), max_failures_(max_failures), cooldown_(cooldown) {}

  [[nodiscard]] bool usable(Nanos now) const {
    return enabled_ && (failures_ < max_failures_ || now - failed_at_ >= cooldown_);
  }
  void on_success() { failures_ = 0; }
  void on_failure(Nanos now) {
    if (failures_ < max_failures_) ++failures_;
    failed_at_ = now;
  }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  bool enabled_;
  std::uint64_t max_failures_;
  Nanos cooldown_;
  std::uint64_t failures_ = 0;
  Nanos failed_at_{0};
};

}  // namespace perpwire::gateway
