#include "tools/venue-sim/api/control.hpp"

#include "tools/venue-sim/api/action_parser.hpp"
#include "tools/venue-sim/api/answers.hpp"
#include "tools/venue-sim/api/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <vector>

namespace perpwire::sim {
namespace {

/// Thrown for a command that says something impossible; becomes HTTP 400.
struct BadCommand {
  std::string text;
};

HttpReply bad_command(const std::string& text) {
  Json out = Json::object();
  out["error"] = text;
  return {400, print_json(out)};
}

class Control {
 public:
  Control(VenueApi& api, const Json& body, Millis now)
      : api_(api), exchange_(api.exchange()), in_(body), now_(now) {}

  using Command = Json (Control::*)();
  static const std::map<std::string, Command>& commands() {
    static const std::map<std::string, Command> kCommands = {
        {"/faults/request", &Control::request_fault},
        {"/faults/frames", &Control::frame_fault},
        {"/faults/clear", &Control::clear_faults},
        {"/connections/close", &Control::close_connections},
        {"/connections/stall", &Control::stall_connections},
        {"/connections/refuse", &Control::refuse_connections},
        {"/connections/say", &Control::say},
        {"/blocks/stall", &Control::stall_blocks},
        {"/blocks/step", &Control::step_blocks},
        {"/clock/shift", &Control::shift_clock},
        {"/info/lag", &Control::lag_info},
        {"/post_only", &Control::post_only},
        {"/readings", &Control::set_readings},
        {"/price", &Control::move_price},
        {"/liquidity/withdraw", &Control::withdraw_liquidity},
        {"/background", &Control::background},
        {"/markets/halt", &Control::halt},
        {"/orders", &Control::place_orders},
        {"/orders/cancel", &Control::cancel_order},
        {"/orders/fill", &Control::fill_order},
        {"/accounts/fund", &Control::fund},
        {"/accounts/agent", &Control::agent},
        {"/accounts/volume", &Control::volume},
        {"/funding/pay", &Control::pay_funding},
    };
    return kCommands;
  }

  Json run(Command command) {
    Json result = (this->*command)();
    api_.flush(now_);
    return result;
  }

 private:
  static Json done() {
    Json out = Json::object();
    out["ok"] = true;
    return out;
  }
  [[nodiscard]] Millis millis(const char* key, Millis fallback) const {
    return in_.has(key) ? in_.signed_number(key) : fallback;
  }
  [[nodiscard]] int count() const {
    return in_.has("count") ? static_cast<int>(in_.signed_number("count")) : 1;
  }
  [[nodiscard]] bool flag(const char* key, bool fallback) const {
    return in_.has(key) ? in_.boolean(key) : fallback;
  }
  [[nodiscard]] const Market& market() const {
    const std::string coin = in_.text("coin");
    const Market* found = exchange_.state().universe.by_coin(coin);
    if (found == nullptr) {
      throw BadCommand{"coin: unknown " + coin};
    }
    return *found;
  }
  static void check(const Status& status) {
    if (!status) {
      throw BadCommand{status.error().text};
    }
  }
  template <class Kind>
  [[nodiscard]] Kind kind(const std::map<std::string, Kind>& kinds) const {
    const auto found = kinds.find(in_.text("kind"));
    if (found == kinds.end()) {
      std::string known;
      for (const auto& [name, value] : kinds) {
        known += (known.empty() ? "" : ", ") + name;
      }
      throw BadCommand{"kind: expected one of " + known + ", found " + in_.text("kind")};
    }
    return found->second;
  }

