#include "services/marketstream/hyperliquid_feed.hpp"

#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/market_envelopes.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/market_data.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace perpwire::marketstream {
namespace {

using namespace std::chrono_literals;
using hyperliquid::FeedState;
using hyperliquid::kVenueName;
using hyperliquid::MarketAction;
using hyperliquid::Stream;
using hyperliquid::Subscription;

constexpr Nanos kTick = 100ms;
constexpr Nanos kAnswerTimeout = 5s;
constexpr Nanos kFirstRetry = 500ms;
constexpr Nanos kLastRetry = 4s;  // LIVE within 8 s of the venue being well again
constexpr std::uint64_t kNoticesPerWindow = 10;
constexpr Nanos kNoticeWindow = 10s;

constexpr std::array<std::string_view, 6> kPairChannels{"book",  "delta",  "bbo",
                                                        "trade", "ticker", "candle"};

double seconds(Nanos time) {                           // not money: a metric
  return std::chrono::duration<double>(time).count();  // not money: a metric
}

std::string json_text(std::string_view text) { return nlohmann::json(text).dump(); }

const net::HttpHeaders& json_headers() {
  static const net::HttpHeaders headers{{"Content-Type", "application/json"}};
  return headers;
}

/// What went wrong with a request; the answer's body if nothing did.
Result<std::string_view> body_of(const net::HttpResult& result) {
  if (!result) return fail(ErrorCode::kVenueUnavailable, result.error().error.text);
  if (result->status == 429) return fail(ErrorCode::kRateLimited, "the venue answered HTTP 429");
  if (result->status >= 500) {
    return fail(ErrorCode::kVenueUnavailable,
                fmt::format("the venue answered HTTP {}", result->status));
  }
  if (result->status != 200) {
    return fail(
        ErrorCode::kVenueRejected,
        fmt::format("the venue answered HTTP {}: {}", result->status, result->body.substr(0, 120)));
  }
  return std::string_view{result->body};
}

}  // namespace

struct HyperliquidFeed::Connection {
  std::size_t number = 0;
  bool open = false;
  std::unique_ptr<hyperliquid::MarketProtocol> protocol;
  std::unique_ptr<net::WebSocketSession> session;
  std::vector<MarketAction> actions;  // what the protocol has asked and is not done yet
  std::vector<MarketAction> spare;    // an empty batch that keeps its room
};

/// One round of questions that define the instruments.
struct HyperliquidFeed::Poll {
  struct Question {
    std::string type;
    std::string dex;
  };
  std::vector<Question> questions;
  std::size_t next = 0;
  hyperliquid::InstrumentSources sources;
  UnixNanos received;
};

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
      metrics_(metrics),
      io_(io),
      tls_(std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = config_.venue.ca_file})),
      http_(io, {.proxy_url = config_.venue.proxy, .tls = tls_}),
      shards_(config_.shards),
      weight_(config_.rest_weight_per_minute),
      timer_(std::make_unique<Timer>(io, [this] { on_timer(); })) {}

HyperliquidFeed::~HyperliquidFeed() = default;

std::string_view HyperliquidFeed::venue() const { return kVenueName; }

void HyperliquidFeed::start() {
  show_status("*", "*", "instruments", FeedState::kDown, "starting: instruments are not known yet");
  timer_->start();
  poll_instruments();
}

void HyperliquidFeed::stop() {
  stopped_ = true;
  timer_->stop();
  for (auto& connection : connections_) connection->session->close();
  http_.close();
}

std::string_view HyperliquidFeed::state() const {
  if (!watch_.known()) return "STARTING";
  const auto shown = board_.shown("*", "*");
  return shown && shown->state == FeedState::kLive ? "READY" : "DEGRADED";
}

// ---- instruments
// --------------------------------------------------------------------------------------------------------

void HyperliquidFeed::poll_instruments() {
  if (polling_ || stopped_) return;
  polling_ = true;
  auto poll = std::make_shared<Poll>();
  poll->questions.push_back({"spotMeta", ""});
  bool builder = false;
  for (const auto& dex : config_.venue.dexs) {
    poll->questions.push_back({"meta", dex});
    builder = builder || !dex.empty();
  }
  if (builder) poll->questions.push_back({"perpDexs", ""});
  ask_next(poll);
}

