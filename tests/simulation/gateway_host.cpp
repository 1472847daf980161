#include "tests/simulation/gateway_host.hpp"

#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/account_protocol.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <variant>

namespace perpwire::simulation {
namespace {

using hyperliquid::AccountProtocol;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The asset map is a constant of the venue's universe: read once for each set of DEXs.
const hyperliquid::Instruments& instruments_of(const VenueHost& venue,
                                               const std::vector<std::string>& dexs) {
  static std::map<std::vector<std::string>, std::unique_ptr<hyperliquid::Instruments>> known;
  auto& kept = known[dexs];
  if (kept == nullptr) {
    hyperliquid::InstrumentSources sources;
    sources.perp_dexs = venue.info(R"({"type":"perpDexs"})");
    sources.spot_meta = venue.info(R"({"type":"spotMeta"})");
    for (const std::string& dex : dexs) {
      sources.metas.push_back(
          {dex, venue.info(dex.empty() ? R"({"type":"meta"})"
                                       : R"({"type":"meta","dex":")" + dex + "\"}")});
    }
    auto built = hyperliquid::Instruments::build(sources);
    PW_ASSERT(built.has_value());
    kept = std::make_unique<hyperliquid::Instruments>(std::move(*built));
  }
  return *kept;
}

void add(gateway::EngineCounters& sum, const gateway::EngineCounters& more) {
  sum.commands += more.commands;
  sum.rejected += more.rejected;
  sum.placed += more.placed;
  sum.cancels_sent += more.cancels_sent;
  sum.ws_posts += more.ws_posts;
  sum.rest_posts += more.rest_posts;
  sum.fallbacks += more.fallbacks;
  sum.unknown_actions += more.unknown_actions;
  sum.fences += more.fences;
  sum.fences_held += more.fences_held;
  sum.proven_by_rounds += more.proven_by_rounds;
  sum.contradicted += more.contradicted;
  sum.reconciliations += more.reconciliations;
  sum.repaired += more.repaired;
  sum.adjustments += more.adjustments;
  sum.queries += more.queries;
  sum.queries_failed += more.queries_failed;
  sum.problems += more.problems;
}

}  // namespace

/// As EventPublisher: journal first, then the bus.
class GatewayHost::Writer : public gateway::EventWriter {
 public:
  Writer(journal::EventLog& log, const Machine& machine) : log_(log), machine_(machine) {}
  bool publish(const std::string& topic, v1::Envelope& envelope) override {
    return log_.append(topic, envelope, machine_.wall()).has_value();
  }
  bool note(v1::JournalRecord& record) override {
    return log_.append_note(record, machine_.wall()).has_value();
  }
  [[nodiscard]] bool full() const override {
    return log_.journal().over_cap() || log_.journal().broken();
  }

 private:
  journal::EventLog& log_;
  const Machine& machine_;
};

GatewayHost::GatewayHost(const World& world)
    : world_(world),
      disk_(world.scheduler, world.instance == "main" ? world.plan.seed : world.plan.seed ^ 0x5eed),
      random_(world.plan.seed, world.instance == "main" ? "gateway" : "gateway " + world.instance),
      instruments_(instruments_of(world.venue, world.plan.dexs)) {
  disk_.on_write = [this] { step(); };
  for (const auto& instrument : instruments_.all()) {
    v1::AssetEntry& entry = *hello_.add_assets();
    entry.set_trading_pair(instrument.trading_pair.value());
    entry.set_asset(instrument.asset);
    entry.set_network("testnet");
  }
}

