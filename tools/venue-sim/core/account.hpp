#pragma once

#include "tools/venue-sim/core/address.hpp"
#include "tools/venue-sim/core/nonce_set.hpp"
#include "tools/venue-sim/core/order.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace perpwire::sim {

/// A perp position. Cross: its money is in the account's balance of the DEX; isolated: in
/// `isolated_usd`, the "rawUsd" of the position (margin = isolated_usd + signed value).
struct Position {
  Lots size;             // long > 0
  Money entry_notional;  // |size| x average entry price
  Money isolated_usd;
  Money
      funding_all_time;  // paid (> 0) since the beginning, since the opening, since the last change
  Money funding_since_open;
  Money funding_since_change;
};

/// What an account has in one perp market.
struct Holding {
  Position position;
  bool is_cross = true;
  int leverage = 20;
  Lots resting_buy;  // in the book, not reduce-only: they need margin
  Lots resting_sell;
  std::size_t reduce_only_orders = 0;  // in the book
};

struct SpotBalance {
  Money total;
  Money entry_notional;
};

struct FundingPayment {
  MarketIndex market = 0;
  Millis time = 0;
  Money usdc;  // our signed change
  Lots size;
  std::int64_t rate = 0;  // per hour, in units of 10^-10
};

/// One row of userNonFundingLedgerUpdates (section 8.5): texts and flags of its delta.
struct LedgerEntry {
  Millis time = 0;
  std::string hash;
  std::string type;
  std::vector<std::pair<std::string, std::string>> texts;
  std::optional<bool> to_perp;
  std::vector<std::pair<std::string, std::string>> positions;  // liquidation: coin, szi
};

struct HistoryRow {
  Order order;
  OrderStatus status = OrderStatus::kOpen;
  Millis time = 0;
};

enum class TwapStatus { kActivated, kTerminated, kFinished, kError };
std::string_view to_string(TwapStatus status);

struct Twap {
  std::uint64_t id = 0;
  MarketIndex market = 0;
  Side side = Side::kBuy;
  Lots size;
  Lots executed;
  Money executed_notional;
  int minutes = 0;
  bool reduce_only = false;
  bool randomize = false;
  Millis started = 0;
  Millis next_slice = 0;
  std::size_t slices_done = 0;
  TwapStatus status = TwapStatus::kActivated;
};

/// A master account, sub-account or maker of the simulator.
struct Account {
  static constexpr std::size_t kHistoryKept = 2000;    // historicalOrders
  static constexpr std::size_t kFillsKept = 10'000;    // userFillsByTime
  static constexpr std::size_t kOrdersKept = 100'000;  // orderStatus

  Address address;
  std::string name;                   // sub-accounts
  std::optional<std::size_t> master;  // sub-accounts
  bool is_background = false;  // makers and takers of the simulator: unlimited margin, no history
  std::map<std::size_t, Money> perp_usd;  // by DEX: balance without open profits
  std::map<int, SpotBalance> spot;        // by token
  std::map<MarketIndex, Holding> holdings;
  std::set<OrderNumber> live;
  std::unordered_map<std::string, OrderNumber> live_cloids;
  std::unordered_map<std::string, OrderNumber> newest_cloids;
  std::deque<OrderNumber> finished;
  std::deque<HistoryRow> history;
  std::deque<Fill> fills;
  std::deque<FundingPayment> fundings;
  std::deque<LedgerEntry> ledger;
  std::map<std::uint64_t, Twap> twaps;
  std::map<Address, std::int64_t> builder_approvals;  // tenths of a basis point
  std::optional<Millis> scheduled_cancel;
  std::int64_t cancel_day = 0;  // UTC day number of the counter below
  int cancels_triggered = 0;
  Money volume;                // USDC traded since the beginning
  std::uint64_t requests = 0;  // actions counted by the address limit
  std::uint64_t cancel_requests = 0;
  std::uint64_t reserved_requests = 0;
  Millis last_over_limit = 0;
  std::set<std::size_t> liquidating;  // DEXs under liquidation now
};

struct Agent {
  std::size_t master = 0;
  std::string name;  // empty = the unnamed one
  std::optional<Millis> valid_until;
};

/// Everything that belongs to accounts. Copyable: a copy is what a lagging info server would see.
class Accounts {
 public:
  AccountIndex add(Account account);
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }
  [[nodiscard]] Account& operator[](AccountIndex index) { return accounts_[index]; }
  [[nodiscard]] const Account& operator[](AccountIndex index) const { return accounts_[index]; }
  [[nodiscard]] std::optional<AccountIndex> find(const Address& address) const;

  [[nodiscard]] Order* order(OrderNumber oid);
  [[nodiscard]] const Order* order(OrderNumber oid) const;
  Order& store(Order order);
  void forget(OrderNumber oid);
  [[nodiscard]] std::size_t order_count() const { return orders_.size(); }

  std::map<Address, Agent> agents;
  std::map<Address, NonceSet> nonces;  // by signer

 private:
  std::vector<Account> accounts_;
  std::unordered_map<Address, AccountIndex> by_address_;
  std::unordered_map<OrderNumber, Order> orders_;
};

}  // namespace perpwire::sim
