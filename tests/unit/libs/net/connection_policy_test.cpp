#include "libs/net/connection_policy.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace perpwire::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = ConnectionPolicy::Step::Kind;
using Phase = ConnectionPolicy::Phase;
using Life = KeepAliveOptions::Life;

// Brings a policy to an open connection at `now`.
void open(ConnectionPolicy& policy, Nanos now) {
  policy.start(now);
  ASSERT_EQ(policy.step(now).kind, Kind::kConnect);
  policy.on_phase(Phase::kConnect, now);
  policy.on_phase(Phase::kHandshake, now);
  policy.on_open(now);
}

TEST(ConnectionPolicy, ConnectsAtOnceAndOnce) {
  ConnectionPolicy policy({});
  EXPECT_EQ(policy.step(seconds{1}).kind, Kind::kNone);
  policy.start(seconds{1});
  EXPECT_EQ(policy.next_wake(), seconds{1});
  EXPECT_EQ(policy.step(seconds{1}).kind, Kind::kConnect);
  EXPECT_EQ(policy.step(seconds{1}).kind, Kind::kNone);
}

TEST(ConnectionPolicy, EachPhaseHasItsOwnDeadline) {
  ConnectionPolicy policy({.resolve_timeout = seconds{1},
                           .connect_timeout = seconds{2},
                           .tls_timeout = seconds{3},
                           .handshake_timeout = seconds{4}});
  policy.start(seconds{0});
  policy.step(seconds{0});
  EXPECT_EQ(policy.next_wake(), seconds{1});
  Nanos now = milliseconds{900};
  struct Row {
    Phase phase;
    Nanos limit;
    const char* name;
  };
  for (const Row& row :
       {Row{Phase::kConnect, seconds{2}, "connect"}, Row{Phase::kTls, seconds{3}, "TLS"},
        Row{Phase::kHandshake, seconds{4}, "WebSocket"}}) {
    policy.on_phase(row.phase, now);
    EXPECT_EQ(policy.step(now + row.limit - Nanos{1}).kind, Kind::kNone);
    const auto step = policy.step(now + row.limit);
    EXPECT_EQ(step.kind, Kind::kDrop);
    EXPECT_NE(step.reason.find(row.name), std::string::npos) << step.reason;
    now += row.limit - Nanos{1};
  }
}

TEST(ConnectionPolicy, FindsAHalfOpenConnectionWithinFifteenSeconds) {
  ConnectionPolicy policy({});
  open(policy, seconds{0});
  policy.on_message(seconds{3}, false);
  Nanos now = seconds{3};
  bool pinged = false;
  while (true) {
    ASSERT_TRUE(policy.next_wake());
    ASSERT_GE(*policy.next_wake(), now);
    now = *policy.next_wake();
    const auto step = policy.step(now);
    if (step.kind == Kind::kDrop) break;
    ASSERT_EQ(step.kind, Kind::kPing) << "a wake-up with nothing to do";
    pinged = true;
  }
  EXPECT_TRUE(pinged);
  EXPECT_LE(now - seconds{3}, seconds{15});
}

TEST(ConnectionPolicy, AnyFrameIsLifeUnlessOnlyPongsCount) {
  for (const bool pong_only : {false, true}) {
    ConnectionPolicy policy({.keep_alive = {.life = pong_only ? Life::kPongOnly : Life::kAnyFrame,
                                            .ping_after_silence = seconds{5},
                                            .pong_deadline = seconds{5}}});
    open(policy, seconds{0});
    EXPECT_EQ(policy.step(seconds{5}).kind, Kind::kPing);
    policy.on_message(seconds{6}, false);  // data, no pong
    EXPECT_EQ(policy.step(seconds{10}).kind, pong_only ? Kind::kDrop : Kind::kNone);
  }
}

TEST(ConnectionPolicy, APongKeepsAPongOnlyConnectionAlive) {
  ConnectionPolicy policy({.keep_alive = {.life = Life::kPongOnly,
                                          .ping_after_silence = seconds{5},
                                          .pong_deadline = seconds{4}}});
  open(policy, seconds{0});
  for (int i = 1; i <= 20; ++i) {
    ASSERT_EQ(policy.step(seconds{5 * i}).kind, Kind::kPing);
    policy.on_control(seconds{5 * i + 1}, true);
    ASSERT_EQ(policy.step(seconds{5 * i + 4}).kind, Kind::kNone);
  }
}

