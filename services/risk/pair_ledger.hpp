#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"

#include <compare>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace perpwire::v1 {
class RiskPairState;
}

namespace perpwire::risk {

/// One execution as risk counts it.
struct FillFact {
  TradeId trade_id;
  UnixNanos executed_at;  // the venue's time
  Side side = Side::kBuy;
  Price price;
  Quantity quantity;  // > 0
  Notional fee;       // > 0 = paid
};

/// Position and money of one account and pair after some fills, by average entry. A value.
///
/// `cost` is what the open position was paid for, signed as the position. Closing takes cost out at
/// the average (a quotient, 12 places) and the rest of the proceeds is realized, so realized +
/// unrealized is exact whatever the rounding was.
struct PositionState {
  Quantity quantity;  // signed, long > 0
  Notional cost;
  Notional realized;  // fees not taken off
  Notional fees;

  /// Errors: kMalformed if a figure leaves 128 bits; the state is then unchanged.
  Status apply(const FillFact& fill);
  /// cost / quantity, 12 places; nothing while flat.
  [[nodiscard]] std::optional<WideDecimal> entry_price() const;

  friend bool operator==(const PositionState&, const PositionState&) = default;
};

/// The ledger of one account and pair: counts each fill once, in the venue's order whatever order
/// they arrive in.
///
/// Order:   by time of execution, then trade id. The newest `kWindow` fills are kept; one that
///          comes late is put in its place and those after it are counted again. One that is older
///          than all of them is counted at the window's beginning (total PnL is exact all the
///          same; only the split into realized and unrealized can then differ).
/// Doubles: known by (trade id, time); the newest `kRemembered` beyond the window are remembered.
class PairLedger {
 public:
  static constexpr std::size_t kWindow = 128;
  static constexpr std::size_t kRemembered = 10'000;

  enum class Applied { kCounted, kDuplicate };
  /// Errors: kMalformed = out of range: nothing was counted.
  Result<Applied> apply(const FillFact& fill);

  /// The position is `after` for a reason that is no fill (adjustment, first sight). From flat it
  /// is entered at `entry`; else what is added or taken off is valued at the mark price (`entry`
  /// where there is none).
  ///
  /// Returns: what the worth of the account jumped by: no profit of today. Errors as apply.
  Result<Notional> set_position(Quantity after, std::optional<Price> entry);
  /// Received (> 0) or paid (< 0).
  Status add_funding(const Notional& payment);

  /// Returns what the worth of the account jumped by because a position of before is valued for the
  /// first time: that is no profit of today.
  Result<Notional> set_mark(Price mark, UnixNanos at);

  [[nodiscard]] const PositionState& state() const { return current_; }
  [[nodiscard]] Quantity quantity() const { return current_.quantity; }
  [[nodiscard]] std::optional<Price> mark() const { return mark_; }
  [[nodiscard]] UnixNanos mark_at() const { return mark_at_; }
  [[nodiscard]] const Notional& funding() const { return funding_; }
  /// quantity x mark - cost; 0 without a mark.
  [[nodiscard]] Result<Notional> unrealized() const;
  /// realized + unrealized + funding - fees.
  [[nodiscard]] Result<Notional> equity() const;

  void save(v1::RiskPairState& out) const;
  static Result<PairLedger> load(const v1::RiskPairState& from);

 private:
  struct Window {
    PositionState before;        // the state before the first fill of `fills`
    std::deque<FillFact> fills;  // sorted
  };
  static std::string identity(const FillFact& fill);
  static bool precedes(const FillFact& a, const FillFact& b);
  void remember(std::string identity);
  Status fold_oldest();

  Window window_;
  PositionState current_;
  Notional funding_;
  std::optional<Price> mark_;
  UnixNanos mark_at_;
  std::deque<std::string> remembered_;     // oldest first, no longer in the window
  std::unordered_set<std::string> known_;  // of both
};

}  // namespace perpwire::risk
