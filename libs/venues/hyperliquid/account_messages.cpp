#include "libs/venues/hyperliquid/account_messages.hpp"

#include "libs/common/utf8.hpp"
#include "libs/venues/hyperliquid/errors.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;
using venues::OrderStatus;

constexpr std::size_t kLongestExcerpt = 120;

std::string excerpt(std::string_view text) { return readable(text, kLongestExcerpt); }

tl::unexpected<Error> malformed(std::string text) {
  return fail(ErrorCode::kMalformed, "hyperliquid account: " + std::move(text));
}

/// One parser a thread; its documents live until the next parse.
simdjson::dom::parser& parser() {
  thread_local simdjson::dom::parser instance;
  return instance;
}

Result<element> parse_json(std::string_view text) {
  element root;
  const auto error = parser().parse(simdjson::padded_string(text)).get(root);
  if (error != simdjson::SUCCESS) {
    return malformed(std::string("expected JSON, found ") + simdjson::error_message(error) + ": " +
                     excerpt(text));
  }
  return root;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

/// Members of one object, the first that is missing or wrong remembered.
class Fields {
 public:
  Fields(std::string_view what, const element& value) : what_(what) {
    if (value.get(object_) != simdjson::SUCCESS) wrong("", "an object");
  }

  std::string text(std::string_view name) {
    const auto found = optional_text(name);
    if (!found) wrong(name, "text");
    return found.value_or("");
  }
  std::optional<std::string> optional_text(std::string_view name) {
    std::string_view value;
    if (!ok() || object_[name].get(value) != simdjson::SUCCESS) return std::nullopt;
    return std::string(value);
  }
  Decimal decimal(std::string_view name) {
    const auto found = optional_decimal(name);
    if (!found) wrong(name, "a decimal number in text");
    return found.value_or(Decimal{});
  }
  /// Absent and null are the same; text that is no number is a problem.
  std::optional<Decimal> optional_decimal(std::string_view name) {
    const auto value = optional_text(name);
    if (!value) return std::nullopt;
    const auto number = Decimal::parse(*value);
    if (!number) {
      wrong(name, "a decimal number in text");
      return std::nullopt;
    }
    return *number;
  }
  std::int64_t integer(std::string_view name) {
    std::int64_t value = 0;
    if (ok() && object_[name].get(value) != simdjson::SUCCESS) wrong(name, "an integer");
    return value;
  }
  std::optional<std::int64_t> optional_integer(std::string_view name) {
    std::int64_t value = 0;
    if (!ok() || object_[name].get(value) != simdjson::SUCCESS) return std::nullopt;
    return value;
  }
  bool flag(std::string_view name) {
    bool value = false;
    return ok() && object_[name].get(value) == simdjson::SUCCESS && value;
  }
  std::optional<element> child(std::string_view name) {
    element value;
    if (!ok() || object_[name].get(value) != simdjson::SUCCESS || value.is_null()) {
      return std::nullopt;
    }
    return value;
  }
  Side side(std::string_view name) {
    const std::string value = text(name);
    if (ok() && value != "B" && value != "A") wrong(name, "B or A");
    return value == "A" ? Side::kSell : Side::kBuy;
  }
  /// Venue times are unix milliseconds; a negative one is nonsense.
  UnixNanos time(std::string_view name) {
    const std::int64_t value = integer(name);
    if (ok() && value < 0) wrong(name, "a time");
    return UnixNanos::from_millis(value);
  }

  void wrong(std::string_view name, std::string_view expected) {
    if (!problem_.empty()) return;
    problem_ = std::string(what_) + (name.empty() ? "" : ".") + std::string(name) + ": expected " +
               std::string(expected);
  }
  [[nodiscard]] bool ok() const { return problem_.empty(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  std::string_view what_;
  object object_;
  std::string problem_;
};

std::optional<Price> positive_price(const std::optional<Decimal>& value) {
  if (!value || !value->is_positive()) return std::nullopt;
  return Price{*value};
}

/// The short form (orderUpdates, openOrders) and the full form (section 7.4) share these members.
Result<venues::OrderWord> read_order(const element& value) {
  Fields fields("order", value);
  venues::OrderWord word;
  word.symbol = VenueSymbol{fields.text("coin")};
  word.side = fields.side("side");
  word.price = positive_price(fields.optional_decimal("limitPx"));
  word.remaining = Quantity{fields.decimal("sz")};
  if (const auto original = fields.optional_decimal("origSz")) word.original = Quantity{*original};
  const std::int64_t id = fields.integer("oid");
  word.venue_order_id = VenueOrderId{std::to_string(id)};
  word.created = fields.time("timestamp");
  word.cloid = lower(fields.optional_text("cloid").value_or(""));
  word.reduce_only = fields.flag("reduceOnly");
  word.trigger_price = positive_price(fields.optional_decimal("triggerPx"));
  word.order_type = fields.optional_text("orderType").value_or("");
  word.time_in_force = fields.optional_text("tif").value_or("");
  if (fields.ok() && id < 0) fields.wrong("oid", "an order id");
  if (fields.ok() &&
      (word.remaining->is_negative() || (word.original && word.original->is_negative()))) {
    fields.wrong("sz", "a size that is not negative");
  }
  if (!fields.ok()) return malformed(fields.problem());
  return word;
}

/// {order, status, statusTimestamp}: orderUpdates, orderStatus, historicalOrders.
Result<venues::OrderWord> read_order_with_status(const element& value, std::uint64_t& unknown) {
  Fields fields("order with status", value);
  const auto order = fields.child("order");
  if (!order) return malformed("order with status: expected order");
  auto word = read_order(*order);
  if (!word) return word;
  const std::string status = fields.text("status");
  word->status_time = fields.time("statusTimestamp");
  if (!fields.ok()) return malformed(fields.problem());
  const StatusMeaning meaning = meaning_of_status(status);
  if (!meaning.in_table) ++unknown;
  word->status = meaning.status;
  word->reason = {meaning.code, status};
  return word;
}

/// These answers may show the rest that an order had before it was cancelled; the stream shows the
/// one that it was cancelled with. (hyperliquid.md section 7.4)
void forget_old_rest(venues::OrderWord& word) {
  if (word.status == venues::OrderStatus::kCancelled) word.remaining.reset();
}

Result<venues::Fill> read_fill(const element& value) {
  Fields fields("fill", value);
  venues::Fill fill;
  fill.symbol = VenueSymbol{fields.text("coin")};
  fill.price = Price{fields.decimal("px")};
  fill.quantity = Quantity{fields.decimal("sz")};
  fill.side = fields.side("side");
  fill.time = fields.time("time");
  // Recordings of 2023 have no tid: the transaction's hash then stands for the execution.
  const auto trade_id = fields.optional_integer("tid");
  fill.trade_id = TradeId{trade_id ? std::to_string(*trade_id) : fields.text("hash")};
  fill.venue_order_id = VenueOrderId{std::to_string(fields.integer("oid"))};
  fill.taker = fields.flag("crossed");
  fill.fee = fields.optional_decimal("fee").value_or(Decimal{});
  fill.fee_asset = fields.optional_text("feeToken").value_or("");
  fill.closed_pnl = fields.optional_decimal("closedPnl");
  fill.cloid = lower(fields.optional_text("cloid").value_or(""));
  if (const auto twap = fields.optional_integer("twapId")) fill.twap_id = std::to_string(*twap);
  if (const auto start = fields.optional_decimal("startPosition")) {
    fill.start_position = Quantity{*start};
  }
  if (fields.ok() && !fill.quantity.is_positive()) fields.wrong("sz", "a positive size");
  if (fields.ok() && fill.price.is_negative()) fields.wrong("px", "a price");
  if (!fields.ok()) return malformed(fields.problem());
  return fill;
}

template <class T, class Read>
Result<Parsed<T>> read_list(const element& value, std::string_view what, const Read& read) {
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) {
    return malformed(std::string(what) + ": expected an array");
  }
  Parsed<T> parsed;
  for (const element& item : array) {
    auto one = read(item, parsed.unknown_statuses);
    if (one) {
      parsed.items.push_back(std::move(*one));
    } else {
      parsed.problems.push_back(one.error().text);
    }
  }
  return parsed;
}

Result<Parsed<venues::Fill>> read_fills(const element& value) {
  return read_list<venues::Fill>(
      value, "fills", [](const element& item, std::uint64_t&) { return read_fill(item); });
}

Result<venues::FundingWord> read_funding(const element& value) {
  Fields fields("funding", value);
  venues::FundingWord word;
  word.symbol = VenueSymbol{fields.text("coin")};
  word.payment = fields.decimal("usdc");
  if (const auto quantity = fields.optional_decimal("szi"))
    word.quantity = Quantity{*quantity}.value();
  word.rate = fields.optional_decimal("fundingRate");
  word.time = fields.time("time");
  if (!fields.ok()) return malformed(fields.problem());
  return word;
}

/// activated, terminated, finished, error, waitingForTrigger, stopped (section 8.4).
OrderStatus twap_status(std::string_view status, std::uint64_t& unknown) {
  if (status == "activated" || status == "waitingForTrigger") return OrderStatus::kOpen;
  if (status == "finished") return OrderStatus::kFilled;
  if (status == "terminated" || status == "stopped") return OrderStatus::kCancelled;
  if (status == "error") return OrderStatus::kRejected;
  ++unknown;
  return OrderStatus::kUnrecognised;
}

Result<TwapWord> read_twap(const element& value, std::uint64_t& unknown) {
  Fields fields("twapHistory", value);
  const auto state = fields.child("state");
  const auto status = fields.child("status");
  if (!state || !status) return malformed("twapHistory: expected state and status");
  const auto id = fields.optional_integer("twapId");
  if (!id) return malformed("twapHistory: expected twapId");
  Fields terms("twapHistory.state", *state);
  Fields told("twapHistory.status", *status);
  TwapWord twap;
  venues::OrderWord& word = twap.word;
  word.venue_order_id = twap_order_id(std::to_string(*id));
  word.symbol = VenueSymbol{terms.text("coin")};
  word.side = terms.side("side");
  word.original = Quantity{terms.decimal("sz")};
  const auto executed = terms.optional_decimal("executedSz").value_or(Decimal{});
  word.remaining = subtract(*word.original, Quantity{executed}).value_or(*word.original);
  word.reduce_only = terms.flag("reduceOnly");
  word.created = terms.time("timestamp");
  word.order_type = "Twap";
  twap.minutes = static_cast<std::uint32_t>(terms.optional_integer("minutes").value_or(0));
  twap.randomize = terms.flag("randomize");
  const std::string said = told.text("status");
  word.status = twap_status(said, unknown);
  const auto description = told.optional_text("description");
  word.reason = {ErrorCode::kVenueRejected, description ? said + ": " + *description : said};
  // The time of the change is told in other units by stream and query. A TWAP that is finished has
  // used its whole time.
  word.status_time = word.created + std::chrono::minutes{twap.minutes};
  if (!terms.ok()) return malformed(terms.problem());
  if (!told.ok()) return malformed(told.problem());
  return twap;
}

Result<StreamFrame> read_user_event(const element& data) {
  UserEvent event;
  object members;
  if (data.get(members) != simdjson::SUCCESS) return malformed("user: expected an object");
  for (const auto& [name, value] : members) {
    if (name == "fills") {
      auto fills = read_fills(value);
      if (!fills) return tl::unexpected(fills.error());
      event.fills = std::move(*fills);
    } else if (name == "funding") {
      auto funding = read_funding(value);
      if (!funding) return tl::unexpected(funding.error());
      event.fundings.push_back(std::move(*funding));
    } else if (name == "nonUserCancel") {
      auto cancels = read_list<venues::VenueCancel>(
          value, "nonUserCancel",
          [](const element& item, std::uint64_t&) -> Result<venues::VenueCancel> {
            Fields fields("nonUserCancel", item);
            venues::VenueCancel cancel{VenueSymbol{fields.text("coin")},
                                       VenueOrderId{std::to_string(fields.integer("oid"))}};
            if (!fields.ok()) return malformed(fields.problem());
            return cancel;
          });
      if (!cancels) return tl::unexpected(cancels.error());
      event.cancels = std::move(cancels->items);
      event.problems = std::move(cancels->problems);
    } else if (name == "twapSliceFills") {
      auto slices = read_list<venues::Fill>(
          value, "twapSliceFills", [](const element& item, std::uint64_t&) -> Result<venues::Fill> {
            Fields outer("twapSliceFill", item);
            const auto inner = outer.child("fill");
            if (!inner) return malformed("twapSliceFill: expected fill");
            auto fill = read_fill(*inner);
            const auto twap = outer.optional_integer("twapId");
            if (fill && twap) fill->twap_id = std::to_string(*twap);
            return fill;
          });
      if (!slices) return tl::unexpected(slices.error());
      event.fills = std::move(*slices);
    } else if (name == "twapHistory") {
      auto twaps = read_list<TwapWord>(value, "twapHistory", read_twap);
      if (!twaps) return tl::unexpected(twaps.error());
      event.twaps = std::move(twaps->items);
      event.problems = std::move(twaps->problems);
    } else if (name == "liquidation") {
      event.liquidation = venues::LiquidationWord{simdjson::minify(value)};
    } else {
      event.other = std::string(name);
    }
  }
  return StreamFrame{std::move(event)};
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view marker) {
  const auto at = text.find(marker);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(at + marker.size());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end == digits.data()) return std::nullopt;
  return value;
}

Result<StreamFrame> read_error(const element& data) {
  std::string_view text;
  if (data.get(text) != simdjson::SUCCESS) return malformed("error: expected text");
  StreamError error{.text = std::string(text), .pending_post = {}, .already_subscribed = {}};
  if (text.find("too many pending post") != std::string_view::npos) {
    error.pending_post = number_after(text, "id=");
  }
  constexpr std::string_view kAlready = "Already subscribed: ";
  if (text.starts_with(kAlready)) {
    const std::string inner(text.substr(kAlready.size()));
    simdjson::dom::parser own;  // `text` lives in the thread's parser
    element echoed;
    std::string_view type;
    if (own.parse(simdjson::padded_string(inner)).get(echoed) == simdjson::SUCCESS &&
        echoed["type"].get(type) == simdjson::SUCCESS) {
      error.already_subscribed = std::string(type);
    }
  }
  return StreamFrame{std::move(error)};
}

Result<StreamFrame> read_post(const element& data) {
  Fields fields("post", data);
  PostAnswer answer;
  const std::int64_t id = fields.integer("id");
  const auto response = fields.child("response");
  if (!fields.ok() || id < 0 || !response) return malformed("post: expected id and response");
  answer.id = static_cast<std::uint64_t>(id);
  Fields inner("post.response", *response);
  const std::string type = inner.text("type");
  const auto payload = inner.child("payload");
  if (!inner.ok() || !payload) return malformed("post.response: expected type and payload");
  if (type == "action") {
    answer.kind = PostKind::kAction;
    answer.payload = simdjson::minify(*payload);
  } else if (type == "info") {
    answer.kind = PostKind::kInfo;
    element inside;
    // {"type": ..., "data": ...}; an answer without the wrapping is taken whole.
    const bool wrapped =
        payload->is_object() && (*payload)["data"].get(inside) == simdjson::SUCCESS;
    answer.payload = wrapped ? simdjson::minify(inside) : simdjson::minify(*payload);
  } else if (type == "error") {
    std::string_view text;
    answer.payload =
        payload->get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(*payload);
  } else {
    return malformed("post.response.type: expected action, info or error, found " + excerpt(type));
  }
  return StreamFrame{std::move(answer)};
}

Result<StreamFrame> read_ack(const element& data) {
  Fields fields("subscriptionResponse", data);
  SubscriptionAck ack;
  ack.subscribed = fields.text("method") != "unsubscribe";
  const auto subscription = fields.child("subscription");
  if (!fields.ok() || !subscription) {
    return malformed("subscriptionResponse: expected method and subscription");
  }
  Fields inner("subscription", *subscription);
  ack.type = inner.text("type");
  ack.user = lower(inner.optional_text("user").value_or(""));
  if (!inner.ok()) return malformed(inner.problem());
  return StreamFrame{std::move(ack)};
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":\"";
  out += value;
  out += '"';
}

std::string request(std::string_view type) { return "{\"type\":\"" + std::string(type) + "\""; }

std::string user_request(std::string_view type, std::string_view user) {
  std::string body = request(type);
  append_member(body, "user", user);
  return body;
}

}  // namespace

