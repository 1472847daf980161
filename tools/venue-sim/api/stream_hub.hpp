#pragma once

#include "tools/venue-sim/api/faults.hpp"
#include "tools/venue-sim/api/subscription.hpp"
#include "tools/venue-sim/core/exchange.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace perpwire::sim {

using ConnectionId = std::uint64_t;

struct OutgoingFrame {
  ConnectionId connection = 0;
  std::shared_ptr<const std::string> text;
};

/// Who is subscribed to what, and which frames a block sends to whom. No sockets; the time is
/// passed in. Section 8.
class StreamHub {
 public:
  static constexpr std::size_t kMostSubscriptions = 1000;
  static constexpr std::size_t kMostUsers = 15;

  StreamHub(const Exchange& exchange, FaultPlan& faults) : exchange_(exchange), faults_(faults) {}

  void subscribe(ConnectionId connection, const Json& request, Millis now);
  void unsubscribe(ConnectionId connection, const Json& request);
  void forget(ConnectionId connection);
  /// An `error` frame.
  void error(ConnectionId connection, const std::string& text);
  void send(ConnectionId connection, std::string text);

  /// Sends what a block produced.
  void publish(const Output& output, Millis now);
  /// Sends what is due by time: periodic streams, delayed frames.
  void on_timer(Millis now);
  std::vector<OutgoingFrame> take_frames();

  [[nodiscard]] std::size_t subscriptions_of(ConnectionId connection) const;

 private:
  struct Topic {
    Subscription subscription;
    std::set<ConnectionId> subscribers;
    Millis last_push = 0;
    std::string last_text;
  };
  struct Delayed {
    Millis due = 0;
    OutgoingFrame frame;
  };
  using Topics = std::map<std::string, Topic>;

  void publish_market(const Output& output, Millis now);
  void publish_users(const Output& output, Millis now);
  void push(Topic& topic, std::string text, Millis now);
  void push_user(Topic& topic, std::string text, Millis now);
  [[nodiscard]] std::size_t users_of_all() const;

  const Exchange& exchange_;
  FaultPlan& faults_;
  Topics topics_;
  std::map<ConnectionId, std::set<std::string>> by_connection_;
  std::unordered_map<std::string, std::set<std::string>> by_user_;
  std::map<MarketIndex, std::set<std::string>> by_market_;
  std::vector<OutgoingFrame> frames_;
  std::vector<Delayed> delayed_;
};

}  // namespace perpwire::sim
