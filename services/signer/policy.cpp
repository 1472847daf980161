#include "services/signer/policy.hpp"

#include "libs/common/config_table.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::signer {
namespace {

namespace hl = hyperliquid;

tl::unexpected<Error> refuse(std::string_view rule, const std::string& text) {
  return fail(ErrorCode::kSignerRefused, fmt::format("rule {}: {}", rule, text));
}

bool covers(const std::string& pattern, const TradingPair& pair) {
  if (pattern == "*") {
    return true;
  }
  if (pattern.ends_with(":*")) {
    const std::string_view dex{pattern.data(), pattern.size() - 2};
    return hl::dex_of(pair.value()) == dex && pair.value().size() > dex.size();
  }
  return pattern == pair.value();
}

/// Size and value of each order of an action, with the pair at the same place.
class SizeCheck {
 public:
  SizeCheck(const KeyRules& rules, const std::vector<AssetEntry>& assets)
      : rules_(rules), assets_(assets) {}

  Status result;

  void operator()(const hl::OrderAction& action) {
    for (std::size_t i = 0; i < action.orders.size(); ++i) {
      check(action.orders[i], assets_[i].pair);
    }
  }
  void operator()(const hl::ModifyAction& action) { check(action.modify.order, assets_[0].pair); }
  void operator()(const hl::BatchModifyAction& action) {
    for (std::size_t i = 0; i < action.modifies.size(); ++i) {
      check(action.modifies[i].order, assets_[i].pair);
    }
  }
  void operator()(const hl::TwapOrderAction& action) {
    check_amount(action.quantity, assets_[0].pair);
    if (result && rules_.max_order_notional) {
      // A TWAP carries no price: its value cannot be known here.
      result = refuse("max_order_notional",
                      "a TWAP has no price to check: limit it by max_order_amount alone");
    }
  }
  void operator()(const hl::UpdateLeverageAction& action) {
    if (rules_.max_leverage && action.leverage > *rules_.max_leverage) {
      result = refuse("max_leverage", fmt::format("leverage {} of {} exceeds {}", action.leverage,
                                                  assets_[0].pair.value(), *rules_.max_leverage));
    }
  }
  void operator()(const hl::UpdateIsolatedMarginAction&) {}
  void operator()(const hl::CancelAction&) {}
  void operator()(const hl::CancelByCloidAction&) {}
  void operator()(const hl::ScheduleCancelAction&) {}
  void operator()(const hl::TwapCancelAction&) {}
  void operator()(const hl::NoopAction&) {}

 private:
  void check(const hl::WireOrder& order, const TradingPair& pair) {
    check_amount(order.quantity, pair);
    if (!result || !rules_.max_order_notional) {
      return;
    }
    const auto notional = order.price * order.quantity;
    if (notional.value() > widen(*rules_.max_order_notional)) {
      result = refuse("max_order_notional",
                      fmt::format("order of {} on {} exceeds {}", notional.to_string(),
                                  pair.value(), rules_.max_order_notional->to_string()));
    }
  }
  void check_amount(const Quantity& quantity, const TradingPair& pair) {
    const auto limit = rules_.max_order_amount.find(pair.value());
    if (result && limit != rules_.max_order_amount.end() && quantity.value() > limit->second) {
      result =
          refuse("max_order_amount", fmt::format("amount {} of {} exceeds {}", quantity.to_string(),
                                                 pair.value(), limit->second.to_string()));
    }
  }