gateway::EngineSettings GatewayHost::settings() const {
  const Plan& plan = world_.plan;
  gateway::EngineSettings settings;
  settings.account = "main";
  settings.address = std::string(VenueHost::kAccount);
  settings.network = "testnet";
  settings.cloid_prefix = "0xf1a50001";
  settings.dexs = plan.dexs;
  settings.holder = "order-gateway." + world_.instance;
  settings.boot_id = world_.machine.boot_id();
  settings.expires_after_ms = plan.expires_after_ms;
  settings.ws_post.enabled = plan.ws_post;
  settings.ws_post.timeout = plan.ws_timeout;
  settings.ws_post.fallback_to_rest = plan.fallback;
  settings.ws_post.max_consecutive_failures = 5;
  settings.ws_post.failure_cooldown = seconds{3};
  settings.reconcile_interval = plan.reconcile_interval;
  settings.coalesce_window = plan.coalesce_window;
  settings.documented_limits = plan.documented_limits;
  return settings;
}

// ---------------------------------------------------------------- life and death

template <class Run>
auto GatewayHost::in_this_life(Run run) {
  return [this, life = life_->number, run = std::move(run)](auto&&... args) mutable {
    if (life_ == nullptr || life_->number != life) return;
    enter([&] { run(std::forward<decltype(args)>(args)...); });
  };
}

void GatewayHost::start() {
  PW_ASSERT(life_ == nullptr);
  life_ = std::make_unique<Life>();
  life_->number = ++lives_;
  world_.trace.line("gateway", "starts, life {}", life());
  enter([this] {
    Life& life = *life_;
    life.references = std::make_unique<gateway::ReferencePrices>(seconds{5});
    if (!open_journal()) {
      throw Killed{};
    }
    net::ConnectionPolicyOptions options;
    options.keep_alive.kind = net::KeepAliveOptions::Kind::kText;
    options.keep_alive.text = AccountProtocol::ping_frame();
    options.seed = world_.plan.seed + life.number;
    options.max_connects_per_minute = 25;
    life.policy = std::make_unique<net::ConnectionPolicy>(options);
    run([this](gateway::AccountEngine& engine) { engine.finish_restore(now()); });
    life.policy->start(now().mono);
    mind_connection();
    // The asset map comes by three requests of its own.
    world_.scheduler.after(random_.millis(5, 400), in_this_life([this] {
                             run([this](gateway::AccountEngine& engine) {
                               engine.set_instruments(instruments_, now());
                             });
                           }));
    tick();
  });
}

bool GatewayHost::open_journal() {
  Life& life = *life_;
  // As GatewayApp: the engine is built first, since it reads the journal; its writer comes late.
  class Late : public gateway::EventWriter {
   public:
    explicit Late(std::unique_ptr<gateway::EventWriter>& writer) : writer_(writer) {}
    bool publish(const std::string& topic, v1::Envelope& envelope) override {
      return writer_ != nullptr && writer_->publish(topic, envelope);
    }
    bool note(v1::JournalRecord& record) override {
      return writer_ != nullptr && writer_->note(record);
    }
    [[nodiscard]] bool full() const override { return writer_ == nullptr || writer_->full(); }

   private:
    std::unique_ptr<gateway::EventWriter>& writer_;
  };
  life.late = std::make_unique<Late>(life.writer);
  life.engine =
      std::make_unique<gateway::AccountEngine>(settings(), *life.late, life.risk, *life.references);
  life.syncer = disk_.make_syncer();
  const journal::EventLogConfig config{.process = "order-gateway",
                                       .instance = world_.instance,
                                       .boot_id = world_.machine.boot_id(),
                                       .new_stream_id = "order-gateway." + this->life()};
  journal::JournalConfig journal_config;
  journal_config.segment_bytes = world_.plan.segment_bytes;
  auto opened = journal::EventLog::open(
      disk_.storage(), *life.syncer, disk_.watermark(), config, journal_config,
      [&life](const v1::JournalRecord& record) {
        if (record.has_level_seen()) {
          const auto level = limits::risk_level_from_string(record.level_seen().level());
          if (level) life.risk.restore(*level, record.level_seen().level_version());
          return;
        }
        life.engine->restore(record);
      },
      world_.machine.wall());
  if (!opened) {
    world_.trace.line("gateway", "cannot start: {}", opened.error().text);
    // A full disk passes; damage that the journal does not take as a torn tail does not.
    if (opened.error().code != ErrorCode::kIo) broken_ = opened.error().text;
    return false;
  }
  life.log = std::move(*opened);
  world_.trace.line("gateway", "journal stream {} at {}, {}", life.log->stream(),
                    life.log->last_sequence(), journal::to_string(life.log->decision()));
  life.engine->set_journal_may_be_behind(life.log->decision() !=
                                         journal::StreamDecision::kContinue);
  life.writer = std::make_unique<Writer>(*life.log, world_.machine);
  life.log->start_publishing(
      [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
        world_.trace.line("bus", "{} {} {}", topic, envelope.sequence(),
                          envelope.has_order()
                              ? envelope.order().client_order_id() + " " +
                                    envelope.order().order_state() + " filled " +
                                    std::to_string(envelope.order().filled_amount().mantissa()) +
                                    " " + envelope.order().failure().reason()
                              : std::string());
        bus_.push_back({world_.scheduler.now(), std::string(topic), std::string(encoded)});
      });
  return true;
}

