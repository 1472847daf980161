#include "services/marketstream/hyperliquid_feed.hpp"

#include "libs/venues/hyperliquid/market_envelopes.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/market_data.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

namespace perpwire::marketstream {
namespace {

using namespace std::chrono_literals;
using hyperliquid::kVenueName;
using hyperliquid::Stream;
using hyperliquid::Subscription;

constexpr Nanos kTick = 100ms;
constexpr Nanos kFirstRetry = 500ms;
constexpr Nanos kLastRetry = 4s;  // LIVE within 8 s of the venue being well again
constexpr std::uint64_t kNoticesPerWindow = 10;
constexpr Nanos kNoticeWindow = 10s;

constexpr std::array<std::string_view, 6> kPairChannels{"book",  "delta",  "bbo",
                                                        "trade", "ticker", "candle"};

bool is_pair_channel(std::string_view channel) {
  return std::find(kPairChannels.begin(), kPairChannels.end(), channel) != kPairChannels.end();
}

/// What streams of one connection belong together: those of a coin; the mids of a DEX.
std::string owner_of(const Subscription& subscription) {
  return subscription.stream == Stream::kAllMids ? fmt::format("mids {}", subscription.dex)
                                                 : subscription.coin;
}

tl::unexpected<Error> not_ready() {
  return fail(ErrorCode::kNotReady, "the instruments of hyperliquid are not known yet");
}

}  // namespace

class HyperliquidFeed::Timer {
 public:
  Timer(boost::asio::io_context& io, std::function<void()> tick)
      : timer_(io), tick_(std::move(tick)) {}
  void start() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      tick_();
      start();
    });
  }
  void stop() { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
  std::function<void()> tick_;
};

HyperliquidFeed::HyperliquidFeed(boost::asio::io_context& io, HyperliquidFeedConfig config,
                                 MarketPublisher& publisher, Metrics& metrics)
    : config_(std::move(config)),
      publisher_(publisher),
      metrics_(metrics, std::string{kVenueName}),
      io_(io),
      tls_(std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = config_.venue.ca_file})),
      info_(io, config_.venue, tls_, config_.rest_weight_per_minute),
      messages_(config_.messages_per_minute),
      shards_(config_.shards),
      timer_(std::make_unique<Timer>(io, [this] { on_timer(); })) {}

HyperliquidFeed::~HyperliquidFeed() = default;

std::string_view HyperliquidFeed::venue() const { return kVenueName; }

void HyperliquidFeed::start() {
  show_status("*", "*", "instruments", FeedState::kDown, "starting: instruments are not known yet");
  timer_->start();
  poll_instruments();
}

void HyperliquidFeed::stop() {
  timer_->stop();
  for (auto& link : links_) link->stop();
  info_.stop();
}

std::string_view HyperliquidFeed::state() const {
  if (!watch_.known()) return "STARTING";
  const auto shown = board_.shown("*", "*");
  return shown && shown->state == FeedState::kLive ? "READY" : "DEGRADED";
}

void HyperliquidFeed::on_timer() {
  for (auto& link : links_) link->on_timer();
  info_.on_timer();
  const Nanos now = monotonic_now();
  if (now >= next_poll_) poll_instruments();
  if (now < next_metrics_) return;
  next_metrics_ = now + 1s;
  std::vector<const hyperliquid::MarketProtocol*> protocols;
  for (const auto& link : links_) protocols.push_back(&link->protocol());
  metrics_.update(board_, protocols, shards_.subscriptions(), info_.weight(), now);
}

// ---- instruments
// --------------------------------------------------------------------------------------------------------

void HyperliquidFeed::poll_instruments() {
  if (std::exchange(polling_, true)) return;
  info_.instruments(config_.venue.dexs, [this](Result<InfoClient::Definitions> definitions) {
    polling_ = false;
    if (definitions) {
      on_definitions(std::move(*definitions));
    } else {
      poll_failed(definitions.error());
    }
  });
}

