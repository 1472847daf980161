#pragma once

#include "tools/venue-sim/api/venue_api.hpp"

#include <string>

namespace perpwire::sim {

/// The control endpoint: faults, inspection and the hand of a test in the market. README.md lists
/// the commands. A bad command answers 400 {"error": what was expected and found} and changes
/// nothing.
HttpReply control(VenueApi& api, const std::string& method, const std::string& target,
                  const std::string& body, Millis now);

/// The whole state as JSON: orders, fills, positions, balances of every account (background ones
/// too if asked), markets.
std::string dump_state(const Exchange& exchange, bool with_background);

}  // namespace perpwire::sim