  Json request_fault() {
    using Kind = RequestFault::Kind;
    RequestFault fault;
    fault.kind = kind<Kind>({{"lose_before", Kind::kLoseBefore},
                             {"lose_after", Kind::kLoseAfter},
                             {"reply", Kind::kReply},
                             {"delay", Kind::kDelay},
                             {"hold", Kind::kHold},
                             {"duplicate", Kind::kDuplicate}});
    fault.match = in_.text_or("match", "any");
    fault.status = static_cast<int>(millis("status", 502));
    fault.body = in_.text_or("body", "<html><body>502 Bad Gateway</body></html>");
    fault.content_type = in_.text_or("content_type", "text/html");
    fault.execute = flag("execute", false);
    fault.delay = millis("delay_ms", 0);
    fault.count = count();
    api_.faults().add(std::move(fault));
    return done();
  }
  Json frame_fault() {
    using Kind = FrameFault::Kind;
    FrameFault fault;
    fault.kind = kind<Kind>({{"drop", Kind::kDrop},
                             {"duplicate", Kind::kDuplicate},
                             {"delay", Kind::kDelay},
                             {"reorder", Kind::kReorder}});
    fault.channel = in_.text_or("channel", "");
    fault.delay = millis("delay_ms", 100);
    fault.count = count();
    api_.faults().add(std::move(fault));
    return done();
  }
  Json clear_faults() {
    api_.faults().clear();
    exchange_.set_stalled(false);
    exchange_.state().post_only_window = false;
    return done();
  }
  Json close_connections() {
    ApiOutput::Close close;
    close.connection = static_cast<ConnectionId>(millis("id", 0));
    close.is_abrupt = flag("abrupt", false);
    close.code = static_cast<std::uint16_t>(millis("code", 1000));
    close.reason = in_.text_or("reason", "Expired");
    api_.close_connections(close);
    return done();
  }
  Json stall_connections() {
    ApiOutput::Stall stall;
    stall.connection = static_cast<ConnectionId>(millis("id", 0));
    stall.duration = millis("duration_ms", 0);
    stall.reads_on = flag("half_open", true);
    api_.stall_connections(stall);
    return done();
  }
  Json say() {
    const std::string text = in_.has("frame") ? in_.at("frame").dump() : in_.text("text");
    api_.say(static_cast<ConnectionId>(millis("id", 0)), text);
    return done();
  }
  Json refuse_connections() {
    api_.faults().refuse_connections = flag("on", true);
    return done();
  }
  Json stall_blocks() {
    exchange_.set_stalled(flag("on", true));
    return done();
  }
  Json step_blocks() {
    const Millis by = millis("ms", exchange_.config().block_ms);
    for (int i = 0; i < count(); ++i) {
      exchange_.run_block(exchange_.state().now + by);
    }
    Json out = done();
    out["time"] = exchange_.state().now;
    out["block"] = exchange_.state().block;
    return out;
  }
  Json shift_clock() {
    api_.faults().clock_shift = in_.signed_number("ms");
    return done();
  }
  Json lag_info() {
    api_.faults().info_lag = in_.signed_number("ms");
    return done();
  }
  Json post_only() {
    exchange_.state().post_only_window = flag("on", true);
    return done();
  }
  Json set_readings() {
    Readings changed = exchange_.state().readings;
    const JsonReader values = in_.object("set");
    for (const auto& [name, value] : in_.at("set").items()) {
      check(set_reading(changed, name, static_cast<int>(values.signed_number(name.c_str()))));
    }
    exchange_.state().readings = changed;
    return done();
  }
  Json move_price() {
    const Market& target = market();
    const auto price = to_units(in_.decimal("price"), target.price_decimals());
    if (!price || *price <= 0) {
      throw BadCommand{"price: expected a positive price of " + target.coin};
    }
    exchange_.move_price(target.index, Ticks{*price});
    return done();
  }
  Json withdraw_liquidity() {
    exchange_.withdraw_liquidity(market().index);
    return done();
  }
  Json background() {
    exchange_.set_background_trading(flag("on", true));
    return done();
  }
  Json halt() {
    exchange_.halt(market().index, flag("on", true));
    return done();
  }
  Json place_orders() {
    Json action = Json::object();
    action["type"] = "order";
    action["orders"] = in_.at("orders");
    action["grouping"] = in_.text_or("grouping", "na");
    const ParsedAction parsed = parse_action(action, exchange_.state().readings);
    const auto result = exchange_.place_as(in_.address("user"), std::get<PlaceOrders>(parsed.body));
    return Json::parse(encode_answer(exchange_.state().universe, result));
  }
  Json cancel_order() {
    CancelOrders cancel;
    const OrderName name =
        in_.has("oid") ? OrderName{in_.number("oid")} : OrderName{lower_case(in_.text("cloid"))};
    cancel.cancels.push_back({market().asset, name});
    const auto result = exchange_.cancel_as(in_.address("user"), cancel);
    return Json::parse(encode_answer(exchange_.state().universe, result));
  }
  Json fill_order() {
    const OrderNumber oid = in_.number("oid");
    const Order* order = exchange_.state().accounts.order(oid);
    Lots size;
    if (order != nullptr && in_.has("size")) {
      const auto lots =
          to_units(in_.decimal("size"), exchange_.state().market(order->market).sz_decimals);
      if (!lots || *lots <= 0) {
        throw BadCommand{"size: expected a positive multiple of the lot"};
      }
      size = Lots{*lots};
    }
    check(exchange_.fill_order(oid, size));
    return done();
  }
  Json fund() {
    const Address user = in_.address("user");
    const auto amount = to_money(in_.decimal("amount"));
    if (!amount) {
      throw BadCommand{"amount: " + amount.error().text};
    }
    if (in_.has("token")) {
      exchange_.fund_spot(user, static_cast<int>(in_.signed_number("token")), *amount);
      return done();
    }
    std::optional<std::size_t> dex;
    if (in_.has("dex")) {
      dex = exchange_.state().universe.dex_index(in_.text("dex"));
      if (!dex) {
        throw BadCommand{"dex: unknown " + in_.text("dex")};
      }
    }
    exchange_.fund(user, *amount, dex);
    return done();
  }
  Json agent() {
    const Address address = in_.address("agent");
    if (flag("remove", false)) {
      exchange_.remove_agent(address);
      return done();
    }
    check(exchange_.approve_agent(in_.address("master"), address, in_.text_or("name", "")));
    return done();
  }
  Json volume() {
    const auto amount = to_money(in_.decimal("usdc"));
    if (!amount) {
      throw BadCommand{"usdc: " + amount.error().text};
    }
    const AccountIndex index = exchange_.open_account(in_.address("user"));
    exchange_.state().accounts[index].volume = *amount;
    return done();
  }
  Json pay_funding() {
    exchange_.pay_funding_now();
    return done();
  }

