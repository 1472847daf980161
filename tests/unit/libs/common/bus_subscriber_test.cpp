#include "libs/common/bus_subscriber.hpp"

#include "libs/common/bus_publisher.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/request_server.hpp"
#include "libs/journal/event_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"
#include "tests/unit/libs/common/bus_fixture.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace perpwire {
namespace {

using namespace std::chrono_literals;
using journal::EventLog;

v1::Envelope fill(int id) {
  v1::Envelope envelope;
  envelope.set_event_type("fill");
  auto& event = *envelope.mutable_fill();
  event.set_trade_id(std::to_string(id));
  set_decimal(Decimal{1}, *event.mutable_price());
  set_decimal(Decimal{1}, *event.mutable_amount());
  set_decimal(Decimal{0}, *event.mutable_fee_paid());
  return envelope;
}

v1::Envelope bbo(int bid) {
  v1::Envelope envelope;
  envelope.set_event_type("bbo");
  set_decimal(Decimal{bid}, *envelope.mutable_bbo()->mutable_bid_price());
  return envelope;
}

v1::Envelope delta(bool snapshot) {
  v1::Envelope envelope;
  envelope.set_event_type("delta");
  envelope.mutable_delta()->set_snapshot(snapshot);
  return envelope;
}

class BusSubscriberTest : public BusTest {
 protected:
  /// A process that keeps its events, as the gateway does.
  struct Keeper {
    Keeper(BusSubscriberTest& test, std::string boot)
        : syncer(journal::make_manual_syncer()),
          log(open(test, std::move(boot))),
          publisher(test.io, context, config(test)),
          replay(test.io, context, {.endpoint = test.replay_endpoint, .send_high_water_mark = 4},
                 [this](const IncomingRequest& in) {
                   PageHandlers handlers;
                   handlers.process = "order-gateway";
                   handlers.instance = "main";
                   handlers.replay = [this](const v1::PageRequest& request, bool json) {
                     return log->replay_page(request, json);
                   };
                   replay.reply(in.reply_to, answer_page_request(in.payload, handlers));
                 }) {
      publisher.follow_stream(log->stream(), log->last_sequence());
      log->start_publishing(
          [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
            publisher.publish_numbered(topic, envelope, encoded);
          });
    }
    std::unique_ptr<EventLog> open(BusSubscriberTest& test, std::string boot) {
      auto opened = EventLog::open(test.storage, *syncer, *test.watermark,
                                   {.process = "order-gateway",
                                    .instance = "main",
                                    .boot_id = std::move(boot),
                                    .new_stream_id = make_stream_id("order-gateway", "main")},
                                   {}, {}, wall_clock_now());
      EXPECT_TRUE(opened.has_value());
      return std::move(*opened);
    }
    static BusPublisherConfig config(BusSubscriberTest& test) {
      BusPublisherConfig out;
      out.endpoint = test.events_endpoint;
      out.process = "order-gateway";
      out.instance = "main";
      out.heartbeat_interval = 20ms;
      return out;
    }
    void append(int id) {
      auto envelope = fill(id);
      EXPECT_TRUE(log->append(id % 2 == 0 ? "fills.x.BTC-USD" : "fills.x.ETH-USD", envelope,
                              wall_clock_now())
                      .has_value());
    }

