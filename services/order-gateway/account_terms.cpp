#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <utility>

/// Commands about the account itself: leverage, isolated margin, sessions, the scheduled cancel.
namespace perpwire::gateway {
namespace {

v1::Reply answered(const std::string& request_id, const Status& status) {
  v1::Reply reply;
  reply.set_request_id(request_id);
  reply.set_status(status ? "ACCEPTED" : "REJECTED");
  if (!status) {
    reply.set_code(std::string(to_string(status.error().code)));
    reply.set_reason(status.error().text);
  }
  return reply;
}

}  // namespace

v1::Reply AccountEngine::set_terms(const v1::Command& command) {
  const std::string key = core_.settings.account + "\n" + command.type() + "\n" +
                          command.trading_pair() + "\n" + command.request_id();
  if (const auto known = replies_.find(key);
      !command.request_id().empty() && known != replies_.end()) {
    return known->second.reply;
  }
  auto request = command.type() == "set_leverage" ? leverage_request(command)
                                                  : isolated_margin_request(command);
  if (!request) {
    return answered(command.request_id(), tl::unexpected<Error>(std::move(request.error())));
  }
  v1::Reply reply = answered(command.request_id(), {});
  const TradingPair pair{command.trading_pair()};
  if (!command.request_id().empty()) remember_reply(key, reply);
  executor_.account_action(std::move(*request), [this, key, pair, type = command.type()](
                                                    const Executor::AccountOutcome& outcome) {
    on_terms(key, type, pair, outcome);
  });
  return reply;
}

void AccountEngine::on_terms(const std::string& key, const std::string& type,
                             const TradingPair& pair, const Executor::AccountOutcome& outcome) {
  if (outcome.fate != Fate::kAccepted) {
    const std::string words = type + " " + pair.value() + ": " + outcome.failure.reason;
    core_.log(LogLevel::kWarning, "account=" + core_.settings.account + " " + words);
    // Whoever asks again under the same request id hears what became of it.
    if (const auto known = replies_.find(key); known != replies_.end()) {
      v1::Reply told = known->second.reply;
      told.set_status("REJECTED");
      told.set_code(std::string(to_string(outcome.failure.code)));
      told.set_reason(outcome.failure.reason);
      remember_reply(key, told);
    }
  }
  if (outcome.fate == Fate::kAccepted || outcome.fate == Fate::kUnknown) {
    // The terms themselves come with the venue's own view of the position.
    reconciler_.refresh_positions(std::string(hyperliquid::dex_of(pair.value())));
  }
}

Result<v1::SignRequest> AccountEngine::leverage_request(const v1::Command& command) const {
  if (core_.instruments == nullptr) {
    return fail(ErrorCode::kNotReady, "the venue's asset map is not loaded");
  }
  const auto found = core_.instruments->find(TradingPair{command.trading_pair()});
  if (!found) return tl::unexpected(found.error());
  const hyperliquid::Instrument& instrument = **found;
  if (!instrument.max_leverage) {
    return fail(ErrorCode::kUnsupported,
                command.trading_pair() + " has no leverage: it is a spot pair");
  }
  if (!command.has_leverage() || command.leverage() == 0 ||
      command.leverage() > *instrument.max_leverage) {
    return fail(ErrorCode::kInvalidCommand,
                "leverage: expected 1 to " + std::to_string(*instrument.max_leverage) + " for " +
                    command.trading_pair() + ", found " +
                    (command.has_leverage() ? std::to_string(command.leverage()) : "nothing"));
  }
  const bool cross_allowed = instrument.margin_rule == hyperliquid::MarginRule::kCrossAllowed;
  const std::string& mode = command.margin_mode();
  if (mode != "CROSS" && mode != "ISOLATED") {
    return fail(ErrorCode::kInvalidCommand,
                "margin_mode: expected CROSS or ISOLATED, found \"" + mode + "\"");
  }
  if (mode == "CROSS" && !cross_allowed) {
    return fail(ErrorCode::kUnsupported,
                "margin_mode: " + command.trading_pair() + " allows ISOLATED only");
  }
  if (Status open = open_for_orders(); !open) return tl::unexpected(open.error());
  v1::SignRequest request = executor_.new_request(true);
  v1::UpdateLeverageAction& wire = *request.mutable_update_leverage();
  wire.set_asset(instrument.asset);
  wire.set_trading_pair(command.trading_pair());
  wire.set_is_cross(mode == "CROSS");
  wire.set_leverage(command.leverage());
  return request;
}

Result<v1::SignRequest> AccountEngine::isolated_margin_request(const v1::Command& command) const {
  if (core_.instruments == nullptr) {
    return fail(ErrorCode::kNotReady, "the venue's asset map is not loaded");
  }
  const TradingPair pair{command.trading_pair()};
  const auto found = core_.instruments->find(pair);
  if (!found) return tl::unexpected(found.error());
  const hyperliquid::Instrument& instrument = **found;
  const auto amount = command.has_amount()
                          ? to_decimal(command.amount())
                          : Result<Decimal>{fail(ErrorCode::kInvalidCommand, "nothing")};
  if (!amount || amount->is_zero()) {
    return fail(ErrorCode::kInvalidCommand,
                "amount: expected USD to add, or below zero to remove, found " +
                    (amount ? amount->to_string() : amount.error().text));
  }
  // The venue counts it in millionths (hyperliquid.md section 5.2).
  const auto micros = multiply(widen(*amount), WideDecimal{1'000'000});
  const auto whole = micros ? narrow(*micros) : fail(ErrorCode::kInvalidCommand, "");
  if (!whole || !is_multiple(*whole, Decimal{1})) {
    return fail(ErrorCode::kInvalidCommand,
                "amount: expected at most 6 digits after the point, found " + amount->to_string());
  }
  const Quantity position = positions_.quantity(pair);
  if (position.is_zero()) {
    return fail(ErrorCode::kPositionNotFound, "no position in " + pair.value());
  }
  if (amount->is_negative() && instrument.margin_rule == hyperliquid::MarginRule::kStrictIsolated) {
    return fail(ErrorCode::kUnsupported,
                "margin of " + pair.value() + " cannot be removed: reduce the position");
  }
  if (Status open = open_for_orders(); !open) return tl::unexpected(open.error());
  std::int64_t scaled = whole->mantissa();
  for (int i = whole->exponent(); i > 0; --i) scaled *= 10;
  v1::SignRequest request = executor_.new_request(true);
  v1::UpdateIsolatedMarginAction& wire = *request.mutable_update_isolated_margin();
  wire.set_asset(instrument.asset);
  wire.set_trading_pair(pair.value());
  wire.set_is_buy(!position.is_negative());
  wire.set_usd_micros(scaled);
  return request;
}

// ---------------------------------------------------------------- sessions

v1::Reply AccountEngine::session(const v1::Command& command) {
  const auto heard = sessions_.hear(command.session(), core_.now.mono);
  if (!heard) {
    return answered(command.request_id(), tl::unexpected<Error>(heard.error()));
  }
  if (heard->changed && !note_sessions()) {
    // It counts all the same; a restart would not know it.
    core_.log(LogLevel::kError, "account=" + core_.settings.account + " session " +
                                    command.session().name() + " is not in the journal");
  }
  return answered(command.request_id(), {});
}

void AccountEngine::end_silent_sessions() {
  const auto silent = sessions_.take_silent(core_.now.mono);
  if (silent.empty()) return;
  for (const Sessions::Session& gone : silent) {
    std::size_t wanted = 0;
    for (const ClientOrderId& id : core_.tracker.live()) {
      if (gone.policy == OnDisconnect::kNone) break;
      const InFlightOrder* order = core_.tracker.find(id);
      if (gone.policy == OnDisconnect::kStrategy && order->content().strategy != gone.name) {
        continue;
      }
      canceller_.want(id);
      ++wanted;
    }
    core_.log(LogLevel::kWarning, "account=" + core_.settings.account + " session " + gone.name +
                                      " fell silent: " + std::to_string(wanted) +
                                      " orders to cancel (" + std::string(to_string(gone.policy)) +
                                      ")");
  }
  ignore(note_sessions(), "a restart then finds it silent once more");
}

// ---------------------------------------------------------------- scheduled cancel

void AccountEngine::keep_scheduled_cancel() {
  const bool may_send = reconciled_ && core_.stream_open && signer_ok_ && executor_.has_room();
  const auto step =
      scheduled_cancel_.next(may_send, core_.tracker.live_count(), core_.now.wall, core_.now.mono);
  if (step) send_scheduled_cancel(*step);
}

void AccountEngine::send_scheduled_cancel(const ScheduledCancel::Step& step) {
  v1::SignRequest request = executor_.new_request(false);
  v1::ScheduleCancelAction& wire = *request.mutable_schedule_cancel();
  if (step.time) wire.set_time_ms(static_cast<std::uint64_t>(step.time->millis()));
  executor_.account_action(std::move(request), [this](const Executor::AccountOutcome& outcome) {
    bool changed = false;
    switch (outcome.fate) {
      case Fate::kAccepted:
        changed = scheduled_cancel_.on_accepted();
        break;
      case Fate::kRejected: {
        const bool qualifies = !outcome.failure.reason.starts_with("Cannot set scheduled cancel");
        changed = scheduled_cancel_.on_refused(outcome.failure.reason, qualifies, core_.now.mono);
        break;
      }
      case Fate::kNotExecuted:
        changed = scheduled_cancel_.on_refused(outcome.failure.reason, true, core_.now.mono);
        break;
      case Fate::kUnknown:
      case Fate::kInFlight:
        changed = scheduled_cancel_.on_lost(core_.now.mono);
        break;
    }
    if (!changed) return;
    ignore(note_scheduled_cancel(), "a restart then does not clear what it need not");
    publish_status({});
  });
}

}  // namespace perpwire::gateway
