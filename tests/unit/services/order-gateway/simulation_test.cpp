#include "libs/common/contract_json.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/order_messages.hpp"
#include "tests/unit/services/order-gateway/sim_venue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

constexpr std::int64_t kStartMs = 1'700'000'000'000;
const TradingPair kPair{"BTC-USD"};

struct Killed {};

/// The journal of all lives of the gateway; can kill its writer right after a write, or refuse.
class MemoryWriter : public EventWriter {
 public:
  std::vector<v1::JournalRecord> records;
  int kill_after = -1;  // writes from now; -1 = never
  bool refuse = false;
  std::int64_t now_ns = 0;

  bool publish(const std::string& topic, v1::Envelope& envelope) override {
    if (refuse) return false;
    v1::JournalRecord record;
    record.mutable_event()->set_topic(topic);
    *record.mutable_event()->mutable_envelope() = envelope;
    return keep(record);
  }
  bool note(v1::JournalRecord& record) override {
    if (refuse) return false;
    return keep(record);
  }

 private:
  bool keep(v1::JournalRecord& record) {
    record.set_timestamp(now_ns);
    records.push_back(record);
    if (kill_after > 0 && --kill_after == 0) {
      kill_after = -1;
      throw Killed{};
    }
    return true;
  }
};

hyperliquid::Instruments instruments() {
  hyperliquid::InstrumentSources sources;
  sources.perp_dexs = "[null]";
  sources.metas.push_back(
      {"", R"({"universe":[{"szDecimals":3,"name":"BTC","maxLeverage":40,"marginTableId":40}],)"
           R"("marginTables":[],"collateralToken":0})"});
  auto built = hyperliquid::Instruments::build(sources);
  EXPECT_TRUE(built.has_value()) << built.error().text;
  return std::move(*built);
}

struct Faults {
  int drop_frame = 10;       // percent, of user-stream frames
  int duplicate_frame = 10;  // percent
  int lose_request = 6;      // percent, before it arrives
  int lose_answer = 6;       // percent, after it was done
  int http_error = 4;        // percent
  int disconnect = 2;        // percent of 250 ms steps
  int kill = 1;              // percent of 250 ms steps
  int kill_at_write = 2;     // percent of 250 ms steps: at one of the next writes
  int signer_error = 3;      // percent
  int stall = 1;             // percent of 250 ms steps: the venue stands still
  int disk = 0;              // percent of 250 ms steps: the disk refuses for a while
};

