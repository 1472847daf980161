#include "services/order-gateway/account_engine.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr Nanos kLeaseInterval = std::chrono::seconds{3};
constexpr Nanos kRetry = std::chrono::seconds{1};
constexpr Nanos kTimePollWaiting = std::chrono::milliseconds{500};
constexpr Nanos kTimePollScarce = std::chrono::seconds{2};  // while questions wait for weight
constexpr Nanos kTimePollIdle = std::chrono::seconds{5};
// A sweep of one DEX: open orders, positions, fills.
constexpr std::uint64_t kSweepWeight = 60;
constexpr Nanos kSweepPatience = std::chrono::seconds{20};
constexpr Nanos kFillPatience = std::chrono::seconds{10};
constexpr Nanos kForgetInterval = std::chrono::minutes{1};
constexpr Nanos kPositionDelay = std::chrono::milliseconds{500};
constexpr Nanos kMissingFills = std::chrono::seconds{1};
constexpr std::int64_t kFirstStartOverlapMs = 60'000;
constexpr Nanos kReplyMemory = std::chrono::minutes{10};
constexpr std::string_view kFillsFloor = "fills_floor:";
// "1" from the start of a life that must wait for what the journal may have lost until it is READY.
constexpr std::string_view kBehind = "journal_behind:";

/// Perpetuals have positions; what spot fills change is a balance.
bool is_position(const TradingPair& pair) { return hyperliquid::perp_coin(pair).has_value(); }

/// "2024-01-20T10:40:00Z"
std::string utc_seconds(UnixNanos time) {
  const std::time_t seconds = time.value() / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

}  // namespace

std::string_view to_string(EngineState state) {
  switch (state) {
    case EngineState::kStarting:
      return "STARTING";
    case EngineState::kReconciling:
      return "RECONCILING";
    case EngineState::kReady:
      return "READY";
    case EngineState::kHalted:
      return "HALTED";
    case EngineState::kStopped:
      return "STOPPED";
  }
  return "";
}

AccountEngine::AccountEngine(EngineSettings settings, EventWriter& writer, RiskGate& risk,
                             ReferencePrices& references, VenueBudget* budget, IdMemory* ids)
    : core_(std::move(settings), writer, budget, ids),
      risk_(risk),
      references_(references),
      executor_(core_),
      resolver_(core_, executor_),
      reconciler_(core_, positions_),
      canceller_(core_, executor_),
      coalescer_(core_.settings.coalesce_window),
      scheduled_cancel_(core_.settings.schedule_cancel, core_.settings.schedule_cancel_after),
      protocol_(core_.settings.address) {
  const auto address = Address::parse(core_.settings.address);
  const auto prefix = hyperliquid::parse_cloid_prefix(core_.settings.cloid_prefix);
  if (!address)
    throw ConfigError("accounts." + core_.settings.account + ".address: " + address.error().text);
  if (!prefix)
    throw ConfigError("accounts." + core_.settings.account +
                      ".cloid_prefix: " + prefix.error().text);
  address_ = *address;
  prefix_ = *prefix;
  core_.tracker.set_max_final(core_.settings.max_final_orders);

  // A position is told before the fill that moved it: killed in between, the fill is learnt again
  // and leads to the same position, since the venue says from which one it started.
  core_.on_execution = [this](const venues::Fill& fill, const TradingPair& pair) {
    if (is_position(pair)) on_position_moved(pair, positions_.on_fill(fill, pair, core_.now.mono));
  };
  core_.on_repeated_execution = [this](const venues::Fill& fill, const TradingPair& pair) {
    if (is_position(pair))
      on_position_moved(pair, positions_.on_known_fill(fill, pair, core_.now.mono));
  };
  executor_.on_unknown = [this](const UnknownAction& action) { resolver_.add(action); };
  executor_.on_cancel_doubtful = [this](const ClientOrderId& id) { canceller_.on_doubt(id); };
  executor_.on_lease_lost = [this](const std::string& reason) { lease_refused_ = reason; };
  executor_.may_still_send = [this](const InFlightOrder& order) { return may_still_send(order); };
  reconciler_.on_done = [this](const Reconciler::Repaired& repaired) {
    const bool first = !reconciled_;
    reconciled_ = true;
    if (std::exchange(looking_again_, false)) {
      look_again_ = false;
      evaluate();
    }
    if (first) {
      evaluate();
      publish_status(repaired);
    } else if (!repaired.empty()) {
      core_.log(LogLevel::kWarning,
                "account=" + core_.settings.account + " a sweep found what the stream never said");
      publish_status(repaired);
    }
  };
  reconciler_.on_margin = [this](const hyperliquid::ClearinghouseState& state,
                                 const std::string& dex) {
    publish_balance(dex.empty() ? "USDC" : dex + ":USDC", state.account_value, state.withdrawable);
  };
  reconciler_.on_balances = [this](const std::vector<venues::BalanceWord>& words) {
    for (const auto& word : words) {
      publish_balance("spot:" + word.asset, word.total, word.available);
    }
  };
  reconciler_.on_suspicion = [this] { want_fills(); };
  reconciler_.on_position_changed = [this](const TradingPair& pair) { publish_position(pair); };
  reconciler_.on_adjustment = [this](const PositionBook::Adjustment& adjustment) {
    on_adjustment(adjustment);
  };
}

