#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/market_messages.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace perpwire::hyperliquid {

/// When something came in: the monotonic clock for ages and deadlines, the wall clock for stamps.
struct Moment {
  Nanos monotonic{0};
  UnixNanos wall;
};

// What the market protocol asks its driver to do, and what it has to say. Views and spans live
// until the next call of the protocol that made them: the driver does each before it calls again.

struct SendText {
  std::string text;
};
/// Drop the connection and make a new one.
struct Reconnect {
  std::string reason;
};
/// POST /info {"type":"recentTrades","coin":...}; the answer goes to on_recent_trades.
struct FetchTrades {
  std::string coin;
};

struct BookEvent {
  std::string_view pair;
  UnixNanos exchange_timestamp;
  std::span<const BookLevel> bids;  // best first, as deep as configured
  std::span<const BookLevel> asks;
};
struct DeltaEvent {
  std::string_view pair;
  UnixNanos exchange_timestamp;
  std::span<const BookLevel> bids;  // quantity 0 removes the level
  std::span<const BookLevel> asks;
  bool snapshot = false;  // replaces the book
};
struct BboEvent {
  std::string_view pair;
  UnixNanos exchange_timestamp;
  std::optional<BookLevel> bid;
  std::optional<BookLevel> ask;
};
struct TradeEvent {
  std::string_view pair;
  UnixNanos exchange_timestamp;
  std::uint64_t trade_id = 0;
  Price price;
  Quantity quantity;
  Side side = Side::kBuy;  // of the aggressor
  bool backfilled = false;
};
struct TickerEvent {
  std::string_view pair;
  std::optional<Price> mark_price;
  std::optional<Price> index_price;
  std::optional<Decimal> funding_rate;    // per funding_interval
  std::optional<Nanos> funding_interval;  // perps: one hour
  std::optional<UnixNanos> next_funding;  // the next full hour
  std::optional<Quantity> open_interest;
};
struct MidsEvent {
  std::string_view dex;           // "" = main
  std::span<const MidItem> mids;  // `coin` holds the trading pair
};
struct CandleEvent {
  std::string_view pair;
  std::string_view interval;
  UnixNanos open_time;
  UnixNanos close_time;  // exclusive
  Price open, high, low, close;
  Quantity volume;
  std::uint64_t trades = 0;
  bool closed = false;
};

enum class FeedState { kLive, kStale, kResyncing, kDown };
/// The contract's word: "LIVE".
std::string_view to_string(FeedState state);

/// The state of one feed has changed.
struct FeedStatusEvent {
  Stream stream = Stream::kL2Book;
  std::string pair;      // mids: the DEX, "" = main
  std::string interval;  // candles
  FeedState state = FeedState::kDown;
  std::string reason;
};
/// The state of the connection has changed.
struct ConnectionStatusEvent {
  FeedState state = FeedState::kDown;
  std::string reason;
};
/// Something was left aside or is wrong with the venue's words: for the log and a counter. `kind`
/// is of low cardinality.
struct Notice {
  enum class Kind {
    kMalformed,
    kUnknownChannel,
    kUnknownCoin,
    kVenueError,
    kOutOfOrder,
    kDoubtfulBook,
    kTradeGap
  };
  Kind kind = Kind::kMalformed;
  std::string text;
};
std::string_view to_string(Notice::Kind kind);

using MarketAction = std::variant<SendText, Reconnect, FetchTrades, BookEvent, DeltaEvent, BboEvent,
                                  TradeEvent, TickerEvent, MidsEvent, CandleEvent, FeedStatusEvent,
                                  ConnectionStatusEvent, Notice>;

}  // namespace perpwire::hyperliquid
