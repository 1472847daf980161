#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace perpwire::limits {

/// The pair of an entry that holds an account's defaults.
inline constexpr std::string_view kEveryPair = "*";

/// One line of the limits as an operator states it. An absent figure is not stated here; a pair's
/// entry then takes the account's "*" figure.
///
/// Units: notionals and losses in quote, positions in base; every figure >= 0 (0 lets nothing
/// pass).
struct LimitEntry {
  AccountName account;
  TradingPair trading_pair;  // "*" = the account's defaults
  std::optional<Notional> max_order_notional;
  std::optional<Quantity> max_position;           // absolute, working orders counted
  std::optional<Notional> max_position_notional;  // the same position at the reference price
  std::optional<std::uint32_t> max_open_orders;   // "*": of the whole account; else of the pair
  std::optional<std::uint32_t> price_collar_bps;
  std::optional<Notional> max_daily_loss;  // account-wide: only in the "*" entry

  friend bool operator==(const LimitEntry&, const LimitEntry&) = default;
};

/// What binds one account and pair, defaults filled in.
struct PairLimits {
  std::optional<Notional> max_order_notional;
  std::optional<Quantity> max_position;
  std::optional<Notional> max_position_notional;
  std::optional<std::uint32_t> max_open_orders;          // of the pair
  std::optional<std::uint32_t> max_account_open_orders;  // of the account
  std::optional<std::uint32_t> price_collar_bps;
  std::optional<Notional> max_daily_loss;

  friend bool operator==(const PairLimits&, const PairLimits&) = default;
};

/// The controls without which an order that opens risk is refused (RISK_NO_LIMITS): no limit
/// configured = no trading. Names the first that is missing; nothing when all are stated.
///
/// Needed: max_order_notional, max_position or max_position_notional (either bounds the position),
/// max_open_orders, price_collar_bps, max_daily_loss.
std::optional<std::string_view> first_missing_control(const PairLimits& limits);

/// All limits, looked up by account and pair. Immutable once made; copy it to change it.
class LimitTable {
 public:
  /// Empty: nothing may trade.
  LimitTable() = default;

  /// Errors: kInvalidCommand naming account, pair and control: a doubled entry, an empty name, a
  /// negative figure, a daily loss for a single pair, an entry without any figure.
  static Result<LimitTable> make(std::vector<LimitEntry> entries);

  /// The limits of the pair, of the account's default, or nullptr: no limits, no trading.
  /// Lifetime: valid as long as the table.
  [[nodiscard]] const PairLimits* find(std::string_view account,
                                       std::string_view trading_pair) const;

  /// As stated, sorted by account and pair ("*" first).
  [[nodiscard]] const std::vector<LimitEntry>& entries() const { return entries_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  friend bool operator==(const LimitTable& a, const LimitTable& b) {
    return a.entries_ == b.entries_;
  }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <class Value>
  using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;
  struct Account {
    std::optional<PairLimits> defaults;
    ByText<PairLimits> pairs;
  };

  std::vector<LimitEntry> entries_;
  ByText<Account> accounts_;
};

/// What changed from one table to the other, one line an entry, for logs and refusals; empty when
/// equal. "main BTC-USD max_position: 1.5 -> 2".
std::vector<std::string> differences(const LimitTable& before, const LimitTable& after);

}  // namespace perpwire::limits
