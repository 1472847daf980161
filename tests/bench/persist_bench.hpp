#pragma once

#include <ostream>

namespace perpwire::bench {

/// Rows a second that the persister's SQLite store takes, in a folder of its own, from pages as the
/// gateway sends them (parsed payloads): order events of orders that live for four events, a fill
/// among them, in transactions of 1, 100 and 1000 events; with client order ids that grow with time
/// and with random ones; and the time of one transaction of 100. Counts every event once, however
/// many tables it touches.
void run_persist_bench(std::ostream& out);

}  // namespace perpwire::bench
