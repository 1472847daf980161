#include "libs/limits/order_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace perpwire::limits {
namespace {

constexpr std::int64_t kBpsPerUnit = 10'000;

std::string subject(const OrderToCheck& order) {
  return fmt::format("{} {}", order.account, order.trading_pair);
}

std::string overflow_text(const OrderToCheck& order) {
  return fmt::format("{}: figures of this order are out of range", subject(order));
}

Status check_shape(const OrderToCheck& order) {
  const auto positive = [&](std::string_view what, bool holds, const std::string& found) -> Status {
    if (holds) return {};
    return fail(ErrorCode::kInvalidCommand, fmt::format("{} of {}: expected more than 0, found {}",
                                                        what, subject(order), found));
  };
  if (!order.quantity.is_positive()) {
    return positive("amount", false, order.quantity.to_string());
  }
  if (order.price && !order.price->is_positive()) {
    return positive("price", false, order.price->to_string());
  }
  if (order.trigger_price && !order.trigger_price->is_positive()) {
    return positive("trigger_price", false, order.trigger_price->to_string());
  }
  return {};
}

Status check_limits_stated(const OrderToCheck& order, const PairLimits* limits) {
  if (limits == nullptr) {
    return fail(ErrorCode::kRiskNoLimits,
                fmt::format("no limits for {}: expected an entry for the pair or *, found none",
                            subject(order)));
  }
  if (const auto missing = first_missing_control(*limits)) {
    return fail(ErrorCode::kRiskNoLimits,
                fmt::format("{} of {}: expected a figure, found none", *missing, subject(order)));
  }
  return {};
}

Status check_reference(const OrderToCheck& order, const Reference& reference, UnixNanos now,
                       const CheckSettings& settings) {
  if (!reference.price || !reference.price->is_positive()) {
    return fail(ErrorCode::kStalePrice,
                fmt::format("reference price of {}: expected one, found none", subject(order)));
  }
  const Nanos age = now - reference.at;
  if (age > settings.reference_max_age) {
    return fail(ErrorCode::kStalePrice,
                fmt::format("reference price of {}: expected at most {} ms old, found {} ms",
                            subject(order), settings.reference_max_age.count() / 1'000'000,
                            age.count() / 1'000'000));
  }
  return {};
}

Status check_order_notional(const OrderToCheck& order, Price price, const Notional& limit) {
  const Notional notional = price * order.quantity;
  if (notional <= limit) return {};
  return fail(ErrorCode::kRiskMaxOrderNotional,
              fmt::format("max_order_notional of {}: expected at most {}, found {} ({} at {})",
                          subject(order), limit.to_string(), notional.to_string(),
                          order.quantity.to_string(), price.to_string()));
}

/// Without a division: price x 10000 against base x (10000 +- bps).
Status check_collar(const OrderToCheck& order, Price base, std::uint32_t bps) {
  if (!order.price) return {};
  const bool buy = order.side == Side::kBuy;
  const std::int64_t factor = buy ? kBpsPerUnit + bps : kBpsPerUnit - std::int64_t{bps};
  const WideDecimal scaled = multiply(order.price->value(), Decimal{kBpsPerUnit});
  const WideDecimal bound = multiply(base.value(), Decimal{factor});
  if (buy ? scaled <= bound : scaled >= bound) return {};
  const auto worst = divide(bound, WideDecimal{Int128{kBpsPerUnit}});
  return fail(ErrorCode::kRiskPriceCollar,
              fmt::format("price_collar_bps of {}: expected {} {} ({} bps from {} {}), found {}",
                          subject(order), buy ? "a buy at most" : "a sell at least",
                          worst ? worst->to_string() : std::string{"?"}, bps,
                          order.trigger_price ? "trigger price" : "reference price",
                          base.value().to_string(), order.price->to_string()));
}

Status check_open_orders(const OrderToCheck& order, const Exposure& exposure,
                         const PairLimits& limits) {
  const auto within = [&](std::uint32_t found, const std::optional<std::uint32_t>& limit,
                          std::string_view whose) -> Status {
    if (!limit || found < *limit) return {};
    return fail(ErrorCode::kRiskMaxOpenOrders,
                fmt::format("max_open_orders of {}: expected at most {}, found {} with this one",
                            whose, *limit, std::uint64_t{found} + 1));
  };
  if (!limits.max_open_orders || exposure.open_orders >= *limits.max_open_orders) {
    return within(exposure.open_orders, limits.max_open_orders, subject(order));
  }
  return within(exposure.account_open_orders, limits.max_account_open_orders, order.account);
}

Status check_daily_loss(const OrderToCheck& order, const Exposure& exposure,
                        const Notional& limit) {
  if (!exposure.day_pnl || *exposure.day_pnl > -limit) return {};
  return fail(ErrorCode::kRiskMaxDailyLoss,
              fmt::format("max_daily_loss of {}: expected a loss under {}, found PnL {} today",
                          order.account, limit.to_string(), exposure.day_pnl->to_string()));
}

/// The position if everything on the order's side fills and nothing on the other does, as an
/// absolute figure in the order's direction; negative while the position is on the other side.
Result<Quantity> worst_case(const OrderToCheck& order, const Exposure& exposure) {
  const bool buy = order.side == Side::kBuy;
  const Quantity held = buy ? exposure.position : -exposure.position;
  Quantity plain = buy ? exposure.working_buys : exposure.working_sells;
  Quantity reducing = buy ? exposure.reduce_only_buys : exposure.reduce_only_sells;
  auto grown = add(order.reduce_only ? reducing : plain, order.quantity);
  if (!grown) return grown;
  (order.reduce_only ? reducing : plain) = *grown;

  auto worst = add(held, plain);
  if (!worst || !held.is_negative()) return worst;
  return add(*worst, std::min(reducing, -held));
}

std::string made_of(const OrderToCheck& order, const Exposure& exposure) {
  const bool buy = order.side == Side::kBuy;
  return fmt::format("position {}, working {} {}, reduce-only {}, this {}order {}",
                     exposure.position.to_string(), buy ? "buys" : "sells",
                     (buy ? exposure.working_buys : exposure.working_sells).to_string(),
                     (buy ? exposure.reduce_only_buys : exposure.reduce_only_sells).to_string(),
                     order.reduce_only ? "reduce-only " : "", order.quantity.to_string());
}

Status check_position(const OrderToCheck& order, const Exposure& exposure, Price price,
                      const PairLimits& limits) {
  const auto worst = worst_case(order, exposure);
  if (!worst) return fail(ErrorCode::kRiskMaxPosition, overflow_text(order));
  if (limits.max_position && *worst > *limits.max_position) {
    return fail(ErrorCode::kRiskMaxPosition,
                fmt::format("max_position of {}: expected at most {}, found {} ({})",
                            subject(order), limits.max_position->to_string(), worst->to_string(),
                            made_of(order, exposure)));
  }
  if (!limits.max_position_notional) return {};
  const Notional notional = price * *worst;
  if (notional <= *limits.max_position_notional) return {};
  return fail(ErrorCode::kRiskMaxPositionNotional,
              fmt::format("max_position_notional of {}: expected at most {}, found {} at {} ({})",
                          subject(order), limits.max_position_notional->to_string(),
                          notional.to_string(), price.to_string(), made_of(order, exposure)));
}

}  // namespace

