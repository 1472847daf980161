#pragma once

#include "libs/common/bus_publisher.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/settings.hpp"
#include "services/marketstream/shard_plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace perpwire::marketstream {

/// What one Hyperliquid feed is told.
struct HyperliquidFeedConfig {
  VenueSettings venue;
  std::vector<std::string> channels;  // bus channels
  std::vector<std::string> candles;   // intervals
  std::size_t depth = 20;
  Nanos stale_after{};
  Nanos instruments_interval{};
  // This process's share of the venue's budgets; 0 = no limit (a simulator without limits).
  std::int64_t rest_weight_per_minute = 0;
  std::int64_t messages_per_minute = 0;
  ShardLimits shards;
};

/// Errors: ConfigError for a venue that this build does not know.
HyperliquidFeedConfig hyperliquid_config(const Settings& settings);
BusPublisherConfig publisher_config(const Settings& settings, const std::string& instance);
RequestServerConfig request_config(const Settings& settings);

}  // namespace perpwire::marketstream
