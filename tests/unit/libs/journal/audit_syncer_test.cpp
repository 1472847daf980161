#include "libs/journal/audit_syncer.hpp"

#include "libs/journal/audit_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <unistd.h>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A disk whose syncs are held until let go, and fail when told to.
class HeldDisk {
 public:
  AuditSyncer::SyncCall call() {
    return [this](int) {
      std::unique_lock lock(mutex_);
      ++begun_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      if (!fails_) return 0;
      errno = EIO;
      return -1;
    };
  }
  void hold() { set(open_, false); }
  void let_go() { set(open_, true); }
  void fail() { set(fails_, true); }
  bool wait_for_sync() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, [this] { return begun_ > 0; });
  }
  int begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  void set(bool& flag, bool value) {
    const std::lock_guard lock(mutex_);
    flag = value;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  bool fails_ = false;
  int begun_ = 0;
};

class AuditSyncerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              (std::string("audit_syncer_test_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  static AuditRecord record() { return {.time = UnixNanos{1}, .what = "signed"}; }

  fs::path folder_;
  HeldDisk disk_;
};

TEST_F(AuditSyncerTest, AppendingDoesNotWaitForADiskThatHangs) {
  AuditSyncer syncer(2ms, disk_.call());
  AuditFile file(folder_, 300, &syncer);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  disk_.hold();
  ASSERT_TRUE(file.append(record()));
  ASSERT_TRUE(disk_.wait_for_sync());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(file.append(record()));  // and new files are begun
  EXPECT_LT(syncer.synced(), file.number());
  disk_.let_go();
  ASSERT_TRUE(syncer.flush());
  EXPECT_EQ(syncer.synced(), 21U);
}

TEST_F(AuditSyncerTest, ALineIsSyncedUnaskedWithinTheInterval) {
  AuditSyncer syncer(2ms);
  AuditFile file(folder_, 1'000'000, &syncer);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  ASSERT_TRUE(file.append(record()));
  const auto end = monotonic_now() + 5s;
  while (syncer.synced() < 1 && monotonic_now() < end) std::this_thread::yield();
  EXPECT_EQ(syncer.synced(), 1U);
  EXPECT_GT(syncer.longest().count(), 0);
}

TEST_F(AuditSyncerTest, WithoutAnIntervalEachLineIsSyncedBeforeAppendReturns) {
  AuditSyncer syncer(0ms, disk_.call());
  AuditFile file(folder_, 1'000'000, &syncer);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  for (int line = 1; line <= 3; ++line) {
    ASSERT_TRUE(file.append(record()));
    EXPECT_EQ(disk_.begun(), line);
    EXPECT_EQ(syncer.synced(), static_cast<std::uint64_t>(line));
  }
}

TEST_F(AuditSyncerTest, TheFirstFailureIsFinalAndNamesTheFile) {
  AuditSyncer syncer(0ms, disk_.call());
  AuditFile file(folder_, 1'000'000, &syncer);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  ASSERT_TRUE(file.append(record()));
  EXPECT_TRUE(syncer.health());
  disk_.fail();
  ASSERT_TRUE(file.append(record())) << "the line is in the file";
  const auto health = syncer.health();
  ASSERT_FALSE(health);
  EXPECT_NE(
      health.error().text.find("audit-000000000001.log: cannot be synced: Input/output error"),
      std::string::npos)
      << health.error().text;
  EXPECT_EQ(syncer.synced(), 1U);
}

TEST_F(AuditSyncerTest, WhatWaitsIsSyncedAtTheEnd) {
  {
    AuditSyncer syncer(1h, disk_.call());
    AuditFile file(folder_, 1'000'000, &syncer);
    ASSERT_TRUE(file.open([](std::string_view) {}));
    ASSERT_TRUE(file.append(record()));
    EXPECT_EQ(disk_.begun(), 0);
  }
  EXPECT_EQ(disk_.begun(), 1);
}

}  // namespace
}  // namespace perpwire::journal
