#include "services/marketstream/config.hpp"

#include "libs/common/result.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::marketstream {
namespace {

constexpr std::int64_t kLevels = 20;  // all that the venue sends of a book (hyperliquid.md 8.3)

std::int64_t share(std::uint32_t whole, std::int64_t percent) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(whole) * percent / 100);
}

}  // namespace

HyperliquidFeedConfig hyperliquid_config(const Settings& settings) {
  for (const auto& venue : settings.marketstream.venues) {
    if (venue != "hyperliquid") {
      throw ConfigError(fmt::format(
          "{}: marketstream.venues: expected \"hyperliquid\", found \"{}\": not built yet",
          settings.file.string(), venue));
    }
  }
  const auto venue = settings.venues.find("hyperliquid");
  if (venue == settings.venues.end() || settings.marketstream.venues.empty()) {
    throw ConfigError(
        fmt::format("{}: marketstream.venues: expected at least one venue, found none",
                    settings.file.string()));
  }
  HyperliquidFeedConfig out{
      .venue = venue->second,
      .channels = settings.marketstream.channels,
      .candles = settings.marketstream.candles,
      .depth = static_cast<std::size_t>(std::min(settings.marketstream.depth, kLevels)),
      .stale_after = settings.marketstream.stale_after,
      .instruments_interval = settings.marketstream.instruments_interval,
      .rest_weight_per_minute = 0,
      .messages_per_minute = 0,
      .shards = {.connections = hyperliquid::kWsConnections,
                 .per_connection = 500,
                 .subscriptions = 100'000}};
  if (venue->second.documented_limits) {
    const auto percent = venue->second.ip_share_marketstream;
    out.rest_weight_per_minute = share(hyperliquid::kRestWeightPerMinute, percent);
    out.messages_per_minute = share(hyperliquid::kWsMessagesPerMinute, percent);
    out.shards.connections = static_cast<std::size_t>(share(hyperliquid::kWsConnections, percent));
    // Other processes of the address subscribe a few user streams.
    out.shards.subscriptions = hyperliquid::kWsSubscriptions - 50;
  }
  return out;
}

BusPublisherConfig publisher_config(const Settings& settings, const std::string& instance) {
  return {.endpoint = settings.marketstream.events,
          .process = "marketstream",
          .instance = instance,
          .pace = settings.marketstream.pace,
          .heartbeat_topics = false};
}

RequestServerConfig request_config(const Settings& settings) {
  return {.endpoint = settings.marketstream.requests};
}

}  // namespace perpwire::marketstream
