#pragma once

#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"
#include "tools/cli/failure.hpp"

#include <optional>
#include <string>

namespace perpwire::cli {

struct VenueSight {
  bool reachable = false;
  std::string text;                   // answer time, or why not
  std::optional<Nanos> clock_offset;  // the venue's time less ours, halfway through the question
};

/// What the venue says an address is (userRole).
struct VenueRole {
  std::string role;   // agent, user, vault, subAccount, missing
  std::string owner;  // of an agent: the master account, lower case
};

/// Errors: kFailed saying what was expected and found.
Outcome<VenueRole> ask_role(const VenueSettings& venue, const std::string& address, Nanos timeout);

/// Asks the venue for its own time (POST /info exchangeStatus), once.
VenueSight look_at_venue(const VenueSettings& venue, Nanos timeout);

}  // namespace perpwire::cli
