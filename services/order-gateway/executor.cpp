#include "services/order-gateway/executor.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/utf8.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/errors.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <algorithm>
#include <utility>

namespace perpwire::gateway {
namespace {

using hyperliquid::Copies;
using hyperliquid::ErrorMeaning;
using hyperliquid::ExchangeReply;
using hyperliquid::ItemReply;
using hyperliquid::Verdict;

// Below this the fallback could arrive after its own expiry and prove nothing.
constexpr Nanos kLeastTimeLeft = std::chrono::seconds{2};
constexpr Nanos kRestTimeout = std::chrono::seconds{10};

std::string_view wire_time_in_force(const OrderContent& content) {
  if (content.type == OrderType::kMarket) return "IOC";
  return to_string(content.time_in_force);
}

void set_trigger(const OrderContent& content, v1::Trigger& out) {
  const bool stop = content.type == OrderType::kStopLimit || content.type == OrderType::kStopMarket;
  out.set_is_market(content.type == OrderType::kStopMarket ||
                    content.type == OrderType::kTakeProfitMarket);
  set_decimal(*content.trigger_price, *out.mutable_trigger_price());
  out.set_kind(stop ? "sl" : "tp");
}

/// Whether the words are about this action's own fate, or say that nothing can be concluded.
ErrorMeaning meaning(const CopyAnswer& answer, const ExchangeReply* reply, Copies copies) {
  if (reply != nullptr) {
    ErrorMeaning found = hyperliquid::meaning_of(reply->text, copies);
    // Words that nobody has seen before prove nothing about an order.
    if (!found.recognised) found.verdict = Verdict::kUnknown;
    return found;
  }
  if (answer.kind == CopyAnswer::Kind::kHttpStatus) {
    return hyperliquid::meaning_of_http(static_cast<int>(answer.status), copies);
  }
  return {ErrorCode::kVenueUnavailable, Verdict::kUnknown, false};
}

}  // namespace

std::string_view to_string(ActionKind kind) {
  switch (kind) {
    case ActionKind::kOrder:
      return "order";
    case ActionKind::kModify:
      return "modify";
    case ActionKind::kCancel:
      return "cancel";
    case ActionKind::kNoop:
      return "noop";
    case ActionKind::kAccount:
      return "account";
  }
  return "";
}

Executor::Executor(EngineCore& core)
    : core_(core),
      breaker_(core.settings.ws_post.enabled,
               static_cast<std::uint64_t>(core.settings.ws_post.max_consecutive_failures),
               core.settings.ws_post.failure_cooldown) {}

// ---------------------------------------------------------------- what is asked of us

v1::SignRequest Executor::new_request(bool with_lease) const {
  v1::SignRequest request;
  request.set_type("sign");
  if (with_lease) request.set_lease_epoch(lease_epoch_);
  // No key: the signer knows which one signs for the account now.
  request.set_account(core_.settings.account);
  request.set_network(core_.settings.network);
  if (core_.settings.vault) request.set_vault_address(core_.settings.address);
  request.set_expires_after_ms(core_.settings.expires_after_ms);
  return request;
}

void Executor::place(std::vector<NewOrder> orders, std::string_view grouping) {
  Pending pending;
  pending.kind = ActionKind::kOrder;
  v1::SignRequest request = new_request(true);
  request.mutable_order()->set_grouping(std::string(grouping));
  for (const NewOrder& fresh : orders) {
    const InFlightOrder* order = core_.tracker.find(fresh.id);
    PW_ASSERT(order != nullptr);
    const OrderContent& content = order->content();
    const auto* instrument = core_.instruments->by_pair(content.trading_pair);
    PW_ASSERT(instrument != nullptr);
    v1::WireOrder& wire = *request.mutable_order()->add_orders();
    wire.set_asset(instrument->asset);
    wire.set_trading_pair(content.trading_pair.value());
    wire.set_is_buy(content.side == Side::kBuy);
    set_decimal(fresh.wire_price, *wire.mutable_price());
    set_decimal(content.amount, *wire.mutable_quantity());
    wire.set_reduce_only(content.reduce_only);
    if (has_trigger(content.type)) {
      set_trigger(content, *wire.mutable_trigger());
    } else {
      wire.set_time_in_force(std::string(wire_time_in_force(content)));
    }
    wire.set_cloid(order->cloid());
    pending.orders.push_back(fresh.id);
  }
  core_.counters.placed += orders.size();
  sign(std::move(pending), std::move(request));
}

void Executor::never_sent(const ClientOrderId& id, const Error& why) {
  InFlightOrder* order = core_.tracker.find(id);
  if (order == nullptr) return;
  order->create_fate(Fate::kNotExecuted, {}, Failure{why.code, why.text});
  std::vector<TrackerEvent> events;
  core_.tracker.settle(*order, core_.now.wall, events);
  core_.emit(std::move(events));
}

void Executor::place_twap(const ClientOrderId& id) {
  const InFlightOrder* order = core_.tracker.find(id);
  PW_ASSERT(order != nullptr && order->content().twap.has_value());
  const OrderContent& content = order->content();
  const auto* instrument = core_.instruments->by_pair(content.trading_pair);
  PW_ASSERT(instrument != nullptr);
  Pending pending;
  pending.kind = ActionKind::kOrder;
  pending.orders.push_back(id);
  v1::SignRequest request = new_request(true);
  v1::TwapOrderAction& wire = *request.mutable_twap_order();
  wire.set_asset(instrument->asset);
  wire.set_trading_pair(content.trading_pair.value());
  wire.set_is_buy(content.side == Side::kBuy);
  set_decimal(content.amount, *wire.mutable_quantity());
  wire.set_reduce_only(content.reduce_only);
  wire.set_minutes(content.twap->minutes);
  wire.set_randomize(content.twap->randomize);
  ++core_.counters.placed;
  sign(std::move(pending), std::move(request));
}

void Executor::account_action(v1::SignRequest request, AccountDone done) {
  Pending pending;
  pending.kind = ActionKind::kAccount;
  pending.done = std::move(done);
  sign(std::move(pending), std::move(request));
}

void Executor::tell(Pending& pending, const AccountOutcome& outcome) {
  const auto told = std::exchange(pending.done, nullptr);
  if (told) told(outcome);
}

void Executor::cancel_twap(InFlightOrder& order) {
  const auto id = order.venue_order_id();
  const auto twap = id ? hyperliquid::twap_id_of(*id) : std::nullopt;
  const auto* instrument = core_.instruments->by_pair(order.content().trading_pair);
  if (!twap || instrument == nullptr) return;  // cancelled as soon as its number is known
  Pending pending;
  pending.kind = ActionKind::kCancel;
  pending.orders.push_back(order.content().client_order_id);
  v1::SignRequest request = new_request(false);
  v1::TwapCancelAction& wire = *request.mutable_twap_cancel();
  wire.set_asset(instrument->asset);
  wire.set_trading_pair(order.content().trading_pair.value());
  wire.set_twap_id(*twap);
  order.begin_cancel();
  ++core_.counters.cancels_sent;
  settle_orders(pending);
  sign(std::move(pending), std::move(request));
}

void Executor::modify(const ClientOrderId& id, ModifyIntent intent) {
  InFlightOrder* order = core_.tracker.find(id);
  PW_ASSERT(order != nullptr && order->can_modify());
  const OrderContent& content = order->content();
  const auto* instrument = core_.instruments->by_pair(content.trading_pair);
  PW_ASSERT(instrument != nullptr);
  Pending pending;
  pending.id = core_.next_action_id();
  pending.kind = ActionKind::kModify;
  pending.orders.push_back(id);
  intent.action = pending.id;
  pending.intents.push_back(intent);
  v1::SignRequest request = new_request(true);
  v1::WireModify& wire = *request.mutable_batch_modify()->add_modifies();
  // By the venue's id: a modify that reaches a leg which is gone must fail, not hit another.
  std::uint64_t venue_id = 0;
  const auto current_leg = order->venue_order_id();  // by value: a range-for would let it go
  for (const char digit : current_leg->value()) {
    venue_id = venue_id * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  wire.set_venue_order_id(venue_id);
  v1::WireOrder& leg = *wire.mutable_order();
  leg.set_asset(instrument->asset);
  leg.set_trading_pair(content.trading_pair.value());
  leg.set_is_buy(content.side == Side::kBuy);
  set_decimal(intent.price, *leg.mutable_price());
  set_decimal(intent.quantity, *leg.mutable_quantity());
  leg.set_reduce_only(content.reduce_only);
  leg.set_time_in_force("ALO");
  leg.set_cloid(order->cloid());
  order->begin_modify(intent);
  sign(std::move(pending), std::move(request));
}

void Executor::cancel(std::vector<ClientOrderId> orders) {
  Pending pending;
  pending.kind = ActionKind::kCancel;
  v1::SignRequest request = new_request(false);
  for (const ClientOrderId& id : orders) {
    InFlightOrder* order = core_.tracker.find(id);
    const auto* instrument =
        order == nullptr ? nullptr : core_.instruments->by_pair(order->content().trading_pair);
    if (instrument == nullptr) continue;
    if (order->content().type == OrderType::kTwap) {
      cancel_twap(*order);
      continue;
    }
    v1::WireCancelByCloid& wire = *request.mutable_cancel_by_cloid()->add_cancels();
    wire.set_asset(instrument->asset);
    wire.set_trading_pair(order->content().trading_pair.value());
    wire.set_cloid(order->cloid());
    order->begin_cancel();
    pending.orders.push_back(id);
  }
  if (pending.orders.empty()) return;
  core_.counters.cancels_sent += pending.orders.size();
  settle_orders(pending);
  sign(std::move(pending), std::move(request));
}

void Executor::cancel_foreign(const std::vector<Orphan>& orders) {
  Pending pending;
  pending.kind = ActionKind::kCancel;
  pending.foreign = true;
  v1::SignRequest request = new_request(false);
  for (const Orphan& order : orders) {
    const auto* instrument = core_.instruments->by_pair(order.trading_pair);
    if (instrument == nullptr) continue;
    v1::WireCancel& wire = *request.mutable_cancel()->add_cancels();
    wire.set_asset(instrument->asset);
    wire.set_trading_pair(order.trading_pair.value());
    std::uint64_t venue_id = 0;
    for (const char digit : order.word.venue_order_id.value()) {
      venue_id = venue_id * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    wire.set_venue_order_id(venue_id);
  }
  if (request.cancel().cancels_size() == 0) return;
  sign(std::move(pending), std::move(request));
}

void Executor::fence(std::uint64_t nonce, const std::string& key, std::function<void(bool)> held) {
  Pending pending;
  pending.kind = ActionKind::kNoop;
  pending.fence = std::move(held);
  v1::SignRequest request = new_request(false);
  request.set_nonce(nonce);
  request.set_key(key);
  request.mutable_noop();
  ++core_.counters.fences;
  sign(std::move(pending), std::move(request));
}

void Executor::sign(Pending pending, v1::SignRequest request) {
  if (pending.id == 0) pending.id = core_.next_action_id();
  const ActionId id = pending.id;
  Pending& kept = pending_.emplace(id, std::move(pending)).first->second;
  kept.sign_id = core_.sign(
      std::move(request), [this, id](const Result<v1::SignReply>& reply) { on_signed(id, reply); });
}

void Executor::stamp(const Pending& pending, std::int64_t Stamps::*moment) {
  if (pending.kind != ActionKind::kOrder) return;
  for (const ClientOrderId& id : pending.orders) {
    InFlightOrder* order = core_.tracker.find(id);
    if (order != nullptr && order->stamps().*moment == 0) {
      order->stamps().*moment = core_.now.wall.value();
    }
  }
}

void Executor::on_handed_to_signer(SignId id) {
  for (const auto& [action, pending] : pending_) {
    if (pending.sign_id == id) return stamp(pending, &Stamps::decided);
  }
}

// ---------------------------------------------------------------- signed, then sent

void Executor::on_signed(ActionId id, const Result<v1::SignReply>& reply) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  if (!reply || reply->status() != "OK" || reply->body().empty()) {
    Failure failure{ErrorCode::kSignerUnavailable, reply ? reply->reason() : reply.error().text};
    if (reply && reply->status() == "REJECTED") {
      failure.code = error_code_from_string(reply->code()).value_or(ErrorCode::kSignerRefused);
      if (failure.code == ErrorCode::kLeaseLost && on_lease_lost) on_lease_lost(failure.reason);
    }
    // No signature reached us, so no byte reached the venue.
    not_executed(pending, Fate::kNotExecuted, failure);
    finish(id);
    return;
  }
  pending.nonce = reply->nonce();
  pending.key = reply->key();
  pending.expires_after_ms = reply->expires_after();
  pending.body = reply->body();
  pending.sent = core_.now.wall;
  stamp(pending, &Stamps::signed_at);
  if (const Status may = allowed(pending); !may) {
    not_executed(pending, Fate::kNotExecuted, Failure{may.error().code, may.error().text});
    finish(id);
    return;
  }
  const bool by_ws = core_.stream_open && breaker_.usable(core_.now.mono);
  if (!journal_sending(pending, by_ws) && pending.kind != ActionKind::kCancel) {
    not_executed(pending, Fate::kNotExecuted,
                 Failure{ErrorCode::kInternal, "the journal did not take the action"});
    finish(id);
    return;
  }
  send(pending);
}

Status Executor::allowed(const Pending& pending) const {
  if (pending.kind != ActionKind::kOrder && pending.kind != ActionKind::kModify) return {};
  for (const ClientOrderId& id : pending.orders) {
    const InFlightOrder* order = core_.tracker.find(id);
    if (order == nullptr || !may_still_send) continue;
    if (Status may = may_still_send(*order); !may) return may;
  }
  return {};
}

bool Executor::journal_sending(Pending& pending, bool by_ws) {
  if (pending.kind == ActionKind::kNoop || pending.kind == ActionKind::kAccount) return true;
  v1::JournalRecord record;
  v1::ActionSent& sent = *record.mutable_action_sent();
  sent.set_account(core_.settings.account);
  sent.set_kind(std::string(to_string(pending.kind)));
  sent.set_nonce(pending.nonce);
  sent.set_key(pending.key);
  sent.set_expires_after(static_cast<std::int64_t>(pending.expires_after_ms));
  for (const ClientOrderId& id : pending.orders) sent.add_client_order_ids(id.value());
  sent.set_path(by_ws ? "ws" : "rest");
  sent.set_action_id(pending.id);
  sent.set_sent(pending.sent.value());
  for (std::size_t i = 0; i < pending.intents.size(); ++i) {
    v1::LegSent& leg = *sent.add_legs();
    leg.set_client_order_id(pending.orders[i].value());
    set_decimal(pending.intents[i].price, *leg.mutable_price());
    set_decimal(pending.intents[i].amount, *leg.mutable_amount());
    set_decimal(pending.intents[i].quantity, *leg.mutable_quantity());
  }
  if (!core_.note(record)) return false;
  pending.record = record.index();
  return true;
}

std::uint64_t Executor::oldest_record() const {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& [id, pending] : pending_) oldest = std::min(oldest, pending.record);
  return oldest;
}

Status Executor::room_for_action() const {
  std::uint64_t actions = 1;
  for (const auto& [id, pending] : pending_) {
    actions += pending.ws_may_have_left || pending.rest_may_have_left ? 0 : 1;
  }
  constexpr auto kOrdinary = TokenBudget::Urgency::kOrdinary;
  if ((breaker_.usable(core_.now.mono) && core_.messages.has(actions, kOrdinary, core_.now.mono)) ||
      core_.weight.has(actions * hyperliquid::exchange_weight(1), kOrdinary, core_.now.mono)) {
    return {};
  }
  return fail(ErrorCode::kRateLimited, "our share of the venue's budget is used up");
}

void Executor::send(Pending& pending) {
  // One for an action without a list.
  core_.address.on_sent(std::max<std::size_t>(pending.orders.size(), 1));
  const bool ordinary = pending.kind == ActionKind::kOrder || pending.kind == ActionKind::kModify;
  const auto urgency = ordinary ? TokenBudget::Urgency::kOrdinary : TokenBudget::Urgency::kReserve;
  if (core_.stream_open && breaker_.usable(core_.now.mono) &&
      core_.messages.take(1, urgency, core_.now.mono)) {
    pending.post_id = core_.next_post_id();
    pending.ws_open = true;
    pending.ws_may_have_left = true;
    pending.ws_began = core_.now.mono;
    pending.ws_deadline = core_.now.mono + core_.settings.ws_post.timeout;
    posts_.emplace(pending.post_id, pending.id);
    ++core_.counters.ws_posts;
    core_.out.emplace_back(SendWs{pending.id, pending.post_id, pending.body});
    return;
  }
  const auto items = static_cast<std::uint32_t>(pending.orders.size());
  if (!core_.weight.take(hyperliquid::exchange_weight(items), urgency, core_.now.mono)) {
    not_executed(pending, Fate::kNotExecuted,
                 Failure{ErrorCode::kRateLimited, "our share of the venue's budget is used up"});
    finish(pending.id);
    return;
  }
  send_rest(pending);
}

void Executor::send_rest(Pending& pending) {
  pending.rest_open = true;
  pending.rest_may_have_left = true;
  pending.rest_began = core_.now.mono;
  pending.rest_deadline = core_.now.mono + kRestTimeout;
  ++core_.counters.rest_posts;
  core_.out.emplace_back(SendRest{pending.id, pending.body});
}

bool Executor::time_left(const Pending& pending) const {
  const UnixNanos expires =
      UnixNanos::from_millis(static_cast<std::int64_t>(pending.expires_after_ms));
  return pending.expires_after_ms == 0 || expires - core_.now.wall >= kLeastTimeLeft;
}

void Executor::on_copy_left(ActionId action, bool by_ws, CopyFate fate) {
  const auto found = pending_.find(action);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  if (fate == CopyFate::kLeft) return stamp(pending, &Stamps::sent);
  copy_failed(action, by_ws, fate == CopyFate::kNeverLeft, "the bytes were not written");
}

// ---------------------------------------------------------------- answers

bool Executor::on_post_answer(std::uint64_t post_id, const CopyAnswer& answer) {
  const auto found = posts_.find(post_id);
  if (found == posts_.end()) return false;
  on_answer(found->second, true, answer);
  return true;
}

void Executor::on_answer(ActionId action, bool by_ws, const CopyAnswer& answer) {
  const auto found = pending_.find(action);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  if (answer.kind == CopyAnswer::Kind::kNeverLeft || answer.kind == CopyAnswer::Kind::kLost) {
    copy_failed(action, by_ws, answer.kind == CopyAnswer::Kind::kNeverLeft, answer.reason);
    return;
  }
  const bool only_copy = !(pending.ws_may_have_left && pending.rest_may_have_left);
  const Copies copies = only_copy ? Copies::kOnlyOne : Copies::kMaybeMore;
  (by_ws ? pending.ws_open : pending.rest_open) = false;
  if (on_answered)
    on_answered(by_ws, core_.now.mono - (by_ws ? pending.ws_began : pending.rest_began));
  if (by_ws) breaker_.on_success();
  Result<ExchangeReply> reply = fail(ErrorCode::kMalformed, "no body");
  if (answer.kind == CopyAnswer::Kind::kBody)
    reply = hyperliquid::parse_exchange_reply(answer.body);
  stamp(pending, &Stamps::acked);
  if (reply && reply->kind != ExchangeReply::Kind::kRefused) {
    apply(pending, *reply, only_copy);
    return;
  }
  const ErrorMeaning found_meaning = meaning(answer, reply ? &*reply : nullptr, copies);
  const std::string words = reply ? reply->text : readable(answer.body, 200);
  switch (found_meaning.verdict) {
    case Verdict::kRejected:
      not_executed(pending, Fate::kRejected, Failure{found_meaning.code, words});
      finish(action);
      return;
    case Verdict::kNotExecuted:
      not_executed(pending, Fate::kNotExecuted, Failure{found_meaning.code, words});
      finish(action);
      return;
    case Verdict::kUnknown:
      break;
  }
  core_.log(LogLevel::kWarning, "account=" + core_.settings.account +
                                    " action=" + std::string(to_string(pending.kind)) +
                                    " nonce=" + std::to_string(pending.nonce) +
                                    " answered without proof: " + words);
  if (pending.ws_open || pending.rest_open) return;  // the other copy may still tell
  unknown(pending);
}

void Executor::apply(Pending& pending, const ExchangeReply& reply, bool /*only_copy*/) {
  if (pending.kind == ActionKind::kNoop) {
    const ItemReply* item = reply.item(0, 1);
    const bool held = reply.kind == ExchangeReply::Kind::kDefault ||
                      (item != nullptr && item->kind == ItemReply::Kind::kSuccess);
    const auto told = std::move(pending.fence);
    finish(pending.id);
    if (told) told(held);
    return;
  }
  if (pending.kind == ActionKind::kAccount) {
    const ItemReply* item = reply.item(0, 1);
    const auto done = std::exchange(pending.done, nullptr);
    finish(pending.id);
    if (!done) return;
    if (item != nullptr && item->kind == ItemReply::Kind::kError) {
      done({Fate::kRejected, Failure{hyperliquid::meaning_of(item->text, Copies::kOnlyOne).code,
                                     std::string(hyperliquid::bare_error(item->text))}});
    } else {
      done({Fate::kAccepted, {}});
    }
    return;
  }
  for (std::size_t i = 0; i < pending.orders.size(); ++i) {
    const ItemReply* item = reply.item(i, pending.orders.size());
    apply_to_order(pending, i, item != nullptr ? *item : ItemReply{});
  }
  settle_orders(pending);
  const bool open =
      std::any_of(pending.orders.begin(), pending.orders.end(), [&](const ClientOrderId& id) {
        const InFlightOrder* order = core_.tracker.find(id);
        if (order == nullptr) return false;
        if (pending.kind == ActionKind::kOrder) return order->create_unsettled();
        if (pending.kind == ActionKind::kModify) return order->unsettled_modify() == pending.id;
        return false;
      });
  if (open) {
    unknown(pending);
  } else {
    finish(pending.id);
  }
}

void Executor::apply_to_order(Pending& pending, std::size_t i, const ItemReply& item) {
  InFlightOrder* order = core_.tracker.find(pending.orders[i]);
  if (order == nullptr) return;
  const Acknowledgement ack{
      .venue_order_id = item.venue_order_id,
      .executed = item.total,
      .time = core_.venue_clock.estimate(core_.now.mono).value_or(core_.now.wall)};
  const Failure words{hyperliquid::meaning_of(item.text, Copies::kOnlyOne).code,
                      std::string(hyperliquid::bare_error(item.text))};
  switch (item.kind) {
    case ItemReply::Kind::kResting:
    case ItemReply::Kind::kFilled:
    case ItemReply::Kind::kWaiting:
      if (pending.kind == ActionKind::kOrder) order->create_fate(Fate::kAccepted, ack);
      if (pending.kind == ActionKind::kModify && item.venue_order_id) {
        order->modify_fate(pending.id, Fate::kAccepted, ack);
      }
      return;
    case ItemReply::Kind::kSuccess:
      if (pending.kind == ActionKind::kCancel) {
        order->cancel_fate(CancelFate::kConfirmed, std::nullopt, ack.time);
      }
      return;
    case ItemReply::Kind::kError:
      if (pending.kind == ActionKind::kOrder) order->create_fate(Fate::kRejected, {}, words);
      if (pending.kind == ActionKind::kModify) {
        order->modify_fate(pending.id, Fate::kRejected, {}, words);
        note_modify_settled(pending.id, pending.orders[i]);
        // Whether the old order lives on is not said. (hyperliquid.md section 14)
        if (on_cancel_doubtful) on_cancel_doubtful(pending.orders[i]);
      }
      if (pending.kind == ActionKind::kCancel) {
        order->cancel_fate(CancelFate::kRefused, words);
        if (on_cancel_doubtful) on_cancel_doubtful(pending.orders[i]);
      }
      return;
    case ItemReply::Kind::kOther:
      if (pending.kind == ActionKind::kCancel) {
        order->cancel_fate(CancelFate::kUnknown);
        if (on_cancel_doubtful) on_cancel_doubtful(pending.orders[i]);
      }
      return;
  }
}

void Executor::note_modify_settled(ActionId action, const ClientOrderId& id) {
  v1::JournalRecord record;
  v1::StateNote& note = *record.mutable_state_note();
  note.set_name(std::string(kModifySettled));
  note.set_value(std::to_string(action) + " " + id.value());
  // Where the disk refuses it, a restart asks the venue once more.
  ignore(core_.note(record), "only saves a question after a restart");
}

// ---------------------------------------------------------------- no answer

void Executor::copy_failed(ActionId id, bool by_ws, bool never_left, const std::string& reason) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  bool& open = by_ws ? pending.ws_open : pending.rest_open;
  if (!open) return;
  open = false;
  if (never_left) (by_ws ? pending.ws_may_have_left : pending.rest_may_have_left) = false;
  if (by_ws) {
    breaker_.on_failure(core_.now.mono);
    const bool room = core_.weight.take(
        hyperliquid::exchange_weight(static_cast<std::uint32_t>(pending.orders.size())),
        TokenBudget::Urgency::kReserve, core_.now.mono);
    if (core_.settings.ws_post.fallback_to_rest && !pending.rest_may_have_left &&
        time_left(pending) && room && allowed(pending)) {
      ++core_.counters.fallbacks;
      send_rest(pending);
      return;
    }
  }
  if (pending.ws_open || pending.rest_open) return;
  give_up(id, reason);
}

