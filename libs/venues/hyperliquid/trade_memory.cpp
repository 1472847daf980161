#include "libs/venues/hyperliquid/trade_memory.hpp"

#include <algorithm>

namespace perpwire::hyperliquid {

bool TradeMemory::knows(UnixNanos time, std::uint64_t trade_id) const {
  if (time > newest_) return false;  // the usual case: nothing to look through
  return std::find(seen_.rbegin(), seen_.rend(), Key{time, trade_id}) != seen_.rend();
}

bool TradeMemory::remember(UnixNanos time, std::uint64_t trade_id) {
  if (knows(time, trade_id)) return false;
  newest_ = std::max(newest_, time);
  if (seen_.size() < capacity_) {
    seen_.push_back({time, trade_id});
  } else {
    seen_[next_] = {time, trade_id};
    next_ = (next_ + 1) % capacity_;
  }
  return true;
}

}  // namespace perpwire::hyperliquid
