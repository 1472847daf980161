#include "services/order-gateway/in_flight_order.hpp"

#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

using venues::OrderStatus;

// A fill belongs to the block of the status that it causes; the query that vouches for "every
// fill up to T" and the status come from servers that need not agree to the millisecond.
constexpr Nanos kFillSlack = std::chrono::seconds{2};
// The same where the venue itself has said how much was executed: a query that does not show it
// comes from a server that is behind.
constexpr Nanos kStatedFillSlack = std::chrono::seconds{10};

int rank(Fate fate) {
  switch (fate) {
    case Fate::kInFlight:
      return 0;
    case Fate::kUnknown:
      return 1;
    case Fate::kNotExecuted:
      return 2;
    case Fate::kRejected:
      return 3;
    case Fate::kAccepted:
      return 4;
  }
  return 0;
}

int rank(OrderStatus status) {
  switch (status) {
    case OrderStatus::kCancelled:
      return 3;
    case OrderStatus::kRejected:
      return 2;
    case OrderStatus::kFilled:
      return 1;
    case OrderStatus::kOpen:
    case OrderStatus::kTriggered:
    case OrderStatus::kUnrecognised:
      return 0;
  }
  return 0;
}

/// The venue numbers its orders upwards.
bool is_older(const VenueOrderId& a, const VenueOrderId& b) {
  const std::string& left = a.value();
  const std::string& right = b.value();
  return left.size() != right.size() ? left.size() < right.size() : left < right;
}

Quantity plus(const Quantity& a, const Quantity& b) { return add(a, b).value_or(a); }
Quantity minus_floor_zero(const Quantity& a, const Quantity& b) {
  const auto difference = subtract(a, b);
  if (!difference || difference->is_negative()) return Quantity{};
  return *difference;
}

}  // namespace

InFlightOrder::InFlightOrder(OrderContent content, std::string cloid, UnixNanos created)
    : content_(std::move(content)),
      cloid_(std::move(cloid)),
      created_(created),
      updated_(created),
      published_price_(content_.price),
      published_amount_(content_.amount) {}

VenueOrderId leg_of(const venues::Fill& fill) {
  return fill.twap_id.empty() ? fill.venue_order_id : hyperliquid::twap_order_id(fill.twap_id);
}

bool InFlightOrder::is_ioc() const {
  return content_.type == OrderType::kMarket || content_.time_in_force == TimeInForce::kIoc;
}

// ---------------------------------------------------------------- what we do

void InFlightOrder::begin_modify(const ModifyIntent& intent) {
  PW_ASSERT(open_modify() == nullptr);
  modifies_.push_back({.intent = intent});
}

void InFlightOrder::begin_cancel() {
  if (cancel_ != Cancel::kConfirmed) cancel_ = Cancel::kInFlight;
}

// ---------------------------------------------------------------- what we learn

void InFlightOrder::create_fate(Fate fate, const Acknowledgement& ack,
                                std::optional<Failure> failure) {
  if (fate == Fate::kAccepted) acknowledge(ack);
  if (rank(fate) <= rank(create_)) return;
  create_ = fate;
  if (failure) create_failure_ = std::move(failure);
  if (fate == Fate::kNotExecuted && !legs_.empty()) contradicted_ = true;
}

void InFlightOrder::modify_fate(std::uint64_t action, Fate fate, const Acknowledgement& ack,
                                std::optional<Failure> failure) {
  const auto found = std::find_if(modifies_.begin(), modifies_.end(),
                                  [action](const Modify& m) { return m.intent.action == action; });
  if (found == modifies_.end()) return;
  if (fate == Fate::kAccepted) acknowledge(ack);  // binds the leg
  if (rank(fate) <= rank(found->fate)) return;
  found->fate = fate;
  // A leg of this modify has been seen: the venue did accept it, whatever we concluded.
  if ((fate == Fate::kNotExecuted || fate == Fate::kRejected) && !found->bound && failure) {
    refusals_.push_back(std::move(*failure));
  }
}

