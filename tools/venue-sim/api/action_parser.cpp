#include "tools/venue-sim/api/action_parser.hpp"

#include "tools/venue-sim/api/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <functional>
#include <map>

namespace perpwire::sim {
namespace {

// Addresses inside actions are hashed in lower case. Section 3.1.
constexpr std::string_view kPrefix = "HyperliquidTransaction:";

// A cloid is 128 bits; without 0x it is another text than the one that was hashed, and the venue
// recovers another signer. Section 2.3.
std::string parse_cloid(const std::string& text) {
  std::string digits = lower_case(text);
  if (digits.starts_with("0x")) {
    digits.erase(0, 2);
  }
  if (digits.empty() || digits.size() > 32 || !is_hex_text("0x" + digits, digits.size())) {
    throw BadRequest{};
  }
  return "0x" + std::string(32 - digits.size(), '0') + digits;
}

// `f: false` and `a: false` are rejected; how is an open point (section 14).
bool read_flag(const JsonReader& in, const char* key, const Readings& readings) {
  if (!in.has(key)) {
    return false;
  }
  const bool value = in.boolean(key);
  if (!value && readings.explicit_false_is_unknown_signer == 0) {
    throw BadRequest{};
  }
  return value;
}

TimeInForce parse_tif(const std::string& text) {
  for (const auto tif :
       {TimeInForce::kGtc, TimeInForce::kIoc, TimeInForce::kAlo, TimeInForce::kFrontendMarket}) {
    if (to_string(tif) == text) {
      return tif;
    }
  }
  throw BadRequest{};
}

OrderRequest parse_order(const Json& json, Json& canonical) {
  const JsonReader in{json};
  OrderRequest order;
  order.asset = in.number("a");
  order.side = in.boolean("b") ? Side::kBuy : Side::kSell;
  order.price = in.decimal("p");
  order.size = in.decimal("s");
  order.reduce_only = in.boolean("r");
  const JsonReader type = in.object("t");
  Json kind = Json::object();
  if (type.has("limit") != type.has("trigger")) {
    if (type.has("limit")) {
      order.tif = parse_tif(type.object("limit").text("tif"));
      kind["limit"]["tif"] = to_string(order.tif);
    } else {
      const JsonReader trigger = type.object("trigger");
      const std::string tpsl = trigger.text("tpsl");
      if (tpsl != "tp" && tpsl != "sl") {
        throw BadRequest{};
      }
      order.trigger = OrderRequest::TriggerRequest{trigger.boolean("isMarket"),
                                                   trigger.decimal("triggerPx"), tpsl == "tp"};
      auto& out = kind["trigger"];
      out["isMarket"] = order.trigger->is_market;
      out["triggerPx"] = order.trigger->price.to_string();
      out["tpsl"] = tpsl;
    }
  } else {
    throw BadRequest{};
  }
  canonical = Json::object();
  canonical["a"] = order.asset;
  canonical["b"] = order.side == Side::kBuy;
  canonical["p"] = order.price.to_string();
  canonical["s"] = order.size.to_string();
  canonical["r"] = order.reduce_only;
  canonical["t"] = std::move(kind);
  if (in.has("c")) {
    order.cloid = parse_cloid(in.text("c"));
    canonical["c"] = order.cloid;
  }
  return order;
}

OrderName parse_order_name(const Json& value, Json& canonical) {
  if (value.is_number_unsigned()) {
    canonical = value.get<std::uint64_t>();
    return value.get<std::uint64_t>();
  }
  if (value.is_string()) {
    const std::string cloid = parse_cloid(value.get<std::string>());
    canonical = cloid;
    return cloid;
  }
  throw BadRequest{};
}

class Parser {
 public:
  Parser(const Json& action, const Readings& readings)
      : in_(action), readings_(readings), type_(in_.text("type")) {
    canonical_["type"] = type_;
  }

  ParsedAction parse() {
    static const std::map<std::string, void (Parser::*)()> kParsers = {
        {"order", &Parser::order},
        {"modify", &Parser::modify},
        {"batchModify", &Parser::batch_modify},
        {"cancel", &Parser::cancel},
        {"cancelByCloid", &Parser::cancel_by_cloid},
        {"scheduleCancel", &Parser::schedule_cancel},
        {"updateLeverage", &Parser::update_leverage},
        {"updateIsolatedMargin", &Parser::update_isolated_margin},
        {"twapOrder", &Parser::twap_order},
        {"twapCancel", &Parser::twap_cancel},
        {"noop", &Parser::noop},
        {"createSubAccount", &Parser::create_sub_account},
        {"subAccountTransfer", &Parser::sub_account_transfer},
        {"reserveRequestWeight", &Parser::reserve_request_weight},
        {"approveAgent", &Parser::approve_agent},
        {"approveBuilderFee", &Parser::approve_builder_fee},
        {"usdSend", &Parser::usd_send},
        {"usdClassTransfer", &Parser::usd_class_transfer},
        {"sendAsset", &Parser::send_asset},
    };
    const auto parser = kParsers.find(type_);
    if (parser == kParsers.end()) {
      throw BadRequest{};
    }
    (this->*parser->second)();
    if (!result_.typed) {
      result_.msgpack = Json::to_msgpack(canonical_);
    }
    return std::move(result_);
  }

