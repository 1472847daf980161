#pragma once

#include "libs/common/bus_publisher.hpp"
#include "libs/common/metrics.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "libs/venues/hyperliquid/market_events.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::marketstream {

/// Market events to the bus: shapes them, publishes them, measures how long that took.
///
/// Owner: main. Thread: the io_context's. Lifetime: `bus` and `metrics` outlive it.
class MarketPublisher {
 public:
  MarketPublisher(BusPublisher& bus, Metrics& metrics);
  ~MarketPublisher();
  MarketPublisher(const MarketPublisher&) = delete;
  MarketPublisher& operator=(const MarketPublisher&) = delete;

  /// `received`: the moment at the socket.
  void publish(const hyperliquid::BookEvent& event, std::size_t depth, UnixNanos received);
  void publish(const hyperliquid::DeltaEvent& event, UnixNanos received);
  void publish(const hyperliquid::BboEvent& event, UnixNanos received);
  void publish(const hyperliquid::TradeEvent& event, UnixNanos received);
  void publish(const hyperliquid::TickerEvent& event, UnixNanos received);
  void publish(const hyperliquid::MidsEvent& event, UnixNanos received);
  void publish(const hyperliquid::CandleEvent& event, UnixNanos received);
  void publish(const hyperliquid::Instrument& instrument, UnixNanos received);
  void publish_status(std::string_view channel, std::string_view pair, hyperliquid::FeedState state,
                      std::string_view reason, UnixNanos received);

  /// The numbers of the newest delta of a pair.
  [[nodiscard]] std::optional<EventNumbers> last_delta(std::string_view pair) const;
  [[nodiscard]] const v1::Envelope* last_value(std::string_view topic) const {
    return bus_.last_value(topic);
  }
  [[nodiscard]] const std::string& stream() const { return bus_.stream(); }

 private:
  std::optional<EventNumbers> send(UnixNanos received);
  void measure_arrival(UnixNanos exchange_timestamp, UnixNanos received);

  BusPublisher& bus_;
  Histogram receive_to_publish_;
  Histogram venue_to_receive_;
  std::unique_ptr<v1::Envelope> envelope_;  // used again for every event
  std::string topic_;
  StringMap<EventNumbers> deltas_;  // by pair
};

}  // namespace perpwire::marketstream
