#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include "libs/common/contract_json.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <utility>

namespace perpwire::gateway::bench {
namespace {

constexpr std::string_view kUser = "0x1111111111111111111111111111111111111111";

hyperliquid::Instruments make_instruments() {
  hyperliquid::InstrumentSources sources;
  sources.perp_dexs = "[null]";
  sources.metas.push_back(
      {"", R"({"universe":[{"szDecimals":3,"name":"BTC","maxLeverage":40,"marginTableId":40},)"
           R"({"szDecimals":2,"name":"ETH","maxLeverage":25,"marginTableId":25}],)"
           R"("marginTables":[],"collateralToken":0})"});
  auto built = hyperliquid::Instruments::build(sources);
  EXPECT_TRUE(built.has_value());
  return std::move(*built);
}

std::string type_of(const std::string& body) {
  const auto at = body.find(R"("type":")");
  return body.substr(at + 8, body.find('"', at + 8) - at - 8);
}

}  // namespace

std::uint64_t EngineBench::Writer::last_index() const {
  if (log != nullptr) return log->journal().last_index();
  return records.empty() ? 0 : records.back().index();
}

bool EngineBench::Writer::publish(const std::string& topic, v1::Envelope& envelope) {
  v1::JournalRecord record;
  if (log != nullptr && !refuse && !log->append(topic, envelope, now)) return false;
  record.mutable_event()->set_topic(topic);
  *record.mutable_event()->mutable_envelope() = envelope;
  return keep(record);
}

bool EngineBench::Writer::note(v1::JournalRecord& record) { return keep(record); }

bool EngineBench::Writer::keep(v1::JournalRecord& record) {
  if (refuse) return false;
  if (log == nullptr) {
    record.set_index(records.empty() ? 1 : records.back().index() + 1);
  } else if (!record.has_event() && !log->append_note(record, now)) {
    return false;
  }
  record.set_timestamp(now.value());
  records.push_back(record);
  return true;
}

EngineSettings EngineBench::default_settings() {
  EngineSettings settings;
  settings.account = "main";
  settings.address = kUser;
  settings.network = "testnet";
  settings.cloid_prefix = "0xf1a50001";
  settings.boot_id = "boot";
  settings.need_risk = false;
  settings.documented_limits = false;
  settings.ws_post.timeout = std::chrono::seconds{5};
  settings.ws_post.failure_cooldown = std::chrono::seconds{60};
  return settings;
}

EngineBench::EngineBench(EngineSettings with, IdMemory* with_ids)
    : settings(std::move(with)), ids_(with_ids), instruments_(make_instruments()) {
  boot({});
}

Now EngineBench::now() const {
  return {.wall = UnixNanos::from_millis(wall_ms_),
          .mono = std::chrono::milliseconds{wall_ms_ - 1'699'000'000'000}};
}

void EngineBench::boot(const std::vector<v1::JournalRecord>& records) {
  engine = std::make_unique<AccountEngine>(settings, writer, risk, references, nullptr, ids_);
  for (const auto& record : records) engine->restore(record);
  writer.now = now().wall;
  engine->finish_restore(now());
  engine->set_instruments(instruments_, now());
  pump();
}

void EngineBench::restart() {
  const auto records = writer.records;  // the new life appends to them
  restart_from(records);
}

void EngineBench::restart_from(const std::vector<v1::JournalRecord>& records) {
  later_.clear();
  sent.clear();
  boot(records);
}

void EngineBench::connect() {
  engine->on_stream_open(now());
  pump();
  for (const std::string type : {"orderUpdates", "userFills", "userEvents"}) {
    frame(
        R"({"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":")" +
        type + R"(","user":")" + std::string(kUser) + R"("}}})");
  }
  frame(R"({"channel":"userFills","data":{"user":")" + std::string(kUser) +
        R"(","isSnapshot":true,"fills":[]}})");
}

void EngineBench::disconnect() {
  engine->on_stream_closed(now());
  pump();
}

void EngineBench::start() {
  connect();
  for (int i = 0; i < 200 && engine->state() != EngineState::kReady; ++i) advance(50);
  EXPECT_EQ(engine->state(), EngineState::kReady) << engine->reason();
}

