#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"
#include "services/signer/action_request.hpp"
#include "services/signer/velocity.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::signer {

/// What one key may sign. An absent figure is not limited here (the gateway's and risk's limits
/// stand beside this one).
struct KeyRules {
  std::set<std::string> accounts;          // names of [accounts.<name>]
  std::set<std::string> actions;           // the venue's words: "order", "cancel", ...
  std::vector<std::string> trading_pairs;  // "BTC-USD", "hyna:*" (a DEX), "*" (all)
  std::optional<Decimal> max_order_notional = std::nullopt;  // price x amount of one order, quote
  std::map<std::string, Decimal> max_order_amount = {};      // by pair, base
  std::optional<std::uint64_t> max_leverage = std::nullopt;
  std::uint64_t max_expires_after_ms = 60'000;
  VelocityRules velocity = {};
};

/// Every action that the signer can build, by the venue's words.
const std::set<std::string>& all_actions();

/// Rules of each key. A key without rules signs nothing.
class Policy {
 public:
  Policy() = default;
  explicit Policy(std::map<std::string, KeyRules> rules) : rules_(std::move(rules)) {}

  /// Reads a policy file (TOML): see README.md. Throws ConfigError.
  static Policy parse(std::string_view text, std::string_view name);

  /// `to` may what `from` may.
  void copy_rules(const std::string& from, const std::string& to);
  [[nodiscard]] const KeyRules* rules_of(const std::string& key) const;

  /// Errors: kSignerRefused beginning with the rule's name: "rule max_order_notional: ...".
  [[nodiscard]] Status check(const std::string& key, const std::string& account,
                             const ActionRequest& request) const;

 private:
  std::map<std::string, KeyRules> rules_;
};

/// Whether the action can add risk: needs the account's lease and an expiry. Cancels,
/// scheduleCancel, twapCancel and noop do not.
bool needs_lease(const hyperliquid::Action& action);

}  // namespace perpwire::signer
