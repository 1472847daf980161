#pragma once

#include "libs/common/time.hpp"

#include <algorithm>
#include <cstdint>

namespace perpwire::marketstream {

/// This process's share of the venue's request weight. Half of a minute's share may be used at once
/// and the other half comes back within a minute, so no minute uses more than the share. Pure.
class WeightBudget {
 public:
  /// 0 = no limit.
  explicit WeightBudget(std::int64_t per_minute) : per_minute_(per_minute), left_(capacity()) {}

  /// Uses `weight` if it is there.
  bool take(std::int64_t weight, Nanos now) {
    if (per_minute_ == 0) return true;
    refill(now);
    // A request heavier than all that fits goes when the budget is full.
    if (left_ < std::min(weight, capacity())) return false;
    left_ -= weight;
    return true;
  }
  /// What an answer turned out to cost beyond its request. May go below zero: then the next ones
  /// wait.
  void charge(std::int64_t weight, Nanos now) {
    refill(now);
    if (per_minute_ > 0) left_ -= weight;
  }
  [[nodiscard]] std::int64_t left() const { return left_; }
  [[nodiscard]] std::int64_t capacity() const { return std::max<std::int64_t>(1, per_minute_ / 2); }

 private:
  void refill(Nanos now) {
    if (per_minute_ == 0) return;
    const Nanos each = Nanos{std::chrono::minutes{1}} / capacity();
    if (now <= filled_at_) return;
    const auto gained = (now - filled_at_) / each;
    left_ = std::min(capacity(), left_ + gained);
    filled_at_ = left_ == capacity() ? now : filled_at_ + each * gained;
  }

  std::int64_t per_minute_;
  std::int64_t left_;
  Nanos filled_at_{0};
};

}  // namespace perpwire::marketstream
