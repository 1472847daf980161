#include "services/order-gateway/order_messages.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/error_code.hpp"

#include <utility>

namespace perpwire::gateway {
namespace {

tl::unexpected<Error> invalid(std::string text) {
  return fail(ErrorCode::kInvalidCommand, std::move(text));
}

void set_failure(const Failure& failure, v1::Failure& out) {
  out.set_code(std::string(to_string(failure.code)));
  out.set_reason(failure.reason);
}

Result<std::optional<Price>> price_in(bool present, const v1::Decimal& value,
                                      std::string_view name) {
  if (!present) return std::optional<Price>{};
  const auto number = to_decimal(value);
  if (!number) return invalid(std::string(name) + ": " + number.error().text);
  if (!number->is_positive()) {
    return invalid(std::string(name) + ": expected a number above zero, found " +
                   number->to_string());
  }
  return std::optional<Price>{Price{*number}};
}

Result<OrderContent> read_content(const v1::OrderRequest& request) {
  OrderContent content;
  auto id = parse_client_order_id(request.client_order_id());
  if (!id) return invalid("client_order_id: " + id.error().text);
  content.client_order_id = std::move(*id);
  content.account = AccountName{request.account()};
  if (request.trading_pair().empty()) {
    return invalid("trading_pair: expected a pair such as BTC-USD, found nothing");
  }
  content.trading_pair = TradingPair{request.trading_pair()};
  const auto side = side_from_string(request.trade_type());
  if (!side) {
    return invalid("trade_type: expected BUY or SELL, found \"" + request.trade_type() + "\"");
  }
  content.side = *side;
  const auto type =
      order_type_from_string(request.order_type().empty() ? "LIMIT" : request.order_type());
  if (!type) {
    return invalid("order_type: expected LIMIT, MARKET, ..., found \"" + request.order_type() +
                   "\"");
  }
  content.type = *type;
  const bool market = content.type == OrderType::kMarket;
  const std::string_view default_tif = market ? "IOC" : "GTC";
  const auto tif = time_in_force_from_string(
      request.time_in_force().empty() ? default_tif : std::string_view(request.time_in_force()));
  if (!tif) {
    return invalid("time_in_force: expected GTC, IOC or ALO, found \"" + request.time_in_force() +
                   "\"");
  }
  content.time_in_force = *tif;
  const auto price = price_in(request.has_price(), request.price(), "price");
  if (!price) return tl::unexpected(price.error());
  content.price = *price;
  const auto trigger =
      price_in(request.has_trigger_price(), request.trigger_price(), "trigger_price");
  if (!trigger) return tl::unexpected(trigger.error());
  content.trigger_price = *trigger;
  if (!request.has_amount()) return invalid("amount: expected a number above zero, found nothing");
  const auto amount = to_decimal(request.amount());
  if (!amount) return invalid("amount: " + amount.error().text);
  content.amount = Quantity{*amount};
  content.reduce_only = request.reduce_only();
  content.strategy = request.strategy();
  if (request.has_slippage_bps()) content.slippage_bps = request.slippage_bps();
  content.grouping = request.grouping();
  if (request.has_twap_minutes()) {
    content.twap = TwapTerms{request.twap_minutes(), request.twap_randomize()};
  }
  return content;
}

}  // namespace

v1::OrderEvent order_data(const OrderView& view) {
  v1::OrderEvent data;
  const OrderContent& content = view.content;
  data.set_client_order_id(content.client_order_id.value());
  if (view.venue_order_id) data.set_exchange_order_id(view.venue_order_id->value());
  data.set_trading_pair(content.trading_pair.value());
  data.set_account(content.account.value());
  data.set_order_type(std::string(to_string(content.type)));
  data.set_trade_type(std::string(to_string(content.side)));
  // The price of a MARKET order is not known: null, though a limit goes out with it.
  const bool priced = content.type == OrderType::kLimit || content.type == OrderType::kStopLimit ||
                      content.type == OrderType::kTakeProfitLimit;
  if (content.price && priced) {
    set_decimal(*content.price, *data.mutable_price());
  }
  set_decimal(content.amount, *data.mutable_amount());
  set_decimal(view.filled, *data.mutable_filled_amount());
  if (view.average_price) set_decimal(*view.average_price, *data.mutable_average_executed_price());
  data.set_order_state(std::string(to_string(view.state)));
  data.set_creation_timestamp(view.creation_time.value());
  data.set_last_update_timestamp(view.update_time.value());
  set_decimal(view.fee, *data.mutable_fee_paid());
  if (!view.fee_asset.empty()) data.set_fee_asset(view.fee_asset);
  data.set_venue(std::string(kVenue));
  data.set_time_in_force(std::string(to_string(content.time_in_force)));
  data.set_reduce_only(content.reduce_only);
  if (content.trigger_price) set_decimal(*content.trigger_price, *data.mutable_trigger_price());
  if (!content.strategy.empty()) data.set_strategy(content.strategy);
  v1::Stamps& stamps = *data.mutable_stamps();
  stamps.set_command_received(view.stamps.command_received);
  stamps.set_decided(view.stamps.decided);
  stamps.set_signed_(view.stamps.signed_at);
  stamps.set_sent(view.stamps.sent);
  stamps.set_acked(view.stamps.acked);
  return data;
}

v1::OrderEvent order_data(const OrderEvent& event) {
  v1::OrderEvent data = order_data(event.order);
  if (event.failure) set_failure(*event.failure, *data.mutable_failure());
  if (event.trade_id) data.set_trade_id(event.trade_id->value());
  return data;
}

v1::Fill fill_data(const FillReport& report, const AccountName& account) {
  const venues::Fill& fill = report.fill;
  v1::Fill data;
  data.set_venue(std::string(kVenue));
  data.set_trade_id(fill.trade_id.value());
  if (report.client_order_id) data.set_client_order_id(report.client_order_id->value());
  data.set_exchange_order_id(fill.venue_order_id.value());
  data.set_account(account.value());
  data.set_trading_pair(report.trading_pair.value());
  data.set_trade_type(std::string(to_string(fill.side)));
  set_decimal(fill.price, *data.mutable_price());
  set_decimal(fill.quantity, *data.mutable_amount());
  data.set_liquidity(fill.taker ? "TAKER" : "MAKER");
  set_decimal(fill.fee, *data.mutable_fee_paid());
  data.set_fee_asset(fill.fee_asset);
  if (fill.closed_pnl) set_decimal(*fill.closed_pnl, *data.mutable_closed_pnl());
  data.set_exchange_timestamp(fill.time.value());
  return data;
}

v1::OrderRequest order_request(const OrderContent& content) {
  v1::OrderRequest request;
  request.set_client_order_id(content.client_order_id.value());
  request.set_account(content.account.value());
  request.set_trading_pair(content.trading_pair.value());
  request.set_trade_type(std::string(to_string(content.side)));
  request.set_order_type(std::string(to_string(content.type)));
  if (content.price) set_decimal(*content.price, *request.mutable_price());
  set_decimal(content.amount, *request.mutable_amount());
  request.set_time_in_force(std::string(to_string(content.time_in_force)));
  request.set_reduce_only(content.reduce_only);
  if (content.trigger_price) set_decimal(*content.trigger_price, *request.mutable_trigger_price());
  request.set_strategy(content.strategy);
  if (content.slippage_bps) request.set_slippage_bps(*content.slippage_bps);
  request.set_grouping(content.grouping);
  if (content.twap) {
    request.set_twap_minutes(content.twap->minutes);
    request.set_twap_randomize(content.twap->randomize);
  }
  return request;
}

std::string topic_of(const OrderEvent& event) {
  return "orders." + std::string(kVenue) + "." + std::string(topic_word(event.kind));
}

std::string topic_of(const FillReport& report) {
  return "fills." + std::string(kVenue) + "." + report.trading_pair.value();
}

v1::Envelope envelope_of(const OrderEvent& event) {
  v1::Envelope envelope;
  envelope.set_event_type(std::string(event_type(event.kind)));
  *envelope.mutable_order() = order_data(event);
  return envelope;
}

v1::Envelope envelope_of(const FillReport& report, const AccountName& account) {
  v1::Envelope envelope;
  envelope.set_event_type("fill");
  *envelope.mutable_fill() = fill_data(report, account);
  return envelope;
}

namespace {

Status check_trigger_words(const OrderContent& content) {
  const std::string type(to_string(content.type));
  if (!content.trigger_price) {
    return invalid("trigger_price: expected a price, " + type + " orders need one");
  }
  const bool limit =
      content.type == OrderType::kStopLimit || content.type == OrderType::kTakeProfitLimit;
  if (limit && !content.price) {
    return invalid("price: expected a price, " + type + " orders need one");
  }
  if (!limit && content.price) {
    return invalid("price: expected none, " + type + " orders have no price");
  }
  if (content.time_in_force != TimeInForce::kGtc) {
    return invalid("time_in_force: expected GTC or nothing, " + type +
                   " orders wait for their trigger");
  }
  return {};
}

Status check_twap_words(const OrderContent& content) {
  if (!content.twap) {
    return invalid("twap_minutes: expected a number of minutes, TWAP orders need one");
  }
  // 5 minutes to 7 days (hyperliquid.md section 5.1).
  constexpr std::uint32_t kLeast = 5;
  constexpr std::uint32_t kMost = 7 * 24 * 60;
  if (content.twap->minutes < kLeast || content.twap->minutes > kMost) {
    return invalid("twap_minutes: expected 5 to 10080, found " +
                   std::to_string(content.twap->minutes));
  }
  if (content.price) return invalid("price: expected none, TWAP orders have no price");
  if (content.time_in_force != TimeInForce::kGtc) {
    return invalid("time_in_force: expected nothing, a TWAP works for its whole time");
  }
  return {};
}

Status check_words(const OrderContent& content) {
  const std::string type(to_string(content.type));
  if (content.time_in_force == TimeInForce::kFok || content.time_in_force == TimeInForce::kGtd) {
    return fail(ErrorCode::kUnsupported, "time_in_force " +
                                             std::string(to_string(content.time_in_force)) +
                                             " does not exist on hyperliquid");
  }
  if (content.trigger_price && !has_trigger(content.type)) {
    return invalid("trigger_price: expected none for " + type);
  }
  if (content.slippage_bps && content.type != OrderType::kMarket) {
    return invalid("slippage_bps: expected none, only MARKET orders have it");
  }
  if (content.twap && content.type != OrderType::kTwap) {
    return invalid("twap_minutes: expected none for " + type);
  }
  switch (content.type) {
    case OrderType::kLimit:
      if (!content.price) return invalid("price: expected a price, LIMIT orders need one");
      return {};
    case OrderType::kMarket:
      if (content.price) return invalid("price: expected none, MARKET orders have no price");
      if (content.time_in_force != TimeInForce::kIoc) {
        return invalid("time_in_force: expected IOC or nothing, MARKET orders do not rest");
      }
      return {};
    case OrderType::kStopLimit:
    case OrderType::kStopMarket:
    case OrderType::kTakeProfitLimit:
    case OrderType::kTakeProfitMarket:
      return check_trigger_words(content);
    case OrderType::kTwap:
      return check_twap_words(content);
  }
  return {};
}

}  // namespace

Result<OrderContent> content_of(const v1::OrderRequest& request) {
  auto content = read_content(request);
  if (!content) return content;
  const std::string_view id = content->client_order_id.value();
  if (id.starts_with(kAdopted) || id.starts_with(kForeign)) {
    return invalid(
        "client_order_id: \"cloid:\" and \"foreign:\" begin the names of orders that "
        "others placed");
  }
  if (const Status fine = check_words(*content); !fine) return tl::unexpected(fine.error());
  return content;
}

Result<OrderContent> restored_content_of(const v1::OrderRequest& request) {
  return read_content(request);
}

Result<OrderEvent> order_event_of(const v1::Envelope& envelope) {
  const v1::OrderEvent& data = envelope.order();
  OrderEvent event;
  bool known = false;
  for (const auto kind :
       {OrderEventKind::kCreated, OrderEventKind::kFilled, OrderEventKind::kPartialFill,
        OrderEventKind::kCancelled, OrderEventKind::kFailed, OrderEventKind::kUpdate}) {
    if (event_type(kind) == envelope.event_type()) {
      event.kind = kind;
      known = true;
    }
  }
  v1::OrderRequest request;
  request.set_client_order_id(data.client_order_id());
  request.set_account(data.account());
  request.set_trading_pair(data.trading_pair());
  request.set_trade_type(data.trade_type());
  request.set_order_type(data.order_type());
  if (data.has_price()) *request.mutable_price() = data.price();
  *request.mutable_amount() = data.amount();
  request.set_time_in_force(data.time_in_force());
  request.set_reduce_only(data.reduce_only());
  if (data.has_trigger_price()) *request.mutable_trigger_price() = data.trigger_price();
  request.set_strategy(data.strategy());
  // An adopted order's id is longer than what clients may use.
  const std::string id = data.client_order_id();
  auto content = read_content(request);
  const auto state = order_state_from_string(data.order_state());
  const auto filled = to_decimal(data.filled_amount());
  if (!known || !content || !state || !filled) {
    return fail(
        ErrorCode::kMalformed,
        "journal: order event of " + id + " does not read: " +
            (content ? envelope.event_type() + " " + data.order_state() : content.error().text));
  }
  event.order.content = std::move(*content);
  if (data.has_exchange_order_id()) {
    event.order.venue_order_id = VenueOrderId{data.exchange_order_id()};
  }
  event.order.filled = Quantity{*filled};
  event.order.state = *state;
  event.order.creation_time = UnixNanos{data.creation_timestamp()};
  event.order.update_time = UnixNanos{data.last_update_timestamp()};
  const v1::Stamps& stamps = data.stamps();
  event.order.stamps = {stamps.command_received(), stamps.decided(), stamps.signed_(),
                        stamps.sent(), stamps.acked()};
  if (data.has_failure()) {
    event.failure =
        Failure{error_code_from_string(data.failure().code()).value_or(ErrorCode::kVenueRejected),
                data.failure().reason()};
  }
  if (data.has_trade_id()) event.trade_id = TradeId{data.trade_id()};
  return event;
}

FillReport fill_report_of(const v1::Fill& data, std::string_view symbol) {
  FillReport report;
  venues::Fill& fill = report.fill;
  fill.trade_id = TradeId{data.trade_id()};
  fill.symbol = VenueSymbol{std::string(symbol)};
  fill.venue_order_id = VenueOrderId{data.exchange_order_id()};
  fill.side = side_from_string(data.trade_type()).value_or(Side::kBuy);
  fill.price = Price{to_decimal(data.price()).value_or(Decimal{})};
  fill.quantity = Quantity{to_decimal(data.amount()).value_or(Decimal{})};
  fill.taker = data.liquidity() == "TAKER";
  fill.fee = to_decimal(data.fee_paid()).value_or(Decimal{});
  fill.fee_asset = data.fee_asset();
  fill.time = UnixNanos{data.exchange_timestamp()};
  report.trading_pair = TradingPair{data.trading_pair()};
  if (data.has_client_order_id()) report.client_order_id = ClientOrderId{data.client_order_id()};
  return report;
}

}  // namespace perpwire::gateway
