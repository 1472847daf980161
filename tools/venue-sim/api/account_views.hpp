#pragma once

#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

namespace perpwire::sim {

/// An account in the venue's JSON: what /info and the user streams share. Sections 7.2 to 7.5, 8.4.
/// `accounts` may be a copy from earlier (a lagging info server); prices are those of `state`.
Json basic_order_json(const VenueState& state, const Order& order);
/// `accounts` for the children.
Json full_order_json(const VenueState& state, const Accounts& accounts, const Order& order);
Json order_update_json(const VenueState& state, const OrderUpdate& update);
Json fill_json(const VenueState& state, const Fill& fill);
Json funding_json(const VenueState& state, const FundingPayment& payment);
Json ledger_json(const LedgerEntry& entry);
Json twap_state_json(const VenueState& state, const std::string& user, const Twap& twap);
Json clearinghouse_json(const VenueState& state, const Account& account, std::size_t dex);
Json spot_state_json(const VenueState& state, const Accounts& accounts, const Account& account);
Json active_asset_json(const VenueState& state, const Account& account, MarketIndex market);
/// Live orders of one DEX (spot with the main one); full or basic form. Orders newer than the
/// reading's lag are not shown.
Json open_orders_json(const VenueState& state, const Accounts& accounts, const Account& account,
                      std::size_t dex, bool is_full, Millis lag);
bool is_shown_as_open(const VenueState& state, const Order& order);

}  // namespace perpwire::sim