void AccountEngine::on_position_moved(const TradingPair& pair, PositionBook::Moved moved) {
  using Moved = PositionBook::Moved;
  if (moved == Moved::kNo) return;
  if (moved == Moved::kPastMissedOne || moved == Moved::kNotYet) want_fills();
  if (moved == Moved::kNotYet) return;
  publish_position(pair);
  const std::string dex(hyperliquid::dex_of(pair.value()));
  dirty_dexs_.emplace(dex, core_.now.mono + kPositionDelay);
}

void AccountEngine::on_adjustment(const PositionBook::Adjustment& adjustment) {
  v1::Envelope envelope;
  envelope.set_event_type("position_adjusted");
  v1::PositionAdjusted& data = *envelope.mutable_position_adjusted();
  const TradingPair& pair = adjustment.trading_pair;
  // What an account held before our first start was never ours to explain.
  const bool taken_over = first_start_ && !reconciled_;
  data.set_venue(std::string(kVenue));
  data.set_account(core_.settings.account);
  data.set_trading_pair(pair.value());
  set_decimal(adjustment.before, *data.mutable_before());
  set_decimal(adjustment.after, *data.mutable_after());
  data.set_cause(taken_over    ? "first start"
                 : reconciled_ ? "reconciliation"
                               : "reconciliation at start");
  core_.publish(
      "adjustments." + std::string(kVenue) + "." + core_.settings.account + "." + pair.value(),
      std::move(envelope));
  if (taken_over || !core_.settings.stop_after_adjustment) return;
  const std::string reason = "the position was " + adjustment.before.to_string() +
                             " by our fills and is " + adjustment.after.to_string() +
                             " at the venue";
  stopped_pairs_.insert_or_assign(pair, reason);
  // While the disk refuses it nothing new is taken anyway.
  ignore(note_stopped_pairs(), "told again with the next one");
  core_.log(LogLevel::kError,
            "account=" + core_.settings.account + " " + pair.value() + " stopped: " + reason);
  publish_status({});
}

// ---------------------------------------------------------------- rebuilding