void HyperliquidFeed::poll_failed(const Error& error) {
  ++failed_polls_;
  next_poll_ = monotonic_now() +
               std::min<Nanos>(kFirstRetry * (1 << std::min(failed_polls_, 4U)), kLastRetry);
  metrics_.count("perpwire_instrument_polls_failed_total", "Polls of the instruments that failed.",
                 {});
  if (failed_polls_ <= 3 || failed_polls_ % 20 == 0) {
    spdlog::warn("instruments not read venue={} attempt={} reason=\"{}\"", kVenueName,
                 failed_polls_, error.text);
  }
  if (!watch_.known()) {
    show_status("*", "*", "instruments", FeedState::kDown,
                "instruments are not known: " + error.text);
  }
}

void HyperliquidFeed::on_definitions(InfoClient::Definitions definitions) {
  failed_polls_ = 0;
  next_poll_ = monotonic_now() + config_.instruments_interval;
  const bool first = !watch_.known();
  const auto changes = watch_.update(std::move(definitions.instruments));
  for (const auto* instrument : changes.changed) {
    instruments_.put({.coin = instrument->venue_symbol.value(),
                      .pair = instrument->trading_pair.value(),
                      .dex = instrument->dex,
                      .spot = instrument->kind == hyperliquid::InstrumentKind::kSpot,
                      .grid = {.max_decimals = instrument->max_price_decimals(),
                               .size_decimals = instrument->size_decimals}});
    publisher_.publish(*instrument, definitions.received);
  }
  for (const auto* instrument : changes.delisted) {
    spdlog::warn("delisted venue={} pair={}", kVenueName, instrument->trading_pair.value());
    if (auto* owner = link_of(instrument->venue_symbol.value())) {
      owner->withdraw(instrument->venue_symbol.value(), "delisted");
    }
  }
  if (first) {
    spdlog::info("instruments known venue={} count={}", kVenueName,
                 watch_.instruments().all().size());
  } else {
    for (const auto* instrument : changes.listed) {
      spdlog::info("listed venue={} pair={}", kVenueName, instrument->trading_pair.value());
    }
  }
  follow_configuration();
  if (first) {
    const auto shown = board_.forget("*", "*", "instruments");
    if (shown)
      publisher_.publish_status("*", "*", shown->state, shown->reason, definitions.received);
  }
}

/// Feeds what the configuration names, now that the instruments are known or have changed.
void HyperliquidFeed::follow_configuration() {
  std::vector<std::string> unknown;
  const auto pairs =
      resolve_symbols(config_.venue.symbols, config_.venue.dexs, watch_.instruments(), unknown);
  for (const auto& pair : unknown) {
    for (const auto& channel : config_.channels) {
      if (is_pair_channel(channel)) {
        show_status(channel, pair, "", FeedState::kDown, "the venue does not know this pair");
      }
    }
  }
  for (const auto& pair : pairs) follow_pair(pair);
  follow_mids();
}

void HyperliquidFeed::follow_pair(const std::string& pair) {
  const bool delisted = watch_.instruments().by_pair(TradingPair{pair})->delisted;
  for (const auto& channel : config_.channels) {
    if (!is_pair_channel(channel)) continue;
    if (delisted && !wanted_.wanted(pair, channel)) {
      show_status(channel, pair, "", FeedState::kDown, "delisted");
      continue;
    }
    if (const auto added = want(WantedChannels::kConfiguration, pair, channel); !added) {
      show_status(channel, pair, "", FeedState::kDown, added.error().text);
    }
  }
}

void HyperliquidFeed::follow_mids() {
  if (std::find(config_.channels.begin(), config_.channels.end(), "mids") == config_.channels.end())
    return;
  for (const auto& dex : config_.venue.dexs) {
    const Subscription mids{.stream = Stream::kAllMids, .dex = dex};
    if (places_.contains(owner_of(mids))) continue;
    if (const auto added = add_stream(mids); !added) {
      show_status("mids", std::string{hyperliquid::dex_label(dex)}, "", FeedState::kDown,
                  added.error().text);
    }
  }
}

