#include "services/risk/signer_lock.hpp"

namespace perpwire::risk {

std::optional<bool> SignerLock::ask(limits::RiskLevel latched, Nanos now) {
  const bool wanted =
      latched == limits::RiskLevel::kPaused || latched == limits::RiskLevel::kCancelAll;
  if (wanted != wanted_) next_ = now;  // a new wish does not wait for the retry of the old one
  wanted_ = wanted;
  if (confirmed() || awaiting_ || now < next_) return std::nullopt;
  awaiting_ = true;
  next_ = now + kRetry;
  return wanted_;
}

void SignerLock::on_answer(bool asked_for, bool confirmed) {
  awaiting_ = false;
  if (confirmed) {
    has_ = asked_for;
  } else {
    has_.reset();  // an unanswered request may have been obeyed
  }
}

}  // namespace perpwire::risk