void AccountEngine::restore(const v1::JournalRecord& record) {
  switch (record.kind_case()) {
    case v1::JournalRecord::kOrderIntent: {
      const v1::OrderIntent& intent = record.order_intent();
      if (!mine(intent.order().account())) return;
      const auto content = restored_content_of(intent.order());
      if (content) {
        core_.tracker.restore_intent(*content, intent.cloid(), UnixNanos{record.timestamp()},
                                     record.index());
      }
      return;
    }
    case v1::JournalRecord::kActionSent: {
      const v1::ActionSent& sent = record.action_sent();
      if (!mine(sent.account())) return;
      UnknownAction action{.action = sent.action_id(),
                           .kind = ActionKind::kOrder,
                           .nonce = sent.nonce(),
                           .key = sent.key(),
                           .expires_after_ms = static_cast<std::uint64_t>(sent.expires_after()),
                           .sent = UnixNanos{sent.sent()},
                           .orders = {},
                           .record = record.index()};
      for (const std::string& id : sent.client_order_ids()) {
        action.orders.push_back(ClientOrderId{id});
      }
      if (sent.kind() == to_string(ActionKind::kCancel)) {
        for (const ClientOrderId& id : action.orders) restored_cancels_.push_back(id);
        return;
      }
      if (sent.kind() == to_string(ActionKind::kModify)) {
        action.kind = ActionKind::kModify;
        for (const v1::LegSent& leg : sent.legs()) {
          InFlightOrder* order = core_.tracker.find(ClientOrderId{leg.client_order_id()});
          const ModifyIntent intent{
              .action = action.action,
              .price = Price{to_decimal(leg.price()).value_or(Decimal{})},
              .amount = Quantity{to_decimal(leg.amount()).value_or(Decimal{})},
              .quantity = Quantity{to_decimal(leg.quantity()).value_or(Decimal{})}};
          if (order == nullptr) continue;
          // One at a time: that this one was sent says that nothing came of the one before, also
          // where the note of it is missing.
          if (const auto before = order->unsettled_modify()) {
            order->modify_fate(*before, Fate::kNotExecuted);
          }
          order->begin_modify(intent);
        }
      }
      restored_actions_[action.action] = std::move(action);
      return;
    }
    case v1::JournalRecord::kStateNote:
      restore_note(record.state_note(), UnixNanos{record.timestamp()});
      return;
    case v1::JournalRecord::kOrderSnapshot: {
      if (!mine(record.order_snapshot().order().account())) return;
      auto order = order_of(record.order_snapshot());
      if (!order) {
        core_.log(LogLevel::kError, order.error().text);
        return;
      }
      order->set_record(record.index());
      if (order->content().client_order_id.value().starts_with(kForeign)) {
        core_.foreign.restore_snapshot(std::move(*order));
      } else {
        core_.tracker.restore_snapshot(std::move(*order));
      }
      return;
    }
    case v1::JournalRecord::kCommandSeen: {
      const v1::CommandSeen& seen = record.command_seen();
      KnownReply known{.reply = {}, .at = UnixNanos{record.timestamp()}, .record = record.index()};
      if (seen.key().starts_with(core_.settings.account + "\n") &&
          known.reply.ParseFromString(seen.reply())) {
        replies_[seen.key()] = std::move(known);
      }
      return;
    }
    case v1::JournalRecord::kEvent:
      break;
    default:
      return;
  }
  const v1::Envelope& envelope = record.event().envelope();
  if (envelope.has_fill() && mine(envelope.fill().account())) {
    const auto coin = hyperliquid::perp_coin(TradingPair{envelope.fill().trading_pair()});
    const FillReport report =
        fill_report_of(envelope.fill(), coin.value_or(envelope.fill().trading_pair()));
    core_.tracker.restore_fill(report);
    if (!report.client_order_id && core_.settings.foreign_orders == ForeignOrders::kReport) {
      core_.foreign.restore_fill(report.fill);
    }
    // What it did to the position is told by a position event of its own.
    if (is_position(report.trading_pair)) {
      positions_.restore_fill(report.fill, report.trading_pair);
    }
  } else if (envelope.has_order() && mine(envelope.order().account())) {
    const auto event = order_event_of(envelope);
    if (!event) return;
    if (event->order.content.client_order_id.value().starts_with(kForeign)) {
      core_.foreign.restore(*event);
    } else {
      core_.tracker.restore_event(*event);
    }
  } else if (envelope.has_position() && mine(envelope.position().account())) {
    const v1::Position& told = envelope.position();
    const auto quantity = to_decimal(told.amount());
    if (!quantity) return;
    std::optional<WideDecimal> entry;
    if (told.has_entry_price()) {
      if (const auto price = to_wide_decimal(told.entry_price())) entry = *price;
    }
    positions_.restore(TradingPair{told.trading_pair()}, Quantity{*quantity}, entry);
  } else if (envelope.has_balance() && mine(envelope.balance().account())) {
    balances_[envelope.balance().asset()] = envelope.balance();
  }
}

void AccountEngine::finish_restore(Now now) {
  core_.now = now;
  core_.seed_ids(now.wall);
  if (core_.settings.journal_may_be_behind) {
    note_behind(true);
    restored_behind_ = true;
  } else if (restored_behind_) {
    core_.settings.journal_may_be_behind = true;  // killed before its wait was over
  }
  look_again_ = core_.settings.journal_may_be_behind;
  // Orders of which an action may have left.
  std::map<ClientOrderId, bool> sent;
  for (auto& [id, action] : restored_actions_) {
    bool open = false;
    for (const ClientOrderId& order_id : action.orders) {
      sent[order_id] = true;
      InFlightOrder* order = core_.tracker.find(order_id);
      if (order == nullptr) continue;
      if (action.kind == ActionKind::kModify) {
        if (order->unsettled_modify() != id) continue;
        order->modify_fate(id, Fate::kUnknown);
      } else {
        if (!order->create_unsettled()) continue;
        order->create_fate(Fate::kUnknown);
      }
      open = true;
    }
    if (open) resolver_.add(action);
  }
  std::vector<ClientOrderId> never_sent;
  core_.tracker.for_each([&](const InFlightOrder& order) {
    if (order.create_unsettled() && !sent.contains(order.content().client_order_id)) {
      never_sent.push_back(order.content().client_order_id);
    }
  });
  take_up_unsent(never_sent);
  for (const ClientOrderId& id : restored_cancels_) {
    InFlightOrder* order = core_.tracker.find(id);
    if (order == nullptr || !order->may_be_live()) continue;
    order->begin_cancel();
    order->cancel_fate(CancelFate::kUnknown);
    canceller_.want(id);
  }
  std::vector<TrackerEvent> events;
  core_.tracker.finish_restore(now.wall, events);
  core_.foreign.finish_restore(now.wall, events);
  core_.emit(std::move(events));
  sessions_.restart_clocks(now.mono);
  restored_actions_.clear();
  restored_cancels_.clear();
  if (core_.settings.journal_may_be_behind) {
    core_.tracker.for_each([](InFlightOrder& order) { order.doubt_sizes(); });
  }
  if (!floor_known_) {
    // The first start of all: what the account did before is not ours to tell.
    const UnixNanos floor = UnixNanos::from_millis(now.wall.millis() - kFirstStartOverlapMs);
    reconciler_.set_fills_floor(floor);
    floor_known_ = true;
    first_start_ = true;
    ignore(core_.note(std::string(kFillsFloor) + core_.settings.account,
                      std::to_string(floor.value())),
           "a later start then takes a later floor, before any order");
  }
  publish_status({});
}

