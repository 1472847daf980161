#pragma once

#include <nlohmann/json_fwd.hpp>

namespace perpwire::sim {

/// Keeps the order of keys; the whole nlohmann header stays in .cpp files.
using Json = nlohmann::ordered_json;

}  // namespace perpwire::sim
