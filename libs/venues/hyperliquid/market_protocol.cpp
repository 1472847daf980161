#include "libs/venues/hyperliquid/market_protocol.hpp"

#include "libs/common/assert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

constexpr Nanos kHour = std::chrono::hours{1};
constexpr int kMaxTradeRequests = 3;

/// Feeds that speak at a rate of their own: silence means something.
bool has_rate(Stream stream) {
  switch (stream) {
    case Stream::kL2Book:
    case Stream::kActiveAssetCtx:
    case Stream::kAllMids:
    case Stream::kBbo:
      return true;
    case Stream::kTrades:
    case Stream::kCandle:
      return false;
  }
  return false;
}

std::int64_t seconds(Nanos time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

bool same_top(const std::optional<BookLevel>& level, std::span<const BookLevel> side) {
  if (!level) return side.empty();
  return !side.empty() && level->price == side.front().price &&
         level->quantity == side.front().quantity;
}

/// Oldest first, whatever order the venue chose.
void sort_by_time(std::vector<TradeItem>& trades) {
  if (trades.size() > 1 && trades.front().time > trades.back().time) {
    std::reverse(trades.begin(), trades.end());
  }
  std::stable_sort(trades.begin(), trades.end(),
                   [](const TradeItem& a, const TradeItem& b) { return a.time < b.time; });
}

}  // namespace

struct MarketProtocol::Feed {
  Subscription subscription;
  std::string key;
  std::string pair;  // mids: the DEX
  Market* market = nullptr;
  std::optional<FeedState> state;
  std::string reason;
  bool acknowledged = false;
  bool withdrawn = false;
  bool refused = false;
  Nanos sent_at{0};             // of the newest subscribe message
  std::optional<Nanos> newest;  // data on this connection
  Nanos confirmed{0};           // bbo: the book showed the same top
  UnixNanos newest_time;        // the venue's stamp of the newest data
  bool first_message = true;
  Nanos next_resubscription{0};
  Nanos resubscription_wait{0};
  Nanos retry_at{0};
  // Candles: the running one.
  std::optional<CandleEvent> candle;
};

struct MarketProtocol::Market {
  std::string coin;
  std::string pair;
  bool spot = false;
  PriceGrid grid;
  std::unique_ptr<Feed> book_feed, bbo_feed, trades_feed, context_feed;
  std::map<std::string, std::unique_ptr<Feed>, std::less<>> candle_feeds;  // by interval

  std::vector<BookLevel> bids, asks;
  UnixNanos book_time;
  bool has_book = false;
  std::optional<BookLevel> best_bid, best_ask;  // of bbo
  TradeMemory trades;
  std::optional<UnixNanos> gap_from;  // trades from here on may be missing
  std::optional<Nanos>
      trades_since;  // when we first asked for trades; older ones are before our time
  int trade_requests = 0;
  bool awaiting_trades = false;
  Nanos ask_trades_at{0};

  std::unique_ptr<Feed>& feed(Stream stream) {
    switch (stream) {
      case Stream::kL2Book:
        return book_feed;
      case Stream::kBbo:
        return bbo_feed;
      case Stream::kTrades:
        return trades_feed;
      case Stream::kActiveAssetCtx:
        return context_feed;
      case Stream::kCandle:
      case Stream::kAllMids:
        break;
    }
    PW_ASSERT(false);
    return book_feed;
  }
  [[nodiscard]] bool has_feeds() const {
    return book_feed || bbo_feed || trades_feed || context_feed || !candle_feeds.empty();
  }
};

MarketProtocol::MarketProtocol(const MarketProtocolOptions& options,
                               const MarketInstruments& instruments)
    : options_(options), instruments_(instruments), subscriptions_(options.subscriptions) {}

MarketProtocol::~MarketProtocol() = default;

// ---- what is wanted
// -----------------------------------------------------------------------------------------------------

MarketProtocol::Market& MarketProtocol::market(const std::string& coin) {
  auto& slot = markets_[coin];
  if (!slot) {
    const auto* instrument = instruments_.by_coin(coin);
    PW_ASSERT(instrument != nullptr);
    slot = std::make_unique<Market>();
    slot->coin = coin;
    slot->pair = instrument->pair;
    slot->spot = instrument->spot;
    slot->grid = instrument->grid;
    slot->trades = TradeMemory{options_.trade_memory};
  }
  return *slot;
}

