#include "tests/simulation/world.hpp"

#include "libs/common/assert.hpp"
#include "tests/simulation/checker.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kMisbehave = milliseconds{100};
constexpr Nanos kHeartbeat = milliseconds{250};
// The venue's queries do not know a new order for up to 300 ms (readings.hpp).
constexpr Nanos kShownLate = milliseconds{400};

limits::LimitTable limits_of(const Plan& plan) {
  limits::LimitEntry entry;
  entry.account = AccountName{"main"};
  entry.trading_pair = TradingPair{"*"};
  entry.max_order_notional = Notional{WideDecimal{5'000}};
  entry.max_position_notional = Notional{WideDecimal{plan.max_position_usd}};
  entry.max_open_orders = 60;
  entry.price_collar_bps = 500;
  entry.max_daily_loss = Notional{WideDecimal{100'000}};
  auto made = limits::LimitTable::make({entry});
  PW_ASSERT(made.has_value());
  return std::move(*made);
}

}  // namespace

void Statistics::add(const Statistics& more) {
  events += more.events;
  commands += more.commands;
  accepted += more.accepted;
  placed += more.placed;
  fills += more.fills;
  unknown += more.unknown;
  fences_held += more.fences_held;
  rounds += more.rounds;
  fallbacks += more.fallbacks;
  repaired += more.repaired;
  gateway_lives += more.gateway_lives;
  power_cuts += more.power_cuts;
  simulated_ms += more.simulated_ms;
}

World::World(std::uint64_t seed, bool trace)
    : plan_(plan_of(seed)),
      faults_(plan_.calm_start ? Faults{} : plan_.faults),
      trace_(scheduler_, trace),
      random_(seed, "world"),
      limits_(limits_of(plan_)) {
  venue_ = std::make_unique<VenueHost>(scheduler_, plan_, trace_);
  machine_.scheduler = &scheduler_;
  machine_.start = venue_->time();
  machine_.wall_offset = plan_.wall_offset;
  network_ = std::make_unique<Network>(scheduler_, *venue_, plan_, faults_, trace_);
  signer_ = std::make_unique<SignerHost>(scheduler_, machine_, plan_, trace_);
  signer_->venue_time = [this] { return venue_->exchange().state().now; };
  gateway_ = &add_gateway("main");
  client_ = std::make_unique<Client>(scheduler_, plan_, trace_, *venue_, *gateway_);
  if (plan_.two_gateways) add_gateway("spare");
}

GatewayHost& World::add_gateway(const std::string& instance) {
  GatewayHost& made = *gateways_.emplace_back(std::make_unique<GatewayHost>(GatewayHost::World{
      scheduler_, machine_, plan_, trace_, *venue_, *network_, *signer_, instance}));
  made.on_death = [this, &made] {
    restart_later(made);
    // Kills by hand come with the calm, too.
    if (plan_.kills_cut_power && !calm_ && signer_->alive()) cut_power();
  };
  return made;
}

void World::restart_later(GatewayHost& gateway) {
  Nanos down = random_.millis(20, 2'000);
  // So long that the other one gets its lease.
  if (plan_.two_gateways && !calm_ && random_.percent(50)) down = random_.millis(9'000, 14'000);
  scheduler_.after(down, [&gateway] {
    if (!gateway.alive()) gateway.start();
  });
}

GatewayHost& World::some_gateway() {
  return *gateways_[gateways_.size() == 1 ? 0 : random_.below(gateways_.size())];
}

void World::choose_gateway() {
  if (gateways_.size() == 1) return;
  for (const auto& gateway : gateways_) {
    if (gateway->ready() && !gateway_->ready()) {
      gateway_ = gateway.get();
      changed_now();
      client_->use(*gateway_);
      client_->repeat_newest();
    }
  }
  client_->use(random_.percent(85) ? *gateway_ : some_gateway());
}

void World::somebody_takes_the_lease() {
  trace_.line("world", "somebody takes the lease over");
  // Whose gateway it was starts it again: else nobody would trade after two of these.
  scheduler_.after(random_.millis(100, 6'000), [this] {
    for (const auto& gateway : gateways_) {
      if (gateway->alive() && gateway->engine().state() == gateway::EngineState::kHalted) {
        gateway->kill("by its operator");
      }
    }
  });
  v1::SignRequest request;
  request.set_type("lease");
  request.set_key("agent");
  request.set_account("main");
  request.set_network("testnet");
  request.mutable_lease()->set_holder("somebody.1");
  request.mutable_lease()->set_boot_id("b");
  request.mutable_lease()->set_take_over(true);
  signer_->request(request, {}, [](const Result<v1::SignReply>&) {});
  // Free again at once, or a while after: whoever asks first has it, long before 10 s.
  request.mutable_lease()->set_take_over(false);
  request.mutable_lease()->set_release(true);
  // Sometimes the signer gives it to somebody who has stopped waiting for the answer.
  const Nanos hang = random_.percent(40) ? random_.millis(1'500, 4'000) : Nanos{0};
  scheduler_.after(random_.millis(10, 3'000), [this, request, hang] {
    signer_->request(request, {}, [this, hang](const Result<v1::SignReply>&) {
      if (hang > Nanos{0}) signer_->hang(hang);
    });
  });
}

Outcome World::run() {
  Outcome outcome;
  trace_.line("world", "{}", describe(plan_));
  signer_->start();
  gateway_->start();
  if (plan_.two_gateways) {
    scheduler_.after(random_.millis(0, 12'000), [this] { gateways_[1]->start(); });
  }
  heartbeat();
  // The first start waits until nothing of an earlier life can land; then the run begins.
  const Nanos ready = milliseconds{static_cast<std::int64_t>(plan_.expires_after_ms) + 2'600};
  const Nanos end = ready + plan_.faulty_for;
  scheduler_.at(ready + milliseconds{400}, [this] { faults_ = plan_.faults; });
  for (int i = 0; i < plan_.commands; ++i) {
    const Nanos all = plan_.commands_for > Nanos{0} ? plan_.commands_for : plan_.faulty_for;
    scheduler_.at(ready + random_.millis(0, all / milliseconds{1}), [this] {
      choose_gateway();
      client_->act();
    });
  }
  if (plan_.info_lag_ms > 0) {
    scheduler_.at(ready, [this] { venue_->lag(plan_.info_lag_ms); });
  }
  if (plan_.clock_lag_ms > 0) {
    const Nanos at = random_.millis(0, 5'000);
    scheduler_.at(ready + (plan_.clock_lag_at > Nanos{0} ? plan_.clock_lag_at : at),
                  [this] { venue_->lag_clock(plan_.clock_lag_ms); });
  }
  for (Nanos t = ready / 2; t < end; t += kMisbehave) {
    scheduler_.at(t, [this] { misbehave(); });
  }
  for (Nanos t = ready; t < end; t += milliseconds{150}) {
    scheduler_.at(t, [this] {
      if (random_.percent(60)) venue_->disturb(random_);
    });
  }
  scheduler_.at(end, [this] { calm(); });
  while (!calm_) scheduler_.step();
  if (run_until_rest(end + plan_.calm_for, outcome.findings)) {
    check(*this, outcome.findings);
    if (random_.percent(50) && outcome.findings.empty()) {
      // A restart at rest changes nothing.
      trace_.line("world", "restart at rest");
      gateway_->kill("at rest");
      changed_now();
      if (run_until_rest(scheduler_.now() + plan_.calm_for, outcome.findings)) {
        check(*this, outcome.findings);
        for (std::string& finding : outcome.findings) finding += " (after a restart at rest)";
      }
    }
  }
  const auto totals = gateway_->totals();
  std::uint64_t lives = 0;
  for (const auto& gateway : gateways_) lives += gateway->lives();
  outcome.statistics = {
      .events = scheduler_.steps(),
      .commands = totals.commands,
      .accepted = client_->accepted(),
      .placed = totals.placed,
      .fills = venue_->account().fills.size(),
      .unknown = totals.unknown_actions,
      .fences_held = totals.fences_held,
      .rounds = totals.proven_by_rounds,
      .fallbacks = totals.fallbacks,
      .repaired = totals.repaired,
      .gateway_lives = lives,
      .power_cuts = power_cuts_,
      .simulated_ms = static_cast<std::uint64_t>(scheduler_.now() / milliseconds{1})};
  for (const std::string& finding : outcome.findings) trace_.line("checker", "{}", finding);
  outcome.trace = trace_.text();
  return outcome;
}

// ---------------------------------------------------------------- faults

void World::misbehave() {
  const Faults& f = faults_;
  const auto happens = [this](std::int64_t rate) { return random_.per_mille(rate); };
  if (happens(f.disconnect)) {
    trace_.line("world", "all connections end");
    network_->cut_all();
  }
  if (happens(f.half_open)) network_->half_open_all();
  if (happens(f.refuse_connections)) {
    venue_->refuse_connections(true);
    scheduler_.after(random_.millis(200, 4'000), [this] { venue_->refuse_connections(false); });
  }
  if (happens(f.stall_blocks) && !venue_->exchange().is_stalled()) {
    venue_->stall(true);
    scheduler_.after(random_.millis(300, 12'000), [this] {
      if (venue_->exchange().is_stalled()) venue_->stall(false);
    });
  }
  if (happens(f.info_lag)) {
    venue_->lag(random_.between(100, random_.percent(50) ? 3'800 : 1'500));
    scheduler_.after(random_.millis(500, 6'000), [this] { venue_->lag(0); });
  }
  if (happens(f.venue_clock_lag)) {
    venue_->lag_clock(random_.between(1'000, 4'500));
    scheduler_.after(random_.millis(3'000, 12'000), [this] { venue_->lag_clock(0); });
  }
  if (happens(f.post_only_window)) {
    venue_->post_only(true);
    scheduler_.after(random_.millis(200, 3'000), [this] { venue_->post_only(false); });
  }
  if (happens(f.halt_market)) {
    const std::string pair = random_.pick(plan_.pairs);
    venue_->halt_market(pair, true);
    scheduler_.after(random_.millis(200, 4'000), [this, pair] {
      if (!calm_) venue_->halt_market(pair, false);
    });
  }
  if (plan_.two_gateways && happens(8)) somebody_takes_the_lease();
  if (plan_.two_gateways && happens(4)) gateway_->kill("by hand");
  if (happens(f.kill_gateway)) some_gateway().kill("by hand");
  if (happens(f.kill_gateway_at_step))
    some_gateway().kill_at_step(static_cast<int>(random_.between(1, 40)));
  if (happens(f.kill_signer) && signer_->alive()) {
    signer_->kill("by hand");
    scheduler_.after(random_.millis(30, 3'000), [this] {
      if (!signer_->alive()) signer_->start();
    });
  }
  if (happens(f.kill_signer_at_write))
    signer_->disk().kill_at_write = static_cast<int>(random_.between(1, 4));
  if (happens(f.signer_hangs))
    signer_->hang(random_.millis(100, plan_.late_actions ? 8'000 : 4'000));
  if (happens(f.disk_full)) {
    const bool whose = random_.percent(70);
    trace_.line("world", "the {} disk is full", whose ? "gateway's" : "signer's");
    (whose ? gateways_[0]->disk().full : signer_->disk().full) = true;
    scheduler_.after(random_.millis(100, 3'000), [this] {
      gateways_[0]->disk().full = false;
      signer_->disk().full = false;
    });
  }
  if (happens(f.sync_fails)) {
    trace_.line("world", "a sync fails");
    gateways_[0]->disk().storage().sync_fails = true;
    // The journal refuses everything until a restart has read what is really there.
    const Nanos until_restart = random_.millis(200, 3'000);
    journal_broken_until_ = std::max(journal_broken_until_, scheduler_.now() + until_restart);
    scheduler_.after(until_restart, [this] {
      gateways_[0]->disk().storage().sync_fails = false;
      gateways_[0]->kill("its journal broke");
    });
  }
  if (happens(f.power_cut)) cut_power();
  if (happens(f.restored_backup)) {
    gateway_->disk().take_backup();
    signer_->disk().take_backup();
    scheduler_.after(random_.millis(500, 5'000), [this] {
      if (calm_) return;
      trace_.line("world", "an old backup is restored");
      gateway_->kill("for the restore");
      signer_->kill("for the restore");
      gateway_->disk().restore_backup();
      signer_->disk().restore_backup();
      journal_lost_ = true;
      client_->journal_may_have_lost();
      scheduler_.after(random_.millis(30, 2'000), [this] {
        if (!signer_->alive()) signer_->start();
      });
    });
  }
  if (happens(f.risk_silent)) risk_silent_until_ = scheduler_.now() + random_.millis(500, 5'000);
  if (happens(f.risk_level)) {
    constexpr limits::RiskLevel kLevels[] = {
        limits::RiskLevel::kReduceOnly, limits::RiskLevel::kPaused, limits::RiskLevel::kCancelAll};
    level_ = random_.pick(kLevels);
    ++level_version_;
    trace_.line("risk", "level {} version {}", limits::to_string(level_), level_version_);
    scheduler_.after(random_.millis(500, 4'000), [this] {
      if (calm_) return;
      level_ = limits::RiskLevel::kRunning;
      ++level_version_;
    });
  }
  if (happens(f.feed_stale)) feed_stale_until_ = scheduler_.now() + random_.millis(3'000, 9'000);
  if (happens(f.clock_step)) {
    machine_.wall_offset += random_.millis(-4'000, 4'000);
    trace_.line("world", "the wall clock leaps: {} ms off", machine_.wall_offset / milliseconds{1});
    scheduler_.after(random_.millis(500, 6'000),
                     [this] { machine_.wall_offset = plan_.wall_offset; });
  }
}

void World::cut_power() {
  trace_.line("world", "power cut");
  ++power_cuts_;
  journal_lost_ = true;
  client_->journal_may_have_lost();
  for (const auto& gateway : gateways_) gateway->kill("power");
  signer_->kill("power");
  for (const auto& gateway : gateways_) gateway->disk().cut_power();
  signer_->disk().cut_power();
  ++machine_.boot;
  scheduler_.after(random_.millis(30, 2'000), [this] {
    if (!signer_->alive()) signer_->start();
  });
}

void World::heartbeat() {
  if (scheduler_.now() >= risk_silent_until_) {
    for (const auto& gateway : gateways_) {
      if (gateway->alive()) client_->risk_says(*gateway, level_);
      gateway->hear_limits(limits_, 1);
      gateway->hear_risk(level_, level_version_, 1);
    }
  }
  if (scheduler_.now() >= feed_stale_until_) {
    for (const auto& gateway : gateways_) gateway->hear_prices();
  }
  scheduler_.after(kHeartbeat, [this] { heartbeat(); });
}

// ---------------------------------------------------------------- rest

void World::calm() {
  trace_.line("world", "everything works again");
  faults_ = Faults{};
  calm_ = true;
  client_->stop();
  venue_->calm();
  for (const auto& gateway : gateways_) {
    gateway->disk().full = false;
    gateway->disk().storage().sync_fails = false;
    gateway->kill_at_step(0);
    // Who has lost its lease does not ask again until its operator starts it anew.
    if (gateway->alive() && gateway->engine().state() == gateway::EngineState::kHalted) {
      gateway->kill("by its operator");
    }
  }
  signer_->disk().full = false;
  signer_->disk().kill_at_write = 0;
  if (!signer_->alive()) signer_->start();
  // Some runs end halted: then nothing of ours may be left working.
  const bool halted = plan_.faults.risk_level > 0 && random_.percent(40);
  level_ = halted ? limits::RiskLevel::kCancelAll : limits::RiskLevel::kRunning;
  ++level_version_;
  risk_silent_until_ = Nanos{0};
  feed_stale_until_ = Nanos{0};
  machine_.wall_offset = plan_.wall_offset;
  changed_now();
}

void World::changed_now() {
  changed_ = scheduler_.now();
  rounds_at_change_ = gateway_->totals().reconciliations;
}

bool World::at_rest() {
  choose_gateway();
  // What comes late is known at the latest by the sweep that begins after it.
  if (venue_->changes() != changes_) {
    changes_ = venue_->changes();
    changed_now();
  }
  if (scheduler_.now() < std::max(changed_ + kShownLate, journal_broken_until_)) {
    rounds_at_change_ = gateway_->totals().reconciliations;
    return false;
  }
  if (!gateway_->alive() || !signer_->alive()) return false;
  for (const auto& other : gateways_) {
    // A takeover came so late that nobody has started it again.
    if (plan_.two_gateways && other->alive() &&
        other->engine().state() == gateway::EngineState::kHalted) {
      other->kill("by its operator");
    }
    if (!other->alive() || (other.get() != gateway_ && other->ready())) return false;
  }
  const gateway::AccountEngine& engine = gateway_->engine();
  if (engine.state() != gateway::EngineState::kReady) return false;
  if (engine.unknown() > 0 || engine.unanswered() > 0) return false;
  for (const ClientOrderId& id : engine.tracker().open()) {
    const auto state = engine.tracker().find(id)->state();
    if (state != gateway::OrderState::kOpen && state != gateway::OrderState::kPartiallyFilled) {
      return false;
    }
  }
  // A fill that waits for its order, an ended order whose last leg is being cancelled.
  if (engine.tracker().held_fills() > 0) return false;
  // A filled IOC that reduce-only logic had shrunk: nobody says how much it was, only time does.
  for (const ClientOrderId& id : engine.tracker().live()) {
    const auto* order = engine.tracker().find(id);
    if (is_final(order->state()) || order->awaits_fills()) return false;
  }
  for (const auto& [id, life] : client_->cancels()) {
    const auto* order = engine.tracker().find(ClientOrderId{id});
    if (life == gateway_->life() && order != nullptr && order->may_be_live()) return false;
  }
  // One whole sweep, every DEX, beside one that was under way.
  return gateway_->totals().reconciliations >= rounds_at_change_ + plan_.dexs.size() + 1;
}

bool World::run_until_rest(Nanos deadline, std::vector<std::string>& findings) {
  Nanos look = scheduler_.now() + seconds{1};
  while (scheduler_.now() < deadline) {
    scheduler_.step();
    for (const auto& gateway : gateways_) {
      if (gateway->broken().empty()) continue;
      findings.push_back("the journal refuses to open: " + gateway->broken());
      return false;
    }
    if (scheduler_.now() < look) continue;
    look = scheduler_.now() + milliseconds{250};
    if (at_rest()) return true;
  }
  std::string why = "it did not come to rest";
  if (gateway_->alive()) {
    const auto& engine = gateway_->engine();
    why += ": " + std::string(gateway::to_string(engine.state())) + " " + engine.reason() + ", " +
           std::to_string(engine.unknown()) + " unknown, " + std::to_string(engine.unanswered()) +
           " unanswered, " +
           std::to_string(gateway_->totals().reconciliations - rounds_at_change_) + " sweeps";
  }
  findings.push_back(std::move(why));
  return false;
}

Outcome run_seed(std::uint64_t seed, bool trace) { return World{seed, trace}.run(); }

}  // namespace perpwire::simulation