 private:
  void order() {
    PlaceOrders place;
    Json orders = Json::array();
    for (const auto& one : in_.array("orders")) {
      orders.emplace_back();
      place.orders.push_back(parse_order(one, orders.back()));
    }
    result_.array_length = place.orders.size();
    canonical_["orders"] = std::move(orders);
    const Json& grouping = in_.at("grouping");
    if (grouping.is_object()) {  // a priority fee: accepted, not charged
      canonical_["grouping"]["p"] = JsonReader{grouping}.number("p");
    } else {
      const std::string text = in_.text("grouping");
      if (text == "normalTpsl") {
        place.grouping = Grouping::kNormalTpsl;
      } else if (text == "positionTpsl") {
        place.grouping = Grouping::kPositionTpsl;
      } else if (text != "na") {
        throw BadRequest{};
      }
      canonical_["grouping"] = text;
    }
    if (in_.has("builder")) {
      const JsonReader builder = in_.object("builder");
      place.builder = BuilderFee{builder.address("b"),
                                 static_cast<std::int64_t>(builder.number("f") % 1'000'000)};
      canonical_["builder"]["b"] = place.builder->address.value();
      canonical_["builder"]["f"] = place.builder->tenths_of_bp;
    }
    result_.body = std::move(place);
  }

  ModifyOrders::One parse_modify(const JsonReader& in, Json& out) {
    Json name;
    Json order;
    ModifyOrders::One one{parse_order_name(in.at("oid"), name), parse_order(in.at("order"), order)};
    out["oid"] = std::move(name);
    out["order"] = std::move(order);
    return one;
  }

  void modify() {
    ModifyOrders modify;
    modify.modifies.push_back(parse_modify(in_, canonical_));
    modify.always_place = always_place();
    result_.body = std::move(modify);
  }

  void batch_modify() {
    ModifyOrders modify;
    modify.is_batch = true;
    Json modifies = Json::array();
    for (const auto& one : in_.array("modifies")) {
      modifies.push_back(Json::object());
      modify.modifies.push_back(parse_modify(JsonReader{one}, modifies.back()));
    }
    result_.array_length = modify.modifies.size();
    canonical_["modifies"] = std::move(modifies);
    modify.always_place = always_place();
    result_.body = std::move(modify);
  }

  bool always_place() {
    const bool value = read_flag(in_, "a", readings_);
    if (value) {
      canonical_["a"] = true;
    }
    return value;
  }

  void cancel() {
    CancelOrders cancel;
    Json cancels = Json::array();
    for (const auto& json : in_.array("cancels")) {
      const JsonReader one{json};
      cancel.cancels.push_back({one.number("a"), one.number("o")});
      Json out = Json::object();
      out["a"] = one.number("a");
      out["o"] = one.number("o");
      cancels.push_back(std::move(out));
    }
    finish_cancel(std::move(cancel), std::move(cancels));
  }

  void cancel_by_cloid() {
    CancelOrders cancel;
    Json cancels = Json::array();
    for (const auto& json : in_.array("cancels")) {
      const JsonReader one{json};
      const std::string cloid = parse_cloid(one.text("cloid"));
      cancel.cancels.push_back({one.number("asset"), cloid});
      Json out = Json::object();
      out["asset"] = one.number("asset");
      out["cloid"] = cloid;
      cancels.push_back(std::move(out));
    }
    finish_cancel(std::move(cancel), std::move(cancels));
  }

  void finish_cancel(CancelOrders cancel, Json cancels) {
    result_.array_length = cancel.cancels.size();
    canonical_["cancels"] = std::move(cancels);
    cancel.is_fast = read_flag(in_, "f", readings_);
    if (cancel.is_fast) {
      canonical_["f"] = true;
    }
    result_.body = std::move(cancel);
  }

  void schedule_cancel() {
    ScheduleCancel schedule;
    if (in_.has("time")) {
      schedule.time = in_.signed_number("time");
      canonical_["time"] = *schedule.time;
    }
    result_.body = schedule;
  }

  void update_leverage() {
    const UpdateLeverage update{in_.number("asset"), in_.boolean("isCross"),
                                in_.signed_number("leverage")};
    canonical_["asset"] = update.asset;
    canonical_["isCross"] = update.is_cross;
    canonical_["leverage"] = update.leverage;
    result_.body = update;
  }

  void update_isolated_margin() {
    const UpdateIsolatedMargin update{in_.number("asset"), in_.signed_number("ntli")};
    canonical_["asset"] = update.asset;
    canonical_["isBuy"] = in_.boolean("isBuy");
    canonical_["ntli"] = update.usd_micros;
    result_.body = update;
  }

