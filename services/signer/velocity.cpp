#include "services/signer/velocity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace perpwire::signer {
namespace {

namespace hl = hyperliquid;

constexpr Nanos kSecond = std::chrono::seconds{1};
constexpr std::int64_t kMinuteSeconds = 60;

tl::unexpected<Error> refuse(std::string_view rule, const std::string& text) {
  return fail(ErrorCode::kSignerRefused, fmt::format("rule {}: {}", rule, text));
}

struct ExposureOf {
  Exposure out;
  void add(const hl::WireOrder& order) {
    ++out.orders;
    const auto notional = order.price * order.quantity;
    const auto sum = perpwire::add(out.notional, notional.value());
    // Beyond what 128 bits hold there is no limit that it would keep.
    if (sum) {
      out.notional = *sum;
    } else {
      out.priced = false;
    }
  }
  void operator()(const hl::OrderAction& action) {
    for (const auto& order : action.orders) add(order);
  }
  void operator()(const hl::ModifyAction& action) { add(action.modify.order); }
  void operator()(const hl::BatchModifyAction& action) {
    for (const auto& modify : action.modifies) add(modify.order);
  }
  void operator()(const hl::TwapOrderAction&) {
    ++out.orders;
    out.priced = false;
  }
  void operator()(const hl::UpdateLeverageAction&) {}
  void operator()(const hl::UpdateIsolatedMarginAction&) {}
  void operator()(const hl::CancelAction&) {}
  void operator()(const hl::CancelByCloidAction&) {}
  void operator()(const hl::ScheduleCancelAction&) {}
  void operator()(const hl::TwapCancelAction&) {}
  void operator()(const hl::NoopAction&) {}
};

}  // namespace

Exposure exposure_of(const hl::Action& action) {
  ExposureOf sum;
  std::visit(sum, action);
  return sum.out;
}

Status Velocity::take(const VelocityRules& rules, const Exposure& added, Nanos now) {
  if (added.orders == 0) return {};
  last_ = std::max(last_, now);
  if (rules.max_orders_per_second) {
    const auto orders = orders_within(last_);
    if (orders + added.orders > *rules.max_orders_per_second) {
      return refuse("max_orders_per_second",
                    fmt::format("{} more after {} within the last second exceed {}", added.orders,
                                orders, *rules.max_orders_per_second));
    }
  }
  if (rules.max_notional_per_minute) {
    if (!added.priced) {
      return refuse("max_notional_per_minute", "a TWAP has no price to count");
    }
    const auto before = notional_within(last_);
    const auto after = before ? add(*before, added.notional) : before;
    if (!after || *after > widen(*rules.max_notional_per_minute)) {
      return refuse("max_notional_per_minute",
                    fmt::format("{} more after {} within the last minute exceed {}",
                                added.notional.to_string(), before ? before->to_string() : "?",
                                rules.max_notional_per_minute->to_string()));
    }
  }
  if (rules.max_orders_per_second || rules.max_notional_per_minute) count(added, last_);
  return {};
}

void Velocity::restore(const Exposure& added, Nanos now, Nanos age) {
  last_ = std::max(last_, now);
  if (added.orders > 0) count(added, now - std::max(age, Nanos{0}));
}

void Velocity::count(const Exposure& added, Nanos at) {
  orders_within(last_);  // forgets what is older
  if (at > last_ - kSecond) {
    bursts_.push_back({at, added.orders});
    burst_orders_ += added.orders;
  }
  const std::int64_t second = at / kSecond;
  auto& bucket = buckets_[static_cast<std::size_t>(second) % kSeconds];
  if (bucket.second != second) bucket = {second, {}};
  // Sums of what was allowed stay far within 128 bits; what overflowed was refused.
  if (const auto sum = add(bucket.notional, added.notional)) bucket.notional = *sum;
}

Result<WideDecimal> Velocity::notional_within(Nanos now) const {
  const std::int64_t second = now / kSecond;
  Result<WideDecimal> sum = WideDecimal{};
  for (const auto& bucket : buckets_) {
    if (bucket.second < 0 || bucket.second < second - kMinuteSeconds) continue;
    sum = add(*sum, bucket.notional);
    if (!sum) return sum;
  }
  return sum;
}

std::uint64_t Velocity::orders_within(Nanos now) {
  while (!bursts_.empty() && bursts_.front().at <= now - kSecond) {
    burst_orders_ -= bursts_.front().orders;
    bursts_.pop_front();
  }
  return burst_orders_;
}

}  // namespace perpwire::signer
