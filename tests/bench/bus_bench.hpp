#pragma once

#include <iosfwd>

namespace perpwire::bench {

/// RESULT publish.* : one call of BusPublisher::publish on a TCP socket that a subscriber reads,
/// and RESULT journal.* : appends, the opening of a journal, replay pages read to the end.
void run_bus_bench(std::ostream& out);

}  // namespace perpwire::bench