void EngineBench::advance(std::int64_t ms) {
  const std::int64_t until = wall_ms_ + ms;
  while (wall_ms_ < until) {
    const std::int64_t step = std::min<std::int64_t>(50, until - wall_ms_);
    wall_ms_ += step;
    if (!venue_stands) venue_ms_ += step;
    writer.now = now().wall;
    references.on_top(TradingPair{"BTC-USD"}, Price{Decimal{50'000}}, Price{Decimal{50'001}},
                      now().wall);
    references.on_top(TradingPair{"ETH-USD"}, Price{Decimal{3'000}}, Price{Decimal{3'001}},
                      now().wall);
    auto due = std::exchange(later_, {});
    for (const auto& run : due) run();
    engine->on_timer(now());
    pump();
  }
}

v1::Reply EngineBench::command(v1::Command command) {
  const v1::Reply reply = engine->on_command(command, now());
  pump();
  return reply;
}

v1::Reply EngineBench::place(const std::string& id, const std::string& side,
                             const std::string& price, const std::string& amount,
                             const std::function<void(v1::OrderRequest&)>& edit) {
  v1::Command asked_for;
  asked_for.set_type("place");
  asked_for.set_request_id("r-" + id);
  v1::OrderRequest& request = *asked_for.mutable_order();
  request.set_client_order_id(id);
  request.set_trading_pair("BTC-USD");
  request.set_trade_type(side);
  request.set_order_type("LIMIT");
  if (!price.empty()) set_decimal(*Decimal::parse(price), *request.mutable_price());
  if (!amount.empty()) set_decimal(*Decimal::parse(amount), *request.mutable_amount());
  if (edit) edit(request);
  return command(asked_for);
}

void EngineBench::frame(const std::string& text) {
  engine->on_frame(text, now());
  pump();
}

void EngineBench::answer(const Sent& to, const std::string& body) {
  if (to.post_id != 0) {
    frame(R"({"channel":"post","data":{"id":)" + std::to_string(to.post_id) +
          R"(,"response":{"type":"action","payload":)" + body + "}}}");
    return;
  }
  engine->on_copy_answer(
      to.action, false,
      {.kind = CopyAnswer::Kind::kBody, .body = body, .status = 200, .reason = {}}, now());
  pump();
}

void EngineBench::http_status(const Sent& to, unsigned status) {
  engine->on_copy_answer(
      to.action, to.post_id != 0,
      {.kind = CopyAnswer::Kind::kHttpStatus, .body = "null", .status = status, .reason = {}},
      now());
  pump();
}

void EngineBench::answer_statuses(const Sent& to, const std::string& statuses) {
  const bool cancel = to.request.has_cancel() || to.request.has_cancel_by_cloid();
  answer(to, R"({"status":"ok","response":{"type":")" + std::string(cancel ? "cancel" : "order") +
                 R"(","data":{"statuses":[)" + statuses + "]}}}");
}

void EngineBench::update(const std::string& of, std::uint64_t oid, const std::string& status,
                         const std::string& price, const std::string& size) {
  frame(R"({"channel":"orderUpdates","data":[{"order":{"coin":"BTC","side":"B","limitPx":")" +
        price + R"(","sz":")" + size + R"(","oid":)" + std::to_string(oid) + R"(,"timestamp":)" +
        std::to_string(venue_ms_) + R"(,"origSz":")" + size + "\"" +
        (of.empty() ? std::string() : R"(,"cloid":")" + of + "\"") + R"(},"status":")" + status +
        R"(","statusTimestamp":)" + std::to_string(venue_ms_) + "}]}");
}

void EngineBench::fill(const std::string& of, std::uint64_t oid, const std::string& side,
                       const std::string& price, const std::string& size,
                       const std::string& start_position, std::uint64_t tid,
                       const std::string& extra, std::int64_t time_ms) {
  const std::string one =
      R"({"coin":"BTC","px":")" + price + R"(","sz":")" + size + R"(","side":")" + side +
      R"(","time":)" + std::to_string(time_ms != 0 ? time_ms : venue_ms_) +
      R"(,"startPosition":")" + start_position +
      R"(","dir":"x","closedPnl":"0.0","hash":"0x0","oid":)" + std::to_string(oid) +
      R"(,"crossed":false,"fee":"0.01","tid":)" + std::to_string(tid) +
      (of.empty() ? std::string() : R"(,"cloid":")" + of + "\"") + extra + R"(,"feeToken":"USDC"})";
  // What the stream told is in the venue's answers from then on.
  told_fills_ += (told_fills_.empty() ? "" : ",") + one;
  frame(R"({"channel":"userFills","data":{"user":")" + std::string(kUser) + R"(","fills":[)" + one +
        "]}}");
}