MarketProtocol::Market* MarketProtocol::find_market(std::string_view coin) {
  const auto found = markets_.find(coin);
  return found == markets_.end() ? nullptr : found->second.get();
}

void MarketProtocol::add(const Subscription& subscription, std::vector<MarketAction>& out) {
  if (!connection_state_) {
    connection_state_ = FeedState::kDown;
    out.push_back(ConnectionStatusEvent{FeedState::kDown, "not connected yet"});
  }
  const std::string key = to_json(subscription);
  if (!subscriptions_.add(key)) return;
  by_key_.insert_or_assign(key, subscription);
  auto feed = std::make_unique<Feed>();
  feed->subscription = subscription;
  feed->key = key;
  feed->resubscription_wait = options_.resubscribe_after;
  Feed* added = feed.get();
  if (subscription.stream == Stream::kAllMids) {
    feed->pair = subscription.dex;
    mids_.insert_or_assign(subscription.dex, std::move(feed));
  } else {
    Market& owner = market(subscription.coin);
    feed->market = &owner;
    feed->pair = owner.pair;
    if (subscription.stream == Stream::kCandle) {
      owner.candle_feeds.insert_or_assign(subscription.interval, std::move(feed));
    } else {
      owner.feed(subscription.stream) = std::move(feed);
    }
  }
  feeds_.push_back(added);
  set_state(*added, FeedState::kDown, "no data yet", out);
}

void MarketProtocol::remove(const Subscription& subscription) {
  const std::string key = to_json(subscription);
  if (!subscriptions_.remove(key)) return;
  by_key_.erase(key);
  feeds_.erase(std::remove_if(feeds_.begin(), feeds_.end(),
                              [&](const Feed* feed) { return feed->key == key; }),
               feeds_.end());
  if (subscription.stream == Stream::kAllMids) {
    mids_.erase(subscription.dex);
    return;
  }
  Market* owner = find_market(subscription.coin);
  if (owner == nullptr) return;
  if (subscription.stream == Stream::kCandle) {
    owner->candle_feeds.erase(subscription.interval);
  } else {
    owner->feed(subscription.stream).reset();
  }
  // The market stays with its trade memory: subscribed again, old trades are still known.
  if (subscription.stream == Stream::kL2Book) owner->has_book = false;
  if (subscription.stream == Stream::kTrades && !owner->trades.empty())
    owner->gap_from = owner->trades.newest();
}

void MarketProtocol::withdraw(std::string_view coin, const std::string& reason,
                              std::vector<MarketAction>& out) {
  Market* owner = find_market(coin);
  if (owner == nullptr) return;
  for (Feed* feed : feeds_) {
    if (feed->market != owner || feed->withdrawn) continue;
    feed->withdrawn = true;
    while (subscriptions_.users(feed->key) > 0) subscriptions_.remove(feed->key);
    set_state(*feed, FeedState::kDown, reason, out);
  }
  owner->has_book = false;
}

std::size_t MarketProtocol::subscriptions() const { return feeds_.size(); }

// ---- the connection
// -----------------------------------------------------------------------------------------------------

void MarketProtocol::on_connected(const Moment& now, std::vector<MarketAction>& out) {
  connected_ = true;
  connected_at_ = now.monotonic;
  newest_data_ = now.monotonic;
  subscriptions_.on_connected();
  for (Feed* feed : feeds_) {
    feed->acknowledged = false;
    feed->refused = false;
    feed->newest.reset();
    feed->newest_time = {};
    feed->first_message = true;
    feed->sent_at = now.monotonic;
    feed->resubscription_wait = options_.resubscribe_after;
    feed->next_resubscription = Nanos{0};
  }
  send_due(now, out);
}

void MarketProtocol::on_disconnected(const std::string& reason, std::vector<MarketAction>& out) {
  connected_ = false;
  subscriptions_.on_disconnected();
  if (connection_state_ != FeedState::kDown) {
    connection_state_ = FeedState::kDown;
    out.push_back(ConnectionStatusEvent{FeedState::kDown, reason});
  }
  for (Feed* feed : feeds_) {
    feed->candle.reset();  // how it ended will not be seen
    if (!feed->withdrawn) set_state(*feed, FeedState::kDown, reason, out);
  }
  for (auto& [coin, owner] : markets_) {
    owner->has_book = false;
    owner->best_bid.reset();
    owner->best_ask.reset();
    owner->awaiting_trades = false;
    owner->trade_requests = 0;
    if (owner->trades_feed && !owner->trades.empty() && !owner->gap_from) {
      owner->gap_from = owner->trades.newest();
    }
  }
}

