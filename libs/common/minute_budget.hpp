#pragma once

#include "libs/common/time.hpp"

#include <algorithm>
#include <cstdint>

namespace perpwire {

/// A share of what a venue allows in a minute: request weight, messages. Half of it may be used at
/// once and the other half comes back within a minute, so no minute uses more than the share. Pure.
class MinuteBudget {
 public:
  /// 0 = no limit.
  explicit MinuteBudget(std::int64_t per_minute) : per_minute_(per_minute), left_(capacity()) {}

  /// Uses `amount` if it is there.
  bool take(std::int64_t amount, Nanos now) {
    if (!has(amount, now)) return false;
    if (per_minute_ > 0) left_ -= amount;
    return true;
  }
  /// Whether take() would give it. More than all that fits is given when the budget is full.
  [[nodiscard]] bool has(std::int64_t amount, Nanos now) {
    if (per_minute_ == 0) return true;
    refill(now);
    return left_ >= std::min(amount, capacity());
  }
  /// What something turned out to cost beyond what was taken. May go below zero: then the next ones
  /// wait.
  void charge(std::int64_t amount, Nanos now) {
    refill(now);
    if (per_minute_ > 0) left_ -= amount;
  }
  [[nodiscard]] std::int64_t left() const { return left_; }
  /// The most that can be used at once.
  [[nodiscard]] std::int64_t capacity() const { return std::max<std::int64_t>(1, per_minute_ / 2); }
  [[nodiscard]] bool is_limited() const { return per_minute_ > 0; }

 private:
  void refill(Nanos now) {
    if (per_minute_ == 0 || now <= filled_at_) return;
    const Nanos each = Nanos{std::chrono::minutes{1}} / capacity();
    const auto gained = (now - filled_at_) / each;
    left_ = std::min(capacity(), left_ + gained);
    filled_at_ = left_ == capacity() ? now : filled_at_ + each * gained;
  }

  std::int64_t per_minute_;
  std::int64_t left_;
  Nanos filled_at_{0};
};

}  // namespace perpwire
