#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"
#include "libs/limits/order_check.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace perpwire::v1 {
class OrderEvent;
class RiskCheckpoint;
}  // namespace perpwire::v1

namespace perpwire::risk {

/// Risk's own count of the orders that may still fill, from the gateway's order events. Pure.
///
/// An order counts from its first event until a final state (FILLED, CANCELLED, FAILED); UNKNOWN
/// counts at full remaining size. Events may come doubled or late: filled amounts never shrink, and
/// a final order does not come back but by a later event of the gateway's that says so (`update`
/// with a live state and a newer last_update_timestamp: the venue's word against an inferred
/// FAILED).
class OpenOrders {
 public:
  /// Errors: kMalformed naming the order: unknown side or state, amounts out of range. Nothing is
  /// changed then.
  Status apply(const v1::OrderEvent& order);

  /// The working part of the exposure of account and pair; `position` and `day_pnl` are left empty.
  /// Errors: kMalformed if the sums leave 64 bits.
  [[nodiscard]] Result<limits::Exposure> exposure(std::string_view account,
                                                  std::string_view trading_pair) const;
  [[nodiscard]] std::uint32_t count(std::string_view account) const;
  [[nodiscard]] std::size_t total() const { return orders_.size(); }

  void save(v1::RiskCheckpoint& out) const;
  Status load(const v1::RiskCheckpoint& from);

 private:
  using Key = std::pair<std::string, std::string>;  // account, client order id
  struct Working {
    std::string trading_pair;
    Side side = Side::kBuy;
    Quantity amount;
    Quantity filled;
    bool reduce_only = false;
    std::int64_t updated = 0;
  };
  void finish(const Key& key, std::int64_t updated);

  static constexpr std::size_t kRemembered = 10'000;
  std::map<Key, Working> orders_;
  std::map<Key, std::int64_t> finished_;  // newest last_update_timestamp of final orders
  std::deque<Key> finished_order_;        // oldest first
};

}  // namespace perpwire::risk
