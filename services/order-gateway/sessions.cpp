#include "services/order-gateway/sessions.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kMostSessions = 1'000;
constexpr std::size_t kLongestName = 64;
constexpr std::uint32_t kDefaultTimeoutMs = 5'000;
constexpr std::uint32_t kLeastTimeoutMs = 250;
constexpr std::uint32_t kMostTimeoutMs = 600'000;

std::optional<OnDisconnect> policy_from(std::string_view word) {
  for (const auto policy : {OnDisconnect::kStrategy, OnDisconnect::kAccount, OnDisconnect::kNone}) {
    if (word == to_string(policy)) return policy;
  }
  return std::nullopt;
}

tl::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalidCommand, std::move(text));
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         name.find_first_of("\t\n") == std::string_view::npos;
}

}  // namespace

std::string_view to_string(OnDisconnect policy) {
  switch (policy) {
    case OnDisconnect::kStrategy:
      return "strategy";
    case OnDisconnect::kAccount:
      return "account";
    case OnDisconnect::kNone:
      return "none";
  }
  return "";
}

Result<Sessions::Change> Sessions::hear(const v1::Session& session, Nanos now) {
  if (!is_name(session.name())) {
    return invalid("session.name: expected 1 to 64 characters, found \"" + session.name() + "\"");
  }
  const auto known = sessions_.find(session.name());
  if (session.has_heartbeat_timeout_ms() && session.heartbeat_timeout_ms() == 0) {
    if (known == sessions_.end()) return Change{.changed = false, .ended = true};
    sessions_.erase(known);
    return Change{.changed = true, .ended = true};
  }
  const auto policy = policy_from(
      session.cancel_on_disconnect().empty() ? "strategy" : session.cancel_on_disconnect());
  if (!policy) {
    return invalid("session.cancel_on_disconnect: expected strategy, account or none, found \"" +
                   session.cancel_on_disconnect() + "\"");
  }
  const std::uint32_t ms =
      session.has_heartbeat_timeout_ms() ? session.heartbeat_timeout_ms() : kDefaultTimeoutMs;
  if (ms < kLeastTimeoutMs || ms > kMostTimeoutMs) {
    return invalid("session.heartbeat_timeout_ms: expected 250 to 600000, or 0 to end it, found " +
                   std::to_string(ms));
  }
  if (known == sessions_.end() && sessions_.size() >= kMostSessions) {
    return invalid("session: expected at most 1000 sessions of an account");
  }
  Session& kept = sessions_[session.name()];
  const Nanos timeout = std::chrono::milliseconds{ms};
  const bool changed = kept.name.empty() || kept.policy != *policy || kept.timeout != timeout;
  kept = {.name = session.name(), .policy = *policy, .timeout = timeout, .deadline = now + timeout};
  return Change{.changed = changed, .ended = false};
}

std::vector<Sessions::Session> Sessions::take_silent(Nanos now) {
  std::vector<Session> silent;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (now < it->second.deadline) {
      ++it;
      continue;
    }
    silent.push_back(it->second);
    it = sessions_.erase(it);
  }
  return silent;
}

std::string Sessions::serialise() const {
  std::string text;
  for (const auto& [name, session] : sessions_) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(session.timeout).count();
    text += name + "\t" + std::string(to_string(session.policy)) + "\t" + std::to_string(ms) + "\n";
  }
  return text;
}

void Sessions::restore(std::string_view text, Nanos now) {
  sessions_.clear();
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const auto first = line.find('\t');
    const auto second = line.find('\t', first == std::string_view::npos ? first : first + 1);
    if (second != std::string_view::npos) {
      const auto policy = policy_from(line.substr(first + 1, second - first - 1));
      std::int64_t ms = 0;
      std::from_chars(line.data() + second + 1, line.data() + line.size(), ms);
      const std::string name(line.substr(0, first));
      const Nanos timeout = std::chrono::milliseconds{ms};
      if (policy && ms > 0) {
        sessions_[name] = {
            .name = name, .policy = *policy, .timeout = timeout, .deadline = now + timeout};
      }
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void Sessions::restart_clocks(Nanos now) {
  for (auto& [name, session] : sessions_) session.deadline = now + session.timeout;
}

}  // namespace perpwire::gateway
