#pragma once

#include "tools/venue-sim/core/venue_state.hpp"

namespace perpwire::sim {

/// One side of an execution, before it is settled.
struct Execution {
  const Order* order = nullptr;
  Ticks price;
  Lots size;
  bool crossed = false;  // taker
  std::uint64_t trade_id = 0;
  std::optional<Fill::Liquidation> liquidation;
};

/// Moves money and positions for one side of an execution and tells its owner. Position, average
/// entry, realised profit and fee rules: hyperliquid.md sections 7.5, 11.5.
void settle(VenueState& state, const Execution& execution);

/// Fee rate of a market in units of 10^-9 of the notional.
std::int64_t fee_rate(const Market& market, bool crossed);

/// Adds an entry to the account's ledger and sends it.
void add_ledger(VenueState& state, AccountIndex account, LedgerEntry entry);

}  // namespace perpwire::sim
