#include "services/risk/engine.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::risk {
namespace {

constexpr RiskLevel kNoLevel = RiskLevel::kRunning;  // a breach that is only reported

WideDecimal wide(const Quantity& quantity) { return widen(quantity.value()); }

Result<FillFact> read_fill(const v1::Fill& fill) {
  const auto side = side_from_string(fill.trade_type());
  const auto price = to_decimal(fill.price());
  const auto amount = to_decimal(fill.amount());
  const auto fee = to_wide_decimal(fill.fee_paid());
  if (!side || !price || !amount || !fee || !amount->is_positive() || price->is_negative()) {
    return fail(ErrorCode::kMalformed,
                fmt::format("fill {} of {} {}: expected side, price, amount and fee in range",
                            fill.trade_id(), fill.account(), fill.trading_pair()));
  }
  // A trade id alone is not unique on every venue (hyperliquid.md 7.5): with the order it is.
  return FillFact{.trade_id = TradeId{fill.trade_id() + "/" + fill.exchange_order_id()},
                  .executed_at = UnixNanos{fill.exchange_timestamp()},
                  .side = *side,
                  .price = Price{*price},
                  .quantity = Quantity{*amount},
                  .fee = Notional{*fee}};
}

}  // namespace

Engine::Engine(EngineConfig config, KillSwitch& kill_switch)
    : config_(std::move(config)), kill_switch_(kill_switch) {}

bool Engine::is_ours(std::string_view venue, std::string_view account) {
  if (venue == config_.venue && config_.accounts.contains(account)) return true;
  ++counters_.ignored;
  return false;
}

bool Engine::counted(const Status& status, std::string_view what) {
  if (status) return true;
  ++counters_.malformed;
  // What we cannot count we cannot limit.
  kill_switch_.halt(RiskLevel::kPaused, fmt::format("{}: {}", what, status.error().text),
                    "own count");
  return false;
}

bool Engine::on_gateway_event(const v1::Envelope& envelope, UnixNanos now,
                              std::vector<Breach>& out) {
  switch (envelope.payload_case()) {
    case v1::Envelope::kOrder: {
      if (!is_ours(envelope.order().venue(), envelope.order().account())) return false;
      return counted(orders_.apply(envelope.order()), "order event");
    }
    case v1::Envelope::kFill: {
      const auto& fill = envelope.fill();
      if (!is_ours(fill.venue(), fill.account())) return false;
      positions_.add_account(fill.account(), now);
      if (!on_fill(fill)) return false;
      judge_position({fill.account(), fill.trading_pair()}, now, out);
      judge_loss(fill.account(), now, out);
      return true;
    }
    case v1::Envelope::kPosition: {
      const auto& position = envelope.position();
      if (!is_ours(position.venue(), position.account())) return false;
      positions_.add_account(position.account(), now);
      const bool keep = on_position(position);
      judge_position({position.account(), position.trading_pair()}, now, out);
      return keep;
    }
    case v1::Envelope::kPositionAdjusted: {
      const auto& adjusted = envelope.position_adjusted();
      if (!is_ours(adjusted.venue(), adjusted.account())) return false;
      positions_.add_account(adjusted.account(), now);
      if (!on_adjusted(adjusted)) return false;
      judge_position({adjusted.account(), adjusted.trading_pair()}, now, out);
      return true;
    }
    case v1::Envelope::kFunding: {
      const auto& funding = envelope.funding();
      if (!is_ours(funding.venue(), funding.account())) return false;
      positions_.add_account(funding.account(), now);
      if (!on_funding(funding)) return false;
      judge_loss(funding.account(), now, out);
      return true;
    }
    default:
      return false;
  }
}

bool Engine::on_fill(const v1::Fill& fill) {
  const auto fact = read_fill(fill);
  if (!fact) return counted(tl::unexpected<Error>(fact.error()), "fill");
  const auto applied = positions_.apply_fill(fill.account(), fill.trading_pair(), *fact);
  if (!applied) return counted(tl::unexpected<Error>(applied.error()), "fill");
  if (*applied == PairLedger::Applied::kDuplicate) {
    ++counters_.duplicate_fills;
    return false;
  }
  ++counters_.fills;
  return true;
}

