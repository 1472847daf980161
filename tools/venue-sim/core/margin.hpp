#pragma once

#include "tools/venue-sim/core/venue_state.hpp"

#include <optional>

namespace perpwire::sim {

/// Margin arithmetic of one account in one DEX: pure functions of the state. `account` may be a
/// copy from earlier (a lagging info server). Rules: hyperliquid.md section 11.5.
struct MarginSummary {
  Money account_value;
  Money total_notional;
  Money total_raw_usd;
  Money margin_used;
};

struct DexMargin {
  MarginSummary all;
  MarginSummary cross;
  Money cross_maintenance;
  Money order_hold;  // margin that resting orders need beyond that of the positions
  Money withdrawable;
};

DexMargin dex_margin(const VenueState& state, const Account& account, std::size_t dex);

/// Signed value at the mark price.
Money signed_value(const VenueState& state, MarketIndex market, Lots size);
Money initial_margin(Money notional, int leverage);
/// By the tiers of the market's table: ntl x rate - deduction; rate = half of 1 / max leverage.
Money maintenance_margin(const Universe& universe, const Market& market, Money notional);
/// Cross: the account's value; isolated: the position's own margin.
Money position_margin(const VenueState& state, MarketIndex market, const Holding& holding);

/// Whether the account can carry one more order of this size (0 = only what it has).
bool can_carry(const VenueState& state, AccountIndex account, MarketIndex market, Side side,
               Lots size);
/// Largest size that can_carry in a direction, in lots; ignoring resting orders.
Lots largest_order(const VenueState& state, const Account& account, MarketIndex market, Side side);
/// What may be used for new positions in this market and direction.
Money available_to_trade(const VenueState& state, const Account& account, MarketIndex market,
                         Side side);

/// In units of the market's ticks; nothing if the position cannot be liquidated by a price > 0.
std::optional<Ticks> liquidation_price(const VenueState& state, const Account& account,
                                       MarketIndex market);

/// Money of a token held back by resting spot orders.
Money spot_hold(const VenueState& state, const Accounts& accounts, const Account& account,
                int token);
Money lots_of_token(const Market& market, Lots size);

}  // namespace perpwire::sim