void GatewayHost::kill(const char* why) {
  if (life_ == nullptr) return;
  world_.trace.line("gateway", "killed: {}", why);
  if (life_->engine != nullptr) add(ended_, life_->engine->counters());
  if (life_->link != 0) world_.network.close(life_->link);
  life_.reset();
  kill_at_step_ = 0;
  if (on_death) on_death();
}

void GatewayHost::enter(const std::function<void()>& run) {
  if (life_ == nullptr) return;
  if (depth_ > 0) return run();
  ++depth_;
  bool killed = false;
  try {
    run();
  } catch (const Killed&) {
    killed = true;
  }
  --depth_;
  if (killed) kill("at a step");
}

void GatewayHost::step() {
  if (kill_at_step_ > 0 && --kill_at_step_ == 0 && depth_ > 0) throw Killed{};
}

// ---------------------------------------------------------------- driving

void GatewayHost::tick() {
  mind_connection();
  run([this](gateway::AccountEngine& engine) { engine.on_timer(now()); });
  world_.scheduler.after(world_.plan.tick, in_this_life([this] { tick(); }));
}

void GatewayHost::run(const std::function<void(gateway::AccountEngine&)>& input) {
  step();
  input(*life_->engine);
  drain();
}

void GatewayHost::drain() {
  if (life_->draining) return;
  life_->draining = true;
  for (auto outs = life_->engine->take_out(); !outs.empty(); outs = life_->engine->take_out()) {
    for (gateway::EngineOut& out : outs) {
      step();
      perform(out);
    }
  }
  life_->draining = false;
  const auto wakes_at = life_->engine->wakes_at();
  if (wakes_at && wakes_at != life_->wakes_at) {
    world_.scheduler.after(std::max(Nanos{0}, *wakes_at - now().mono), in_this_life([this] {
                             run([this](gateway::AccountEngine& engine) { engine.on_wake(now()); });
                           }));
  }
  life_->wakes_at = wakes_at;
  if (life_->engine->state() == gateway::EngineState::kReady &&
      (!life_->connected ||
       life_->engine->counters().reconciliations == life_->reconciled_at_open)) {
    findings_.emplace_back("READY without a reconciliation since it connected");
  }
}

void GatewayHost::perform(gateway::EngineOut& out) {
  if (auto* sign = std::get_if<gateway::SignOut>(&out)) {
    perform(*sign);
  } else if (auto* ws = std::get_if<gateway::SendWs>(&out)) {
    perform(*ws);
  } else if (auto* rest = std::get_if<gateway::SendRest>(&out)) {
    perform(*rest);
  } else if (auto* ask = std::get_if<gateway::AskOut>(&out)) {
    perform(*ask);
  } else if (auto* frame = std::get_if<gateway::SendFrame>(&out)) {
    world_.network.send(life_->link, std::move(frame->text));
  } else if (std::holds_alternative<gateway::DropStream>(out)) {
    connection_lost();
  } else if (auto* line = std::get_if<gateway::LogLine>(&out)) {
    world_.trace.line("gateway", "{}", brief(line->text));
  }
}

