#pragma once

#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"

#include <optional>
#include <string>

namespace perpwire::cli {

struct VenueSight {
  bool reachable = false;
  std::string text;                   // answer time, or why not
  std::optional<Nanos> clock_offset;  // the venue's time less ours, halfway through the question
};

/// Asks the venue for its own time (POST /info exchangeStatus), once.
VenueSight look_at_venue(const VenueSettings& venue, Nanos timeout);

}  // namespace perpwire::cli
