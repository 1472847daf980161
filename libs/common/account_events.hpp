#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/error_code.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What a venue says about one account, in words that no venue owns: every venue's
/// account_messages turns its own bytes into these, the order gateway reads nothing else.
namespace perpwire::venues {

/// What the venue says that an order is. A status that we do not know is kept as text in the
/// message that carries it; kUnrecognised changes nothing and asks for a status query.
enum class OrderStatus {
  kOpen,       // resting, or a trigger order that waits
  kTriggered,  // the trigger fired; the order or a child of it goes on
  kFilled,     // executed as far as it will be: the fills say how much
  kCancelled,  // by us or by the venue; fills may precede it
  kRejected,   // never rested, never will
  kUnrecognised,
};

/// Our reading of why a venue ended an order: the contract's error code with the venue's words.
struct VenueReason {
  ErrorCode code = ErrorCode::kVenueRejected;
  std::string text;

  friend bool operator==(const VenueReason&, const VenueReason&) = default;
};

/// One word of the venue about one order (one leg of ours): from the user stream, a status query,
/// the list of open orders or the history.
struct OrderWord {
  VenueSymbol symbol;
  VenueOrderId venue_order_id;
  std::string cloid;  // empty: none
  Side side = Side::kBuy;
  std::optional<Price> price;
  /// What the venue shows as ordered and as left. Not a count of what was executed: only fills are.
  std::optional<Quantity> original;
  std::optional<Quantity> remaining;
  bool reduce_only = false;
  OrderStatus status = OrderStatus::kUnrecognised;
  VenueReason reason;  // kCancelled and kRejected; text is the venue's status word in every case
  UnixNanos created;
  UnixNanos status_time;
  std::optional<Price> trigger_price;
  std::string order_type;     // the venue's word, where the message has it
  std::string time_in_force;  // likewise
};

/// What makes an execution one: a trade id alone is not unique on every venue.
struct FillKey {
  std::int64_t time = 0;  // venue time, ns
  std::string symbol;
  std::string trade_id;
  std::string venue_order_id;

  friend auto operator<=>(const FillKey&, const FillKey&) = default;
  friend bool operator==(const FillKey&, const FillKey&) = default;
};

/// One execution of the account.
struct Fill {
  TradeId trade_id;
  VenueSymbol symbol;
  VenueOrderId venue_order_id;
  std::string cloid;  // empty: the message has none
  Side side = Side::kBuy;
  Price price;
  Quantity quantity;
  bool taker = false;
  Decimal fee;  // > 0 paid, < 0 rebate
  std::string fee_asset;
  std::optional<Decimal> closed_pnl;
  std::optional<Quantity> start_position;  // signed, before this fill
  std::string twap_id;                     // of the TWAP that it is a slice of; empty: none
  UnixNanos time;

  [[nodiscard]] FillKey key() const {
    return {time.value(), symbol.value(), trade_id.value(), venue_order_id.value()};
  }
};

enum class MarginMode { kCross, kIsolated };

struct PositionWord {
  VenueSymbol symbol;
  Quantity quantity;  // signed, long > 0
  std::optional<Price> entry_price;
  std::optional<Price> mark_price;
  std::optional<Decimal> unrealized_pnl;
  std::optional<Decimal> position_value;
  std::optional<std::uint32_t> leverage;
  MarginMode margin_mode = MarginMode::kCross;
  std::optional<Price> liquidation_price;
};

struct BalanceWord {
  std::string asset;
  Decimal total;
  Decimal available;
};

struct FundingWord {
  VenueSymbol symbol;
  Decimal payment;  // our signed change
  std::optional<Decimal> quantity;
  std::optional<Decimal> rate;
  UnixNanos time;
};

/// The venue cancelled an order of its own accord (liquidation, delisting, ...).
struct VenueCancel {
  VenueSymbol symbol;
  VenueOrderId venue_order_id;
};

struct LiquidationWord {
  std::string raw;
};

}  // namespace perpwire::venues
