#pragma once

#include "libs/common/error_code.hpp"

#include <string_view>

/// The venue's words and what they prove. Source: hyperliquid.md sections 6.2 to 6.4.
namespace perpwire::hyperliquid {

/// What an answer says about the action it answers.
enum class Verdict {
  kRejected,     // final: the venue refused it in its own words
  kNotExecuted,  // it did nothing, and this copy never will
  kUnknown,      // says nothing: ask
};

/// How many copies of the same signed bytes may have left.
enum class Copies { kOnlyOne, kMaybeMore };

struct ErrorMeaning {
  ErrorCode code = ErrorCode::kVenueRejected;
  Verdict verdict = Verdict::kRejected;
  bool recognised = false;  // false: a text that this program does not know
};

/// The meaning of an error text, of one order or of the whole action (`status: err`). Matches the
/// beginning; a prefix "L1 error: " and a suffix " asset=N" are ignored.
///
/// Once a second copy of the same bytes may have left, answers about the nonce, the expiry, the
/// signer or a limit say nothing about the first one: kUnknown.
ErrorMeaning meaning_of(std::string_view text, Copies copies);

/// The text without " asset=N" at its end and "L1 error: " at its beginning.
std::string_view bare_error(std::string_view text);

/// The meaning of an HTTP status other than 200, and of the status in a WebSocket post's error
/// payload ("422 Unprocessable Entity: ..."). 429 is documented as not executed; it is treated as
/// unknown all the same.
ErrorMeaning meaning_of_http(int status, Copies copies);

enum class VenueOrderState {
  kOpen,
  kTriggered,
  kFilled,
  kCancelled,
  kRejected,
  kUnrecognised,  // keep the order as it is, alert, query
};
struct VenueOrderStatus {
  VenueOrderState state = VenueOrderState::kUnrecognised;
  ErrorCode code = ErrorCode::kVenueRejected;  // why, where rejected
  bool known = false;                          // false: mapped by its suffix, or not at all
};

/// `status` of orderUpdates, orderStatus and historicalOrders. Unknown words are mapped by suffix:
/// "...Canceled" and "...Cancel" are cancelled, "...Rejected" is rejected.
VenueOrderStatus order_status(std::string_view status);

}  // namespace perpwire::hyperliquid
