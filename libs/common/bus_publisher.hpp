#pragma once

#include "libs/common/bus_numbers.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/common/zmq_socket.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class Envelope;
class Heartbeat;
}  // namespace perpwire::v1

namespace perpwire {

struct BusPublisherConfig {
  std::string endpoint = {};  // tcp://127.0.0.1:5556; port 0 = any
  std::string process = {};   // "order-gateway"
  std::string instance = {};  // "main"
  /// Messages kept for one slow subscriber; beyond it they are lost there, and it sees that by the
  /// numbers.
  int send_high_water_mark = 10'000;
  /// Most events a second and topic by channel (book, bbo, ticker, mids only); none or 0 = every
  /// one. What is skipped gets no number and is counted.
  std::map<std::string, std::int64_t> pace = {};
  Nanos heartbeat_interval = std::chrono::milliseconds(250);
  /// Whether heartbeats list the topics that moved in the last 5 s (gateway and risk).
  bool heartbeat_topics = true;
};

struct BusPublisherCounters {
  std::uint64_t published = 0;  // events that got a number
  std::uint64_t sent_json = 0;  // messages handed to the socket
  std::uint64_t sent_protobuf = 0;
  std::uint64_t conflated = 0;            // replaced by a newer one before numbering
  std::uint64_t last_values_sent = 0;     // messages re-sent to new subscriptions
  std::uint64_t broad_subscriptions = 0;  // matched over 64 topics: no last values
  std::uint64_t send_errors = 0;
  std::uint64_t heartbeats = 0;
};

/// An XPUB socket of the suite: numbers, encodes, sends, re-sends last values, beats.
///
/// A topic carries JSON, `pb.` + topic the protobuf Envelope of the same numbers. An encoding is
/// made only while some subscription matches it; numbers advance all the same.
/// Threads: the io_context's. Lifetime: `io` and `context` outlive it.
class BusPublisher {
 public:
  /// Binds and starts heartbeats. Throws ConfigError if the endpoint cannot be bound.
  BusPublisher(boost::asio::io_context& io, zmq::context_t& context,
               const BusPublisherConfig& config);
  ~BusPublisher();
  BusPublisher(const BusPublisher&) = delete;
  BusPublisher& operator=(const BusPublisher&) = delete;

  /// Publishes on a fresh stream of this publisher's own (marketstream): gives stream, sequence,
  /// topic_sequence and timestamp. `envelope` needs event_type and a payload; afterwards its
  /// contents are unspecified (last values are taken, not copied): Clear() before reuse.
  ///
  /// Returns: the numbers; nothing if pace holds the event back (a later one of the topic replaces
  ///          it, or it is sent when its time comes).
  std::optional<EventNumbers> publish(std::string_view topic, v1::Envelope& envelope);

  /// Publishes an event that already has its numbers and timestamp (from an EventLog). `encoded` is
  /// the Envelope's protobuf bytes if the caller has them already, else empty. Keeps a copy where
  /// the channel keeps last values.
  void publish_numbered(std::string_view topic, const v1::Envelope& envelope,
                        std::string_view encoded = {});

  /// Restores last values after a restart without sending (gateway and risk, from their journal).
  void restore_last_value(std::string_view topic, const v1::Envelope& envelope);
  /// The newest event of a topic whose channel keeps last values, else nullptr. Valid until the
  /// next call on this object.
  [[nodiscard]] const v1::Envelope* last_value(std::string_view topic) const;

  /// What the owner adds to each heartbeat: state, level, level_version, limits_version. Called
  /// just before each; process, instance, version, build, contract, stream, newest_sequence and
  /// topics are filled in already. With an EventLog the owner's stream is set by follow_stream.
  void set_heartbeat_filler(std::function<void(v1::Heartbeat&)> filler);
  /// The stream that heartbeats name when numbers come from an EventLog.
  void follow_stream(std::string stream, std::uint64_t newest_sequence);
  /// One heartbeat now, besides the regular ones (a level changed).
  void beat();

  /// The endpoint as bound, with its real port.
  [[nodiscard]] const std::string& endpoint() const;
  [[nodiscard]] const std::string& stream() const;
  [[nodiscard]] std::uint64_t newest_sequence() const;
  [[nodiscard]] const BusPublisherCounters& counters() const;
  /// Whether somebody listens to the topic in either encoding.
  [[nodiscard]] bool has_subscriber(std::string_view topic) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace perpwire
