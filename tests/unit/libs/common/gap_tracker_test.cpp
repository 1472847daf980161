#include "libs/common/gap_tracker.hpp"

#include "perpwire/v1/envelope.pb.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace perpwire {
namespace {

using namespace std::chrono_literals;
using Tracker = StreamGapTracker;

BusEvent event(const std::string& stream, std::uint64_t sequence) {
  auto envelope = std::make_shared<v1::Envelope>();
  envelope->set_stream(stream);
  envelope->set_sequence(sequence);
  return {.topic = "orders.x.update",
          .envelope = envelope,
          .stream = stream,
          .sequence = sequence,
          .topic_sequence = sequence};
}

BusEvent opened(const std::string& stream, const std::string& previous) {
  auto envelope = std::make_shared<v1::Envelope>();
  envelope->set_stream(stream);
  envelope->set_sequence(1);
  if (!previous.empty()) {
    envelope->mutable_stream_opened()->set_previous_stream(previous);
  } else {
    envelope->mutable_stream_opened();
  }
  return {.topic = "stream.p.main",
          .envelope = envelope,
          .stream = stream,
          .sequence = 1,
          .topic_sequence = 1};
}

std::vector<std::string> delivered(const Tracker::Actions& actions) {
  std::vector<std::string> out;
  for (const auto& action : actions) {
    if (const auto* deliver = std::get_if<Tracker::Deliver>(&action)) {
      out.push_back(deliver->event.stream + std::to_string(deliver->event.sequence));
    }
  }
  return out;
}

std::vector<Tracker::AskPage> asked(const Tracker::Actions& actions) {
  std::vector<Tracker::AskPage> out;
  for (const auto& action : actions) {
    if (const auto* ask = std::get_if<Tracker::AskPage>(&action)) out.push_back(*ask);
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(StreamGapTracker, DeliversInOrderAndDropsWhatItHas) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_event(event("a", 1), out);
  tracker.on_event(event("a", 1), out);
  tracker.on_event(event("a", 2), out);
  tracker.on_event(event("a", 1), out);  // a last value, re-sent
  EXPECT_EQ(delivered(out), (Names{"a1", "a2"}));
  EXPECT_TRUE(asked(out).empty());
  EXPECT_TRUE(tracker.in_step());
  EXPECT_EQ(tracker.counters().duplicates, 2U);
  EXPECT_EQ(tracker.position(), (StreamPosition{"a", 3}));
}

TEST(StreamGapTracker, AGapIsAskedForAndWhatCameAfterItWaits) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_event(event("a", 3), out);
  tracker.on_event(event("a", 4), out);
  EXPECT_TRUE(delivered(out).empty());
  ASSERT_EQ(asked(out).size(), 1U);
  EXPECT_EQ(asked(out)[0].from_sequence, 1U);
  EXPECT_FALSE(tracker.in_step());

  out.clear();
  tracker.on_page({event("a", 1), event("a", 2)}, 3, 2, out);
  EXPECT_EQ(delivered(out), (Names{"a1", "a2", "a3", "a4"}));
  EXPECT_TRUE(asked(out).empty());
  EXPECT_TRUE(tracker.in_step());
  EXPECT_EQ(tracker.counters().gaps, 1U);
}

TEST(StreamGapTracker, AHeartbeatFindsALossThatNothingFollowed) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_heartbeat("a", 2, out);
  ASSERT_EQ(asked(out).size(), 1U);
  out.clear();
  tracker.on_page({event("a", 1), event("a", 2)}, 3, 2, out);
  EXPECT_EQ(delivered(out), (Names{"a1", "a2"}));
  EXPECT_TRUE(tracker.in_step());
}

