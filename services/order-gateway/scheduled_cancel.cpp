#include "services/order-gateway/scheduled_cancel.hpp"

#include <chrono>

namespace perpwire::gateway {
namespace {

constexpr Nanos kRetry = std::chrono::seconds{2};
constexpr Nanos kNotQualified = std::chrono::hours{1};
constexpr Nanos kIdle = std::chrono::seconds{10};
constexpr std::string_view kNoOrders = "no orders are live";

}  // namespace

ScheduledCancel::ScheduledCancel(bool enabled, Nanos period)
    : enabled_(enabled),
      period_(period),
      reason_(enabled ? std::string(kNoOrders) : std::string("switched off by schedule_cancel")) {}

std::optional<ScheduledCancel::Step> ScheduledCancel::next(bool may_send, std::size_t live_orders,
                                                           UnixNanos wall, Nanos mono) {
  if (live_orders > 0) last_live_ = mono;
  if (!may_send || waiting_ || mono < next_try_) return std::nullopt;
  if (!enabled_ && !armed_until_) return std::nullopt;
  const bool wanted = enabled_ && (live_orders > 0 || (armed_until_ && mono - last_live_ < kIdle));
  if (!wanted) {
    if (!armed_until_) return std::nullopt;
    waiting_ = true;
    asked_.reset();
    return Step{std::nullopt};
  }
  const bool due = !armed_until_ || *armed_until_ - wall <= period_ - period_ / 3;
  if (!due) return std::nullopt;
  waiting_ = true;
  asked_ = UnixNanos::from_millis((wall + period_).millis());
  return Step{asked_};
}

bool ScheduledCancel::on_accepted() {
  waiting_ = false;
  const bool was = armed_until_.has_value();
  armed_until_ = asked_;
  reason_ = armed_until_ ? "" : std::string(kNoOrders);
  return was != armed_until_.has_value();
}

bool ScheduledCancel::on_refused(const std::string& words, bool qualifies, Nanos mono) {
  waiting_ = false;
  next_try_ = mono + (qualifies ? kRetry : kNotQualified);
  const bool changed = reason_ != words || armed_until_.has_value();
  reason_ = words;
  if (!qualifies) armed_until_.reset();
  return changed;
}

bool ScheduledCancel::on_lost(Nanos mono) {
  // Set or not: it is asked again, and until then the earlier of the two times counts.
  waiting_ = false;
  next_try_ = mono + kRetry;
  return false;
}

std::optional<ScheduledCancel::Step> ScheduledCancel::stop() {
  enabled_ = false;
  if (!armed_until_) return std::nullopt;
  waiting_ = true;
  asked_.reset();
  return Step{std::nullopt};
}

}  // namespace perpwire::gateway