// ---- who wants what
// -----------------------------------------------------------------------------------------------------

std::vector<Subscription> HyperliquidFeed::streams(const std::string& pair,
                                                   std::string_view channel) const {
  const auto* instrument = instruments_.by_pair(pair);
  if (instrument == nullptr) return {};
  const auto& coin = instrument->coin;
  if (channel == "book" || channel == "delta") return {{.stream = Stream::kL2Book, .coin = coin}};
  if (channel == "bbo") return {{.stream = Stream::kBbo, .coin = coin}};
  if (channel == "trade") return {{.stream = Stream::kTrades, .coin = coin}};
  if (channel == "ticker") return {{.stream = Stream::kActiveAssetCtx, .coin = coin}};
  std::vector<Subscription> out;
  if (channel == "candle") {
    for (const auto& interval : config_.candles) {
      out.push_back({.stream = Stream::kCandle, .coin = coin, .interval = interval});
    }
  }
  return out;
}

Status HyperliquidFeed::want(std::string_view user, const std::string& pair,
                             const std::string& channel) {
  if (!wanted_.add(user, pair, channel)) return {};
  // Of candles each interval is a source of its own.
  if (channel == "candle") board_.forget(channel, pair, "");
  std::vector<Subscription> fed;
  for (const auto& subscription : streams(pair, channel)) {
    if (auto added = add_stream(subscription); !added) {
      for (const auto& stream : fed) remove_stream(stream);
      wanted_.remove(user, pair, channel);
      return added;
    }
    fed.push_back(subscription);
  }
  return {};
}

Status HyperliquidFeed::add_stream(const Subscription& subscription) {
  const std::string owner = owner_of(subscription);
  const auto number = shards_.take(owner);
  if (!number) {
    return fail(ErrorCode::kRateLimited,
                fmt::format("the venue's limit of {} subscriptions is reached",
                            config_.shards.subscriptions));
  }
  places_.insert_or_assign(owner, *number);
  link(*number).add(subscription);
  return {};
}

void HyperliquidFeed::remove_stream(const Subscription& subscription) {
  const std::string owner = owner_of(subscription);
  if (auto* from = link_of(owner)) {
    from->remove(subscription);
    shards_.release(owner);
  }
}

Status HyperliquidFeed::check_wish(const std::vector<std::string>& pairs,
                                   const std::vector<std::string>& channels) const {
  if (!watch_.known()) return not_ready();
  if (pairs.empty() || channels.empty()) {
    return fail(ErrorCode::kInvalidCommand, "expected trading_pairs and channels, found none");
  }
  for (const auto& channel : channels) {
    if (!is_pair_channel(channel)) {
      return fail(
          ErrorCode::kInvalidCommand,
          fmt::format("channels: expected book, delta, bbo, trade, ticker or candle, found '{}'",
                      channel));
    }
  }
  for (const auto& pair : pairs) {
    if (auto found = watch_.instruments().find(TradingPair{pair}); !found)
      return tl::unexpected(found.error());
  }
  return {};
}

Status HyperliquidFeed::subscribe(std::string_view client, const std::vector<std::string>& pairs,
                                  const std::vector<std::string>& channels) {
  if (auto check = check_wish(pairs, channels); !check) return check;
  for (const auto& pair : pairs) {
    if (watch_.instruments().by_pair(TradingPair{pair})->delisted) {
      return fail(ErrorCode::kMarketClosed, fmt::format("{} is delisted", pair));
    }
  }
  for (const auto& pair : pairs) {
    for (const auto& channel : channels) {
      if (auto added = want(client, pair, channel); !added) {
        ignore(unsubscribe(client, pairs, channels), "all or nothing");
        return added;
      }
    }
  }
  return {};
}