namespace {
constexpr std::string_view kTwapPrefix = "twap:";
}  // namespace

VenueOrderId twap_order_id(std::string_view twap_id) {
  return VenueOrderId{std::string(kTwapPrefix) + std::string(twap_id)};
}

std::optional<std::uint64_t> twap_id_of(const VenueOrderId& id) {
  const std::string_view text = id.value();
  if (!text.starts_with(kTwapPrefix)) return std::nullopt;
  return number_after(text, kTwapPrefix);
}

StatusMeaning meaning_of_status(std::string_view status) {
  const VenueOrderStatus known = order_status(status);
  StatusMeaning meaning{
      .status = OrderStatus::kUnrecognised, .code = known.code, .in_table = known.known};
  switch (known.state) {
    case VenueOrderState::kOpen:
      meaning.status = OrderStatus::kOpen;
      break;
    case VenueOrderState::kTriggered:
      meaning.status = OrderStatus::kTriggered;
      break;
    case VenueOrderState::kFilled:
      meaning.status = OrderStatus::kFilled;
      break;
    case VenueOrderState::kCancelled:
      meaning.status = OrderStatus::kCancelled;
      break;
    case VenueOrderState::kRejected:
      meaning.status = OrderStatus::kRejected;
      break;
    case VenueOrderState::kUnrecognised:
      break;
  }
  return meaning;
}

