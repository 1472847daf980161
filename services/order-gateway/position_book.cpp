#include "services/order-gateway/position_book.hpp"

#include <chrono>

namespace perpwire::gateway {
namespace {

constexpr Nanos kServersBehind = std::chrono::seconds{10};

bool same_terms(const venues::PositionWord& a, const venues::PositionWord& b) {
  return a.entry_price == b.entry_price && a.leverage == b.leverage &&
         a.margin_mode == b.margin_mode && a.liquidation_price == b.liquidation_price &&
         a.unrealized_pnl == b.unrealized_pnl;
}

Quantity change_of(const venues::Fill& fill) {
  return fill.side == Side::kBuy ? fill.quantity : -fill.quantity;
}

/// The average entry after a fill, as the venue keeps it: what adds to a position is averaged in,
/// what reduces it leaves the price of the rest, what crosses zero begins anew at its own price.
/// (hyperliquid.md section 11.5: closedPnl is counted against the average entry)
std::optional<WideDecimal> entry_after(const Quantity& before,
                                       const std::optional<WideDecimal>& entry,
                                       const Quantity& change, const Price& price,
                                       const Quantity& after) {
  if (after.is_zero()) return std::nullopt;
  if (before.is_zero() || before.is_negative() != after.is_negative()) {
    return widen(price.value());
  }
  if (!entry) return std::nullopt;
  if (before.is_negative() != change.is_negative()) return entry;
  const auto had = multiply(*entry, widen(before.abs().value()));
  const Notional added = price * change.abs();
  if (!had) return std::nullopt;
  const auto sum = add(*had, added.value());
  if (!sum) return std::nullopt;
  const auto average = divide(*sum, widen(after.abs().value()));
  if (!average) return std::nullopt;
  return *average;
}

}  // namespace

PositionBook::Moved PositionBook::on_fill(const venues::Fill& fill, const TradingPair& pair,
                                          Nanos now) {
  Held& held = held_[pair];
  if (fill.time < held.newest_fill) return Moved::kNo;  // later ones' start positions contain it
  const Quantity change = change_of(fill);
  const Quantity start = fill.start_position.value_or(held.quantity);
  const auto after = add(start, change);
  if (!after) return Moved::kNo;
  Instant& instant = instants_[pair];
  const bool first = fill.time != held.newest_fill;
  if (first) {
    instant.fills.begin(held.quantity);
    instant.restored.clear();
    held.newest_fill = fill.time;
  }
  instant.fills.add({.start = start, .change = change, .price = fill.price});
  const bool missed = first && start != held.quantity;
  if (missed) {
    held.quantity = start;
    held.entry_price.reset();  // at which price the missed one was is not known here
  }
  const Moved moved = follow(pair, held, instant, now);
  return missed ? Moved::kPastMissedOne : moved;
}

PositionBook::Moved PositionBook::on_known_fill(const venues::Fill& fill, const TradingPair& pair,
                                                Nanos now) {
  const auto found = instants_.find(pair);
  if (found == instants_.end() || !fill.start_position) return Moved::kNo;
  Instant& instant = found->second;
  if (instant.restored.erase(fill.key()) == 0) return Moved::kNo;
  const Quantity change = change_of(fill);
  instant.fills.add({.start = *fill.start_position,
                     .change = change,
                     .price = fill.price,
                     .passed = true,
                     .doubtful = true});
  return instant.restored.empty() ? follow(pair, held_[pair], instant, now) : Moved::kNo;
}

PositionBook::Moved PositionBook::follow(const TradingPair& pair, Held& held, Instant& instant,
                                         Nanos now) {
  const Quantity before = held.quantity;
  for (const FillChain::Step& step : instant.fills.walk(held.quantity)) {
    const Quantity next = add(step.start, step.change).value_or(step.start);
    held.entry_price = entry_after(step.start, held.entry_price, step.change, step.price, next);
    held.quantity = next;
  }
  // While some of them are not known again, the way cannot be told from a part of it.
  const auto end = instant.restored.empty() ? instant.fills.end(held.quantity) : std::nullopt;
  if (end) {
    if (*end != held.quantity) {
      held.quantity = *end;
      held.entry_price.reset();
    }
    instant.fills.pass_all();
  }
  if (held.quantity == before) return end ? Moved::kNo : Moved::kNotYet;
  held.word_is_current = false;
  held.moved = now;
  suspects_.erase(pair);
  return end ? Moved::kByTheFill : Moved::kPastMissedOne;
}

std::vector<PositionBook::Adjustment> PositionBook::on_venue(
    const std::map<TradingPair, venues::PositionWord>& words,
    const std::vector<TradingPair>& covered, Nanos now, Nanos patience, Nanos fills_asked,
    std::vector<TradingPair>& changed) {
  std::vector<Adjustment> adjustments;
  for (const TradingPair& pair : covered) {
    const auto told = words.find(pair);
    const bool known = held_.contains(pair);
    if (told == words.end() && !known) continue;
    Held& held = held_[pair];
    const Quantity theirs = told == words.end() ? Quantity{} : told->second.quantity;
    if (theirs == held.quantity) {
      suspects_.erase(pair);
      const venues::PositionWord word = told == words.end() ? venues::PositionWord{} : told->second;
      if (!known || !held.word_is_current || !same_terms(word, held.word)) changed.push_back(pair);
      held.take(word);
      continue;
    }
    const auto suspect = suspects_.find(pair);
    const bool seen = suspect != suspects_.end() && suspect->second.ours == held.quantity &&
                      suspect->second.venues_own == theirs;
    if (!seen) {
      suspects_[pair] = {held.quantity, theirs, now};
      continue;
    }
    if (now - suspect->second.since < patience || fills_asked <= suspect->second.since) continue;
    if (held.moved && now - *held.moved < kServersBehind) continue;
    adjustments.push_back({pair, held.quantity, theirs});
    held.quantity = theirs;
    if (const auto instant = instants_.find(pair); instant != instants_.end()) {
      instant->second.contained();
    }
    held.take(told == words.end() ? venues::PositionWord{} : told->second);
    changed.push_back(pair);
    suspects_.erase(pair);
  }
  return adjustments;
}

void PositionBook::Instant::contained() {
  fills.pass_all();
  restored.clear();
}

void PositionBook::confirm(const TradingPair& pair, const Quantity& theirs, UnixNanos answered) {
  const auto instant = instants_.find(pair);
  if (instant == instants_.end() || theirs != quantity(pair)) return;
  if (answered - newest_fill(pair) >= kServersBehind) instant->second.contained();
}

void PositionBook::Held::take(const venues::PositionWord& told) {
  word = told;
  word_is_current = true;
  entry_price.reset();
  if (told.entry_price && !quantity.is_zero()) entry_price = widen(told.entry_price->value());
}

void PositionBook::restore(const TradingPair& pair, Quantity quantity,
                           std::optional<WideDecimal> entry_price) {
  Held& held = held_[pair];
  held.quantity = quantity;
  held.entry_price = entry_price;
  held.word_is_current = false;
}

void PositionBook::restore_fill(const venues::Fill& fill, const TradingPair& pair) {
  Held& held = held_[pair];
  if (fill.time < held.newest_fill) return;
  Instant& instant = instants_[pair];
  if (fill.time > held.newest_fill) {
    instant.fills.begin(std::nullopt);
    instant.restored.clear();
  }
  held.newest_fill = fill.time;
  instant.restored.emplace(fill.key(), change_of(fill));
}

UnixNanos PositionBook::newest_fill(const TradingPair& pair) const {
  const auto found = held_.find(pair);
  return found == held_.end() ? UnixNanos{} : found->second.newest_fill;
}

Quantity PositionBook::quantity(const TradingPair& pair) const {
  const auto found = held_.find(pair);
  return found == held_.end() ? Quantity{} : found->second.quantity;
}

Quantity PositionBook::worst(const TradingPair& pair, Side side) const {
  const Quantity ours = quantity(pair);
  const auto instant = instants_.find(pair);
  if (instant == instants_.end()) return ours;
  Quantity beyond = instant->second.fills.beyond(side);
  for (const auto& [key, change] : instant->second.restored) {
    if (change.is_negative() == (side == Side::kBuy)) continue;
    beyond = add(beyond, change).value_or(beyond);
  }
  return add(ours, beyond).value_or(ours);
}

}  // namespace perpwire::gateway