void MarketProtocol::send_due(const Moment& now, std::vector<MarketAction>& out) {
  if (!connected_) return;
  const auto due_at = subscriptions_.next_due(now.monotonic);
  if (!due_at || *due_at > now.monotonic) return;
  // The set takes what it returns as sent, so there must be room for the most that it may return.
  const auto most = static_cast<std::int64_t>(options_.subscriptions.max_per_second);
  if (options_.messages != nullptr && !options_.messages->has(most, now.monotonic)) return;
  const auto requests = subscriptions_.due(now.monotonic);
  if (options_.messages != nullptr) {
    options_.messages->charge(static_cast<std::int64_t>(requests.size()), now.monotonic);
  }
  for (const auto& request : requests) {
    if (request.kind == net::SubscriptionSet::Request::Kind::kUnsubscribe) {
      // What nobody wants any more may have no feed here: the key is the subscription itself.
      const auto subscription = parse_subscription(request.key);
      if (subscription) out.push_back(SendText{unsubscribe_text(*subscription)});
      continue;
    }
    const auto found = by_key_.find(request.key);
    if (found == by_key_.end()) continue;
    out.push_back(SendText{subscribe_text(found->second)});
    for (Feed* feed : feeds_) {
      if (feed->key == request.key) feed->sent_at = now.monotonic;
    }
  }
}

void MarketProtocol::resubscribe(Feed& feed, const Moment& now, std::vector<MarketAction>& out) {
  if (now.monotonic < feed.next_resubscription) return;
  if (subscriptions_.state(feed.key) == net::SubscriptionSet::State::kSubscribed) {
    if (options_.messages != nullptr && !options_.messages->take(1, now.monotonic)) return;
    // Once its end is acknowledged the set finds it wanted and subscribes it again.
    out.push_back(SendText{unsubscribe_text(feed.subscription)});
    ++counters_.resubscriptions;
  }
  feed.next_resubscription = now.monotonic + feed.resubscription_wait;
  feed.resubscription_wait = std::min(feed.resubscription_wait * 2, options_.resubscribe_max);
  feed.newest_time = {};
}

// ---- states
// -------------------------------------------------------------------------------------------------------------

void MarketProtocol::set_state(Feed& feed, FeedState state, std::string_view reason,
                               std::vector<MarketAction>& out) {
  if (feed.state == state && (state == FeedState::kLive || feed.reason == reason)) return;
  feed.state = state;
  feed.reason = reason;
  out.push_back(FeedStatusEvent{feed.subscription.stream, feed.pair, feed.subscription.interval,
                                state, std::string{reason}});
}

void MarketProtocol::on_data(Feed& feed, const Moment& now, std::vector<MarketAction>& out) {
  newest_data_ = now.monotonic;
  feed.newest = now.monotonic;
  if (!feed.acknowledged) {
    // Data prove a subscription as well as an acknowledgement does, and may come before it
    // (hyperliquid.md 8.2).
    feed.acknowledged = true;
    if (subscriptions_.state(feed.key) == net::SubscriptionSet::State::kSubscribing) {
      subscriptions_.on_subscribed(feed.key);
    }
  }
  if (connection_state_ != FeedState::kLive) {
    connection_state_ = FeedState::kLive;
    out.push_back(ConnectionStatusEvent{FeedState::kLive, ""});
  }
  feed.resubscription_wait = options_.resubscribe_after;
  feed.next_resubscription = Nanos{0};
  set_state(feed, FeedState::kLive, "", out);
}

void MarketProtocol::resync(Feed& feed, const std::string& reason, const Moment& now,
                            std::vector<MarketAction>& out) {
  newest_data_ = now.monotonic;
  ++counters_.resyncs;
  notice(Notice::Kind::kDoubtfulBook,
         fmt::format("{} {}: {}", to_string(feed.subscription.stream), feed.pair, reason), out);
  set_state(feed, FeedState::kResyncing, reason, out);
  resubscribe(feed, now, out);
}

