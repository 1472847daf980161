#pragma once

#include "tools/venue-sim/core/units.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace perpwire::sim {

/// The nonces of one signer. The venue keeps the 100 highest; a new one must be larger than the
/// smallest of a full set, never used, and within (T - 2 days, T + 1 day) of the block time T.
/// Source: "Nonces and API wallets"; hyperliquid.md sections 4 and 14 (below 100 kept, any unused
/// nonce in the window passes).
class NonceSet {
 public:
  static constexpr std::size_t kKept = 100;
  static constexpr std::int64_t kDay = 86'400'000;

  /// The venue's error text, or empty if the nonce may be used now. Changes nothing.
  [[nodiscard]] std::string check(std::uint64_t nonce, Millis block_time) const;
  /// Marks it used; it must have passed check().
  void use(std::uint64_t nonce);
  [[nodiscard]] const std::set<std::uint64_t>& kept() const { return kept_; }

 private:
  std::set<std::uint64_t> kept_;
};

}  // namespace perpwire::sim
