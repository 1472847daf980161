// One account's engine that is READY, against whatever comes: each line begins with what it is.
//   c command of a client   f frame of the user stream   q answer of /info   x answer of /exchange
//   s answer of the signer  t time passes                d the stream drops  o it opens again
// Every command has an answer; what the engine journaled is read back by a second life.
#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "services/order-gateway/account_engine.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

using namespace perpwire;
using namespace perpwire::gateway;

namespace {

constexpr const char* kUser = "0x1111111111111111111111111111111111111111";

class Journal : public EventWriter {
 public:
  std::vector<v1::JournalRecord> records;
  bool publish(const std::string& topic, v1::Envelope& envelope) override {
    v1::JournalRecord record;
    record.mutable_event()->set_topic(topic);
    *record.mutable_event()->mutable_envelope() = envelope;
    records.push_back(record);
    return true;
  }
  bool note(v1::JournalRecord& record) override {
    records.push_back(record);
    return true;
  }
};

const hyperliquid::Instruments& instruments() {
  static const auto kInstruments = [] {
    hyperliquid::InstrumentSources sources;
    sources.perp_dexs = "[null]";
    sources.metas.push_back(
        {"", R"({"universe":[{"szDecimals":3,"name":"BTC","maxLeverage":40,"marginTableId":40}],)"
             R"("marginTables":[],"collateralToken":0})"});
    return hyperliquid::Instruments::build(sources).value();
  }();
  return kInstruments;
}

EngineSettings settings() {
  EngineSettings made;
  made.account = "main";
  made.address = kUser;
  made.network = "testnet";
  made.cloid_prefix = "0xf1a50001";
  made.boot_id = "boot";
  made.need_risk = false;
  made.documented_limits = false;
  made.max_unanswered = 1'000;
  return made;
}

class World {
 public:
  World() {
    engine_.finish_restore(now_);
    engine_.set_instruments(instruments(), now_);
    open();
    for (int i = 0; i < 40 && engine_.state() != EngineState::kReady; ++i) {
      pass(std::chrono::milliseconds{50});
      while (answer_as_it_should_be()) {
      }
    }
    PW_ASSERT(engine_.state() == EngineState::kReady);
  }

  void line(std::string_view text) {
    const char kind = text.front();
    const std::string rest(text.substr(1));
    switch (kind) {
      case 'c':
        command(rest);
        break;
      case 'f':
        engine_.on_frame(rest, now_);
        break;
      case 'q':
        if (!asks_.empty()) {
          const auto ask = take(asks_);
          engine_.on_query_answer(ask.id, rest, now_);
        }
        break;
      case 'x':
        if (!sends_.empty()) {
          const auto [action, by_ws] = take(sends_);
          engine_.on_copy_answer(
              action, by_ws,
              {.kind = CopyAnswer::Kind::kBody, .body = rest, .status = 200, .reason = {}}, now_);
        }
        break;
      case 's':
        if (!signs_.empty()) sign(take(signs_), rest);
        break;
      case 't':
        pass(std::chrono::milliseconds{700});
        break;
      case 'd':
        engine_.on_stream_closed(now_);
        break;
      case 'o':
        open();
        break;
      case 'h':
        answer_as_it_should_be();
        break;
      default:
        break;
    }
    drain();
  }

  /// A second life reads what this one wrote.
  void die() {
    Journal next;
    AccountEngine heir{settings(), next, risk_, references_};
    for (const auto& record : journal_.records) {
      v1::JournalRecord read;
      PW_ASSERT(read.ParseFromString(record.SerializeAsString()));
      heir.restore(read);
    }
    heir.finish_restore(now_);
    heir.on_timer(now_);
  }

 private:
  template <class T>
  static T take(std::deque<T>& from) {
    T first = std::move(from.front());
    from.pop_front();
    return first;
  }