  const KeyRules& rules_;
  const std::vector<AssetEntry>& assets_;
};

KeyRules read_rules(ConfigTable table) {
  KeyRules rules;
  for (auto& account : table.list("accounts", {})) {
    rules.accounts.insert(std::move(account));
  }
  const auto& known = all_actions();
  for (auto& action : table.list("actions", {known.begin(), known.end()})) {
    if (!known.contains(action)) {
      table.refuse("actions", fmt::format("of {}", fmt::join(known, ", ")), action);
    }
    rules.actions.insert(std::move(action));
  }
  rules.trading_pairs = table.list("trading_pairs", {});
  rules.max_order_notional = table.decimal("max_order_notional");
  for (const auto& [pair, text] : table.text_map("max_order_amount")) {
    const auto amount = Decimal::parse(text);
    if (!amount || !amount->is_positive()) {
      table.refuse("max_order_amount", "a positive decimal in quotes", text);
    }
    rules.max_order_amount[pair] = *amount;
  }
  if (table.has("max_leverage")) {
    rules.max_leverage = static_cast<std::uint64_t>(table.integer("max_leverage", 1, 1, 1'000));
  }
  if (table.has("max_orders_per_second")) {
    rules.velocity.max_orders_per_second =
        static_cast<std::uint64_t>(table.integer("max_orders_per_second", 1, 1, 1'000'000));
  }
  rules.velocity.max_notional_per_minute = table.decimal("max_notional_per_minute");
  rules.max_expires_after_ms =
      static_cast<std::uint64_t>(table.integer("max_expires_after_ms", 60'000, 1'000, 600'000));
  return rules;
}

}  // namespace

const std::set<std::string>& all_actions() {
  static const std::set<std::string> all{"order",
                                         "cancel",
                                         "cancelByCloid",
                                         "modify",
                                         "batchModify",
                                         "scheduleCancel",
                                         "updateLeverage",
                                         "updateIsolatedMargin",
                                         "twapOrder",
                                         "twapCancel",
                                         "noop"};
  return all;
}

Policy Policy::parse(std::string_view text, std::string_view name) {
  auto file = ConfigTable::parse(text, name);
  auto keys = file.table("keys");
  std::map<std::string, KeyRules> rules;
  for (const auto& key : keys.table_names()) {
    rules[key] = read_rules(keys.table(key));
  }
  file.finish();
  return Policy{std::move(rules)};
}

void Policy::copy_rules(const std::string& from, const std::string& to) {
  if (const auto found = rules_.find(from); found != rules_.end()) {
    rules_.insert_or_assign(to, KeyRules(found->second));
  }
}

const KeyRules* Policy::rules_of(const std::string& key) const {
  const auto found = rules_.find(key);
  return found == rules_.end() ? nullptr : &found->second;
}

Status Policy::check(const std::string& key, const std::string& account,
                     const ActionRequest& request) const {
  const auto* rules = rules_of(key);
  if (rules == nullptr) {
    return refuse("key", fmt::format("key \"{}\" has no policy", key));
  }
  if (!rules->accounts.contains(account)) {
    return refuse("accounts", fmt::format("key {} may not sign for account \"{}\"", key, account));
  }
  const std::string type{hl::action_type(request.action)};
  if (!rules->actions.contains(type)) {
    return refuse("actions", fmt::format("key {} may not sign {}", key, type));
  }
  for (const auto& asset : request.assets) {
    if (!needs_lease(request.action)) {
      break;  // a cancel is never refused for its pair
    }
    const auto& patterns = rules->trading_pairs;
    if (std::none_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return covers(pattern, asset.pair); })) {
      return refuse("trading_pairs",
                    fmt::format("key {} may not trade {}", key, asset.pair.value()));
    }
  }
  SizeCheck sizes{*rules, request.assets};
  std::visit(sizes, request.action);
  return sizes.result;
}

bool needs_lease(const hl::Action& action) {
  return std::holds_alternative<hl::OrderAction>(action) ||
         std::holds_alternative<hl::ModifyAction>(action) ||
         std::holds_alternative<hl::BatchModifyAction>(action) ||
         std::holds_alternative<hl::UpdateLeverageAction>(action) ||
         std::holds_alternative<hl::UpdateIsolatedMarginAction>(action) ||
         std::holds_alternative<hl::TwapOrderAction>(action);
}

}  // namespace perpwire::signer