bool Engine::on_position(const v1::Position& position) {
  const auto amount = to_decimal(position.amount());
  if (!amount) return counted(tl::unexpected<Error>(amount.error()), "position");
  std::optional<Price> entry;
  if (position.has_entry_price()) {
    const auto price = to_decimal(position.entry_price());
    if (!price) return counted(tl::unexpected<Error>(price.error()), "position");
    entry = Price{*price};
  }
  const Key key{position.account(), position.trading_pair()};
  drop_copy_.insert_or_assign(key, DropCopy{.quantity = Quantity{*amount}, .entry = entry});
  // The first word about a pair may be what its ledger will begin with; others only compare.
  return positions_.find(key.first, key.second) == nullptr;
}

Status Engine::adopt(const Adoption& adoption) {
  return positions_.set_position(adoption.account, adoption.trading_pair, adoption.after,
                                 adoption.entry);
}

std::set<Engine::Key> Engine::keys() const {
  std::set<Key> keys;
  for (const auto& [key, ledger] : positions_.ledgers()) keys.insert(key);
  for (const auto& [key, copy] : drop_copy_) keys.insert(key);
  return keys;
}

bool Engine::on_adjusted(const v1::PositionAdjusted& adjusted) {
  const auto after = to_decimal(adjusted.after());
  if (!after) return counted(tl::unexpected<Error>(after.error()), "adjustment");
  drop_copy_[{adjusted.account(), adjusted.trading_pair()}].quantity = Quantity{*after};
  return counted(positions_.set_position(adjusted.account(), adjusted.trading_pair(),
                                         Quantity{*after}, std::nullopt),
                 "adjustment");
}

bool Engine::on_funding(const v1::FundingPayment& funding) {
  const auto payment = to_wide_decimal(funding.payment());
  if (!payment) return counted(tl::unexpected<Error>(payment.error()), "funding");
  return counted(
      positions_.add_funding(funding.account(), funding.trading_pair(), Notional{*payment}),
      "funding");
}

void Engine::on_mark(std::string_view trading_pair, Price mark, UnixNanos at, UnixNanos now,
                     std::vector<Breach>& out) {
  if (!counted(positions_.set_mark(trading_pair, mark, at), "mark price")) return;
  for (const auto& account : positions_.accounts()) {
    const auto* ledger = positions_.find(account, trading_pair);
    if (ledger == nullptr || ledger->quantity().is_zero()) continue;
    judge_position({account, std::string(trading_pair)}, now, out);
    judge_loss(account, now, out);
  }
}

TimerOutcome Engine::on_timer(UnixNanos now, std::vector<Breach>& out) {
  TimerOutcome outcome;
  outcome.day_began = positions_.roll_day(now);
  for (const auto& key : keys()) {
    judge_position(key, now, out);
    judge_orders(key, now, out);
    judge_drop_copy(key, now, out, outcome.adopted);
  }
  for (const auto& account : positions_.accounts()) judge_loss(account, now, out);
  return outcome;
}

bool Engine::judge(bool broken, Nanos grace, Breach breach, RiskLevel level, UnixNanos now,
                   std::vector<Breach>& out) {
  const ControlKey key{{breach.account, breach.trading_pair}, breach.control};
  if (!broken) {
    standing_.erase(key);
    return false;
  }
  auto& standing =
      standing_.try_emplace(key, Standing{.since = now, .reported = false, .level = kNoLevel})
          .first->second;
  if (standing.reported || now - standing.since < grace) return false;
  standing.reported = true;
  standing.level = level;
  breach.action = level == kNoLevel ? "none" : std::string(limits::to_string(level));
  if (level != kNoLevel) kill_switch_.halt(level, breach.reason, breach.control);
  out.push_back(std::move(breach));
  return true;
}