TEST(StreamGapTracker, AsksOnUntilTheLastPage) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_suspicion(out);
  tracker.on_page({event("a", 1)}, 2, 4, out);
  tracker.on_page({}, 4, 4, out);  // empty, and still advances (topics filtered away)
  tracker.on_page({event("a", 4)}, 5, 4, out);
  std::vector<std::uint64_t> from;
  for (const auto& ask : asked(out)) from.push_back(ask.from_sequence);
  EXPECT_EQ(from, (std::vector<std::uint64_t>{1, 2, 4}));
  EXPECT_EQ(delivered(out), (Names{"a1", "a4"}));
  EXPECT_TRUE(tracker.in_step());
}

TEST(StreamGapTracker, APageWithoutProgressOrAnswerIsRetriedOnlyWhenToldTo) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_heartbeat("a", 2, out);
  out.clear();
  tracker.on_page({}, 1, 2, out);
  tracker.on_heartbeat("a", 2, out);
  EXPECT_TRUE(asked(out).empty());
  EXPECT_TRUE(tracker.waiting());
  tracker.retry(out);
  EXPECT_EQ(asked(out).size(), 1U);
  tracker.on_page_failed();
  tracker.on_event(event("a", 1), out);  // the live ones go on meanwhile
  EXPECT_EQ(delivered(out), (Names{"a1"}));
  tracker.retry(out);
  EXPECT_EQ(asked(out).size(), 2U);
}

TEST(StreamGapTracker, ASuspicionThatGotNoAnswerIsAskedAgain) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_suspicion(out);
  tracker.on_page_failed();
  EXPECT_FALSE(tracker.in_step());
  tracker.retry(out);
  EXPECT_EQ(asked(out).size(), 2U);
}

TEST(StreamGapTracker, WithoutAPositionItBeginsAtTheFirstHeartbeat) {
  Tracker tracker(std::nullopt);
  Tracker::Actions out;
  tracker.on_event(event("a", 3), out);  // a last value from long ago
  tracker.on_event(event("a", 9), out);  // live
  tracker.on_event(event("a", 10), out);
  EXPECT_TRUE(delivered(out).empty());
  tracker.on_heartbeat("a", 10, out);
  EXPECT_EQ(delivered(out), (Names{"a9", "a10"}));
  EXPECT_TRUE(asked(out).empty());
  EXPECT_TRUE(tracker.in_step());
}

TEST(StreamGapTracker, LastValuesOfAnOlderStreamChangeNothing) {
  Tracker tracker(StreamPosition{"b", 5});
  Tracker::Actions out;
  tracker.on_event(event("a", 17), out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(tracker.counters().other_stream, 1U);
  tracker.on_event(event("b", 5), out);
  EXPECT_EQ(delivered(out), (Names{"b5"}));
}

TEST(StreamGapTracker, ANewStreamBeginsAfterTheOldOneIsRead) {
  Tracker tracker(StreamPosition{"a", 3});
  Tracker::Actions out;
  tracker.on_event(event("b", 2), out);
  tracker.on_heartbeat("b", 2, out);
  ASSERT_EQ(asked(out).size(), 1U);
  EXPECT_EQ(asked(out)[0].stream, "a");
  out.clear();
  tracker.on_page({event("a", 3)}, 4, 3, out);
  EXPECT_EQ(delivered(out), (Names{"a3"}));
  ASSERT_EQ(asked(out).size(), 1U);  // which stream came before b?
  EXPECT_EQ(asked(out)[0].stream, "b");
  EXPECT_EQ(asked(out)[0].limit, 1U);
  out.clear();
  tracker.on_page({opened("b", "a")}, 2, 2, out);
  ASSERT_EQ(asked(out).size(), 1U);
  EXPECT_EQ(asked(out)[0].from_sequence, 1U);
  out.clear();
  tracker.on_page({opened("b", "a"), event("b", 2)}, 3, 2, out);
  EXPECT_EQ(delivered(out), (Names{"b1", "b2"}));
  EXPECT_TRUE(tracker.in_step());
}

TEST(StreamGapTracker, APageAskedBeforeTheStreamEndedDoesNotEndIt) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_suspicion(out);  // asked of the old process
  tracker.on_heartbeat("b", 1, out);
  out.clear();
  tracker.on_page({event("a", 1)}, 2, 1, out);  // the old process's answer; a2 came after it
  ASSERT_EQ(asked(out).size(), 1U);
  EXPECT_EQ(asked(out)[0].stream, "a");
  EXPECT_EQ(asked(out)[0].from_sequence, 2U);
}