void EngineBench::pump() {
  writer.now = now().wall;
  for (auto outs = engine->take_out(); !outs.empty(); outs = engine->take_out()) {
    for (EngineOut& out : outs) perform(out);
  }
}

void EngineBench::perform(EngineOut& out) {
  if (auto* sign = std::get_if<SignOut>(&out)) {
    Result<v1::SignReply> reply = v1::SignReply{};
    reply->set_status("OK");
    if (signer_down) {
      reply = fail(ErrorCode::kTimeout, "no answer of the signer");
    } else if (lease_lost && sign->request.type() == "lease") {
      reply->set_status("REJECTED");
      reply->set_code("LEASE_LOST");
      reply->set_reason("account main is held by order-gateway.other with epoch 2");
    } else if (sign->request.type() == "lease") {
      reply->mutable_lease()->set_epoch(lease_epoch);
      reply->mutable_lease()->set_same_instance(lease_is_ours);
      reply->mutable_lease()->set_latest_expires_after(lease_latest_expiry);
    } else {
      Sent made;
      made.request = sign->request;
      const auto wall = static_cast<std::uint64_t>(wall_ms_);
      made.nonce = sign->request.has_noop() ? sign->request.nonce()
                                            : (last_nonce_ = std::max(wall, last_nonce_ + 1));
      made.expires_after_ms = wall + sign->request.expires_after_ms();
      signed_.push_back(made);
      reply->set_nonce(made.nonce);
      reply->set_key(sign->request.key().empty() ? signing_key : sign->request.key());
      reply->set_expires_after(made.expires_after_ms);
      reply->set_body("#" + std::to_string(signed_.size() - 1));
    }
    const SignId id = sign->id;
    engine->on_handed_to_signer(id, now());
    if (signing_ms > 0) wall_ms_ += signing_ms;
    engine->on_signed(id, reply, now());
    pump();
    return;
  }
  const auto keep_sent = [this](ActionId action, std::uint64_t post_id, const std::string& body) {
    std::size_t index = 0;
    std::from_chars(body.data() + 1, body.data() + body.size(), index);
    Sent made = signed_.at(index);
    made.action = action;
    made.post_id = post_id;
    sent.push_back(made);
  };
  if (auto* ws = std::get_if<SendWs>(&out)) {
    keep_sent(ws->action, ws->post_id, ws->body);
    if (answers_posts) engine->on_copy_left(ws->action, true, CopyFate::kLeft, now());
  } else if (auto* rest = std::get_if<SendRest>(&out)) {
    keep_sent(rest->action, 0, rest->body);
  } else if (auto* ask = std::get_if<AskOut>(&out)) {
    asked.push_back(ask->body);
    if (mute[type_of(ask->body)]) return;
    const std::string body = ask->body;
    const QueryId id = ask->id;
    // As a message that comes back a little later.
    later_.push_back([this, body, id] {
      engine->on_query_answer(id, info_answer(body), now());
      pump();
    });
  }
}

std::string EngineBench::info_answer(const std::string& body) {
  const std::string type = type_of(body);
  if (const auto found = info.find(type); found != info.end()) return found->second;
  if (type == "exchangeStatus") {
    return R"({"time":)" + std::to_string(venue_ms_ + venue_offset_ms) +
           R"(,"specialStatuses":null})";
  }
  if (type == "orderStatus") return R"({"status":"unknownOid"})";
  if (type == "clearinghouseState") {
    return R"({"marginSummary":{"accountValue":"1000.0"},"withdrawable":"900.0",)"
           R"("assetPositions":[]})";
  }
  if (type == "userFillsByTime") return "[" + told_fills_ + "]";
  if (type == "spotClearinghouseState") return R"({"balances":[]})";
  return "[]";
}

std::string EngineBench::cloid(const std::string& id) const {
  const InFlightOrder* found = order(id);
  EXPECT_NE(found, nullptr) << id;
  return found == nullptr ? std::string() : found->cloid();
}

OrderState EngineBench::state(const std::string& id) const {
  const InFlightOrder* found = order(id);
  EXPECT_NE(found, nullptr) << id;
  return found == nullptr ? OrderState::kFailed : found->state();
}

std::vector<v1::Envelope> EngineBench::events(const std::string& event_type) const {
  std::vector<v1::Envelope> found;
  for (const auto& record : writer.records) {
    if (record.has_event() && record.event().envelope().event_type() == event_type) {
      found.push_back(record.event().envelope());
    }
  }
  return found;
}

}  // namespace perpwire::gateway::bench
