#pragma once

#include "libs/common/settings.hpp"

#include <iosfwd>

namespace perpwire::bench {

struct SuiteBenchOptions {
  int round_trips = 2000;  // orders placed one at a time, each awaited until the venue answered
  int rate = 1000;         // orders a second of the sustained run
  int seconds = 10;        // of the sustained run
  int batch = 1;           // orders in one command of the sustained run; the venue takes up to 200
  int market_data_seconds = 5;  // of listening to books
};

/// Drives a running suite as a strategy would, over the bus alone, and prints
///   place.return_{p50,p99,p999}      us     command sent until the gateway's reply
///   place.to_wire_{p50,p99,p999}     us     the gateway's own stamps: received until on the socket
///   place.decide_, sign_, send_      us     its parts: until handed to the isolated signer, until
///                                           signed, until written
///   place.to_wire_*.bare_{plain,tls} us     the same of the bare path, turn about
///   (path_bench.hpp),
///                                           and the product's ratio to the plain one, as its
///                                           socket to the simulator is
///   order.round_trip_{p50,p99,p999}  us     command sent until `created` arrives
///   orders.sustained                 1/s    orders that the venue acknowledged over the run; with
///                                           _lost, _doubled, _refused and the time to the reply.
///                                           In batches of N it is orders.batched_N, with
///                                           coalesce_window set orders.coalesced.
///   cpu.<process>                    us     processor time of an order and its cancel in that run
///   md.frame_to_subscriber_{p50,p99} us     frame at marketstream's socket until the event is here
///   memory.<process>                 bytes  resident
/// Returns false if an order was lost or doubled.
bool run_suite_bench(const Settings& settings, const SuiteBenchOptions& options, std::ostream& out);

}  // namespace perpwire::bench
