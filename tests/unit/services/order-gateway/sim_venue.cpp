#include "tests/unit/services/order-gateway/sim_venue.hpp"

#include "libs/common/contract_json.hpp"

#include <algorithm>
#include <charconv>

namespace perpwire::gateway::sim {
namespace {

constexpr std::string_view kUser = "0x1111111111111111111111111111111111111111";

std::int64_t lots_of(const v1::Decimal& value) {
  const auto number = to_decimal(value);
  std::int64_t lots = number->mantissa();
  for (int i = number->exponent(); i > -3; --i) lots *= 10;
  return lots;
}

std::string text_of(const v1::Decimal& value) { return to_decimal(value)->to_string(); }

std::string field(std::string_view body, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":";
  const auto at = body.find(key);
  if (at == std::string_view::npos) return "";
  std::string_view rest = body.substr(at + key.size());
  if (rest.front() == '"') {
    rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find('"')));
  }
  return std::string(rest.substr(0, rest.find_first_of(",}")));
}

std::string ok(const std::string& type, const std::vector<std::string>& statuses) {
  std::string joined;
  for (const std::string& status : statuses) {
    if (!joined.empty()) joined += ",";
    joined += status;
  }
  return R"({"status":"ok","response":{"type":")" + type + R"(","data":{"statuses":[)" + joined +
         "]}}}";
}
std::string err(const std::string& text) {
  return R"({"status":"err","response":")" + text + "\"}";
}
std::string error_item(const std::string& text) { return R"({"error":")" + text + "\"}"; }
std::string resting(std::uint64_t oid) {
  return R"({"resting":{"oid":)" + std::to_string(oid) + "}}";
}

}  // namespace

std::string lots_text(std::int64_t lots) { return Decimal::of(lots, -3).to_string(); }

std::string SimVenue::exchange(std::string_view body) {
  std::size_t index = 0;
  std::from_chars(body.data() + 1, body.data() + body.size(), index);
  const Signed& sent = book.at(index);
  if (nonces_.contains(sent.nonce)) {
    return err("Invalid nonce: duplicate nonce " + std::to_string(sent.nonce));
  }
  nonces_.insert(sent.nonce);
  if (sent.expires_ms != 0 && static_cast<std::uint64_t>(now_ms) > sent.expires_ms) {
    return err("Action already expired");
  }
  const v1::SignRequest& request = sent.request;
  std::vector<std::string> statuses;
  if (request.has_noop()) return R"({"status":"ok","response":{"type":"default"}})";
  if (request.has_order()) {
    if (chance(3)) return ok("order", {error_item("Insufficient margin to place order. asset=0")});
    for (const auto& wire : request.order().orders()) statuses.push_back(place(wire));
    return ok("order", statuses);
  }
  if (request.has_batch_modify()) {
    for (const auto& wire : request.batch_modify().modifies()) statuses.push_back(modify(wire));
    return ok("order", statuses);
  }
  if (request.has_cancel_by_cloid()) {
    for (const auto& wire : request.cancel_by_cloid().cancels()) statuses.push_back(cancel(wire));
    return ok("cancel", statuses);
  }
  return err("unsupported in this simulation");
}

SimVenue::Order& SimVenue::rest(const v1::WireOrder& wire, std::int64_t lots) {
  const std::uint64_t oid = next_oid_++;
  Order& order = orders_[oid];
  order.oid = oid;
  order.cloid = wire.cloid();
  order.buy = wire.is_buy();
  order.price = text_of(wire.price());
  order.lots = order.remaining = lots;
  order.tif = wire.time_in_force();
  order.created_ms = now_ms;
  return order;
}

SimVenue::Order* SimVenue::newest_live(const std::string& cloid) {
  Order* newest = nullptr;
  for (auto& [oid, order] : orders_) {
    if (order.cloid == cloid && order.status == "open") newest = &order;
  }
  return newest;
}

