#include "libs/net/connection_policy.hpp"

#include "libs/common/assert.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::net {
namespace {

constexpr Nanos kMinute = std::chrono::minutes{1};

std::string_view phase_name(ConnectionPolicy::Phase phase) {
  using enum ConnectionPolicy::Phase;
  switch (phase) {
    case kResolve:
      return "resolve";
    case kConnect:
      return "connect";
    case kTls:
      return "TLS handshake";
    case kHandshake:
      return "WebSocket handshake";
    case kIdle:
    case kWaiting:
    case kOpen:
    case kClosed:
      break;
  }
  return "";
}

std::int64_t millis(Nanos value) { return value.count() / 1'000'000; }

}  // namespace

ConnectionPolicy::ConnectionPolicy(const ConnectionPolicyOptions& options)
    : options_(options),
      backoff_({.base = options.backoff_base, .cap = options.backoff_cap, .seed = options.seed}) {
  PW_ASSERT(options_.max_connects_per_minute > 0);
}

void ConnectionPolicy::start(Nanos now) {
  PW_ASSERT(phase_ == Phase::kIdle);
  phase_ = Phase::kWaiting;
  attempt_at_ = now;
  rate_credit_from_ = now;
}

void ConnectionPolicy::on_phase(Phase phase, Nanos now) {
  if (phase_ == Phase::kClosed) return;
  phase_ = phase;
  phase_since_ = now;
}

void ConnectionPolicy::on_open(Nanos now) {
  on_phase(Phase::kOpen, now);
  last_life_ = last_message_ = last_ping_ = now;
  ping_unanswered_since_.reset();
  data_seen_ = false;
}

void ConnectionPolicy::on_message(Nanos now, bool pong) {
  last_message_ = now;
  data_seen_ = true;
  on_life(now, pong);
}

void ConnectionPolicy::on_control(Nanos now, bool pong) { on_life(now, pong); }

void ConnectionPolicy::on_life(Nanos now, bool pong) {
  last_life_ = now;
  if (pong || options_.keep_alive.life == KeepAliveOptions::Life::kAnyFrame) {
    ping_unanswered_since_.reset();
  }
  if (phase_ == Phase::kOpen && data_seen_ && now - phase_since_ >= options_.settled_after) {
    backoff_.reset();
  }
}

void ConnectionPolicy::on_down(Nanos now) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kWaiting;
  attempt_at_ = std::max(now + backoff_.next(), earliest_by_rate());
}

void ConnectionPolicy::close() { phase_ = Phase::kClosed; }

// The generic cell rate algorithm (ITU-T I.371): N a minute = N/3 at once and one more each
// minute/(N - N/3). Any window of 60 s holds at most N, and a long outage is tried at an even pace
// instead of in a burst and a long wait.
void ConnectionPolicy::count_connect(Nanos now) {
  rate_credit_from_ = std::max(now, rate_credit_from_) + connect_spacing();
}

Nanos ConnectionPolicy::earliest_by_rate() const {
  return rate_credit_from_ - connect_spacing() * (connect_burst() - 1);
}

std::int64_t ConnectionPolicy::connect_burst() const {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(options_.max_connects_per_minute) / 3);
}

Nanos ConnectionPolicy::connect_spacing() const {
  const auto most = static_cast<std::int64_t>(options_.max_connects_per_minute);
  return kMinute / std::max<std::int64_t>(1, most - connect_burst());
}

Nanos ConnectionPolicy::deadline_of(Phase phase) const {
  using enum Phase;
  switch (phase) {
    case kResolve:
      return options_.resolve_timeout;
    case kConnect:
      return options_.connect_timeout;
    case kTls:
      return options_.tls_timeout;
    case kHandshake:
      return options_.handshake_timeout;
    case kIdle:
    case kWaiting:
    case kOpen:
    case kClosed:
      break;
  }
  return Nanos::max();
}

Nanos ConnectionPolicy::next_ping() const {
  const auto& keep = options_.keep_alive;
  Nanos at = std::max(last_life_, last_ping_) + keep.ping_after_silence;
  // Only a pong counts: data do not put the next ping off.
  if (keep.life == KeepAliveOptions::Life::kPongOnly) at = last_ping_ + keep.ping_after_silence;
  if (keep.ping_every > Nanos::zero()) at = std::min(at, last_ping_ + keep.ping_every);
  return at;
}

ConnectionPolicy::Step ConnectionPolicy::step(Nanos now) {
  using enum Phase;
  const auto& keep = options_.keep_alive;
  switch (phase_) {
    case kIdle:
    case kClosed:
      return {};
    case kWaiting:
      if (now < attempt_at_) return {};
      count_connect(now);
      on_phase(kResolve, now);
      return {.kind = Step::Kind::kConnect};
    case kResolve:
    case kConnect:
    case kTls:
    case kHandshake:
      if (now - phase_since_ < deadline_of(phase_)) return {};
      return {.kind = Step::Kind::kDrop,
              .reason = fmt::format("{} took longer than {} ms", phase_name(phase_),
                                    millis(deadline_of(phase_)))};
    case kOpen:
      break;
  }
  if (keep.kind == KeepAliveOptions::Kind::kNone) {
    const Nanos limit = keep.ping_after_silence + keep.pong_deadline;
    if (now - last_life_ < limit) return {};
    return {.kind = Step::Kind::kDrop,
            .reason = fmt::format("nothing received for {} ms", millis(limit))};
  }
  if (ping_unanswered_since_ && now - *ping_unanswered_since_ >= keep.pong_deadline) {
    return {.kind = Step::Kind::kDrop,
            .reason = fmt::format("no answer to a ping within {} ms, last frame {} ms ago",
                                  millis(keep.pong_deadline), millis(now - last_life_))};
  }
  if (now < next_ping()) return {};
  last_ping_ = now;
  if (!ping_unanswered_since_) ping_unanswered_since_ = now;
  return {.kind = Step::Kind::kPing};
}

std::optional<Nanos> ConnectionPolicy::next_wake() const {
  using enum Phase;
  const auto& keep = options_.keep_alive;
  switch (phase_) {
    case kIdle:
    case kClosed:
      return std::nullopt;
    case kWaiting:
      return attempt_at_;
    case kResolve:
    case kConnect:
    case kTls:
    case kHandshake:
      return phase_since_ + deadline_of(phase_);
    case kOpen:
      break;
  }
  if (keep.kind == KeepAliveOptions::Kind::kNone) {
    return last_life_ + keep.ping_after_silence + keep.pong_deadline;
  }
  if (ping_unanswered_since_) {
    return std::min(next_ping(), *ping_unanswered_since_ + keep.pong_deadline);
  }
  return next_ping();
}

}  // namespace perpwire::net