TEST(ConnectionPolicy, DataPutPingsOffExceptTheRegularOnes) {
  ConnectionPolicy quiet({});
  ConnectionPolicy regular({.keep_alive = {.ping_every = seconds{20}}});
  open(quiet, seconds{0});
  open(regular, seconds{0});
  int pings = 0;
  for (int second = 1; second <= 60; ++second) {
    quiet.on_message(seconds{second}, false);
    regular.on_message(seconds{second}, false);
    EXPECT_EQ(quiet.step(seconds{second}).kind, Kind::kNone);
    if (regular.step(seconds{second}).kind == Kind::kPing) ++pings;
  }
  EXPECT_EQ(pings, 3);
}

TEST(ConnectionPolicy, WithoutPingsSilenceIsDeath) {
  ConnectionPolicy policy({.keep_alive = {.kind = KeepAliveOptions::Kind::kNone}});
  open(policy, seconds{0});
  EXPECT_EQ(policy.next_wake(), seconds{10});
  EXPECT_EQ(policy.step(seconds{9}).kind, Kind::kNone);
  EXPECT_EQ(policy.step(seconds{10}).kind, Kind::kDrop);
}

TEST(ConnectionPolicy, BackoffStartsOverOnlyAfterDataForAWhile) {
  const auto failures_after = [](bool data, Nanos open_for) {
    ConnectionPolicy policy({.settled_after = seconds{10}});
    open(policy, seconds{0});
    policy.on_down(seconds{0});
    const Nanos again = *policy.next_wake();
    EXPECT_EQ(policy.step(again).kind, Kind::kConnect);
    policy.on_open(again);
    if (data) policy.on_message(again, false);
    policy.on_control(again + open_for, true);
    policy.on_down(again + open_for);
    return policy.failures_in_a_row();
  };
  EXPECT_EQ(failures_after(true, seconds{10}), 1U);  // started over, then one more
  EXPECT_EQ(failures_after(true, seconds{9}), 2U);
  EXPECT_EQ(failures_after(false, seconds{60}), 2U);
}

TEST(ConnectionPolicy, WaitsNeverLongerThanTheCapWhileTheRateAllows) {
  ConnectionPolicy policy({.backoff_cap = seconds{5}, .max_connects_per_minute = 100'000});
  policy.start(seconds{0});
  Nanos now{0};
  Nanos longest{0};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(policy.step(now).kind, Kind::kConnect);
    policy.on_down(now);
    const Nanos wait = *policy.next_wake() - now;
    ASSERT_LE(wait, seconds{5});
    longest = std::max(longest, wait);
    now += wait;
  }
  EXPECT_GT(longest, seconds{4});
}

TEST(ConnectionPolicy, SameSeedSameWaits) {
  const auto waits = [](std::uint64_t seed) {
    ConnectionPolicy policy({.seed = seed});
    policy.start(seconds{0});
    std::vector<Nanos> out;
    Nanos now{0};
    for (int i = 0; i < 10; ++i) {
      policy.step(now);
      policy.on_down(now);
      out.push_back(*policy.next_wake() - now);
      now += out.back();
    }
    return out;
  };
  EXPECT_EQ(waits(7), waits(7));
  EXPECT_NE(waits(7), waits(8));
}

// Whatever goes wrong at whatever pace, no window of a minute holds more connects than allowed, and
// an outage is never left untried for long.
TEST(ConnectionPolicy, NeverMoreThanTheAllowedConnectsInAnyMinute) {
  for (const std::size_t most : {1U, 2U, 7U, 14U, 29U}) {
    ConnectionPolicy policy({.max_connects_per_minute = most});
    policy.start(seconds{100});
    std::vector<Nanos> connects;
    Nanos now = seconds{100};
    while (now < minutes{60}) {
      ASSERT_EQ(policy.step(now).kind, Kind::kConnect);
      connects.push_back(now);
      policy.on_down(now);
      now = *policy.next_wake();
    }
    for (std::size_t i = 0; i + most < connects.size(); ++i) {
      ASSERT_GE(connects[i + most] - connects[i], minutes{1}) << "most " << most << " at " << i;
    }
    if (most < 14) continue;
    for (std::size_t i = 1; i < connects.size(); ++i) {
      ASSERT_LE(connects[i] - connects[i - 1], seconds{7}) << "most " << most;
    }
  }
}

TEST(ConnectionPolicy, ClosedIsForEver) {
  ConnectionPolicy policy({});
  open(policy, seconds{0});
  policy.close();
  policy.on_down(seconds{1});
  EXPECT_FALSE(policy.next_wake());
  EXPECT_EQ(policy.step(minutes{60}).kind, Kind::kNone);
}

}  // namespace
}  // namespace perpwire::net
