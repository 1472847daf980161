#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/error_code.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Answers of POST /exchange and of WebSocket posts of actions, and what each of them proves.
/// Source: hyperliquid.md sections 4, 6.
namespace perpwire::hyperliquid {

/// One entry of `statuses`.
struct ItemReply {
  enum class Kind {
    kResting,  // has an id
    kFilled,   // crossed at once: id and total; of an IOC the rest is gone
    kWaiting,  // "waitingForFill", "waitingForTrigger": accepted, without an id
    kSuccess,  // of a cancel
    kError,    // the venue's words about this order
    kOther,    // something that we do not know: ask
  };
  Kind kind = Kind::kOther;
  std::optional<VenueOrderId> venue_order_id;
  std::optional<Quantity> total;
  std::string text;
};

struct ExchangeReply {
  enum class Kind {
    kStatuses,  // one entry per order; fewer mean one word for all (section 6.1)
    kDefault,   // done, nothing said in detail
    kRefused,   // {"status":"err"}: the words are in `text`
  };
  Kind kind = Kind::kRefused;
  std::vector<ItemReply> items;
  std::string text;

  /// The entry of order `i` of `count`: its own, or the one that stands for all.
  [[nodiscard]] const ItemReply* item(std::size_t i, std::size_t count) const;
};

/// Errors: kMalformed for anything else (HTML, null, truncated JSON): it proves nothing.
Result<ExchangeReply> parse_exchange_reply(std::string_view body);

/// Our code for the venue's words about one order (a status entry): beginnings are compared, since
/// " asset=N" may follow. Unknown words: VENUE_REJECTED.
ErrorCode code_of_order_error(std::string_view text);

/// What an answer proves about an action that may have been executed.
enum class Proof {
  kNotExecuted,  // the venue's own word that it did nothing
  kNothing,      // it may have been executed: ask
};
struct ActionError {
  Proof proof = Proof::kNothing;
  ErrorCode code = ErrorCode::kVenueRejected;
};

/// {"status":"err"} about a whole action. `only_copy`: no second copy of these bytes can have left.
/// Once one may have, no such word proves anything about the other.
ActionError meaning_of_action_error(std::string_view text, bool only_copy);
/// An answer without a body that parses: the HTTP status, or the number that a WebSocket post's
/// error text begins with. 400, 415 and 422 were never executed; 429 and 5xx prove nothing.
ActionError meaning_of_http_status(unsigned status, bool only_copy);
/// The leading HTTP status of "422 Unprocessable Entity: ..."; 0 if there is none.
unsigned leading_http_status(std::string_view text);

}  // namespace perpwire::hyperliquid
