#pragma once

#include "libs/common/result.hpp"
#include "services/signer/signer_state.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace perpwire::signer {

/// Which keys sign for which account, and how that changes without a restart: one current key each,
/// which signs everything; draining ones, which sign noops and cancels alone, so that what they
/// signed before can be proven dead; retired ones, which are gone for ever (the venue forgets the
/// nonces of a removed wallet).
/// Pure: `next` plans are made durable by the caller before they are taken.
class KeyRotation {
 public:
  /// `configured`: account to key, of the configuration. A plan made under another configuration of
  /// an account is passed over, unless it says now what the plan had come to.
  KeyRotation(const std::map<std::string, std::string>& configured, const KeyPlan& plan);

  /// Current key of the account; empty for an unknown account.
  [[nodiscard]] const std::string& current(const std::string& account) const;
  [[nodiscard]] const std::set<std::string>& draining(const std::string& account) const;
  [[nodiscard]] bool is_draining(const std::string& key) const;
  [[nodiscard]] bool is_retired(const std::string& key) const {
    return plan_.retired.contains(key);
  }
  /// Every key that is needed: current and draining ones.
  [[nodiscard]] std::set<std::string> needed() const;

  /// The plan with `key` as the account's current one. Errors: kSignerRefused, rule accounts or
  /// retired.
  [[nodiscard]] Result<KeyPlan> use(const std::string& account, const std::string& key) const;
  /// The plan without `key`. Errors: kSignerRefused, rule key, if it is somebody's current key or
  /// nobody's at all.
  [[nodiscard]] Result<KeyPlan> retire(const std::string& key) const;
  void take(KeyPlan plan) { plan_ = std::move(plan); }

 private:
  KeyPlan plan_;  // of every configured account
};

}  // namespace perpwire::signer