void InFlightOrder::cancel_fate(CancelFate fate, std::optional<Failure> failure, UnixNanos at) {
  if (cancel_ == Cancel::kConfirmed) return;
  switch (fate) {
    case CancelFate::kConfirmed:
      cancel_ = Cancel::kConfirmed;
      cancelled_at_ = at;
      if (!legs_.empty()) legs_.back().ended = std::max(legs_.back().ended, at);
      return;
    case CancelFate::kUnknown:
      cancel_ = Cancel::kUnknown;
      return;
    case CancelFate::kRefused:
      if (cancel_ == Cancel::kRefused) return;
      cancel_ = Cancel::kRefused;
      if (failure) refusals_.push_back(std::move(*failure));
      return;
  }
}

InFlightOrder::Leg& InFlightOrder::leg(const VenueOrderId& id, UnixNanos at) {
  for (Leg& known : legs_) {
    if (known.venue_order_id == id) return known;
  }
  Leg fresh{.venue_order_id = id,
            .price = content_.price,
            .amount = content_.amount,
            .quantity = content_.amount,
            .acknowledged = false,
            .executed = {},
            .filled = {},
            .terminal = {},
            .ended = {}};
  Modify* maker = nullptr;
  if (!legs_.empty() && is_older(id, legs_.back().venue_order_id)) {
    // Heard of after its successor: the order that waited for its trigger, a leg of a lost journal.
    const auto next = std::find_if(legs_.begin(), legs_.end(), [&](const Leg& known) {
      return is_older(id, known.venue_order_id);
    });
    return *legs_.insert(next, std::move(fresh));
  }
  if (legs_.empty()) {
    if (create_ == Fate::kNotExecuted) contradicted_ = true;
  } else {
    // The id is not the current leg's, so a modify made it: the newest that has no leg yet. A
    // modify that the venue refused in its own words makes none. Without one it is a child that
    // the venue made itself (a fired trigger): it takes the current leg's place.
    for (Modify& modify : modifies_) {
      if (!modify.bound && modify.fate != Fate::kRejected) maker = &modify;
    }
    fresh.price = legs_.back().price;
    fresh.price_assumed = maker == nullptr && !is_ioc() && !has_trigger(content_.type);
    fresh.amount = legs_.back().amount;
    fresh.quantity = minus_floor_zero(legs_.back().quantity, legs_.back().filled);
    if (maker != nullptr) {
      if (maker->fate == Fate::kNotExecuted) contradicted_ = true;
      maker->bound = true;
      fresh.price = maker->intent.price;
      fresh.amount = maker->intent.amount;
      fresh.quantity = maker->intent.quantity;
      fresh.sized = Sized::kOurs;
    }
  }
  if (!legs_.empty()) legs_.back().ended = std::max(legs_.back().ended, at);
  legs_.push_back(std::move(fresh));
  return legs_.back();
}

void InFlightOrder::acknowledge(const Acknowledgement& ack) {
  if (!ack.venue_order_id) return;  // "waitingForTrigger": accepted, its id comes by the stream
  Leg& acknowledged = leg(*ack.venue_order_id, ack.time);
  acknowledged.acknowledged = true;
  if (acknowledged.sized == Sized::kAssumed) acknowledged.sized = Sized::kOurs;
  if (ack.executed && is_ioc()) {
    // "filled" with its total: the rest of an IOC is gone. (hyperliquid.md section 6.1)
    acknowledged.executed = ack.executed;
    join_terminal(acknowledged, {.status = OrderStatus::kFilled, .time = ack.time, .reason = {}});
  }
}

void InFlightOrder::join_terminal(Leg& target, const Terminal& terminal) {
  // It would contradict its own fills.
  if (used_up(target) && terminal.status != OrderStatus::kFilled) return;
  if (target.terminal && std::pair{rank(target.terminal->status), target.terminal->time} >=
                             std::pair{rank(terminal.status), terminal.time}) {
    return;
  }
  target.terminal = terminal;
}

void InFlightOrder::size_by(Leg& target, const venues::OrderWord& word) {
  if (target.sized == Sized::kOurs || has_trigger(content_.type)) return;
  if (!word.original || !word.original->is_positive()) return;
  // Reduce-only logic shrinks an order: that asks for no less.
  const bool shrunk = content_.reduce_only && *word.original < target.quantity;
  if (shrunk || *word.original == target.quantity) {
    if (target.sized == Sized::kAssumed) target.sized = Sized::kOurs;
    return;
  }
  target.sized = Sized::kVenues;
  target.quantity = *word.original;
  target.amount = plus(minus_floor_zero(filled_, target.filled), target.quantity);
  if (!is_ioc() && word.price) target.price = word.price;
}

