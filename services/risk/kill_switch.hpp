#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/risk_level.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::risk {

using limits::RiskLevel;

/// What of the switch survives a restart; written to the journal before anybody is told.
struct KillSwitchMemory {
  RiskLevel latched = RiskLevel::kRunning;
  std::uint64_t version = 0;
  std::string reason;
  std::string by;

  friend bool operator==(const KillSwitchMemory&, const KillSwitchMemory&) = default;
};

struct KillSwitchConfig {
  /// A resume needs two operators: one asks, another confirms within `resume_window`.
  bool two_step_resume = false;
  Nanos resume_window = std::chrono::minutes{2};
};

/// The level of trading and its version. Pure.
///
/// Latched: a level only rises by itself or by anybody's halt; it falls by an operator's resume
/// only, over restarts too. Recovering: from its start until risk knows where it stands the level
/// is at least PAUSED; that cover falls by itself and never touches what is latched. Version: +1
/// for every change of what `level()` or `memory()` say; never goes back.
class KillSwitch {
 public:
  /// Starts recovering. `memory` as kept; none = the very first start.
  KillSwitch(const KillSwitchConfig& config, const std::optional<KillSwitchMemory>& memory);

  /// What the gateway must obey now.
  [[nodiscard]] RiskLevel level() const;
  [[nodiscard]] std::uint64_t version() const { return memory_.version; }
  [[nodiscard]] const KillSwitchMemory& memory() const { return memory_; }
  [[nodiscard]] bool recovering() const { return recovering_; }
  /// Why the level is what it is, for people.
  [[nodiscard]] std::string reason() const;
  [[nodiscard]] const std::string& by() const { return memory_.by; }

  /// Raises the latch. Returns whether anything changed: a halt below or at the latched level
  /// changes nothing.
  bool halt(RiskLevel level, std::string_view reason, std::string_view by);

  enum class Resume { kDone, kSecondOperatorNeeded };
  /// Lowers the latch to `target`.
  ///
  /// Errors: kInvalidCommand: no operator or no reason; `target` not below the latched level; in
  ///         two steps, the same operator twice or another target than was asked for.
  Result<Resume> resume(RiskLevel target, std::string_view by, std::string_view reason,
                        UnixNanos now);

  /// Ends the cover of the start, or begins it again (the link to the gateway's events was lost and
  /// what was missed is not known). Returns whether anything changed.
  bool set_recovering(bool recovering, std::string_view why);

  /// The gateway says which version it knows. A higher one than ours means that our memory was lost
  /// or is an old one: PAUSED is latched, and with the operator's resume versions go on above it.
  /// Returns whether anything changed.
  bool on_version_known(std::uint64_t version);

 private:
  struct Pending {
    RiskLevel target = RiskLevel::kRunning;
    std::string by;
    UnixNanos until;
  };
  void change();

  KillSwitchConfig config_;
  KillSwitchMemory memory_;
  bool recovering_ = true;
  std::string recovering_why_ = "starting";
  std::optional<Pending> pending_;
  std::uint64_t known_elsewhere_ = 0;
};

}  // namespace perpwire::risk