  void command(const std::string& text) {
    v1::Command command;
    if (!parse_payload(text, command)) return;
    references_.on_top(TradingPair{"BTC-USD"}, Price{Decimal{50'010}}, Price{Decimal{50'011}},
                       now_.wall);
    const auto reply = engine_.on_command(command, now_);
    PW_ASSERT(reply.request_id() == command.request_id());
    PW_ASSERT(!reply.status().empty() || reply.results_size() > 0 || command.orders().empty());
  }

  void open() {
    engine_.on_stream_open(now_);
    drain();
    for (const std::string type : {"orderUpdates", "userFills", "userEvents"}) {
      engine_.on_frame(
          R"({"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":")" +
              type + R"(","user":")" + kUser + R"("}}})",
          now_);
    }
    engine_.on_frame(R"({"channel":"userFills","data":{"user":")" + std::string(kUser) +
                         R"(","isSnapshot":true,"fills":[]}})",
                     now_);
    drain();
  }

  void pass(Nanos time) {
    now_.wall = now_.wall + time;
    now_.mono += time;
    engine_.on_timer(now_);
    drain();
  }

  void drain() {
    for (auto outs = engine_.take_out(); !outs.empty(); outs = engine_.take_out()) {
      for (auto& out : outs) {
        if (auto* sign = std::get_if<SignOut>(&out)) signs_.push_back(std::move(*sign));
        if (auto* ask = std::get_if<AskOut>(&out)) asks_.push_back(std::move(*ask));
        if (auto* ws = std::get_if<SendWs>(&out)) sends_.emplace_back(ws->action, true);
        if (auto* rest = std::get_if<SendRest>(&out)) sends_.emplace_back(rest->action, false);
      }
    }
  }

  void sign(const SignOut& asked, const std::string& text) {
    v1::SignReply reply;
    if (!parse_payload(text, reply)) return;
    engine_.on_signed(asked.id, reply, now_);
  }

  bool answer_as_it_should_be() {
    if (!signs_.empty()) {
      const auto asked = take(signs_);
      v1::SignReply reply;
      reply.set_status("OK");
      if (asked.request.type() == "lease") {
        reply.mutable_lease()->set_epoch(1);
        reply.mutable_lease()->set_same_instance(true);
      } else {
        reply.set_nonce(asked.request.has_noop() ? asked.request.nonce() : ++nonce_);
        reply.set_expires_after(static_cast<std::uint64_t>(now_.wall.millis()) + 8'000);
        reply.set_body("{}");
      }
      engine_.on_signed(asked.id, reply, now_);
    } else if (!asks_.empty()) {
      const auto ask = take(asks_);
      std::string answer = R"({"balances":[]})";
      if (ask.body.find("exchangeStatus") != std::string::npos) {
        answer = R"({"time":)" + std::to_string(now_.wall.millis()) + R"(,"specialStatuses":null})";
      } else if (ask.body.find("clearinghouseState") != std::string::npos &&
                 ask.body.find("spot") == std::string::npos) {
        answer =
            R"({"marginSummary":{"accountValue":"1.0"},"withdrawable":"1.0","assetPositions":[]})";
      } else if (ask.body.find("orderStatus") != std::string::npos) {
        answer = R"({"status":"unknownOid"})";
      } else if (ask.body.find("Orders") != std::string::npos ||
                 ask.body.find("Fills") != std::string::npos) {
        answer = "[]";
      }
      engine_.on_query_answer(ask.id, answer, now_);
    } else {
      return false;
    }
    drain();
    return true;
  }

  Now now_{.wall = UnixNanos::from_millis(1'700'000'000'000), .mono = std::chrono::hours{1}};
  Journal journal_;
  RiskGate risk_;
  ReferencePrices references_{std::chrono::seconds{5}};
  AccountEngine engine_{settings(), journal_, risk_, references_};
  std::deque<SignOut> signs_;
  std::deque<AskOut> asks_;
  std::deque<std::pair<ActionId, bool>> sends_;
  std::uint64_t nonce_ = 1'700'000'000'000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  World world;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!line.empty()) world.line(line);
  }
  world.die();
  return 0;
}
