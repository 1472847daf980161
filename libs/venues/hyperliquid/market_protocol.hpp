#pragma once

#include "libs/common/minute_budget.hpp"
#include "libs/net/subscription_set.hpp"
#include "libs/venues/hyperliquid/market_events.hpp"
#include "libs/venues/hyperliquid/market_instruments.hpp"
#include "libs/venues/hyperliquid/market_messages.hpp"
#include "libs/venues/hyperliquid/trade_memory.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::hyperliquid {

struct MarketProtocolOptions {
  /// A feed that is expected to speak and has been silent for so long is STALE.
  Nanos stale_after = std::chrono::seconds{10};
  /// A feed out of step is subscribed anew after so long, then after twice as long, up to
  /// resubscribe_max.
  Nanos resubscribe_after = std::chrono::seconds{5};
  Nanos resubscribe_max = std::chrono::minutes{1};
  /// No data of any feed for so long, on a connection that still answers pings: connect anew.
  Nanos reconnect_after_silence = std::chrono::seconds{30};
  /// A refused subscription is asked for again after so long.
  Nanos retry_refused_after = std::chrono::seconds{30};
  /// A candle without a successor is closed so long after its end by our clock.
  Nanos candle_grace = std::chrono::seconds{2};
  /// Old trades of a first message that did not join up with what is known: ask REST if it has not
  /// come by then.
  Nanos first_trades_deadline = std::chrono::seconds{3};
  /// A first `trades` message repeats old trades, which are not published; false where frames are
  /// read from a recording.
  bool first_trades_are_old = true;
  std::size_t depth = 20;  // of BookEvent
  std::size_t trade_memory = 512;
  net::SubscriptionSet::Options subscriptions = {.max_per_second = 25};
  /// The share of the venue's messages per minute, of all connections together; null = no limit.
  /// Outlives the protocol.
  MinuteBudget* messages = nullptr;
};

/// The public market data of one connection: what to send, what each frame means, which feeds can
/// be trusted.
///
/// - Desired against acknowledged subscriptions, again after each reconnect.
/// - A feed is LIVE from its first data on a connection, STALE when it is silent, RESYNCING when a
/// self-check failed (nothing
///   doubtful is published, the feed is subscribed anew), DOWN while there is no connection.
/// - Silence: book, ticker and mids have a rate and are judged by their own data. bbo speaks only
/// when the top changes
///   (hyperliquid.md 8.3), so it also counts as alive while l2Book shows the same top. Trades and
///   candles have no rate: they are judged by the connection's data.
/// - Pings are the session's (libs/net, ConnectionPolicy with kPingText).
///
/// Pure: no clock, no socket. Not thread-safe; owned by one connection. `instruments` must outlive
/// it; instruments named in subscriptions must be in it.
class MarketProtocol {
 public:
  struct Counters {
    std::map<Stream, std::uint64_t> messages;
    std::uint64_t malformed = 0;
    std::uint64_t unknown_channels = 0;
    std::uint64_t unknown_coins = 0;
    std::uint64_t ignored = 0;  // known channels that are not ours
    std::uint64_t venue_errors = 0;
    std::uint64_t out_of_order = 0;  // older than what is published already
    std::uint64_t resyncs = 0;       // failed self-checks
    std::uint64_t resubscriptions = 0;
    std::uint64_t duplicate_trades = 0;
    std::uint64_t backfilled_trades = 0;
    std::uint64_t trade_gaps = 0;  // trades of a reconnect that nobody could give us
  };

  MarketProtocol(const MarketProtocolOptions& options, const MarketInstruments& instruments);
  ~MarketProtocol();
  MarketProtocol(const MarketProtocol&) = delete;
  MarketProtocol& operator=(const MarketProtocol&) = delete;

  /// One more user of a public stream; it is DOWN until its first data.
  void add(const Subscription& subscription, std::vector<MarketAction>& out);
  /// One user less; the last one ends it, without a status.
  void remove(const Subscription& subscription);
  /// The instrument is no longer traded: its feeds are DOWN with this reason and are unsubscribed
  /// for good.
  void withdraw(std::string_view coin, const std::string& reason, std::vector<MarketAction>& out);
  [[nodiscard]] std::size_t subscriptions() const;

