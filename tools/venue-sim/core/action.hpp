#pragma once

#include "tools/venue-sim/core/address.hpp"
#include "tools/venue-sim/core/order.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace perpwire::sim {

/// The actions that this venue executes, after parsing. Section 5 of hyperliquid.md.
enum class Grouping { kNone, kNormalTpsl, kPositionTpsl };

struct BuilderFee {
  Address address;
  std::int64_t tenths_of_bp = 0;
};

struct PlaceOrders {
  std::vector<OrderRequest> orders;
  Grouping grouping = Grouping::kNone;
  std::optional<BuilderFee> builder;
};

/// An order named by oid or by cloid.
using OrderName = std::variant<OrderNumber, std::string>;

struct ModifyOrders {
  struct One {
    OrderName name;
    OrderRequest order;
  };
  std::vector<One> modifies;
  bool always_place = false;
  bool is_batch = false;
};

struct CancelOrders {
  struct One {
    std::uint64_t asset = 0;
    OrderName name;
  };
  std::vector<One> cancels;
  bool is_fast = false;
};

struct ScheduleCancel {
  std::optional<std::int64_t> time;
};
struct UpdateLeverage {
  std::uint64_t asset = 0;
  bool is_cross = true;
  std::int64_t leverage = 0;
};
struct UpdateIsolatedMargin {
  std::uint64_t asset = 0;
  std::int64_t usd_micros = 0;
};
struct PlaceTwap {
  std::uint64_t asset = 0;
  Side side = Side::kBuy;
  Decimal size;
  bool reduce_only = false;
  std::int64_t minutes = 0;
  bool randomize = false;
};
struct CancelTwap {
  std::uint64_t asset = 0;
  std::uint64_t twap = 0;
};
struct Noop {};
struct CreateSubAccount {
  std::string name;
};
struct SubAccountTransfer {
  Address sub_account;
  bool is_deposit = true;
  std::int64_t usd_micros = 0;
};
struct ReserveRequestWeight {
  std::int64_t weight = 0;
};
struct ApproveAgent {
  Address agent;
  std::string name;
};
struct ApproveBuilderFee {
  Address builder;
  std::int64_t tenths_of_bp = 0;
};
struct UsdSend {
  Address destination;
  Decimal amount;
};
struct UsdClassTransfer {
  Decimal amount;
  bool to_perp = true;
};
struct SendAsset {
  Address destination;
  std::string source_dex;  // "" main perp, "spot"
  std::string destination_dex;
  std::string token;
  Decimal amount;
};

using ActionBody =
    std::variant<PlaceOrders, ModifyOrders, CancelOrders, ScheduleCancel, UpdateLeverage,
                 UpdateIsolatedMargin, PlaceTwap, CancelTwap, Noop, CreateSubAccount,
                 SubAccountTransfer, ReserveRequestWeight, ApproveAgent, ApproveBuilderFee, UsdSend,
                 UsdClassTransfer, SendAsset>;

/// An action whose signer has been recovered from the signature.
struct Action {
  ActionBody body;
  Address signer;
  std::uint64_t nonce = 0;
  std::optional<Address> vault;
  std::optional<std::uint64_t> expires_after;
  bool is_user_signed = false;  // an agent may not sign it
};

/// Answers, one per order or cancel. Section 6.1.
struct Resting {
  OrderNumber oid = 0;
  std::string cloid;
};
struct Filled {
  Lots size;
  Int128 cost = 0;  // ticks x lots
  MarketIndex market = 0;
  OrderNumber oid = 0;
  std::string cloid;
};
struct Refused {
  std::string text;
};
struct WaitingForFill {};
struct WaitingForTrigger {};
struct Success {};
using OrderAnswer =
    std::variant<Resting, Filled, Refused, WaitingForFill, WaitingForTrigger, Success>;

/// The venue's answer to one action.
struct ActionResult {
  enum class Kind { kStatuses, kDefault, kError, kTwap, kText } kind = Kind::kDefault;
  std::string type = "default";       // response.type
  std::vector<OrderAnswer> statuses;  // kStatuses
  std::string text;                   // kError: the text; kText: data
  std::uint64_t twap = 0;             // kTwap: running, or 0 with `text` the error

  static ActionResult error(std::string text);
  static ActionResult with_statuses(std::string type, std::vector<OrderAnswer> statuses);
};

/// 1: neither GTC nor IOC orders; 2: cancels; 3: at least one GTC or IOC. Section 11.1.
int block_class(const ActionBody& body);
/// How much of the address limit the action uses: its orders or cancels, else 1.
std::size_t action_weight(const ActionBody& body);
bool is_cancel(const ActionBody& body);

}  // namespace perpwire::sim