Result<StreamFrame> parse_stream_frame(std::string_view frame) {
  // The greeting is plain text. (section 8.1)
  if (frame.starts_with("Websocket connection established")) {
    return StreamFrame{OtherFrame{std::string(frame)}};
  }
  const auto root = parse_json(frame);
  if (!root) return tl::unexpected(root.error());
  Fields fields("frame", *root);
  const std::string channel = fields.text("channel");
  if (!fields.ok()) return malformed(fields.problem() + ": " + excerpt(frame));
  if (channel == "pong") return StreamFrame{Pong{}};
  const auto data = fields.child("data");
  if (!data) return malformed("frame " + channel + ": expected data");
  if (channel == "orderUpdates") {
    auto words = read_list<venues::OrderWord>(*data, "orderUpdates", read_order_with_status);
    if (!words) return tl::unexpected(words.error());
    return StreamFrame{OrderUpdates{std::move(*words)}};
  }
  if (channel == "userFills") {
    Fields inner("userFills", *data);
    UserFills fills;
    fills.user = lower(inner.optional_text("user").value_or(""));
    fills.snapshot = inner.flag("isSnapshot");
    const auto list = inner.child("fills");
    if (!list) return malformed("userFills: expected fills");
    auto parsed = read_fills(*list);
    if (!parsed) return tl::unexpected(parsed.error());
    fills.fills = std::move(*parsed);
    return StreamFrame{std::move(fills)};
  }
  if (channel == "user") return read_user_event(*data);
  if (channel == "post") return read_post(*data);
  if (channel == "subscriptionResponse") return read_ack(*data);
  if (channel == "error") return read_error(*data);
  return StreamFrame{OtherFrame{channel}};
}