void MarketProtocol::check_silence(Feed& feed, const Moment& now, std::vector<MarketAction>& out) {
  if (feed.withdrawn || feed.refused) return;
  if (!has_rate(feed.subscription.stream)) {
    const Nanos age = now.monotonic - newest_data_;
    if (feed.acknowledged && age < options_.stale_after && connection_state_ == FeedState::kLive) {
      set_state(feed, FeedState::kLive, "", out);
    } else if (age >= options_.stale_after && feed.state != FeedState::kStale) {
      set_state(feed, FeedState::kStale,
                fmt::format("no data on the connection for {} s", seconds(age)), out);
    }
    return;
  }
  const Nanos alive = std::max(feed.newest.value_or(feed.sent_at), feed.confirmed);
  const Nanos age = now.monotonic - alive;
  if (age < options_.stale_after) {
    // A quiet bbo that the book confirms again.
    if (feed.state == FeedState::kStale && feed.newest && alive == feed.confirmed) {
      set_state(feed, FeedState::kLive, "", out);
    }
    return;
  }
  if (feed.state != FeedState::kStale && feed.state != FeedState::kResyncing) {
    set_state(feed, FeedState::kStale,
              feed.newest ? fmt::format("silent for {} s", seconds(age))
                          : fmt::format("no data within {} s of its subscription", seconds(age)),
              out);
  }
  resubscribe(feed, now, out);
}

void MarketProtocol::on_timer(const Moment& now, std::vector<MarketAction>& out) {
  if (!connected_) return;
  send_due(now, out);
  const Nanos silence = now.monotonic - newest_data_;
  if (silence >= options_.stale_after && connection_state_ == FeedState::kLive) {
    connection_state_ = FeedState::kStale;
    out.push_back(ConnectionStatusEvent{FeedState::kStale,
                                        fmt::format("no data for {} s", seconds(silence))});
  }
  bool any_wanted = false;
  for (Feed* feed : feeds_) {
    check_silence(*feed, now, out);
    any_wanted = any_wanted || !(feed->withdrawn || feed->refused);
    if (feed->refused && !feed->withdrawn && now.monotonic >= feed->retry_at) {
      feed->refused = false;
      feed->sent_at = now.monotonic;
      subscriptions_.retry(feed->key);
    }
  }
  if (any_wanted && silence >= options_.reconnect_after_silence) {
    newest_data_ = now.monotonic;  // once for each silence
    out.push_back(Reconnect{fmt::format("no data for {} s", seconds(silence))});
    return;
  }
  close_candles(now, out);
  for (auto& [coin, owner] : markets_) {
    if (!owner->trades_feed || !owner->gap_from || owner->awaiting_trades) continue;
    const bool late = owner->trades_feed->first_message && owner->trades_feed->acknowledged &&
                      now.monotonic - owner->trades_feed->sent_at >= options_.first_trades_deadline;
    if (!late && (owner->ask_trades_at == Nanos{0} || now.monotonic < owner->ask_trades_at))
      continue;
    owner->awaiting_trades = true;
    owner->ask_trades_at = now.monotonic + options_.first_trades_deadline;
    ++owner->trade_requests;
    out.push_back(FetchTrades{coin});
  }
}

// ---- frames
// -------------------------------------------------------------------------------------------------------------

void MarketProtocol::notice(Notice::Kind kind, std::string text,
                            std::vector<MarketAction>& out) const {
  out.push_back(Notice{kind, std::move(text)});
}

void MarketProtocol::see_venue_time(UnixNanos time, const Moment& now) {
  venue_ahead_ = time - now.wall;
}

UnixNanos MarketProtocol::venue_time(const Moment& now) const { return now.wall + venue_ahead_; }