void AccountEngine::take_up_unsent(const std::vector<ClientOrderId>& orders) {
  if (orders.empty()) return;
  if (!core_.settings.journal_may_be_behind) {
    for (const ClientOrderId& id : orders) {
      core_.tracker.find(id)->create_fate(
          Fate::kNotExecuted, {},
          Failure{ErrorCode::kNeverPlaced, "the gateway stopped before it was sent"});
    }
    return;
  }
  // A nonce that nobody knows cannot be fenced; whatever was signed expires by then.
  UnknownAction action{.action = core_.next_action_id(),
                       .kind = ActionKind::kOrder,
                       .nonce = 0,
                       .key = {},
                       .expires_after_ms = static_cast<std::uint64_t>(core_.now.wall.millis()) +
                                           core_.settings.expires_after_ms,
                       .sent = core_.now.wall,
                       .orders = orders};
  v1::JournalRecord record;
  v1::ActionSent& sent = *record.mutable_action_sent();
  sent.set_account(core_.settings.account);
  sent.set_kind(std::string(to_string(action.kind)));
  sent.set_expires_after(static_cast<std::int64_t>(action.expires_after_ms));
  sent.set_action_id(action.action);
  sent.set_sent(action.sent.value());
  for (const ClientOrderId& id : orders) {
    InFlightOrder* order = core_.tracker.find(id);
    order->create_fate(Fate::kUnknown);
    action.sent = std::min(action.sent, order->created());
    sent.add_client_order_ids(id.value());
  }
  // Else the next life takes them up again, unless it trusts its journal.
  if (core_.note(record)) action.record = record.index();
  resolver_.add(action);
}

void AccountEngine::note_behind(bool behind) {
  v1::JournalRecord record;
  record.mutable_state_note()->set_name(std::string(kBehind) + core_.settings.account);
  record.mutable_state_note()->set_value(behind ? "1" : "0");
  ignore(core_.note(record),
         "the next life then waits once more, or the disk is full and it stops");
}

void AccountEngine::set_instruments(const hyperliquid::Instruments& instruments, Now now) {
  core_.now = now;
  core_.instruments = &instruments;
  evaluate();
}

// ---------------------------------------------------------------- life cycle

std::string AccountEngine::not_ready_because() const {
  if (core_.instruments == nullptr) return "the venue's asset map is not loaded";
  if (!lease_held_) return signer_problem_;
  if (!core_.stream_open) return "not connected to the venue";
  if (!protocol_.ready()) return "the user stream is not acknowledged";
  if (!reconciled_) return "reconciling";
  if (std::string reason = others_may_land(); !reason.empty()) return reason;
  if (look_again_) return "reconciling what landed until now";
  return "";
}

std::string AccountEngine::others_may_land() const {
  if (wait_for_others_ && !core_.venue_clock.is_past(others_may_land_until_)) {
    return "waiting until what was signed before can no longer land";
  }
  if (core_.settings.journal_may_be_behind) {
    const auto first = core_.venue_clock.first();
    const Nanos signed_before =
        std::chrono::milliseconds{static_cast<std::int64_t>(core_.settings.expires_after_ms)};
    if (!first || !core_.venue_clock.is_past(*first + signed_before)) {
      return "waiting until what an earlier life may have sent can no longer land";
    }
  }
  return "";
}

void AccountEngine::evaluate() {
  if (stopping_) return set_state(EngineState::kStopped, "asked to stop");
  if (!lease_refused_.empty()) return set_state(EngineState::kHalted, lease_refused_);
  const std::string reason = not_ready_because();
  if (reason.empty()) {
    if (restored_behind_ && state_ != EngineState::kReady) {
      restored_behind_ = false;
      note_behind(false);
    }
    if (settled_epoch_ != lease_epoch_) {
      settled_epoch_ = lease_epoch_;
      ignore(note_settled_epoch(), "the next life then waits, as after a takeover");
    }
    return set_state(EngineState::kReady, "");
  }
  const bool started = core_.instruments != nullptr && lease_held_;
  set_state(started ? EngineState::kReconciling : EngineState::kStarting, reason);
}

void AccountEngine::set_state(EngineState state, std::string reason,
                              const Reconciler::Repaired& repaired) {
  if (state == state_ && reason == reason_) return;
  state_ = state;
  reason_ = std::move(reason);
  core_.log(LogLevel::kInfo, "account=" + core_.settings.account +
                                 " state=" + std::string(to_string(state_)) + " reason=" + reason_);
  publish_status(repaired);
}