// ---------------------------------------------------------------- answers of /info

Result<Parsed<venues::OrderWord>> parse_open_orders(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  return read_list<venues::OrderWord>(*root, "openOrders", [](const element& item, std::uint64_t&) {
    auto word = read_order(item);
    if (word) {
      word->status = OrderStatus::kOpen;
      word->reason.text = "open";
      word->status_time = word->created;
    }
    return word;
  });
}

Result<std::optional<venues::OrderWord>> parse_order_status(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  Fields fields("orderStatus", *root);
  const std::string status = fields.text("status");
  if (!fields.ok()) return malformed(fields.problem());
  if (status == "unknownOid") return std::optional<venues::OrderWord>{};
  const auto order = fields.child("order");
  if (status != "order" || !order) {
    return malformed("orderStatus: expected order or unknownOid, found " + excerpt(status));
  }
  std::uint64_t unknown = 0;
  auto word = read_order_with_status(*order, unknown);
  if (!word) return tl::unexpected(word.error());
  forget_old_rest(*word);
  return std::optional<venues::OrderWord>{std::move(*word)};
}

Result<Parsed<venues::OrderWord>> parse_historical_orders(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  auto words = read_list<venues::OrderWord>(*root, "historicalOrders", read_order_with_status);
  if (words) std::for_each(words->items.begin(), words->items.end(), forget_old_rest);
  return words;
}

