#pragma once

#include "tools/venue-sim/core/account.hpp"
#include "tools/venue-sim/core/candles.hpp"
#include "tools/venue-sim/core/order_book.hpp"
#include "tools/venue-sim/core/readings.hpp"
#include "tools/venue-sim/core/rng.hpp"
#include "tools/venue-sim/core/universe.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace perpwire::sim {

/// An hourly funding figure of one market.
struct FundingRow {
  Millis time = 0;
  std::int64_t rate = 0;     // per hour, units of 10^-10
  std::int64_t premium = 0;  // units of 10^-10
};

/// One market's book, prices and statistics.
struct MarketState {
  static constexpr std::size_t kTradesKept = 100;
  static constexpr std::size_t kFundingsKept = 5000;

  OrderBook book;
  Ticks fair;  // where the background liquidity gathers
  Ticks oracle;
  Ticks mark;
  Ticks last;
  Ticks previous_day;
  std::int64_t basis_average = 0;  // 150 s average of mid - oracle, in ticks
  Money day_notional;
  Lots day_volume;
  Lots open_interest;
  std::int64_t premium_sum = 0;  // samples of this hour, units of 10^-10
  std::int64_t premium_count = 0;
  std::int64_t premium_now = 0;
  std::int64_t funding_rate = 0;  // per hour, predicted
  std::deque<FundingRow> fundings;
  std::deque<Trade> trades;  // newest last
  CandleStore candles;
  std::set<OrderNumber> triggers;  // orders that watch the mark price
  bool halted = false;
};

struct OrderUpdate {
  Order order;
  OrderStatus status = OrderStatus::kOpen;
  Millis time = 0;
};
/// A cancel that the user did not ask for (`nonUserCancel`).
struct NonUserCancel {
  MarketIndex market = 0;
  OrderNumber oid = 0;
};
struct LiquidationNotice {
  std::uint64_t id = 0;
  std::string liquidator;
  Money notional;
  Money account_value;
};
struct TwapChange {
  Twap twap;
  Millis time = 0;
};
struct TwapSlice {
  Fill fill;
  std::uint64_t twap = 0;
};

using UserEventBody = std::variant<OrderUpdate, Fill, FundingPayment, LedgerEntry, NonUserCancel,
                                   LiquidationNotice, TwapChange, TwapSlice>;
struct UserEvent {
  AccountIndex account = 0;
  UserEventBody body;
};

/// What the blocks since the last take produced, in order.
struct Output {
  std::vector<UserEvent> events;
  std::vector<Trade> trades;
  std::set<MarketIndex> changed_books;
};

/// All state of the venue, shared by the classes that act on it. Not thread-safe.
struct VenueState {
  Universe universe;
  Readings readings;
  Rng rng{0};
  Accounts accounts;
  std::vector<MarketState> markets;  // by MarketIndex
  Millis now = 0;                    // time of the block being executed
  std::uint64_t block = 0;
  std::uint64_t next_oid = 0;
  std::uint64_t next_twap = 1;
  std::uint64_t next_liquidation = 1;
  std::uint64_t transactions = 0;
  std::string hash;  // of the action being executed
  bool post_only_window = false;
  bool documented_limits = true;
  AccountIndex maker = 0;  // background accounts
  AccountIndex taker = 0;
  AccountIndex liquidator = 0;
  Output output;

  [[nodiscard]] const Market& market(MarketIndex index) const { return universe.markets[index]; }
  [[nodiscard]] Holding& holding(AccountIndex account, MarketIndex market);
  [[nodiscard]] const Holding* find_holding(AccountIndex account, MarketIndex market) const;
  /// A new 32-byte hash text for the next transaction.
  void start_transaction();
  void emit(AccountIndex account, UserEventBody body);
};

constexpr std::string_view kZeroHash =
    "0x0000000000000000000000000000000000000000000000000000000000000000";

/// The leverage that an account has in a market before it sets one.
Holding default_holding(const Market& market);

}  // namespace perpwire::sim
