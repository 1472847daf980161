#include "libs/limits/risk_level.hpp"

namespace perpwire::limits {

std::string_view to_string(RiskLevel level) {
  switch (level) {
    case RiskLevel::kRunning:
      return "RUNNING";
    case RiskLevel::kReduceOnly:
      return "REDUCE_ONLY";
    case RiskLevel::kPaused:
      return "PAUSED";
    case RiskLevel::kCancelAll:
      return "CANCEL_ALL";
    case RiskLevel::kFlatten:
      return "FLATTEN";
  }
  return "CANCEL_ALL";  // not reachable: the enumeration is closed
}

std::optional<RiskLevel> risk_level_from_string(std::string_view text) {
  using enum RiskLevel;
  for (const auto level : {kRunning, kReduceOnly, kPaused, kCancelAll, kFlatten}) {
    if (to_string(level) == text) return level;
  }
  return std::nullopt;
}

}  // namespace perpwire::limits
