#pragma once

#include "libs/common/time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::net {

/// Desired subscriptions against those that the venue acknowledged, diffed until equal. Pure: the
/// venue's protocol owns one for each connection, asks due() after every input, and sends what it
/// returns.
///
/// A key is the venue protocol's own canonical text of one subscription; this class never looks
/// inside. Subscriptions are reference counted: two users of one key make one subscription on the
/// wire, and the last one who leaves ends it.
class SubscriptionSet {
 public:
  struct Options {
    /// Without an acknowledgement for so long, the request is sent again.
    Nanos ack_deadline = std::chrono::seconds{5};
    /// Requests that may be sent within any one second, re-sends included.
    std::size_t max_per_second = 50;
    /// Requests sent and not yet acknowledged; 0 = no bound.
    std::size_t max_in_flight = 0;
  };
  enum class State {
    kUnknown,        // nobody wants it and the venue does not have it
    kWanted,         // to be sent
    kSubscribing,    // sent, not yet acknowledged
    kSubscribed,     // acknowledged
    kUnwanted,       // acknowledged and nobody wants it any more: to be ended
    kUnsubscribing,  // its end is sent, not yet acknowledged
    kRefused,        // the venue said no; not sent again until retry(), or a reconnect
  };
  struct Request {
    enum class Kind { kSubscribe, kUnsubscribe };
    Kind kind;
    std::string key;
    bool again;  // a re-send after ack_deadline
  };

  SubscriptionSet() : SubscriptionSet(Options{}) {}
  explicit SubscriptionSet(const Options& options) : options_(options) {}

  /// One more user of `key`.
  /// Returns: true for the first one.
  bool add(const std::string& key);
  /// One user less.
  /// Returns: true for the last one; false also if nobody used it.
  bool remove(const std::string& key);
  [[nodiscard]] std::size_t users(const std::string& key) const;

  /// A new connection: whatever was acknowledged on the old one is void, everything wanted is sent
  /// again.
  void on_connected();
  /// Nothing is due until on_connected().
  void on_disconnected();

  /// The venue's acknowledgement; also call it where data of `key` or "already subscribed" proves
  /// the same. An acknowledgement of something that nobody wants makes its unsubscription due.
  void on_subscribed(const std::string& key);
  /// The end is acknowledged (or the venue says that there was none).
  void on_unsubscribed(const std::string& key);
  /// The venue refused to subscribe `key`.
  void on_refused(const std::string& key);
  /// A refused key becomes wanted again.
  void retry(const std::string& key);

  /// What to send now, paced; each is taken as sent at `now`. Subscriptions go in order of their
  /// add().
  /// Units: `now` on any monotonic clock, always the same one.
  std::vector<Request> due(Nanos now);
  /// When due() may have more to say by itself: pacing or a deadline; nothing = only after other
  /// input.
  [[nodiscard]] std::optional<Nanos> next_due(Nanos now) const;

  /// Connected, and desired equals acknowledged (refused ones left out: see refused()).
  [[nodiscard]] bool settled() const;
  [[nodiscard]] State state(const std::string& key) const;
  [[nodiscard]] std::vector<std::string> desired() const;
  [[nodiscard]] std::vector<std::string> refused() const;
  /// Requests sent again after ack_deadline, since construction.
  [[nodiscard]] std::uint64_t resends() const { return resends_; }

 private:
  struct Entry {
    std::string key;
    std::size_t users = 0;
    State state = State::kUnknown;
    Nanos sent_at{0};
    bool due_again = false;  // the deadline of an earlier request has passed
  };
  Entry* find(const std::string& key);
  [[nodiscard]] const Entry* find(const std::string& key) const;
  Entry& entry(const std::string& key);
  void erase_if_forgotten(const std::string& key);
  [[nodiscard]] std::size_t in_flight() const;

  Options options_;
  bool connected_ = false;
  std::uint64_t next_rank_ = 0;
  std::map<std::uint64_t, Entry> entries_;                   // by order of add()
  std::map<std::string, std::uint64_t, std::less<>> ranks_;  // key to its place in entries_
  std::deque<Nanos> sent_times_;                             // within the last second
  std::uint64_t resends_ = 0;
};

}  // namespace perpwire::net