void Executor::give_up(ActionId id, const std::string& reason) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  if (!pending.ws_may_have_left && !pending.rest_may_have_left) {
    not_executed(pending, Fate::kNotExecuted,
                 Failure{ErrorCode::kVenueUnavailable, "never left: " + reason});
    finish(id);
    return;
  }
  unknown(pending);
}

void Executor::not_executed(Pending& pending, Fate fate, const Failure& failure) {
  if (pending.kind == ActionKind::kAccount) return tell(pending, {fate, failure});
  if (pending.kind == ActionKind::kNoop) {
    if (pending.fence) pending.fence(false);
    return;
  }
  for (const ClientOrderId& id : pending.orders) {
    InFlightOrder* order = core_.tracker.find(id);
    if (order == nullptr) continue;
    switch (pending.kind) {
      case ActionKind::kOrder:
        order->create_fate(fate, {}, failure);
        break;
      case ActionKind::kModify:
        order->modify_fate(pending.id, fate, {}, failure);
        note_modify_settled(pending.id, id);
        break;
      case ActionKind::kCancel:
        // A cancel that did nothing is tried again; only the venue's refusal is told.
        order->cancel_fate(fate == Fate::kRejected ? CancelFate::kRefused : CancelFate::kUnknown,
                           failure);
        if (on_cancel_doubtful) on_cancel_doubtful(id);
        break;
      case ActionKind::kNoop:
      case ActionKind::kAccount:
        break;
    }
  }
  settle_orders(pending);
}

