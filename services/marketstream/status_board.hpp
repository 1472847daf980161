#pragma once

#include "libs/venues/hyperliquid/market_events.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace perpwire::marketstream {

using hyperliquid::FeedState;

/// The state of each (channel, pair) on the bus, from all that feed it: a candle channel has a
/// stream for each interval, the venue's own state (`*`, `*`) a source for each connection. The
/// worst source counts: DOWN, RESYNCING, STALE, LIVE. Pure.
class StatusBoard {
 public:
  struct Shown {
    FeedState state;
    std::string reason;
    friend bool operator==(const Shown&, const Shown&) = default;
  };

  /// Returns: what is to be published, if this changes it.
  std::optional<Shown> set(const std::string& channel, const std::string& pair,
                           const std::string& source, FeedState state, const std::string& reason);
  /// The source is no more. Returns: what is to be published, if this changes it and other sources
  /// are left.
  std::optional<Shown> forget(const std::string& channel, const std::string& pair,
                              const std::string& source);
  [[nodiscard]] std::optional<Shown> shown(const std::string& channel,
                                           const std::string& pair) const;
  /// The worst state of a channel over all its pairs, and how many of its pairs are in each state.
  [[nodiscard]] std::map<std::string, std::map<FeedState, std::size_t>> by_channel() const;

 private:
  struct Entry {
    std::map<std::string, Shown> sources;
    std::optional<Shown> shown;
  };
  static std::optional<Shown> refresh(Entry& entry);

  std::map<std::pair<std::string, std::string>, Entry> entries_;
};

}  // namespace perpwire::marketstream
