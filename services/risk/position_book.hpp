#pragma once

#include "services/risk/pair_ledger.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::v1 {
class RiskCheckpoint;
class RiskDayState;
}  // namespace perpwire::v1

namespace perpwire::risk {

/// Whole UTC days since the epoch.
std::int64_t utc_day(UnixNanos at);

/// Risk's own count of every account: positions, and the profit of the UTC day. Pure.
///
/// Day PnL = equity now - equity when the day began, where equity is realized + unrealized +
/// funding - fees. Transfers, and positions that were there before we looked, are no profit.
class PositionBook {
 public:
  using Key = std::pair<std::string, std::string>;  // account, trading pair

  /// Errors of all: kMalformed = figures out of range; nothing was counted.
  Result<PairLedger::Applied> apply_fill(std::string_view account, std::string_view pair,
                                         const FillFact& fill);
  Status set_position(std::string_view account, std::string_view pair, Quantity after,
                      std::optional<Price> entry);
  Status add_funding(std::string_view account, std::string_view pair, const Notional& payment);
  /// Of every account that has the pair, or will have it.
  Status set_mark(std::string_view pair, Price mark, UnixNanos at);

  /// Begins the day of `now` for every account whose day is another one; true if any began. Its
  /// equity is what the account is worth now.
  bool roll_day(UnixNanos now);
  /// An account that has nothing yet; its day begins with nothing.
  void add_account(std::string_view account, UnixNanos now);

  [[nodiscard]] const PairLedger* find(std::string_view account, std::string_view pair) const;
  [[nodiscard]] const std::map<Key, PairLedger>& ledgers() const { return ledgers_; }
  [[nodiscard]] std::vector<std::string> accounts() const;
  [[nodiscard]] Result<Notional> equity(std::string_view account) const;
  /// Nothing for an account never seen.
  [[nodiscard]] std::optional<Result<Notional>> day_pnl(std::string_view account) const;

  void save(v1::RiskCheckpoint& out) const;
  static Result<PositionBook> load(const v1::RiskCheckpoint& from);
  void save_day(std::string_view account, v1::RiskDayState& out) const;
  /// As save_day wrote it; replaces what is known of the account's day.
  Status load_day(const v1::RiskDayState& from);

 private:
  struct Day {
    std::int64_t day = 0;
    Notional equity_at_start;
  };
  PairLedger& ledger(std::string_view account, std::string_view pair);
  Status shift_day(std::string_view account, const Notional& by);

  struct Mark {
    Price price;
    UnixNanos at;
  };

  std::map<Key, PairLedger> ledgers_;
  std::map<std::string, Mark, std::less<>> marks_;  // the newest of each pair
  std::map<std::string, Day, std::less<>> days_;
};

}  // namespace perpwire::risk