void InFlightOrder::doubt_sizes() {
  // Those cannot be modified.
  const bool fixed = has_trigger(content_.type) || content_.type == OrderType::kTwap || is_ioc();
  sizes_doubted_ = !fixed && !is_final(published_state_);
}

void InFlightOrder::adopt(const venues::OrderWord& word) {
  leg(word.venue_order_id, word.status_time).sized = Sized::kVenues;
  this->word(word);
}

void InFlightOrder::word(const venues::OrderWord& word) {
  if (word.status == OrderStatus::kUnrecognised) return;
  Leg& target = leg(word.venue_order_id, word.status_time);
  if (target.price_assumed && word.price) {
    target.price = word.price;
    target.price_assumed = false;
  }
  size_by(target, word);
  switch (word.status) {
    case OrderStatus::kOpen:
    case OrderStatus::kTriggered:
      // An IOC that will match nothing may be shown as open for an instant: that is no
      // acknowledgement, since the contract gives it `failed` without `created`.
      if (!is_ioc()) target.acknowledged = true;
      return;
    case OrderStatus::kFilled:
      target.acknowledged = true;
      // A filled order may be shown with the rest that it had before. (hyperliquid.md section 7.4)
      if (word.original && word.remaining && word.remaining->is_positive() &&
          *word.remaining < *word.original) {
        target.executed = minus_floor_zero(*word.original, *word.remaining);
      } else if (word.original && !is_ioc()) {
        target.executed = word.original;  // reduce-only logic may have shrunk it
      }
      break;
    case OrderStatus::kCancelled:
      target.acknowledged = true;
      if (word.original && word.remaining && !target.executed) {
        target.executed = minus_floor_zero(*word.original, *word.remaining);
      }
      break;
    case OrderStatus::kRejected:
      break;
    case OrderStatus::kUnrecognised:
      return;
  }
  join_terminal(target, {.status = word.status, .time = word.status_time, .reason = word.reason});
}

Result<bool> InFlightOrder::fill(const venues::Fill& fill) {
  const venues::FillKey key = fill.key();
  if (fills_.contains(key)) return false;
  const auto total = add(filled_, fill.quantity);
  if (!total) return tl::unexpected(total.error());
  // Of a TWAP in the journal only the slice's own id is kept.
  const bool slice = content_.type == OrderType::kTwap && !legs_.empty();
  Leg& target = slice ? legs_.back() : leg(leg_of(fill), fill.time);
  const auto leg_total = add(target.filled, fill.quantity);
  if (!leg_total) return tl::unexpected(leg_total.error());
  target.acknowledged = true;
  target.filled = *leg_total;
  filled_ = *total;
  Leg& current = legs_.back();
  if (&current != &target && current.sized == Sized::kVenues) {
    current.amount = plus(current.amount, fill.quantity);
  }
  fills_.emplace(key, CountedFill{.fill = fill});
  unpublished_.push_back(key);
  return true;
}

void InFlightOrder::fills_known_through(UnixNanos venue_time) {
  fills_through_ = std::max(fills_through_, venue_time);
}

// ---------------------------------------------------------------- what follows

const InFlightOrder::Modify* InFlightOrder::open_modify() const {
  for (const Modify& modify : modifies_) {
    if (!modify.bound && (modify.fate == Fate::kInFlight || modify.fate == Fate::kUnknown)) {
      return &modify;
    }
  }
  return nullptr;
}

bool InFlightOrder::done(const Leg& leg) const {
  if (&leg != &legs_.back()) return true;  // an accepted modify cancelled it first
  if (used_up(leg)) return true;
  // A confirmed cancel hit whatever leg was live; after it no modify can have made another.
  if (cancel_ == Cancel::kConfirmed) return true;
  if (refused_at_once()) return true;
  if (!leg.terminal) return false;
  if (leg.terminal->status != OrderStatus::kFilled) return true;
  if (leg.executed && leg.filled >= *leg.executed) return true;
  return fills_through_ >= leg.terminal->time + (leg.executed ? kStatedFillSlack : kFillSlack);
}