  VenueApi& api_;
  Exchange& exchange_;
  JsonReader in_;
  Millis now_;
};

HttpReply counters_reply(const VenueApi& api) {
  const ApiCounters& counters = api.counters();
  Json requests = Json::object();
  for (const auto& [name, number] : counters.requests) {
    requests[name] = number;
  }
  Json statuses = Json::object();
  for (const auto& [status, number] : counters.statuses) {
    statuses[std::to_string(status)] = number;
  }
  Json out = Json::object();
  out["requests"] = std::move(requests);
  out["statuses"] = std::move(statuses);
  out["connections_opened"] = counters.connections_opened;
  out["connections_refused"] = counters.connections_refused;
  out["connections"] = api.connections();
  out["messages_in"] = counters.messages_in;
  out["frames_out"] = counters.frames_out;
  out["unknown_signers"] = counters.unknown_signers;
  return {200, out.dump()};
}

HttpReply readings_reply(const Exchange& exchange) {
  Json out = Json::object();
  for (const auto& [name, value] : list_readings(exchange.state().readings)) {
    out[std::string(name)] = value;
  }
  return {200, out.dump()};
}

}  // namespace

HttpReply control(VenueApi& api, const std::string& method, const std::string& target,
                  const std::string& body, Millis now) {
  if (method == "GET") {
    if (target == "/state" || target == "/state?all=1") {
      return {200, dump_state(api.exchange(), target != "/state")};
    }
    if (target == "/counters") {
      return counters_reply(api);
    }
    if (target == "/readings") {
      return readings_reply(api.exchange());
    }
    if (target == "/healthz") {
      return {200, "ok", "text/plain"};
    }
    return {404, R"({"error":"expected /state, /counters, /readings or /healthz"})"};
  }
  const auto command = Control::commands().find(target);
  if (command == Control::commands().end()) {
    return {404, R"({"error":"unknown command; see README.md"})"};
  }
  const Json parsed = parse_json(body.empty() ? "{}" : body);
  try {
    return {200, Control{api, parsed, now}.run(command->second).dump()};
  } catch (const BadCommand& bad) {
    return bad_command(bad.text);
  } catch (const BadRequest&) {
    return bad_command("a field is missing or has a wrong type; see README.md");
  }
}

}  // namespace perpwire::sim
