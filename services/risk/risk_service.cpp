#include "services/risk/risk_service.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/service.hpp"
#include "libs/limits/limits_codec.hpp"
#include "libs/limits/limits_file.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::risk {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kTick = 20ms;
constexpr Nanos kStateInterval = 5s;   // of figures that only move
constexpr Nanos kMarksInterval = 60s;  // between notes of the marks
constexpr Nanos kBehindGrace = 3s;     // missing events of a gateway that is alive

}  // namespace

RiskService::RiskService(ServiceContext& context, RiskConfig config)
    : context_(context),
      config_(std::move(config)),
      door_(context, context.settings().risk.curve, "risk"),
      kill_switch_(config_.kill_switch, std::nullopt),
      engine_(config_.engine, kill_switch_),
      halt_(config_.halt),
      timer_(context.io()) {
  recover();
  auto& io = context_.io();
  store_->start(
      io, context_.zmq(),
      [this](v1::Heartbeat& beat) {
        beat.set_state(kill_switch_.recovering() ? "RECOVERING" : "READY");
        beat.set_level(std::string(limits::to_string(kill_switch_.level())));
        beat.set_level_version(kill_switch_.version());
        beat.set_limits_version(limits_.version);
      },
      door_.of(config_.journal.replay, "replay"));
  take_limits(limits_);
  canceller_ = std::make_unique<VenueCanceller>(io, context_.zmq(), config_.canceller);
  gateway_ = std::make_unique<GatewayLink>(
      io, context_.zmq(), config_.gateway, gateway_start_,
      GatewayLink::Handlers{
          .on_event = [this](std::string_view topic,
                             const v1::Envelope& event) { on_gateway_event(topic, event); },
          .on_lost = [this](std::string_view stream,
                            std::uint64_t count) { on_gateway_lost(stream, count); },
          .on_stale =
              [](bool stale) {
                if (stale) spdlog::warn("gateway heartbeats are stale");
                if (!stale) spdlog::info("gateway heartbeats are fresh");
              }});
  BusSubscriberConfig marks;
  marks.endpoint = config_.market_data;
  marks.topics = {fmt::format("md.{}.ticker.", config_.venue.name)};
  BusSubscriberHandlers on_marks;
  on_marks.on_event = [this](std::string_view, const v1::Envelope& event) { on_ticker(event); };
  market_ =
      std::make_unique<BusSubscriber>(io, context_.zmq(), std::move(marks), std::move(on_marks));

  using Command = const v1::RiskCommand&;
  using Reply = v1::RiskReply&;
  ControlHandlers control;
  control.status = [this](Command c, Reply r) { return operator_status(c, r); };
  control.halt = [this](Command c, Reply r) { return operator_halt(c, r); };
  control.resume = [this](Command c, Reply r) { return operator_resume(c, r); };
  control.set_limits = [this](Command c, Reply r) { return operator_set_limits(c, r); };
  control.instance = config_.instance;
  control.hello_policy.allow_builds = config_.allow_builds;
  control_ =
      std::make_unique<ControlEndpoint>(io, context_.zmq(), config_.control, std::move(control),
                                        door_.of(config_.control, "control"));

  context_.on_stop([this](const std::function<void()>& done) {
    timer_.cancel();
    store_->flush();
    done();
  });
  context_.on_reload([this](const Settings& settings) { on_reload(settings); });
  context_.set_health([this] {
    return journal_failed_ ? std::string("the journal cannot be written") : std::string();
  });
  follow_level();
  on_tick();
}

RiskService::~RiskService() = default;

// ---- start

