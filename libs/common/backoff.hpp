#pragma once

#include "libs/common/time.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

namespace perpwire {

struct BackoffOptions {
  Nanos base = std::chrono::milliseconds{250};
  Nanos cap = std::chrono::seconds{5};
  /// Of the jitter. The same seed gives the same waits on every machine.
  std::uint64_t seed = 1;
};

/// Exponential backoff with full jitter: the n-th wait since reset() is uniform in [0, min(cap,
/// base * 2^(n-1))]. Full jitter spreads the clients of a venue that comes back better than a fixed
/// or half-fixed wait does (source: AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
/// Pure: the caller waits.
class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) : options_(options), random_(options.seed) {}

  /// The next wait.
  Nanos next() {
    const Nanos limit = ceiling();
    ++attempts_;
    if (limit <= Nanos::zero()) return Nanos::zero();
    const auto range = static_cast<std::uint64_t>(limit.count()) + 1;
    return Nanos{static_cast<std::int64_t>(random_() % range)};
  }
  /// The longest that next() could return now.
  [[nodiscard]] Nanos ceiling() const {
    Nanos limit = options_.base;
    for (unsigned i = 0; i < attempts_ && limit < options_.cap; ++i) limit *= 2;
    return std::min(limit, options_.cap);
  }
  /// Waits given since reset().
  [[nodiscard]] unsigned attempts() const { return attempts_; }
  void reset() { attempts_ = 0; }

 private:
  BackoffOptions options_;
  std::mt19937_64 random_;
  unsigned attempts_ = 0;
};

}  // namespace perpwire