bool InFlightOrder::refused_at_once() const {
  // The venue refused the placing in its own words; a status that showed it for an instant as open
  // (an IOC before it found nothing to match) does not outlive that.
  return create_ == Fate::kRejected && legs_.size() == 1 && !legs_.front().acknowledged;
}

bool InFlightOrder::complete() const {
  if (legs_.empty() || filled_ < amount()) return false;
  if (is_doubtful(legs_.back())) return false;
  // Fills that crossed an earlier modify can reach the amount while a leg still rests, and a modify
  // of that leg to more may yet be accepted.
  const Modify* pending = open_modify();
  return pending == nullptr || filled_ >= pending->intent.amount || used_up(legs_.back());
}

bool InFlightOrder::is_doubtful(const Leg& leg) const {
  return sizes_doubted_ && leg.sized == Sized::kAssumed && !leg.terminal;
}

bool InFlightOrder::used_up(const Leg& leg) const {
  if (is_doubtful(leg)) return false;
  return leg.quantity.is_positive() && leg.filled >= leg.quantity;
}

OrderState InFlightOrder::live_state() const {
  const Modify* pending = open_modify();
  if (pending != nullptr && pending->fate == Fate::kUnknown) return OrderState::kUnknown;
  if (cancel_ == Cancel::kInFlight || cancel_ == Cancel::kUnknown) {
    return OrderState::kPendingCancel;
  }
  return published_filled_.is_positive() ? OrderState::kPartiallyFilled : OrderState::kOpen;
}

OrderState InFlightOrder::state() const {
  if (legs_.empty()) {
    if (create_ == Fate::kRejected) return OrderState::kFailed;
    // The venue says that it cancelled it, so it was there, whatever became of our answer.
    if (cancel_ == Cancel::kConfirmed) return OrderState::kCancelled;
    switch (create_) {
      case Fate::kInFlight:
        return OrderState::kPendingCreate;
      case Fate::kUnknown:
        return OrderState::kUnknown;
      case Fate::kNotExecuted:
      case Fate::kRejected:
        return OrderState::kFailed;
      case Fate::kAccepted:
        break;
    }
    return cancel_ == Cancel::kInFlight || cancel_ == Cancel::kUnknown ? OrderState::kPendingCancel
                                                                       : OrderState::kOpen;
  }
  if (complete()) {
    // Fills that crossed a modify can complete an order whose last leg was cancelled. Said once,
    // an end stays: CANCELLED if that was told first.
    return published_state_ == OrderState::kCancelled ? OrderState::kCancelled
                                                      : OrderState::kFilled;
  }
  const Modify* pending = open_modify();
  if (pending == nullptr && done(legs_.back())) {
    const auto& end = legs_.back().terminal;
    const bool refused = refused_at_once() || (end && end->status == OrderStatus::kRejected);
    return refused && filled_.is_zero() ? OrderState::kFailed : OrderState::kCancelled;
  }
  if (pending != nullptr && pending->fate == Fate::kUnknown) return OrderState::kUnknown;
  if (cancel_ == Cancel::kInFlight || cancel_ == Cancel::kUnknown) {
    return OrderState::kPendingCancel;
  }
  return filled_.is_positive() ? OrderState::kPartiallyFilled : OrderState::kOpen;
}

Quantity InFlightOrder::amount() const {
  return legs_.empty() ? content_.amount : legs_.back().amount;
}

std::optional<Price> InFlightOrder::price() const {
  return legs_.empty() ? content_.price : legs_.back().price;
}

std::optional<VenueOrderId> InFlightOrder::venue_order_id() const {
  if (legs_.empty()) return std::nullopt;
  return legs_.back().venue_order_id;
}

std::vector<VenueOrderId> InFlightOrder::legs() const {
  std::vector<VenueOrderId> ids;
  ids.reserve(legs_.size());
  for (const Leg& known : legs_) ids.push_back(known.venue_order_id);
  return ids;
}

bool InFlightOrder::knows(const VenueOrderId& id) const {
  return std::any_of(legs_.begin(), legs_.end(),
                     [&id](const Leg& known) { return known.venue_order_id == id; });
}

bool InFlightOrder::may_be_live() const {
  if (legs_.empty()) return !is_final(state());
  return open_modify() != nullptr || !done(legs_.back());
}