void GatewayHost::perform(gateway::SignOut& out) {
  const gateway::SignId id = out.id;
  world_.signer.request(
      std::move(out.request), hello_, in_this_life([this, id](const Result<v1::SignReply>& reply) {
        run([&](gateway::AccountEngine& engine) { engine.on_signed(id, reply, now()); });
      }));
}

void GatewayHost::perform(gateway::SendWs& out) {
  const gateway::ActionId action = out.action;
  const auto fate =
      world_.network.send(life_->link, AccountProtocol::post_action_frame(out.post_id, out.body));
  const auto tell = [this, action](gateway::CopyFate told) {
    run([&](gateway::AccountEngine& engine) { engine.on_copy_left(action, true, told, now()); });
  };
  switch (fate) {
    case Network::SendFate::kNeverLeft:
      return tell(gateway::CopyFate::kNeverLeft);
    case Network::SendFate::kWritten:
      return world_.scheduler.after(std::chrono::microseconds{20},
                                    in_this_life([tell] { tell(gateway::CopyFate::kLeft); }));
    case Network::SendFate::kUnknown:
      return world_.scheduler.after(std::chrono::microseconds{20},
                                    in_this_life([tell] { tell(gateway::CopyFate::kUnknown); }));
  }
}

void GatewayHost::perform(gateway::SendRest& out) {
  const gateway::ActionId action = out.action;
  world_.network.post("/exchange", std::move(out.body), seconds{10},
                      in_this_life([this, action](const Network::HttpOutcome& outcome) {
                        gateway::CopyAnswer answer;
                        switch (outcome.kind) {
                          case Network::HttpOutcome::Kind::kNeverLeft:
                            answer.kind = gateway::CopyAnswer::Kind::kNeverLeft;
                            break;
                          case Network::HttpOutcome::Kind::kLost:
                            answer.kind = gateway::CopyAnswer::Kind::kLost;
                            break;
                          case Network::HttpOutcome::Kind::kAnswered:
                            answer.kind = outcome.status == 200
                                              ? gateway::CopyAnswer::Kind::kBody
                                              : gateway::CopyAnswer::Kind::kHttpStatus;
                            answer.status = static_cast<unsigned>(outcome.status);
                            answer.body = outcome.body;
                            break;
                        }
                        run([&](gateway::AccountEngine& engine) {
                          engine.on_copy_answer(action, false, answer, now());
                        });
                      }));
}

void GatewayHost::perform(gateway::AskOut& out) {
  const gateway::QueryId id = out.id;
  const auto tell = [this, id](const Result<std::string>& answer) {
    run([&](gateway::AccountEngine& engine) { engine.on_query_answer(id, answer, now()); });
  };
  if (out.post_id != 0) {
    if (world_.network.send(life_->link, AccountProtocol::post_info_frame(out.post_id, out.body)) ==
        Network::SendFate::kNeverLeft) {
      tell(fail(ErrorCode::kClosed, "not connected"));
    }
    return;
  }
  world_.network.post("/info", std::move(out.body), seconds{5},
                      in_this_life([tell](const Network::HttpOutcome& outcome) {
                        if (outcome.kind != Network::HttpOutcome::Kind::kAnswered) {
                          return tell(fail(ErrorCode::kTimeout, "no answer"));
                        }
                        if (outcome.status != 200) {
                          return tell(fail(outcome.status == 429 ? ErrorCode::kRateLimited
                                                                 : ErrorCode::kVenueUnavailable,
                                           "HTTP " + std::to_string(outcome.status)));
                        }
                        tell(outcome.body);
                      }));
}

// ---------------------------------------------------------------- the connection