  void on_connected(const Moment& now, std::vector<MarketAction>& out);
  void on_disconnected(const std::string& reason, std::vector<MarketAction>& out);
  void on_text(std::string_view frame, const Moment& now, std::vector<MarketAction>& out);
  /// Call at least every 250 ms.
  void on_timer(const Moment& now, std::vector<MarketAction>& out);
  /// The answer to FetchTrades, or why there is none.
  void on_recent_trades(std::string_view coin, Result<std::string_view> answer,
                        std::vector<MarketAction>& out);

  struct BookView {
    UnixNanos exchange_timestamp;
    std::span<const BookLevel> bids;
    std::span<const BookLevel> asks;
  };
  /// The whole book as last published. Errors: kUnknownTopic for a coin that is not subscribed,
  /// kResyncing while it is not LIVE or STALE. Valid until the next call.
  [[nodiscard]] Result<BookView> book(std::string_view coin) const;
  [[nodiscard]] std::optional<FeedState> state(const Subscription& subscription) const;
  /// Age of the oldest feed that has a rate of its own, by channel; for metrics.
  [[nodiscard]] std::map<Stream, Nanos> oldest(Nanos now) const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t rounded_figures() const { return parser_.rounded_figures(); }

 private:
  struct Feed;
  struct Market;

  Market& market(const std::string& coin);
  Market* find_market(std::string_view coin);
  [[nodiscard]] Feed* find_feed(const Subscription& subscription) const;
  Feed* feed_of(std::string_view coin, Stream stream, std::string_view what,
                std::vector<MarketAction>& out);
  Feed* feed_of_mids(std::string_view dex);

  void on_book(const BookMessage& book, const Moment& now, std::vector<MarketAction>& out);
  void on_bbo(const BboMessage& bbo, const Moment& now, std::vector<MarketAction>& out);
  void on_trades(const TradesMessage& trades, const Moment& now, std::vector<MarketAction>& out);
  void on_candles(const CandlesMessage& candles, const Moment& now, std::vector<MarketAction>& out);
  void on_context(const AssetContextMessage& context, const Moment& now,
                  std::vector<MarketAction>& out);
  void on_mids(const MidsMessage& mids, const Moment& now, std::vector<MarketAction>& out);
  void on_subscription_reply(const SubscriptionReply& reply);
  void on_venue_error(const VenueError& error, const Moment& now, std::vector<MarketAction>& out);

  void on_data(Feed& feed, const Moment& now, std::vector<MarketAction>& out);
  void set_state(Feed& feed, FeedState state, std::string_view reason,
                 std::vector<MarketAction>& out);
  void resync(Feed& feed, const std::string& reason, const Moment& now,
              std::vector<MarketAction>& out);
  void resubscribe(Feed& feed, const Moment& now, std::vector<MarketAction>& out);
  void send_due(const Moment& now, std::vector<MarketAction>& out);
  void check_silence(Feed& feed, const Moment& now, std::vector<MarketAction>& out);
  void close_candles(const Moment& now, std::vector<MarketAction>& out);
  void notice(Notice::Kind kind, std::string text, std::vector<MarketAction>& out) const;
  void see_venue_time(UnixNanos time, const Moment& now);
  [[nodiscard]] UnixNanos venue_time(const Moment& now) const;

  MarketProtocolOptions options_;
  const MarketInstruments& instruments_;
  MarketMessageParser parser_;
  MarketMessageParser answers_;
  net::SubscriptionSet subscriptions_;
  std::map<std::string, Subscription> by_key_;
  std::map<std::string, std::unique_ptr<Market>, std::less<>> markets_;  // by coin
  std::map<std::string, std::unique_ptr<Feed>, std::less<>> mids_;       // by DEX
  std::vector<Feed*> feeds_;                                             // all of them
  bool connected_ = false;
  std::optional<FeedState> connection_state_;
  Nanos connected_at_{0};
  Nanos newest_data_{0};
  Nanos venue_ahead_{0};  // the venue's clock less ours, by the newest stamped frame
  std::vector<BookLevel> changed_bids_;
  std::vector<BookLevel> changed_asks_;
  std::vector<MidItem> mid_items_;
  Counters counters_;
};

}  // namespace perpwire::hyperliquid
