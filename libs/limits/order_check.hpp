#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/limit_table.hpp"
#include "libs/limits/risk_level.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace perpwire::limits {

/// The order that asks to leave. For a modify: the new order; the leg that it replaces is no open
/// order of `exposure` any more, but its rest still counts there: it may fill before the venue gets
/// to the modify, and the new leg fills beside it.
struct OrderToCheck {
  std::string_view account;
  std::string_view trading_pair;
  Side side = Side::kBuy;
  Quantity quantity;                   // what may still fill: for a modify the new remaining
  std::optional<Price> price;          // the worst price it can fill at (MARKET: the price sent);
                                       // none = at the reference price
  std::optional<Price> trigger_price;  // the collar is then measured from here
  bool reduce_only = false;
  bool immediate = false;  // IOC, FOK, MARKET: never rests
};

/// What the account holds and has out at the venue in this pair, without this order.
struct Exposure {
  Quantity position;  // signed, long > 0
  // Sums of what may still fill, per side, as absolute figures: working, in flight
  // (PENDING_CREATE, PENDING_CANCEL) and UNKNOWN orders alike, at full remaining size.
  Quantity working_buys;  // not reduce-only
  Quantity working_sells;
  Quantity reduce_only_buys;
  Quantity reduce_only_sells;
  std::uint32_t open_orders = 0;          // of the pair, all kinds, in flight and UNKNOWN included
  std::uint32_t account_open_orders = 0;  // of the account
  std::optional<Notional> day_pnl;        // of the account; none = not known to the caller
};

/// The market's price as last seen (mark or mid).
struct Reference {
  std::optional<Price> price;
  UnixNanos at;  // when it was received
};

struct CheckSettings {
  Nanos reference_max_age = std::chrono::seconds{5};
};

/// Whether the order may leave. Pure; the first refusal wins, in this order: level, limits stated,
/// reference price, order notional, collar, open orders, daily loss, position.
///
/// Errors: HALTED, RISK_PAUSED, RISK_REDUCE_ONLY (level); RISK_NO_LIMITS (`limits` is null or lacks
///         a control); STALE_PRICE; RISK_MAX_ORDER_NOTIONAL, RISK_PRICE_COLLAR,
///         RISK_MAX_OPEN_ORDERS, RISK_MAX_DAILY_LOSS, RISK_MAX_POSITION,
///         RISK_MAX_POSITION_NOTIONAL; INVALID_COMMAND for a quantity or price that is not
///         positive. Each text names the limit, what it allows and what was found.
/// Notional: at the order's own price, else its trigger price, else the reference price; positions
///         at the reference price.
/// Position: the worst case on the side that the order moves to: all buys fill and no sell does, or
///         the reverse. Reduce-only orders count for what they can close: filled first, they make
///         room through zero that plain orders of their side then use twice.
/// Loss:   a reduce-only order is exempt from max_daily_loss.
/// FLATTEN: what the level lets through closes positions: only reference and collar bind it.
/// Collar: binds the side that gives money away: a buy above, a sell below. A passive price far
///         from the market passes.
/// Cost:   under 1 microsecond where it passes (tests/bench/limits_bench).
Status check_order(const OrderToCheck& order, const Exposure& exposure, const Reference& reference,
                   const PairLimits* limits, RiskLevel level, UnixNanos now,
                   const CheckSettings& settings = {});

/// Whether the level alone refuses the order; the first step of check_order.
Status check_level(const OrderToCheck& order, RiskLevel level);

}  // namespace perpwire::limits