Quantity InFlightOrder::working_quantity() const {
  if (!may_be_live()) return Quantity{};
  if (legs_.empty()) return content_.amount;
  Quantity working;
  if (!done(legs_.back())) working = minus_floor_zero(legs_.back().quantity, legs_.back().filled);
  // Fills may cross a modify in flight: the old leg can fill up to its rest and the new one too.
  if (const Modify* pending = open_modify()) working = plus(working, pending->intent.quantity);
  return working;
}

Quantity InFlightOrder::unseen_quantity() const {
  Quantity unseen;
  if (legs_.empty()) {
    // Its placing has no answer, its cancel has.
    const bool known =
        cancel_ != Cancel::kConfirmed || fills_through_ >= cancelled_at_ + kFillSlack;
    return known ? unseen : content_.amount;
  }
  if (refused_at_once()) return unseen;
  for (const Leg& known : legs_) {
    const bool current = &known == &legs_.back();
    if (current && !done(known)) continue;                 // it counts as working
    if (!current && has_trigger(content_.type)) continue;  // it waited, and executed nothing
    if (known.terminal && known.terminal->status == OrderStatus::kRejected) continue;
    const Quantity most = known.executed.value_or(known.quantity);
    if (known.filled >= most) continue;
    const UnixNanos end = known.terminal ? known.terminal->time : known.ended;
    if (fills_through_ >= end + (known.executed ? kStatedFillSlack : kFillSlack)) continue;
    unseen = plus(unseen, minus_floor_zero(most, known.filled));
  }
  return unseen;
}

bool InFlightOrder::awaits_fills() const {
  return !legs_.empty() && legs_.back().terminal &&
         legs_.back().terminal->status == OrderStatus::kFilled && !done(legs_.back());
}

bool InFlightOrder::must_be_cancelled() const {
  if (legs_.empty() || done(legs_.back()) || cancel_ == Cancel::kInFlight) return false;
  return contradicted_ || complete();
}

bool InFlightOrder::can_modify() const {
  const OrderState now = state();
  return (now == OrderState::kOpen || now == OrderState::kPartiallyFilled) && !legs_.empty() &&
         open_modify() == nullptr && !done(legs_.back()) && !awaits_fills();
}

bool InFlightOrder::create_unsettled() const {
  return legs_.empty() && (create_ == Fate::kInFlight || create_ == Fate::kUnknown);
}

bool InFlightOrder::modify_unsettled() const { return open_modify() != nullptr; }

std::optional<std::uint64_t> InFlightOrder::unsettled_modify() const {
  const Modify* pending = open_modify();
  if (pending == nullptr) return std::nullopt;
  return pending->intent.action;
}

OrderView InFlightOrder::view(UnixNanos now) const {
  OrderView view;
  view.content = content_;
  view.content.price = price();
  view.content.amount = amount();
  view.venue_order_id = venue_order_id();
  view.filled = published_filled_;
  if (published_filled_.is_positive()) {
    const auto average = divide(published_notional_, widen(published_filled_.value()));
    if (average) view.average_price = *average;
  }
  view.state = state();
  view.creation_time = created_;
  view.update_time = now;
  view.fee = published_fee_;
  view.fee_asset = fee_asset_;
  view.stamps = stamps_;
  return view;
}

// ---------------------------------------------------------------- events

bool InFlightOrder::venue_knows_it() const {
  if (create_ == Fate::kAccepted) return true;
  if (cancel_ == Cancel::kConfirmed) return true;
  return std::any_of(legs_.begin(), legs_.end(),
                     [](const Leg& known) { return known.acknowledged; });
}

OrderEvent InFlightOrder::event(OrderEventKind kind, OrderState state, UnixNanos now) const {
  OrderEvent made{.kind = kind, .order = view(now), .failure = std::nullopt, .trade_id = {}};
  made.order.state = state;
  return made;
}

void InFlightOrder::publish(OrderEventKind kind, OrderState state, UnixNanos now,
                            std::vector<OrderEvent>& out, std::optional<Failure> failure) {
  out.push_back(event(kind, state, now));
  out.back().failure = std::move(failure);
  updated_ = now;
  published_state_ = state;
  published_price_ = price();
  published_amount_ = amount();
  published_id_ = venue_order_id();
}

