#include "libs/venues/hyperliquid/order_codec.hpp"

#include "libs/venues/hyperliquid/action_encoder.hpp"
#include "libs/venues/hyperliquid/action_writers.hpp"
#include "libs/venues/hyperliquid/json_fields.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

constexpr int kMaxWireDecimals = 8;

// ---- what may be encoded ----

class EncodableCheck {
 public:
  void operator()(const OrderAction& action) {
    for (const auto& order : action.orders) {
      check(order);
    }
  }
  void operator()(const ModifyAction& action) { check(action.modify.order); }
  void operator()(const BatchModifyAction& action) {
    for (const auto& modify : action.modifies) {
      check(modify.order);
    }
  }
  void operator()(const TwapOrderAction& action) {
    check("quantity", action.quantity.value());
    if (action.details && action.details->activation) {
      check("activation price", action.details->activation->price.value());
    }
    if (action.details && action.details->stop_price) {
      check("stop price", action.details->stop_price->value());
    }
  }
  void operator()(const CancelAction&) {}
  void operator()(const CancelByCloidAction&) {}
  void operator()(const ScheduleCancelAction&) {}
  void operator()(const UpdateLeverageAction&) {}
  void operator()(const UpdateIsolatedMarginAction&) {}
  void operator()(const TwapCancelAction&) {}
  void operator()(const NoopAction&) {}

  Status result;

 private:
  void check(const WireOrder& order) {
    check("price", order.price.value());
    check("quantity", order.quantity.value());
    if (const auto* trigger = std::get_if<TriggerType>(&order.type)) {
      check("trigger price", trigger->trigger_price.value());
    }
  }
  void check(std::string_view what, const Decimal& value) {
    if (!result || (!value.is_negative() && value.decimals() <= kMaxWireDecimals)) {
      return;
    }
    result = fail(ErrorCode::kMalformed,
                  fmt::format("{} {}: the venue takes at most {} decimals and nothing negative",
                              what, value.to_string(), kMaxWireDecimals));
  }
};

// ---- reading ----

template <class Value, std::size_t N>
Value one_of(JsonFields& fields, std::string_view name,
             const std::array<std::pair<std::string_view, Value>, N>& words) {
  const auto text = fields.text(name);
  for (const auto& [word, value] : words) {
    if (word == text) {
      return value;
    }
  }
  std::string expected = "one of";
  for (const auto& [word, value] : words) {
    expected += " ";
    expected += word;
  }
  fields.errors().add(fields.path_of(name), expected, "\"" + text.substr(0, 80) + "\"");
  return words[0].second;
}

constexpr std::array kTifs{
    std::pair<std::string_view, WireTif>{"Gtc", WireTif::kGtc},
    std::pair<std::string_view, WireTif>{"Ioc", WireTif::kIoc},
    std::pair<std::string_view, WireTif>{"Alo", WireTif::kAlo},
    std::pair<std::string_view, WireTif>{"FrontendMarket", WireTif::kFrontendMarket}};
constexpr std::array kTpSl{std::pair<std::string_view, TpSl>{"tp", TpSl::kTakeProfit},
                           std::pair<std::string_view, TpSl>{"sl", TpSl::kStopLoss}};
constexpr std::array kGroupings{
    std::pair<std::string_view, Grouping>{"na", Grouping::kNone},
    std::pair<std::string_view, Grouping>{"normalTpsl", Grouping::kNormalTpsl},
    std::pair<std::string_view, Grouping>{"positionTpsl", Grouping::kPositionTpsl}};

Cloid read_cloid(JsonFields& fields, std::string_view name) {
  const auto text = fields.text(name);
  if (const auto cloid = Cloid::parse(text)) {
    return *cloid;
  }
  fields.errors().add(fields.path_of(name), "a cloid of 0x and 32 hex digits",
                      "\"" + text.substr(0, 80) + "\"");
  return {};
}

