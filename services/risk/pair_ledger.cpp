#include "services/risk/pair_ledger.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perpwire::risk {
namespace {

WideDecimal wide(const Quantity& quantity) { return widen(quantity.value()); }

tl::unexpected<Error> out_of_range(const Error& error) {
  return fail(ErrorCode::kMalformed, fmt::format("ledger: figures out of range: {}", error.text));
}

/// Half-even to 64 bits is never done silently: a position that does not fit is an error.
Result<Notional> plus(const Notional& a, const Notional& b) {
  auto sum = add(a, b);
  if (!sum) return out_of_range(sum.error());
  return sum;
}
Result<Notional> minus(const Notional& a, const Notional& b) {
  auto difference = subtract(a, b);
  if (!difference) return out_of_range(difference.error());
  return difference;
}

v1::Fill to_proto(const FillFact& fill) {
  v1::Fill out;
  out.set_trade_id(fill.trade_id.value());
  out.set_exchange_timestamp(fill.executed_at.value());
  out.set_trade_type(std::string(to_string(fill.side)));
  set_decimal(fill.price, *out.mutable_price());
  set_decimal(fill.quantity, *out.mutable_amount());
  set_decimal(fill.fee, *out.mutable_fee_paid());
  return out;
}

Result<FillFact> from_proto(const v1::Fill& fill) {
  const auto side = side_from_string(fill.trade_type());
  const auto price = to_decimal(fill.price());
  const auto amount = to_decimal(fill.amount());
  const auto fee = to_wide_decimal(fill.fee_paid());
  if (!side || !price || !amount || !fee) {
    return fail(ErrorCode::kMalformed, fmt::format("checkpoint: fill {}: expected side, price, "
                                                   "amount and fee, found less",
                                                   fill.trade_id()));
  }
  return FillFact{.trade_id = TradeId{fill.trade_id()},
                  .executed_at = UnixNanos{fill.exchange_timestamp()},
                  .side = *side,
                  .price = Price{*price},
                  .quantity = Quantity{*amount},
                  .fee = Notional{*fee}};
}

}  // namespace

std::optional<WideDecimal> PositionState::entry_price() const {
  if (quantity.is_zero()) return std::nullopt;
  const auto average = divide(cost.value(), wide(quantity));
  if (!average) return std::nullopt;
  return *average;
}

Status PositionState::apply(const FillFact& fill) {
  PositionState next = *this;
  const Quantity change = fill.side == Side::kBuy ? fill.quantity : -fill.quantity;
  const auto after = add(quantity, change);
  if (!after) return out_of_range(after.error());
  next.quantity = *after;

  const bool reduces = !quantity.is_zero() && quantity.is_negative() != change.is_negative();
  const bool closes_all = reduces && change.abs() >= quantity.abs();
  Quantity opening = change;
  if (closes_all) {
    // Everything that was open is sold at the fill's price; the rest opens the other way.
    const auto realized_now = minus(Notional{(fill.price * quantity).value()}, cost);
    if (!realized_now) return tl::unexpected<Error>(realized_now.error());
    const auto total = plus(realized, *realized_now);
    if (!total) return tl::unexpected<Error>(total.error());
    next.realized = *total;
    next.cost = Notional{};
    opening = *after;
  } else if (reduces) {
    const auto average = divide(cost.value(), wide(quantity));
    if (!average) return out_of_range(average.error());
    const auto closed_cost = multiply(*average, wide(-change));
    if (!closed_cost) return out_of_range(closed_cost.error());
    const auto left = minus(cost, Notional{*closed_cost});
    const auto realized_now = minus(fill.price * -change, Notional{*closed_cost});
    if (!left) return tl::unexpected<Error>(left.error());
    if (!realized_now) return tl::unexpected<Error>(realized_now.error());
    const auto total = plus(realized, *realized_now);
    if (!total) return tl::unexpected<Error>(total.error());
    next.realized = *total;
    next.cost = *left;
    opening = Quantity{};
  }
  const auto cost_after = plus(next.cost, fill.price * opening);
  if (!cost_after) return tl::unexpected<Error>(cost_after.error());
  next.cost = *cost_after;
  const auto fees_after = plus(fees, fill.fee);
  if (!fees_after) return tl::unexpected<Error>(fees_after.error());
  next.fees = *fees_after;
  *this = next;
  return {};
}

std::string PairLedger::identity(const FillFact& fill) {
  return fmt::format("{}@{}", fill.trade_id.value(), fill.executed_at.value());
}

bool PairLedger::precedes(const FillFact& a, const FillFact& b) {
  if (a.executed_at != b.executed_at) return a.executed_at < b.executed_at;
  return a.trade_id < b.trade_id;
}

Result<PairLedger::Applied> PairLedger::apply(const FillFact& fill) {
  auto id = identity(fill);
  if (known_.contains(id)) return Applied::kDuplicate;
  auto& fills = window_.fills;
  const auto place = std::upper_bound(fills.begin(), fills.end(), fill, precedes);
  PositionState next = current_;
  if (place == fills.end()) {
    if (auto status = next.apply(fill); !status) return tl::unexpected<Error>(status.error());
  } else {
    next = window_.before;
    for (auto it = fills.begin(); it != fills.end(); ++it) {
      if (it == place) {
        if (auto status = next.apply(fill); !status) return tl::unexpected<Error>(status.error());
      }
      if (auto status = next.apply(*it); !status) return tl::unexpected<Error>(status.error());
    }
  }
  fills.insert(place, fill);
  // A position that was flat is valued at its own price until the market's arrives.
  if (!mark_ && current_.quantity.is_zero()) mark_ = fill.price;
  current_ = next;
  known_.insert(std::move(id));
  if (fills.size() > kWindow) {
    if (auto status = fold_oldest(); !status) return tl::unexpected<Error>(status.error());
  }
  return Applied::kCounted;
}

