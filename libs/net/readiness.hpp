#pragma once

#include "libs/common/time.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::net {

/// Readiness from data seen and not from socket state: a connection that opened, or a subscription
/// that was acknowledged, has shown nothing yet; sockets go silently stale while they look open
/// (hyperliquid.md 12.3). Pure: the venue's protocol owns one for each connection.
///
/// A feed is live once data of it came on the present connection and the newest is not older than
/// its max_age.
class Readiness {
 public:
  enum class Feed {
    kUnknown,  // not expected
    kWaiting,  // no data yet on this connection
    kLive,
    kStale,  // the newest data are older than max_age
  };

  /// max_age of zero: the feed may be silent for ever (user events of a quiet account) and counts
  /// from its first data, or from on_confirmed.
  void expect(const std::string& feed, Nanos max_age);
  void forget(const std::string& feed);
  /// All data seen before are void.
  void on_disconnected();
  /// Data of `feed` came. Unknown feeds are ignored.
  void on_data(std::string_view feed, Nanos now);
  /// The venue proved a quiet feed alive in another way (its first snapshot, an acknowledgement
  /// where it sends none).
  void on_confirmed(std::string_view feed, Nanos now) { on_data(feed, now); }

  [[nodiscard]] Feed feed(std::string_view name, Nanos now) const;
  /// Every expected feed is live.
  [[nodiscard]] bool ready(Nanos now) const;
  /// The feeds that are not live, by name.
  [[nodiscard]] std::vector<std::string> missing(Nanos now) const;
  /// When the next feed that is live now goes stale, if nothing comes.
  [[nodiscard]] std::optional<Nanos> next_change(Nanos now) const;

 private:
  struct Expected {
    Nanos max_age{0};
    std::optional<Nanos> newest = std::nullopt;
  };
  [[nodiscard]] static Feed state(const Expected& feed, Nanos now);
  std::map<std::string, Expected, std::less<>> feeds_;
};

}  // namespace perpwire::net
