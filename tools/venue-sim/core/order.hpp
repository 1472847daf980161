#pragma once

#include "tools/venue-sim/core/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::sim {

using OrderNumber = std::uint64_t;  // the venue's oid
using AccountIndex = std::size_t;   // in Accounts
using MarketIndex = std::size_t;    // in Universe::markets

enum class Side { kBuy, kSell };
constexpr Side opposite(Side side) { return side == Side::kBuy ? Side::kSell : Side::kBuy; }
constexpr int sign(Side side) { return side == Side::kBuy ? 1 : -1; }
constexpr std::string_view side_text(Side side) { return side == Side::kBuy ? "B" : "A"; }

enum class TimeInForce { kGtc, kIoc, kAlo, kFrontendMarket, kLiquidationMarket };
std::string_view to_string(TimeInForce tif);

/// Section 6.4 of hyperliquid.md.
enum class OrderStatus {
  kOpen,
  kTriggered,
  kFilled,
  kCanceled,
  kRejected,
  kMarginCanceled,
  kSelfTradeCanceled,
  kReduceOnlyCanceled,
  kSiblingFilledCanceled,
  kDelistedCanceled,
  kLiquidatedCanceled,
  kScheduledCancel,
  kTickRejected,
  kMinTradeNtlRejected,
  kMinTradeSpotNtlRejected,
  kPerpMarginRejected,
  kReduceOnlyRejected,
  kBadAloPxRejected,
  kIocCancelRejected,
  kBadTriggerPxRejected,
  kMarketOrderNoLiquidityRejected,
  kInsufficientSpotBalanceRejected,
  kOpenInterestCapRejected,
  kTooManyOpenOrdersRejected,
};
std::string_view to_string(OrderStatus status);
constexpr bool is_live(OrderStatus status) { return status == OrderStatus::kOpen; }

struct Trigger {
  bool is_market = false;
  Ticks price;
  bool is_take_profit = false;
};

enum class OrderPhase {
  kWaitingForParent,   // a TP/SL child of an unfilled parent
  kWaitingForTrigger,  // watches the mark price
  kInBook,
  kDone,
};

enum class OrderKind { kNormal, kTwapSlice, kLiquidation };

/// One order under one oid, live or finished.
struct Order {
  OrderNumber oid = 0;
  AccountIndex account = 0;
  MarketIndex market = 0;
  Side side = Side::kBuy;
  Ticks price;
  Lots remaining;
  Lots original;  // shrunk by reduce-only logic
  Lots filled;
  TimeInForce tif = TimeInForce::kGtc;
  OrderKind kind = OrderKind::kNormal;
  bool reduce_only = false;
  bool is_position_tpsl = false;
  std::optional<Trigger> trigger;
  bool has_fired = false;
  OrderPhase phase = OrderPhase::kInBook;
  std::string cloid;  // empty = none
  OrderNumber parent = 0;
  std::vector<OrderNumber> children;
  std::vector<OrderNumber> siblings;  // TP and SL of one group
  std::uint64_t book_rank = 0;        // place in the queue of its level
  OrderStatus status = OrderStatus::kOpen;
  Millis created = 0;
  Millis status_time = 0;
  std::uint64_t twap = 0;
  std::int64_t builder_fee = 0;  // tenths of a basis point
  std::string builder;
};

/// What a client asks for.
struct OrderRequest {
  std::uint64_t asset = 0;
  Side side = Side::kBuy;
  Decimal price;
  Decimal size;
  bool reduce_only = false;
  TimeInForce tif = TimeInForce::kGtc;
  struct TriggerRequest {
    bool is_market = false;
    Decimal price;
    bool is_take_profit = false;
  };
  std::optional<TriggerRequest> trigger;
  std::string cloid;
};

/// One execution from one side's view (hyperliquid.md section 7.5).
struct Fill {
  MarketIndex market = 0;
  Ticks price;
  Lots size;
  Side side = Side::kBuy;
  Millis time = 0;
  Lots start_position;  // perp
  Money start_balance;  // spot: of the base token
  std::string direction;
  Money closed_pnl;
  std::string hash;
  OrderNumber oid = 0;
  bool crossed = false;
  Money fee;
  Money builder_fee;
  std::uint64_t trade_id = 0;
  int fee_token = 0;
  std::string cloid;
  std::uint64_t twap = 0;
  struct Liquidation {
    std::string user;
    Ticks mark;
    std::string method;
  };
  std::optional<Liquidation> liquidation;
};

/// One execution as everybody sees it.
struct Trade {
  MarketIndex market = 0;
  Side aggressor = Side::kBuy;
  Ticks price;
  Lots size;
  Millis time = 0;
  std::string hash;
  std::uint64_t trade_id = 0;
  std::string buyer;
  std::string seller;
};

}  // namespace perpwire::sim