void RiskService::recover() {
  Recovery recovery(engine_);  // without limits: it only counts
  store_ = std::make_unique<RiskStore>(
      config_.journal, [&](const v1::JournalRecord& record) { recovery.on_record(record); });
  if (!recovery.status()) throw ConfigError(recovery.status().error().text);
  kill_switch_ = KillSwitch(config_.kill_switch, recovery.kill_switch());
  gateway_start_ = recovery.gateway();
  auto chosen = choose_limits(recovery.limits(), read_limits_file(config_.limits_file),
                              config_.on_limits_difference);
  if (!chosen) {
    throw ConfigError(fmt::format("{}: risk.on_limits_difference: {}",
                                  context_.settings().file.string(), chosen.error().text));
  }
  limits_ = std::move(*chosen);
  for (const auto& account : config_.accounts) {
    engine_.positions().add_account(account.name, wall_clock_now());
  }
  spdlog::info("recovered level={} level_version={} limits_version={} pairs={} open_orders={}",
               limits::to_string(kill_switch_.memory().latched), kill_switch_.version(),
               limits_.version, engine_.positions().ledgers().size(), engine_.orders().total());
  if (limits_.table.empty()) spdlog::warn("no limits configured: nothing may trade");
}

limits::LimitTable RiskService::read_limits_file(const std::string& file) const {
  if (file.empty()) return {};
  auto table = limits::load_limits(file);
  if (!table) throw ConfigError(table.error().text);
  return std::move(*table);
}

void RiskService::take_limits(LimitsMemory memory) {
  limits_ = std::move(memory);
  engine_.set_limits(limits_.table);
  keep(notes::limits(limits_));
  v1::Envelope envelope;
  envelope.set_event_type("risk_limits");
  auto& message = *envelope.mutable_risk_limits();
  message.set_venue(config_.venue.name);
  message.set_limits_version(limits_.version);
  limits::to_proto(limits_.table, *message.mutable_limits());
  publish("limits", envelope);
}

// ---- what comes in

void RiskService::on_gateway_event(std::string_view topic, const v1::Envelope& envelope) {
  std::vector<Breach> breaches;
  if (engine_.on_gateway_event(envelope, wall_clock_now(), breaches)) {
    keep(notes::gateway_event(topic, envelope));
  }
  say_breaches(breaches);
  follow_level();
}

void RiskService::on_gateway_lost(std::string_view stream, std::uint64_t count) {
  spdlog::error("events of the gateway are lost stream={} count={}", stream, count);
  kill_switch_.halt(RiskLevel::kPaused,
                    fmt::format("{} events of {} are not kept any more: our own count may lack "
                                "fills",
                                count == 0 ? "unknown" : std::to_string(count), stream),
                    "own count");
  follow_level();
}

void RiskService::on_ticker(const v1::Envelope& envelope) {
  const auto& ticker = envelope.ticker();
  if (!envelope.has_ticker() || !ticker.has_mark_price() || !ticker.has_trading_pair()) return;
  const auto mark = to_decimal(ticker.mark_price());
  if (!mark || !mark->is_positive()) return;
  std::vector<Breach> breaches;
  engine_.on_mark(ticker.trading_pair(), Price{*mark}, UnixNanos{ticker.receive_timestamp()},
                  wall_clock_now(), breaches);
  say_breaches(breaches);
  follow_level();
}

void RiskService::on_tick() {
  const Nanos now = monotonic_now();
  HaltActions actions;
  halt_.on_timer(now, actions);
  perform(actions);
  follow_gateway();
  follow_lock();
  if (now >= next_second_) {
    next_second_ = now + 1s;
    on_second();
  }
  if (halt_.confirmed() != said_confirmed_ || now >= next_state_) say_state();
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_tick();
  });
}

void RiskService::on_second() {
  std::vector<Breach> breaches;
  const auto outcome = engine_.on_timer(wall_clock_now(), breaches);
  if (outcome.day_began) {
    for (const auto& account : engine_.positions().accounts()) {
      v1::RiskDayState day;
      engine_.positions().save_day(account, day);
      keep(notes::day(day));
    }
    spdlog::info("a new UTC day began");
  }
  for (const auto& adoption : outcome.adopted) keep_adoption(adoption);
  if (monotonic_now() >= next_marks_) keep_marks();
  canceller_->keep_assets();
  say_breaches(breaches);
  follow_level();
  refresh_metrics();
}

