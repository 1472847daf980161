#pragma once

#include "tools/venue-sim/core/units.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace perpwire::sim {

/// The venue's limits per IP address (section 9.1): weight, connections, messages, posts in flight.
/// Pure; every call takes the time. Windows are the last 60 s.
class IpLimits {
 public:
  static constexpr std::size_t kWeightPerMinute = 1200;
  static constexpr std::size_t kConnections = 10;
  static constexpr std::size_t kNewConnectionsPerMinute = 30;
  static constexpr std::size_t kMessagesPerMinute = 2000;
  static constexpr std::size_t kPostsInFlight = 100;

  explicit IpLimits(bool is_on) : is_on_(is_on) {}

  /// Whether a request may start now; what it weighs is added by spend() once known.
  [[nodiscard]] bool may_request(const std::string& ip, Millis now);
  void spend(const std::string& ip, std::size_t weight, Millis now);
  [[nodiscard]] bool may_open_connection(const std::string& ip, Millis now);
  [[nodiscard]] bool open_connection(const std::string& ip, Millis now);
  void close_connection(const std::string& ip);
  [[nodiscard]] bool count_message(const std::string& ip, Millis now);
  [[nodiscard]] bool start_post(const std::string& ip);
  void end_post(const std::string& ip);
  [[nodiscard]] std::size_t weight_used(const std::string& ip, Millis now);

 private:
  struct Window {
    std::deque<std::pair<Millis, std::size_t>> entries;
    std::size_t sum = 0;
    void add(Millis now, std::size_t amount);
    std::size_t total(Millis now);
  };
  struct State {
    Window weight;
    Window opened;
    Window messages;
    std::size_t connections = 0;
    std::size_t posts = 0;
  };
  bool is_on_;
  std::map<std::string, State> by_ip_;
};

}  // namespace perpwire::sim