TEST(StreamGapTracker, WhatIsNoLongerKeptIsReportedOnce) {
  Tracker tracker(StreamPosition{"a", 1});
  Tracker::Actions out;
  tracker.on_heartbeat("a", 9, out);
  out.clear();
  tracker.on_not_kept(8, out);
  ASSERT_EQ(out.size(), 2U);
  const auto& lost = std::get<Tracker::Lost>(out[0]);
  EXPECT_EQ(lost.from, 1U);
  EXPECT_EQ(lost.to, 7U);
  EXPECT_EQ(asked(out)[0].from_sequence, 8U);
  EXPECT_EQ(tracker.counters().lost_events, 7U);
}

TEST(StreamGapTracker, AStreamThatNobodyKnowsIsReportedAndLeft) {
  Tracker tracker(StreamPosition{"a", 4});
  Tracker::Actions out;
  tracker.on_heartbeat("b", 1, out);
  tracker.on_unknown_stream(out);  // a
  tracker.on_page({opened("b", "")}, 2, 1, out);
  std::size_t lost = 0;
  for (const auto& action : out) lost += std::holds_alternative<Tracker::Lost>(action) ? 1U : 0U;
  EXPECT_GE(lost, 1U);
  EXPECT_EQ(asked(out).back().stream, "b");
  out.clear();
  tracker.on_page({opened("b", "")}, 2, 1, out);
  EXPECT_EQ(delivered(out), (Names{"b1"}));
  EXPECT_TRUE(tracker.in_step());
}

TEST(StreamGapTracker, AFullBufferDropsWhatPagesHave) {
  Tracker tracker(StreamPosition{"a", 1}, 2);
  Tracker::Actions out;
  for (std::uint64_t i = 2; i <= 6; ++i) tracker.on_event(event("a", i), out);
  EXPECT_EQ(tracker.counters().held_dropped, 3U);
  out.clear();
  tracker.on_page({event("a", 1)}, 2, 6, out);  // a short page
  EXPECT_EQ(delivered(out), (Names{"a1", "a2", "a3"}));
  ASSERT_EQ(asked(out).size(), 1U);
  EXPECT_EQ(asked(out)[0].from_sequence, 4U);
}

/// Every way to lose or keep five messages, with or without a heartbeat after each, and a page that
/// is answered at every later moment.
TEST(StreamGapTracker, EveryPatternOfLossIsRepaired) {
  constexpr unsigned kEvents = 5;
  for (unsigned kept = 0; kept < (1U << kEvents); ++kept) {
    for (unsigned beats = 0; beats < (1U << kEvents); ++beats) {
      for (unsigned delay = 0; delay <= 2; ++delay) {
        Tracker tracker(StreamPosition{"a", 1});
        Names got;
        std::optional<Tracker::AskPage> open;
        unsigned open_since = 0;
        std::uint64_t published = 0;
        const auto take = [&](Tracker::Actions& actions) {
          for (const auto& name : delivered(actions)) got.push_back(name);
          for (const auto& ask : asked(actions)) {
            ASSERT_FALSE(open.has_value());
            open = ask;
          }
          actions.clear();
        };
        const auto answer = [&] {
          std::vector<BusEvent> events;
          for (auto i = open->from_sequence; i <= published; ++i) events.push_back(event("a", i));
          open.reset();
          Tracker::Actions out;
          tracker.on_page(std::move(events), published + 1, published, out);
          take(out);
        };
        for (unsigned i = 0; i < kEvents; ++i) {
          ++published;
          Tracker::Actions out;
          if ((kept >> i & 1U) != 0) tracker.on_event(event("a", published), out);
          take(out);
          if ((beats >> i & 1U) != 0) tracker.on_heartbeat("a", published, out);
          take(out);
          if (open && open_since++ >= delay) {
            answer();
            open_since = 0;
          }
        }
        Tracker::Actions out;
        tracker.on_heartbeat("a", published, out);
        take(out);
        for (int i = 0; i < 5 && open; ++i) answer();
        ASSERT_EQ(got, (Names{"a1", "a2", "a3", "a4", "a5"}))
            << "kept " << kept << " beats " << beats << " delay " << delay;
        ASSERT_TRUE(tracker.in_step());
      }
    }
  }
}