Result<Parsed<venues::Fill>> parse_fills(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  return read_fills(*root);
}

Result<Parsed<TwapWord>> parse_twap_history(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  return read_list<TwapWord>(*root, "twapHistory", read_twap);
}

Result<ClearinghouseState> parse_clearinghouse_state(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  Fields fields("clearinghouseState", *root);
  ClearinghouseState state;
  state.withdrawable = fields.optional_decimal("withdrawable").value_or(Decimal{});
  state.time = UnixNanos::from_millis(fields.optional_integer("time").value_or(0));
  if (const auto summary = fields.child("marginSummary")) {
    Fields inner("marginSummary", *summary);
    state.account_value = inner.optional_decimal("accountValue").value_or(Decimal{});
  }
  const auto positions = fields.child("assetPositions");
  if (!fields.ok()) return malformed(fields.problem());
  if (!positions) return malformed("clearinghouseState: expected assetPositions");
  auto list = read_list<venues::PositionWord>(
      *positions, "assetPositions",
      [](const element& item, std::uint64_t&) -> Result<venues::PositionWord> {
        Fields outer("assetPosition", item);
        const auto position = outer.child("position");
        if (!position) return malformed("assetPosition: expected position");
        Fields inner("position", *position);
        venues::PositionWord word;
        word.symbol = VenueSymbol{inner.text("coin")};
        word.quantity = Quantity{inner.decimal("szi")};
        word.entry_price = positive_price(inner.optional_decimal("entryPx"));
        word.unrealized_pnl = inner.optional_decimal("unrealizedPnl");
        word.position_value = inner.optional_decimal("positionValue");
        word.liquidation_price = positive_price(inner.optional_decimal("liquidationPx"));
        if (const auto leverage = inner.child("leverage")) {
          Fields terms("leverage", *leverage);
          const auto value = terms.optional_integer("value");
          if (value && *value > 0 && *value <= 1000)
            word.leverage = static_cast<std::uint32_t>(*value);
          if (terms.optional_text("type").value_or("") == "isolated") {
            word.margin_mode = venues::MarginMode::kIsolated;
          }
        }
        if (!inner.ok()) return malformed(inner.problem());
        return word;
      });
  if (!list) return tl::unexpected(list.error());
  state.positions = std::move(*list);
  return state;
}

