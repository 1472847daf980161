#pragma once

#include <string_view>

namespace perpwire {

/// A named place where a test lets this process end at once, as kill -9 does: nothing is flushed,
/// nothing is said. PERPWIRE_CRASH_AT="gateway.signed" in the environment, or "gateway.signed:7"
/// for the seventh time it is passed. Only in builds with the option PERPWIRE_CRASH_POINTS (the
/// presets dev, asan and tsan); in what is shipped it does nothing.
/// tests/integration/test_crash_points.py names them all.
void crash_point(std::string_view name);

}  // namespace perpwire
