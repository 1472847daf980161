#include "services/risk/kill_switch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::risk {

KillSwitch::KillSwitch(const KillSwitchConfig& config,
                       const std::optional<KillSwitchMemory>& memory)
    : config_(config), memory_(memory.value_or(KillSwitchMemory{})) {
  ++memory_.version;  // the cover of the start is a change
}

RiskLevel KillSwitch::level() const {
  return recovering_ ? std::max(memory_.latched, RiskLevel::kPaused) : memory_.latched;
}

std::string KillSwitch::reason() const {
  if (recovering_ && memory_.latched < RiskLevel::kPaused) return "recovering: " + recovering_why_;
  return memory_.reason;
}

void KillSwitch::change() { ++memory_.version; }

bool KillSwitch::halt(RiskLevel level, std::string_view reason, std::string_view by) {
  if (level <= memory_.latched) return false;
  pending_.reset();
  memory_.latched = level;
  memory_.reason = reason;
  memory_.by = by;
  change();
  return true;
}

Result<KillSwitch::Resume> KillSwitch::resume(RiskLevel target, std::string_view by,
                                              std::string_view reason, UnixNanos now) {
  if (by.empty() || reason.empty()) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("resume: expected the operator's name and a reason, found {}",
                            by.empty() ? "no name" : "no reason"));
  }
  if (target >= memory_.latched) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("resume: expected a level below {}, found {}",
                            to_string(memory_.latched), to_string(target)));
  }
  if (config_.two_step_resume) {
    const bool asked = pending_ && now <= pending_->until;
    if (!asked) {
      pending_ =
          Pending{.target = target, .by = std::string(by), .until = now + config_.resume_window};
      return Resume::kSecondOperatorNeeded;
    }
    if (pending_->by == by) {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("resume: expected a second operator, found {} again", by));
    }
    if (pending_->target != target) {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("resume: expected the level {} that {} asked for, found {}",
                              to_string(pending_->target), pending_->by, to_string(target)));
    }
  }
  pending_.reset();
  memory_.latched = target;
  memory_.reason = reason;
  memory_.by = by;
  memory_.version = std::max(memory_.version, known_elsewhere_);
  change();
  return Resume::kDone;
}

bool KillSwitch::set_recovering(bool recovering, std::string_view why) {
  recovering_why_ = why;
  if (recovering == recovering_) return false;
  recovering_ = recovering;
  change();
  return true;
}

bool KillSwitch::on_version_known(std::uint64_t version) {
  if (version <= memory_.version || version <= known_elsewhere_) return false;
  known_elsewhere_ = version;
  return halt(RiskLevel::kPaused,
              fmt::format("the gateway knows level_version {}, ours is {}: our memory was lost",
                          version, memory_.version),
              "level_version");
}

}  // namespace perpwire::risk
