#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Answers of POST /exchange and of WebSocket posts of actions. What their words prove: errors.hpp.
/// Source: hyperliquid.md section 6.
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

/// The leading HTTP status of "422 Unprocessable Entity: ..."; 0 if there is none.
unsigned leading_http_status(std::string_view text);

}  // namespace perpwire::hyperliquid