void HyperliquidFeed::ask_next(const std::shared_ptr<Poll>& poll) {
  if (stopped_) return;
  if (poll->next == poll->questions.size()) {
    finish_poll(*poll);
    return;
  }
  const auto& question = poll->questions[poll->next];
  if (!weight_.take(hyperliquid::info_weight(question.type), monotonic_now())) {
    poll_failed("waiting for the share of the venue's request weight");
    return;
  }
  std::string body = fmt::format(R"({{"type":"{}"}})", question.type);
  if (!question.dex.empty())
    body = fmt::format(R"({{"type":"{}","dex":{}}})", question.type, json_text(question.dex));
  http_.post(config_.venue.rest_url + std::string{hyperliquid::kInfoPath}, std::move(body),
             json_headers(), kAnswerTimeout, [this, poll](net::HttpResult result) {
               const auto& asked = poll->questions[poll->next];
               const auto answer = body_of(result);
               if (!answer) {
                 poll_failed(fmt::format("{}: {}", asked.type, answer.error().text));
                 return;
               }
               poll->received = result->received;
               if (asked.type == "spotMeta") poll->sources.spot_meta = *answer;
               if (asked.type == "perpDexs") poll->sources.perp_dexs = *answer;
               if (asked.type == "meta")
                 poll->sources.metas.push_back({asked.dex, std::string{*answer}});
               ++poll->next;
               ask_next(poll);
             });
}

void HyperliquidFeed::poll_failed(const std::string& reason) {
  polling_ = false;
  ++failed_polls_;
  Nanos wait = kFirstRetry * (std::int64_t{1} << std::min(failed_polls_, 4U));
  wait = std::min(wait, kLastRetry);
  next_poll_ = monotonic_now() + wait;
  metrics_
      .counter("perpwire_instrument_polls_failed_total", "Polls of the instruments that failed.",
               {{"venue", std::string{kVenueName}}})
      .increment();
  if (failed_polls_ <= 3 || failed_polls_ % 20 == 0) {
    spdlog::warn("instruments not read venue={} attempt={} reason=\"{}\"", kVenueName,
                 failed_polls_, reason);
  }
  if (!watch_.known()) {
    show_status("*", "*", "instruments", FeedState::kDown, "instruments are not known: " + reason);
  }
}

void HyperliquidFeed::finish_poll(Poll& poll) {
  auto built = hyperliquid::Instruments::build(poll.sources);
  if (!built) {
    poll_failed(built.error().text);
    return;
  }
  polling_ = false;
  failed_polls_ = 0;
  next_poll_ = monotonic_now() + config_.instruments_interval;
  const bool first = !watch_.known();
  const auto changes = watch_.update(std::move(*built));
  for (const auto* instrument : changes.changed) {
    instruments_.put({.coin = instrument->venue_symbol.value(),
                      .pair = instrument->trading_pair.value(),
                      .dex = instrument->dex,
                      .spot = instrument->kind == hyperliquid::InstrumentKind::kSpot,
                      .grid = {.max_decimals = instrument->max_price_decimals(),
                               .size_decimals = instrument->size_decimals}});
    publisher_.publish(*instrument, poll.received);
  }
  if (first) {
    spdlog::info("instruments known venue={} count={}", kVenueName,
                 watch_.instruments().all().size());
    if (const auto shown = board_.forget("*", "*", "instruments")) {
      publisher_.publish_status("*", "*", shown->state, shown->reason, poll.received);
    }
  } else {
    for (const auto* instrument : changes.listed) {
      spdlog::info("listed venue={} pair={}", kVenueName, instrument->trading_pair.value());
    }
  }
  for (const auto* instrument : changes.delisted) {
    spdlog::warn("delisted venue={} pair={}", kVenueName, instrument->trading_pair.value());
    if (auto* owner = connection_of(instrument->venue_symbol.value())) {
      owner->protocol->withdraw(instrument->venue_symbol.value(), "delisted", owner->actions);
      act(*owner, poll.received);
    }
  }
  follow_configuration();
}

// ---- who wants what
// -----------------------------------------------------------------------------------------------------

