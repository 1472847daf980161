#pragma once

#include "tools/venue-sim/core/action.hpp"
#include "tools/venue-sim/core/universe.hpp"

#include <string>

namespace perpwire::sim {

/// The JSON answer of /exchange to one action. Section 6.1.
std::string encode_answer(const Universe& universe, const ActionResult& result);
std::string encode_error(std::string_view text);

}  // namespace perpwire::sim
