#include "services/risk/kill_switch.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <vector>

namespace perpwire::risk {
namespace {

using enum RiskLevel;
constexpr UnixNanos kNow{1'705'747'200'000'000'000};
constexpr std::array kLevels{kRunning, kReduceOnly, kPaused, kCancelAll, kFlatten};

KillSwitch running() {
  KillSwitch made{{}, std::nullopt};
  made.set_recovering(false, "caught up");
  return made;
}

TEST(KillSwitch, StartsPausedUntilItKnowsWhereItStands) {
  KillSwitch made{{}, std::nullopt};
  EXPECT_EQ(made.level(), kPaused);
  EXPECT_EQ(made.reason(), "recovering: starting");
  EXPECT_EQ(made.version(), 1u);
  EXPECT_TRUE(made.set_recovering(false, "caught up"));
  EXPECT_EQ(made.level(), kRunning);
  EXPECT_EQ(made.version(), 2u);
}

TEST(KillSwitch, AHigherLatchShowsThroughTheCoverOfTheStart) {
  KillSwitch made{{},
                  KillSwitchMemory{.latched = kCancelAll, .version = 7, .reason = "r", .by = "b"}};
  EXPECT_EQ(made.level(), kCancelAll);
  EXPECT_EQ(made.reason(), "r");
  made.set_recovering(false, "caught up");
  EXPECT_EQ(made.level(), kCancelAll);
}

TEST(KillSwitch, ALowerLatchReturnsWhenTheCoverFalls) {
  KillSwitch made{{},
                  KillSwitchMemory{.latched = kReduceOnly, .version = 7, .reason = "r", .by = "b"}};
  EXPECT_EQ(made.level(), kPaused);
  made.set_recovering(false, "caught up");
  EXPECT_EQ(made.level(), kReduceOnly);
}

TEST(KillSwitch, ResumeNeedsANameAReasonAndALowerLevel) {
  auto made = running();
  made.halt(kCancelAll, "loss", "max_daily_loss");
  EXPECT_FALSE(made.resume(kRunning, "", "looked at it", kNow));
  EXPECT_FALSE(made.resume(kRunning, "alice", "", kNow));
  EXPECT_FALSE(made.resume(kCancelAll, "alice", "looked at it", kNow));
  EXPECT_FALSE(made.resume(kFlatten, "alice", "looked at it", kNow));
  EXPECT_EQ(made.level(), kCancelAll);
  ASSERT_TRUE(made.resume(kReduceOnly, "alice", "looked at it", kNow));
  EXPECT_EQ(made.level(), kReduceOnly);
  EXPECT_EQ(made.by(), "alice");
  ASSERT_TRUE(made.resume(kRunning, "alice", "looked at it", kNow));
  EXPECT_EQ(made.level(), kRunning);
  EXPECT_FALSE(made.resume(kRunning, "alice", "again", kNow));
}

TEST(KillSwitch, TwoStepsNeedTwoOperatorsInTime) {
  KillSwitch made{{.two_step_resume = true, .resume_window = std::chrono::seconds{60}},
                  std::nullopt};
  made.set_recovering(false, "caught up");
  made.halt(kFlatten, "drill", "bob");
  const auto asked = made.resume(kRunning, "alice", "fine again", kNow);
  ASSERT_TRUE(asked);
  EXPECT_EQ(*asked, KillSwitch::Resume::kSecondOperatorNeeded);
  EXPECT_EQ(made.level(), kFlatten);
  EXPECT_FALSE(made.resume(kRunning, "alice", "fine again", kNow));
  EXPECT_FALSE(made.resume(kReduceOnly, "bob", "not so far", kNow));
  EXPECT_EQ(made.level(), kFlatten);
  const auto confirmed = made.resume(kRunning, "bob", "agreed", kNow + std::chrono::seconds{60});
  ASSERT_TRUE(confirmed) << confirmed.error().text;
  EXPECT_EQ(*confirmed, KillSwitch::Resume::kDone);
  EXPECT_EQ(made.level(), kRunning);
}

TEST(KillSwitch, AFirstStepThatIsTooOldOrOverrunByAHaltIsForgotten) {
  KillSwitch made{{.two_step_resume = true, .resume_window = std::chrono::seconds{60}},
                  std::nullopt};
  made.set_recovering(false, "caught up");
  made.halt(kPaused, "drill", "bob");
  ASSERT_TRUE(made.resume(kRunning, "alice", "fine", kNow));
  const auto late = made.resume(kRunning, "bob", "agreed", kNow + std::chrono::seconds{61});
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, KillSwitch::Resume::kSecondOperatorNeeded);
  made.halt(kCancelAll, "worse", "bob");
  const auto again = made.resume(kRunning, "carol", "agreed", kNow + std::chrono::seconds{62});
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, KillSwitch::Resume::kSecondOperatorNeeded);
}

