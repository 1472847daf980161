#include "tests/simulation/plan.hpp"

#include "tests/simulation/random.hpp"

#include <fmt/format.h>

#include <chrono>

namespace perpwire::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Kind {
  const char* name;
  std::int64_t Faults::*field;
  std::int64_t most;
  std::int64_t seeds_with_it;  // of a hundred
};

constexpr Kind kKinds[] = {
    {"drop_frame", &Faults::drop_frame, 40, 50},
    {"duplicate_frame", &Faults::duplicate_frame, 40, 40},
    {"reorder_frame", &Faults::reorder_frame, 40, 50},
    {"lose_request", &Faults::lose_request, 20, 50},
    {"lose_answer", &Faults::lose_answer, 25, 50},
    {"hold_request", &Faults::hold_request, 15, 40},
    {"double_request", &Faults::double_request, 15, 30},
    {"double_answer", &Faults::double_answer, 20, 25},
    {"congested", &Faults::congested, 20, 30},
    {"http_error", &Faults::http_error, 15, 40},
    {"torn_write", &Faults::torn_write, 8, 25},
    {"disconnect", &Faults::disconnect, 25, 50},
    {"half_open", &Faults::half_open, 8, 30},
    {"refuse_connections", &Faults::refuse_connections, 8, 20},
    {"stall_blocks", &Faults::stall_blocks, 10, 35},
    {"info_lag", &Faults::info_lag, 10, 25},
    {"venue_clock_lag", &Faults::venue_clock_lag, 10, 20},
    {"post_only_window", &Faults::post_only_window, 5, 10},
    {"halt_market", &Faults::halt_market, 5, 10},
    {"kill_gateway", &Faults::kill_gateway, 8, 35},
    {"kill_gateway_at_step", &Faults::kill_gateway_at_step, 20, 45},
    {"kill_signer", &Faults::kill_signer, 8, 30},
    {"kill_signer_at_write", &Faults::kill_signer_at_write, 10, 25},
    {"signer_hangs", &Faults::signer_hangs, 8, 20},
    {"disk_full", &Faults::disk_full, 8, 20},
    {"sync_fails", &Faults::sync_fails, 3, 10},
    {"power_cut", &Faults::power_cut, 6, 25},
    {"restored_backup", &Faults::restored_backup, 6, 12},
    {"risk_silent", &Faults::risk_silent, 6, 20},
    {"risk_level", &Faults::risk_level, 8, 25},
    {"feed_stale", &Faults::feed_stale, 6, 15},
    {"clock_step", &Faults::clock_step, 6, 15},
};