std::optional<Failure> InFlightOrder::end_reason() const {
  if (!legs_.empty() && legs_.back().terminal &&
      legs_.back().terminal->status != OrderStatus::kFilled) {
    const auto& reason = legs_.back().terminal->reason;
    return Failure{reason.code, reason.text};
  }
  return create_failure_;
}

void InFlightOrder::count_published(const venues::Fill& fill) {
  published_filled_ = plus(published_filled_, fill.quantity);
  const Notional notional = fill.price * fill.quantity;
  published_notional_ = add(published_notional_, notional.value()).value_or(published_notional_);
  published_fee_ = add(published_fee_, widen(fill.fee)).value_or(published_fee_);
  if (!fill.fee_asset.empty()) fee_asset_ = fill.fee_asset;
}

void InFlightOrder::settle(UnixNanos now, std::vector<OrderEvent>& out) {
  const OrderState target = state();
  const bool ended = is_final(published_state_);

  const bool failed_at_venue = target == OrderState::kFailed;
  if (!created_published_ && venue_knows_it() && !failed_at_venue) {
    created_published_ = true;
    publish(OrderEventKind::kCreated, ended ? target : live_state(), now, out);
  }

  for (const venues::FillKey& key : unpublished_) {
    CountedFill& counted = fills_.at(key);
    const bool was_complete = published_filled_ >= amount();
    counted.published = true;
    count_published(counted.fill);
    const bool is_complete = published_filled_ >= amount();
    const bool completes =
        is_complete && (target == OrderState::kFilled ? published_state_ != OrderState::kFilled
                                                      : !was_complete && is_final(target));
    OrderState shown = live_state();
    if (ended && is_final(target)) shown = target;
    if (is_complete && target == OrderState::kFilled) shown = target;
    publish(completes ? OrderEventKind::kFilled : OrderEventKind::kPartialFill, shown, now, out);
    out.back().trade_id = counted.fill.trade_id;
  }
  unpublished_.clear();

  if (target != published_state_) {
    if (target == OrderState::kCancelled) {
      publish(OrderEventKind::kCancelled, target, now, out,
              cancel_ == Cancel::kConfirmed ? std::nullopt : end_reason());
    } else if (target == OrderState::kFailed) {
      publish(OrderEventKind::kFailed, target, now, out, end_reason());
    } else if (target == OrderState::kFilled && !ended) {
      // Its last fill was told while a modify to more was open, or the amount came down to it.
      publish(OrderEventKind::kFilled, target, now, out);
    } else if (target != OrderState::kPendingCreate) {
      publish(OrderEventKind::kUpdate, target, now, out);
      if (contradicted_ && ended) {
        out.back().failure = Failure{ErrorCode::kNeverPlaced,
                                     "concluded never to have been placed, but the venue has it"};
      }
    }
  } else if (created_published_ && !is_final(target) &&
             (published_price_ != price() || published_amount_ != amount() ||
              published_id_ != venue_order_id())) {
    publish(OrderEventKind::kUpdate, target, now, out);
  }

  for (Failure& refusal : refusals_) {
    publish(OrderEventKind::kUpdate, target, now, out, std::move(refusal));
  }
  refusals_.clear();
}

void InFlightOrder::rename(const OrderContent& content) { content_ = content; }

// ---------------------------------------------------------------- rebuilding

bool InFlightOrder::may_be_compacted() const {
  const bool create_open = create_ == Fate::kInFlight || create_ == Fate::kUnknown;
  return !(create_open && legs_.empty()) && open_modify() == nullptr && unpublished_.empty() &&
         refusals_.empty() && cancel_ != Cancel::kInFlight && cancel_ != Cancel::kUnknown;
}

InFlightOrder::Facts InFlightOrder::facts() const {
  return {.content = content_,
          .cloid = cloid_,
          .created = created_,
          .updated = updated_,
          .stamps = stamps_,
          .create = create_,
          .create_failure = create_failure_,
          .legs = legs_,
          .cancel = cancel_,
          .contradicted = contradicted_,
          .filled = filled_,
          .created_published = created_published_,
          .published_state = published_state_,
          .published_price = published_price_,
          .published_amount = published_amount_,
          .published_id = published_id_,
          .published_filled = published_filled_,
          .published_notional = published_notional_,
          .published_fee = published_fee_,
          .fee_asset = fee_asset_};
}