std::variant<LimitType, TriggerType> read_order_type(JsonFields fields) {
  std::variant<LimitType, TriggerType> type;
  if (fields.has("trigger")) {
    auto trigger = fields.object("trigger");
    TriggerType read;
    read.is_market = trigger.boolean("isMarket");
    read.trigger_price = Price{trigger.wire_decimal("triggerPx")};
    read.tpsl = one_of(trigger, "tpsl", kTpSl);
    trigger.finish();
    type = read;
  } else {
    auto limit = fields.object("limit");
    type = LimitType{one_of(limit, "tif", kTifs)};
    limit.finish();
  }
  fields.finish();
  return type;
}

WireOrder read_order(JsonFields fields) {
  WireOrder order;
  order.asset = fields.unsigned_number("a");
  order.is_buy = fields.boolean("b");
  order.price = Price{fields.wire_decimal("p")};
  order.quantity = Quantity{fields.wire_decimal("s")};
  order.reduce_only = fields.boolean("r");
  order.type = read_order_type(fields.object("t"));
  if (fields.has("c")) {
    order.cloid = read_cloid(fields, "c");
  }
  fields.finish();
  return order;
}

WireModify read_modify_members(JsonFields& fields) {
  WireModify modify;
  const auto id = fields.value("oid");
  if (id && id->is_string()) {
    modify.order_id = read_cloid(fields, "oid");
  } else {
    modify.order_id = fields.unsigned_number("oid");
  }
  modify.order = read_order(fields.object("order"));
  return modify;
}

OrderAction read_order_action(JsonFields& fields) {
  OrderAction action;
  for (auto& [element, path] : fields.array("orders")) {
    action.orders.push_back(read_order({element, path, fields.errors()}));
  }
  const auto grouping = fields.value("grouping");
  if (grouping && grouping->is_object()) {
    auto fee = fields.object("grouping");
    action.grouping = PriorityFee{fee.unsigned_number("p")};
    fee.finish();
  } else {
    action.grouping = one_of(fields, "grouping", kGroupings);
  }
  if (fields.has("builder")) {
    auto builder = fields.object("builder");
    action.builder = Builder{builder.address("b"), builder.unsigned_number("f")};
    builder.finish();
  }
  return action;
}

CancelAction read_cancel_action(JsonFields& fields) {
  CancelAction action;
  for (auto& [element, path] : fields.array("cancels")) {
    JsonFields cancel{element, path, fields.errors()};
    const auto asset = cancel.unsigned_number("a");
    action.cancels.push_back({asset, cancel.unsigned_number("o")});
    cancel.finish();
  }
  action.fast = fields.flag("f");
  return action;
}

CancelByCloidAction read_cancel_by_cloid_action(JsonFields& fields) {
  CancelByCloidAction action;
  for (auto& [element, path] : fields.array("cancels")) {
    JsonFields cancel{element, path, fields.errors()};
    const auto asset = cancel.unsigned_number("asset");
    action.cancels.push_back({asset, read_cloid(cancel, "cloid")});
    cancel.finish();
  }
  action.fast = fields.flag("f");
  return action;
}

BatchModifyAction read_batch_modify_action(JsonFields& fields) {
  BatchModifyAction action;
  for (auto& [element, path] : fields.array("modifies")) {
    JsonFields modify{element, path, fields.errors()};
    action.modifies.push_back(read_modify_members(modify));
    modify.finish();
  }
  action.always_place = fields.flag("a");
  return action;
}

TwapOrderAction read_twap_order_action(JsonFields& fields) {
  TwapOrderAction action;
  auto twap = fields.object("twap");
  action.asset = twap.unsigned_number("a");
  action.is_buy = twap.boolean("b");
  action.quantity = Quantity{twap.wire_decimal("s")};
  action.reduce_only = twap.boolean("r");
  action.minutes = twap.unsigned_number("m");
  action.randomize = twap.boolean("t");
  twap.finish();
  if (fields.has("details")) {
    auto details = fields.object("details");
    TwapDetails read;
    if (const auto activation = details.value("t"); activation && !activation->is_null()) {
      auto members = details.object("t");
      const auto price = Price{members.wire_decimal("p")};
      read.activation = TwapActivation{price, members.boolean("a")};
      members.finish();
    }
    if (const auto stop = details.value("s"); stop && !stop->is_null()) {
      read.stop_price = Price{details.wire_decimal("s")};
    }
    details.finish();
    action.details = read;
  }
  return action;
}