void AccountEngine::publish_status(const Reconciler::Repaired& repaired) {
  v1::Envelope envelope;
  envelope.set_event_type("gateway_status");
  v1::GatewayStatus& data = *envelope.mutable_gateway_status();
  data.set_venue(std::string(kVenue));
  data.set_account(core_.settings.account);
  data.set_state(std::string(to_string(state_)));
  data.set_reason(reason_);
  for (const auto& [kind, count] : repaired) (*data.mutable_repaired())[kind] = count;
  for (const auto& [pair, why] : stopped_pairs_) data.add_stopped_pairs(pair.value());
  if (const auto& until = scheduled_cancel_.armed_until()) {
    data.set_scheduled_cancel_timestamp(until->value());
  }
  data.set_scheduled_cancel_reason(scheduled_cancel_.reason());
  core_.publish("gateway." + std::string(kVenue) + ".status", std::move(envelope));
}

void AccountEngine::ask_lease() {
  if (lease_asked_ || !lease_refused_.empty()) return;
  lease_asked_ = true;
  v1::SignRequest request;
  request.set_type("lease");
  request.set_account(core_.settings.account);
  request.set_network(core_.settings.network);
  request.mutable_lease()->set_holder(core_.settings.holder);
  request.mutable_lease()->set_boot_id(core_.settings.boot_id);
  core_.sign(std::move(request), [this](const Result<v1::SignReply>& reply) { on_lease(reply); });
}

void AccountEngine::on_lease(const Result<v1::SignReply>& reply) {
  lease_asked_ = false;
  if (!reply) {
    next_lease_ = core_.now.mono + kRetry;
    signer_ok_ = false;
    if (signer_silent_) return;  // said already; the words of the first failure stay
    signer_silent_ = true;
    signer_problem_ = "the signer does not answer since " + utc_seconds(core_.now.wall) + ": " +
                      reply.error().text;
    core_.log(LogLevel::kError, "account=" + core_.settings.account + " " + signer_problem_);
    evaluate();
    return;
  }
  if (signer_silent_) {
    core_.log(LogLevel::kInfo, "account=" + core_.settings.account + " the signer answers again");
  }
  signer_ok_ = true;
  signer_silent_ = false;
  if (reply->status() != "OK") {
    next_lease_ = core_.now.mono + kRetry;
    const auto code = error_code_from_string(reply->code());
    // Who has lost the lease does not ask again; who never had it waits until it is free.
    if (code == ErrorCode::kLeaseLost && lease_held_) {
      lease_held_ = false;
      lease_refused_ = "lease lost: " + reply->reason();
    } else {
      core_.log(LogLevel::kWarning,
                "account=" + core_.settings.account + " lease refused: " + reply->reason());
      signer_problem_ = "the trading lease is not held: " + reply->reason();
    }
    evaluate();
    return;
  }
  next_lease_ = core_.now.mono + kLeaseInterval;
  const v1::LeaseGrant& grant = reply->lease();
  // Another epoch than that of our last READY: others may have signed since. That the signer calls
  // us the same instance proves nothing: the answer to the first grant may have been lost, or an
  // earlier life killed while it waited.
  if (grant.epoch() != lease_epoch_ && grant.epoch() != settled_epoch_) {
    if (grant.latest_expires_after() != 0) {
      wait_for_others_ = true;
      others_may_land_until_ =
          UnixNanos::from_millis(static_cast<std::int64_t>(grant.latest_expires_after()));
    }
    if (settled_epoch_ != 0 || !grant.same_instance()) look_again_ = true;
  }
  lease_held_ = true;
  lease_epoch_ = grant.epoch();
  executor_.set_lease_epoch(lease_epoch_);
  evaluate();
}

void AccountEngine::poll_venue_time() {
  const bool waiting = resolver_.size() > 0 || wait_for_others_ ||
                       core_.settings.journal_may_be_behind || state_ != EngineState::kReady;
  if (time_asked_ || core_.now.mono < next_time_poll_ || core_.instruments == nullptr) return;
  time_asked_ = true;
  next_time_poll_ = core_.now.mono + (!waiting                         ? kTimePollIdle
                                      : core_.waiting_questions() == 0 ? kTimePollWaiting
                                                                       : kTimePollScarce);
  core_.ask(hyperliquid::exchange_status_request(), TokenBudget::Urgency::kReserve,
            [this](const Result<std::string>& answer) {
              time_asked_ = false;
              if (!answer) return;
              const auto time = hyperliquid::parse_exchange_status(*answer);
              if (time) core_.venue_clock.on_time(*time, core_.now.wall, core_.now.mono);
            });
}

void AccountEngine::poll_address_budget() {
  if (!core_.settings.documented_limits || budget_asked_ || core_.now.mono < next_budget_poll_ ||
      state_ != EngineState::kReady) {
    return;
  }
  budget_asked_ = true;
  const std::uint64_t sent = core_.address.sent();
  core_.ask(hyperliquid::user_rate_limit_request(core_.settings.address),
            TokenBudget::Urgency::kOrdinary, [this, sent](const Result<std::string>& answer) {
              budget_asked_ = false;
              const auto told = answer ? hyperliquid::parse_user_rate_limit(*answer)
                                       : tl::unexpected(answer.error());
              if (told) core_.address.on_told(told->used, told->cap, sent);
              next_budget_poll_ = core_.now.mono + core_.address.interval();
            });
}

