#pragma once

#include "libs/common/metrics.hpp"
#include "libs/common/minute_budget.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"
#include "services/marketstream/status_board.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::marketstream {

/// The figures of one venue's feed for Prometheus, read once a second on the deciding thread.
/// Lifetime: `metrics` outlives it.
class FeedMetrics {
 public:
  FeedMetrics(Metrics& metrics, std::string venue) : metrics_(metrics), venue_(std::move(venue)) {}

  void update(const StatusBoard& board,
              const std::vector<const hyperliquid::MarketProtocol*>& protocols,
              std::size_t subscriptions, const MinuteBudget& weight, Nanos now);
  /// One more of something that happened.
  void count(const char* name, const char* help, Labels labels);

 private:
  void show(const char* name, const char* help, Labels labels,
            double value);  // not money: a metric
  /// A counter that is kept elsewhere and only grows.
  void follow(const char* name, const char* help, Labels labels, std::uint64_t value);

  Metrics& metrics_;
  std::string venue_;
  std::map<std::pair<std::string, Labels>, std::uint64_t> followed_;
};

}  // namespace perpwire::marketstream
