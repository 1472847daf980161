#include "services/marketstream/shard_plan.hpp"

#include <algorithm>

namespace perpwire::marketstream {

std::size_t ShardPlan::place() {
  const auto least = std::min_element(loads_.begin(), loads_.end());
  const bool full = least == loads_.end() || *least >= limits_.per_connection;
  if (full && loads_.size() < std::max<std::size_t>(1, limits_.connections)) {
    loads_.push_back(0);
    return loads_.size() - 1;
  }
  return static_cast<std::size_t>(least - loads_.begin());
}

std::optional<std::size_t> ShardPlan::take(const std::string& owner) {
  if (total_ >= limits_.subscriptions) return std::nullopt;
  auto found = owners_.find(owner);
  if (found == owners_.end()) found = owners_.emplace(owner, Place{place(), 0}).first;
  ++found->second.count;
  ++loads_[found->second.connection];
  ++total_;
  return found->second.connection;
}

void ShardPlan::release(const std::string& owner) {
  const auto found = owners_.find(owner);
  if (found == owners_.end()) return;
  --loads_[found->second.connection];
  --total_;
  if (--found->second.count == 0) owners_.erase(found);
}

}  // namespace perpwire::marketstream
