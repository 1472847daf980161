#include "services/order-gateway/gateway_app.hpp"

#include "libs/common/time.hpp"
#include "services/order-gateway/config.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr auto kTick = std::chrono::milliseconds{25};
constexpr Nanos kMeasureInterval = std::chrono::seconds{1};

/// A writer for the time before the journal is open: engines are built first, since they read it.
class LateWriter : public EventWriter {
 public:
  explicit LateWriter(std::unique_ptr<EventPublisher>& events) : events_(events) {}
  bool publish(const std::string& topic, v1::Envelope& envelope) override {
    return events_ != nullptr && events_->publish(topic, envelope);
  }
  bool note(v1::JournalRecord& record) override {
    return events_ != nullptr && events_->note(record);
  }
  [[nodiscard]] bool full() const override { return events_ == nullptr || events_->full(); }
  [[nodiscard]] std::uint64_t last_index() const override {
    return events_ == nullptr ? 0 : events_->last_index();
  }

 private:
  std::unique_ptr<EventPublisher>& events_;
};

}  // namespace

struct GatewayApp::Timer {
  Timer(boost::asio::io_context& io, std::unique_ptr<EventPublisher>& events)
      : timer(io), writer(events) {}
  boost::asio::steady_timer timer;
  LateWriter writer;
};

GatewayApp::GatewayApp(ServiceContext& context)
    : context_(context),
      settings_(context.settings()),
      door_(context, context.settings().order_gateway.curve, "order_gateway"),
      signer_curve_(curve_client(
          context.settings().signer.endpoint, context.settings().signer.curve.public_key,
          context.settings().order_gateway.curve.key_file, "order_gateway.curve_key")),
      references_(context.settings().order_gateway.reference_stale_after),
      timer_(std::make_unique<Timer>(context.io(), events_)) {
  if (settings_.accounts.empty()) {
    throw ConfigError("accounts: expected at least one table [accounts.NAME], found none");
  }
  // The journal's word on whether it may be behind is needed by the engines, and they by it: a
  // first look without them, then the records.
  const std::string boot_id = journal::kernel_boot_id();
  ids_ = std::make_unique<IdFile>(context.data_folder() / "ids");
  for (const auto& [name, account] : settings_.accounts) {
    EngineSettings engine = engine_settings(settings_, account, context.instance(), boot_id, false);
    if (budget_ == nullptr) budget_ = std::make_unique<VenueBudget>(engine);
    accounts_[name].engine = std::make_unique<AccountEngine>(
        std::move(engine), timer_->writer, risk_, references_, budget_.get(), ids_.get());
  }
  const OrderGatewaySettings& own = settings_.order_gateway;
  events_ = std::make_unique<EventPublisher>(
      EventPublisherConfig{.instance = context.instance(),
                           .data_folder = context.data_folder(),
                           .run_folder = context.run_folder(),
                           .events_endpoint = own.events,
                           .journal_max_bytes = static_cast<std::uint64_t>(own.journal_max_bytes)},
      [this](const v1::JournalRecord& record) { restore(record); });
  std::vector<AccountEngine*> engines;
  for (auto& [name, account] : accounts_) {
    account.engine->set_journal_may_be_behind(events_->may_be_behind());
    engines.push_back(account.engine.get());
  }
  trimmer_ = std::make_unique<JournalTrimmer>(
      events_->log(), *ids_, std::move(engines), risk_,
      JournalTrimmer::Config{.durable_consumers = own.durable_consumers,
                             .cap_bytes = static_cast<std::uint64_t>(own.journal_max_bytes),
                             .id_retention = own.id_retention});
}

GatewayApp::~GatewayApp() = default;

void GatewayApp::restore(const v1::JournalRecord& record) {
  if (record.has_level_seen()) {
    const auto level = limits::risk_level_from_string(record.level_seen().level());
    if (level) risk_.restore(*level, record.level_seen().level_version());
    return;
  }
  for (auto& [name, account] : accounts_) account.engine->restore(record);
}