void AccountEngine::want_fills() {
  if (fills_wanted_) return;
  fills_wanted_ = true;
  fills_wanted_at_ = core_.now.mono + kMissingFills;
}

void AccountEngine::look_again() {
  if (!look_again_ || looking_again_ || !reconciled_ || reconciler_.running()) return;
  if (!protocol_.ready() || !lease_held_ || !others_may_land().empty()) return;
  looking_again_ = true;
  reconciler_.want_history();
  reconciler_.begin();
}

void AccountEngine::sweep() {
  if (!reconciled_ || reconciler_.running() || !protocol_.ready()) return;
  const bool urgent = fills_wanted_ && core_.now.mono >= fills_wanted_at_;
  if (urgent) {
    fills_wanted_ = false;
  } else {
    if (core_.now.mono < next_sweep_) return;
    // It leaves orders that go by REST their room, but not for ever.
    const bool late = core_.now.mono >= next_sweep_ + kSweepPatience;
    constexpr auto kOrdinary = TokenBudget::Urgency::kOrdinary;
    if (!late && !core_.weight.has(kSweepWeight, kOrdinary, core_.now.mono)) return;
  }
  next_sweep_ = core_.now.mono + core_.settings.reconcile_interval;
  const auto& dexs = core_.settings.dexs;
  reconciler_.begin(dexs[sweep_dex_ % dexs.size()]);
  ++sweep_dex_;
}

void AccountEngine::on_timer(Now now) {
  core_.now = now;
  core_.retry_backlog();
  core_.expire_questions();
  std::vector<hyperliquid::AccountProtocol::Action> actions;
  if (core_.stream_open) protocol_.on_timer(now.mono, actions);
  on_actions(actions);
  executor_.on_timer();
  resolver_.on_timer();
  reconciler_.on_timer();
  if (core_.instruments != nullptr && now.mono >= next_lease_) ask_lease();
  poll_venue_time();
  poll_address_budget();
  look_again();
  sweep();
  end_silent_sessions();
  if (!stopping_) keep_scheduled_cancel();
  for (auto it = dirty_dexs_.begin(); it != dirty_dexs_.end();) {
    if (now.mono < it->second) {
      ++it;
      continue;
    }
    reconciler_.refresh_positions(it->first);
    it = dirty_dexs_.erase(it);
  }
  std::vector<TrackerEvent> events;
  core_.tracker.release_held(now.wall, kFillPatience, events);
  core_.emit(std::move(events));
  for (const auto& [pair, orders] : core_.tracker.live_by_pair()) {
    for (const auto& [id, order] : orders) {
      // Without the lease it is the holder's to cancel: it may have placed under an id that we had
      // called FAILED, as a client does that turns to it with what we could not place.
      if (lease_held_ && order->must_be_cancelled()) canceller_.want(id);
      if (order->awaits_fills()) want_fills();
    }
  }
  if (limits::demands_cancel(risk_.level())) cancel_everything(now);
  canceller_.on_timer();
  send_coalesced();
  core_.tracker.forget_final(now.wall - core_.settings.final_order_retention,
                             core_.settings.max_final_orders);
  if (now.mono >= next_forget_) {
    next_forget_ = now.mono + kForgetInterval;
    core_.foreign.forget_final(now.wall - kForgetInterval);
    std::erase_if(replies_,
                  [&](const auto& known) { return now.wall - known.second.at > kReplyMemory; });
  }
  evaluate();
}

std::optional<Nanos> AccountEngine::wakes_at() const {
  const auto orders = coalescer_.next_due();
  const auto cancels = canceller_.next_due();
  return !orders || (cancels && *cancels < *orders) ? cancels : orders;
}

void AccountEngine::on_wake(Now now) {
  core_.now = now;
  canceller_.leave();
  send_coalesced();
}

void AccountEngine::send_coalesced() {
  for (auto& batch : coalescer_.due(core_.now.mono)) executor_.place(std::move(batch));
}

void AccountEngine::on_stop(Now now, bool leave) {
  core_.now = now;
  stopping_ = true;
  for (auto& batch : coalescer_.all(now.mono)) executor_.place(std::move(batch));
  if (leave) {
    if (const auto step = scheduled_cancel_.stop()) send_scheduled_cancel(*step);
  }
  evaluate();
}

void AccountEngine::on_level(Now now) {
  core_.now = now;
  if (limits::demands_cancel(risk_.level())) {
    cancel_everything(now);
    canceller_.on_timer();
  }
}