Result<Parsed<venues::BalanceWord>> parse_spot_state(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  Fields fields("spotClearinghouseState", *root);
  const auto balances = fields.child("balances");
  if (!balances) return malformed("spotClearinghouseState: expected balances");
  return read_list<venues::BalanceWord>(
      *balances, "balances",
      [](const element& item, std::uint64_t&) -> Result<venues::BalanceWord> {
        Fields inner("balance", item);
        venues::BalanceWord word;
        word.asset = inner.text("coin");
        word.total = inner.decimal("total");
        const Decimal hold = inner.optional_decimal("hold").value_or(Decimal{});
        if (!inner.ok()) return malformed(inner.problem());
        word.available = subtract(word.total, hold).value_or(word.total);
        return word;
      });
}

Result<UnixNanos> parse_exchange_status(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  Fields fields("exchangeStatus", *root);
  const UnixNanos time = fields.time("time");
  if (!fields.ok()) return malformed(fields.problem());
  return time;
}

Result<AddressBudget> parse_user_rate_limit(std::string_view body) {
  const auto root = parse_json(body);
  if (!root) return tl::unexpected(root.error());
  Fields fields("userRateLimit", *root);
  const std::int64_t used = fields.integer("nRequestsUsed");
  const std::int64_t cap = fields.integer("nRequestsCap");
  if (!fields.ok() || used < 0 || cap < 0) {
    return malformed("userRateLimit: expected nRequestsUsed and nRequestsCap");
  }
  return AddressBudget{static_cast<std::uint64_t>(used), static_cast<std::uint64_t>(cap)};
}

// ---------------------------------------------------------------- requests of /info

std::string open_orders_request(std::string_view user, std::string_view dex) {
  std::string body = user_request("frontendOpenOrders", user);
  if (!dex.empty()) append_member(body, "dex", dex);
  return body + "}";
}
std::string order_status_request(std::string_view user, std::string_view cloid) {
  std::string body = user_request("orderStatus", user);
  append_member(body, "oid", cloid);
  return body + "}";
}
std::string order_status_by_id_request(std::string_view user, std::string_view venue_order_id) {
  return user_request("orderStatus", user) + ",\"oid\":" + std::string(venue_order_id) + "}";
}
std::string historical_orders_request(std::string_view user) {
  return user_request("historicalOrders", user) + "}";
}
std::string fills_by_time_request(std::string_view user, std::int64_t from_ms) {
  return user_request("userFillsByTime", user) +
         ",\"startTime\":" + std::to_string(std::max<std::int64_t>(from_ms, 0)) + "}";
}
std::string clearinghouse_request(std::string_view user, std::string_view dex) {
  std::string body = user_request("clearinghouseState", user);
  if (!dex.empty()) append_member(body, "dex", dex);
  return body + "}";
}
std::string spot_state_request(std::string_view user) {
  return user_request("spotClearinghouseState", user) + "}";
}
std::string user_rate_limit_request(std::string_view user) {
  return user_request("userRateLimit", user) + "}";
}
std::string twap_history_request(std::string_view user) {
  return user_request("twapHistory", user) + "}";
}
std::string exchange_status_request() { return request("exchangeStatus") + "}"; }

}  // namespace perpwire::hyperliquid