/// A publisher with a journal, a network that loses, and a consumer that is killed now and then.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    open_stream();
    tracker_.emplace(StreamPosition{streams_.front().name, 1}, 1 + random_() % 8);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    // At rest: nothing more is lost.
    for (int i = 0; i < 500 && !(tracker_->in_step() && got_.size() == all_.size()); ++i) {
      if (tracker_->waiting()) act([&](auto& out) { tracker_->retry(out); });
      act([&](auto& out) { tracker_->on_heartbeat(live().name, live().events.size(), out); });
      while (question_) answer();
    }
  }
  [[nodiscard]] const Names& got() const { return got_; }
  [[nodiscard]] const Names& all() const { return all_; }
  [[nodiscard]] const Tracker& tracker() const { return *tracker_; }

 private:
  struct Stream {
    std::string name;
    std::vector<BusEvent> events;
  };
  Stream& live() { return streams_.back(); }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  void open_stream() {
    const std::string before = streams_.empty() ? "" : live().name;
    const std::string name(1, static_cast<char>('a' + streams_.size()));
    streams_.push_back({.name = name, .events = {}});
    live().events.push_back(opened(name, before));
    all_.push_back(name + "1");
  }

  void step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: {
        const auto next = live().events.size() + 1;
        live().events.push_back(event(live().name, next));
        all_.push_back(live().name + std::to_string(next));
        if (!chance(30)) hand(live().events.back());
        break;
      }
      case 5: {  // a last value, re-sent, of this stream or an older one
        const auto& stream = streams_[random_() % streams_.size()];
        hand(stream.events[random_() % stream.events.size()]);
        break;
      }
      case 6:
      case 7:
        if (!chance(30)) {
          act([&](auto& out) { tracker_->on_heartbeat(live().name, live().events.size(), out); });
        }
        break;
      case 8:
        if (question_) {
          if (chance(25)) {
            question_.reset();
            tracker_->on_page_failed();
          } else {
            answer();
          }
        }
        break;
      case 9:
        if (tracker_->waiting()) act([&](auto& out) { tracker_->retry(out); });
        break;
      case 10:
        if (chance(15) && streams_.size() < 20) {
          open_stream();
          if (!chance(50)) hand(live().events.back());
        }
        break;
      case 11:
        if (chance(10)) {  // the consumer is killed: it goes on where it had stored
          question_.reset();
          tracker_.emplace(tracker_->position(), 1 + random_() % 8);
          act([&](auto& out) { tracker_->on_suspicion(out); });
        } else if (chance(20)) {
          act([&](auto& out) { tracker_->on_suspicion(out); });
        }
        break;
      default:
        break;
    }
  }

  void hand(const BusEvent& what) {
    act([&](auto& out) { tracker_->on_event(what, out); });
  }

  void answer() {
    const auto ask = *question_;
    question_.reset();
    for (const auto& stream : streams_) {
      if (stream.name != ask.stream) continue;
      std::vector<BusEvent> events;
      const auto most = std::min<std::uint64_t>(ask.limit, 1 + random_() % 4);
      auto next = ask.from_sequence;
      for (; next <= stream.events.size() && events.size() < most; ++next) {
        events.push_back(stream.events[next - 1]);
      }
      act([&](auto& out) {
        tracker_->on_page(std::move(events), next, stream.events.size(), out);
      });
      return;
    }
    FAIL() << "asked for a stream that never was";
  }

  template <class Input>
  void act(Input input) {
    Tracker::Actions out;
    input(out);
    for (const auto& action : out) {
      if (const auto* deliver = std::get_if<Tracker::Deliver>(&action)) {
        got_.push_back(deliver->event.stream + std::to_string(deliver->event.sequence));
      } else if (const auto* ask = std::get_if<Tracker::AskPage>(&action)) {
        ASSERT_FALSE(question_.has_value()) << "two pages open";
        question_ = *ask;
      } else {
        FAIL() << "nothing was lost for good";
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<Stream> streams_;
  std::optional<Tracker> tracker_;
  std::optional<Tracker::AskPage> question_;
  Names got_;
  Names all_;
};

TEST(StreamGapTracker, AnyHistoryEndsWithEveryEventOnceAndInOrder) {
  const auto base =
      static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed()) * 1'000'000;
  for (std::uint64_t seed = base; seed < base + 2'000; ++seed) {
    World world(seed);
    world.run(120);
    ASSERT_EQ(world.got(), world.all()) << "seed " << seed;
    ASSERT_TRUE(world.tracker().in_step()) << "seed " << seed;
  }
}

TEST(TopicGapTracker, CountsWhatIsMissingAndDropsWhatWasSeen) {
  TopicGapTracker tracker;
  using Kind = TopicGapTracker::Verdict::Kind;
  EXPECT_TRUE(tracker.on_event("t", "s", 5).new_stream);
  EXPECT_EQ(tracker.on_event("t", "s", 6).missed, 0U);
  EXPECT_EQ(tracker.on_event("t", "s", 9).missed, 2U);
  EXPECT_EQ(tracker.on_event("t", "s", 9).kind, Kind::kDuplicate);
  EXPECT_EQ(tracker.on_event("t", "s", 7).kind, Kind::kDuplicate);
  EXPECT_EQ(tracker.on_event("u", "s", 7).missed, 0U);
  const auto restarted = tracker.on_event("t", "s2", 1);
  EXPECT_EQ(restarted.kind, Kind::kDeliver);
  EXPECT_TRUE(restarted.new_stream);
  EXPECT_EQ(tracker.missed(), 2U);
  EXPECT_EQ(tracker.duplicates(), 2U);
  EXPECT_EQ(tracker.behind("s", {{"u", 8}, {"t", 9}, {"w", 1}}), (Names{"u"}));
}

TEST(HeartbeatMonitor, IsStaleByEitherClockAndBeforeTheFirst) {
  HeartbeatMonitor monitor;
  const UnixNanos start{1'000'000'000'000};
  EXPECT_TRUE(monitor.stale(start, 0s));
  EXPECT_TRUE(monitor.on_heartbeat(start, 0s));
  EXPECT_FALSE(monitor.stale(start + 2s, 2s));
  EXPECT_TRUE(monitor.stale(start + 2s + 1ns, 1s));  // by its timestamp
  EXPECT_TRUE(monitor.stale(start, 2s + 1ns));       // by our monotonic clock
  // Heartbeats that waited in a queue while we stood still are old however fast they come.
  EXPECT_FALSE(monitor.on_heartbeat(start + 4s, 60s));
  EXPECT_TRUE(monitor.stale(start + 60s, 60s));
}

TEST(HeartbeatMonitor, OverFourSecondsBetweenTimestampsAsksForPages) {
  HeartbeatMonitor monitor;
  const UnixNanos start{1'000'000'000'000};
  EXPECT_TRUE(monitor.on_heartbeat(start, 0s));
  EXPECT_FALSE(monitor.on_heartbeat(start + 4s, 4s));
  EXPECT_TRUE(monitor.on_heartbeat(start + 8s + 1ns, 4s));
  // A clock set back: still alive.
  EXPECT_FALSE(monitor.on_heartbeat(start, 5s));
  EXPECT_FALSE(monitor.stale(start + 1s, 6s));
}

}  // namespace
}  // namespace perpwire
