#include "libs/net/subscription_set.hpp"

#include "libs/common/assert.hpp"

#include <algorithm>

namespace perpwire::net {
namespace {

constexpr Nanos kPaceWindow = std::chrono::seconds{1};

bool is_in_flight(SubscriptionSet::State state) {
  return state == SubscriptionSet::State::kSubscribing ||
         state == SubscriptionSet::State::kUnsubscribing;
}

}  // namespace

bool SubscriptionSet::add(const std::string& key) {
  Entry& e = entry(key);
  if (++e.users > 1) return false;
  switch (e.state) {
    case State::kUnknown:
    case State::kRefused:
      e.state = State::kWanted;
      break;
    case State::kUnwanted:
      e.state = State::kSubscribed;  // its end was not sent yet
      break;
    case State::kUnsubscribing:  // its end is on the way: subscribed again once that is
                                 // acknowledged
    case State::kWanted:
    case State::kSubscribing:
    case State::kSubscribed:
      break;
  }
  return true;
}

bool SubscriptionSet::remove(const std::string& key) {
  Entry* e = find(key);
  if (e == nullptr || e->users == 0) return false;
  if (--e->users > 0) return false;
  switch (e->state) {
    case State::kWanted:
    case State::kRefused:
      e->state = State::kUnknown;
      break;
    case State::kSubscribed:
      e->state = State::kUnwanted;
      break;
    case State::kSubscribing:  // once acknowledged it is ended
    case State::kUnknown:
    case State::kUnwanted:
    case State::kUnsubscribing:
      break;
  }
  erase_if_forgotten(key);
  return true;
}

std::size_t SubscriptionSet::users(const std::string& key) const {
  const Entry* e = find(key);
  return e == nullptr ? 0 : e->users;
}

void SubscriptionSet::on_connected() {
  on_disconnected();
  connected_ = true;
}

void SubscriptionSet::on_disconnected() {
  connected_ = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& e = it->second;
    e.due_again = false;
    e.state = e.users > 0 ? State::kWanted : State::kUnknown;
    if (e.state == State::kUnknown) {
      ranks_.erase(e.key);
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
}

void SubscriptionSet::on_subscribed(const std::string& key) {
  if (!connected_) return;
  Entry& e = entry(key);
  e.due_again = false;
  // While its end is on the way, an acknowledgement is of the time before.
  if (e.state == State::kUnsubscribing) return;
  e.state = e.users > 0 ? State::kSubscribed : State::kUnwanted;
}

void SubscriptionSet::on_unsubscribed(const std::string& key) {
  Entry* e = find(key);
  if (!connected_ || e == nullptr) return;
  e->due_again = false;
  e->state = e->users > 0 ? State::kWanted : State::kUnknown;
  erase_if_forgotten(key);
}

void SubscriptionSet::on_refused(const std::string& key) {
  Entry* e = find(key);
  if (!connected_ || e == nullptr) return;
  e->due_again = false;
  e->state = e->users > 0 ? State::kRefused : State::kUnknown;
  erase_if_forgotten(key);
}

void SubscriptionSet::retry(const std::string& key) {
  Entry* e = find(key);
  if (e != nullptr && e->state == State::kRefused) e->state = State::kWanted;
}

std::vector<SubscriptionSet::Request> SubscriptionSet::due(Nanos now) {
  std::vector<Request> out;
  if (!connected_) return out;
  for (auto& [rank, e] : entries_) {
    if (is_in_flight(e.state) && now - e.sent_at >= options_.ack_deadline) e.due_again = true;
  }
  while (!sent_times_.empty() && now - sent_times_.front() >= kPaceWindow) sent_times_.pop_front();
  std::size_t flying = in_flight();
  for (auto& [rank, e] : entries_) {
    if (sent_times_.size() >= options_.max_per_second) break;
    const bool ends = e.state == State::kUnwanted || e.state == State::kUnsubscribing;
    const bool first = e.state == State::kWanted || e.state == State::kUnwanted;
    if (!first && !e.due_again) continue;
    if (first && options_.max_in_flight > 0 && flying >= options_.max_in_flight) continue;
    if (first) ++flying;
    if (!first) ++resends_;
    e.state = ends ? State::kUnsubscribing : State::kSubscribing;
    e.sent_at = now;
    e.due_again = false;
    sent_times_.push_back(now);
    out.push_back({ends ? Request::Kind::kUnsubscribe : Request::Kind::kSubscribe, e.key, !first});
  }
  return out;
}

std::optional<Nanos> SubscriptionSet::next_due(Nanos now) const {
  if (!connected_) return std::nullopt;
  std::optional<Nanos> at;
  const std::size_t flying = in_flight();
  for (const auto& [rank, e] : entries_) {
    std::optional<Nanos> mine;
    if (is_in_flight(e.state)) {
      mine = e.due_again ? now : e.sent_at + options_.ack_deadline;
    } else if ((e.state == State::kWanted || e.state == State::kUnwanted) &&
               (options_.max_in_flight == 0 || flying < options_.max_in_flight)) {
      mine = now;
    }
    if (mine && (!at || *mine < *at)) at = mine;
  }
  if (!at) return std::nullopt;
  // Pacing holds it back until the oldest request of the window has aged out.
  const auto in_window = static_cast<std::size_t>(
      std::count_if(sent_times_.begin(), sent_times_.end(),
                    [now](Nanos sent) { return now - sent < kPaceWindow; }));
  if (in_window >= options_.max_per_second && in_window > 0) {
    const Nanos oldest = sent_times_[sent_times_.size() - in_window];
    at = std::max(*at, oldest + kPaceWindow);
  }
  return std::max(*at, now);
}

bool SubscriptionSet::settled() const {
  return connected_ && std::all_of(entries_.begin(), entries_.end(), [](const auto& item) {
           return item.second.state == State::kSubscribed || item.second.state == State::kRefused;
         });
}

SubscriptionSet::State SubscriptionSet::state(const std::string& key) const {
  const Entry* e = find(key);
  return e == nullptr ? State::kUnknown : e->state;
}

std::vector<std::string> SubscriptionSet::desired() const {
  std::vector<std::string> out;
  for (const auto& [rank, e] : entries_) {
    if (e.users > 0) out.push_back(e.key);
  }
  return out;
}

std::vector<std::string> SubscriptionSet::refused() const {
  std::vector<std::string> out;
  for (const auto& [rank, e] : entries_) {
    if (e.state == State::kRefused) out.push_back(e.key);
  }
  return out;
}

SubscriptionSet::Entry* SubscriptionSet::find(const std::string& key) {
  const auto rank = ranks_.find(key);
  return rank == ranks_.end() ? nullptr : &entries_.at(rank->second);
}

const SubscriptionSet::Entry* SubscriptionSet::find(const std::string& key) const {
  const auto rank = ranks_.find(key);
  return rank == ranks_.end() ? nullptr : &entries_.at(rank->second);
}

SubscriptionSet::Entry& SubscriptionSet::entry(const std::string& key) {
  if (Entry* e = find(key)) return *e;
  const std::uint64_t rank = next_rank_++;
  ranks_.emplace(key, rank);
  Entry& e = entries_[rank];
  e.key = key;
  return e;
}

void SubscriptionSet::erase_if_forgotten(const std::string& key) {
  const auto rank = ranks_.find(key);
  if (rank == ranks_.end()) return;
  const Entry& e = entries_.at(rank->second);
  if (e.users > 0 || e.state != State::kUnknown) return;
  entries_.erase(rank->second);
  ranks_.erase(rank);
}

std::size_t SubscriptionSet::in_flight() const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(),
                    [](const auto& item) { return is_in_flight(item.second.state); }));
}

}  // namespace perpwire::net