void RiskService::follow_gateway() {
  const Nanos now = monotonic_now();
  const bool alive = !gateway_->stale();
  if (alive && gateway_->in_step()) {
    behind_since_.reset();
    if (kill_switch_.set_recovering(false, "caught up with the gateway")) {
      spdlog::info("caught up with the gateway");
      follow_level();
    }
    return;
  }
  // A gateway that is gone sends no orders; one that is alive and whose events we lack might.
  if (!alive) {
    behind_since_.reset();
    return;
  }
  if (!behind_since_) behind_since_ = now;
  if (now - *behind_since_ > kBehindGrace &&
      kill_switch_.set_recovering(true, "events of the gateway are missing")) {
    follow_level();
  }
}

void RiskService::keep_marks() {
  next_marks_ = monotonic_now() + kMarksInterval;
  v1::Mids marks;
  marks.set_venue(config_.venue.name);
  marks.set_receive_timestamp(wall_clock_now().value());
  for (const auto& [key, ledger] : engine_.positions().ledgers()) {
    if (ledger.mark() && !ledger.quantity().is_zero()) {
      set_decimal(*ledger.mark(), (*marks.mutable_mids())[key.second]);
    }
  }
  if (!marks.mids().empty()) keep(notes::marks(marks));
  const auto tidied = store_->tidy([this] {
    return notes::checkpoint(engine_, gateway_->position(), kill_switch_.memory(), limits_);
  });
  if (!tidied) on_journal_failure(tidied.error());
}

void RiskService::keep_adoption(const Adoption& adoption) {
  spdlog::warn("position taken over from the gateway account={} trading_pair={} before={} after={}",
               adoption.account, adoption.trading_pair, adoption.before.to_string(),
               adoption.after.to_string());
  keep(notes::adoption(adoption));
}

// ---- operators

Status RiskService::operator_status(const v1::RiskCommand& /*command*/,
                                    v1::RiskReply& reply) const {
  fill_state(*reply.mutable_state());
  limits::to_proto(limits_.table, *reply.mutable_limits());
  std::vector<v1::AccountRisk> rows;
  engine_.describe(rows);
  for (auto& row : rows) *reply.add_accounts() = std::move(row);
  return {};
}

Status RiskService::operator_halt(const v1::RiskCommand& command, v1::RiskReply& reply) {
  RiskLevel level = RiskLevel::kCancelAll;
  if (!command.level().empty()) {
    const auto asked = limits::risk_level_from_string(command.level());
    if (!asked || *asked == RiskLevel::kRunning) {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("level: expected REDUCE_ONLY, PAUSED, CANCEL_ALL or FLATTEN, found "
                              "\"{}\"",
                              command.level()));
    }
    level = *asked;
  }
  // In an emergency neither name nor reason is a reason to refuse.
  const std::string by = command.operator_().empty() ? "operator" : command.operator_();
  const std::string why = command.reason().empty() ? "halted by hand" : command.reason();
  spdlog::warn("halt level={} by={} reason=\"{}\"", limits::to_string(level), by, why);
  kill_switch_.halt(level, why, by);
  follow_level();
  fill_state(*reply.mutable_state());
  return {};
}

Status RiskService::operator_resume(const v1::RiskCommand& command, v1::RiskReply& reply) {
  if (!command.account().empty()) {
    return fail(ErrorCode::kUnsupported,
                "resume: levels are the whole suite's: expected no account");
  }
  RiskLevel target = RiskLevel::kRunning;
  if (!command.level().empty()) {
    const auto asked = limits::risk_level_from_string(command.level());
    if (!asked) {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("level: expected a level, found \"{}\"", command.level()));
    }
    target = *asked;
  }
  on_second();  // what stands, stands now
  const auto standing = engine_.standing();
  if (target == RiskLevel::kRunning && !standing.empty()) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("resume: {} still stands: reduce, change the limit, or resume to "
                            "REDUCE_ONLY (a daily loss ends with the UTC day)",
                            fmt::join(standing, ", ")));
  }
  const auto outcome =
      kill_switch_.resume(target, command.operator_(), command.reason(), wall_clock_now());
  if (!outcome) return tl::unexpected<Error>(outcome.error());
  if (*outcome == KillSwitch::Resume::kSecondOperatorNeeded) {
    spdlog::warn("resume asked by={} reason=\"{}\": a second operator must confirm",
                 command.operator_(), command.reason());
    reply.set_reason("a second operator must confirm with the same command");
  } else {
    spdlog::warn("resumed level={} by={} reason=\"{}\"", limits::to_string(target),
                 command.operator_(), command.reason());
  }
  follow_level();
  fill_state(*reply.mutable_state());
  return {};
}

