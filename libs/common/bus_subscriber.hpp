#pragma once

#include "libs/common/gap_tracker.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/common/zmq_socket.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class Heartbeat;
}

namespace perpwire {

/// How a subscriber treats a publisher.
enum class SubscriberMode {
  /// Journaled streams (gateway, risk): subscribes to all topics of the endpoint, hands on those
  /// wanted, exactly once and in order, missing ones from replay pages.
  kComplete,
  /// Market data, and anything of which only the newest counts: messages as they come, doubles
  /// dropped, losses counted; `delta` topics are held until a snapshot repairs them.
  kLatest,
};

struct BusSubscriberConfig {
  std::string endpoint = {};
  SubscriberMode mode = SubscriberMode::kLatest;
  bool protobuf = true;
  /// Whole topics (`md.hyperliquid.bbo.BTC-USD` never matches `...BTC-USDT`), or prefixes if they
  /// end with '.' (`orders.`). None = all. Heartbeats come by themselves.
  std::vector<std::string> topics = {};
  /// kComplete: replay socket, required. kLatest: snapshot socket, required for `delta` topics;
  /// without it losses of other topics are only reported.
  std::string requests_endpoint = {};
  std::optional<CurveClient> requests_curve = {};  // where that is on TCP with CURVE
  /// Who asks: sent as `hello` on the requests' connection. Empty: no hello.
  std::string process = {};
  std::string instance = {};
  /// kComplete: from where; nothing = from now on.
  std::optional<StreamPosition> start = {};
  Nanos page_timeout = std::chrono::seconds(2);
  int receive_high_water_mark = 100'000;
};

struct BusSubscriberHandlers {
  /// Each event once. kComplete: in order of (stream, sequence). `topic` without `pb.`.
  std::function<void(std::string_view topic, const v1::Envelope&)> on_event = {};
  /// Every heartbeat of the publisher, with its timestamp.
  std::function<void(const v1::Heartbeat&, UnixNanos timestamp)> on_heartbeat = {};
  /// Messages of a topic (kLatest) or events of a stream (kComplete) that are lost for good. count
  /// 0 = unknown.
  std::function<void(std::string_view topic_or_stream, std::uint64_t count)> on_lost = {};
  /// The publisher's heartbeat became stale (true) or fresh (false); before the first one it is
  /// stale.
  std::function<void(bool stale)> on_stale = {};
};

struct BusSubscriberCounters {
  std::uint64_t received = 0;
  std::uint64_t delivered = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t gaps = 0;    // times something was found missing
  std::uint64_t missed = 0;  // kLatest: messages that never came
  std::uint64_t lost = 0;    // kComplete: events no longer kept
  std::uint64_t pages = 0;   // pages (or snapshots) asked
  std::uint64_t page_errors = 0;
  std::uint64_t malformed = 0;     // messages that did not parse: counted, dropped
  std::uint64_t other_topics = 0;  // caught by a prefix, not wanted
};

/// A SUB socket of the suite, with everything that the contract asks of a consumer.
///
/// Threads: the io_context's; handlers too, which may destroy it: they then hear nothing more.
/// Lifetime: `io` and `context` outlive it.
class BusSubscriber {
 public:
  BusSubscriber(boost::asio::io_context& io, zmq::context_t& context, BusSubscriberConfig config,
                BusSubscriberHandlers handlers);
  ~BusSubscriber();
  BusSubscriber(const BusSubscriber&) = delete;
  BusSubscriber& operator=(const BusSubscriber&) = delete;

  /// kLatest only.
  void subscribe(const std::string& topic);
  void unsubscribe(const std::string& topic);

  /// By our clocks, now.
  [[nodiscard]] bool stale() const;
  /// kComplete: just after the newest event given to on_event (also inside it): where a restart may
  /// begin again. Store it together with what was made of the events.
  [[nodiscard]] std::optional<StreamPosition> position() const;
  /// kComplete: nothing known to be missing.
  [[nodiscard]] bool in_step() const;
  [[nodiscard]] BusSubscriberCounters counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace perpwire