void MarketProtocol::on_text(std::string_view frame, const Moment& now,
                             std::vector<MarketAction>& out) {
  auto parsed = parser_.parse(frame);
  if (!parsed) {
    ++counters_.malformed;
    notice(Notice::Kind::kMalformed, std::move(parsed.error().text), out);
    return;
  }
  struct Visitor {
    MarketProtocol& self;
    const Moment& at;
    std::vector<MarketAction>& actions;
    void operator()(const BookMessage* book) { self.on_book(*book, at, actions); }
    void operator()(const BboMessage* bbo) { self.on_bbo(*bbo, at, actions); }
    void operator()(const TradesMessage* trades) { self.on_trades(*trades, at, actions); }
    void operator()(const CandlesMessage* candles) { self.on_candles(*candles, at, actions); }
    void operator()(const AssetContextMessage* context) { self.on_context(*context, at, actions); }
    void operator()(const MidsMessage* mids) { self.on_mids(*mids, at, actions); }
    void operator()(const SubscriptionReply& reply) { self.on_subscription_reply(reply); }
    void operator()(const VenueError& error) { self.on_venue_error(error, at, actions); }
    void operator()(const PostReply&) { ++self.counters_.ignored; }
    void operator()(const Pong&) {}
    void operator()(const Greeting&) {}
    void operator()(const IgnoredFrame& ignored) {
      if (ignored.known) {
        ++self.counters_.ignored;
        return;
      }
      ++self.counters_.unknown_channels;
      self.notice(Notice::Kind::kUnknownChannel, std::string{ignored.channel}, actions);
    }
  };
  std::visit(Visitor{*this, now, out}, *parsed);
  send_due(now, out);
}

void MarketProtocol::on_subscription_reply(const SubscriptionReply& reply) {
  if (!reply.subscription) return;
  const std::string key = to_json(*reply.subscription);
  if (!reply.subscribed) {
    subscriptions_.on_unsubscribed(key);
    return;
  }
  subscriptions_.on_subscribed(key);
  if (Feed* feed = find_feed(*reply.subscription)) {
    feed->acknowledged = true;
    feed->refused = false;
  }
}

void MarketProtocol::on_venue_error(const VenueError& error, const Moment& now,
                                    std::vector<MarketAction>& out) {
  ++counters_.venue_errors;
  notice(Notice::Kind::kVenueError, std::string{error.text}, out);
  if (!error.subscription) return;
  const std::string key = to_json(*error.subscription);
  Feed* feed = find_feed(*error.subscription);
  switch (error.kind) {
    case VenueError::Kind::kAlreadySubscribed:
      subscriptions_.on_subscribed(key);
      if (feed != nullptr) feed->acknowledged = true;
      return;
    case VenueError::Kind::kAlreadyUnsubscribed:
      subscriptions_.on_unsubscribed(key);
      return;
    case VenueError::Kind::kInvalidSubscription:
    case VenueError::Kind::kUnparsableRequest:
      subscriptions_.on_refused(key);
      if (feed != nullptr && !feed->withdrawn) {
        feed->refused = true;
        feed->retry_at = now.monotonic + options_.retry_refused_after;
        set_state(*feed, FeedState::kDown, fmt::format("refused by the venue: {}", error.text),
                  out);
      }
      return;
    case VenueError::Kind::kTooManySubscriptions:
    case VenueError::Kind::kTooManyMessages:
    case VenueError::Kind::kTooManyPosts:
    case VenueError::Kind::kUnrecognised:
      return;
  }
}

MarketProtocol::Feed* MarketProtocol::find_feed(const Subscription& subscription) const {
  if (subscription.stream == Stream::kAllMids) {
    const auto found = mids_.find(subscription.dex);
    return found == mids_.end() ? nullptr : found->second.get();
  }
  const auto owner = markets_.find(subscription.coin);
  if (owner == markets_.end()) return nullptr;
  if (subscription.stream == Stream::kCandle) {
    const auto found = owner->second->candle_feeds.find(subscription.interval);
    return found == owner->second->candle_feeds.end() ? nullptr : found->second.get();
  }
  return owner->second->feed(subscription.stream).get();
}

MarketProtocol::Feed* MarketProtocol::feed_of(std::string_view coin, Stream stream,
                                              std::string_view what,
                                              std::vector<MarketAction>& out) {
  Market* owner = find_market(coin);
  Feed* feed = owner == nullptr ? nullptr : owner->feed(stream).get();
  if (feed != nullptr) {
    if (feed->withdrawn) return nullptr;
    ++counters_.messages[stream];
    return feed;
  }
  if (owner != nullptr || instruments_.by_coin(coin) != nullptr) {
    ++counters_.ignored;  // data on their way when we unsubscribed
    return nullptr;
  }
  ++counters_.unknown_coins;
  notice(Notice::Kind::kUnknownCoin, fmt::format("{} {}", what, coin), out);
  return nullptr;
}

