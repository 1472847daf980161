#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/limit_table.hpp"
#include "libs/limits/risk_level.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace perpwire::gateway {

/// Whether risk lets orders out: its level, its limits, and whether it is alive. Fails closed.
///
/// The highest level_version known wins, whoever brought it (heartbeat or `halt`): a lost message
/// costs one heartbeat. A lower version than the one we know means that risk has lost its memory:
/// RISK_UNAVAILABLE until it has caught up.
/// Pure.
class RiskGate {
 public:
  /// Silence after which orders are refused.
  static constexpr Nanos kStaleAfter = std::chrono::seconds{2};

  /// What risk last told us in an earlier life, from the journal.
  void restore(limits::RiskLevel level, std::uint64_t level_version);

  struct Change {
    limits::RiskLevel level;
    std::uint64_t level_version;
  };
  /// sent: the heartbeat's own timestamp (wall); received on both of our clocks.
  /// Returns the change to journal and obey, if the level is a new one.
  std::optional<Change> on_heartbeat(limits::RiskLevel level, std::uint64_t level_version,
                                     std::uint64_t limits_version, UnixNanos sent,
                                     UnixNanos wall_now, Nanos mono_now);
  std::optional<Change> on_halt(limits::RiskLevel level, std::uint64_t level_version);
  void on_limits(limits::LimitTable table, std::uint64_t limits_version);

  /// Whether a new order may be decided now. Errors: RISK_UNAVAILABLE, naming why.
  [[nodiscard]] Status usable(Nanos mono_now) const;
  [[nodiscard]] limits::RiskLevel level() const { return level_; }
  [[nodiscard]] std::uint64_t level_version() const { return level_version_; }
  [[nodiscard]] const limits::LimitTable& limits() const { return limits_; }
  [[nodiscard]] std::optional<std::uint64_t> limits_version() const { return limits_version_; }

 private:
  std::optional<Change> learn(limits::RiskLevel level, std::uint64_t level_version);

  limits::RiskLevel level_ = limits::RiskLevel::kRunning;
  std::uint64_t level_version_ = 0;
  bool behind_ = false;  // the newest heartbeat's version is lower than ours
  std::optional<Nanos> heard_;
  limits::LimitTable limits_;
  std::optional<std::uint64_t> limits_version_;         // of the table that we hold
  std::optional<std::uint64_t> wanted_limits_version_;  // of the newest heartbeat
};

}  // namespace perpwire::gateway
