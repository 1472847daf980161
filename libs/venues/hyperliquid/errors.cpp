#include "libs/venues/hyperliquid/errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace perpwire::hyperliquid {
namespace {

using enum ErrorCode;

/// What an answer proves while it answers the only copy, and whether it still proves it when
/// another copy may have been executed before: true for words that the venue says only after it
/// admitted the action, whose nonce is then used up.
struct Row {
  std::string_view prefix;
  ErrorCode code;
  Verdict verdict = Verdict::kRejected;
  bool final_for_any_copy = true;
};
constexpr bool kOnlyCopy = false;

constexpr std::array kErrors{
    // Of one order. Statuses: hyperliquid.md section 6.3.
    Row{"Price must be divisible by tick size", kPriceTick},
    Row{"Order has invalid price", kPriceTick},
    Row{"Order has invalid size", kAmountLot},
    Row{"Order has zero size", kAmountLot},
    Row{"Order must have minimum value", kMinNotional},
    Row{"Order price cannot be more than", kPriceRange},
    Row{"Order price too far from oracle", kPriceRange},
    Row{"Order value too large", kPriceRange},
    Row{"Insufficient margin", kInsufficientMargin},
    Row{"Order would cause position to exceed margin tier limit", kInsufficientMargin},
    Row{"Reduce only order would increase position", kReduceOnly},
    Row{"Post only order would have immediately matched", kPostOnly},
    Row{"Only post-only orders allowed immediately after", kPostOnly},
    Row{"Order could not immediately match", kNoLiquidity},
    Row{"No liquidity available for market order", kNoLiquidity},
    Row{"Invalid TP/SL price", kPriceRange},
    Row{"Order would increase open interest", kOpenInterestCap},
    Row{"Order rejected due to price more aggressive than oracle while at open interest cap",
        kOpenInterestCap},
    Row{"(Spot-only) Order has insufficient spot balance", kInsufficientBalance},
    Row{"Order has insufficient spot balance", kInsufficientBalance},
    Row{"Insufficient spot balance", kInsufficientBalance},
    Row{"Insufficient balance", kInsufficientBalance},
    Row{"Orders are empty", kInvalidCommand},
    Row{"Builder fee has not been approved", kVenueRejected},
    // Of a cancel or a modify.
    Row{"Order was never placed, already canceled, or filled", kOrderNotFound},
    Row{"Cannot modify canceled or filled order", kOrderFinal},
    Row{"Attempted to modify to invalid new order", kVenueRejected},
    Row{"TWAP was never placed, already canceled, or filled", kOrderNotFound},
    Row{"TWAP order value too small", kMinNotional},
    Row{"Invalid TWAP duration", kInvalidCommand},
    Row{"Cannot set scheduled cancel time", kUnsupported},
    // Of leverage and margin.
    Row{"Invalid leverage value", kInvalidCommand},
    Row{"Cannot switch leverage type with open position", kVenueRejected},
    Row{"Cross margin is not allowed for this asset", kUnsupported},
    Row{"Isolated position does not have sufficient margin", kInsufficientMargin},
    Row{"Cross position does not have sufficient margin", kInsufficientMargin},
    Row{"Cannot remove isolated margin", kVenueRejected},
    Row{"Position does not have sufficient margin", kInsufficientMargin},
    Row{"Account does not have sufficient margin", kInsufficientMargin},
    Row{"Cannot update margin for empty position", kPositionNotFound},
    Row{"Position does not use isolated margin", kVenueRejected},
    Row{"Update to isolated margin cannot be zero", kInvalidCommand},
    // Said before the action is admitted, or about its nonce and its time.
    Row{"L1 is congested", kVenueUnavailable, Verdict::kNotExecuted, kOnlyCopy},
    Row{"Invalid nonce: nonce too low", kVenueRejected, Verdict::kNotExecuted, kOnlyCopy},
    Row{"Invalid nonce: nonce too high", kVenueRejected, Verdict::kNotExecuted, kOnlyCopy},
    // The first copy landed or was refused: this word is never about the only copy's fate.
    Row{"Invalid nonce: duplicate nonce", kVenueRejected, Verdict::kUnknown, kOnlyCopy},
    Row{"Invalid nonce", kVenueRejected, Verdict::kUnknown, kOnlyCopy},
    Row{"Action already expired", kExpired, Verdict::kRejected, kOnlyCopy},
    Row{"Too many cumulative requests sent", kRateLimited, Verdict::kRejected, kOnlyCopy},
    Row{"Signed action over weight limit", kInvalidCommand, Verdict::kRejected, kOnlyCopy},
    Row{"User or API Wallet", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Must deposit before performing actions", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Unable to recover signer", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Vault not registered", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Nonce mismatch", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Mainnet and testnet require different signature", kVenueRejected, Verdict::kRejected,
        kOnlyCopy},
    Row{"Multi-sig required", kVenueRejected, Verdict::kRejected, kOnlyCopy},
    Row{"Unknown token", kVenueRejected},
    Row{"Invalid perp DEX", kVenueRejected},
    Row{"Unknown coin", kUnknownPair},
};

struct StatusRow {
  std::string_view status;
  VenueOrderState state;
  ErrorCode code = kVenueRejected;
};

constexpr std::array kStatuses{
    StatusRow{"open", VenueOrderState::kOpen},
    StatusRow{"triggered", VenueOrderState::kTriggered},
    StatusRow{"filled", VenueOrderState::kFilled},
    StatusRow{"canceled", VenueOrderState::kCancelled},
    StatusRow{"rejected", VenueOrderState::kRejected},
    StatusRow{"marginCanceled", VenueOrderState::kCancelled},
    StatusRow{"vaultWithdrawalCanceled", VenueOrderState::kCancelled},
    StatusRow{"openInterestCapCanceled", VenueOrderState::kCancelled},
    StatusRow{"selfTradeCanceled", VenueOrderState::kCancelled},
    StatusRow{"reduceOnlyCanceled", VenueOrderState::kCancelled},
    StatusRow{"siblingFilledCanceled", VenueOrderState::kCancelled},
    StatusRow{"delistedCanceled", VenueOrderState::kCancelled},
    StatusRow{"liquidatedCanceled", VenueOrderState::kCancelled},
    StatusRow{"scheduledCancel", VenueOrderState::kCancelled},
    StatusRow{"outcomeSettledCanceled", VenueOrderState::kCancelled},
    StatusRow{"internalCancel", VenueOrderState::kCancelled},
    StatusRow{"tickRejected", VenueOrderState::kRejected, kPriceTick},
    StatusRow{"minTradeNtlRejected", VenueOrderState::kRejected, kMinNotional},
    StatusRow{"minTradeSpotNtlRejected", VenueOrderState::kRejected, kMinNotional},
    StatusRow{"perpMarginRejected", VenueOrderState::kRejected, kInsufficientMargin},
    StatusRow{"reduceOnlyRejected", VenueOrderState::kRejected, kReduceOnly},
    StatusRow{"badAloPxRejected", VenueOrderState::kRejected, kPostOnly},
    StatusRow{"iocCancelRejected", VenueOrderState::kRejected, kNoLiquidity},
    StatusRow{"badTriggerPxRejected", VenueOrderState::kRejected, kPriceRange},
    StatusRow{"marketOrderNoLiquidityRejected", VenueOrderState::kRejected, kNoLiquidity},
    StatusRow{"positionIncreaseAtOpenInterestCapRejected", VenueOrderState::kRejected,
              kOpenInterestCap},
    StatusRow{"positionFlipAtOpenInterestCapRejected", VenueOrderState::kRejected,
              kOpenInterestCap},
    StatusRow{"tooAggressiveAtOpenInterestCapRejected", VenueOrderState::kRejected,
              kOpenInterestCap},
    StatusRow{"openInterestIncreaseRejected", VenueOrderState::kRejected, kOpenInterestCap},
    StatusRow{"insufficientSpotBalanceRejected", VenueOrderState::kRejected, kInsufficientBalance},
    StatusRow{"oracleRejected", VenueOrderState::kRejected, kPriceRange},
    StatusRow{"perpMaxPositionRejected", VenueOrderState::kRejected, kInsufficientMargin},
    StatusRow{"tooManyOpenOrdersRejected", VenueOrderState::kRejected, kRateLimited},
};

}  // namespace

