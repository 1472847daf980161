#include "services/marketstream/feed_metrics.hpp"

#include "libs/venues/hyperliquid/market_envelopes.hpp"

#include <algorithm>
#include <chrono>

namespace perpwire::marketstream {
namespace {

using hyperliquid::Stream;

double seconds(Nanos time) {                           // not money: a metric
  return std::chrono::duration<double>(time).count();  // not money: a metric
}

template <class Count>
double figure(Count count) {          // not money: a metric
  return static_cast<double>(count);  // not money: a metric
}

std::string channel_of(Stream stream) { return std::string{hyperliquid::first_channel(stream)}; }

}  // namespace

void FeedMetrics::show(const char* name, const char* help, Labels labels,
                       double value) {  // not money: a metric
  labels.emplace("venue", venue_);
  metrics_.gauge(name, help, labels).set(value);
}

void FeedMetrics::count(const char* name, const char* help, Labels labels) {
  labels.emplace("venue", venue_);
  metrics_.counter(name, help, labels).increment();
}

void FeedMetrics::follow(const char* name, const char* help, Labels labels, std::uint64_t value) {
  labels.emplace("venue", venue_);
  std::uint64_t& before = followed_[{name, labels}];
  if (value > before) metrics_.counter(name, help, labels).increment(figure(value - before));
  before = value;
}

void FeedMetrics::update(const StatusBoard& board,
                         const std::vector<const hyperliquid::MarketProtocol*>& protocols,
                         std::size_t subscriptions, const MinuteBudget& weight, Nanos now) {
  for (const auto& [channel, states] : board.by_channel()) {
    for (const auto state :
         {FeedState::kLive, FeedState::kStale, FeedState::kResyncing, FeedState::kDown}) {
      const auto found = states.find(state);
      show("perpwire_feed_state", "Feeds of a channel in each state.",
           {{"channel", channel}, {"state", std::string{to_string(state)}}},
           found == states.end() ? 0 : figure(found->second));
    }
  }
  std::map<Stream, Nanos> ages;
  std::map<Stream, std::uint64_t> messages;
  hyperliquid::MarketProtocol::Counters sum;
  std::uint64_t rounded = 0;
  for (const auto* protocol : protocols) {
    for (const auto& [stream, age] : protocol->oldest(now))
      ages[stream] = std::max(ages[stream], age);
    const auto& counters = protocol->counters();
    for (const auto& [stream, total] : counters.messages) messages[stream] += total;
    sum.resyncs += counters.resyncs;
    sum.trade_gaps += counters.trade_gaps;
    sum.duplicate_trades += counters.duplicate_trades;
    sum.backfilled_trades += counters.backfilled_trades;
    sum.resubscriptions += counters.resubscriptions;
    rounded += protocol->rounded_figures();
  }
  for (const auto& [stream, age] : ages) {
    show("perpwire_feed_age_seconds", "Age of the oldest feed of a channel.",
         {{"channel", channel_of(stream)}}, seconds(age));
  }
  for (const auto& [stream, total] : messages) {
    follow("perpwire_messages_total", "Frames of a channel read.",
           {{"channel", channel_of(stream)}}, total);
  }
  follow("perpwire_book_resync_total", "Books and tops that failed their self-check.",
         {{"reason", "self_check"}}, sum.resyncs);
  follow("perpwire_sequence_gap_total", "Gaps of trades that could not be filled in.", {},
         sum.trade_gaps);
  follow("perpwire_trades_duplicate_total", "Trades that came twice and were published once.", {},
         sum.duplicate_trades);
  follow("perpwire_trades_backfilled_total", "Trades filled in after a reconnect.", {},
         sum.backfilled_trades);
  follow("perpwire_resubscriptions_total", "Feeds out of step that were subscribed anew.", {},
         sum.resubscriptions);
  follow("perpwire_figures_rounded_total", "Figures with more digits than 64 bits hold.", {},
         rounded);
  show("perpwire_subscriptions", "Streams subscribed or to be subscribed.", {},
       figure(subscriptions));
  show("perpwire_connections", "WebSocket connections of this process.", {},
       figure(protocols.size()));
  if (weight.is_limited()) {
    show("perpwire_rate_budget_remaining", "What is left of this process's share.",
         {{"scope", "rest_weight"}}, figure(weight.left()));
  }
}

}  // namespace perpwire::marketstream