void Engine::judge_position(const Key& key, UnixNanos now, std::vector<Breach>& out) {
  const auto* ledger = positions_.find(key.first, key.second);
  const auto* limits = limits_.find(key.first, key.second);
  if (limits == nullptr) return;
  // Where the gateway says another figure, the larger one counts.
  Quantity held = ledger != nullptr ? ledger->quantity().abs() : Quantity{};
  const auto copy = drop_copy_.find(key);
  if (copy != drop_copy_.end()) held = std::max(held, copy->second.quantity.abs());
  if (limits->max_position) {
    judge(held > *limits->max_position, Nanos{},
          Breach{.account = key.first,
                 .trading_pair = key.second,
                 .control = "max_position",
                 .limit = wide(*limits->max_position),
                 .found = wide(held),
                 .action = {},
                 .reason =
                     fmt::format("max_position of {} {}: expected at most {}, found {}", key.first,
                                 key.second, limits->max_position->to_string(), held.to_string())},
          config_.position_level, now, out);
  }
  if (limits->max_position_notional && ledger != nullptr && ledger->mark()) {
    const Notional notional = *ledger->mark() * held;
    // A price that moved may bring this about; new orders are refused already.
    judge(notional > *limits->max_position_notional, Nanos{},
          Breach{.account = key.first,
                 .trading_pair = key.second,
                 .control = "max_position_notional",
                 .limit = limits->max_position_notional->value(),
                 .found = notional.value(),
                 .action = {},
                 .reason = fmt::format(
                     "max_position_notional of {} {}: expected at most {}, found {}", key.first,
                     key.second, limits->max_position_notional->to_string(), notional.to_string())},
          kNoLevel, now, out);
  }
}

void Engine::judge_loss(std::string_view account, UnixNanos now, std::vector<Breach>& out) {
  const auto* limits = limits_.find(account, limits::kEveryPair);
  if (limits == nullptr || !limits->max_daily_loss) return;
  const auto pnl = positions_.day_pnl(account);
  if (!pnl) return;
  if (!*pnl) {
    counted(tl::unexpected<Error>(pnl->error()), "day PnL");
    return;
  }
  const Notional& today = **pnl;
  judge(today <= -*limits->max_daily_loss && today.is_negative(), Nanos{},
        Breach{
            .account = std::string(account),
            .trading_pair = std::string(limits::kEveryPair),
            .control = "max_daily_loss",
            .limit = limits->max_daily_loss->value(),
            .found = today.value(),
            .action = {},
            .reason = fmt::format("max_daily_loss of {}: expected a loss under {}, found PnL {} "
                                  "today",
                                  account, limits->max_daily_loss->to_string(), today.to_string())},
        config_.daily_loss_level, now, out);
}

void Engine::judge_orders(const Key& key, UnixNanos now, std::vector<Breach>& out) {
  const auto* ledger = positions_.find(key.first, key.second);
  const auto* limits = limits_.find(key.first, key.second);
  const auto exposure = orders_.exposure(key.first, key.second);
  if (ledger == nullptr || limits == nullptr || !exposure) return;
  if (limits->max_position) {
    const auto longest = add(ledger->quantity(), exposure->working_buys);
    const auto shortest = subtract(ledger->quantity(), exposure->working_sells);
    if (!longest || !shortest) return;
    const Quantity worst = std::max(*longest, -*shortest);
    judge(worst > *limits->max_position, config_.grace,
          Breach{.account = key.first,
                 .trading_pair = key.second,
                 .control = "max_position_worst_case",
                 .limit = wide(*limits->max_position),
                 .found = wide(worst),
                 .action = {},
                 .reason = fmt::format(
                     "max_position of {} {} with working orders: expected at most "
                     "{}, found {}",
                     key.first, key.second, limits->max_position->to_string(), worst.to_string())},
          kNoLevel, now, out);
  }
  if (limits->max_open_orders) {
    judge(exposure->open_orders > *limits->max_open_orders, config_.grace,
          Breach{.account = key.first,
                 .trading_pair = key.second,
                 .control = "max_open_orders",
                 .limit = WideDecimal{Int128{*limits->max_open_orders}},
                 .found = WideDecimal{Int128{exposure->open_orders}},
                 .action = {},
                 .reason = fmt::format("max_open_orders of {} {}: expected at most {}, found {}",
                                       key.first, key.second, *limits->max_open_orders,
                                       exposure->open_orders)},
          kNoLevel, now, out);
  }
}

