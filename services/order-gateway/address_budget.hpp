#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <optional>

namespace perpwire::gateway {

/// What the venue still takes from one account: 10,000 actions and one more per USDC ever traded;
/// each order, modify and cancel of a batch counts (hyperliquid.md section 9.2).
///
/// The venue says how many were used; what left since then is counted on top. Only new orders are
/// refused by it: cancels have a larger allowance of their own, and the venue takes one action each
/// ten seconds even beyond it. Pure.
class AddressBudget {
 public:
  /// How many have left so far: given to `on_told` with the answer to a question asked now.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  void on_sent(std::uint64_t actions) { sent_ += actions; }
  void on_told(std::uint64_t used, std::uint64_t cap, std::uint64_t sent_when_asked);

  /// Nothing until the venue has said it once.
  [[nodiscard]] std::optional<std::uint64_t> left() const;
  /// Errors: kRateLimited with both numbers.
  [[nodiscard]] Status room_for(std::uint64_t actions) const;
  /// How long the venue's word is good for: shorter when little is left.
  [[nodiscard]] Nanos interval() const;

 private:
  struct Told {
    std::uint64_t used = 0;
    std::uint64_t cap = 0;
    std::uint64_t sent_when_asked = 0;
  };
  std::uint64_t sent_ = 0;
  std::optional<Told> told_;
};

}  // namespace perpwire::gateway