std::vector<Subscription> HyperliquidFeed::streams(const std::string& pair,
                                                   std::string_view channel) const {
  const auto* instrument = instruments_.by_pair(pair);
  if (instrument == nullptr) return {};
  if (channel == "book" || channel == "delta")
    return {{.stream = Stream::kL2Book, .coin = instrument->coin}};
  if (channel == "bbo") return {{.stream = Stream::kBbo, .coin = instrument->coin}};
  if (channel == "trade") return {{.stream = Stream::kTrades, .coin = instrument->coin}};
  if (channel == "ticker") return {{.stream = Stream::kActiveAssetCtx, .coin = instrument->coin}};
  std::vector<Subscription> out;
  if (channel == "candle") {
    for (const auto& interval : config_.candles) {
      out.push_back({.stream = Stream::kCandle, .coin = instrument->coin, .interval = interval});
    }
  }
  return out;
}

Status HyperliquidFeed::add_stream(const Subscription& subscription) {
  const std::string owner = subscription.stream == Stream::kAllMids
                                ? fmt::format("mids {}", subscription.dex)
                                : subscription.coin;
  const auto number = shards_.take(owner);
  if (!number) {
    return fail(ErrorCode::kRateLimited,
                fmt::format("the venue's limit of {} subscriptions is reached",
                            config_.shards.subscriptions));
  }
  places_.insert_or_assign(owner, *number);
  Connection& target = connection(*number);
  target.protocol->add(subscription, target.actions);
  act(target, wall_clock_now());
  return {};
}

void HyperliquidFeed::remove_stream(const Subscription& subscription) {
  Connection* owner = connection_of(subscription.coin);
  if (owner == nullptr) return;
  owner->protocol->remove(subscription);
  shards_.release(subscription.coin);
}

