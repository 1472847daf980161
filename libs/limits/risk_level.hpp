#pragma once

#include <optional>
#include <string_view>

namespace perpwire::limits {

/// How much trading risk allows. Each level forbids all that the one before it forbids.
enum class RiskLevel {
  kRunning,     // everything that the limits allow
  kReduceOnly,  // new orders only with reduce_only
  kPaused,      // no new orders; working orders stay
  kCancelAll,   // no new orders; working orders are cancelled and confirmed gone
  kFlatten,     // as kCancelAll, then positions are closed with immediate reduce-only orders
};

/// The contract's words: RUNNING, REDUCE_ONLY, PAUSED, CANCEL_ALL, FLATTEN.
std::string_view to_string(RiskLevel level);
std::optional<RiskLevel> risk_level_from_string(std::string_view text);

/// Whether the level demands that no order of ours is working.
constexpr bool demands_cancel(RiskLevel level) {
  return level == RiskLevel::kCancelAll || level == RiskLevel::kFlatten;
}

}  // namespace perpwire::limits
