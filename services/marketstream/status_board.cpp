#include "services/marketstream/status_board.hpp"

#include <algorithm>

namespace perpwire::marketstream {
namespace {

int badness(FeedState state) {
  switch (state) {
    case FeedState::kLive:
      return 0;
    case FeedState::kStale:
      return 1;
    case FeedState::kResyncing:
      return 2;
    case FeedState::kDown:
      return 3;
  }
  return 3;
}

}  // namespace

std::optional<StatusBoard::Shown> StatusBoard::refresh(Entry& entry) {
  if (entry.sources.empty()) return std::nullopt;
  const auto worst = std::max_element(entry.sources.begin(), entry.sources.end(),
                                      [](const auto& a, const auto& b) {
                                        return badness(a.second.state) < badness(b.second.state);
                                      });
  if (entry.shown == worst->second) return std::nullopt;
  entry.shown = worst->second;
  return entry.shown;
}

std::optional<StatusBoard::Shown> StatusBoard::set(const std::string& channel,
                                                   const std::string& pair,
                                                   const std::string& source, FeedState state,
                                                   const std::string& reason) {
  auto& entry = entries_[{channel, pair}];
  entry.sources.insert_or_assign(source, Shown{state, reason});
  return refresh(entry);
}

std::optional<StatusBoard::Shown> StatusBoard::forget(const std::string& channel,
                                                      const std::string& pair,
                                                      const std::string& source) {
  const auto found = entries_.find({channel, pair});
  if (found == entries_.end()) return std::nullopt;
  found->second.sources.erase(source);
  if (!found->second.sources.empty()) return refresh(found->second);
  entries_.erase(found);
  return std::nullopt;
}

std::optional<StatusBoard::Shown> StatusBoard::shown(const std::string& channel,
                                                     const std::string& pair) const {
  const auto found = entries_.find({channel, pair});
  return found == entries_.end() ? std::nullopt : found->second.shown;
}

std::map<std::string, std::map<FeedState, std::size_t>> StatusBoard::by_channel() const {
  std::map<std::string, std::map<FeedState, std::size_t>> out;
  for (const auto& [key, entry] : entries_) {
    if (entry.shown) ++out[key.first][entry.shown->state];
  }
  return out;
}

}  // namespace perpwire::marketstream
