#include "libs/common/error_code.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace perpwire {
namespace {

using enum ErrorCode;
constexpr std::array kNames{
    std::pair{kInvalidCommand, "INVALID_COMMAND"},
    std::pair{kUnsupported, "UNSUPPORTED"},
    std::pair{kUnknownPair, "UNKNOWN_PAIR"},
    std::pair{kPriceTick, "PRICE_TICK"},
    std::pair{kAmountLot, "AMOUNT_LOT"},
    std::pair{kMinNotional, "MIN_NOTIONAL"},
    std::pair{kPriceRange, "PRICE_RANGE"},
    std::pair{kDuplicateClientOrderId, "DUPLICATE_CLIENT_ORDER_ID"},
    std::pair{kOrderNotFound, "ORDER_NOT_FOUND"},
    std::pair{kOrderFinal, "ORDER_FINAL"},
    std::pair{kPositionNotFound, "POSITION_NOT_FOUND"},
    std::pair{kMarketClosed, "MARKET_CLOSED"},
    std::pair{kInsufficientBalance, "INSUFFICIENT_BALANCE"},
    std::pair{kInsufficientMargin, "INSUFFICIENT_MARGIN"},
    std::pair{kReduceOnly, "REDUCE_ONLY"},
    std::pair{kPostOnly, "POST_ONLY"},
    std::pair{kNoLiquidity, "NO_LIQUIDITY"},
    std::pair{kOpenInterestCap, "OPEN_INTEREST_CAP"},
    std::pair{kRiskMaxOrderNotional, "RISK_MAX_ORDER_NOTIONAL"},
    std::pair{kRiskMaxPosition, "RISK_MAX_POSITION"},
    std::pair{kRiskMaxPositionNotional, "RISK_MAX_POSITION_NOTIONAL"},
    std::pair{kRiskMaxOpenOrders, "RISK_MAX_OPEN_ORDERS"},
    std::pair{kRiskPriceCollar, "RISK_PRICE_COLLAR"},
    std::pair{kRiskMaxDailyLoss, "RISK_MAX_DAILY_LOSS"},
    std::pair{kRiskNoLimits, "RISK_NO_LIMITS"},
    std::pair{kRiskReduceOnly, "RISK_REDUCE_ONLY"},
    std::pair{kRiskPaused, "RISK_PAUSED"},
    std::pair{kRiskPositionAdjusted, "RISK_POSITION_ADJUSTED"},
    std::pair{kRiskSelfTrade, "RISK_SELF_TRADE"},
    std::pair{kRiskUnavailable, "RISK_UNAVAILABLE"},
    std::pair{kHalted, "HALTED"},
    std::pair{kNotReady, "NOT_READY"},
    std::pair{kStalePrice, "STALE_PRICE"},
    std::pair{kClockSkew, "CLOCK_SKEW"},
    std::pair{kSignerUnavailable, "SIGNER_UNAVAILABLE"},
    std::pair{kSignerRefused, "SIGNER_REFUSED"},
    std::pair{kLeaseLost, "LEASE_LOST"},
    std::pair{kRateLimited, "RATE_LIMITED"},
    std::pair{kVenueUnavailable, "VENUE_UNAVAILABLE"},
    std::pair{kVenueRejected, "VENUE_REJECTED"},
    std::pair{kConnectionTimeout, "CONNECTION_TIMEOUT"},
    std::pair{kExpired, "EXPIRED"},
    std::pair{kNeverPlaced, "NEVER_PLACED"},
    std::pair{kUnknownTopic, "UNKNOWN_TOPIC"},
    std::pair{kResyncing, "RESYNCING"},
    std::pair{kUnknownStream, "UNKNOWN_STREAM"},
    std::pair{kNotKept, "NOT_KEPT"},
    std::pair{kInvalidTimeInterval, "INVALID_TIME_INTERVAL"},
    std::pair{kVersionMismatch, "VERSION_MISMATCH"},
    std::pair{kInternal, "INTERNAL"},
};

}  // namespace

std::string_view to_string(ErrorCode code) {
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const auto& row) { return row.first == code; });
  return found == kNames.end() ? "INTERNAL" : found->second;
}

std::optional<ErrorCode> error_code_from_string(std::string_view text) {
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const auto& row) { return row.second == text; });
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return found->first;
}

}  // namespace perpwire