/// Some rules fail only where rare things meet. Each of these seeds has one such meeting and
/// nothing else. Whether it is one.
bool focus(Plan& plan, Random random) {
  const auto subject = random.below(100);
  if (subject >= 20) return false;
  plan.faults = {};
  plan.documented_limits = false;
  plan.latency_most = milliseconds{random.between(2, 60)};
  plan.reconcile_interval = milliseconds{random.between(3'000, 9'000)};
  const auto expires = random.between(3'500, 6'000);
  plan.expires_after_ms = static_cast<std::uint64_t>(expires);
  plan.ws_timeout = milliseconds{random.between(600, 1'200)};
  plan.faulty_for = seconds{20};
  plan.commands = static_cast<int>(random.between(40, 60));
  if (subject < 10) {
    // Actions arrive late, and neither the stream nor a fence tells of them.
    plan.late_actions = true;
    plan.fallback = random.percent(20);
    plan.faults.hold_request = random.between(30, 60);
    plan.faults.drop_frame = random.between(60, 95);
    plan.faults.signer_hangs = random.between(15, 40);
  }
  if (subject < 5) {
    // The venue's clock falls behind ours: late ones are in time for it.
    plan.wall_offset = milliseconds{random.between(250, 400)};
    plan.clock_lag_ms = 4'500;
    plan.clock_lag_at = milliseconds{4'500};
    plan.commands_for = milliseconds{4'400};
    plan.hold_least_ms = expires + 2'700;
    plan.hold_most_ms = expires + 4'400;
  } else if (subject < 10) {
    // Just in time, while the servers that are asked know less than that.
    plan.wall_offset = milliseconds{random.between(-100, 100)};
    plan.info_lag_ms = random.between(3'400, 3'800);
    plan.hold_least_ms = expires - 1'300;
    plan.hold_most_ms = expires;
  } else if (subject < 15) {
    // The machine loses its newest records, and the client what became of its orders.
    plan.faulty_for = seconds{26};
    plan.expires_after_ms = 3'500;
    plan.ws_timeout = milliseconds{random.between(600, 1'400)};
    plan.repeats_lost = true;
    plan.faults.restored_backup = random.between(6, 14);
    plan.faults.power_cut = random.percent(50) ? random.between(4, 14) : 0;
  } else {
    // Power goes while the gateway writes.
    plan.kills_cut_power = true;
    plan.faults.kill_gateway_at_step = random.between(8, 20);
  }
  return true;
}

}  // namespace

Plan plan_of(std::uint64_t seed) {
  Random random{seed, "plan"};
  Plan plan;
  plan.seed = seed;
  plan.faulty_for = seconds{random.between(8, 16)};
  plan.calm_for = seconds{60};
  plan.commands = static_cast<int>(random.between(15, 60));
  plan.pairs = {"BTC-USD"};
  if (random.percent(40)) plan.pairs.emplace_back("SOL-USD");
  if (random.percent(25)) {
    plan.dexs.emplace_back("hyna");
    plan.pairs.emplace_back("hyna:ETH-USD");
  }
  constexpr std::int64_t kBlocks[] = {70, 70, 70, 200, 0};
  plan.block_ms = random.pick(kBlocks);
  plan.liquidity_ms = random.between(700, 3'000);
  plan.latency_most =
      milliseconds{random.percent(70) ? random.between(2, 80) : random.between(100, 900)};
  if (random.percent(40)) plan.wall_offset = milliseconds{random.between(-400, 400)};
  plan.expires_after_ms = static_cast<std::uint64_t>(random.between(3'500, 8'000));
  plan.ws_timeout =
      milliseconds{random.between(600, static_cast<std::int64_t>(plan.expires_after_ms) - 2'000)};
  plan.ws_post = random.percent(80);
  plan.fallback = random.percent(85);
  // A sweep weighs 46 of the 12 that our share of the documented budget holds each second.
  plan.reconcile_interval = milliseconds{plan.documented_limits ? random.between(9'000, 12'000)
                                                                : random.between(3'000, 9'000)};
  plan.tick = milliseconds{random.percent(70) ? 50 : 25};
  if (random.percent(40))
    plan.segment_bytes = static_cast<std::uint64_t>(random.between(8, 64)) << 10;
  plan.max_position_usd = random.percent(45) ? random.between(700, 4'000) : 1'000'000;
  plan.owner_trades = random.percent(40);
  plan.calm_start = Random{seed, "start"}.percent(70);
  Random company{seed, "coalesce"};
  if (company.percent(25)) plan.coalesce_window = milliseconds{company.between(1, 300)};
  if (focus(plan, Random{seed, "focus"})) return plan;
  if (random.below(30) == 0) {
    // A storm of questions on a perfect day: the budget must hold.
    plan.documented_limits = true;
    plan.reconcile_interval = milliseconds{800};
    return plan;
  }
  // One seed in twelve runs on a perfect day: what fails there fails for everybody.
  if (random.below(12) == 0) {
    plan.documented_limits = random.percent(60);
    return plan;
  }
  for (const Kind& kind : kKinds) {
    if (random.percent(kind.seeds_with_it)) plan.faults.*kind.field = random.between(1, kind.most);
  }
  Random budget{seed, "budget"};
  if (budget.percent(30)) {
    plan.documented_limits = true;
    plan.reconcile_interval = milliseconds{budget.between(8'000, 12'000)};
    plan.calm_for = seconds{120};
  }
  if (Random{seed, "pair"}.percent(10)) {
    plan.two_gateways = true;
    plan.documented_limits = false;
    plan.faults.restored_backup = 0;  // of the signer: an epoch would be given twice
    plan.faulty_for += seconds{20};
    plan.commands += 25;
  }
  if (random.below(12) == 0) {
    plan.faults.clock_step = random.between(15, 40);
    plan.faults.kill_signer = random.between(8, 25);
  }
  if (random.below(6) == 0) {
    plan.late_actions = true;
    plan.faults.hold_request = random.between(20, 45);
    plan.faults.signer_hangs = random.between(15, 40);
    plan.expires_after_ms = static_cast<std::uint64_t>(random.between(6'000, 8'000));
    plan.ws_timeout = milliseconds{random.between(600, 1'200)};
    plan.latency_most = milliseconds{random.between(2, 60)};
    plan.faults.info_lag = 0;
    plan.faults.venue_clock_lag = 0;
    if (random.percent(40)) {
      plan.info_lag_ms = random.between(2'800, 3'800);
    } else if (random.percent(60)) {
      plan.clock_lag_ms = random.between(3'000, 4'500);
    }
  }
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = fmt::format(
      "seed {}: faults for {} ms, {} commands, {} pairs, limits {}, block {} ms, latency {} ms, "
      "clock {:+} ms, expires {} ms, ws {} timeout {} ms fallback {}, sweep {} ms, window {} "
      "ms{}\n "
      " ",
      plan.seed, plan.faulty_for / milliseconds{1}, plan.commands, plan.pairs.size(),
      plan.documented_limits ? "documented" : "off", plan.block_ms,
      plan.latency_most / milliseconds{1}, plan.wall_offset / milliseconds{1},
      plan.expires_after_ms, plan.ws_post ? "on" : "off", plan.ws_timeout / milliseconds{1},
      plan.fallback ? "on" : "off", plan.reconcile_interval / milliseconds{1},
      plan.coalesce_window / milliseconds{1}, plan.two_gateways ? ", two gateways" : "");
  for (const Kind& kind : kKinds) {
    if (plan.faults.*kind.field > 0) {
      text += fmt::format("{} {}, ", kind.name, plan.faults.*kind.field);
    }
  }
  return text;
}

}  // namespace perpwire::simulation
