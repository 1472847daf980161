#include "services/order-gateway/position_book.hpp"

#include <algorithm>

namespace perpwire::gateway {
namespace {

bool same_terms(const venues::PositionWord& a, const venues::PositionWord& b) {
  return a.entry_price == b.entry_price && a.leverage == b.leverage &&
         a.margin_mode == b.margin_mode && a.liquidation_price == b.liquidation_price &&
         a.unrealized_pnl == b.unrealized_pnl;
}

}  // namespace

bool PositionBook::on_fill(const venues::Fill& fill, const TradingPair& pair) {
  Held& held = held_[pair];
  if (fill.time < held.newest_fill) return false;  // later fills' start positions contain it
  const Quantity change = fill.side == Side::kBuy ? fill.quantity : -fill.quantity;
  Quantity base = held.quantity;
  if (fill.start_position) {
    // Of several fills in one millisecond only the one that continues ours is the next.
    if (fill.time == held.newest_fill && *fill.start_position != held.quantity) return false;
    base = *fill.start_position;
  }
  const auto moved = add(base, change);
  if (!moved) return false;
  held.quantity = *moved;
  held.newest_fill = fill.time;
  suspects_.erase(pair);
  return true;
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
      if (!known || !same_terms(word, held.word)) changed.push_back(pair);
      held.word = word;
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
    adjustments.push_back({pair, held.quantity, theirs});
    held.quantity = theirs;
    if (told != words.end()) held.word = told->second;
    changed.push_back(pair);
    suspects_.erase(pair);
  }
  return adjustments;
}

void PositionBook::restore(const TradingPair& pair, Quantity quantity) {
  held_[pair].quantity = quantity;
}

void PositionBook::restore_fill(const venues::Fill& fill, const TradingPair& pair) {
  Held& held = held_[pair];
  held.newest_fill = std::max(held.newest_fill, fill.time);
}

Quantity PositionBook::quantity(const TradingPair& pair) const {
  const auto found = held_.find(pair);
  return found == held_.end() ? Quantity{} : found->second.quantity;
}

}  // namespace perpwire::gateway