void MarketProtocol::on_book(const BookMessage& book, const Moment& now,
                             std::vector<MarketAction>& out) {
  if (book.aggregated) {
    ++counters_.ignored;  // we never ask for aggregated levels
    return;
  }
  Feed* feed = feed_of(book.coin, Stream::kL2Book, "l2Book", out);
  if (feed == nullptr) return;
  Market& owner = *feed->market;
  if (book.time < feed->newest_time) {
    ++counters_.out_of_order;
    notice(Notice::Kind::kOutOfOrder,
           fmt::format("l2Book {} of {} after {}", owner.pair, book.time.millis(),
                       feed->newest_time.millis()),
           out);
    return;
  }
  if (const auto check = check_book(book.bids, book.asks, owner.grid); !check) {
    owner.has_book = false;
    resync(*feed, check.error().text, now, out);
    return;
  }
  see_venue_time(book.time, now);
  feed->newest_time = book.time;
  const bool snapshot = !owner.has_book;
  if (snapshot) {
    changed_bids_ = book.bids;
    changed_asks_ = book.asks;
  } else {
    difference(owner.bids, book.bids, true, changed_bids_);
    difference(owner.asks, book.asks, false, changed_asks_);
  }
  owner.bids = book.bids;
  owner.asks = book.asks;
  owner.book_time = book.time;
  owner.has_book = true;
  on_data(*feed, now, out);
  const auto top = [&](const std::vector<BookLevel>& levels) {
    return std::span{levels}.first(std::min(levels.size(), options_.depth));
  };
  out.push_back(BookEvent{owner.pair, book.time, top(owner.bids), top(owner.asks)});
  if (snapshot || !changed_bids_.empty() || !changed_asks_.empty()) {
    out.push_back(DeltaEvent{owner.pair, book.time, changed_bids_, changed_asks_, snapshot});
  }
  if (owner.bbo_feed && owner.bbo_feed->newest && same_top(owner.best_bid, owner.bids) &&
      same_top(owner.best_ask, owner.asks)) {
    owner.bbo_feed->confirmed = now.monotonic;
  }
}

void MarketProtocol::on_bbo(const BboMessage& bbo, const Moment& now,
                            std::vector<MarketAction>& out) {
  Feed* feed = feed_of(bbo.coin, Stream::kBbo, "bbo", out);
  if (feed == nullptr) return;
  Market& owner = *feed->market;
  if (bbo.time < feed->newest_time) {
    ++counters_.out_of_order;
    notice(Notice::Kind::kOutOfOrder,
           fmt::format("bbo {} of {} after {}", owner.pair, bbo.time.millis(),
                       feed->newest_time.millis()),
           out);
    return;
  }
  if (const auto check = check_top(bbo.bid, bbo.ask, owner.grid); !check) {
    resync(*feed, check.error().text, now, out);
    return;
  }
  see_venue_time(bbo.time, now);
  feed->newest_time = bbo.time;
  owner.best_bid = bbo.bid;
  owner.best_ask = bbo.ask;
  on_data(*feed, now, out);
  out.push_back(BboEvent{owner.pair, bbo.time, bbo.bid, bbo.ask});
}

