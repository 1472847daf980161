#include "libs/common/bus_publisher_core.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace perpwire {
namespace {

using Sent = std::vector<std::pair<std::string, std::string>>;

v1::Envelope trade(std::string_view id) {
  v1::Envelope envelope;
  envelope.set_event_type("trade");
  auto& event = *envelope.mutable_trade();
  event.set_trade_id(std::string(id));
  set_decimal(Decimal::of(15, -1), *event.mutable_price());
  set_decimal(Decimal{2}, *event.mutable_amount());
  return envelope;
}

v1::Envelope bbo(std::int64_t bid) {
  v1::Envelope envelope;
  envelope.set_event_type("bbo");
  set_decimal(Decimal{bid}, *envelope.mutable_bbo()->mutable_bid_price());
  return envelope;
}

v1::Envelope decoded(std::string_view payload) {
  v1::Envelope envelope;
  EXPECT_TRUE(parse_payload(payload, envelope).has_value()) << payload;
  return envelope;
}

class BusPublisherCoreTest : public testing::Test {
 protected:
  BusPublisherCore make(BusPublisherConfig config = {}) {
    config.process = "marketstream";
    config.instance = "main";
    return {config, "marketstream.main.1",
            [this](std::string_view topic, std::string_view payload) {
              sent.emplace_back(topic, payload);
            }};
  }
  [[nodiscard]] BusPublisherCore::Clock at(std::chrono::milliseconds ms) const {
    return {.wall = UnixNanos{1'000'000'000'000} + ms, .monotonic = ms};
  }
  std::optional<EventNumbers> publish(BusPublisherCore& core, std::string_view topic,
                                      v1::Envelope envelope, std::chrono::milliseconds ms = {}) {
    return core.publish(topic, envelope, at(ms));
  }
  Sent take() { return std::exchange(sent, {}); }

  Sent sent;
};

using namespace std::chrono_literals;

TEST_F(BusPublisherCoreTest, NumbersAdvanceWhileNobodyListensAndNothingIsEncoded) {
  auto core = make();
  publish(core, "md.hyperliquid.trade.BTC-USD", trade("1"));
  publish(core, "md.hyperliquid.trade.ETH-USD", trade("2"));
  EXPECT_TRUE(take().empty());

  core.on_subscribe("md.hyperliquid.trade.");
  const auto numbers = publish(core, "md.hyperliquid.trade.BTC-USD", trade("3"));

  EXPECT_EQ(numbers, (EventNumbers{.sequence = 3, .topic_sequence = 2}));
  const auto messages = take();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].first, "md.hyperliquid.trade.BTC-USD");
  const auto event = decoded(messages[0].second);
  EXPECT_EQ(event.sequence(), 3U);
  EXPECT_EQ(event.topic_sequence(), 2U);
  EXPECT_EQ(event.stream(), "marketstream.main.1");
  EXPECT_EQ(event.timestamp(), 1'000'000'000'000);
}

TEST_F(BusPublisherCoreTest, BothEncodingsCarryTheSameNumbers) {
  auto core = make();
  core.on_subscribe("");
  publish(core, "md.x.trade.BTC-USD", trade("1"));
  const auto messages = take();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].first, "md.x.trade.BTC-USD");
  EXPECT_EQ(messages[1].first, "pb.md.x.trade.BTC-USD");
  EXPECT_TRUE(is_json(messages[0].second));
  EXPECT_FALSE(is_json(messages[1].second));
  EXPECT_EQ(decoded(messages[0].second).SerializeAsString(),
            decoded(messages[1].second).SerializeAsString());
}

TEST_F(BusPublisherCoreTest, AnEncodingIsMadeOnlyWhileSomebodySubscribesToIt) {
  auto core = make();
  core.on_subscribe("pb.md.");
  publish(core, "md.x.trade.BTC-USD", trade("1"));
  core.on_unsubscribe("pb.md.");
  publish(core, "md.x.trade.BTC-USD", trade("2"));
  const auto messages = take();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].first, "pb.md.x.trade.BTC-USD");
  EXPECT_EQ(core.newest_sequence(), 2U);
}

TEST_F(BusPublisherCoreTest, SubscriptionsAreASetNotACount) {
  auto core = make();
  core.on_subscribe("md.");
  core.on_subscribe("md.");    // XPUB_VERBOSE reports the second subscriber
  core.on_unsubscribe("md.");  // and only the last unsubscription
  publish(core, "md.x.trade.BTC-USD", trade("1"));
  EXPECT_TRUE(take().empty());
}

TEST_F(BusPublisherCoreTest, ANewSubscriptionGetsTheLastValueWithTheSameBytes) {
  auto core = make();
  core.on_subscribe("md.x.bbo.BTC-USD");
  publish(core, "md.x.bbo.BTC-USD", bbo(1));
  publish(core, "md.x.bbo.BTC-USD", bbo(2));
  const auto live = take();
  ASSERT_EQ(live.size(), 2U);

  core.on_subscribe("md.x.bbo.BTC-USD");
  const auto again = take();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0], live[1]);
  EXPECT_EQ(core.newest_sequence(), 2U);
}

