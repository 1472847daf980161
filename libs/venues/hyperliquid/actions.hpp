#pragma once

#include "libs/common/address.hpp"
#include "libs/common/decimal.hpp"
#include "libs/venues/hyperliquid/cloid.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

/// The trading actions of POST /exchange as types. Members stand in the venue's canonical order,
/// which is the order of the msgpack map that is hashed. Source: hyperliquid.md section 5.
///
/// Units: prices in quote, sizes in base; asset ids as in hyperliquid.md section 2.1; times in unix
///        milliseconds.
namespace perpwire::hyperliquid {

enum class WireTif { kGtc, kIoc, kAlo, kFrontendMarket };
enum class TpSl { kTakeProfit, kStopLoss };

struct LimitType {
  WireTif tif = WireTif::kGtc;
  friend bool operator==(const LimitType&, const LimitType&) = default;
};
struct TriggerType {
  bool is_market = false;
  Price trigger_price;
  TpSl tpsl = TpSl::kStopLoss;
  friend bool operator==(const TriggerType&, const TriggerType&) = default;
};

struct WireOrder {
  std::uint64_t asset = 0;
  bool is_buy = false;
  Price price;
  Quantity quantity;
  bool reduce_only = false;
  std::variant<LimitType, TriggerType> type;
  std::optional<Cloid> cloid = std::nullopt;
  friend bool operator==(const WireOrder&, const WireOrder&) = default;
};

enum class Grouping { kNone, kNormalTpsl, kPositionTpsl };
/// Order priority fee: rate / 1e8 of the notional. On the wire `{"p": rate}`.
struct PriorityFee {
  std::uint64_t rate = 0;
  friend bool operator==(const PriorityFee&, const PriorityFee&) = default;
};
struct Builder {
  Address address;
  std::uint64_t fee_tenths_of_bp = 0;
  friend bool operator==(const Builder&, const Builder&) = default;
};

struct OrderAction {
  std::vector<WireOrder> orders;
  std::variant<Grouping, PriorityFee> grouping = Grouping::kNone;
  std::optional<Builder> builder = std::nullopt;
  friend bool operator==(const OrderAction&, const OrderAction&) = default;
};

/// The venue's order id, or the cloid.
using OrderReference = std::variant<std::uint64_t, Cloid>;

struct WireModify {
  OrderReference order_id;
  WireOrder order;
  friend bool operator==(const WireModify&, const WireModify&) = default;
};
struct ModifyAction {
  WireModify modify;
  bool always_place = false;  // `a`: left out when false
  friend bool operator==(const ModifyAction&, const ModifyAction&) = default;
};
struct BatchModifyAction {
  std::vector<WireModify> modifies;
  bool always_place = false;
  friend bool operator==(const BatchModifyAction&, const BatchModifyAction&) = default;
};

struct WireCancel {
  std::uint64_t asset = 0;
  std::uint64_t order_id = 0;
  friend bool operator==(const WireCancel&, const WireCancel&) = default;
};
struct CancelAction {
  std::vector<WireCancel> cancels;
  bool fast = false;  // `f`: left out when false
  friend bool operator==(const CancelAction&, const CancelAction&) = default;
};
struct WireCancelByCloid {
  std::uint64_t asset = 0;
  Cloid cloid;
  friend bool operator==(const WireCancelByCloid&, const WireCancelByCloid&) = default;
};
struct CancelByCloidAction {
  std::vector<WireCancelByCloid> cancels;
  bool fast = false;
  friend bool operator==(const CancelByCloidAction&, const CancelByCloidAction&) = default;
};

struct ScheduleCancelAction {
  std::optional<std::uint64_t> time_ms = std::nullopt;  // absent = clear
  friend bool operator==(const ScheduleCancelAction&, const ScheduleCancelAction&) = default;
};
struct NoopAction {
  friend bool operator==(const NoopAction&, const NoopAction&) = default;
};

struct TwapActivation {
  Price price;
  bool above = false;  // `a`: a direction whose meaning the venue does not document
  friend bool operator==(const TwapActivation&, const TwapActivation&) = default;
};
/// Both members are present on the wire, null where unset.
struct TwapDetails {
  std::optional<TwapActivation> activation = std::nullopt;
  std::optional<Price> stop_price = std::nullopt;
  friend bool operator==(const TwapDetails&, const TwapDetails&) = default;
};
struct TwapOrderAction {
  std::uint64_t asset = 0;
  bool is_buy = false;
  Quantity quantity;
  bool reduce_only = false;
  std::uint64_t minutes = 0;
  bool randomize = false;
  std::optional<TwapDetails> details = std::nullopt;
  friend bool operator==(const TwapOrderAction&, const TwapOrderAction&) = default;
};
struct TwapCancelAction {
  std::uint64_t asset = 0;
  std::uint64_t twap_id = 0;
  friend bool operator==(const TwapCancelAction&, const TwapCancelAction&) = default;
};

struct UpdateLeverageAction {
  std::uint64_t asset = 0;
  bool is_cross = false;
  std::uint64_t leverage = 0;
  friend bool operator==(const UpdateLeverageAction&, const UpdateLeverageAction&) = default;
};
struct UpdateIsolatedMarginAction {
  std::uint64_t asset = 0;
  bool is_buy = false;
  std::int64_t usd_micros = 0;  // USD x 10^6, negative removes
  friend bool operator==(const UpdateIsolatedMarginAction&,
                         const UpdateIsolatedMarginAction&) = default;
};

/// Every action that the signer can sign. Transfers, withdrawals and approvals are not among them:
/// they live in account_actions.hpp, which the signer does not link.
using Action =
    std::variant<OrderAction, CancelAction, CancelByCloidAction, ModifyAction, BatchModifyAction,
                 ScheduleCancelAction, UpdateLeverageAction, UpdateIsolatedMarginAction,
                 TwapOrderAction, TwapCancelAction, NoopAction>;

/// The venue's word for the action: "order", "cancelByCloid", ...
std::string_view action_type(const Action& action);

}  // namespace perpwire::hyperliquid