Action read_action(JsonFields& fields) {
  const auto type = fields.text("type");
  if (type == "order") {
    return read_order_action(fields);
  }
  if (type == "cancel") {
    return read_cancel_action(fields);
  }
  if (type == "cancelByCloid") {
    return read_cancel_by_cloid_action(fields);
  }
  if (type == "modify") {
    ModifyAction action;
    action.modify = read_modify_members(fields);
    action.always_place = fields.flag("a");
    return action;
  }
  if (type == "batchModify") {
    return read_batch_modify_action(fields);
  }
  if (type == "scheduleCancel") {
    ScheduleCancelAction action;
    if (fields.has("time")) {
      action.time_ms = fields.unsigned_number("time");
    }
    return action;
  }
  if (type == "updateLeverage") {
    UpdateLeverageAction action;
    action.asset = fields.unsigned_number("asset");
    action.is_cross = fields.boolean("isCross");
    action.leverage = fields.unsigned_number("leverage");
    return action;
  }
  if (type == "updateIsolatedMargin") {
    UpdateIsolatedMarginAction action;
    action.asset = fields.unsigned_number("asset");
    action.is_buy = fields.boolean("isBuy");
    action.usd_micros = fields.signed_number("ntli");
    return action;
  }
  if (type == "twapOrder") {
    return read_twap_order_action(fields);
  }
  if (type == "twapCancel") {
    TwapCancelAction action;
    action.asset = fields.unsigned_number("a");
    action.twap_id = fields.unsigned_number("t");
    return action;
  }
  if (type != "noop") {
    fields.errors().add(fields.path_of("type"), "a trading action",
                        "\"" + type.substr(0, 80) + "\"");
  }
  return NoopAction{};
}

}  // namespace

std::string_view action_type(const Action& action) {
  static constexpr std::array<std::string_view, 11> kNames{"order",
                                                           "cancel",
                                                           "cancelByCloid",
                                                           "modify",
                                                           "batchModify",
                                                           "scheduleCancel",
                                                           "updateLeverage",
                                                           "updateIsolatedMargin",
                                                           "twapOrder",
                                                           "twapCancel",
                                                           "noop"};
  static_assert(std::variant_size_v<Action> == kNames.size());
  return kNames[action.index()];
}

Result<std::string> to_wire(const Decimal& value) {
  if (value.is_negative() || value.decimals() > kMaxWireDecimals) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: the venue takes at most {} decimals and nothing negative",
                            value.to_string(), kMaxWireDecimals));
  }
  return value.to_string();
}

Status check_encodable(const Action& action) {
  EncodableCheck check;
  std::visit(check, action);
  return check.result;
}

void append_msgpack(const Action& action, Bytes& out) {
  MsgpackWriter writer{out};
  std::visit(ActionEncoder<MsgpackWriter>{writer}, action);
}

void append_json(const Action& action, std::string& out) {
  JsonWriter writer{out};
  std::visit(ActionEncoder<JsonWriter>{writer}, action);
}

Result<Action> parse_action(std::string_view json) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(json.data(), json.size()).get(document)) {
    return fail(ErrorCode::kMalformed,
                fmt::format("action: not JSON: {}", simdjson::error_message(error)));
  }
  ReadErrors errors;
  JsonFields fields{document, "action", errors};
  auto action = read_action(fields);
  fields.finish();
  if (errors.any()) {
    return tl::unexpected<Error>(errors.take());
  }
  return action;
}

std::string peek_action_type(std::string_view json) {
  dom::parser parser;
  std::string_view type;
  if (parser.parse(json.data(), json.size())["type"].get_string().get(type) != simdjson::SUCCESS) {
    return {};
  }
  return std::string(type);
}

}  // namespace perpwire::hyperliquid
