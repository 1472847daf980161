#pragma once

#include "libs/common/metrics.hpp"
#include "libs/net/http_client.hpp"
#include "libs/net/websocket_session.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"
#include "services/marketstream/config.hpp"
#include "services/marketstream/instrument_watch.hpp"
#include "services/marketstream/market_publisher.hpp"
#include "services/marketstream/shard_plan.hpp"
#include "services/marketstream/status_board.hpp"
#include "services/marketstream/venue_feed.hpp"
#include "services/marketstream/wanted_channels.hpp"
#include "services/marketstream/weight_budget.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::marketstream {

/// Hyperliquid's public data: instruments by REST, streams over one or more connections, events to
/// the bus. Does what its MarketProtocols decide; decides nothing about frames itself.
///
/// Owner: main. Thread: the io_context's. Lifetime: `io`, `publisher` and `metrics` outlive it.
class HyperliquidFeed final : public VenueFeed {
 public:
  HyperliquidFeed(boost::asio::io_context& io, HyperliquidFeedConfig config,
                  MarketPublisher& publisher, Metrics& metrics);
  ~HyperliquidFeed() override;
  HyperliquidFeed(const HyperliquidFeed&) = delete;
  HyperliquidFeed& operator=(const HyperliquidFeed&) = delete;

  void start();
  /// Closes the connections; nothing is published afterwards.
  void stop();
  /// For heartbeats: READY while every connection is LIVE, else DEGRADED; STARTING before the
  /// instruments are known.
  [[nodiscard]] std::string_view state() const;

  [[nodiscard]] std::string_view venue() const override;
  Result<v1::Envelope> snapshot(std::string_view topic) override;
  Status subscribe(std::string_view client, const std::vector<std::string>& pairs,
                   const std::vector<std::string>& channels) override;
  Status unsubscribe(std::string_view client, const std::vector<std::string>& pairs,
                     const std::vector<std::string>& channels) override;
  Result<std::vector<v1::Instrument>> instruments() override;
  void candles(const CandleQuery& query, CandlesDone done) override;

 private:
  struct Connection;
  struct Poll;
  class Timer;

  void poll_instruments();
  void ask_next(const std::shared_ptr<Poll>& poll);
  void finish_poll(Poll& poll);
  void poll_failed(const std::string& reason);
  void follow_configuration();
  Status check_wish(const std::vector<std::string>& pairs,
                    const std::vector<std::string>& channels) const;
  [[nodiscard]] std::vector<hyperliquid::Subscription> streams(const std::string& pair,
                                                               std::string_view channel) const;
  Status add_stream(const hyperliquid::Subscription& subscription);
  void remove_stream(const hyperliquid::Subscription& subscription);
  Status want(std::string_view user, const std::string& pair, const std::string& channel);
  void show_unfed(const std::string& pair, const std::string& channel, const std::string& reason);
  Connection& connection(std::size_t number);
  [[nodiscard]] Connection* connection_of(std::string_view coin) const;

  void on_open(Connection& connection);
  void on_text(Connection& connection, std::string_view text, UnixNanos received);
  void on_close(Connection& connection, const net::CloseReason& reason);
  void on_timer();
  void act(Connection& connection, UnixNanos received);
  void ask_trades(std::size_t number, const std::string& coin);
  void ask_waiting_trades();
  void show_status(const std::string& channel, const std::string& pair, const std::string& source,
                   hyperliquid::FeedState state, const std::string& reason);
  void on_feed_status(const hyperliquid::FeedStatusEvent& event);
  void on_notice(const hyperliquid::Notice& notice);
  void update_metrics();

  struct Doer;  // does the actions of a protocol

  HyperliquidFeedConfig config_;
  MarketPublisher& publisher_;
  Metrics& metrics_;
  boost::asio::io_context& io_;
  std::shared_ptr<net::TlsContext> tls_;
  net::HttpClient http_;
  InstrumentWatch watch_;
  hyperliquid::MarketInstruments instruments_;
  hyperliquid::MarketMessageParser answers_;
  ShardPlan shards_;
  WantedChannels wanted_;
  StatusBoard board_;
  WeightBudget weight_;
  std::map<std::string, std::size_t, std::less<>> places_;  // coin or DEX label -> connection
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<std::pair<std::size_t, std::string>> waiting_trades_;  // connection, coin
  std::map<std::string, std::string> unfed_;  // pairs of the configuration without feeds, and why
  std::map<hyperliquid::Notice::Kind, std::pair<Nanos, std::uint64_t>>
      notices_;                                                      // window and lines in it
  std::map<std::pair<std::string, Labels>, std::uint64_t> counted_;  // counters as last shown
  std::unique_ptr<Timer> timer_;
  Nanos next_poll_{0};
  Nanos next_metrics_{0};
  unsigned failed_polls_ = 0;
  bool polling_ = false;
  bool stopped_ = false;
};

}  // namespace perpwire::marketstream
