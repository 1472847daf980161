#pragma once

#include "tools/venue-sim/core/account.hpp"
#include "tools/venue-sim/core/action.hpp"

#include <cstdint>
#include <string>

namespace perpwire::sim {

/// The venue's limit per address (hyperliquid.md section 9.2): one action per USDC traded after the
/// first 10,000; cancels have a cap of their own; over it one action every 10 s.
struct AddressLimit {
  static std::uint64_t cap(const Account& account);
  static std::uint64_t cancel_cap(const Account& account);
  /// Empty, or the refusal. Refused actions are not counted and do not restart the wait.
  static std::string check(const Account& account, bool is_cancel, std::size_t weight, Millis now);
  static void count(Account& account, bool is_cancel, std::size_t weight, Millis now);
};

}  // namespace perpwire::sim