TEST_F(BusPublisherCoreTest, ALastValuePublishedToNobodyIsEncodedForTheLateSubscriber) {
  auto core = make();
  publish(core, "md.x.bbo.BTC-USD", bbo(7));
  core.on_subscribe("pb.md.x.bbo.BTC-USD");
  core.on_subscribe("md.x.bbo.BTC-USD");
  const auto messages = take();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].first, "pb.md.x.bbo.BTC-USD");
  EXPECT_EQ(messages[1].first, "md.x.bbo.BTC-USD");
  EXPECT_EQ(decoded(messages[0].second).SerializeAsString(),
            decoded(messages[1].second).SerializeAsString());
  EXPECT_EQ(decoded(messages[1].second).sequence(), 1U);
}

TEST_F(BusPublisherCoreTest, LastValuesAreKeptForTheContractsChannelsOnly) {
  struct Case {
    std::string_view topic;
    bool kept;
  };
  const std::vector<Case> cases = {
      {"md.x.book.BTC-USD", true},
      {"md.x.bbo.BTC-USD", true},
      {"md.x.ticker.BTC-USD", true},
      {"md.x.mids.main", true},
      {"md.x.candle.1m.BTC-USD", true},
      {"md.x.instrument.BTC-USD", true},
      {"md.x.status.book.BTC-USD", true},
      {"md.x.status.trade.*", true},
      {"positions.x.main.BTC-USD", true},
      {"balances.x.main.USDC", true},
      {"gateway.x.status", true},
      {"risk.x.state", true},
      {"risk.x.limits", true},
      {"md.x.trade.BTC-USD", false},
      {"md.x.delta.BTC-USD", false},
      {"md.x.liquidation.BTC-USD", false},
      {"fills.x.BTC-USD", false},
      {"orders.x.created", false},
      {"adjustments.x.main.BTC-USD", false},
      {"funding.x.BTC-USD", false},
      {"ledger.x.main", false},
      {"risk.x.breach", false},
      {"risk.x.kill", false},
      {"stream.order-gateway.main", false},
  };
  for (const auto& [topic, kept] : cases) {
    auto core = make();
    publish(core, topic, trade("1"));
    core.on_subscribe(topic);
    EXPECT_EQ(take().size(), kept ? 1U : 0U) << topic;
  }
}

TEST_F(BusPublisherCoreTest, ASubscriptionThatMatchesMoreThan64TopicsGetsNone) {
  for (const int topics : {64, 65}) {
    auto core = make();
    for (int i = 0; i < topics; ++i) {
      publish(core, "md.x.bbo.P" + std::to_string(i) + "-USD", bbo(i));
    }
    core.on_subscribe("md.x.bbo.");
    EXPECT_EQ(take().size(), topics == 64 ? 64U : 0U);
    EXPECT_EQ(core.counters().broad_subscriptions, topics == 64 ? 0U : 1U);
    // The subscription itself stands.
    publish(core, "md.x.bbo.P0-USD", bbo(1));
    EXPECT_EQ(take().size(), 1U);
  }
}

TEST_F(BusPublisherCoreTest, AnEmptySubscriptionCountsBothEncodings) {
  auto core = make();
  for (int i = 0; i < 33; ++i) publish(core, "md.x.bbo.P" + std::to_string(i), bbo(i));
  core.on_subscribe("");  // 33 JSON and 33 protobuf topics
  EXPECT_TRUE(take().empty());
  core.on_subscribe("pb.");
  EXPECT_EQ(take().size(), 33U);
}

TEST_F(BusPublisherCoreTest, PaceConflatesBeforeNumbering) {
  BusPublisherConfig config;
  config.pace = {{"bbo", 10}};
  auto core = make(config);
  core.on_subscribe("md.");
  EXPECT_TRUE(publish(core, "md.x.bbo.BTC-USD", bbo(1), 0ms));
  EXPECT_FALSE(publish(core, "md.x.bbo.BTC-USD", bbo(2), 10ms));
  EXPECT_FALSE(publish(core, "md.x.bbo.BTC-USD", bbo(3), 20ms));
  EXPECT_TRUE(publish(core, "md.x.bbo.ETH-USD", bbo(9), 20ms));  // a topic of its own
  EXPECT_EQ(core.flush_due(at(50ms)), Nanos{100ms});
  EXPECT_EQ(core.flush_due(at(100ms)), std::nullopt);
  const auto messages = take();
  ASSERT_EQ(messages.size(), 3U);
  const auto newest = decoded(messages[2].second);
  EXPECT_EQ(newest.bbo().bid_price().mantissa(), 3);
  EXPECT_EQ(newest.topic_sequence(), 2U);
  EXPECT_EQ(newest.sequence(), 3U);
  EXPECT_EQ(newest.timestamp(), at(100ms).wall.value());
  EXPECT_EQ(core.counters().conflated, 1U);
  // The interval counts from the flush.
  EXPECT_FALSE(publish(core, "md.x.bbo.BTC-USD", bbo(4), 150ms));
}

