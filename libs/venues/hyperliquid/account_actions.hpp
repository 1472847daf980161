#pragma once

#include "libs/common/hex.hpp"
#include "libs/common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// L1-signed actions that do not trade: sub-accounts, transfers, vaults, settings. For the
/// simulator, the offline tool and tests; the signer does not link this target and so has no
/// encoder for them. Source: hyperliquid.md section 5.3.
namespace perpwire::hyperliquid {

/// A named value of an action; null where the venue documents a null.
using ActionValue = std::variant<std::nullptr_t, std::string, std::uint64_t, std::int64_t, bool>;

/// Fields in the venue's canonical order.
class ActionFields {
 public:
  void add(std::string_view name, ActionValue value) {
    fields_.emplace_back(std::string(name), std::move(value));
  }
  [[nodiscard]] const std::vector<std::pair<std::string, ActionValue>>& all() const {
    return fields_;
  }
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Empty, zero or false where the field is absent or null.
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::uint64_t unsigned_number(std::string_view name) const;
  [[nodiscard]] std::int64_t signed_number(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;

 private:
  [[nodiscard]] const ActionValue* find(std::string_view name) const;

  std::vector<std::pair<std::string, ActionValue>> fields_;
};

struct AccountAction {
  std::string type;
  ActionFields fields;
};

/// Whether `type` is one of these. Not among them: multiSig, spotUser, userOutcome, deployer's and
/// validator's actions.
bool is_account_action(std::string_view type);

/// As parse_action of order_codec.hpp: strict, any key order, addresses in lower case, decimal
/// amounts without trailing zeros.
Result<AccountAction> parse_account_action(std::string_view json);

/// The canonical bytes: what is hashed.
void append_msgpack(const AccountAction& action, Bytes& out);
/// The canonical JSON text: what is sent.
void append_json(const AccountAction& action, std::string& out);

}  // namespace perpwire::hyperliquid
