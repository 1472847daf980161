#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::client {

/// Newest per topic, for a consumer that is slower than the market. Pure.
template <class Event>
class Conflator {
 public:
  void push(std::string_view topic, Event event) {
    const auto [slot, is_new] = newest_.insert_or_assign(std::string(topic), std::move(event));
    if (!is_new) ++conflated_;
  }
  /// What there is, and forgets it.
  std::vector<std::pair<std::string, Event>> pop_all() {
    std::vector<std::pair<std::string, Event>> out;
    for (auto& [topic, event] : newest_) out.emplace_back(topic, std::move(event));
    newest_.clear();
    return out;
  }
  [[nodiscard]] bool empty() const { return newest_.empty(); }
  /// Events that a newer one of their topic replaced.
  [[nodiscard]] std::uint64_t conflated() const { return conflated_; }

 private:
  std::map<std::string, Event> newest_;
  std::uint64_t conflated_ = 0;
};

}  // namespace perpwire::client
