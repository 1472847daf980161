#include "services/marketstream/market_publisher.hpp"

#include "libs/venues/hyperliquid/market_envelopes.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/market_data.pb.h"

#include <chrono>

namespace perpwire::marketstream {
namespace {

double seconds(Nanos time) {                           // not money: a metric
  return std::chrono::duration<double>(time).count();  // not money: a metric
}

constexpr const char* kHopHelp = "Time between two steps of a message, in seconds.";

}  // namespace

MarketPublisher::MarketPublisher(BusPublisher& bus, Metrics& metrics)
    : bus_(bus),
      receive_to_publish_(
          metrics.histogram("perpwire_hop_seconds", kHopHelp, {{"hop", "recv_to_pub"}})),
      venue_to_receive_(
          metrics.histogram("perpwire_hop_seconds", kHopHelp, {{"hop", "venue_to_recv"}})),
      envelope_(std::make_unique<v1::Envelope>()) {}

MarketPublisher::~MarketPublisher() = default;

std::optional<EventNumbers> MarketPublisher::send(UnixNanos received) {
  auto numbers = bus_.publish(topic_, *envelope_);
  envelope_->Clear();
  receive_to_publish_.observe(seconds(wall_clock_now() - received));
  return numbers;
}

void MarketPublisher::measure_arrival(UnixNanos exchange_timestamp, UnixNanos received) {
  venue_to_receive_.observe(seconds(received - exchange_timestamp));
}

void MarketPublisher::publish(const hyperliquid::BookEvent& event, std::size_t depth,
                              UnixNanos received) {
  measure_arrival(event.exchange_timestamp, received);
  fill(event, depth, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::DeltaEvent& event, UnixNanos received) {
  fill(event, received, *envelope_, topic_);
  const auto numbers = send(received);
  if (!numbers) return;
  const auto found = deltas_.find(event.pair);
  if (found == deltas_.end()) {
    deltas_.emplace(std::string{event.pair}, *numbers);
  } else {
    found->second = *numbers;
  }
}

void MarketPublisher::publish(const hyperliquid::BboEvent& event, UnixNanos received) {
  measure_arrival(event.exchange_timestamp, received);
  fill(event, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::TradeEvent& event, UnixNanos received) {
  if (!event.backfilled) measure_arrival(event.exchange_timestamp, received);
  fill(event, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::TickerEvent& event, UnixNanos received) {
  fill(event, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::MidsEvent& event, UnixNanos received) {
  fill(event, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::CandleEvent& event, UnixNanos received) {
  fill(event, received, *envelope_, topic_);
  send(received);
}

void MarketPublisher::publish(const hyperliquid::Instrument& instrument, UnixNanos received) {
  topic_ = hyperliquid::market_topic("instrument", instrument.trading_pair.value());
  envelope_->set_event_type("instrument");
  instrument.fill(*envelope_->mutable_instrument(), received);
  send(received);
}

void MarketPublisher::publish_status(std::string_view channel, std::string_view pair,
                                     hyperliquid::FeedState state, std::string_view reason,
                                     UnixNanos received) {
  hyperliquid::fill_status(channel, pair, state, reason, received, *envelope_, topic_);
  send(received);
}

std::optional<EventNumbers> MarketPublisher::last_delta(std::string_view pair) const {
  const auto found = deltas_.find(pair);
  return found == deltas_.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace perpwire::marketstream