Status HyperliquidFeed::want(std::string_view user, const std::string& pair,
                             const std::string& channel) {
  if (!wanted_.add(user, pair, channel)) return {};
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

/// Feeds what the configuration names, now that the instruments are known or have changed.
void HyperliquidFeed::follow_configuration() {
  std::vector<std::string> unknown;
  const auto pairs =
      resolve_symbols(config_.venue.symbols, config_.venue.dexs, watch_.instruments(), unknown);
  for (const auto& pair : unknown) {
    if (unfed_.insert_or_assign(pair, "unknown").second) {
      spdlog::error("symbol unknown to the venue venue={} pair={}", kVenueName, pair);
    }
    for (const auto& channel : config_.channels)
      show_unfed(pair, channel, "the venue does not know this pair");
  }
  std::size_t refused = 0;
  for (const auto& pair : pairs) {
    const auto* instrument = watch_.instruments().by_pair(TradingPair{pair});
    for (const auto& channel : config_.channels) {
      if (std::find(kPairChannels.begin(), kPairChannels.end(), channel) == kPairChannels.end())
        continue;
      if (wanted_.wanted(pair, channel)) {
        wanted_.add(WantedChannels::kConfiguration, pair, channel);
        continue;
      }
      if (instrument->delisted) {
        show_unfed(pair, channel, "delisted");
        continue;
      }
      if (const auto added = want(WantedChannels::kConfiguration, pair, channel); !added) {
        show_unfed(pair, channel, added.error().text);
        ++refused;
      }
    }
  }
  if (refused > 0) {
    spdlog::error("not all symbols are fed venue={} streams_refused={} limit={}", kVenueName,
                  refused, config_.shards.subscriptions);
  }
  if (std::find(config_.channels.begin(), config_.channels.end(), "mids") !=
      config_.channels.end()) {
    for (const auto& dex : config_.venue.dexs) {
      const Subscription mids{.stream = Stream::kAllMids, .dex = dex};
      if (places_.contains(fmt::format("mids {}", dex))) continue;
      if (const auto added = add_stream(mids); !added) {
        show_status("mids", std::string{hyperliquid::dex_label(dex)}, "", FeedState::kDown,
                    added.error().text);
      }
    }
  }
}

void HyperliquidFeed::show_unfed(const std::string& pair, const std::string& channel,
                                 const std::string& reason) {
  if (std::find(kPairChannels.begin(), kPairChannels.end(), channel) == kPairChannels.end()) return;
  show_status(channel, pair, "", FeedState::kDown, reason);
}

Status HyperliquidFeed::check_wish(const std::vector<std::string>& pairs,
                                   const std::vector<std::string>& channels) const {
  if (!watch_.known())
    return fail(ErrorCode::kNotReady, "the instruments of hyperliquid are not known yet");
  if (pairs.empty() || channels.empty()) {
    return fail(ErrorCode::kInvalidCommand, "expected trading_pairs and channels, found none");
  }
  for (const auto& channel : channels) {
    if (std::find(kPairChannels.begin(), kPairChannels.end(), channel) == kPairChannels.end()) {
      return fail(
          ErrorCode::kInvalidCommand,
          fmt::format("channel: expected book, delta, bbo, trade, ticker or candle, found '{}'",
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

HyperliquidFeed::Connection* HyperliquidFeed::connection_of(std::string_view coin) const {
  const auto place = places_.find(coin);
  if (place == places_.end() || place->second >= connections_.size()) return nullptr;
  return connections_[place->second].get();
}

HyperliquidFeed::Connection& HyperliquidFeed::connection(std::size_t number) {
  while (connections_.size() <= number) {
    auto made = std::make_unique<Connection>();
    Connection* added = made.get();
    added->number = connections_.size();
    hyperliquid::MarketProtocolOptions options;
    options.stale_after = config_.stale_after;
    options.reconnect_after_silence = 3 * config_.stale_after;
    options.depth = config_.depth;
    options.messages_per_minute = static_cast<std::size_t>(config_.messages_per_minute) /
                                  std::max<std::size_t>(1, config_.shards.connections);
    if (config_.messages_per_minute == 0) options.subscriptions.max_per_second = 500;
    added->protocol = std::make_unique<hyperliquid::MarketProtocol>(options, instruments_);
    net::WebSocketOptions socket;
    socket.url = config_.venue.ws_url;
    socket.proxy_url = config_.venue.proxy;
    socket.tls = tls_;
    socket.policy.keep_alive.kind = net::KeepAliveOptions::Kind::kText;
    socket.policy.keep_alive.text = std::string{hyperliquid::kPingText};
    // The venue closes a connection to which it has sent nothing for 60 s (hyperliquid.md 8.1).
    socket.policy.keep_alive.ping_every = 50s;
    socket.policy.seed = added->number + 1;
    net::WebSocketCallbacks callbacks;
    callbacks.on_open = [this, added] { on_open(*added); };
    callbacks.on_text = [this, added](std::string_view text, UnixNanos received) {
      on_text(*added, text, received);
    };
    callbacks.on_close = [this, added](const net::CloseReason& reason) {
      on_close(*added, reason);
    };
    added->session =
        std::make_unique<net::WebSocketSession>(io_, std::move(socket), std::move(callbacks));
    connections_.push_back(std::move(made));
    added->session->start();
  }
  return *connections_[number];
}

void HyperliquidFeed::on_open(Connection& connection) {
  connection.open = true;
  spdlog::info("connected venue={} connection={} subscriptions={}", kVenueName, connection.number,
               connection.protocol->subscriptions());
  const UnixNanos now = wall_clock_now();
  connection.protocol->on_connected({monotonic_now(), now}, connection.actions);
  act(connection, now);
}

void HyperliquidFeed::on_text(Connection& connection, std::string_view text, UnixNanos received) {
  connection.protocol->on_text(text, {monotonic_now(), received}, connection.actions);
  act(connection, received);
}

void HyperliquidFeed::on_close(Connection& connection, const net::CloseReason& reason) {
  if (stopped_) return;
  const std::string kind{net::to_string(reason.kind)};
  metrics_
      .counter("perpwire_reconnects_total", "Connections lost and attempts that failed.",
               {{"venue", std::string{kVenueName}}, {"reason", kind}})
      .increment();
  if (!std::exchange(connection.open, false)) {
    spdlog::debug("not connected venue={} connection={} reason=\"{}\"", kVenueName,
                  connection.number, reason.text);
    return;
  }
  spdlog::warn("connection lost venue={} connection={} kind={} reason=\"{}\"", kVenueName,
               connection.number, kind, reason.text);
  connection.protocol->on_disconnected(reason.text, connection.actions);
  act(connection, wall_clock_now());
}

void HyperliquidFeed::on_timer() {
  const Nanos now = monotonic_now();
  const UnixNanos wall = wall_clock_now();
  for (auto& connection : connections_) {
    connection->protocol->on_timer({now, wall}, connection->actions);
    act(*connection, wall);
  }
  ask_waiting_trades();
  if (!polling_ && now >= next_poll_) poll_instruments();
  if (now >= next_metrics_) {
    next_metrics_ = now + 1s;
    update_metrics();
  }
}

/// Does what a protocol asks.
struct HyperliquidFeed::Doer {
  HyperliquidFeed& feed;
  Connection& connection;
  UnixNanos received;

  void operator()(const hyperliquid::SendText& send) {
    // A refused send is sent again by the protocol when its acknowledgement does not come.
    ignore(connection.session->send_text(send.text), "sent again without an acknowledgement");
  }
  void operator()(const hyperliquid::Reconnect& reconnect) {
    connection.session->reconnect(reconnect.reason);
  }
  void operator()(const hyperliquid::FetchTrades& fetch) {
    feed.ask_trades(connection.number, fetch.coin);
  }
  void operator()(const hyperliquid::BookEvent& event) {
    if (feed.wanted_.wanted(event.pair, "book"))
      feed.publisher_.publish(event, feed.config_.depth, received);
  }
  void operator()(const hyperliquid::DeltaEvent& event) {
    if (feed.wanted_.wanted(event.pair, "delta")) feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::BboEvent& event) { feed.publisher_.publish(event, received); }
  void operator()(const hyperliquid::TradeEvent& event) {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::TickerEvent& event) {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::MidsEvent& event) { feed.publisher_.publish(event, received); }
  void operator()(const hyperliquid::CandleEvent& event) {
    feed.publisher_.publish(event, received);
  }
  void operator()(const hyperliquid::FeedStatusEvent& event) { feed.on_feed_status(event); }
  void operator()(const hyperliquid::ConnectionStatusEvent& event) {
    feed.show_status("*", "*", fmt::format("connection {}", connection.number), event.state,
                     event.reason);
  }
  void operator()(const hyperliquid::Notice& notice) { feed.on_notice(notice); }
};

void HyperliquidFeed::act(Connection& connection, UnixNanos received) {
  if (stopped_) {
    connection.actions.clear();
    return;
  }
  // Doing may make the protocol speak again (reconnect() reports the close at once): that comes in
  // a batch of its own.
  std::vector<MarketAction> batch = std::exchange(connection.spare, {});
  batch.swap(connection.actions);
  Doer doer{*this, connection, received};
  for (const auto& action : batch) std::visit(doer, action);
  batch.clear();
  connection.spare = std::move(batch);
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
  metrics_
      .counter("perpwire_market_notices_total",
               "Frames left aside and words of the venue that need a look.",
               {{"venue", std::string{kVenueName}}, {"kind", std::string{to_string(notice.kind)}}})
      .increment();
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

// ---- requests to the venue
// ----------------------------------------------------------------------------------------------

void HyperliquidFeed::ask_trades(std::size_t number, const std::string& coin) {
  waiting_trades_.emplace_back(
      number, coin);  // at most one for each coin: the protocol asks no second one meanwhile
  ask_waiting_trades();
}

void HyperliquidFeed::ask_waiting_trades() {
  const auto weight = hyperliquid::info_weight("recentTrades");
  while (!waiting_trades_.empty() && weight_.take(weight, monotonic_now())) {
    auto [number, coin] = std::move(waiting_trades_.front());
    waiting_trades_.pop_front();
    std::string body = fmt::format(R"({{"type":"recentTrades","coin":{}}})", json_text(coin));
    http_.post(config_.venue.rest_url + std::string{hyperliquid::kInfoPath}, std::move(body),
               json_headers(), kAnswerTimeout,
               [this, number = number, coin = coin](net::HttpResult result) {
                 if (stopped_) return;
                 auto& owner = *connections_[number];
                 const auto answer = body_of(result);
                 if (answer) {
                   const auto items = std::count(answer->begin(), answer->end(), '{');
                   weight_.charge(hyperliquid::info_item_weight("recentTrades",
                                                                static_cast<std::uint32_t>(items)),
                                  monotonic_now());
                 }
                 owner.protocol->on_recent_trades(coin, answer, owner.actions);
                 act(owner, result ? result->received : wall_clock_now());
               });
  }
}

void HyperliquidFeed::candles(const CandleQuery& query, CandlesDone done) {
  if (!watch_.known()) {
    done(fail(ErrorCode::kNotReady, "the instruments of hyperliquid are not known yet"));
    return;
  }
  const auto instrument = watch_.instruments().find(TradingPair{query.pair});
  if (!instrument) {
    done(tl::unexpected(instrument.error()));
    return;
  }
  if (!hyperliquid::is_candle_interval(query.interval)) {
    done(fail(ErrorCode::kInvalidTimeInterval,
              fmt::format("interval: expected 1m 3m 5m 15m 30m 1h 4h or 1d, found '{}'",
                          query.interval)));
    return;
  }
  if (query.start < UnixNanos{0} || query.end <= query.start) {
    done(fail(ErrorCode::kInvalidTimeInterval,
              fmt::format("expected 0 <= start < end, found start {} and end {}",
                          query.start.value(), query.end.value())));
    return;
  }
  if (!weight_.take(hyperliquid::info_weight("candleSnapshot"), monotonic_now())) {
    done(fail(ErrorCode::kRateLimited,
              "this process's share of the venue's request weight is used up"));
    return;
  }
  // The venue's bounds are inclusive and in ms: round the first up, and leave the exclusive end
  // out.
  const std::int64_t start = (query.start.value() + 999'999) / 1'000'000;
  const std::int64_t end = (query.end.value() - 1) / 1'000'000;
  std::string body = fmt::format(
      R"({{"type":"candleSnapshot","req":{{"coin":{},"interval":"{}","startTime":{},"endTime":{}}}}})",
      json_text((*instrument)->venue_symbol.value()), query.interval, start, end);
  http_.post(
      config_.venue.rest_url + std::string{hyperliquid::kInfoPath}, std::move(body), json_headers(),
      kAnswerTimeout, [this, query, done = std::move(done)](net::HttpResult result) {
        const auto answer = body_of(result);
        if (!answer) {
          done(tl::unexpected(answer.error()));
          return;
        }
        const auto parsed = answers_.parse_candle_snapshot(*answer);
        if (!parsed) {
          done(fail(ErrorCode::kVenueUnavailable, parsed.error().text));
          return;
        }
        weight_.charge(hyperliquid::info_item_weight(
                           "candleSnapshot", static_cast<std::uint32_t>((*parsed)->candles.size())),
                       monotonic_now());
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
                                    .closed = result->received >= item.close_time},
                                   result->received, out.emplace_back());
        }
        done(std::move(out));
      });
}

// ---- questions
// ----------------------------------------------------------------------------------------------------------

Result<std::vector<v1::Instrument>> HyperliquidFeed::instruments() {
  if (!watch_.known())
    return fail(ErrorCode::kNotReady, "the instruments of hyperliquid are not known yet");
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
    const auto* instrument = instruments_.by_pair(pair);
    if (instrument == nullptr || !wanted_.wanted(pair, channel)) return unknown();
    const auto* owner = connection_of(instrument->coin);
    if (owner == nullptr) return unknown();
    const auto book = owner->protocol->book(instrument->coin);
    if (!book) return tl::unexpected(book.error());
    if (channel == "delta") {
      const auto numbers = publisher_.last_delta(pair);
      if (!numbers) return fail(ErrorCode::kResyncing, fmt::format("no delta of {} yet", pair));
      v1::Envelope out;
      std::string named;
      fill(hyperliquid::DeltaEvent{.pair = pair,
                                   .exchange_timestamp = book->exchange_timestamp,
                                   .bids = book->bids,
                                   .asks = book->asks,
                                   .snapshot = true},
           wall_clock_now(), out, named);
      out.set_stream(publisher_.stream());
      out.set_sequence(numbers->sequence);
      out.set_topic_sequence(numbers->topic_sequence);
      out.set_timestamp(wall_clock_now().value());
      return out;
    }
  }
  if (const auto* last = publisher_.last_value(topic)) return *last;
  if (wanted_.wanted(pair, channel) && channel != "trade") {
    return fail(ErrorCode::kResyncing, fmt::format("no {} of {} yet", channel, pair));
  }
  return unknown();
}

// ---- metrics
// ------------------------------------------------------------------------------------------------------------

void HyperliquidFeed::update_metrics() {
  const std::string venue{kVenueName};
  const auto gauge = [&](const char* name, const char* help, Labels labels,
                         double value) {  // not money: a metric
    labels.emplace("venue", venue);
    metrics_.gauge(name, help, labels).set(value);
  };
  for (const auto& [channel, states] : board_.by_channel()) {
    for (const auto state :
         {FeedState::kLive, FeedState::kStale, FeedState::kResyncing, FeedState::kDown}) {
      const auto found = states.find(state);
      gauge("perpwire_feed_state", "Feeds of a channel in each state.",
            {{"channel", channel}, {"state", std::string{to_string(state)}}},
            found == states.end() ? 0 : static_cast<double>(found->second));  // not money: a metric
    }
  }
  std::map<Stream, Nanos> ages;
  std::map<Stream, std::uint64_t> messages;
  hyperliquid::MarketProtocol::Counters sum;
  std::uint64_t rounded = 0;
  const Nanos now = monotonic_now();
  for (const auto& connection : connections_) {
    for (const auto& [stream, age] : connection->protocol->oldest(now))
      ages[stream] = std::max(ages[stream], age);
    const auto& counters = connection->protocol->counters();
    for (const auto& [stream, count] : counters.messages) messages[stream] += count;
    sum.resyncs += counters.resyncs;
    sum.trade_gaps += counters.trade_gaps;
    sum.duplicate_trades += counters.duplicate_trades;
    sum.backfilled_trades += counters.backfilled_trades;
    sum.resubscriptions += counters.resubscriptions;
    rounded += connection->protocol->rounded_figures();
  }
  const auto count = [&](const char* name, const char* help, std::uint64_t value,
                         Labels labels = {}) {
    labels.emplace("venue", venue);
    std::uint64_t& before = counted_[{name, labels}];
    if (value > before) {
      metrics_.counter(name, help, labels)
          .increment(static_cast<double>(value - before));  // not money: a metric
    }
    before = value;
  };
  for (const auto& [stream, age] : ages) {
    gauge("perpwire_feed_age_seconds", "Age of the oldest feed of a channel.",
          {{"channel", std::string{hyperliquid::first_channel(stream)}}}, seconds(age));
  }
  for (const auto& [stream, total] : messages) {
    count("perpwire_messages_total", "Frames of a channel read.", total,
          {{"channel", std::string{hyperliquid::first_channel(stream)}}});
  }
  count("perpwire_book_resync_total", "Books and tops that failed their self-check.", sum.resyncs,
        {{"reason", "self_check"}});
  count("perpwire_sequence_gap_total", "Gaps of trades that could not be filled in.",
        sum.trade_gaps);
  count("perpwire_trades_duplicate_total", "Trades that came twice and were published once.",
        sum.duplicate_trades);
  count("perpwire_trades_backfilled_total", "Trades filled in after a reconnect.",
        sum.backfilled_trades);
  count("perpwire_resubscriptions_total", "Feeds out of step that were subscribed anew.",
        sum.resubscriptions);
  count("perpwire_figures_rounded_total", "Figures with more digits than 64 bits hold.", rounded);
  gauge("perpwire_subscriptions", "Streams subscribed or to be subscribed.", {},
        static_cast<double>(shards_.subscriptions()));  // not money: a metric
  gauge("perpwire_connections", "WebSocket connections of this process.", {},
        static_cast<double>(connections_.size()));  // not money: a metric
  if (config_.rest_weight_per_minute > 0) {
    gauge("perpwire_rate_budget_remaining", "What is left of this process's share.",
          {{"scope", "rest_weight"}},
          static_cast<double>(weight_.left()));  // not money: a metric
  }
}

}  // namespace perpwire::marketstream
