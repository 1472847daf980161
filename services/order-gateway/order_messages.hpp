#pragma once

#include "libs/common/result.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "services/order-gateway/client_order_tracker.hpp"
#include "services/order-gateway/order_types.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Between the gateway's own types and the contract's messages: the one place that knows both.
namespace perpwire::gateway {

inline constexpr std::string_view kVenue = "hyperliquid";
/// How the names of orders begin that no client of ours gave: "cloid:0x..." carries our prefix and
/// is in no journal, "foreign:<venue order id>" is somebody else's.
inline constexpr std::string_view kAdopted = "cloid:";
inline constexpr std::string_view kForeign = "foreign:";

v1::OrderEvent order_data(const OrderEvent& event);
/// The snapshot that queries answer with.
v1::OrderEvent order_data(const OrderView& view);
v1::Fill fill_data(const FillReport& report, const AccountName& account);
v1::OrderRequest order_request(const OrderContent& content);

/// `orders.hyperliquid.created`, `fills.hyperliquid.BTC-USD`, ...
std::string topic_of(const OrderEvent& event);
std::string topic_of(const FillReport& report);

v1::Envelope envelope_of(const OrderEvent& event);
v1::Envelope envelope_of(const FillReport& report, const AccountName& account);

/// What a command asks for, checked word by word; prices and amounts by their digits.
///
/// Errors: INVALID_COMMAND naming the field, what was expected and what was found; UNSUPPORTED for
///         a word of the contract that this venue lacks (FOK, GTD).
Result<OrderContent> content_of(const v1::OrderRequest& request);

/// The inverse of envelope_of, for rebuilding. Errors: kMalformed for a word that no version of
/// this program wrote.
Result<OrderEvent> order_event_of(const v1::Envelope& envelope);
/// `symbol_of`: the venue's coin of a pair, for the identity of the fill.
FillReport fill_report_of(const v1::Fill& fill, std::string_view symbol);
Result<OrderContent> restored_content_of(const v1::OrderRequest& request);

/// An order whole, for the journal. PRE: order.may_be_compacted().
v1::OrderSnapshot snapshot_of(const InFlightOrder& order);
/// Errors: kMalformed for what no version of this program wrote.
Result<InFlightOrder> order_of(const v1::OrderSnapshot& snapshot);

}  // namespace perpwire::gateway