Status RiskService::operator_set_limits(const v1::RiskCommand& command, v1::RiskReply& reply) {
  if (command.operator_().empty()) {
    return fail(ErrorCode::kInvalidCommand, "set_limits: expected the operator's name, found none");
  }
  std::vector<limits::LimitEntry> entries;
  for (const auto& one : command.limits()) {
    auto entry = limits::from_proto(one);
    if (!entry) return tl::unexpected<Error>(std::move(entry.error()));
    entries.push_back(std::move(*entry));
  }
  if (entries.empty()) {
    return fail(ErrorCode::kInvalidCommand, "set_limits: expected limits, found none");
  }
  auto changed = change_limits(limits_, entries);
  if (!changed) return tl::unexpected<Error>(std::move(changed.error()));
  spdlog::warn("limits set by={} reason=\"{}\" limits_version={} changes=\"{}\"",
               command.operator_(), command.reason(), changed->version,
               fmt::join(limits::differences(limits_.table, changed->table), "; "));
  take_limits(std::move(*changed));
  store_->beat();
  fill_state(*reply.mutable_state());
  limits::to_proto(limits_.table, *reply.mutable_limits());
  return {};
}

void RiskService::on_reload(const Settings& settings) {
  const auto file = limits::load_limits(settings.risk.limits.string());
  if (!file) {
    spdlog::error("limits file not taken reason=\"{}\"", file.error().text);
    return;
  }
  if (*file == limits_.table) return;
  const auto chosen = choose_limits(limits_, *file, "refuse");
  if (!chosen) {
    spdlog::error("limits file not taken reason=\"{}\"", chosen.error().text);
    return;
  }
  spdlog::warn("limits file taken limits_version={} changes=\"{}\"", chosen->version,
               fmt::join(limits::differences(limits_.table, *file), "; "));
  take_limits(*chosen);
  store_->beat();
}

// ---- what goes out

void RiskService::perform(const HaltActions& actions) {
  for (const auto& action : actions) {
    std::visit([this](const auto& one) { perform(one); }, action);
  }
}

void RiskService::perform(const TellGateway& action) {
  if (!gateway_) return;  // during the start: told again by the timer
  gateway_->halt(
      action.level, action.version, kill_switch_.reason(),
      [this, version = action.version](const GatewayAnswer& answer) {
        if (!answer.status && warned_version_ != version) {
          warned_version_ = version;  // the first of many
          spdlog::warn("gateway did not acknowledge level_version={} reason=\"{}\"", version,
                       answer.status.error().text);
        }
        HaltActions next;
        halt_.on_gateway_answer(version, answer.status, monotonic_now(), next);
        perform(next);
        if (answer.level_version && kill_switch_.on_version_known(*answer.level_version)) {
          follow_level();
        }
      });
}

void RiskService::perform(const AskOpenOrders& action) {
  canceller_->open_orders(action.account, config_.halt.dexs[action.dex],
                          [this, action](const Result<std::vector<VenueOrder>>& answer) {
                            HaltActions next;
                            halt_.on_open_orders(action, answer, monotonic_now(), next);
                            perform(next);
                          });
}

void RiskService::perform(const AskPositions& action) {
  canceller_->positions(action.account, config_.halt.dexs[action.dex],
                        [this, action](const Result<std::vector<VenuePosition>>& answer) {
                          HaltActions next;
                          halt_.on_positions(action, answer, monotonic_now(), next);
                          perform(next);
                        });
}