TEST_F(BusPublisherCoreTest, ANewerEventOvertakesTheHeldOneWhenItsTimerIsLate) {
  BusPublisherConfig config;
  config.pace = {{"bbo", 10}};
  auto core = make(config);
  core.on_subscribe("md.");
  publish(core, "md.x.bbo.BTC-USD", bbo(1), 0ms);
  publish(core, "md.x.bbo.BTC-USD", bbo(2), 10ms);
  EXPECT_TRUE(publish(core, "md.x.bbo.BTC-USD", bbo(3), 120ms));
  EXPECT_EQ(core.flush_due(at(120ms)), std::nullopt);
  const auto messages = take();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(decoded(messages[1].second).bbo().bid_price().mantissa(), 3);
}

TEST_F(BusPublisherCoreTest, PaceNeverTouchesChannelsThatMayNotBeConflated) {
  BusPublisherConfig config;
  config.pace = {{"trade", 1}, {"delta", 1}};
  auto core = make(config);
  EXPECT_TRUE(publish(core, "md.x.trade.BTC-USD", trade("1"), 0ms));
  EXPECT_TRUE(publish(core, "md.x.trade.BTC-USD", trade("2"), 1ms));
}

TEST_F(BusPublisherCoreTest, EventsOfAJournalKeepTheirNumbers) {
  auto core = make();
  core.on_subscribe("orders.");
  auto event = trade("1");
  event.set_stream("order-gateway.main.7f3a");
  event.set_sequence(42);
  event.set_topic_sequence(7);
  event.set_timestamp(5);
  core.publish_numbered("orders.x.created", event, {}, at(1ms));
  const auto messages = take();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(decoded(messages[0].second).SerializeAsString(), event.SerializeAsString());
  EXPECT_EQ(core.stream(), "order-gateway.main.7f3a");
  EXPECT_EQ(core.newest_sequence(), 42U);
}

TEST_F(BusPublisherCoreTest, HeartbeatNamesWhatMovedInTheLastFiveSeconds) {
  auto core = make();
  core.on_subscribe("hb.");
  publish(core, "orders.x.created", trade("1"), 0ms);
  publish(core, "fills.x.BTC-USD", trade("2"), 3'000ms);
  publish(core, "fills.x.BTC-USD", trade("3"), 3'001ms);

  core.beat([](v1::Heartbeat& beat) { beat.set_state("READY"); }, at(5'000ms));
  core.beat({}, at(5'001ms));
  const auto messages = take();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].first, "hb.marketstream.main");
  const auto first = decoded(messages[0].second);
  EXPECT_EQ(first.heartbeat().topics().at("orders.x.created"), 1U);
  EXPECT_EQ(first.heartbeat().topics().at("fills.x.BTC-USD"), 2U);
  EXPECT_EQ(first.heartbeat().newest_sequence(), 3U);
  EXPECT_EQ(first.heartbeat().stream(), "marketstream.main.1");
  EXPECT_EQ(first.heartbeat().state(), "READY");
  EXPECT_FALSE(first.heartbeat().contract().empty());
  EXPECT_EQ(first.sequence(), 0U);
  const auto second = decoded(messages[1].second);
  EXPECT_EQ(second.heartbeat().topics().count("orders.x.created"), 0U);
  EXPECT_EQ(second.heartbeat().topics().count("fills.x.BTC-USD"), 1U);
  EXPECT_EQ(core.newest_sequence(), 3U);
}

TEST(SubscriptionSet, MatchesEveryPrefixAndOnlyPrefixes) {
  SubscriptionSet set;
  EXPECT_FALSE(set.matches("md.x"));
  set.add("md.x.bbo.BTC-USD");
  EXPECT_TRUE(set.matches("md.x.bbo.BTC-USDT"));  // ZeroMQ matches prefixes
  EXPECT_TRUE(set.matches("md.x.bbo.BTC-USD"));
  EXPECT_FALSE(set.matches("md.x.bbo.BTC"));
  set.add("");
  EXPECT_TRUE(set.matches("anything"));
  set.remove("");
  EXPECT_FALSE(set.matches("anything"));
}

TEST(SubscriptionSet, BeyondItsBoundEverythingCountsAsSubscribed) {
  SubscriptionSet set;
  for (std::size_t i = 0; i <= SubscriptionSet::kMaxPrefixes; ++i) {
    set.add("p" + std::to_string(i));
  }
  EXPECT_TRUE(set.matches("other"));
}

TEST(StreamId, NamesProcessAndInstanceAndNeverRepeats) {
  const auto first = make_stream_id("risk", "main");
  EXPECT_EQ(first.substr(0, 10), "risk.main.");
  EXPECT_EQ(first.size(), 26U);
  EXPECT_NE(first, make_stream_id("risk", "main"));
}

}  // namespace
}  // namespace perpwire