Status HyperliquidFeed::unsubscribe(std::string_view client, const std::vector<std::string>& pairs,
                                    const std::vector<std::string>& channels) {
  if (auto check = check_wish(pairs, channels); !check) return check;
  for (const auto& pair : pairs) {
    for (const auto& channel : channels) {
      if (!wanted_.remove(client, pair, channel)) continue;
      for (const auto& subscription : streams(pair, channel)) {
        remove_stream(subscription);
        board_.forget(channel, pair, subscription.interval);
      }
      show_status(channel, pair, "", FeedState::kDown, "nobody wants it");
    }
  }
  return {};
}

// ---- connections
// --------------------------------------------------------------------------------------------------------

MarketLink* HyperliquidFeed::link_of(std::string_view owner) const {
  const auto place = places_.find(owner);
  return place == places_.end() || place->second >= links_.size() ? nullptr
                                                                  : links_[place->second].get();
}

/// Does what a protocol asks beyond its own connection.
struct HyperliquidFeed::Doer {
  HyperliquidFeed& feed;
  MarketLink& link;
  UnixNanos received;

  void operator()(const hyperliquid::SendText& /*done by the link*/) const {}
  void operator()(const hyperliquid::Reconnect& /*done by the link*/) const {}
  void operator()(const hyperliquid::FetchTrades& fetch) const {
    feed.ask_trades(link, fetch.coin);
  }
  void operator()(const hyperliquid::BookEvent& event) const {
    if (feed.wanted_.wanted(event.pair, "book"))
      feed.publisher_.publish(event, feed.config_.depth, received);
  }
  void operator()(const hyperliquid::DeltaEvent& event) const {
    if (feed.wanted_.wanted(event.pair, "delta")) feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::BboEvent& event) const {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::TradeEvent& event) const {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::TickerEvent& event) const {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::MidsEvent& event) const {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::CandleEvent& event) const {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::FeedStatusEvent& event) const { feed.on_feed_status(event); }
  void operator()(const hyperliquid::ConnectionStatusEvent& event) const {
    feed.show_status("*", "*", fmt::format("connection {}", link.number()), event.state,
                     event.reason);
  }
  void operator()(const hyperliquid::Notice& notice) const { feed.on_notice(notice); }
};

MarketLink& HyperliquidFeed::link(std::size_t number) {
  while (links_.size() <= number) {
    MarketLink::Options options;
    options.number = links_.size();
    options.protocol.stale_after = config_.stale_after;
    options.protocol.reconnect_after_silence = 3 * config_.stale_after;
    options.protocol.depth = config_.depth;
    options.protocol.messages = &messages_;
    if (!messages_.is_limited()) options.protocol.subscriptions.max_per_second = 500;
    options.socket.url = config_.venue.ws_url;
    options.socket.proxy_url = config_.venue.proxy;
    options.socket.tls = tls_;
    options.socket.policy.keep_alive.kind = net::KeepAliveOptions::Kind::kText;
    options.socket.policy.keep_alive.text = std::string{hyperliquid::kPingText};
    // The venue closes a connection to which it has sent nothing for 60 s (hyperliquid.md 8.1).
    options.socket.policy.keep_alive.ping_every = 50s;
    options.socket.policy.seed = links_.size() + 1;
    const std::size_t place = links_.size();
    links_.push_back(std::make_unique<MarketLink>(
        io_, std::move(options), instruments_,
        [this, place](const hyperliquid::MarketAction& action, UnixNanos received) {
          std::visit(Doer{*this, *links_[place], received}, action);
        },
        [this, place](const net::CloseReason& reason, bool was_open) {
          const std::string kind{net::to_string(reason.kind)};
          metrics_.count("perpwire_reconnects_total", "Connections lost and attempts that failed.",
                         {{"reason", kind}});
          if (!was_open) return;
          spdlog::warn("connection lost venue={} connection={} kind={} reason=\"{}\"", kVenueName,
                       place, kind, reason.text);
        }));
    links_.back()->start();
  }
  return *links_[number];
}

