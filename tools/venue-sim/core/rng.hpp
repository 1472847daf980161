#pragma once

#include <cstdint>

namespace perpwire::sim {

/// The output of splitmix64 for one input: a good 64-bit mix of it.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

/// Seeded numbers, the same on every machine and compiler (splitmix64): a seed repeats a run.
class Rng {
 public:
  constexpr explicit Rng(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    const std::uint64_t result = mix64(state_);
    state_ += 0x9e3779b97f4a7c15U;
    return result;
  }
  /// 0 .. bound - 1; bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// low .. high, both possible.
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  constexpr bool coin() { return (next() & 1U) != 0; }
  /// True in `n` of `of` cases.
  constexpr bool chance(std::uint64_t n, std::uint64_t of) { return below(of) < n; }

 private:
  std::uint64_t state_;
};

}  // namespace perpwire::sim
