#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/decimal.hpp"
#include "libs/common/error_code.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::gateway {

enum class OrderType {
  kLimit,
  kMarket,
  kStopLimit,
  kStopMarket,
  kTakeProfitLimit,
  kTakeProfitMarket,
  kTwap,
};

enum class TimeInForce { kGtc, kIoc, kAlo, kFok, kGtd };

enum class OrderState {
  kPendingCreate,
  kOpen,
  kPartiallyFilled,
  kPendingCancel,
  kUnknown,
  kFilled,
  kCancelled,
  kFailed,
};

constexpr bool is_final(OrderState state) {
  return state == OrderState::kFilled || state == OrderState::kCancelled ||
         state == OrderState::kFailed;
}

/// The contract's words (ARCHITECTURE.md section 3); parsing an unknown word gives nothing.
std::string_view to_string(OrderType type);
std::string_view to_string(TimeInForce time_in_force);
std::string_view to_string(OrderState state);
std::optional<OrderType> order_type_from_string(std::string_view text);
std::optional<TimeInForce> time_in_force_from_string(std::string_view text);
std::optional<OrderState> order_state_from_string(std::string_view text);

/// Why an order failed, or a change of it was refused.
struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::string reason;  // for people; the venue's own words where it spoke

  friend bool operator==(const Failure&, const Failure&) = default;
};

/// TWAP: over how long the venue works it off, and whether it varies the size of its slices.
struct TwapTerms {
  std::uint32_t minutes = 0;
  bool randomize = false;

  friend bool operator==(const TwapTerms&, const TwapTerms&) = default;
};

/// Orders that wait at the venue until the mark price passes their trigger.
constexpr bool has_trigger(OrderType type) {
  return type == OrderType::kStopLimit || type == OrderType::kStopMarket ||
         type == OrderType::kTakeProfitLimit || type == OrderType::kTakeProfitMarket;
}

/// What a client asked for. Two requests with one client order id and equal content are the same
/// order; with other content the second is refused.
struct OrderContent {
  ClientOrderId client_order_id;
  AccountName account;
  TradingPair trading_pair;
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  std::optional<Price> price;  // none for MARKET
  Quantity amount;
  TimeInForce time_in_force = TimeInForce::kGtc;
  bool reduce_only = false;
  std::optional<Price> trigger_price;
  std::string strategy;
  std::optional<std::uint32_t> slippage_bps;
  std::string grouping = {};  // of the batch: empty, normalTpsl, positionTpsl
  std::optional<TwapTerms> twap = std::nullopt;

  friend bool operator==(const OrderContent&, const OrderContent&) = default;
};

/// Moments in the life of an order on the wall clock of the I/O layer, ns since the epoch, 0 = not
/// reached. Each is taken once, for the action that places it.
struct Stamps {
  std::int64_t command_received = 0;  // the command's bytes came off the socket
  std::int64_t decided = 0;           // checked, tracked and journaled: handed to the signer
  std::int64_t signed_at = 0;         // the signature came back
  std::int64_t sent = 0;              // its bytes were written to the venue's socket
  std::int64_t acked = 0;             // the venue's answer to the action came

  friend bool operator==(const Stamps&, const Stamps&) = default;
};

/// Everything that an order event says about its order.
struct OrderView {
  OrderContent content;  // price and amount as last accepted by the venue
  std::optional<VenueOrderId> venue_order_id;
  Quantity filled;
  std::optional<WideDecimal> average_price;
  OrderState state = OrderState::kPendingCreate;
  UnixNanos creation_time;
  UnixNanos update_time;
  WideDecimal fee;
  std::string fee_asset;  // empty: none yet
  Stamps stamps;
};

enum class OrderEventKind { kCreated, kFilled, kPartialFill, kCancelled, kFailed, kUpdate };

/// "created", "filled", ...: the last element of the topic.
std::string_view topic_word(OrderEventKind kind);
/// "order_created", ...: the event_type.
std::string_view event_type(OrderEventKind kind);

struct OrderEvent {
  OrderEventKind kind = OrderEventKind::kUpdate;
  OrderView order;
  std::optional<Failure> failure;
  std::optional<TradeId> trade_id;  // kFilled, kPartialFill
};

}  // namespace perpwire::gateway
