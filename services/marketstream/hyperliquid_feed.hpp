#pragma once

#include "libs/venues/hyperliquid/market_protocol.hpp"
#include "services/marketstream/config.hpp"
#include "services/marketstream/feed_metrics.hpp"
#include "services/marketstream/info_client.hpp"
#include "services/marketstream/instrument_watch.hpp"
#include "services/marketstream/market_link.hpp"
#include "services/marketstream/market_publisher.hpp"
#include "services/marketstream/shard_plan.hpp"
#include "services/marketstream/status_board.hpp"
#include "services/marketstream/venue_feed.hpp"
#include "services/marketstream/wanted_channels.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::marketstream {

/// Hyperliquid's public data: instruments by REST, streams over one or more connections, events to
/// the bus. What frames mean is the MarketProtocols' to decide.
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
  class Timer;
  struct Doer;  // does what a protocol asks

  void on_timer();
  void poll_instruments();
  void poll_failed(const Error& error);
  void on_definitions(InfoClient::Definitions definitions);
  void follow_configuration();
  void follow_pair(const std::string& pair);
  void follow_mids();

  Status check_wish(const std::vector<std::string>& pairs,
                    const std::vector<std::string>& channels) const;
  Status want(std::string_view user, const std::string& pair, const std::string& channel);
  [[nodiscard]] std::vector<hyperliquid::Subscription> streams(const std::string& pair,
                                                               std::string_view channel) const;
  Status add_stream(const hyperliquid::Subscription& subscription);
  void remove_stream(const hyperliquid::Subscription& subscription);
  MarketLink& link(std::size_t number);
  [[nodiscard]] MarketLink* link_of(std::string_view owner) const;

  Result<v1::Envelope> book_snapshot(const std::string& pair, std::string_view channel);
  Status check_candles(const CandleQuery& query) const;
  Result<std::vector<v1::Candle>> read_candles(const CandleQuery& query,
                                               const InfoClient::Answer& answer);
  void ask_trades(MarketLink& asker, const std::string& coin);
  void on_feed_status(const hyperliquid::FeedStatusEvent& event);
  void on_notice(const hyperliquid::Notice& notice);
  void show_status(const std::string& channel, const std::string& pair, const std::string& source,
                   hyperliquid::FeedState state, const std::string& reason);

  HyperliquidFeedConfig config_;
  MarketPublisher& publisher_;
  FeedMetrics metrics_;
  boost::asio::io_context& io_;
  std::shared_ptr<net::TlsContext> tls_;
  InfoClient info_;
  MinuteBudget messages_;  // of all connections
  InstrumentWatch watch_;
  hyperliquid::MarketInstruments instruments_;
  hyperliquid::MarketMessageParser answers_;
  ShardPlan shards_;
  WantedChannels wanted_;
  StatusBoard board_;
  std::map<std::string, std::size_t, std::less<>>
      places_;  // owner of streams (coin, mids of a DEX) -> connection
  std::vector<std::unique_ptr<MarketLink>> links_;
  std::map<hyperliquid::Notice::Kind, std::pair<Nanos, std::uint64_t>>
      notices_;  // window and lines in it
  std::unique_ptr<Timer> timer_;
  Nanos next_poll_{0};
  Nanos next_metrics_{0};
  unsigned failed_polls_ = 0;
  bool polling_ = false;
};

}  // namespace perpwire::marketstream
