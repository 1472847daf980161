#include "tools/venue-sim/api/ip_limits.hpp"

namespace perpwire::sim {
namespace {
constexpr Millis kWindow = 60'000;
}

void IpLimits::Window::add(Millis now, std::size_t amount) {
  entries.emplace_back(now, amount);
  sum += amount;
}

std::size_t IpLimits::Window::total(Millis now) {
  while (!entries.empty() && entries.front().first <= now - kWindow) {
    sum -= entries.front().second;
    entries.pop_front();
  }
  return sum;
}

bool IpLimits::may_request(const std::string& ip, Millis now) {
  return !is_on_ || by_ip_[ip].weight.total(now) < kWeightPerMinute;
}

void IpLimits::spend(const std::string& ip, std::size_t weight, Millis now) {
  Window& window = by_ip_[ip].weight;
  window.add(now, weight);
  window.total(now);
}

bool IpLimits::may_open_connection(const std::string& ip, Millis now) {
  State& state = by_ip_[ip];
  return !is_on_ ||
         (state.connections < kConnections && state.opened.total(now) < kNewConnectionsPerMinute);
}

bool IpLimits::open_connection(const std::string& ip, Millis now) {
  if (!may_open_connection(ip, now)) {
    return false;
  }
  State& state = by_ip_[ip];
  state.opened.add(now, 1);
  ++state.connections;
  return true;
}

void IpLimits::close_connection(const std::string& ip) { --by_ip_[ip].connections; }

bool IpLimits::count_message(const std::string& ip, Millis now) {
  Window& window = by_ip_[ip].messages;
  if (is_on_ && window.total(now) >= kMessagesPerMinute) {
    return false;
  }
  window.add(now, 1);
  window.total(now);
  return true;
}

bool IpLimits::start_post(const std::string& ip) {
  State& state = by_ip_[ip];
  if (is_on_ && state.posts >= kPostsInFlight) {
    return false;
  }
  ++state.posts;
  return true;
}

void IpLimits::end_post(const std::string& ip) { --by_ip_[ip].posts; }

std::size_t IpLimits::weight_used(const std::string& ip, Millis now) {
  return by_ip_[ip].weight.total(now);
}

}  // namespace perpwire::sim
