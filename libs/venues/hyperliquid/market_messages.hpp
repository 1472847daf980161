#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace perpwire::hyperliquid {

/// Public streams of one connection. Source: venue documentation, "Subscriptions".
enum class Stream { kAllMids, kL2Book, kBbo, kTrades, kCandle, kActiveAssetCtx };
/// The venue's spelling: "l2Book".
std::string_view to_string(Stream stream);
std::optional<Stream> stream_from_string(std::string_view text);

/// What one public subscription is known by. The venue's echo adds fields (nSigFigs, mantissa) and
/// reorders keys: two are the same if these are equal.
struct Subscription {
  Stream stream = Stream::kL2Book;
  std::string coin = {};      // all but allMids
  std::string interval = {};  // candle
  std::string dex = {};       // allMids; "" = the main DEX

  friend auto operator<=>(const Subscription&, const Subscription&) = default;
};

/// The venue's object, keys always in the same order: {"type":"l2Book","coin":"BTC"}. Serves as
/// key.
std::string to_json(const Subscription& subscription);
std::string subscribe_text(const Subscription& subscription);
std::string unsubscribe_text(const Subscription& subscription);
Result<Subscription> parse_subscription(std::string_view json);
/// The server closes a connection to which it has sent nothing for 60 s; a ping makes it send a
/// pong.
inline constexpr std::string_view kPingText = R"({"method":"ping"})";

/// One level of a book: price in quote, quantity in base, number of orders.
struct BookLevel {
  Price price;
  Quantity quantity;
  std::uint32_t orders = 0;

  friend bool operator==(const BookLevel&, const BookLevel&) = default;
};

// Text members below are views into the parser's buffers: they live until its next call. Times are
// the venue's unix milliseconds, made UnixNanos.

struct BookMessage {
  std::string_view coin;
  UnixNanos time;
  std::vector<BookLevel>
      bids;  // as sent: best first, at most 20. Order and crossing are not checked here
  std::vector<BookLevel> asks;
  bool aggregated = false;  // `spread` was present: levels merged by nSigFigs
};

struct BboMessage {
  std::string_view coin;
  UnixNanos time;
  std::optional<BookLevel> bid;  // null where the side is empty
  std::optional<BookLevel> ask;
};

struct TradeItem {
  std::string_view coin;
  Side side = Side::kBuy;  // of the aggressor; venue: "B", "A"
  Price price;
  Quantity quantity;
  UnixNanos time;
  std::uint64_t trade_id = 0;  // venue: tid, up to 2^53; unique together with time and coin
};
struct TradesMessage {
  std::vector<TradeItem> trades;
};

struct CandleItem {
  std::string_view coin;
  std::string_view interval;
  UnixNanos open_time;
  UnixNanos close_time;  // exclusive: the venue's `T` is the last millisecond inside
  Price open, high, low, close;
  Quantity volume;  // base; the venue's float noise beyond 64 bits is rounded and counted
  std::uint64_t trades = 0;
};
struct CandlesMessage {
  std::vector<CandleItem>
      candles;  // recorded frames hold one object, the documentation shows an array: both are read
};

/// Figures absent or null on the wire are absent here. Spot has neither funding nor oracle price
/// nor open interest.
struct AssetContext {
  std::optional<Price> mark_price;
  std::optional<Price> oracle_price;
  std::optional<Price> mid_price;
  std::optional<Decimal> funding_rate;    // for one hour
  std::optional<Quantity> open_interest;  // base units, one side
};
struct AssetContextMessage {
  std::string_view coin;
  bool spot = false;  // channel activeSpotAssetCtx
  AssetContext context;
};

struct MidItem {
  std::string_view coin;
  Price price;
};
struct MidsMessage {
  std::string_view dex;  // "" = the main DEX
  std::vector<MidItem> mids;
};

struct SubscriptionReply {
  bool subscribed = true;  // false: unsubscribed
  /// Absent for streams that are not public ones of ours (userFills, ...).
  std::optional<Subscription> subscription;
};

/// The venue's words on channel `error`; not tied to a request id. Source: hyperliquid.md 8.2.
struct VenueError {
  enum class Kind {
    kAlreadySubscribed,
    kAlreadyUnsubscribed,
    kInvalidSubscription,
    kUnparsableRequest,
    kTooManySubscriptions,
    kTooManyMessages,
    kTooManyPosts,
    kUnrecognised,
  };
  Kind kind = Kind::kUnrecognised;
  std::string_view text;
  std::optional<Subscription> subscription;  // where the text holds one that we can name
};

/// Answer to a WS post; the payload is JSON text as received.
struct PostReply {
  std::uint64_t id = 0;
  std::string_view type;  // info, action, error
  std::string_view payload;
};

struct Pong {};
struct Greeting {};  // plain text "Websocket connection established."
/// A well-formed frame that is not market data of ours, and why it is left aside.
struct IgnoredFrame {
  std::string_view channel;
  std::string_view reason;
  bool known = true;  // false: a channel that this program has never heard of
};

using Frame = std::variant<const BookMessage*, const BboMessage*, const TradesMessage*,
                           const CandlesMessage*, const AssetContextMessage*, const MidsMessage*,
                           SubscriptionReply, VenueError, PostReply, Pong, Greeting, IgnoredFrame>;

/// Reads public frames and market-data answers of `/info`. A function of the bytes; the object only
/// keeps the buffers, so that nothing is allocated for a message once they have grown.
///
/// Errors:   kMalformed, one sentence with channel, field, what was expected and what was found,
/// and the beginning of the
///           frame. Unknown fields are survived; a value with more digits than 64 bits hold is an
///           error for prices and sizes of books and trades, and rounded and counted elsewhere.
/// Lifetime: what a call returns points into this object and lives until its next call.
/// Thread:   one.
class MarketMessageParser {
 public:
  MarketMessageParser();
  ~MarketMessageParser();
  MarketMessageParser(MarketMessageParser&&) noexcept;
  MarketMessageParser& operator=(MarketMessageParser&&) noexcept;

  /// One text frame of the WebSocket.
  Result<Frame> parse(std::string_view text);

  /// Answers of POST /info of the named type. An unknown coin is answered `null`: kUnknownPair.
  Result<const BookMessage*> parse_l2_book(std::string_view answer);
  Result<const TradesMessage*> parse_recent_trades(std::string_view answer);
  Result<const CandlesMessage*> parse_candle_snapshot(std::string_view answer);
  Result<const MidsMessage*> parse_all_mids(std::string_view answer);
  /// The contexts of metaAndAssetCtxs, by position in `universe` of the same answer; `coin` is
  /// filled from it.
  Result<const std::vector<AssetContextMessage>*> parse_meta_and_contexts(std::string_view answer);

  /// Figures rounded because they had more digits than 64 bits hold, since construction.
  [[nodiscard]] std::uint64_t rounded_figures() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The candle intervals that both the contract and the venue know: 1m 3m 5m 15m 30m 1h 4h 1d.
bool is_candle_interval(std::string_view interval);
/// Length of an interval; nothing for an unknown one.
std::optional<Nanos> interval_length(std::string_view interval);

}  // namespace perpwire::hyperliquid
