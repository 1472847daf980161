#pragma once

#include "libs/common/time.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace perpwire::gateway {

/// How long an account has not been READY and what it waits for, said again at intervals: a start
/// that does not come to its end says so itself. Pure.
class ReadyWatch {
 public:
  static constexpr Nanos kInterval = std::chrono::seconds{5};

  /// Call it often. Returns what to log, if it is time to.
  std::optional<std::string> on_tick(bool ready, const std::string& reason, Nanos now) {
    if (ready) {
      since_.reset();
      return std::nullopt;
    }
    if (!since_) {
      since_ = now;
      next_ = now + kInterval;
    }
    if (now < next_) return std::nullopt;
    next_ = now + kInterval;
    return "not READY for " + std::to_string(waited(now).count() / 1'000'000'000) +
           " s, waits for: " + reason;
  }
  /// Zero while READY.
  [[nodiscard]] Nanos waited(Nanos now) const { return since_ ? now - *since_ : Nanos{0}; }

 private:
  std::optional<Nanos> since_;
  Nanos next_{0};
};

}  // namespace perpwire::gateway