void MarketProtocol::on_trades(const TradesMessage& message, const Moment& now,
                               std::vector<MarketAction>& out) {
  const auto publish = [&](const Market& owner, const TradeItem& trade, bool backfilled) {
    if (backfilled) ++counters_.backfilled_trades;
    out.push_back(TradeEvent{owner.pair, trade.time, trade.trade_id, trade.price, trade.quantity,
                             trade.side, backfilled});
  };
  if (message.trades.empty()) return;
  // A frame holds the trades of one coin.
  Feed* feed = feed_of(message.trades.front().coin, Stream::kTrades, "trades", out);
  if (feed == nullptr) return;
  Market& owner = *feed->market;
  std::vector<TradeItem> sorted;
  std::span<const TradeItem> trades = message.trades;
  const bool first = std::exchange(feed->first_message, false);
  if (first) {
    sorted = message.trades;
    sort_by_time(sorted);
    trades = sorted;
  }
  on_data(*feed, now, out);
  // The first message repeats old trades without saying so (hyperliquid.md 8.3): those before the
  // subscription are late.
  const UnixNanos subscribed = venue_time(now) - (now.monotonic - feed->sent_at);
  if (!owner.trades_since) owner.trades_since = feed->sent_at;
  const UnixNanos oldest_wanted =
      owner.gap_from.value_or(venue_time(now) - (now.monotonic - *owner.trades_since));
  for (const auto& trade : trades) {
    if (trade.coin != owner.coin) {
      ++counters_.unknown_coins;
      notice(Notice::Kind::kUnknownCoin,
             fmt::format("trades of {} among those of {}", trade.coin, owner.coin), out);
      continue;
    }
    if (!owner.trades.remember(trade.time, trade.trade_id)) {
      ++counters_.duplicate_trades;
      continue;
    }
    const bool late = first && options_.first_trades_are_old && trade.time < subscribed;
    if (late && trade.time < oldest_wanted) continue;
    publish(owner, trade, late);
  }
  if (!first) see_venue_time(trades.back().time, now);
  if (!first || !owner.gap_from) return;
  // Does the message reach back to what we knew? Then nothing is missing; else REST may know the
  // rest.
  if (trades.front().time <= *owner.gap_from) {
    owner.gap_from.reset();
    owner.ask_trades_at = Nanos{0};
  } else if (!owner.awaiting_trades) {
    owner.awaiting_trades = true;
    ++owner.trade_requests;
    out.push_back(FetchTrades{owner.coin});
  }
}

void MarketProtocol::on_recent_trades(std::string_view coin, Result<std::string_view> answer,
                                      std::vector<MarketAction>& out) {
  Market* owner = find_market(coin);
  if (owner == nullptr || !owner->awaiting_trades) return;
  owner->awaiting_trades = false;
  if (!owner->gap_from) return;
  std::string why;
  if (answer) {
    auto parsed = answers_.parse_recent_trades(*answer);
    if (parsed) {
      auto trades = (*parsed)->trades;
      sort_by_time(trades);
      const bool joined = !trades.empty() && trades.front().time <= *owner->gap_from;
      for (const auto& trade : trades) {
        if (trade.coin != owner->coin || trade.time < *owner->gap_from) continue;
        if (!owner->trades.remember(trade.time, trade.trade_id)) continue;
        ++counters_.backfilled_trades;
        out.push_back(TradeEvent{owner->pair, trade.time, trade.trade_id, trade.price,
                                 trade.quantity, trade.side, true});
      }
      owner->gap_from.reset();
      owner->ask_trades_at = Nanos{0};
      if (joined || trades.empty()) return;
      why = "the venue's recent trades do not reach back to the last known one";
    } else {
      why = parsed.error().text;
    }
  } else {
    why = answer.error().text;
  }
  if (owner->gap_from && owner->trade_requests < kMaxTradeRequests)
    return;  // asked again by the timer
  owner->gap_from.reset();
  owner->ask_trades_at = Nanos{0};
  ++counters_.trade_gaps;
  notice(Notice::Kind::kTradeGap, fmt::format("trades {}: {}", owner->pair, why), out);
}

void MarketProtocol::on_candles(const CandlesMessage& message, const Moment& now,
                                std::vector<MarketAction>& out) {
  for (const auto& item : message.candles) {
    Market* owner = find_market(item.coin);
    const auto found = owner == nullptr ? decltype(owner->candle_feeds.begin()){}
                                        : owner->candle_feeds.find(item.interval);
    if (owner == nullptr || found == owner->candle_feeds.end()) {
      if (owner != nullptr || instruments_.by_coin(item.coin) != nullptr) {
        ++counters_.ignored;
      } else {
        ++counters_.unknown_coins;
        notice(Notice::Kind::kUnknownCoin, fmt::format("candle {}", item.coin), out);
      }
      continue;
    }
    Feed& feed = *found->second;
    if (feed.withdrawn) continue;
    ++counters_.messages[Stream::kCandle];
    feed.first_message = false;
    on_data(feed, now, out);
    CandleEvent candle{.pair = owner->pair,
                       .interval = feed.subscription.interval,
                       .open_time = item.open_time,
                       .close_time = item.close_time,
                       .open = item.open,
                       .high = item.high,
                       .low = item.low,
                       .close = item.close,
                       .volume = item.volume,
                       .trades = item.trades,
                       .closed = false};
    if (feed.candle && item.open_time < feed.candle->open_time) {
      candle.closed = true;  // a late word about one that has ended
      out.push_back(candle);
      continue;
    }
    if (feed.candle && item.open_time > feed.candle->open_time && !feed.candle->closed) {
      feed.candle->closed = true;
      out.push_back(*feed.candle);
    }
    candle.closed = venue_time(now) >= candle.close_time;
    feed.candle = candle;
    out.push_back(candle);
  }
}