  void twap_order() {
    const JsonReader in = in_.object("twap");
    const PlaceTwap twap{in.number("a"),        in.boolean("b") ? Side::kBuy : Side::kSell,
                         in.decimal("s"),       in.boolean("r"),
                         in.signed_number("m"), in.boolean("t")};
    if (in_.has("details")) {  // activation and stop prices: left out
      throw BadRequest{};
    }
    auto& out = canonical_["twap"];
    out["a"] = twap.asset;
    out["b"] = twap.side == Side::kBuy;
    out["s"] = twap.size.to_string();
    out["r"] = twap.reduce_only;
    out["m"] = twap.minutes;
    out["t"] = twap.randomize;
    result_.body = twap;
  }

  void twap_cancel() {
    const CancelTwap cancel{in_.number("a"), in_.number("t")};
    canonical_["a"] = cancel.asset;
    canonical_["t"] = cancel.twap;
    result_.body = cancel;
  }

  void noop() { result_.body = Noop{}; }

  void create_sub_account() {
    result_.body = CreateSubAccount{in_.text("name")};
    canonical_["name"] = in_.text("name");
  }

  void sub_account_transfer() {
    const SubAccountTransfer transfer{in_.address("subAccountUser"), in_.boolean("isDeposit"),
                                      in_.signed_number("usd")};
    canonical_["subAccountUser"] = transfer.sub_account.value();
    canonical_["isDeposit"] = transfer.is_deposit;
    canonical_["usd"] = transfer.usd_micros;
    result_.body = transfer;
  }

  void reserve_request_weight() {
    result_.body = ReserveRequestWeight{in_.signed_number("weight")};
    canonical_["weight"] = in_.signed_number("weight");
    if (in_.has("destination")) {
      canonical_["destination"] = in_.address("destination").value();
    }
  }

  // User-signed actions: the signature covers typed fields, not msgpack. Section 3.2.
  void start_typed(const char* primary_type) {
    TypedData typed;
    typed.primary_type = std::string(kPrefix) + primary_type;
    const std::string chain_id = in_.text("signatureChainId");
    if (!chain_id.starts_with("0x")) {
      throw BadRequest{};
    }
    const char* end = chain_id.data() + chain_id.size();
    const auto [rest, code] = std::from_chars(chain_id.data() + 2, end, typed.chain_id, 16);
    if (code != std::errc{} || rest != end) {
      throw BadRequest{};
    }
    result_.typed = std::move(typed);
    result_.chain = in_.text("hyperliquidChain");
    add_text("string", "hyperliquidChain");
  }
  std::string add_text(const char* type, const char* name) {
    std::string text = in_.text_or(name, "");
    result_.typed->fields.push_back({type, name, text, 0, false});
    return text;
  }
  bool add_flag(const char* name) {
    const bool flag = in_.boolean(name);
    result_.typed->fields.push_back({"bool", name, "", 0, flag});
    return flag;
  }
  void add_nonce(const char* name) {
    result_.inner_nonce = in_.number(name);
    result_.typed->fields.push_back({"uint64", name, "", *result_.inner_nonce, false});
  }

  void approve_agent() {
    start_typed("ApproveAgent");
    ApproveAgent approve{in_.address("agentAddress"), {}};
    add_text("address", "agentAddress");
    approve.name = add_text("string", "agentName");
    add_nonce("nonce");
    result_.body = std::move(approve);
  }

  void approve_builder_fee() {
    start_typed("ApproveBuilderFee");
    std::string rate = add_text("string", "maxFeeRate");
    ApproveBuilderFee approve{in_.address("builder"), 0};
    add_text("address", "builder");
    add_nonce("nonce");
    if (!rate.ends_with('%')) {
      throw BadRequest{};
    }
    rate.pop_back();
    const auto percent = Decimal::parse(rate);
    const auto tenths = percent ? to_units(*percent, 3) : Result<std::int64_t>{-1};  // 0.001 % = 1
    approve.tenths_of_bp = tenths ? *tenths : -1;
    result_.body = approve;
  }

  void usd_send() {
    start_typed("UsdSend");
    const UsdSend send{in_.address("destination"), in_.decimal("amount")};
    add_text("string", "destination");
    add_text("string", "amount");
    add_nonce("time");
    result_.body = send;
  }

  void usd_class_transfer() {
    start_typed("UsdClassTransfer");
    UsdClassTransfer transfer{in_.decimal("amount"), true};
    add_text("string", "amount");
    transfer.to_perp = add_flag("toPerp");
    add_nonce("nonce");
    result_.body = transfer;
  }

  void send_asset() {
    start_typed("SendAsset");
    SendAsset send{in_.address("destination"), in_.text("sourceDex"), in_.text("destinationDex"),
                   in_.text("token"), in_.decimal("amount")};
    for (const char* name :
         {"destination", "sourceDex", "destinationDex", "token", "amount", "fromSubAccount"}) {
      add_text("string", name);
    }
    add_nonce("nonce");
    result_.body = std::move(send);
  }

  JsonReader in_;
  const Readings& readings_;
  std::string type_;
  Json canonical_ = Json::object();
  ParsedAction result_;
};

}  // namespace

ParsedAction parse_action(const Json& action, const Readings& readings) {
  return Parser{action, readings}.parse();
}

}  // namespace perpwire::sim
