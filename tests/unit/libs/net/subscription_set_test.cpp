#include "libs/net/subscription_set.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace perpwire::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = SubscriptionSet::Request::Kind;
using State = SubscriptionSet::State;

std::vector<std::string> keys(const std::vector<SubscriptionSet::Request>& requests) {
  std::vector<std::string> out;
  for (const auto& request : requests) {
    out.push_back((request.kind == Kind::kSubscribe ? "+" : "-") + request.key);
  }
  return out;
}

TEST(SubscriptionSet, SendsNothingBeforeItIsConnected) {
  SubscriptionSet set;
  set.add("book");
  EXPECT_TRUE(set.due(seconds{0}).empty());
  EXPECT_FALSE(set.next_due(seconds{0}));
  EXPECT_FALSE(set.settled());
  set.on_connected();
  EXPECT_EQ(set.next_due(seconds{0}), seconds{0});
  EXPECT_EQ(keys(set.due(seconds{0})), (std::vector<std::string>{"+book"}));
}

TEST(SubscriptionSet, IsSettledOnlyWhenEveryWantedKeyIsAcknowledged) {
  SubscriptionSet set;
  set.on_connected();
  EXPECT_TRUE(set.settled());
  set.add("a");
  set.add("b");
  EXPECT_EQ(keys(set.due(seconds{0})), (std::vector<std::string>{"+a", "+b"}));
  set.on_subscribed("a");
  EXPECT_FALSE(set.settled());
  set.on_subscribed("b");
  EXPECT_TRUE(set.settled());
  EXPECT_TRUE(set.due(seconds{100}).empty());
}

TEST(SubscriptionSet, TwoUsersMakeOneSubscriptionAndTheLastOneEndsIt) {
  SubscriptionSet set;
  set.on_connected();
  EXPECT_TRUE(set.add("a"));
  EXPECT_FALSE(set.add("a"));
  EXPECT_EQ(set.due(seconds{0}).size(), 1U);
  set.on_subscribed("a");
  EXPECT_FALSE(set.remove("a"));
  EXPECT_TRUE(set.due(seconds{1}).empty());
  EXPECT_TRUE(set.remove("a"));
  EXPECT_FALSE(set.remove("a"));
  EXPECT_EQ(keys(set.due(seconds{1})), (std::vector<std::string>{"-a"}));
  set.on_unsubscribed("a");
  EXPECT_EQ(set.state("a"), State::kUnknown);
  EXPECT_TRUE(set.settled());
}

TEST(SubscriptionSet, SendsAgainAfterTheDeadlineUntilAcknowledged) {
  SubscriptionSet set({.ack_deadline = seconds{5}});
  set.on_connected();
  set.add("a");
  set.due(seconds{0});
  EXPECT_EQ(set.next_due(seconds{0}), seconds{5});
  EXPECT_TRUE(set.due(seconds{5} - Nanos{1}).empty());
  const auto again = set.due(seconds{5});
  ASSERT_EQ(keys(again), (std::vector<std::string>{"+a"}));
  EXPECT_TRUE(again[0].again);
  EXPECT_EQ(set.resends(), 1U);
  EXPECT_EQ(set.due(seconds{10}).size(), 1U);
  set.on_subscribed("a");
  EXPECT_TRUE(set.due(seconds{20}).empty());
}

TEST(SubscriptionSet, ReconnectSendsEverythingAgainInOrder) {
  SubscriptionSet set;
  set.on_connected();
  for (const char* key : {"c", "a", "b"}) set.add(key);
  set.due(seconds{0});
  for (const char* key : {"c", "a", "b"}) set.on_subscribed(key);
  set.remove("a");
  set.on_disconnected();
  EXPECT_FALSE(set.settled());
  EXPECT_TRUE(set.due(seconds{1}).empty());
  set.on_connected();
  EXPECT_EQ(keys(set.due(seconds{1})), (std::vector<std::string>{"+c", "+b"}));
}