void RiskService::perform(const CancelOrders& action) {
  spdlog::warn("cancelling by our own path account={} dex=\"{}\" orders={}",
               config_.accounts[action.account].name, config_.halt.dexs[action.dex],
               action.orders.size());
  canceller_->cancel(action.account, action.orders, [this, action](const Status& outcome) {
    HaltActions next;
    halt_.on_cancel_done(action, outcome, monotonic_now(), next);
    perform(next);
  });
}

void RiskService::perform(const ClosePosition& action) {
  const auto& account = config_.accounts[action.account].name;
  const auto pair = hyperliquid::perp_pair(action.coin).value();
  const auto id = fmt::format("risk-flat-{}-{}", wall_clock_now().value(), ++closes_);
  spdlog::warn("closing position account={} trading_pair={} client_order_id={}", account, pair, id);
  gateway_->close_position(account, pair, id, [account, pair](const GatewayAnswer& answer) {
    if (answer.status) return;
    spdlog::error("position not closed account={} trading_pair={} reason=\"{}\"", account, pair,
                  answer.status.error().text);
  });
}

void RiskService::perform(const Report& action) {
  spdlog::warn("kill stage={} path={} account={} open_orders={} reason=\"{}\"", action.stage,
               action.path, action.account, action.open_orders, action.reason);
  v1::Envelope envelope;
  envelope.set_event_type("risk_kill");
  auto& kill = *envelope.mutable_risk_kill();
  kill.set_venue(config_.venue.name);
  kill.set_account(action.account);
  kill.set_stage(action.stage);
  kill.set_path(action.path);
  kill.set_open_orders(action.open_orders);
  kill.set_reason(action.reason);
  publish("kill", envelope);
}

void RiskService::say_breaches(const std::vector<Breach>& breaches) {
  for (const auto& breach : breaches) {
    spdlog::error("breach account={} trading_pair={} control={} action={} reason=\"{}\"",
                  breach.account, breach.trading_pair, breach.control, breach.action,
                  breach.reason);
    v1::Envelope envelope;
    envelope.set_event_type("risk_breach");
    auto& message = *envelope.mutable_risk_breach();
    message.set_venue(config_.venue.name);
    message.set_account(breach.account);
    message.set_trading_pair(breach.trading_pair);
    message.set_control(breach.control);
    set_decimal(breach.limit, *message.mutable_limit());
    set_decimal(round_half_even(breach.found, kQuotientPlaces), *message.mutable_found());
    message.set_action(breach.action);
    publish("breach", envelope);
  }
}

void RiskService::follow_level() {
  if (kill_switch_.version() == told_version_) return;
  keep(notes::kill_switch(kill_switch_.memory()));
  told_version_ = kill_switch_.version();
  follow_lock();  // ahead of the heartbeat: after a resume no order finds its key still locked
  store_->beat();
  HaltActions actions;
  if (kill_switch_.level() == RiskLevel::kRunning) {
    halt_.stop();
  } else {
    halt_.start(kill_switch_.level(), kill_switch_.version(), kill_switch_.reason(),
                monotonic_now(), actions);
  }
  spdlog::warn("level={} level_version={} reason=\"{}\" by={}",
               limits::to_string(kill_switch_.level()), kill_switch_.version(),
               kill_switch_.reason(), kill_switch_.by());
  say_state();
  perform(actions);
}

void RiskService::follow_lock() {
  const auto wanted = signer_lock_.ask(kill_switch_.memory().latched, monotonic_now());
  if (!wanted) return;
  canceller_->lock_keys(*wanted, [this, locked = *wanted](const Status& outcome) {
    signer_lock_.on_answer(locked, outcome.has_value());
    if (outcome) {
      said_lock_.clear();
      spdlog::info("signer keys {}",
                   locked ? "locked: they sign cancels alone" : "not locked by us");
    } else if (outcome.error().text != said_lock_) {
      said_lock_ = outcome.error().text;
      spdlog::error("signer keys not {} reason=\"{}\"", locked ? "locked" : "unlocked", said_lock_);
    }
  });
}