std::string SimVenue::place(const v1::WireOrder& wire) {
  if (newest_live(wire.cloid()) != nullptr) return error_item("cloid is live already");
  const std::int64_t lots = lots_of(wire.quantity());
  ++placements_[wire.cloid()];
  if (chance(6)) {
    if (chance(50)) {
      Order& order = rest(wire, lots);
      set_status(order, "perpMarginRejected");
    }
    return error_item("Insufficient margin to place order. asset=0");
  }
  Order& order = rest(wire, lots);
  const std::uint64_t oid = order.oid;
  if (wire.time_in_force() == "IOC") {
    if (chance(30)) {
      if (chance(50)) set_status(order, "open");  // seen for an instant
      set_status(order, "iocCancelRejected");
      return error_item("Order could not immediately match against any resting orders. asset=0");
    }
    set_status(order, "open");
    const std::int64_t total = chance(50) ? lots : between(1, lots);
    std::int64_t left = total;
    while (left > 0) {
      const std::int64_t part = between(1, left);
      left -= part;
      order.remaining -= part;
      execute(order, part);
    }
    if (chance(50)) order.remaining = 0;  // whether the dropped rest is shown differs
    set_status(order, "filled");
    return R"({"filled":{"totalSz":")" + lots_text(total) + R"(","avgPx":")" + order.price +
           R"(","oid":)" + std::to_string(oid) + "}}";
  }
  set_status(order, "open");
  if (wire.time_in_force() == "GTC" && chance(15)) {
    const std::int64_t part = between(1, lots);
    order.remaining -= part;
    execute(order, part);
    if (order.remaining == 0) {
      set_status(order, "filled");
      return R"({"filled":{"totalSz":")" + lots_text(lots) + R"(","avgPx":")" + order.price +
             R"(","oid":)" + std::to_string(oid) + "}}";
    }
  }
  return resting(oid);
}

std::string SimVenue::modify(const v1::WireModify& wire) {
  const auto found = orders_.find(wire.venue_order_id());
  if (found == orders_.end() || found->second.status != "open") {
    return error_item("Cannot modify canceled or filled order. asset=0");
  }
  if (chance(15)) {
    if (chance(40)) set_status(found->second, "canceled");  // the old order may be gone
    return error_item("Attempted to modify to invalid new order. asset=0");
  }
  set_status(found->second, "canceled");
  Order& order = rest(wire.order(), lots_of(wire.order().quantity()));
  set_status(order, "open");
  return resting(order.oid);
}

std::string SimVenue::cancel(const v1::WireCancelByCloid& wire) {
  Order* order = newest_live(wire.cloid());
  if (order == nullptr) {
    return error_item("Order was never placed, already canceled, or filled. asset=0");
  }
  set_status(*order, "canceled");
  return "\"success\"";
}

void SimVenue::set_status(Order& order, const std::string& status) {
  order.status = status;
  order.history.push_back({now_ms, status, order.remaining});
  on_frame(R"({"channel":"orderUpdates","data":[{"order":)" + order_json(order, order.remaining) +
           R"(,"status":")" + status + R"(","statusTimestamp":)" + std::to_string(now_ms) + "}]}");
}

void SimVenue::execute(Order& order, std::int64_t lots) {
  Fill fill{.oid = order.oid,
            .cloid = order.cloid,
            .buy = order.buy,
            .price = order.price,
            .lots = lots,
            .time_ms = now_ms,
            .tid = next_tid_++,
            .start_position = position_};
  position_ += order.buy ? lots : -lots;
  fills_.push_back(fill);
  order.history.push_back({now_ms, order.status, order.remaining});
  on_frame(R"({"channel":"userFills","data":{"user":")" + std::string(kUser) + R"(","fills":[)" +
           fill_json(fill) + "]}}");
  on_frame(R"({"channel":"user","data":{"fills":[)" + fill_json(fill) + "]}}");
}

void SimVenue::background() {
  std::vector<Order*> live;
  for (auto& [oid, order] : orders_) {
    if (order.status == "open") live.push_back(&order);
  }
  if (live.empty()) return;
  Order& order = *live[random_() % live.size()];
  if (chance(4)) {
    set_status(order, "marginCanceled");
    return;
  }
  const std::int64_t part = between(1, order.remaining);
  order.remaining -= part;
  execute(order, part);
  if (order.remaining == 0) set_status(order, "filled");
}

// ---------------------------------------------------------------- answers

std::string SimVenue::order_json(const Order& order, std::int64_t remaining) const {
  return R"({"coin":"BTC","side":")" + std::string(order.buy ? "B" : "A") + R"(","limitPx":")" +
         order.price + R"(","sz":")" + lots_text(remaining) + R"(","oid":)" +
         std::to_string(order.oid) + R"(,"timestamp":)" + std::to_string(order.created_ms) +
         R"(,"origSz":")" + lots_text(order.lots) + R"(","cloid":")" + order.cloid + "\"}";
}