    /// Its own: when it is gone, so are its sockets, as with a process.
    zmq::context_t context;
    std::unique_ptr<journal::Syncer> syncer;
    std::unique_ptr<EventLog> log;
    BusPublisher publisher;
    RequestServer replay;
  };

  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("perpwire-sub-" + std::to_string(getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    events_endpoint = "ipc://" + (folder_ / "events.sock").string();
    replay_endpoint = "ipc://" + (folder_ / "replay.sock").string();
  }
  void TearDown() override {
    subscriber.reset();
    keeper.reset();
    std::filesystem::remove_all(folder_);
  }
  void start_keeper(const std::string& boot = "boot-1") {
    keeper.reset();
    keeper = std::make_unique<Keeper>(*this, boot);
  }
  BusSubscriberConfig complete(std::optional<StreamPosition> start) const {
    BusSubscriberConfig config;
    config.endpoint = events_endpoint;
    config.mode = SubscriberMode::kComplete;
    config.topics = {"fills."};
    config.requests_endpoint = replay_endpoint;
    config.process = "persister";
    config.instance = "main";
    config.start = std::move(start);
    return config;
  }
  void subscribe(BusSubscriberConfig config) {
    BusSubscriberHandlers handlers;
    handlers.on_event = [this](std::string_view topic, const v1::Envelope& envelope) {
      topics.emplace_back(topic);
      got.push_back(envelope.has_fill()  ? std::stoi(envelope.fill().trade_id())
                    : envelope.has_bbo() ? static_cast<int>(envelope.bbo().bid_price().mantissa())
                                         : static_cast<int>(envelope.topic_sequence()) +
                                               (envelope.delta().snapshot() ? 1'000 : 0));
      positions.push_back(subscriber->position());
    };
    handlers.on_lost = [this](std::string_view, std::uint64_t count) { lost += count; };
    handlers.on_stale = [this](bool stale) { stale_changes.push_back(stale); };
    handlers.on_heartbeat = [this](const v1::Heartbeat&, UnixNanos) { ++beats; };
    subscriber = std::make_unique<BusSubscriber>(io, context, std::move(config), handlers);
  }
  static std::vector<int> count(int from, int to) {
    std::vector<int> out;
    for (int i = from; i <= to; ++i) out.push_back(i);
    return out;
  }

  std::string events_endpoint;
  std::string replay_endpoint;
  journal::MemoryStorage storage;
  std::unique_ptr<journal::WatermarkStore> watermark = journal::make_memory_watermark();
  std::unique_ptr<Keeper> keeper;
  std::unique_ptr<BusSubscriber> subscriber;
  std::vector<int> got;
  std::vector<std::string> topics;
  std::vector<std::optional<StreamPosition>> positions;
  std::vector<bool> stale_changes;
  std::uint64_t lost = 0;
  int beats = 0;

 private:
  std::filesystem::path folder_;
};

TEST_F(BusSubscriberTest, ReadsThePastByPagesAndThePresentLive) {
  start_keeper();
  for (int i = 1; i <= 2'500; ++i) keeper->append(i);
  int last = 2'500;
  for (const bool protobuf : {true, false}) {
    got.clear();
    auto config = complete(StreamPosition{keeper->log->stream(), 1});
    config.protobuf = protobuf;
    subscribe(config);
    ASSERT_TRUE(run_until([&] { return subscriber->in_step() && !got.empty(); }));
    keeper->append(++last);
    ASSERT_TRUE(run_until([&] { return got.back() == last; }));
    EXPECT_EQ(got, count(1, last));
    EXPECT_EQ(positions.back(),
              (StreamPosition{keeper->log->stream(), keeper->log->last_sequence() + 1}));
  }
}

TEST_F(BusSubscriberTest, FromNowOnNothingOldIsAskedFor) {
  start_keeper();
  for (int i = 1; i <= 10; ++i) keeper->append(i);
  subscribe(complete(std::nullopt));
  ASSERT_TRUE(run_until([&] { return subscriber->in_step(); }));
  for (int i = 11; i <= 20; ++i) keeper->append(i);
  ASSERT_TRUE(run_until([&] { return got.size() >= 10; }));
  EXPECT_EQ(got, count(11, 20));
}

TEST_F(BusSubscriberTest, AGatewayThatRestartsLosesNothingForItsSubscribers) {
  start_keeper();
  subscribe(complete(StreamPosition{keeper->log->stream(), 1}));
  int next = 1;
  for (int life = 0; life < 4; ++life) {
    for (int i = 0; i < 50; ++i) keeper->append(next++);
    // Killed with events that left by no socket; the second restart is after a power cut.
    start_keeper(life == 1 ? "boot-2" : life > 1 ? "boot-2" : "boot-1");
    keeper->append(next++);
  }
  ASSERT_TRUE(run_until([&] { return got.size() >= static_cast<std::size_t>(next - 1); }));
  EXPECT_EQ(got, count(1, next - 1));
  EXPECT_EQ(lost, 0U);
}

TEST_F(BusSubscriberTest, ASubscriberThatWasOutrunRepairsItself) {
  start_keeper();
  auto config = complete(StreamPosition{keeper->log->stream(), 1});
  config.receive_high_water_mark = 10;
  subscribe(config);
  ASSERT_TRUE(run_until([&] { return subscriber->in_step(); }));
  for (int i = 1; i <= 30'000; ++i) keeper->append(i);  // one turn: nobody reads meanwhile
  ASSERT_TRUE(run_until([&] { return got.size() == 30'000; }, 30s)) << got.size();
  EXPECT_EQ(got, count(1, 30'000));
  EXPECT_GT(subscriber->counters().gaps, 0U) << "the test has to lose something";
}

TEST_F(BusSubscriberTest, HeartbeatsTellWhenThePublisherIsGoneAndBack) {
  start_keeper();
  subscribe(complete(std::nullopt));
  ASSERT_TRUE(run_until([&] { return beats > 2; }));
  EXPECT_FALSE(subscriber->stale());
  EXPECT_EQ(stale_changes, (std::vector<bool>{false}));
  keeper.reset();
  ASSERT_TRUE(run_until([&] { return stale_changes.size() == 2; }, 4s));
  EXPECT_TRUE(subscriber->stale());
  start_keeper();
  ASSERT_TRUE(run_until([&] { return stale_changes.size() == 3; }));
  EXPECT_EQ(stale_changes, (std::vector<bool>{false, true, false}));
}

TEST_F(BusSubscriberTest, LatestMatchesWholeTopics) {
  BusPublisherConfig publisher_config;
  publisher_config.endpoint = events_endpoint;
  publisher_config.process = "marketstream";
  publisher_config.instance = "main";
  BusPublisher publisher(io, context, publisher_config);
  for (const bool protobuf : {true, false}) {
    got.clear();
    BusSubscriberConfig config;
    config.endpoint = events_endpoint;
    config.protobuf = protobuf;
    config.topics = {"md.x.bbo.BTC-USD"};
    subscribe(config);
    const auto wire = (protobuf ? "pb." : "") + config.topics[0];
    ASSERT_TRUE(run_until([&] { return publisher.has_subscriber("md.x.bbo.BTC-USD"); }));
    auto other = bbo(9);
    publisher.publish("md.x.bbo.BTC-USDT", other);
    auto wanted = bbo(7);
    publisher.publish("md.x.bbo.BTC-USD", wanted);
    ASSERT_TRUE(run_until([&] {
      return !got.empty() && got.back() == 7 && subscriber->counters().other_topics > 0;
    }));
    for (const auto& topic : topics) EXPECT_EQ(topic, "md.x.bbo.BTC-USD");
    subscriber.reset();
    ASSERT_TRUE(run_until([&] { return !publisher.has_subscriber("md.x.bbo.BTC-USD"); }));
  }
}

TEST_F(BusSubscriberTest, ADeltaTopicBeginsWithASnapshot) {
  BusPublisherConfig publisher_config;
  publisher_config.endpoint = events_endpoint;
  publisher_config.process = "marketstream";
  publisher_config.instance = "main";
  BusPublisher publisher(io, context, publisher_config);
  const std::string topic = "md.x.delta.BTC-USD";
  std::uint64_t newest = 0;
  for (int i = 0; i < 5; ++i) {
    auto event = delta(false);
    newest = publisher.publish(topic, event)->topic_sequence;
  }
  int refusals = 2;
  v1::Envelope snapshot = delta(true);
  std::unique_ptr<RequestServer> server;
  server = std::make_unique<RequestServer>(
      io, context, RequestServerConfig{.endpoint = replay_endpoint},
      [&](const IncomingRequest& in) {
        PageHandlers handlers;
        handlers.snapshot_of = [&](std::string_view) -> Result<const v1::Envelope*> {
          if (refusals-- > 0) return fail(ErrorCode::kResyncing, "book out of step");
          snapshot.set_stream(publisher.stream());
          snapshot.set_sequence(publisher.newest_sequence());
          snapshot.set_topic_sequence(newest);
          return &snapshot;
        };
        server->reply(in.reply_to, answer_page_request(in.payload, handlers));
      });
  BusSubscriberConfig config;
  config.endpoint = events_endpoint;
  config.topics = {topic};
  config.requests_endpoint = replay_endpoint;
  subscribe(config);
  ASSERT_TRUE(run_until([&] { return !got.empty(); }));
  EXPECT_EQ(got, (std::vector<int>{1'005}));
  auto event = delta(false);
  publisher.publish(topic, event);
  ASSERT_TRUE(run_until([&] { return got.size() == 2; }));
  EXPECT_EQ(got.back(), 6);
  EXPECT_EQ(subscriber->counters().page_errors, 2U);
}

// Each handler may be the last thing that the subscriber's owner hears.
TEST_F(BusSubscriberTest, AHandlerMayDestroyTheSubscriberAndHearsNothingMore) {
  for (const std::string_view in : {"lost", "heartbeat", "stale", "event"}) {
    ZmqSocket publisher(io, context, SocketType::kXPub);
    const auto bound = publisher.bind("tcp://127.0.0.1:0");
    ASSERT_TRUE(bound);
    int subscriptions = 0;
    publisher.start([&](ZmqSocket::Message&) { ++subscriptions; });
    std::vector<std::string_view> told;
    const auto hear = [&](std::string_view what) {
      told.push_back(what);
      if (what == in) subscriber.reset();
    };
    BusSubscriberConfig config;
    config.endpoint = *bound;
    config.topics = {"md."};
    BusSubscriberHandlers handlers;
    handlers.on_event = [&](std::string_view, const v1::Envelope&) { hear("event"); };
    handlers.on_lost = [&](std::string_view, std::uint64_t) { hear("lost"); };
    handlers.on_stale = [&](bool) { hear("stale"); };
    handlers.on_heartbeat = [&](const v1::Heartbeat&, UnixNanos) { hear("heartbeat"); };
    subscriber = std::make_unique<BusSubscriber>(io, context, config, handlers);
    ASSERT_TRUE(run_until([&] { return subscriptions == 2; }));
    const auto send = [&](std::string_view topic, std::uint64_t number, bool beat) {
      v1::Envelope envelope = beat ? v1::Envelope{} : bbo(1);
      if (beat) envelope.mutable_heartbeat()->set_stream("p.i.1");
      envelope.set_timestamp(wall_clock_now().value());
      envelope.set_stream("p.i.1");
      envelope.set_sequence(number);
      envelope.set_topic_sequence(number);
      const auto payload = envelope.SerializeAsString();
      const std::vector<std::string_view> parts{topic, payload};
      ASSERT_TRUE(publisher.send(parts));
    };
    if (in != "heartbeat" && in != "stale") {
      send("pb.md.x.bbo.A", 1, false);
      send("pb.md.x.bbo.A", 5, false);  // 2 to 4 are lost
    }
    send("pb.hb.p.i", 0, true);
    ASSERT_TRUE(run_until([&] { return subscriber == nullptr; })) << in;
    run_for(20ms);
    EXPECT_EQ(told.back(), in);
  }
}

TEST_F(BusSubscriberTest, MessagesThatDoNotParseAreCountedAndSurvived) {
  ZmqSocket rogue(io, context, SocketType::kXPub);
  ASSERT_TRUE(rogue.bind(events_endpoint));
  int subscriptions = 0;
  rogue.start([&](ZmqSocket::Message&) { ++subscriptions; });
  BusSubscriberConfig config;
  config.endpoint = events_endpoint;
  config.topics = {"md."};
  subscribe(config);
  ASSERT_TRUE(run_until([&] { return subscriptions == 2; }));
  const std::vector<std::vector<std::string_view>> messages = {
      {"pb.md.x.bbo.A"},     {"pb.md.x.bbo.A", "\xff\xff"}, {"pb.md.x.bbo.A", "{\"event_type\":"},
      {"pb.md.x.bbo.A", ""}, {"pb.md.x.bbo.A", "x", "y"},   {"pb.hb.x.y", "\xff"},
      {"pb.hb.x.y", ""}};
  for (const auto& message : messages) ASSERT_TRUE(rogue.send(message));
  ASSERT_TRUE(run_until([&] { return subscriber->counters().received == messages.size(); }));
  EXPECT_EQ(subscriber->counters().malformed, messages.size());
  EXPECT_TRUE(got.empty());
}

}  // namespace
}  // namespace perpwire