void RiskService::fill_state(v1::RiskState& out) const {
  out.set_venue(config_.venue.name);
  out.set_level(std::string(limits::to_string(kill_switch_.level())));
  out.set_level_version(kill_switch_.version());
  out.set_reason(kill_switch_.reason());
  if (!kill_switch_.by().empty()) out.set_by(kill_switch_.by());
  if (const auto pnl = engine_.day_pnl()) {
    set_decimal(round_half_even(pnl->value(), kQuotientPlaces), *out.mutable_pnl_day());
  }
  out.set_open_orders(engine_.orders().total());
  out.set_confirmed_flat(halt_.confirmed());
}

void RiskService::say_state() {
  next_state_ = monotonic_now() + kStateInterval;
  said_confirmed_ = halt_.confirmed();
  v1::Envelope envelope;
  envelope.set_event_type("risk_state");
  fill_state(*envelope.mutable_risk_state());
  auto text = envelope.SerializeAsString();
  if (text == said_state_) return;
  said_state_ = std::move(text);
  publish("state", envelope);
}

void RiskService::publish(std::string_view event, v1::Envelope& envelope) {
  const auto said = store_->publish(fmt::format("risk.{}.{}", config_.venue.name, event), envelope);
  if (!said) on_journal_failure(said.error());
}

void RiskService::keep(v1::JournalRecord record) {
  const auto kept = store_->keep(std::move(record));
  if (!kept) on_journal_failure(kept.error());
}

void RiskService::on_journal_failure(const Error& error) {
  if (journal_failed_) return;
  journal_failed_ = true;
  spdlog::critical("journal cannot be written reason=\"{}\"", error.text);
  // What cannot be remembered must not go on; heartbeats still carry the level.
  kill_switch_.halt(RiskLevel::kPaused, "journal: " + error.text, "journal");
  follow_level();
}

void RiskService::refresh_metrics() {
  auto& metrics = context_.metrics();
  const auto number = [](const Notional& value) {
    return std::stod(value.to_string());  // not money: a gauge
  };
  metrics
      .gauge("perpwire_risk_state", "0 RUNNING, 1 REDUCE_ONLY, 2 PAUSED, 3 CANCEL_ALL, 4 FLATTEN")
      .set(static_cast<int>(kill_switch_.level()));
  metrics
      .gauge("perpwire_risk_signer_lock_confirmed", "1 = the signer's keys are as the level asks")
      .set(signer_lock_.confirmed() ? 1 : 0);
  metrics.gauge("perpwire_risk_level_version", "Version of the level")
      .set(static_cast<int>(kill_switch_.version()));
  metrics.gauge("perpwire_risk_confirmed_flat", "1 = the venue said that nothing is open")
      .set(halt_.confirmed() ? 1 : 0);
  metrics.gauge("perpwire_risk_gateway_in_step", "1 = no event of the gateway is missing")
      .set(gateway_->in_step() && !gateway_->stale() ? 1 : 0);
  metrics
      .gauge("perpwire_orders_open", "Orders that may still fill, by risk's own count",
             {{"venue", config_.venue.name}})
      .set(static_cast<int>(engine_.orders().total()));
  metrics.gauge("perpwire_risk_events_malformed", "Events that could not be counted")
      .set(static_cast<int>(engine_.counters().malformed));
  metrics.gauge("perpwire_journal_bytes", "Size of risk's journal")
      .set(static_cast<int>(store_->journal_bytes()));
  for (const auto& account : engine_.positions().accounts()) {
    const auto pnl = engine_.positions().day_pnl(account);
    if (!pnl || !*pnl) continue;
    const auto value = number(**pnl);
    metrics.gauge("perpwire_pnl_day", "Profit of the UTC day in quote", {{"account", account}})
        .set(value);
    const auto* limits = limits_.table.find(account, limits::kEveryPair);
    if (limits != nullptr && limits->max_daily_loss && limits->max_daily_loss->is_positive()) {
      metrics
          .gauge("perpwire_risk_utilisation_ratio", "How much of a limit is used",
                 {{"account", account}, {"limit", "max_daily_loss"}})
          .set(std::max(0.0, -value / number(*limits->max_daily_loss)));
    }
  }
}

}  // namespace perpwire::risk