std::string SimVenue::fill_json(const Fill& fill) {
  return R"({"coin":"BTC","px":")" + fill.price + R"(","sz":")" + lots_text(fill.lots) +
         R"(","side":")" + std::string(fill.buy ? "B" : "A") + R"(","time":)" +
         std::to_string(fill.time_ms) + R"(,"startPosition":")" + lots_text(fill.start_position) +
         R"(","dir":"x","closedPnl":"0.0","hash":"0x0","oid":)" + std::to_string(fill.oid) +
         R"(,"crossed":false,"fee":"0.01","tid":)" + std::to_string(fill.tid) +
         (fill.tid % 3 == 0 ? "" : R"(,"cloid":")" + fill.cloid + "\"") + R"(,"feeToken":"USDC"})";
}

std::string SimVenue::fills_snapshot() const {
  std::string list;
  for (const Fill& fill : fills_) {
    if (!list.empty()) list += ",";
    list += fill_json(fill);
  }
  return R"({"channel":"userFills","data":{"user":")" + std::string(kUser) +
         R"(","isSnapshot":true,"fills":[)" + list + "]}}";
}

std::string SimVenue::info(std::string_view body) {
  const std::string type = field(body, "type");
  const std::int64_t as_of = now_ms - info_lag_ms;
  const auto at = [as_of](const Order& order) {
    const Moment* last = nullptr;
    for (const Moment& moment : order.history) {
      if (moment.time_ms <= as_of) last = &moment;
    }
    return last;
  };
  if (type == "exchangeStatus") {
    return R"({"time":)" + std::to_string(now_ms) + R"(,"specialStatuses":null})";
  }
  if (type == "orderStatus") {
    const std::string id = field(body, "oid");
    const Order* newest = nullptr;
    for (const auto& [oid, order] : orders_) {
      if ((order.cloid == id || std::to_string(oid) == id) && at(order) != nullptr) newest = &order;
    }
    if (newest == nullptr) return R"({"status":"unknownOid"})";
    const Moment& moment = *at(*newest);
    return R"({"status":"order","order":{"order":)" + order_json(*newest, moment.remaining) +
           R"(,"status":")" + moment.status + R"(","statusTimestamp":)" +
           std::to_string(moment.time_ms) + "}}";
  }
  std::string list;
  const auto append = [&list](const std::string& item) {
    if (!list.empty()) list += ",";
    list += item;
  };
  if (type == "frontendOpenOrders") {
    for (const auto& [oid, order] : orders_) {
      const Moment* moment = at(order);
      if (moment != nullptr && moment->status == "open")
        append(order_json(order, moment->remaining));
    }
    return "[" + list + "]";
  }
  if (type == "historicalOrders") {
    for (const auto& [oid, order] : orders_) {
      const Moment* moment = at(order);
      if (moment == nullptr) continue;
      append(R"({"order":)" + order_json(order, moment->remaining) + R"(,"status":")" +
             moment->status + R"(","statusTimestamp":)" + std::to_string(moment->time_ms) + "}");
    }
    return "[" + list + "]";
  }
  if (type == "userFillsByTime") {
    std::int64_t from = 0;
    const std::string start = field(body, "startTime");
    std::from_chars(start.data(), start.data() + start.size(), from);
    for (const Fill& fill : fills_) {
      if (fill.time_ms >= from && fill.time_ms <= as_of) append(fill_json(fill));
    }
    return "[" + list + "]";
  }
  if (type == "clearinghouseState") {
    std::int64_t held = 0;
    for (const Fill& fill : fills_) {
      if (fill.time_ms <= as_of) held += fill.buy ? fill.lots : -fill.lots;
    }
    if (held != 0) {
      append(R"({"type":"oneWay","position":{"coin":"BTC","szi":")" + lots_text(held) +
             R"(","leverage":{"type":"cross","value":20},"entryPx":"50000.0"}})");
    }
    return R"({"marginSummary":{"accountValue":"1000.0"},"withdrawable":"900.0","assetPositions":[)" +
           list + R"(],"time":)" + std::to_string(as_of) + "}";
  }
  return R"({"balances":[]})";
}

}  // namespace perpwire::gateway::sim
