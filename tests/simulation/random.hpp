#pragma once

#include "tools/venue-sim/core/rng.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace perpwire::simulation {

/// Numbers of one concern of a run (the network, the client, ...). Each concern has a sequence of
/// its own, so that one more message on the network does not change what the client does next.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view concern) : rng_(sim::mix64(seed) ^ hash(concern)) {}

  std::uint64_t below(std::uint64_t bound) { return rng_.below(bound); }
  std::int64_t between(std::int64_t low, std::int64_t high) { return rng_.between(low, high); }
  bool percent(std::int64_t of_hundred) { return between(0, 99) < of_hundred; }
  bool per_mille(std::int64_t of_thousand) { return between(0, 999) < of_thousand; }
  std::chrono::nanoseconds millis(std::int64_t low, std::int64_t high) {
    return std::chrono::microseconds{between(low * 1'000, high * 1'000)};
  }
  template <class List>
  auto& pick(List& list) {
    return list[static_cast<std::size_t>(below(std::size(list)))];
  }

 private:
  static std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325U;  // FNV-1a
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return value;
  }
  sim::Rng rng_;
};

}  // namespace perpwire::simulation
