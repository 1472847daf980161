#include "services/order-gateway/risk_gate.hpp"

#include <utility>

namespace perpwire::gateway {

void RiskGate::restore(limits::RiskLevel level, std::uint64_t level_version) {
  level_ = level;
  level_version_ = level_version;
}

std::optional<RiskGate::Change> RiskGate::learn(limits::RiskLevel level,
                                                std::uint64_t level_version) {
  if (level_version <= level_version_) return std::nullopt;
  level_ = level;
  level_version_ = level_version;
  return Change{level, level_version};
}

std::optional<RiskGate::Change> RiskGate::on_heartbeat(limits::RiskLevel level,
                                                       std::uint64_t level_version,
                                                       std::uint64_t limits_version, UnixNanos sent,
                                                       UnixNanos wall_now, Nanos mono_now) {
  behind_ = level_version < level_version_;
  wanted_limits_version_ = limits_version;
  // A heartbeat that was long on its way says nothing about now.
  if (wall_now - sent <= kStaleAfter) heard_ = mono_now;
  return learn(level, level_version);
}

std::optional<RiskGate::Change> RiskGate::on_halt(limits::RiskLevel level,
                                                  std::uint64_t level_version) {
  return learn(level, level_version);
}

void RiskGate::on_limits(limits::LimitTable table, std::uint64_t limits_version) {
  if (limits_version_ && limits_version < *limits_version_ && wanted_limits_version_ &&
      *wanted_limits_version_ != limits_version) {
    return;  // an old last value
  }
  limits_ = std::move(table);
  limits_version_ = limits_version;
}

Status RiskGate::usable(Nanos mono_now) const {
  if (!heard_) return fail(ErrorCode::kRiskUnavailable, "no heartbeat of risk was ever seen");
  if (mono_now - *heard_ > kStaleAfter) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now - *heard_);
    return fail(ErrorCode::kRiskUnavailable,
                "the newest heartbeat of risk is " + std::to_string(age.count()) + " ms old");
  }
  if (behind_) {
    return fail(ErrorCode::kRiskUnavailable, "risk tells a lower level_version than " +
                                                 std::to_string(level_version_) +
                                                 ", which it told before: an operator must resume");
  }
  if (!limits_version_)
    return fail(ErrorCode::kRiskUnavailable, "no limits of risk were ever seen");
  if (wanted_limits_version_ && *wanted_limits_version_ != *limits_version_) {
    return fail(ErrorCode::kRiskUnavailable, "risk has limits " +
                                                 std::to_string(*wanted_limits_version_) +
                                                 ", here are " + std::to_string(*limits_version_));
  }
  return {};
}

}  // namespace perpwire::gateway
