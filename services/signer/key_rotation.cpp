#include "services/signer/key_rotation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::signer {
namespace {

tl::unexpected<Error> refuse(std::string_view rule, const std::string& text) {
  return fail(ErrorCode::kSignerRefused, fmt::format("rule {}: {}", rule, text));
}

}  // namespace

KeyRotation::KeyRotation(const std::map<std::string, std::string>& configured,
                         const KeyPlan& plan) {
  plan_.retired = plan.retired;
  for (const auto& [account, key] : configured) {
    AccountKeys keys{.configured = key, .current = key, .draining = {}};
    if (const auto found = plan.accounts.find(account); found != plan.accounts.end()) {
      if (found->second.configured == key || found->second.current == key) {
        keys.current = found->second.current;
        keys.draining = found->second.draining;
      }
    }
    plan_.accounts[account] = std::move(keys);
  }
}

const std::string& KeyRotation::current(const std::string& account) const {
  static const std::string kNone;
  const auto found = plan_.accounts.find(account);
  return found == plan_.accounts.end() ? kNone : found->second.current;
}

const std::set<std::string>& KeyRotation::draining(const std::string& account) const {
  static const std::set<std::string> kNone;
  const auto found = plan_.accounts.find(account);
  return found == plan_.accounts.end() ? kNone : found->second.draining;
}

bool KeyRotation::is_draining(const std::string& key) const {
  return std::any_of(plan_.accounts.begin(), plan_.accounts.end(),
                     [&](const auto& account) { return account.second.draining.contains(key); });
}

std::set<std::string> KeyRotation::needed() const {
  std::set<std::string> keys;
  for (const auto& [account, its] : plan_.accounts) {
    keys.insert(its.current);
    keys.insert(its.draining.begin(), its.draining.end());
  }
  return keys;
}

Result<KeyPlan> KeyRotation::use(const std::string& account, const std::string& key) const {
  if (!plan_.accounts.contains(account)) {
    return refuse("accounts", fmt::format("no account named \"{}\"", account));
  }
  if (is_retired(key)) {
    return refuse("retired", fmt::format("key {} was retired: make a new one", key));
  }
  auto plan = plan_;
  auto& its = plan.accounts.at(account);
  if (its.current != key) {
    its.draining.insert(its.current);
    its.draining.erase(key);
    its.current = key;
  }
  return plan;
}

Result<KeyPlan> KeyRotation::retire(const std::string& key) const {
  bool known = false;
  auto plan = plan_;
  for (auto& [account, its] : plan.accounts) {
    if (its.current == key) {
      return refuse("key",
                    fmt::format("key {} signs for account {}: rotate it first", key, account));
    }
    known = its.draining.erase(key) > 0 || known;
  }
  if (!known) {
    return refuse(is_retired(key) ? "retired" : "key",
                  is_retired(key) ? fmt::format("key {} was retired", key)
                                  : fmt::format("no key named \"{}\" is draining", key));
  }
  plan.retired.insert(key);
  return plan;
}

}  // namespace perpwire::signer