void MarketProtocol::close_candles(const Moment& now, std::vector<MarketAction>& out) {
  const UnixNanos ended = venue_time(now) - options_.candle_grace;
  for (Feed* feed : feeds_) {
    if (!feed->candle || feed->candle->closed || ended < feed->candle->close_time) continue;
    feed->candle->closed = true;
    out.push_back(*feed->candle);
  }
}

void MarketProtocol::on_context(const AssetContextMessage& message, const Moment& now,
                                std::vector<MarketAction>& out) {
  Feed* feed = feed_of(message.coin, Stream::kActiveAssetCtx, "activeAssetCtx", out);
  if (feed == nullptr) return;
  on_data(*feed, now, out);
  const auto& context = message.context;
  TickerEvent ticker;
  ticker.pair = feed->market->pair;
  ticker.mark_price = context.mark_price;
  ticker.index_price = context.oracle_price;
  ticker.open_interest = context.open_interest;
  if (context.funding_rate) {
    ticker.funding_rate = context.funding_rate;
    // Funding is paid every hour on the hour. Source: venue documentation, "Funding".
    ticker.funding_interval = kHour;
    ticker.next_funding = UnixNanos{(venue_time(now).value() / kHour.count() + 1) * kHour.count()};
  }
  out.push_back(ticker);
}

MarketProtocol::Feed* MarketProtocol::feed_of_mids(std::string_view dex) {
  const auto found = mids_.find(dex);
  return found == mids_.end() ? nullptr : found->second.get();
}

void MarketProtocol::on_mids(const MidsMessage& message, const Moment& now,
                             std::vector<MarketAction>& out) {
  std::string_view dex = message.dex;
  if (dex.empty() && !message.mids.empty()) {
    // Without a dex field a builder DEX still shows by its coins: all of one message are of one
    // DEX.
    const auto coin = message.mids.front().coin;
    const auto colon = coin.find(':');
    if (colon != std::string_view::npos) dex = coin.substr(0, colon);
  }
  Feed* feed = feed_of_mids(dex);
  if (feed == nullptr) {
    ++counters_.ignored;
    return;
  }
  ++counters_.messages[Stream::kAllMids];
  on_data(*feed, now, out);
  mid_items_.clear();
  for (const auto& item : message.mids) {
    // Spot pairs and outcomes stand in the main DEX's map too; those that were not loaded have no
    // name here.
    const auto* instrument = instruments_.by_coin(item.coin);
    if (instrument != nullptr) mid_items_.push_back({instrument->pair, item.price});
  }
  out.push_back(MidsEvent{feed->pair, mid_items_});
}

// ---- questions
// ----------------------------------------------------------------------------------------------------------

Result<MarketProtocol::BookView> MarketProtocol::book(std::string_view coin) const {
  const auto found = markets_.find(coin);
  if (found == markets_.end() || !found->second->book_feed) {
    return fail(ErrorCode::kUnknownTopic, fmt::format("book of {} is not subscribed", coin));
  }
  const Market& owner = *found->second;
  if (!owner.has_book) {
    return fail(ErrorCode::kResyncing,
                fmt::format("book of {} is {}: {}", owner.pair,
                            to_string(owner.book_feed->state.value_or(FeedState::kDown)),
                            owner.book_feed->reason));
  }
  return BookView{owner.book_time, owner.bids, owner.asks};
}

std::optional<FeedState> MarketProtocol::state(const Subscription& subscription) const {
  const Feed* feed = find_feed(subscription);
  return feed == nullptr ? std::nullopt : feed->state;
}

std::map<Stream, Nanos> MarketProtocol::oldest(Nanos now) const {
  std::map<Stream, Nanos> out;
  for (const Feed* feed : feeds_) {
    if (feed->withdrawn || !feed->newest) continue;
    Nanos& age = out[feed->subscription.stream];
    age = std::max(age, now - *feed->newest);
  }
  return out;
}

}  // namespace perpwire::hyperliquid
