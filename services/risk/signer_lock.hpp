#pragma once

#include "libs/common/time.hpp"
#include "libs/limits/risk_level.hpp"

#include <optional>

namespace perpwire::risk {

/// Whether the signer's keys should sign cancels alone: while PAUSED or CANCEL_ALL is latched.
/// REDUCE_ONLY and FLATTEN need orders. Says what to ask for and asks again until it is confirmed.
/// Pure. It takes back only what it asked for itself: an operator's lock is the operator's.
class SignerLock {
 public:
  static constexpr Nanos kRetry = std::chrono::seconds{1};

  /// The lock to ask for now (true) or to take back (false); nothing while all is confirmed, an
  /// answer is awaited or the last one was too recent.
  std::optional<bool> ask(limits::RiskLevel latched, Nanos now);
  void on_answer(bool asked_for, bool confirmed);

  [[nodiscard]] bool confirmed() const { return has_ == wanted_; }

 private:
  bool wanted_ = false;
  std::optional<bool> has_;  // what the signer confirmed last
  bool awaiting_ = false;
  Nanos next_{};
};

}  // namespace perpwire::risk