std::string_view bare_error(std::string_view text) {
  constexpr std::string_view kPrefix = "L1 error: ";
  constexpr std::string_view kSuffix = " asset=";
  if (text.starts_with(kPrefix)) {
    text.remove_prefix(kPrefix.size());
  }
  const auto suffix = text.rfind(kSuffix);
  if (suffix != std::string_view::npos) {
    const auto digits = text.substr(suffix + kSuffix.size());
    if (!digits.empty() && std::all_of(digits.begin(), digits.end(),
                                       [](unsigned char c) { return std::isdigit(c) != 0; })) {
      text = text.substr(0, suffix);
    }
  }
  return text;
}

ErrorMeaning meaning_of(std::string_view text, Copies copies) {
  const auto bare = bare_error(text);
  const auto* row = std::find_if(kErrors.begin(), kErrors.end(), [&](const Row& candidate) {
    return bare.starts_with(candidate.prefix);
  });
  if (row == kErrors.end()) {
    // The venue's own word, but which one is not known: final only for the only copy.
    return {kVenueRejected, copies == Copies::kOnlyOne ? Verdict::kRejected : Verdict::kUnknown,
            false};
  }
  const bool proves = copies == Copies::kOnlyOne || row->final_for_any_copy;
  return {row->code, proves ? row->verdict : Verdict::kUnknown, true};
}

ErrorMeaning meaning_of_http(int status, Copies copies) {
  switch (status) {
    case 400:  // not JSON
    case 415:  // content type
    case 422:  // does not fit the venue's types
      return {kVenueRejected,
              copies == Copies::kOnlyOne ? Verdict::kNotExecuted : Verdict::kUnknown, true};
    case 429:
      return {kRateLimited, Verdict::kUnknown, true};
    case 500:
    case 502:
    case 503:
    case 504:
      return {kVenueUnavailable, Verdict::kUnknown, true};
    default:
      return {kVenueUnavailable, Verdict::kUnknown, false};
  }
}

VenueOrderStatus order_status(std::string_view status) {
  const auto* row = std::find_if(kStatuses.begin(), kStatuses.end(),
                                 [&](const StatusRow& known) { return known.status == status; });
  if (row != kStatuses.end()) {
    return {row->state, row->code, true};
  }
  if (status.ends_with("Canceled") || status.ends_with("Cancel")) {
    return {VenueOrderState::kCancelled, kVenueRejected, false};
  }
  if (status.ends_with("Rejected")) {
    return {VenueOrderState::kRejected, kVenueRejected, false};
  }
  return {};
}

}  // namespace perpwire::hyperliquid
