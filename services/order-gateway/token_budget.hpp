#pragma once

#include "libs/common/time.hpp"

#include <cstdint>

namespace perpwire::gateway {

/// A share of a venue's budget per minute, with a reserve for cancels and reconciliation. Pure.
class TokenBudget {
 public:
  /// per_minute 0: no bound. `reserve_percent` of the budget is only for Urgency::kReserve.
  TokenBudget(std::uint64_t per_minute, std::uint64_t reserve_percent)
      : per_minute_(per_minute),
        reserve_(per_minute * reserve_percent / 100),
        micro_tokens_(per_minute * kMicro) {}

  enum class Urgency { kOrdinary, kReserve };

  /// Takes `amount` if the budget allows it.
  bool take(std::uint64_t amount, Urgency urgency, Nanos now) {
    if (per_minute_ == 0) return true;
    refill(now);
    const std::uint64_t floor = urgency == Urgency::kReserve ? 0 : reserve_ * kMicro;
    if (micro_tokens_ < amount * kMicro + floor) {
      ++refused_;
      return false;
    }
    micro_tokens_ -= amount * kMicro;
    return true;
  }
  /// An answer cost more than was taken for the question.
  void charge(std::uint64_t amount) {
    const std::uint64_t cost = amount * kMicro;
    micro_tokens_ = micro_tokens_ > cost ? micro_tokens_ - cost : 0;
  }
  [[nodiscard]] std::uint64_t available() const { return micro_tokens_ / kMicro; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  static constexpr std::uint64_t kMicro = 1'000'000;
  void refill(Nanos now) {
    if (now <= last_) return;
    const auto elapsed_us = static_cast<std::uint64_t>((now - last_).count() / 1'000);
    constexpr std::uint64_t kMinuteUs = 60'000'000;
    // Longer than a minute fills it anyway.
    const std::uint64_t counted = elapsed_us > kMinuteUs ? kMinuteUs : elapsed_us;
    micro_tokens_ += per_minute_ * counted / 60;
    if (micro_tokens_ > per_minute_ * kMicro) micro_tokens_ = per_minute_ * kMicro;
    last_ = now;
  }

  std::uint64_t per_minute_;
  std::uint64_t reserve_;
  std::uint64_t micro_tokens_;
  std::uint64_t refused_ = 0;
  Nanos last_{0};
};

}  // namespace perpwire::gateway