void HyperliquidFeed::ask_trades(MarketLink& asker, const std::string& coin) {
  info_.recent_trades(coin, [&asker, coin](Result<InfoClient::Answer> answer) {
    const UnixNanos received = answer ? answer->received : wall_clock_now();
    asker.on_recent_trades(coin, answer.map([](const InfoClient::Answer& a) { return a.body; }),
                           received);
  });
}

void HyperliquidFeed::on_feed_status(const hyperliquid::FeedStatusEvent& event) {
  const bool mids = event.stream == Stream::kAllMids;
  const std::string pair = mids ? std::string{hyperliquid::dex_label(event.pair)} : event.pair;
  const std::string channel{hyperliquid::first_channel(event.stream)};
  if (mids || wanted_.wanted(pair, channel))
    show_status(channel, pair, event.interval, event.state, event.reason);
  if (event.stream == Stream::kL2Book && wanted_.wanted(pair, "delta")) {
    show_status("delta", pair, event.interval, event.state, event.reason);
  }
}

void HyperliquidFeed::show_status(const std::string& channel, const std::string& pair,
                                  const std::string& source, FeedState state,
                                  const std::string& reason) {
  const auto shown = board_.set(channel, pair, source, state, reason);
  if (!shown) return;
  spdlog::info("feed status venue={} channel={} pair={} state={} reason=\"{}\"", kVenueName,
               channel, pair, to_string(shown->state), shown->reason);
  publisher_.publish_status(channel, pair, shown->state, shown->reason, wall_clock_now());
}

void HyperliquidFeed::on_notice(const hyperliquid::Notice& notice) {
  metrics_.count("perpwire_market_notices_total",
                 "Frames left aside and words of the venue that need a look.",
                 {{"kind", std::string{to_string(notice.kind)}}});
  auto& [since, lines] = notices_[notice.kind];
  const Nanos now = monotonic_now();
  if (now - since >= kNoticeWindow) {
    if (lines > kNoticesPerWindow) {
      spdlog::warn("notices left out venue={} kind={} count={}", kVenueName, to_string(notice.kind),
                   lines - kNoticesPerWindow);
    }
    since = now;
    lines = 0;
  }
  if (++lines <= kNoticesPerWindow) {
    spdlog::warn("notice venue={} kind={} text=\"{}\"", kVenueName, to_string(notice.kind),
                 notice.text);
  }
}

// ---- questions
// ----------------------------------------------------------------------------------------------------------

Result<std::vector<v1::Instrument>> HyperliquidFeed::instruments() {
  if (!watch_.known()) return not_ready();
  std::vector<v1::Instrument> out;
  const UnixNanos now = wall_clock_now();
  for (const auto& instrument : watch_.instruments().all())
    instrument.fill(out.emplace_back(), now);
  return out;
}

Result<v1::Envelope> HyperliquidFeed::snapshot(std::string_view topic) {
  const auto unknown = [&] {
    return fail(ErrorCode::kUnknownTopic,
                fmt::format("topic '{}' is not published or keeps no last value", topic));
  };
  const std::string prefix = fmt::format("md.{}.", kVenueName);
  if (!topic.starts_with(prefix)) return unknown();
  const std::string_view rest = topic.substr(prefix.size());
  const std::string_view channel = rest.substr(0, rest.find('.'));
  const std::string pair{rest.substr(std::min(rest.size(), channel.size() + 1))};
  if (channel == "book" || channel == "delta") {
    return wanted_.wanted(pair, channel) ? book_snapshot(pair, channel) : unknown();
  }
  if (const auto* last = publisher_.last_value(topic)) return *last;
  if (wanted_.wanted(pair, channel) && channel != "trade") {
    return fail(ErrorCode::kResyncing, fmt::format("no {} of {} yet", channel, pair));
  }
  return unknown();
}