void AccountEngine::cancel_everything(Now now) {
  core_.now = now;
  // What still waits for company never leaves, and cancels wait for none.
  for (const auto& batch : coalescer_.all(now.mono)) {
    for (const auto& order : batch) {
      executor_.never_sent(order.id, Error{ErrorCode::kHalted, "everything is to be cancelled"});
    }
  }
  canceller_.hurry();
  for (const ClientOrderId& id : core_.tracker.live()) canceller_.want(id);
  if (core_.settings.foreign_orders == ForeignOrders::kAll) {
    std::vector<VenueOrderId> ids;
    for (const auto& [id, order] : core_.tracker.foreign()) ids.push_back(id);
    canceller_.want_foreign(ids);
  }
}

// ---------------------------------------------------------------- venue

void AccountEngine::on_stream_open(Now now) {
  core_.now = now;
  core_.stream_open = true;
  ++core_.connection_epoch;
  std::vector<hyperliquid::AccountProtocol::Action> actions;
  protocol_.on_connected(now.mono, actions);
  on_actions(actions);
  evaluate();
}

void AccountEngine::on_stream_closed(Now now) {
  core_.now = now;
  if (!core_.stream_open) return;
  core_.stream_open = false;
  ++core_.connection_epoch;
  reconciled_ = false;
  looking_again_ = false;
  reconciler_.abandon();
  protocol_.on_disconnected();
  core_.on_stream_closed();
  executor_.on_stream_closed();
  evaluate();
}

void AccountEngine::on_frame(std::string_view frame, Now now) {
  core_.now = now;
  std::vector<hyperliquid::AccountProtocol::Action> actions;
  for (const std::string& problem : protocol_.on_text(frame, now.mono, actions)) {
    ++core_.counters.problems;
    core_.log(LogLevel::kWarning, "account=" + core_.settings.account + " " + problem);
  }
  on_actions(actions);
  canceller_.leave();  // what waited for an order's own answer
}

void AccountEngine::on_fill(const venues::Fill& fill) {
  if (fill.time < reconciler_.fills_floor()) return;
  core_.take_fill(fill);
}

void AccountEngine::on_actions(std::vector<hyperliquid::AccountProtocol::Action>& actions) {
  using Protocol = hyperliquid::AccountProtocol;
  for (Protocol::Action& action : actions) {
    if (auto* text = std::get_if<Protocol::SendText>(&action)) {
      core_.out.emplace_back(SendFrame{std::move(text->text)});
    } else if (std::holds_alternative<Protocol::StreamReady>(action)) {
      reconciler_.begin();
      evaluate();
    } else if (const auto* stuck = std::get_if<Protocol::Stuck>(&action)) {
      core_.out.emplace_back(DropStream{"the user stream waits in vain for " + stuck->waiting_for});
    } else if (const auto* updates = std::get_if<hyperliquid::OrderUpdates>(&action)) {
      for (const auto& word : updates->words.items) core_.take_word(word);
    } else if (const auto* fills = std::get_if<hyperliquid::UserFills>(&action)) {
      if (fills->snapshot) {  // the newest first (hyperliquid.md section 7.2)
        const auto& items = fills->fills.items;
        std::for_each(items.rbegin(), items.rend(), [this](const auto& fill) { on_fill(fill); });
      } else {
        for (const auto& fill : fills->fills.items) on_fill(fill);
      }
    } else if (const auto* event = std::get_if<hyperliquid::UserEvent>(&action)) {
      for (const auto& fill : event->fills.items) on_fill(fill);
      for (const auto& twap : event->twaps) core_.take_twap(twap);
      for (const auto& word : event->fundings) {
        v1::Envelope envelope;
        envelope.set_event_type("funding");
        v1::FundingPayment& data = *envelope.mutable_funding();
        const TradingPair pair = core_.pair_of(word.symbol);
        data.set_venue(std::string(kVenue));
        data.set_account(core_.settings.account);
        data.set_trading_pair(pair.value());
        set_decimal(word.payment, *data.mutable_payment());
        if (word.quantity) set_decimal(*word.quantity, *data.mutable_amount());
        if (word.rate) set_decimal(*word.rate, *data.mutable_funding_rate());
        data.set_asset("USDC");
        data.set_exchange_timestamp(word.time.value());
        core_.publish("funding." + std::string(kVenue) + "." + pair.value(), std::move(envelope));
      }
      for (const auto& cancel : event->cancels) {
        // Which order, and why, comes with its own status.
        const InFlightOrder* order = core_.tracker.find_by_venue_id(cancel.venue_order_id);
        if (order != nullptr && order->may_be_live()) {
          canceller_.on_doubt(order->content().client_order_id);
        }
      }
      if (event->liquidation) {
        core_.log(LogLevel::kError,
                  "account=" + core_.settings.account + " liquidation: " + event->liquidation->raw);
        v1::Envelope envelope;
        envelope.set_event_type("ledger");
        v1::LedgerUpdate& data = *envelope.mutable_ledger();
        data.set_venue(std::string(kVenue));
        data.set_account(core_.settings.account);
        data.set_kind("liquidation");
        data.set_asset("USDC");
        data.set_raw(event->liquidation->raw);
        data.set_exchange_timestamp(core_.now.wall.value());
        core_.publish("ledger." + std::string(kVenue) + "." + core_.settings.account,
                      std::move(envelope));
      }
    } else if (const auto* answer = std::get_if<hyperliquid::PostAnswer>(&action)) {
      on_post(*answer);
    } else if (const auto* error = std::get_if<hyperliquid::StreamError>(&action)) {
      if (!error->pending_post) continue;
      const CopyAnswer refused{
          .kind = CopyAnswer::Kind::kLost, .body = {}, .status = 0, .reason = error->text};
      if (!executor_.on_post_answer(*error->pending_post, refused)) {
        core_.on_post_info(*error->pending_post, fail(ErrorCode::kRateLimited, error->text));
      }
    }
  }
}

