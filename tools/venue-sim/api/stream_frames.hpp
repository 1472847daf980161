#pragma once

#include "tools/venue-sim/api/subscription.hpp"
#include "tools/venue-sim/core/exchange.hpp"

#include <optional>
#include <string>
#include <vector>

namespace perpwire::sim {

/// The frames of the streams: pure functions of the venue's state and of what a block produced.
/// A frame is the whole text {"channel":...,"data":...}.

/// What a subscription sends first (its snapshot or state); nothing for event streams.
std::optional<std::string> first_frame(const Exchange& exchange, const Subscription& subscription);

/// The state that a periodic stream sends: l2Book, activeAssetCtx, allMids, candle, ...
std::optional<std::string> state_frame(const Exchange& exchange, const Subscription& subscription);

std::string trades_frame(const VenueState& state, const std::vector<const Trade*>& trades);

/// The frames of one user stream for what happened to its account in one block.
std::vector<std::string> user_frames(const Exchange& exchange, const Subscription& subscription,
                                     const std::vector<const UserEvent*>& events);

}  // namespace perpwire::sim