void Executor::unknown(Pending& pending) {
  if (pending.unknown) return;
  pending.unknown = true;
  ++core_.counters.unknown_actions;
  const ActionId id = pending.id;
  if (pending.kind == ActionKind::kAccount) {
    const auto done = std::exchange(pending.done, nullptr);
    finish(id);
    if (done)
      done({Fate::kUnknown, Failure{ErrorCode::kConnectionTimeout, "the venue gave no answer"}});
    return;
  }
  if (pending.kind == ActionKind::kNoop) {
    const auto told = std::move(pending.fence);
    finish(id);
    if (told) told(false);
    return;
  }
  for (const ClientOrderId& order_id : pending.orders) {
    InFlightOrder* order = core_.tracker.find(order_id);
    if (order == nullptr) continue;
    if (pending.kind == ActionKind::kOrder) order->create_fate(Fate::kUnknown);
    if (pending.kind == ActionKind::kModify) order->modify_fate(id, Fate::kUnknown);
    if (pending.kind == ActionKind::kCancel) {
      order->cancel_fate(CancelFate::kUnknown);
      if (on_cancel_doubtful) on_cancel_doubtful(order_id);
    }
  }
  settle_orders(pending);
  if (pending.kind == ActionKind::kCancel) {
    finish(id);  // a cancel may be sent again under a new nonce: it cannot do harm twice
    return;
  }
  if (on_unknown) {
    on_unknown({id, pending.kind, pending.nonce, pending.key, pending.expires_after_ms,
                pending.sent, pending.orders, pending.record});
  }
}

void Executor::settle_orders(const Pending& pending) {
  std::vector<TrackerEvent> events;
  for (const ClientOrderId& id : pending.orders) {
    InFlightOrder* order = core_.tracker.find(id);
    if (order != nullptr) core_.tracker.settle(*order, core_.now.wall, events);
  }
  core_.emit(std::move(events));
}

void Executor::finish(ActionId id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (found->second.post_id != 0) posts_.erase(found->second.post_id);
  pending_.erase(found);
}

void Executor::on_stream_closed() {
  std::vector<ActionId> lost;
  for (const auto& [id, pending] : pending_) {
    if (pending.ws_open) lost.push_back(id);
  }
  for (const ActionId id : lost) copy_failed(id, true, false, "the connection ended");
}

void Executor::on_timer() {
  std::vector<std::pair<ActionId, bool>> late;
  for (const auto& [id, pending] : pending_) {
    if (pending.ws_open && core_.now.mono >= pending.ws_deadline) late.emplace_back(id, true);
    if (pending.rest_open && core_.now.mono >= pending.rest_deadline) late.emplace_back(id, false);
  }
  for (const auto& [id, by_ws] : late) copy_failed(id, by_ws, false, "no answer in time");
}

}  // namespace perpwire::gateway
