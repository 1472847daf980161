#include "services/risk/signer_lock.hpp"

#include <gtest/gtest.h>

namespace perpwire::risk {
namespace {

using enum limits::RiskLevel;
using namespace std::chrono_literals;

TEST(SignerLock, LocksAtPausedAndCancelAllAndAtNothingThatNeedsOrders) {
  for (const auto level : {kRunning, kReduceOnly, kPaused, kCancelAll, kFlatten}) {
    SignerLock lock;
    EXPECT_EQ(lock.ask(level, 0s), level == kPaused || level == kCancelAll);
  }
}

TEST(SignerLock, AsksOnceUntilAnsweredThenNotAgain) {
  SignerLock lock;
  EXPECT_EQ(lock.ask(kCancelAll, 0s), true);
  EXPECT_EQ(lock.ask(kCancelAll, 5s), std::nullopt);
  lock.on_answer(true, true);
  EXPECT_TRUE(lock.confirmed());
  EXPECT_EQ(lock.ask(kCancelAll, 10s), std::nullopt);
}

TEST(SignerLock, AsksAgainASecondAfterAFailure) {
  SignerLock lock;
  lock.ask(kCancelAll, 0s);
  lock.on_answer(true, false);
  EXPECT_FALSE(lock.confirmed());
  EXPECT_EQ(lock.ask(kCancelAll, 900ms), std::nullopt);
  EXPECT_EQ(lock.ask(kCancelAll, 1s), true);
}

TEST(SignerLock, AResumeIsAskedAtOnceEvenWhileTheLockWasNeverConfirmed) {
  SignerLock lock;
  lock.ask(kCancelAll, 0s);
  lock.on_answer(true, false);
  EXPECT_EQ(lock.ask(kRunning, 100ms), false);
  lock.on_answer(false, true);
  EXPECT_TRUE(lock.confirmed());
}

TEST(SignerLock, ALevelThatChangesWhileAnAnswerIsAwaitedIsAskedForAfterIt) {
  SignerLock lock;
  lock.ask(kCancelAll, 0s);
  EXPECT_EQ(lock.ask(kRunning, 10ms), std::nullopt);
  lock.on_answer(true, true);
  EXPECT_EQ(lock.ask(kRunning, 20ms), false);
}

}  // namespace
}  // namespace perpwire::risk
