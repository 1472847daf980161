#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/limit_table.hpp"
#include "services/risk/kill_switch.hpp"
#include "services/risk/open_orders.hpp"
#include "services/risk/position_book.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::v1 {
class AccountRisk;
class Envelope;
class Fill;
class FundingPayment;
class Position;
class PositionAdjusted;
class RiskCheckpoint;
}  // namespace perpwire::v1

namespace perpwire::risk {

struct EngineConfig {
  std::string venue;
  std::set<std::string, std::less<>> accounts;  // of the venue; others' events are ignored
  RiskLevel daily_loss_level = RiskLevel::kCancelAll;
  RiskLevel position_level = RiskLevel::kReduceOnly;
  /// A count of working orders over the limits must stand this long before it is one: events of one
  /// change do not come all at once.
  Nanos grace = std::chrono::seconds{2};
  /// So must a difference to the gateway's drop copy. Longer than the gateway keeps back a fill
  /// whose order it does not know yet (10 s), while the position that it led to is told at once.
  Nanos drop_copy_grace = std::chrono::seconds{15};
};

/// For `risk.<venue>.breach`.
struct Breach {
  std::string account;
  std::string trading_pair;  // "*": the account
  std::string control;       // max_position, max_daily_loss, drop_copy, ...
  WideDecimal limit;
  WideDecimal found;
  std::string action;  // the level that it led to; "none"
  std::string reason;  // for people

  friend bool operator==(const Breach&, const Breach&) = default;
};

/// The gateway's (the venue's) position was taken for ours: a pair was seen for the first time with
/// a position, or a difference had stood. Kept, and taken again at recovery.
struct Adoption {
  std::string account;
  std::string trading_pair;
  Quantity before;
  Quantity after;
  std::optional<Price> entry;  // first sight only, where it is known
};

struct TimerOutcome {
  bool day_began = false;
  std::vector<Adoption> adopted;
};

struct EngineCounters {
  std::uint64_t fills = 0;
  std::uint64_t duplicate_fills = 0;
  std::uint64_t malformed = 0;  // events that could not be counted
  std::uint64_t ignored = 0;    // of accounts that are not ours
};

/// Counts what the gateway and the market report, and decides when it is too much. Pure: its own
/// count (from fills, order events and marks), the limits, and the kill switch that it raises.
///
/// Every event is counted first and then judged; the same events in any order and number give the
/// same positions and PnL (PairLedger). Times are passed in, UTC.
/// Lifetime: keeps a reference to the kill switch.
class Engine {
 public:
  Engine(EngineConfig config, KillSwitch& kill_switch);

  void set_limits(limits::LimitTable limits) { limits_ = std::move(limits); }
  [[nodiscard]] const limits::LimitTable& limits() const { return limits_; }

  /// Any event of the gateway's stream; topics of no concern are ignored. New breaches are appended
  /// to `out`, and the kill switch is raised where a breach asks for it.
  /// Returns whether the event may have changed what the engine knows (and must be kept).
  bool on_gateway_event(const v1::Envelope& envelope, UnixNanos now, std::vector<Breach>& out);
  void on_mark(std::string_view trading_pair, Price mark, UnixNanos at, UnixNanos now,
               std::vector<Breach>& out);
  /// Once a second or so: what must stand for a while before it counts.
  TimerOutcome on_timer(UnixNanos now, std::vector<Breach>& out);

  /// At recovery: what on_timer adopted then.
  Status adopt(const Adoption& adoption);

  /// Breaches that stand now, for refusing a resume that would not last: "max_daily_loss of main".
  [[nodiscard]] std::vector<std::string> standing() const;

  [[nodiscard]] const PositionBook& positions() const { return positions_; }
  [[nodiscard]] PositionBook& positions() { return positions_; }
  [[nodiscard]] const OpenOrders& orders() const { return orders_; }
  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  /// Sum over the accounts; nothing while none is known or a figure is out of range.
  [[nodiscard]] std::optional<Notional> day_pnl() const;
  void describe(std::vector<v1::AccountRisk>& out) const;

  void save(v1::RiskCheckpoint& out) const;
  Status load(const v1::RiskCheckpoint& from);

 private:
  using Key = PositionBook::Key;
  struct Standing {
    UnixNanos since;
    bool reported = false;
    RiskLevel level = RiskLevel::kRunning;
  };
  struct DropCopy {
    Quantity quantity;
    std::optional<Price> entry;
  };
  using ControlKey = std::pair<Key, std::string>;

  bool on_fill(const v1::Fill& fill);
  bool on_position(const v1::Position& position);
  [[nodiscard]] std::set<Key> keys() const;
  bool on_adjusted(const v1::PositionAdjusted& adjusted);
  bool on_funding(const v1::FundingPayment& funding);
  bool counted(const Status& status, std::string_view what);
  [[nodiscard]] bool is_ours(std::string_view venue, std::string_view account);

  void judge_position(const Key& key, UnixNanos now, std::vector<Breach>& out);
  void judge_loss(std::string_view account, UnixNanos now, std::vector<Breach>& out);
  void judge_orders(const Key& key, UnixNanos now, std::vector<Breach>& out);
  /// A pair without a ledger: its position is taken once no fill has explained it for
  /// `drop_copy_grace`.
  void judge_first_sight(const Key& key, const DropCopy& copy, UnixNanos now,
                         std::vector<Adoption>& adopted);
  void judge_drop_copy(const Key& key, UnixNanos now, std::vector<Breach>& out,
                       std::vector<Adoption>& adopted);
  /// One control of one key: reported once when it has stood for `grace`, forgotten when it ends.
  /// Returns whether it was reported now.
  bool judge(bool broken, Nanos grace, Breach breach, RiskLevel level, UnixNanos now,
             std::vector<Breach>& out);

  EngineConfig config_;
  KillSwitch& kill_switch_;
  limits::LimitTable limits_;
  PositionBook positions_;
  OpenOrders orders_;
  std::map<Key, DropCopy> drop_copy_;  // positions as the gateway says
  std::map<ControlKey, Standing> standing_;
  EngineCounters counters_;
};

}  // namespace perpwire::risk