void GatewayApp::start() {
  auto& io = context_.io();
  auto& zmq = context_.zmq();
  const OrderGatewaySettings& own = settings_.order_gateway;
  events_->start(io, zmq, [this](v1::Heartbeat& heartbeat) { fill_heartbeat(heartbeat); });

  const VenueSettings& venue = settings_.venues.at(std::string(kVenue));
  auto tls = std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = venue.ca_file});
  net::HttpClientOptions http_options;
  http_options.proxy_url = venue.proxy;
  http_options.tls = tls;
  http_ = std::make_unique<net::HttpClient>(io, http_options);
  asset_map_ = std::make_unique<AssetMapClient>(
      io, *http_, venue.rest_url, venue.dexs,
      [this](std::uint32_t weight) {
        const auto urgency =
            instruments_.empty() ? TokenBudget::Urgency::kReserve : TokenBudget::Urgency::kOrdinary;
        return budget_->weight.take(weight, urgency, monotonic_now());
      },
      [this](hyperliquid::Instruments loaded) { on_instruments(std::move(loaded)); });
  for (auto& [name, account] : accounts_) {
    account.link = std::make_unique<VenueLink>(
        io, *account.engine, *http_,
        VenueLink::Endpoints{venue.rest_url, venue.ws_url, venue.proxy, tls},
        [this] { return signer_.get(); });
    observe_answers(name, *account.engine);
    account.link->run([](AccountEngine& engine, Now now) { engine.finish_restore(now); });
  }
  market_ = std::make_unique<MarketFeed>(io, zmq, settings_.marketstream.events, references_);
  risk_feed_ = std::make_unique<RiskFeed>(
      io, zmq, RiskFeed::Config{settings_.risk.events, context_.instance(), own.allow_builds},
      risk_, [this](const RiskGate::Change& change) { obey(change); });
  commands_ = std::make_unique<CommandEndpoint>(
      io, zmq,
      CommandEndpoint::Config{own.commands, context_.instance(), own.allow_builds,
                              door_.of(own.commands, "commands")},
      [this](const v1::Command& command, Now received) { return on_command(command, received); },
      [this](const v1::Command& command) { return on_halt(command); });
  replay_ = std::make_unique<ReplayEndpoint>(io, zmq, own.replay, context_.instance(),
                                             events_->log(), door_.of(own.replay, "replay"));
  context_.on_stop([this](std::function<void()> done) { stop(std::move(done)); });
  asset_map_->load();
  for (auto& [name, account] : accounts_) account.link->start();
  tick();
}

void GatewayApp::on_instruments(hyperliquid::Instruments instruments) {
  if (!instruments_.empty() && instruments_.back()->all() == instruments.all()) return;
  spdlog::info("asset map loaded instruments={}", instruments.all().size());
  instruments_.push_back(std::make_unique<hyperliquid::Instruments>(std::move(instruments)));
  const hyperliquid::Instruments& newest = *instruments_.back();
  // A new connection says hello with the new map.
  signer_ = std::make_unique<SignerClient>(
      context_.io(), context_.zmq(),
      settings_.signer.direct.empty() ? settings_.signer.endpoint : settings_.signer.direct,
      context_.instance(), settings_.order_gateway.allow_builds, std::string(settings_.network()),
      newest, signer_curve_);
  for (auto& [name, account] : accounts_) {
    account.link->run(
        [&newest](AccountEngine& engine, Now now) { engine.set_instruments(newest, now); });
  }
}

// ---------------------------------------------------------------- commands

GatewayApp::Account* GatewayApp::account_of(const v1::Command& command, std::string& problem) {
  std::string name = command.account();
  if (name.empty()) name = command.order().account();
  if (name.empty()) name = command.cancel().account();
  if (name.empty()) name = command.modify().account();
  for (const auto& order : command.orders()) {
    if (name.empty()) name = order.account();
    if (!order.account().empty() && order.account() != name) {
      problem =
          "account: expected one account in a batch, found " + name + " and " + order.account();
      return nullptr;
    }
  }
  if (name.empty()) {
    if (accounts_.size() == 1) return &accounts_.begin()->second;
    problem = "account: expected one of the configured accounts, found nothing";
    return nullptr;
  }
  const auto found = accounts_.find(name);
  if (found == accounts_.end()) {
    problem = "account: expected one of the configured accounts, found \"" + name + "\"";
    return nullptr;
  }
  return &found->second;
}

v1::Reply GatewayApp::on_command(const v1::Command& command, Now received) {
  v1::Reply reply;
  std::string problem;
  Account* account = account_of(command, problem);
  if (account == nullptr) {
    reply.set_request_id(command.request_id());
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(ErrorCode::kInvalidCommand)));
    reply.set_reason(problem);
    return reply;
  }
  account->link->run(
      [&](AccountEngine& engine, Now now) { reply = engine.on_command(command, now); }, received);
  return reply;
}