TEST(SubscriptionSet, KeepsToItsPace) {
  SubscriptionSet set({.max_per_second = 3});
  set.on_connected();
  for (int i = 0; i < 8; ++i) set.add(std::to_string(i));
  EXPECT_EQ(set.due(seconds{0}).size(), 3U);
  EXPECT_EQ(set.next_due(seconds{0}), seconds{1});
  EXPECT_TRUE(set.due(milliseconds{999}).empty());
  EXPECT_EQ(set.due(seconds{1}).size(), 3U);
  EXPECT_EQ(set.due(seconds{2}).size(), 2U);
}

TEST(SubscriptionSet, BoundsWhatIsInFlight) {
  SubscriptionSet set({.max_in_flight = 2});
  set.on_connected();
  for (const char* key : {"a", "b", "c"}) set.add(key);
  EXPECT_EQ(set.due(seconds{0}).size(), 2U);
  EXPECT_TRUE(set.due(seconds{1}).empty());
  set.on_subscribed("a");
  EXPECT_EQ(keys(set.due(seconds{1})), (std::vector<std::string>{"+c"}));
}

TEST(SubscriptionSet, ARefusedKeyIsLeftAloneUntilRetriedOrReconnected) {
  SubscriptionSet set;
  set.on_connected();
  set.add("bad");
  set.due(seconds{0});
  set.on_refused("bad");
  EXPECT_TRUE(set.settled());
  EXPECT_EQ(set.refused(), std::vector<std::string>{"bad"});
  EXPECT_TRUE(set.due(seconds{60}).empty());
  set.retry("bad");
  EXPECT_EQ(set.due(seconds{61}).size(), 1U);
  set.on_refused("bad");
  set.on_disconnected();
  set.on_connected();
  EXPECT_EQ(set.due(seconds{62}).size(), 1U);
}

TEST(SubscriptionSet, ChangesOfMindWhileARequestIsOnItsWayEndWhereTheLastOneWanted) {
  SubscriptionSet set;
  set.on_connected();
  set.add("a");
  set.due(seconds{0});
  set.remove("a");  // before its acknowledgement
  set.on_subscribed("a");
  EXPECT_EQ(keys(set.due(seconds{0})), (std::vector<std::string>{"-a"}));
  set.add("a");  // before the acknowledgement of its end
  EXPECT_TRUE(set.due(seconds{0}).empty());
  set.on_unsubscribed("a");
  EXPECT_EQ(keys(set.due(seconds{0})), (std::vector<std::string>{"+a"}));
  set.on_subscribed("a");
  EXPECT_TRUE(set.settled());
}

// A venue that loses any request and any acknowledgement, users that come and go, connections that
// drop: once all that ends, the venue has exactly what is wanted.
TEST(SubscriptionSet, ConvergesWhateverIsLost) {
  const auto seed = static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  for (std::uint64_t round = 0; round < 200; ++round) {
    std::mt19937_64 random(seed * 1000 + round);
    SubscriptionSet set({.ack_deadline = seconds{5}, .max_per_second = 4, .max_in_flight = 3});
    std::set<std::string> venue;
    Nanos now{0};
    set.on_connected();
    const auto pass = [&](bool lossy) {
      for (const auto& request : set.due(now)) {
        if (lossy && random() % 3 == 0) continue;  // the request is lost
        const bool subscribe = request.kind == Kind::kSubscribe;
        subscribe ? void(venue.insert(request.key)) : void(venue.erase(request.key));
        if (lossy && random() % 3 == 0) continue;  // its acknowledgement is lost
        subscribe ? set.on_subscribed(request.key) : set.on_unsubscribed(request.key);
      }
      now += milliseconds{700};
    };
    for (int i = 0; i < 60; ++i) {
      const std::string key(1, static_cast<char>('a' + random() % 6));
      random() % 2 == 0 ? set.add(key) : set.remove(key);
      if (random() % 20 == 0) {
        set.on_disconnected();
        venue.clear();
        set.on_connected();
      }
      pass(true);
    }
    for (int i = 0; i < 60; ++i) pass(false);
    EXPECT_TRUE(set.settled()) << "seed " << seed << " round " << round;
    auto desired = set.desired();
    std::sort(desired.begin(), desired.end());
    EXPECT_EQ(desired, std::vector<std::string>(venue.begin(), venue.end()))
        << "seed " << seed << " round " << round;
  }
}

}  // namespace
}  // namespace perpwire::net