Status PairLedger::fold_oldest() {
  if (auto status = window_.before.apply(window_.fills.front()); !status) return status;
  remember(identity(window_.fills.front()));
  window_.fills.pop_front();
  return {};
}

void PairLedger::remember(std::string identity) {
  remembered_.push_back(std::move(identity));
  if (remembered_.size() > kRemembered) {
    known_.erase(remembered_.front());
    remembered_.pop_front();
  }
}

Result<Notional> PairLedger::set_position(Quantity after, std::optional<Price> entry) {
  // What came before is settled: later fills build on it.
  while (!window_.fills.empty()) {
    if (auto status = fold_oldest(); !status) return tl::unexpected<Error>(status.error());
  }
  const bool from_flat = current_.quantity.is_zero();
  const std::optional<Price> at = (from_flat && entry) || !mark_ ? entry : mark_;
  const auto change = subtract(after, current_.quantity);
  if (!change) return out_of_range(change.error());
  PositionState next = current_;
  if (!change->is_zero()) {
    const FillFact transfer{.trade_id = {},
                            .executed_at = {},
                            .side = change->is_negative() ? Side::kSell : Side::kBuy,
                            .price = at.value_or(Price{}),
                            .quantity = change->abs(),
                            .fee = {}};
    if (auto status = next.apply(transfer); !status) return tl::unexpected<Error>(status.error());
  }
  current_ = next;
  window_.before = next;
  return from_flat ? unrealized() : Notional{};
}

Status PairLedger::add_funding(const Notional& payment) {
  const auto total = plus(funding_, payment);
  if (!total) return tl::unexpected<Error>(total.error());
  funding_ = *total;
  return {};
}

Result<Notional> PairLedger::set_mark(Price mark, UnixNanos at) {
  const bool first = !mark_;
  mark_ = mark;
  mark_at_ = at;
  if (!first || current_.quantity.is_zero()) return Notional{};
  return unrealized();
}

Result<Notional> PairLedger::unrealized() const {
  if (!mark_) return Notional{};
  return minus(*mark_ * current_.quantity, current_.cost);
}

Result<Notional> PairLedger::equity() const {
  auto sum = unrealized();
  if (sum) sum = plus(*sum, current_.realized);
  if (sum) sum = plus(*sum, funding_);
  if (sum) sum = minus(*sum, current_.fees);
  return sum;
}

void PairLedger::save(v1::RiskPairState& out) const {
  set_decimal(window_.before.quantity, *out.mutable_amount());
  set_decimal(window_.before.cost, *out.mutable_cost());
  set_decimal(window_.before.realized, *out.mutable_realized_pnl());
  set_decimal(window_.before.fees, *out.mutable_fees_paid());
  set_decimal(funding_, *out.mutable_funding());
  for (const auto& fill : window_.fills) *out.add_recent_fills() = to_proto(fill);
  for (const auto& id : remembered_) out.add_trade_ids(id);
  if (mark_) set_decimal(*mark_, *out.mutable_mark_price());
  out.set_mark_timestamp(mark_at_.value());
}

Result<PairLedger> PairLedger::load(const v1::RiskPairState& from) {
  const auto quantity = to_decimal(from.amount());
  const auto cost = to_wide_decimal(from.cost());
  const auto realized = to_wide_decimal(from.realized_pnl());
  const auto fees = to_wide_decimal(from.fees_paid());
  const auto funding = to_wide_decimal(from.funding());
  if (!quantity || !cost || !realized || !fees || !funding) {
    return fail(ErrorCode::kMalformed,
                fmt::format("checkpoint: {} {}: expected decimals in range, found others",
                            from.account(), from.trading_pair()));
  }
  PairLedger ledger;
  ledger.window_.before = PositionState{.quantity = Quantity{*quantity},
                                        .cost = Notional{*cost},
                                        .realized = Notional{*realized},
                                        .fees = Notional{*fees}};
  ledger.current_ = ledger.window_.before;
  ledger.funding_ = Notional{*funding};
  for (const auto& id : from.trade_ids()) {
    ledger.known_.insert(id);
    ledger.remembered_.push_back(id);
  }
  if (from.has_mark_price()) {
    const auto mark = to_decimal(from.mark_price());
    if (!mark) return tl::unexpected<Error>(mark.error());
    ledger.mark_ = Price{*mark};
    ledger.mark_at_ = UnixNanos{from.mark_timestamp()};
  }
  for (const auto& one : from.recent_fills()) {
    const auto fill = from_proto(one);
    if (!fill) return tl::unexpected<Error>(fill.error());
    if (auto applied = ledger.apply(*fill); !applied) {
      return tl::unexpected<Error>(applied.error());
    }
  }
  return ledger;
}

}  // namespace perpwire::risk
