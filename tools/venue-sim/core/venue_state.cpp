#include "tools/venue-sim/core/venue_state.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::sim {

Holding default_holding(const Market& market) {
  Holding holding;
  holding.is_cross = market.margin_mode == MarginMode::kNormal;
  holding.leverage = std::min(20, market.max_leverage);
  return holding;
}

Holding& VenueState::holding(AccountIndex account, MarketIndex index) {
  auto& holdings = accounts[account].holdings;
  const auto found = holdings.find(index);
  return found != holdings.end()
             ? found->second
             : holdings.emplace(index, default_holding(market(index))).first->second;
}

const Holding* VenueState::find_holding(AccountIndex account, MarketIndex index) const {
  const auto& holdings = accounts[account].holdings;
  const auto found = holdings.find(index);
  return found == holdings.end() ? nullptr : &found->second;
}

void VenueState::start_transaction() {
  const std::uint64_t seed =
      mix64(++transactions * 0x100000001b3U + static_cast<std::uint64_t>(now));
  hash = fmt::format("0x{:016x}{:016x}{:016x}{:016x}", seed, mix64(seed), mix64(seed ^ 1U),
                     mix64(seed ^ 2U));
}

void VenueState::emit(AccountIndex account, UserEventBody body) {
  if (!accounts[account].is_background) {
    output.events.push_back({account, std::move(body)});
  }
}

}  // namespace perpwire::sim