v1::Reply GatewayApp::on_halt(const v1::Command& command) {
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  const auto level = limits::risk_level_from_string(command.level());
  if (!level || !command.has_level_version()) {
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(ErrorCode::kInvalidCommand)));
    reply.set_reason("halt: expected level and level_version, found \"" + command.level() + "\"");
    return reply;
  }
  const auto change = risk_.on_halt(*level, command.level_version());
  if (change) {
    spdlog::warn("halt level={} version={} reason={}", command.level(), command.level_version(),
                 command.reason());
    obey(*change);
  }
  reply.set_status("ACCEPTED");
  reply.set_level_version(risk_.level_version());
  return reply;
}

void GatewayApp::obey(const RiskGate::Change& change) {
  v1::JournalRecord record;
  record.mutable_level_seen()->set_level(std::string(limits::to_string(change.level)));
  record.mutable_level_seen()->set_level_version(change.level_version);
  events_->note(record);
  spdlog::warn("risk level={} version={}", limits::to_string(change.level), change.level_version);
  for (auto& [name, account] : accounts_) {
    account.link->run([](AccountEngine& engine, Now now) { engine.on_level(now); });
  }
}

// ---------------------------------------------------------------- time

void GatewayApp::tick() {
  for (auto& [name, account] : accounts_) {
    account.link->run([](AccountEngine& engine, Now now) { engine.on_timer(now); });
  }
  if (const Nanos now = monotonic_now(); now >= next_measure_) {
    next_measure_ = now + kMeasureInterval;
    for (auto& [name, account] : accounts_) watch_ready(name, account, now);
    trimmer_->step(present());
    measure();
  }
  timer_->timer.expires_after(kTick);
  timer_->timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void GatewayApp::stop(std::function<void()> done) {
  stopping_ = true;
  if (settings_.order_gateway.on_stop == OnStop::kCancel) {
    // Cancels leave, the stop does not wait for the venue's answers.
    for (auto& [name, account] : accounts_) {
      account.link->run([](AccountEngine& engine, Now now) {
        engine.cancel_everything(now);
        engine.on_timer(now);
      });
    }
  }
  for (auto& [name, account] : accounts_) {
    const bool leave = settings_.order_gateway.on_stop == OnStop::kLeave;
    account.link->run([leave](AccountEngine& engine, Now now) { engine.on_stop(now, leave); });
  }
  const auto grace = settings_.order_gateway.on_stop == OnStop::kCancel
                         ? std::chrono::milliseconds{500}
                         : std::chrono::milliseconds{20};
  timer_->timer.expires_after(grace);
  timer_->timer.async_wait([this, done = std::move(done)](const boost::system::error_code&) {
    for (auto& [name, account] : accounts_) account.link->close();
    done();
  });
}

std::string GatewayApp::overall_state() const {
  // The least ready account speaks for the process.
  const AccountEngine* least = nullptr;
  for (const auto& [name, account] : accounts_) {
    if (least == nullptr || account.engine->state() != EngineState::kReady) {
      least = account.engine.get();
    }
  }
  if (least == nullptr) return "STARTING";
  const bool stopped = std::any_of(accounts_.begin(), accounts_.end(), [](const auto& account) {
    return !account.second.engine->stopped_pairs().empty();
  });
  // Some pairs take no new orders: somebody must look.
  if (least->state() == EngineState::kReady && stopped) return "DEGRADED";
  return std::string(to_string(least->state()));
}

void GatewayApp::fill_heartbeat(v1::Heartbeat& heartbeat) { heartbeat.set_state(overall_state()); }

void GatewayApp::watch_ready(const std::string& name, Account& account, Nanos now) {
  const bool ready = account.engine->state() == EngineState::kReady;
  const std::string& reason = account.engine->reason();
  if (const auto line = account.watch.on_tick(ready, reason, now)) {
    const std::string problem = account.engine->reconciliation_problem();
    spdlog::warn("account={} {}{}{}", name, *line,
                 problem.empty() ? "" : "; newest problem: ", problem);
  }
  const auto waiting = [&](const std::string& what) {
    return context_.metrics().gauge(
        "perpwire_gateway_waiting_seconds",
        "how long an account was not READY, by what it waits for",
        {{"account", name}, {"venue", std::string(kVenue)}, {"reason", what}});
  };
  if (account.told_reason != reason && !account.told_reason.empty()) {
    waiting(account.told_reason).set(0);
  }
  account.told_reason = reason;
  const std::chrono::duration<double> waited = account.watch.waited(now);  // not money: a metric
  if (!ready) waiting(reason).set(waited.count());
}

void GatewayApp::observe_answers(const std::string& name, AccountEngine& engine) {
  const auto path = [&](const std::string& by) {
    return context_.metrics().histogram(
        "perpwire_hop_seconds", "Time of each step of an order",
        {{"hop", "wire_to_ack"}, {"path", by}, {"account", name}, {"venue", std::string(kVenue)}});
  };
  engine.observe_answers([ws = path("ws"), rest = path("rest")](bool by_ws, Nanos took) mutable {
    const std::chrono::duration<double> seconds = took;  // not money: a metric
    (by_ws ? ws : rest).observe(seconds.count());
  });
}

void GatewayApp::measure() {
  Metrics& metrics = context_.metrics();
  for (const auto& [name, account] : accounts_) {
    const Labels labels{{"account", name}, {"venue", std::string(kVenue)}};
    const EngineCounters& counters = account.engine->counters();
    const auto set = [&](const std::string& what, const std::string& help, std::uint64_t value) {
      // not money: a metric's value is a double by its format
      metrics.gauge("perpwire_gateway_" + what, help, labels)
          .set(static_cast<double>(value));  // not money: a metric
    };
    set("pairs_stopped", "pairs stopped by a position adjustment",
        account.engine->stopped_pairs().size());
    set("ready", "1 while orders are taken",
        account.engine->state() == EngineState::kReady ? 1 : 0);
    set("orders_tracked", "orders held in memory", account.engine->tracker().size());
    set("orders_live", "orders that may be live at the venue",
        account.engine->tracker().live_count());
    set("actions_unanswered", "actions signed and not answered", account.engine->unanswered());
    set("actions_unknown", "actions whose fate is unknown", account.engine->unknown());
    set("fills_unattributed", "fills that no order claimed",
        account.engine->tracker().unattributed_fills());
    set("commands_total", "commands taken", counters.commands);
    set("rejected_total", "commands rejected", counters.rejected);
    set("placed_total", "orders sent", counters.placed);
    set("ws_posts_total", "actions sent by WebSocket", counters.ws_posts);
    set("rest_posts_total", "actions sent by REST", counters.rest_posts);
    set("fallbacks_total", "actions whose same bytes followed by REST", counters.fallbacks);
    set("unknown_total", "actions that became unknown", counters.unknown_actions);
    set("fences_held_total", "unknown actions proven dead by a noop", counters.fences_held);
    set("rounds_proven_total", "unknown actions proven dead by venue time and questions",
        counters.proven_by_rounds);
    set("reconciliations_total", "reconciliations finished", counters.reconciliations);
    set("desync_detected_total", "facts that only a reconciliation found", counters.repaired);
    set("position_adjustments_total", "position differences", counters.adjustments);
    set("queries_total", "questions to the venue", counters.queries);
    set("queries_failed_total", "questions without an answer", counters.queries_failed);
    set("message_problems_total", "elements of venue messages that did not read",
        counters.problems);
    if (const auto left = account.engine->address_budget().left()) {
      metrics
          .gauge("perpwire_rate_budget_remaining", "of this process's share, a minute",
                 {{"venue", std::string(kVenue)}, {"scope", "address:" + name}})
          .set(static_cast<double>(*left));  // not money: a metric
    }
    set("stream_unknown_statuses_total", "order statuses that are not in the table",
        account.engine->stream_counters().unknown_statuses);
  }
  metrics.gauge("perpwire_gateway_asset_map_failures_total", "rounds of questions without a map")
      .set(static_cast<double>(asset_map_->failed_rounds()));  // not money: a metric
  const journal::Journal& journal = events_->log().journal();
  metrics.gauge("perpwire_gateway_journal_bytes", "size of the journal")
      .set(static_cast<double>(journal.bytes()));  // not money: a metric
  metrics.gauge("perpwire_gateway_journal_over_cap", "1 while it refuses new orders for its size")
      .set(journal.over_cap() ? 1 : 0);
  metrics.gauge("perpwire_gateway_ids_kept", "client order ids kept on disk")
      .set(static_cast<double>(ids_->size()));  // not money: a metric
  metrics
      .gauge("perpwire_rate_budget_remaining", "of this process's share, a minute",
             {{"venue", std::string(kVenue)}, {"scope", "weight"}})
      .set(static_cast<double>(budget_->weight.available()));  // not money: a metric
  metrics.gauge("perpwire_gateway_journal_failures", "records that the disk refused")
      .set(static_cast<double>(events_->failures()));  // not money: a metric
}

}  // namespace perpwire::gateway