TEST(KillSwitch, ALostMemoryPausesAndResumesAboveTheVersionThatOthersKnow) {
  auto made = running();
  EXPECT_FALSE(made.on_version_known(made.version()));
  EXPECT_TRUE(made.on_version_known(41));
  EXPECT_EQ(made.level(), kPaused);
  EXPECT_LT(made.version(), 41u);  // no silent jump: an operator must have looked
  EXPECT_FALSE(made.on_version_known(41));
  ASSERT_TRUE(made.resume(kRunning, "alice", "journal was lost", kNow));
  EXPECT_EQ(made.version(), 42u);
  EXPECT_EQ(made.level(), kRunning);
}

/// Every sequence of operations up to a length, against a model that knows three rules.
class Exhaustive : public testing::Test {
 protected:
  struct Model {
    RiskLevel latched = kRunning;
    bool recovering = true;
    [[nodiscard]] RiskLevel level() const {
      return recovering && latched < kPaused ? kPaused : latched;
    }
  };
  using Operation = std::function<void(KillSwitch&, Model&)>;

  void explore(const KillSwitch& at, const Model& model, int depth) {
    ++visited_;
    for (const auto& operation : operations_) {
      KillSwitch next = at;
      Model expected = model;
      operation(next, expected);
      ASSERT_EQ(next.level(), expected.level());
      ASSERT_EQ(next.memory().latched, expected.latched);
      ASSERT_EQ(next.recovering(), expected.recovering);
      // The version never goes back, and stands still only if nothing changed.
      const bool changed = next.level() != at.level() || next.memory() != at.memory();
      ASSERT_GE(next.version(), at.version());
      if (next.level() != at.level()) {
        ASSERT_GT(next.version(), at.version());
      }
      if (!changed && next.recovering() == at.recovering()) {
        ASSERT_EQ(next.version(), at.version());
      }
      if (depth > 1) explore(next, expected, depth - 1);
      if (HasFatalFailure()) return;
    }
  }

  Exhaustive() {
    for (const auto level : kLevels) {
      operations_.push_back([level](KillSwitch& s, Model& m) {
        const bool changed = s.halt(level, "why", "who");
        EXPECT_EQ(changed, level > m.latched);
        m.latched = std::max(m.latched, level);
      });
      operations_.push_back([level](KillSwitch& s, Model& m) {
        const auto done = s.resume(level, "who", "why", kNow);
        EXPECT_EQ(done.has_value(), level < m.latched);
        if (level < m.latched) m.latched = level;
      });
    }
    operations_.push_back([](KillSwitch& s, Model& m) {
      s.set_recovering(false, "caught up");
      m.recovering = false;
    });
    operations_.push_back([](KillSwitch& s, Model& m) {
      s.set_recovering(true, "link lost");
      m.recovering = true;
    });
    operations_.push_back([](KillSwitch& s, Model& m) {  // restart: only the memory survives
      const auto before = s.version();
      s = KillSwitch{{}, s.memory()};
      EXPECT_GT(s.version(), before);
      m.recovering = true;
    });
  }

  std::vector<Operation> operations_;
  long visited_ = 0;
};

TEST_F(Exhaustive, EverySequenceOfFiveOperationsKeepsLatchCoverAndVersion) {
  explore(KillSwitch{{}, std::nullopt}, Model{}, 5);
  EXPECT_GT(visited_, 30'000);
}

}  // namespace
}  // namespace perpwire::risk