InFlightOrder::InFlightOrder(Facts facts)
    : content_(std::move(facts.content)),
      cloid_(std::move(facts.cloid)),
      created_(facts.created),
      updated_(facts.updated),
      stamps_(facts.stamps),
      create_(facts.create),
      create_failure_(std::move(facts.create_failure)),
      legs_(std::move(facts.legs)),
      cancel_(facts.cancel),
      filled_(facts.filled),
      contradicted_(facts.contradicted),
      created_published_(facts.created_published),
      published_state_(facts.published_state),
      published_price_(facts.published_price),
      published_amount_(facts.published_amount),
      published_id_(std::move(facts.published_id)),
      published_filled_(facts.published_filled),
      published_notional_(facts.published_notional),
      published_fee_(facts.published_fee),
      fee_asset_(std::move(facts.fee_asset)) {}

void InFlightOrder::settle_unbound(Modify& modify) {
  if (!modify.bound && rank(modify.fate) < rank(Fate::kRejected)) modify.fate = Fate::kRejected;
}

void InFlightOrder::restore(const OrderEvent& past) {
  const OrderView& told = past.order;
  if (told.venue_order_id) {
    Leg& known = leg(*told.venue_order_id, UnixNanos{});
    if (told.state != OrderState::kFailed) known.acknowledged = true;
    if (known.amount != told.content.amount && told.content.amount.is_positive()) {
      // Its size was the venue's word.
      const Quantity others = minus_floor_zero(filled_, known.filled);
      known.sized = Sized::kVenues;
      known.amount = told.content.amount;
      known.quantity = minus_floor_zero(known.amount, others);
      known.price = told.content.price;
    }
  }
  switch (past.kind) {
    case OrderEventKind::kCreated:
      created_published_ = true;
      if (!told.venue_order_id) create_fate(Fate::kAccepted);
      break;
    case OrderEventKind::kFilled:
      // Nobody is told of it while a modify to more is open, as below.
      for (Modify& modify : modifies_) {
        if (modify.intent.amount > filled_) settle_unbound(modify);
      }
      [[fallthrough]];
    case OrderEventKind::kPartialFill:
      if (!past.trade_id) break;  // the end alone: its fills were told before
      for (auto it = unpublished_.begin(); it != unpublished_.end(); ++it) {
        CountedFill& counted = fills_.at(*it);
        if (counted.fill.trade_id != *past.trade_id) continue;
        counted.published = true;
        count_published(counted.fill);
        unpublished_.erase(it);
        break;
      }
      break;
    case OrderEventKind::kCancelled:
      // Nobody is told of an end while a modify is open: it was settled without a leg of its own,
      // and its note was not written any more.
      for (Modify& modify : modifies_) settle_unbound(modify);
      if (legs_.empty()) {
        cancel_ = Cancel::kConfirmed;
      } else {
        join_terminal(legs_.back(),
                      {.status = OrderStatus::kCancelled, .time = told.update_time, .reason = {}});
      }
      break;
    case OrderEventKind::kFailed: {
      const bool inferred = past.failure && (past.failure->code == ErrorCode::kNeverPlaced ||
                                             past.failure->code == ErrorCode::kSignerRefused ||
                                             past.failure->code == ErrorCode::kSignerUnavailable);
      create_fate(inferred ? Fate::kNotExecuted : Fate::kRejected, {}, past.failure);
      if (!legs_.empty()) {
        join_terminal(legs_.back(),
                      {.status = OrderStatus::kRejected, .time = told.update_time, .reason = {}});
      }
      break;
    }
    case OrderEventKind::kUpdate:
      // The id of a refused order may be learnt, and told, after its end.
      if (told.state == OrderState::kFailed && !legs_.empty()) {
        join_terminal(legs_.back(),
                      {.status = OrderStatus::kRejected, .time = told.update_time, .reason = {}});
      }
      break;
  }
  stamps_ = told.stamps;
  updated_ = told.update_time;
  published_state_ = told.state;
  published_price_ = price();
  published_amount_ = amount();
  published_id_ = venue_order_id();
  contradicted_ = false;
}

}  // namespace perpwire::gateway
