#pragma once

#include <ostream>

namespace perpwire::bench {

/// Cost of one pre-trade check that passes, look-up of the limits included, with three working
/// orders' worth of exposure: `RESULT limits.check_p50.product ns N`, p99 and p99.9. G15 asks for
/// at most 1000 ns at p99.
void run_limits_bench(std::ostream& out);

}  // namespace perpwire::bench