void Engine::judge_first_sight(const Key& key, const DropCopy& copy, UnixNanos now,
                               std::vector<Adoption>& adopted) {
  const ControlKey control{key, "first_sight"};
  if (copy.quantity.is_zero()) {
    standing_.erase(control);
    return;
  }
  const auto& standing =
      standing_.try_emplace(control, Standing{.since = now, .reported = false, .level = kNoLevel})
          .first->second;
  if (now - standing.since < config_.drop_copy_grace) return;
  standing_.erase(control);
  Adoption adoption{.account = key.first,
                    .trading_pair = key.second,
                    .before = {},
                    .after = copy.quantity,
                    .entry = copy.entry};
  if (counted(adopt(adoption), "position")) adopted.push_back(std::move(adoption));
}

void Engine::judge_drop_copy(const Key& key, UnixNanos now, std::vector<Breach>& out,
                             std::vector<Adoption>& adopted) {
  const auto found = drop_copy_.find(key);
  if (found == drop_copy_.end()) return;
  const DropCopy& copy = found->second;
  const auto* ledger = positions_.find(key.first, key.second);
  if (ledger == nullptr) {
    judge_first_sight(key, copy, now, adopted);
    return;
  }
  const Quantity ours = ledger->quantity();
  const bool reported =
      judge(copy.quantity != ours, config_.drop_copy_grace,
            Breach{.account = key.first,
                   .trading_pair = key.second,
                   .control = "drop_copy",
                   .limit = wide(copy.quantity),
                   .found = wide(ours),
                   .action = {},
                   .reason = fmt::format("position of {} {}: the gateway says {}, our own count {}",
                                         key.first, key.second, copy.quantity.to_string(),
                                         ours.to_string())},
            kNoLevel, now, out);
  if (!reported) return;
  // The venue's position is the truth, ours is derived: said aloud, then taken over. What differs
  // from now on is another difference: a fill that comes so late that it was taken over already.
  standing_.erase({key, "drop_copy"});
  Adoption adoption{.account = key.first,
                    .trading_pair = key.second,
                    .before = ours,
                    .after = copy.quantity,
                    .entry = std::nullopt};
  if (counted(adopt(adoption), "position")) adopted.push_back(std::move(adoption));
}

std::vector<std::string> Engine::standing() const {
  std::vector<std::string> names;
  for (const auto& [key, standing] : standing_) {
    if (!standing.reported || standing.level == kNoLevel) continue;
    names.push_back(fmt::format("{} of {} {}", key.second, key.first.first, key.first.second));
  }
  return names;
}

std::optional<Notional> Engine::day_pnl() const {
  std::optional<Notional> sum;
  for (const auto& account : positions_.accounts()) {
    const auto pnl = positions_.day_pnl(account);
    if (!pnl || !*pnl) return std::nullopt;
    const auto total = add(sum.value_or(Notional{}), **pnl);
    if (!total) return std::nullopt;
    sum = *total;
  }
  return sum;
}

void Engine::describe(std::vector<v1::AccountRisk>& out) const {
  for (const auto& [key, ledger] : positions_.ledgers()) {
    v1::AccountRisk row;
    row.set_account(key.first);
    row.set_trading_pair(key.second);
    set_decimal(ledger.quantity(), *row.mutable_position());
    if (const auto entry = ledger.state().entry_price()) {
      set_decimal(*entry, *row.mutable_entry_price());
    }
    if (ledger.mark()) set_decimal(*ledger.mark(), *row.mutable_mark_price());
    if (const auto open = ledger.unrealized(); open && ledger.mark()) {
      set_decimal(round_half_even(open->value(), kQuotientPlaces), *row.mutable_unrealized_pnl());
    }
    set_decimal(round_half_even(ledger.state().realized.value(), kQuotientPlaces),
                *row.mutable_realized_pnl());
    if (const auto exposure = orders_.exposure(key.first, key.second)) {
      row.set_open_orders(exposure->open_orders);
    }
    out.push_back(std::move(row));
  }
}

void Engine::save(v1::RiskCheckpoint& out) const {
  positions_.save(out);
  orders_.save(out);
}

Status Engine::load(const v1::RiskCheckpoint& from) {
  auto positions = PositionBook::load(from);
  if (!positions) return tl::unexpected<Error>(std::move(positions.error()));
  positions_ = std::move(*positions);
  standing_.clear();
  drop_copy_.clear();
  return orders_.load(from);
}

}  // namespace perpwire::risk