void AccountEngine::on_post(const hyperliquid::PostAnswer& answer) {
  if (answer.kind == hyperliquid::PostKind::kInfo) {
    core_.on_post_info(answer.id, answer.payload);
    return;
  }
  CopyAnswer copy{
      .kind = CopyAnswer::Kind::kBody, .body = answer.payload, .status = 0, .reason = {}};
  if (answer.kind == hyperliquid::PostKind::kError) {
    copy.kind = CopyAnswer::Kind::kHttpStatus;
    copy.status = hyperliquid::leading_http_status(answer.payload);
    if (core_.on_post_info(answer.id, fail(ErrorCode::kVenueUnavailable, answer.payload))) return;
  }
  executor_.on_post_answer(answer.id, copy);
}

void AccountEngine::on_query_answer(QueryId id, const Result<std::string>& answer, Now now) {
  core_.now = now;
  core_.on_query_answer(id, answer);
  canceller_.leave();
}

void AccountEngine::on_copy_left(ActionId action, bool by_ws, CopyFate fate, Now now) {
  core_.now = now;
  executor_.on_copy_left(action, by_ws, fate);
}

void AccountEngine::on_copy_answer(ActionId action, bool by_ws, const CopyAnswer& answer, Now now) {
  core_.now = now;
  executor_.on_answer(action, by_ws, answer);
  canceller_.leave();
}

void AccountEngine::on_handed_to_signer(SignId id, Now now) {
  core_.now = now;
  executor_.on_handed_to_signer(id);
}

void AccountEngine::on_signed(SignId id, const Result<v1::SignReply>& reply, Now now) {
  core_.now = now;
  core_.on_signed(id, reply);
}

std::vector<EngineOut> AccountEngine::take_out() { return std::exchange(core_.out, {}); }

// ---------------------------------------------------------------- positions and balances

v1::Position AccountEngine::position_data(const TradingPair& pair,
                                          const PositionBook::Held& held) const {
  v1::Position data;
  data.set_venue(std::string(kVenue));
  data.set_account(core_.settings.account);
  data.set_trading_pair(pair.value());
  set_decimal(held.quantity, *data.mutable_amount());
  if (held.entry_price) set_decimal(*held.entry_price, *data.mutable_entry_price());
  if (held.word_is_current) {  // the venue's terms are those of this quantity
    if (held.word.unrealized_pnl) {
      set_decimal(*held.word.unrealized_pnl, *data.mutable_unrealized_pnl());
    }
    if (held.word.liquidation_price) {
      set_decimal(*held.word.liquidation_price, *data.mutable_liquidation_price());
    }
  }
  if (held.word.leverage) data.set_leverage(*held.word.leverage);
  data.set_margin_mode(held.word.margin_mode == venues::MarginMode::kCross ? "CROSS" : "ISOLATED");
  return data;
}

void AccountEngine::publish_position(const TradingPair& pair) {
  const auto found = positions_.all().find(pair);
  if (found == positions_.all().end()) return;
  v1::Envelope envelope;
  envelope.set_event_type("position");
  *envelope.mutable_position() = position_data(pair, found->second);
  core_.publish(
      "positions." + std::string(kVenue) + "." + core_.settings.account + "." + pair.value(),
      std::move(envelope));
}

void AccountEngine::publish_balance(const std::string& asset, const Decimal& total,
                                    const Decimal& available) {
  v1::Balance data;
  data.set_venue(std::string(kVenue));
  data.set_account(core_.settings.account);
  data.set_asset(asset);
  set_decimal(total, *data.mutable_total());
  set_decimal(available, *data.mutable_available());
  v1::Balance& known = balances_[asset];
  if (known.SerializeAsString() == data.SerializeAsString()) return;
  known = data;
  v1::Envelope envelope;
  envelope.set_event_type("balance");
  *envelope.mutable_balance() = data;
  core_.publish("balances." + std::string(kVenue) + "." + core_.settings.account + "." + asset,
                std::move(envelope));
}

}  // namespace perpwire::gateway
