#pragma once

#include <optional>
#include <string_view>

namespace perpwire {

/// The one enumeration for command rejects, order failures and internal errors. The contract's
/// codes are named in ARCHITECTURE.md section 3 ("Error codes"); those after kInternal never leave
/// a process.
enum class ErrorCode {
  kInvalidCommand,
  kUnsupported,
  kUnknownPair,
  kPriceTick,
  kAmountLot,
  kMinNotional,
  kPriceRange,
  kDuplicateClientOrderId,
  kOrderNotFound,
  kOrderFinal,
  kPositionNotFound,
  kMarketClosed,
  kInsufficientBalance,
  kInsufficientMargin,
  kReduceOnly,
  kPostOnly,
  kNoLiquidity,
  kOpenInterestCap,
  kRiskMaxOrderNotional,
  kRiskMaxPosition,
  kRiskMaxPositionNotional,
  kRiskMaxOpenOrders,
  kRiskPriceCollar,
  kRiskMaxDailyLoss,
  kRiskNoLimits,
  kRiskReduceOnly,
  kRiskPaused,
  kRiskPositionAdjusted,
  kRiskSelfTrade,
  kRiskUnavailable,
  kHalted,
  kNotReady,
  kStalePrice,
  kClockSkew,
  kSignerUnavailable,
  kSignerRefused,
  kLeaseLost,
  kRateLimited,
  kVenueUnavailable,
  kVenueRejected,
  kConnectionTimeout,
  kExpired,
  kNeverPlaced,
  kUnknownTopic,
  kResyncing,
  kUnknownStream,
  kNotKept,
  kInvalidTimeInterval,
  kVersionMismatch,
  kInternal,
  // Internal only.
  kMalformed,   // bytes from outside that do not parse, or a value out of range
  kIo,          // file or socket
  kTimeout,     // no answer in time
  kClosed,      // the other side is gone
  kWouldBlock,  // a bounded queue or a peer is full
};

/// The contract's spelling: "PRICE_TICK", "RISK_MAX_POSITION"; internal codes spell as "INTERNAL".
std::string_view to_string(ErrorCode code);
/// The inverse over the contract's codes; nothing for an unknown word.
std::optional<ErrorCode> error_code_from_string(std::string_view text);

}  // namespace perpwire