Result<v1::Envelope> HyperliquidFeed::book_snapshot(const std::string& pair,
                                                    std::string_view channel) {
  const auto resyncing = [&] {
    return fail(ErrorCode::kResyncing, fmt::format("no {} of {} yet", channel, pair));
  };
  const auto* instrument = instruments_.by_pair(pair);
  const auto* owner = instrument == nullptr ? nullptr : link_of(instrument->coin);
  if (owner == nullptr) return resyncing();
  const auto book = owner->protocol().book(instrument->coin);
  if (!book) return tl::unexpected(book.error());
  if (channel == "book") {
    const auto* last = publisher_.last_value(hyperliquid::market_topic(channel, pair));
    if (last == nullptr) return resyncing();
    return *last;
  }
  const auto numbers = publisher_.last_delta(pair);
  if (!numbers) return resyncing();
  v1::Envelope out;
  std::string topic;
  const UnixNanos now = wall_clock_now();
  fill(hyperliquid::DeltaEvent{.pair = pair,
                               .exchange_timestamp = book->exchange_timestamp,
                               .bids = book->bids,
                               .asks = book->asks,
                               .snapshot = true},
       now, out, topic);
  out.set_stream(publisher_.stream());
  out.set_sequence(numbers->sequence);
  out.set_topic_sequence(numbers->topic_sequence);
  out.set_timestamp(now.value());
  return out;
}

Status HyperliquidFeed::check_candles(const CandleQuery& query) const {
  if (!watch_.known()) return not_ready();
  if (auto found = watch_.instruments().find(TradingPair{query.pair}); !found)
    return tl::unexpected(found.error());
  if (!hyperliquid::is_candle_interval(query.interval)) {
    return fail(
        ErrorCode::kInvalidTimeInterval,
        fmt::format("interval: expected 1m 3m 5m 15m 30m 1h 4h or 1d, found '{}'", query.interval));
  }
  if (query.start < UnixNanos{0} || query.end <= query.start) {
    return fail(ErrorCode::kInvalidTimeInterval,
                fmt::format("expected 0 <= start < end, found start {} and end {}",
                            query.start.value(), query.end.value()));
  }
  return {};
}

void HyperliquidFeed::candles(const CandleQuery& query, CandlesDone done) {
  if (auto check = check_candles(query); !check) {
    done(tl::unexpected(check.error()));
    return;
  }
  const auto& coin = watch_.instruments().by_pair(TradingPair{query.pair})->venue_symbol.value();
  // The venue's bounds are inclusive and in ms: the first is rounded up, and the exclusive end left
  // out.
  const std::int64_t start =
      query.start.value() / 1'000'000 + (query.start.value() % 1'000'000 > 0 ? 1 : 0);
  const std::int64_t end = (query.end.value() - 1) / 1'000'000;
  info_.candles(
      coin, query.interval, start, end,
      [this, query, done = std::move(done)](Result<InfoClient::Answer> answer) {
        done(answer.and_then([&](const InfoClient::Answer& a) { return read_candles(query, a); }));
      });
}

Result<std::vector<v1::Candle>> HyperliquidFeed::read_candles(const CandleQuery& query,
                                                              const InfoClient::Answer& answer) {
  const auto parsed = answers_.parse_candle_snapshot(answer.body);
  if (!parsed) return fail(ErrorCode::kVenueUnavailable, parsed.error().text);
  std::vector<v1::Candle> out;
  for (const auto& item : (*parsed)->candles) {
    if (item.open_time < query.start || item.open_time >= query.end) continue;
    hyperliquid::fill_candle({.pair = query.pair,
                              .interval = query.interval,
                              .open_time = item.open_time,
                              .close_time = item.close_time,
                              .open = item.open,
                              .high = item.high,
                              .low = item.low,
                              .close = item.close,
                              .volume = item.volume,
                              .trades = item.trades,
                              .closed = answer.received >= item.close_time},
                             answer.received, out.emplace_back());
  }
  return out;
}

}  // namespace perpwire::marketstream
