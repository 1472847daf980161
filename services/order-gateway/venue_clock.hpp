#pragma once

#include "libs/common/time.hpp"

#include <deque>
#include <optional>
#include <utility>

namespace perpwire::gateway {

/// What is known of the venue's time. Only its own answers (exchangeStatus) move it: our clock
/// decides no fate. Pure.
class VenueClock {
 public:
  /// An answer that says `venue` came at `wall` / `mono`.
  void on_time(UnixNanos venue, UnixNanos wall, Nanos mono) {
    if (!newest_ || venue > *newest_) {
      newest_ = venue;
      newest_at_ = mono;
    }
    if (!first_) first_ = venue;
    last_wall_ = wall;
    last_ = venue;
    samples_.emplace_back(mono, wall - venue);
    while (!samples_.empty() && mono - samples_.front().first > kWindow) samples_.pop_front();
  }

  [[nodiscard]] std::optional<UnixNanos> newest() const { return newest_; }
  /// The venue's time now, if its clock has gone on since its newest answer.
  [[nodiscard]] std::optional<UnixNanos> estimate(Nanos mono) const {
    if (!newest_) return std::nullopt;
    return *newest_ + (mono - newest_at_);
  }
  /// The first venue time that this process saw.
  [[nodiscard]] std::optional<UnixNanos> first() const { return first_; }

  /// The venue's own time has passed `deadline` + 2 s and does not lag our clock by more than 5 s:
  /// while it stands still, nothing expires. (ARCHITECTURE.md section 4)
  [[nodiscard]] bool is_past(UnixNanos deadline) const {
    if (!newest_ || !last_) return false;
    if (last_wall_ - *last_ > std::chrono::seconds{5}) return false;
    return *newest_ > deadline + std::chrono::seconds{2};
  }

  /// How far our clock is from the venue's, at least: the smallest difference lately seen, which
  /// holds the way of the answer too. Nothing before the first answer.
  [[nodiscard]] std::optional<Nanos> skew() const {
    if (samples_.empty()) return std::nullopt;
    Nanos least = samples_.front().second;
    for (const auto& [at, difference] : samples_) {
      if (std::chrono::abs(difference) < std::chrono::abs(least)) least = difference;
    }
    return least;
  }

 private:
  static constexpr Nanos kWindow = std::chrono::seconds{60};
  std::optional<UnixNanos> newest_;
  Nanos newest_at_{0};  // on the monotonic clock
  std::optional<UnixNanos> first_;
  std::optional<UnixNanos> last_;
  UnixNanos last_wall_;
  std::deque<std::pair<Nanos, Nanos>> samples_;
};

}  // namespace perpwire::gateway
