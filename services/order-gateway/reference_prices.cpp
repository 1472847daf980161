#include "services/order-gateway/reference_prices.hpp"

namespace perpwire::gateway {

void ReferencePrices::on_top(const TradingPair& pair, std::optional<Price> bid,
                             std::optional<Price> ask, UnixNanos received) {
  Known& known = known_[pair];
  known.bid = bid;
  known.ask = ask;
  known.top_at = received;
}

void ReferencePrices::on_mark(const TradingPair& pair, std::optional<Price> mark,
                              UnixNanos received) {
  Known& known = known_[pair];
  known.mark = mark;
  known.mark_at = received;
}

void ReferencePrices::on_feed_lost(const TradingPair& pair) {
  if (pair.empty()) {
    known_.clear();
  } else {
    known_.erase(pair);
  }
}

bool ReferencePrices::fresh(UnixNanos at, UnixNanos now) const {
  return at.value() != 0 && now - held_until(at) <= stale_after_;
}

std::optional<Price> ReferencePrices::best_bid(const TradingPair& pair, UnixNanos now) const {
  const auto found = known_.find(pair);
  if (found == known_.end() || !fresh(found->second.top_at, now)) return std::nullopt;
  return found->second.bid;
}

std::optional<Price> ReferencePrices::best_ask(const TradingPair& pair, UnixNanos now) const {
  const auto found = known_.find(pair);
  if (found == known_.end() || !fresh(found->second.top_at, now)) return std::nullopt;
  return found->second.ask;
}

limits::Reference ReferencePrices::reference(const TradingPair& pair, UnixNanos now) const {
  const auto found = known_.find(pair);
  if (found == known_.end()) return {};
  const Known& known = found->second;
  if (fresh(known.top_at, now) && known.bid && known.ask && known.bid->is_positive()) {
    const auto sum = add(widen(known.bid->value()), widen(known.ask->value()));
    if (sum) {
      const auto middle = divide(*sum, WideDecimal{2});
      const auto narrowed = middle ? narrow(*middle) : fail(ErrorCode::kMalformed, "");
      if (narrowed) return {.price = Price{*narrowed}, .at = held_until(known.top_at)};
    }
  }
  if (fresh(known.mark_at, now) && known.mark)
    return {.price = known.mark, .at = held_until(known.mark_at)};
  return {};
}

}  // namespace perpwire::gateway
