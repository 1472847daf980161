#pragma once

#include "libs/common/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// How often things go wrong. Every seed switches about half of the kinds off and draws the others:
/// a fault that is always there hides what happens without it.
struct Faults {
  // Of a hundred.
  std::int64_t drop_frame = 0;  // of user streams: the silence that nobody announces
  std::int64_t duplicate_frame = 0;
  std::int64_t reorder_frame = 0;   // late by up to a second, behind its successors
  std::int64_t lose_request = 0;    // it never arrives
  std::int64_t lose_answer = 0;     // executed, never answered
  std::int64_t hold_request = 0;    // it arrives late, up to seconds
  std::int64_t double_request = 0;  // the same bytes arrive twice
  std::int64_t double_answer = 0;
  std::int64_t congested = 0;   // "L1 is congested": this copy was not executed
  std::int64_t http_error = 0;  // 429, 500, 502: executed or not
  std::int64_t torn_write = 0;  // the connection ends while a request is being written
  // Of a thousand, every 100 ms.
  std::int64_t disconnect = 0;
  std::int64_t half_open = 0;
  std::int64_t refuse_connections = 0;
  std::int64_t stall_blocks = 0;
  std::int64_t info_lag = 0;
  std::int64_t venue_clock_lag = 0;  // block time stands still, then goes on seconds behind
  std::int64_t post_only_window = 0;
  std::int64_t halt_market = 0;
  std::int64_t kill_gateway = 0;
  std::int64_t kill_gateway_at_step = 0;  // at one of its next writes, sends or inputs
  std::int64_t kill_signer = 0;
  std::int64_t kill_signer_at_write = 0;
  std::int64_t signer_hangs = 0;
  std::int64_t disk_full = 0;
  std::int64_t sync_fails = 0;
  std::int64_t power_cut = 0;
  std::int64_t restored_backup = 0;
  std::int64_t risk_silent = 0;
  std::int64_t risk_level = 0;
  std::int64_t feed_stale = 0;
  std::int64_t clock_step = 0;
};

/// Everything that a seed decides before its run begins.
struct Plan {
  std::uint64_t seed = 0;
  Nanos faulty_for{0};  // clients and faults are active for so long
  Nanos calm_for{0};    // the most that coming to rest may take
  int commands = 0;

  std::vector<std::string> dexs{""};
  std::vector<std::string> pairs;
  bool documented_limits = false;
  std::int64_t block_ms = 70;
  std::int64_t liquidity_ms = 1'000;
  Nanos latency_most{0};  // one way
  Nanos wall_offset{0};   // of our machine's clock to the venue's

  std::uint64_t expires_after_ms = 8'000;
  Nanos ws_timeout{0};
  bool ws_post = true;
  bool fallback = true;
  Nanos reconcile_interval{0};
  Nanos coalesce_window{0};
  Nanos tick{0};
  std::uint64_t segment_bytes = 64u << 20;
  std::int64_t max_position_usd = 0;
  bool calm_start = false;    // nothing goes wrong before the first READY
  bool two_gateways = false;  // a second one wants the lease, too
  bool owner_trades = false;  // by hand, beside us
  /// Actions that arrive seconds late while the signer cannot make the noop that would fence them.
  bool late_actions = false;
  std::int64_t info_lag_ms = 0;   // all the time
  std::int64_t clock_lag_ms = 0;  // from some time on
  /// A held action arrives so long after it was sent; 0 = as the network likes.
  std::int64_t hold_least_ms = 0;
  std::int64_t hold_most_ms = 0;
  Nanos commands_for{0};         // clients act only so long; 0 = all the time
  Nanos clock_lag_at{0};         // when the lag begins; 0 = by the world's own choice
  bool kills_cut_power = false;  // what ends the gateway at a step ends the machine
  bool repeats_lost = false;     // the client repeats its newest orders after its machine lost some

  Faults faults;
};

Plan plan_of(std::uint64_t seed);
std::string describe(const Plan& plan);

}  // namespace perpwire::simulation