void GatewayHost::mind_connection() {
  const net::ConnectionPolicy::Step step = life_->policy->step(now().mono);
  switch (step.kind) {
    case net::ConnectionPolicy::Step::Kind::kNone:
      return;
    case net::ConnectionPolicy::Step::Kind::kConnect:
      return connect();
    case net::ConnectionPolicy::Step::Kind::kPing:
      world_.network.send(life_->link, AccountProtocol::ping_frame());
      return;
    case net::ConnectionPolicy::Step::Kind::kDrop:
      world_.trace.line("gateway", "gives the connection up: {}", step.reason);
      return connection_lost();
  }
}

void GatewayHost::connect() {
  Network::Peer peer;
  peer.on_open = in_this_life([this] {
    world_.trace.line("gateway", "connected");
    life_->policy->on_open(now().mono);
    life_->connected = true;
    life_->reconciled_at_open = life_->engine->counters().reconciliations;
    run([this](gateway::AccountEngine& engine) { engine.on_stream_open(now()); });
  });
  peer.on_text = in_this_life([this](std::string_view text) {
    const bool pong = AccountProtocol::is_pong(text);
    life_->policy->on_message(now().mono, pong);
    run([this, text](gateway::AccountEngine& engine) { engine.on_frame(text, now()); });
  });
  peer.on_close = in_this_life([this] { connection_lost(); });
  life_->link = world_.network.connect(std::move(peer));
}

void GatewayHost::connection_lost() {
  if (life_->link != 0) world_.network.close(life_->link);
  life_->link = 0;
  life_->connected = false;
  life_->policy->on_down(now().mono);
  run([this](gateway::AccountEngine& engine) { engine.on_stream_closed(now()); });
}

// ---------------------------------------------------------------- its other neighbours

std::optional<v1::Reply> GatewayHost::command(const v1::Command& command) {
  std::optional<v1::Reply> reply;
  enter([&] {
    v1::Reply made;
    run([&](gateway::AccountEngine& engine) { made = engine.on_command(command, now()); });
    reply = std::move(made);
  });
  return reply;
}

void GatewayHost::obey(const gateway::RiskGate::Change& change) {
  v1::JournalRecord record;
  record.mutable_level_seen()->set_level(std::string(limits::to_string(change.level)));
  record.mutable_level_seen()->set_level_version(change.level_version);
  life_->writer->note(record);
  run([this](gateway::AccountEngine& engine) { engine.on_level(now()); });
}

void GatewayHost::hear_risk(limits::RiskLevel level, std::uint64_t level_version,
                            std::uint64_t limits_version) {
  enter([&] {
    const auto change =
        life_->risk.on_heartbeat(level, level_version, limits_version, world_.machine.wall(),
                                 world_.machine.wall(), world_.machine.mono());
    if (change) obey(*change);
  });
}

void GatewayHost::hear_limits(const limits::LimitTable& table, std::uint64_t limits_version) {
  enter([&] { life_->risk.on_limits(table, limits_version); });
}

void GatewayHost::hear_prices() {
  if (life_ == nullptr) return;
  for (const std::string& pair : world_.plan.pairs) {
    const sim::Market& market = world_.venue.market(pair);
    const sim::OrderBook& book = world_.venue.exchange().state().markets[market.index].book;
    const auto price = [&](sim::Side side) -> std::optional<Price> {
      const auto best = book.best(side);
      if (!best) return std::nullopt;
      return Price{sim::to_decimal(best->value, market.price_decimals())};
    };
    life_->references->on_top(TradingPair{pair}, price(sim::Side::kBuy), price(sim::Side::kSell),
                              world_.machine.wall());
  }
}

gateway::EngineCounters GatewayHost::totals() const {
  gateway::EngineCounters sum = ended_;
  if (life_ != nullptr && life_->engine != nullptr) add(sum, life_->engine->counters());
  return sum;
}

}  // namespace perpwire::simulation
