#pragma once

#include "libs/common/time.hpp"

#include <algorithm>
#include <cstdint>

namespace perpwire::gateway {

/// A share of what a venue allows in a minute, with a reserve for cancels and reconciliation. A
/// part of it may be used at once and the rest comes back within a minute, so that no minute uses
/// more than the share. Pure.
class TokenBudget {
 public:
  struct Split {
    std::uint64_t burst_percent = 50;    // of the minute: what may be used at once
    std::uint64_t reserve_percent = 20;  // of that: only for Urgency::kReserve
  };
  /// per_minute 0: no bound.
  TokenBudget(std::uint64_t per_minute, Split split)
      : per_minute_(static_cast<std::int64_t>(per_minute)),
        capacity_(std::max<std::int64_t>(
            1, static_cast<std::int64_t>(per_minute * split.burst_percent / 100))),
        refill_(std::max<std::int64_t>(1, per_minute_ - capacity_)),
        reserve_(capacity_ * static_cast<std::int64_t>(split.reserve_percent) / 100),
        micro_tokens_(capacity_ * kMicro) {}

  enum class Urgency { kOrdinary, kReserve };

  /// Takes `amount` if the budget allows it; more than all that fits is given when it is full.
  bool take(std::uint64_t amount, Urgency urgency, Nanos now) {
    if (per_minute_ == 0) return true;
    if (!has(amount, urgency, now)) {
      ++refused_;
      return false;
    }
    micro_tokens_ -= static_cast<std::int64_t>(amount) * kMicro;
    return true;
  }
  /// Whether take() would give it now.
  [[nodiscard]] bool has(std::uint64_t amount, Urgency urgency, Nanos now) {
    if (per_minute_ == 0) return true;
    refill(now);
    const std::int64_t floor = urgency == Urgency::kReserve ? 0 : reserve_;
    return micro_tokens_ >= std::min(static_cast<std::int64_t>(amount) + floor, capacity_) * kMicro;
  }
  /// An answer cost more than was taken for the question. May go below zero: then the next ones
  /// wait.
  void charge(std::uint64_t amount) {
    if (per_minute_ != 0) micro_tokens_ -= static_cast<std::int64_t>(amount) * kMicro;
  }
  [[nodiscard]] std::uint64_t available() const {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(micro_tokens_, 0) / kMicro);
  }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  static constexpr std::int64_t kMicro = 1'000'000;
  void refill(Nanos now) {
    if (now <= last_) return;
    // An hour fills it, whatever it owes.
    const std::int64_t counted =
        std::min<std::int64_t>((now - last_).count() / 1'000, 3'600'000'000);
    micro_tokens_ = std::min(capacity_ * kMicro, micro_tokens_ + refill_ * counted / 60);
    last_ = now;
  }

  std::int64_t per_minute_;
  std::int64_t capacity_;
  std::int64_t refill_;  // a minute
  std::int64_t reserve_;
  std::int64_t micro_tokens_;
  std::uint64_t refused_ = 0;
  Nanos last_{0};
};

}  // namespace perpwire::gateway
