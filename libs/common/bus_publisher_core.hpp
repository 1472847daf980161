#pragma once

#include "libs/common/bus_numbers.hpp"
#include "libs/common/bus_publisher.hpp"
#include "libs/common/time.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace perpwire {

/// The prefixes that somebody is subscribed to: a set, since XPUB_VERBOSE reports every
/// subscription but only the last unsubscription. Pure.
class SubscriptionSet {
 public:
  /// Beyond it everything counts as subscribed: a client cannot make us keep more.
  static constexpr std::size_t kMaxPrefixes = 100'000;

  void add(std::string_view prefix);
  void remove(std::string_view prefix);
  [[nodiscard]] bool matches(std::string_view topic) const;
  /// Changes whenever an answer of matches() may have changed.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  std::unordered_set<std::string, TransparentHash, std::equal_to<>> prefixes_;
  bool overflowed_ = false;
  std::uint64_t generation_ = 1;
};

/// Everything that a publisher decides: numbers, pace, encodings, last values, heartbeats. Pure;
/// BusPublisher is its driver.
class BusPublisherCore {
 public:
  /// A subscription that matches more topics than this gets no last values.
  static constexpr std::size_t kMaxResend = 64;
  /// Heartbeats list the topics that moved within this time.
  static constexpr Nanos kMoved = std::chrono::seconds(5);

  /// Puts one message on the wire.
  using Send = std::function<void(std::string_view topic, std::string_view payload)>;

  BusPublisherCore(const BusPublisherConfig& config, std::string stream, Send send);
  ~BusPublisherCore();

  struct Clock {
    UnixNanos wall;
    Nanos monotonic{0};
  };

  std::optional<EventNumbers> publish(std::string_view topic, v1::Envelope& envelope, Clock now);
  void publish_numbered(std::string_view topic, const v1::Envelope& envelope,
                        std::string_view encoded, Clock now);
  void restore_last_value(std::string_view topic, const v1::Envelope& envelope);
  [[nodiscard]] const v1::Envelope* last_value(std::string_view topic) const;

  void on_subscribe(std::string_view prefix);
  void on_unsubscribe(std::string_view prefix);

  /// Sends what pace held back and is due. Returns when the next one is due, if any.
  std::optional<Nanos> flush_due(Clock now);

  void follow_stream(std::string stream, std::uint64_t newest_sequence);
  void beat(const std::function<void(v1::Heartbeat&)>& filler, Clock now);

  [[nodiscard]] const std::string& stream() const { return stream_; }
  [[nodiscard]] std::uint64_t newest_sequence() const { return newest_sequence_; }
  [[nodiscard]] BusPublisherCounters& counters() { return counters_; }
  [[nodiscard]] const BusPublisherCounters& counters() const { return counters_; }
  [[nodiscard]] bool has_subscriber(std::string_view topic) const;

 private:
  struct LastValue;
  struct Topic;

  Topic& topic_of(std::string_view name);
  void update_wanted(Topic& topic) const;
  void emit(Topic& topic, v1::Envelope& envelope, Clock now);
  void send_both(Topic& topic, const v1::Envelope& envelope, std::string_view encoded);
  void send_last(const LastValue& last, bool protobuf, const Topic& topic);
  void moved(Topic& topic, std::uint64_t topic_sequence, Nanos now);
  [[nodiscard]] std::vector<std::string_view> kept_with_prefix(std::string_view prefix,
                                                               std::size_t most) const;

  BusPublisherConfig config_;
  std::string stream_;
  std::uint64_t newest_sequence_ = 0;
  Send send_;
  SubscriptionSet subscriptions_;
  StringMap<std::unique_ptr<Topic>> topics_;
  std::set<std::string_view> kept_;  // names of topics that have a last value, sorted
  std::set<std::pair<Nanos, Topic*>> held_back_;
  std::vector<Topic*> recent_;  // moved in the last 5 s
  std::string heartbeat_topic_;
  std::string json_;
  std::string protobuf_;
  BusPublisherCounters counters_;
};

}  // namespace perpwire
