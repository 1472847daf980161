#include "libs/net/readiness.hpp"

#include <algorithm>

namespace perpwire::net {

void Readiness::expect(const std::string& feed, Nanos max_age) { feeds_[feed].max_age = max_age; }

void Readiness::forget(const std::string& feed) { feeds_.erase(feed); }

void Readiness::on_disconnected() {
  for (auto& [name, feed] : feeds_) feed.newest.reset();
}

void Readiness::on_data(std::string_view feed, Nanos now) {
  if (const auto found = feeds_.find(feed); found != feeds_.end()) found->second.newest = now;
}

Readiness::Feed Readiness::state(const Expected& feed, Nanos now) {
  if (!feed.newest) return Feed::kWaiting;
  const bool may_be_silent = feed.max_age <= Nanos::zero();
  return may_be_silent || now - *feed.newest <= feed.max_age ? Feed::kLive : Feed::kStale;
}

Readiness::Feed Readiness::feed(std::string_view name, Nanos now) const {
  const auto found = feeds_.find(name);
  return found == feeds_.end() ? Feed::kUnknown : state(found->second, now);
}

bool Readiness::ready(Nanos now) const {
  return std::all_of(feeds_.begin(), feeds_.end(),
                     [now](const auto& item) { return state(item.second, now) == Feed::kLive; });
}

std::vector<std::string> Readiness::missing(Nanos now) const {
  std::vector<std::string> out;
  for (const auto& [name, feed] : feeds_) {
    if (state(feed, now) != Feed::kLive) out.push_back(name);
  }
  return out;
}

std::optional<Nanos> Readiness::next_change(Nanos now) const {
  std::optional<Nanos> at;
  for (const auto& [name, feed] : feeds_) {
    if (feed.max_age <= Nanos::zero() || state(feed, now) != Feed::kLive) continue;
    const Nanos stale_at = *feed.newest + feed.max_age + Nanos{1};
    if (!at || stale_at < *at) at = stale_at;
  }
  return at;
}

}  // namespace perpwire::net
