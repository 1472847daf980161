#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The user stream and the account answers of /info, read into the words of account_events.hpp.
/// Pure functions of bytes. Numbers are taken by their digits; unknown fields are ignored; an
/// element that does not parse is named in `problems` and the rest of its message is kept.
/// Source: hyperliquid.md sections 6.4, 7.2 to 7.5, 8.
namespace perpwire::hyperliquid {

/// What a status string of an order means, by the table in errors.hpp.
struct StatusMeaning {
  venues::OrderStatus status = venues::OrderStatus::kUnrecognised;
  ErrorCode code = ErrorCode::kVenueRejected;  // cancelled and rejected: why
  bool in_table = false;                       // documented or seen; else guessed from its suffix
};
StatusMeaning meaning_of_status(std::string_view status);

/// One list out of a message.
template <class T>
struct Parsed {
  std::vector<T> items;
  std::vector<std::string> problems;  // elements that were left out, and why
  std::uint64_t unknown_statuses = 0;
};

/// What a TWAP is called among venue order ids: the venue numbers its TWAPs apart from its orders.
VenueOrderId twap_order_id(std::string_view twap_id);
/// The inverse; nothing for any other order.
std::optional<std::uint64_t> twap_id_of(const VenueOrderId& id);

/// One change of a TWAP. `word` has its id, coin, side, size, what is left of it and its status.
struct TwapWord {
  venues::OrderWord word;
  std::uint32_t minutes = 0;
  bool randomize = false;
};

struct SubscriptionAck {
  std::string type;  // orderUpdates, userFills, userEvents, ...
  std::string user;  // lower case; empty if the echo has none
  bool subscribed = true;
};
struct OrderUpdates {
  Parsed<venues::OrderWord> words;
};
struct UserFills {
  std::string user;
  bool snapshot = false;
  Parsed<venues::Fill> fills;
};
/// Channel `user`: one of these.
struct UserEvent {
  Parsed<venues::Fill> fills;
  std::vector<venues::FundingWord> fundings;
  std::vector<venues::VenueCancel> cancels;
  std::vector<TwapWord> twaps;
  std::optional<venues::LiquidationWord> liquidation;
  std::string other;  // name of a member that we do not read
  std::vector<std::string> problems;
};
enum class PostKind { kAction, kInfo, kError };
struct PostAnswer {
  std::uint64_t id = 0;
  PostKind kind = PostKind::kError;
  std::string payload;  // JSON; for kInfo the data alone, for kError the text
};
/// Channel `error`. pending_post: the id of "too many pending post requests id=N".
struct StreamError {
  std::string text;
  std::optional<std::uint64_t> pending_post;
  /// "Already subscribed: {json}": the type in it.
  std::optional<std::string> already_subscribed;
};
struct Pong {};
/// Anything that we did not ask for; its channel, or the plain text of the greeting.
struct OtherFrame {
  std::string channel;
};

using StreamFrame = std::variant<SubscriptionAck, OrderUpdates, UserFills, UserEvent, PostAnswer,
                                 StreamError, Pong, OtherFrame>;

/// Errors: kMalformed naming what was expected and found. Whole elements only: see Parsed.
Result<StreamFrame> parse_stream_frame(std::string_view frame);

// ---- answers of /info; errors as above

/// openOrders and frontendOpenOrders.
Result<Parsed<venues::OrderWord>> parse_open_orders(std::string_view body);
/// orderStatus; nothing for {"status":"unknownOid"}.
Result<std::optional<venues::OrderWord>> parse_order_status(std::string_view body);
Result<Parsed<venues::OrderWord>> parse_historical_orders(std::string_view body);
/// userFills and userFillsByTime.
Result<Parsed<venues::Fill>> parse_fills(std::string_view body);

/// twapHistory.
Result<Parsed<TwapWord>> parse_twap_history(std::string_view body);

struct ClearinghouseState {
  Parsed<venues::PositionWord> positions;
  Decimal account_value;
  Decimal withdrawable;
  UnixNanos time;
};
Result<ClearinghouseState> parse_clearinghouse_state(std::string_view body);
/// spotClearinghouseState.
Result<Parsed<venues::BalanceWord>> parse_spot_state(std::string_view body);
/// exchangeStatus: the venue's time.
Result<UnixNanos> parse_exchange_status(std::string_view body);
/// userRateLimit.
struct AddressBudget {
  std::uint64_t used = 0;
  std::uint64_t cap = 0;
};
Result<AddressBudget> parse_user_rate_limit(std::string_view body);

// ---- requests of /info (the whole body); `user` = account address, never an agent's

std::string open_orders_request(std::string_view user, std::string_view dex);
std::string order_status_request(std::string_view user, std::string_view cloid);
std::string order_status_by_id_request(std::string_view user, std::string_view venue_order_id);
std::string historical_orders_request(std::string_view user);
/// `from_ms` inclusive.
std::string fills_by_time_request(std::string_view user, std::int64_t from_ms);
std::string clearinghouse_request(std::string_view user, std::string_view dex);
std::string spot_state_request(std::string_view user);
std::string user_rate_limit_request(std::string_view user);
std::string exchange_status_request();
std::string twap_history_request(std::string_view user);

}  // namespace perpwire::hyperliquid
