#include "services/marketstream/wanted_channels.hpp"

namespace perpwire::marketstream {

bool WantedChannels::add(std::string_view user, const std::string& pair,
                         const std::string& channel) {
  auto& users = users_[pair][channel];
  const bool first = users.empty();
  users.emplace(user);
  if (first) ++size_;
  return first;
}

bool WantedChannels::remove(std::string_view user, const std::string& pair,
                            const std::string& channel) {
  const auto by_pair = users_.find(pair);
  if (by_pair == users_.end()) return false;
  const auto by_channel = by_pair->second.find(channel);
  if (by_channel == by_pair->second.end()) return false;
  const auto found = by_channel->second.find(user);
  if (found == by_channel->second.end()) return false;
  by_channel->second.erase(found);
  if (!by_channel->second.empty()) return false;
  by_pair->second.erase(by_channel);
  if (by_pair->second.empty()) users_.erase(by_pair);
  --size_;
  return true;
}

bool WantedChannels::wanted(std::string_view pair, std::string_view channel) const {
  const auto by_pair = users_.find(pair);
  return by_pair != users_.end() && by_pair->second.contains(channel);
}

std::vector<std::pair<std::string, std::string>> WantedChannels::all() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [pair, channels] : users_) {
    for (const auto& [channel, users] : channels) out.emplace_back(pair, channel);
  }
  return out;
}

}  // namespace perpwire::marketstream