class World {
 public:
  World(std::uint64_t seed, const Faults& faults)
      : random_(seed), faults_(faults), venue_(seed), instruments_(instruments()) {
    venue_.info_lag_ms = between(0, 3) == 0 ? between(0, 1'400) : 0;
    venue_.on_frame = [this](std::string frame) { send_frame(std::move(frame)); };
    settings_.account = "main";
    settings_.address = "0x1111111111111111111111111111111111111111";
    settings_.network = "testnet";
    settings_.cloid_prefix = "0xf1a50001";
    settings_.boot_id = "boot";
    settings_.need_risk = false;
    settings_.documented_limits = false;
    settings_.ws_post.timeout = std::chrono::milliseconds{1'500};
    settings_.ws_post.max_consecutive_failures = 5;
    settings_.ws_post.failure_cooldown = std::chrono::seconds{3};
    settings_.reconcile_interval = std::chrono::seconds{4};
    settings_.max_clock_skew = std::chrono::seconds{60};
  }

  void run(std::int64_t faulty_ms, std::int64_t quiet_ms, int commands) {
    start_gateway();
    for (int i = 0; i < commands; ++i) {
      at(between(300, faulty_ms), [this] { random_command(); });
    }
    for (std::int64_t t = 250; t < faulty_ms; t += 250) at(t, [this] { misbehave(); });
    for (std::int64_t t = 130; t < faulty_ms; t += 170) at(t, [this] { venue_.background(); });
    for (std::int64_t t = 50; t < faulty_ms + quiet_ms; t += 50) at(t, [this] { tick(); });
    at(faulty_ms, [this] {
      faults_ = Faults{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
      writer_.kill_after = -1;
      writer_.refuse = false;
    });
    while (!queue_.empty()) {
      const auto event = queue_.top();
      queue_.pop();
      now_ms_ = event.at_ms;
      venue_.now_ms = stalled_until_ > now_ms_ ? stalled_at_ : kStartMs + now_ms_;
      writer_.now_ns = now().wall.value();
      guarded(event.run);
    }
  }

  // The checker: reads the venue, the journal and the tracker; knows nothing of how they came
  // about.
  void check() {
    ASSERT_NE(engine_, nullptr);
    count();
    totals_.queries = venue_.fills().size();
    totals_.commands = venue_.orders().size();
    EXPECT_EQ(engine_->state(), EngineState::kReady) << engine_->reason();
    EXPECT_EQ(engine_->unknown(), 0U) << "an order is still unknown at rest";
    check_placements();
    check_orders();
    check_events();
    EXPECT_EQ(engine_->positions().quantity(kPair).to_string(), sim::lots_text(venue_.position()));
  }

  [[nodiscard]] const EngineCounters& counters() const { return totals_; }

 private:
  struct Event {
    std::int64_t at_ms;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::pair{at_ms, order} > std::pair{other.at_ms, other.order};
    }
  };

  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  Now now() const {
    return {.wall = UnixNanos::from_millis(kStartMs + now_ms_),
            .mono = std::chrono::milliseconds{now_ms_ + 1'000'000}};
  }
  void at(std::int64_t when, std::function<void()> run) {
    queue_.push({when, next_event_++, std::move(run)});
  }
  void after(std::int64_t delay, std::function<void()> run) { at(now_ms_ + delay, std::move(run)); }

  // ---- the gateway's lives

  void start_gateway() {
    ++life_;
    settings_.holder = "order-gateway.main";
    engine_ = std::make_unique<AccountEngine>(settings_, writer_, risk_, references_);
    for (const auto& record : writer_.records) engine_->restore(record);
    guarded([this] {
      engine_->finish_restore(now());
      engine_->set_instruments(instruments_, now());
      drain();
    });
    connect_later();
  }

  void kill() {
    if (engine_ == nullptr) return;
    count();
    engine_.reset();
    connected_ = false;
    ++connection_;
    const int life = life_;
    after(between(20, 1'500), [this, life] {
      if (life == life_ && engine_ == nullptr) start_gateway();
    });
  }

  void guarded(const std::function<void()>& run) {
    try {
      run();
    } catch (const Killed&) {
      kill();
    }
  }

  void count() {
    const EngineCounters& c = engine_->counters();
    totals_.unknown_actions += c.unknown_actions;
    totals_.fences_held += c.fences_held;
    totals_.proven_by_rounds += c.proven_by_rounds;
    totals_.fallbacks += c.fallbacks;
    totals_.repaired += c.repaired;
    totals_.placed += c.placed;
  }

  void tick() {
    if (engine_ == nullptr) return;
    references_.on_top(kPair, Price{Decimal{50010}}, Price{Decimal{50011}}, now().wall);
    engine_->on_timer(now());
    drain();
  }

  // ---- the network

  void connect_later() {
    const int life = life_;
    after(between(20, 800), [this, life] {
      if (life != life_ || engine_ == nullptr || connected_) return;
      connected_ = true;
      ++connection_;
      engine_->on_stream_open(now());
      drain();
    });
  }

  void disconnect() {
    if (!connected_) return;
    connected_ = false;
    ++connection_;
    if (engine_ == nullptr) return;
    engine_->on_stream_closed(now());
    drain();
    connect_later();
  }

  /// A frame of the venue on the connection as it is now.
  void send_frame(std::string frame) {
    if (!connected_) return;
    if (chance(faults_.drop_frame)) return;
    const int copies = chance(faults_.duplicate_frame) ? 2 : 1;
    for (int i = 0; i < copies; ++i) deliver(frame);
  }
  void deliver(std::string frame) {
    const int connection = connection_;
    after(between(1, 300), [this, connection, frame = std::move(frame)] {
      if (connection != connection_ || engine_ == nullptr) return;
      engine_->on_frame(frame, now());
      drain();
    });
  }

  /// Runs at the venue when its blocks move.
  void at_venue(std::function<void()> run) {
    if (stalled_until_ > now_ms_) {
      at(stalled_until_ + between(0, 50), std::move(run));
    } else {
      run();
    }
  }

  void drain() {
    while (engine_ != nullptr) {
      auto outs = engine_->take_out();
      if (outs.empty()) return;
      for (EngineOut& out : outs) perform(out);
    }
  }

  void perform(EngineOut& out) {
    if (auto* sign = std::get_if<SignOut>(&out)) {
      perform(*sign);
    } else if (auto* ws = std::get_if<SendWs>(&out)) {
      send_ws(ws->action, R"({"id":)" + std::to_string(ws->post_id), ws->body, true);
    } else if (auto* rest = std::get_if<SendRest>(&out)) {
      send_rest(rest->action, rest->body);
    } else if (auto* ask = std::get_if<AskOut>(&out)) {
      perform(*ask);
    } else if (auto* frame = std::get_if<SendFrame>(&out)) {
      subscribe(frame->text);
    }
  }

  void subscribe(const std::string& text) {
    if (!connected_) return;
    for (const std::string type : {"orderUpdates", "userFills", "userEvents"}) {
      if (text.find("\"" + type + "\"") == std::string::npos) continue;
      deliver(
          R"({"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":")" +
          type + R"(","user":"0x1111111111111111111111111111111111111111"}}})");
      if (type == "userFills") deliver(venue_.fills_snapshot());
    }
  }

  void perform(SignOut& sign) {
    const int life = life_;
    const SignId id = sign.id;
    Result<v1::SignReply> reply = v1::SignReply{};
    if (chance(faults_.signer_error)) {
      reply = fail(ErrorCode::kTimeout, "no answer of the signer");
      // It may have signed all the same: the nonce is used up, the bytes are nowhere.
    } else if (sign.request.type() == "lease") {
      reply->set_status("OK");
      reply->mutable_lease()->set_epoch(1);
      reply->mutable_lease()->set_same_instance(true);
    } else {
      sim::SimVenue::Signed kept{.request = sign.request, .nonce = 0, .expires_ms = 0};
      const auto wall = static_cast<std::uint64_t>(kStartMs + now_ms_);
      kept.nonce = sign.request.has_noop() ? sign.request.nonce()
                                           : (last_nonce_ = std::max(wall, last_nonce_ + 1));
      kept.expires_ms = wall + sign.request.expires_after_ms();
      venue_.book.push_back(kept);
      reply->set_status("OK");
      reply->set_nonce(kept.nonce);
      reply->set_expires_after(kept.expires_ms);
      reply->set_body("#" + std::to_string(venue_.book.size() - 1));
    }
    after(between(0, 3), [this, life, id, reply = std::move(reply)] {
      if (life != life_ || engine_ == nullptr) return;
      engine_->on_signed(id, reply, now());
      drain();
    });
  }

  void send_ws(ActionId action, const std::string& head, const std::string& body, bool is_action) {
    if (!connected_) {
      if (is_action) engine_->on_copy_left(action, true, CopyFate::kNeverLeft, now());
      return;
    }
    if (is_action) engine_->on_copy_left(action, true, CopyFate::kLeft, now());
    if (chance(faults_.lose_request)) return;
    const int connection = connection_;
    const std::string id = head.substr(6);
    after(between(1, 250), [this, connection, id, body] {
      at_venue([this, connection, id, body] {
        const std::string answer = venue_.exchange(body);
        if (connection != connection_ || chance(faults_.lose_answer)) return;
        const std::string payload = chance(faults_.http_error)
                                        ? R"({"type":"error","payload":"429 Too Many Requests"})"
                                        : R"({"type":"action","payload":)" + answer + "}";
        deliver(R"({"channel":"post","data":{"id":)" + id + R"(,"response":)" + payload + "}}");
      });
    });
  }

  void send_rest(ActionId action, const std::string& body) {
    const int life = life_;
    const auto tell = [this, life, action](CopyAnswer answer, std::int64_t delay) {
      after(delay, [this, life, action, answer = std::move(answer)] {
        if (life != life_ || engine_ == nullptr) return;
        engine_->on_copy_answer(action, false, answer, now());
        drain();
      });
    };
    CopyAnswer lost{.kind = CopyAnswer::Kind::kLost, .body = {}, .status = 0, .reason = "lost"};
    if (chance(faults_.lose_request)) {
      if (chance(30)) lost.kind = CopyAnswer::Kind::kNeverLeft;
      return tell(lost, between(10, 2'000));
    }
    after(between(1, 400), [this, tell, lost, body] {
      at_venue([this, tell, lost, body] {
        if (chance(faults_.http_error)) {
          // 429 and 502 before it is done; 500 after it.
          const bool done = chance(50);
          if (done) venue_.exchange(body);
          return tell({.kind = CopyAnswer::Kind::kHttpStatus,
                       .body = "null",
                       .status = done ? 500U : 429U,
                       .reason = ""},
                      between(1, 200));
        }
        const std::string answer = venue_.exchange(body);
        if (chance(faults_.lose_answer)) return tell(lost, between(10, 2'000));
        tell({.kind = CopyAnswer::Kind::kBody, .body = answer, .status = 200, .reason = ""},
             between(1, 300));
      });
    });
  }

  void perform(AskOut& ask) {
    const int life = life_;
    const QueryId id = ask.id;
    const std::string body = ask.body;
    if (ask.post_id != 0) {
      const int connection = connection_;
      if (!connected_ || chance(faults_.lose_request)) return;
      const std::uint64_t post_id = ask.post_id;
      after(between(1, 150), [this, connection, post_id, body] {
        if (connection != connection_ || chance(faults_.lose_answer)) return;
        deliver(R"({"channel":"post","data":{"id":)" + std::to_string(post_id) +
                R"(,"response":{"type":"info","payload":{"type":"x","data":)" + venue_.info(body) +
                "}}}}");
      });
      return;
    }
    const bool lost = chance(faults_.lose_request + faults_.http_error);
    after(between(1, 200), [this, life, id, body, lost] {
      const Result<std::string> answer =
          lost ? Result<std::string>{fail(ErrorCode::kVenueUnavailable, "HTTP 502")}
               : Result<std::string>{venue_.info(body)};
      after(between(1, 150), [this, life, id, answer] {
        if (life != life_ || engine_ == nullptr) return;
        engine_->on_query_answer(id, answer, now());
        drain();
      });
    });
  }

  void misbehave() {
    if (chance(faults_.disconnect)) disconnect();
    if (chance(faults_.kill)) kill();
    if (chance(faults_.kill_at_write)) writer_.kill_after = static_cast<int>(between(1, 6));
    if (chance(faults_.disk)) {
      writer_.refuse = true;
      after(between(100, 1'500), [this] { writer_.refuse = false; });
    }
    if (chance(faults_.stall) && stalled_until_ <= now_ms_) {
      stalled_at_ = kStartMs + now_ms_;
      stalled_until_ = now_ms_ + between(500, 9'000);
    }
  }

  // ---- a client

  void random_command() {
    if (engine_ == nullptr) return;
    v1::Command command;
    command.set_request_id("r" + std::to_string(++request_));
    const auto kind = between(0, 99);
    if (kind < 55 || placed_.empty()) {
      command.set_type("place");
      v1::OrderRequest& order = *command.mutable_order();
      if (!placed_.empty() && chance(15)) {
        order = placed_[random_() % placed_.size()];  // the same again
      } else {
        order.set_client_order_id("o-" + std::to_string(++order_number_));
        order.set_trading_pair(kPair.value());
        order.set_trade_type(chance(50) ? "BUY" : "SELL");
        const auto sort = between(0, 9);
        order.set_order_type(sort == 0 ? "MARKET" : "LIMIT");
        if (sort > 0) set_decimal(Decimal{between(40'000, 60'000)}, *order.mutable_price());
        if (sort > 0) order.set_time_in_force(sort < 4 ? "IOC" : sort < 6 ? "ALO" : "GTC");
        set_decimal(Decimal::of(between(1, 30), -3), *order.mutable_amount());
        placed_.push_back(order);
      }
    } else if (kind < 75) {
      command.set_type("cancel");
      command.set_client_order_id(placed_[random_() % placed_.size()].client_order_id());
    } else if (kind < 97) {
      command.set_type("modify");
      command.set_client_order_id(placed_[random_() % placed_.size()].client_order_id());
      set_decimal(Decimal{between(40'000, 49'000)}, *command.mutable_price());
      set_decimal(Decimal::of(between(1, 40), -3), *command.mutable_amount());
    } else {
      command.set_type("cancel_all");
    }
    const v1::Reply reply = engine_->on_command(command, now());
    if (reply.status() == "ACCEPTED" && command.type() == "place") {
      accepted_.insert(command.order().client_order_id());
    }
    drain();
  }

  // ---- the checker

  void check_placements() {
    for (const auto& [cloid, count] : venue_.placements()) {
      EXPECT_LE(count, 1) << cloid << " was placed " << count << " times";
    }
    for (const std::string& id : accepted_) {
      EXPECT_NE(engine_->tracker().find(ClientOrderId{id}), nullptr)
          << id << " was accepted and forgotten";
    }
  }

  void check_orders() {
    std::map<std::string, const sim::SimVenue::Order*> live;
    std::set<std::string> reached;
    std::map<std::string, std::int64_t> filled;
    for (const auto& [oid, order] : venue_.orders()) {
      reached.insert(order.cloid);
      if (order.status == "open") {
        EXPECT_FALSE(live.contains(order.cloid)) << "two live legs of " << order.cloid;
        live[order.cloid] = &order;
      }
    }
    for (const auto& fill : venue_.fills()) filled[fill.cloid] += fill.lots;
    engine_->tracker().for_each([&](const InFlightOrder& order) {
      const std::string name =
          order.content().client_order_id.value() + " " + std::string(to_string(order.state()));
      EXPECT_EQ(order.filled().to_string(), sim::lots_text(filled[order.cloid()])) << name;
      EXPECT_NE(order.state(), OrderState::kUnknown) << name;
      EXPECT_NE(order.state(), OrderState::kPendingCreate) << name;
      const auto at_venue = live.find(order.cloid());
      if (at_venue != live.end()) {
        EXPECT_TRUE(order.may_be_live()) << name << " is live at the venue";
        EXPECT_EQ(order.venue_order_id().value_or(VenueOrderId{}).value(),
                  std::to_string(at_venue->second->oid))
            << name;
        EXPECT_NE(order.state(), OrderState::kFailed) << name << ": false FAILED";
      } else {
        EXPECT_FALSE(order.may_be_live()) << name << " is not live at the venue";
      }
      if (!reached.contains(order.cloid())) {
        EXPECT_EQ(order.state(), OrderState::kFailed) << name << " never reached the venue";
      }
      if (filled[order.cloid()] > 0) {
        EXPECT_NE(order.state(), OrderState::kFailed) << name << ": FAILED with fills";
      }
    });
  }

  void check_events() {
    std::map<std::string, int> fills;       // by execution
    std::map<std::string, int> executions;  // order events by order and trade
    std::map<std::string, std::vector<std::string>> by_order;
    for (const auto& record : writer_.records) {
      if (!record.has_event()) continue;
      const v1::Envelope& envelope = record.event().envelope();
      if (envelope.has_fill()) {
        ++fills[envelope.fill().trade_id() + "/" + envelope.fill().exchange_order_id()];
      } else if (envelope.has_order()) {
        by_order[envelope.order().client_order_id()].push_back(envelope.event_type());
        if (std::getenv("PERPWIRE_SIM_TRACE") != nullptr) {
          std::cout << record.timestamp() / 1'000'000 - kStartMs << " "
                    << to_contract_json(envelope) << "\n";
        }
        if (envelope.order().has_trade_id()) {
          ++executions[envelope.order().client_order_id() + "/" + envelope.order().trade_id()];
        }
      }
    }
    std::map<std::string, std::string> names;
    engine_->tracker().for_each([&](const InFlightOrder& order) {
      names[order.cloid()] = order.content().client_order_id.value();
    });
    for (const auto& fill : venue_.fills()) {
      const std::string key = std::to_string(fill.tid) + "/" + std::to_string(fill.oid);
      EXPECT_EQ(fills[key], 1) << "fill " << key << " on the bus";
      EXPECT_EQ((executions[names[fill.cloid] + "/" + std::to_string(fill.tid)]), 1)
          << "order event of fill " << key << " of " << names[fill.cloid];
    }
    EXPECT_EQ(fills.size(), venue_.fills().size()) << "a fill that the venue never made";
    for (const auto& [id, types] : by_order) {
      int created = 0;
      int ends = 0;
      bool cancelled = false;
      for (const std::string& type : types) {
        if (type == "order_created") ++created;
        if (type == "order_filled" || type == "order_partial_fill" || type == "order_cancelled") {
          EXPECT_GE(created, 1) << id << ": " << type << " before created";
        }
        // The fill that completes an order is `filled` also after `cancelled`.
        if (type == "order_filled" && ends == 1 && cancelled) continue;
        cancelled = cancelled || type == "order_cancelled";
        if (type == "order_cancelled" || type == "order_failed" || type == "order_filled") ++ends;
      }
      EXPECT_LE(created, 1) << id;
      std::string told;
      for (const std::string& type : types) told += type + " ";
      EXPECT_LE(ends, 1) << id << ": " << told;
    }
  }

  std::mt19937_64 random_;
  Faults faults_;
  sim::SimVenue venue_;
  hyperliquid::Instruments instruments_;
  EngineSettings settings_;
  MemoryWriter writer_;
  RiskGate risk_;
  ReferencePrices references_{std::chrono::seconds{5}};
  std::unique_ptr<AccountEngine> engine_;
  EngineCounters totals_;
  std::priority_queue<Event> queue_;
  std::uint64_t next_event_ = 0;
  std::int64_t now_ms_ = 0;
  int life_ = 0;
  bool connected_ = false;
  int connection_ = 0;
  std::int64_t stalled_until_ = 0;
  std::int64_t stalled_at_ = 0;
  std::uint64_t last_nonce_ = 0;
  int request_ = 0;
  int order_number_ = 0;
  std::vector<v1::OrderRequest> placed_;
  std::set<std::string> accepted_;
};

std::uint64_t first_seed() {
  const char* text = std::getenv("PERPWIRE_SIM_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}
std::uint64_t seed_count(std::uint64_t otherwise) {
  const char* text = std::getenv("PERPWIRE_SIM_SEEDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

void run_seeds(const std::string& name, const Faults& faults, std::uint64_t otherwise) {
  EngineCounters all;
  const std::uint64_t first = first_seed();
  const std::uint64_t count = seed_count(otherwise);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world{seed, faults};
    world.run(15'000, 40'000, 40);
    world.check();
    all.unknown_actions += world.counters().unknown_actions;
    all.fences_held += world.counters().fences_held;
    all.proven_by_rounds += world.counters().proven_by_rounds;
    all.fallbacks += world.counters().fallbacks;
    all.repaired += world.counters().repaired;
    all.placed += world.counters().placed;
    all.queries += world.counters().queries;
    all.commands += world.counters().commands;
    ASSERT_FALSE(testing::Test::HasFailure())
        << name << ": seed " << seed << "; repeat with PERPWIRE_SIM_SEED=" << seed
        << " PERPWIRE_SIM_SEEDS=1";
  }
  std::cout << name << ": seeds " << count << ", placed " << all.placed << ", legs at the venue "
            << all.commands << ", fills " << all.queries << ", unknown " << all.unknown_actions
            << ", fences held " << all.fences_held << ", rounds " << all.proven_by_rounds
            << ", fallbacks " << all.fallbacks << ", repaired " << all.repaired << std::endl;
}

TEST(Simulation, AnUndisturbedVenueAgreesWithUs) {
  run_seeds("undisturbed", Faults{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 10);
}

TEST(Simulation, NothingIsLostOrDoubledWhateverTheNetworkDoes) {
  run_seeds("network", Faults{.kill = 0, .kill_at_write = 0}, 40);
}

TEST(Simulation, NothingIsLostOrDoubledWhateverIsKilled) { run_seeds("kills", Faults{}, 40); }

TEST(Simulation, AHeavierStormChangesNothing) {
  run_seeds("storm",
            Faults{.drop_frame = 30,
                   .duplicate_frame = 30,
                   .lose_request = 15,
                   .lose_answer = 15,
                   .http_error = 10,
                   .disconnect = 6,
                   .kill = 2,
                   .kill_at_write = 6,
                   .signer_error = 8,
                   .stall = 2,
                   .disk = 1},
            40);
}

}  // namespace
}  // namespace perpwire::gateway
