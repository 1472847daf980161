#include "tools/venue-sim/core/nonce_set.hpp"

#include <algorithm>

namespace perpwire::sim {

std::string NonceSet::check(std::uint64_t nonce, Millis block_time) const {
  const auto text = [](std::uint64_t n) { return std::to_string(n); };
  const auto lowest = static_cast<std::uint64_t>(std::max<Millis>(block_time - 2 * kDay, 0));
  const auto highest = static_cast<std::uint64_t>(block_time + kDay);
  if (nonce <= lowest) {
    return "Invalid nonce: nonce too low " + text(nonce) + " < " + text(lowest);
  }
  if (nonce >= highest) {
    return "Invalid nonce: nonce too high " + text(nonce) + " > " + text(highest);
  }
  if (kept_.contains(nonce)) {
    return "Invalid nonce: duplicate nonce " + text(nonce);
  }
  if (kept_.size() >= kKept && nonce < *kept_.begin()) {
    return "Invalid nonce: nonce too low " + text(nonce) + " < " + text(*kept_.begin());
  }
  return {};
}

void NonceSet::use(std::uint64_t nonce) {
  kept_.insert(nonce);
  if (kept_.size() > kKept) {
    kept_.erase(kept_.begin());
  }
}

}  // namespace perpwire::sim