Status check_level(const OrderToCheck& order, RiskLevel level) {
  switch (level) {
    case RiskLevel::kRunning:
      return {};
    case RiskLevel::kReduceOnly:
      if (order.reduce_only) return {};
      return fail(ErrorCode::kRiskReduceOnly,
                  fmt::format("risk level is REDUCE_ONLY: expected reduce_only on the order of {}, "
                              "found a plain one",
                              subject(order)));
    case RiskLevel::kPaused:
      return fail(ErrorCode::kRiskPaused,
                  fmt::format("risk level is PAUSED: expected no new orders, found one of {}",
                              subject(order)));
    case RiskLevel::kCancelAll:
      break;
    case RiskLevel::kFlatten:
      if (order.reduce_only && order.immediate) return {};
      break;
  }
  return fail(ErrorCode::kHalted,
              fmt::format("risk level is {}: expected no new orders until an operator resumes, "
                          "found one of {}",
                          to_string(level), subject(order)));
}

Status check_order(const OrderToCheck& order, const Exposure& exposure, const Reference& reference,
                   const PairLimits* limits, RiskLevel level, UnixNanos now,
                   const CheckSettings& settings) {
  if (auto status = check_shape(order); !status) return status;
  if (auto status = check_level(order, level); !status) return status;
  if (auto status = check_limits_stated(order, limits); !status) return status;
  if (auto status = check_reference(order, reference, now, settings); !status) return status;

  const Price market = *reference.price;
  if (level == RiskLevel::kFlatten) {
    // Closing is what is wanted: it passes whatever its size, within the collar.
    return check_collar(order, market, *limits->price_collar_bps);
  }
  const Price value_at = order.price ? *order.price : order.trigger_price.value_or(market);
  if (auto s = check_order_notional(order, value_at, *limits->max_order_notional); !s) return s;
  const Price collar_base = order.trigger_price.value_or(market);
  if (auto s = check_collar(order, collar_base, *limits->price_collar_bps); !s) return s;
  if (auto status = check_open_orders(order, exposure, *limits); !status) return status;
  if (!order.reduce_only) {
    if (auto s = check_daily_loss(order, exposure, *limits->max_daily_loss); !s) return s;
  }
  return check_position(order, exposure, market, *limits);
}

}  // namespace perpwire::limits
