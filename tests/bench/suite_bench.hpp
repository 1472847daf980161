#pragma once

#include "libs/common/settings.hpp"

#include <iosfwd>

namespace perpwire::bench {

struct SuiteBenchOptions {
  int round_trips = 2000;  // orders placed one at a time, each awaited until the venue answered
  int rate = 1000;         // orders a second of the sustained run
  int seconds = 10;        // of the sustained run
  int market_data_seconds = 5;  // of listening to books
};

/// Drives a running suite as a strategy would, over the bus alone, and prints
///   place.return_{p50,p99,p999}      us  command sent until the gateway's reply
///   place.to_wire_{p50,p99,p999}     us  the gateway's own stamps: command received until bytes on
///   the socket place.sign_{p50,p99}             us  decided until signed: the hop to the isolated
///   signer and back order.round_trip_{p50,p99,p999}  us  command sent until `created` arrives
///   orders.sustained                 1/s orders acknowledged by the venue over the run, and how
///   many were lost md.frame_to_subscriber_{p50,p99} us  venue frame at marketstream's socket until
///   the book event is here memory.<process>                 bytes resident
/// Returns false if an order was lost or doubled.
bool run_suite_bench(const Settings& settings, const SuiteBenchOptions& options, std::ostream& out);

}  // namespace perpwire::bench
