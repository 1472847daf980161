#include "services/persister/store_writer.hpp"

#include "services/persister/sqlite_store.hpp"
#include "tests/support/temp_dir.hpp"

#include "sample_events.hpp"
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace perpwire::persister {
namespace {

using namespace std::chrono_literals;

/// Collects what the writer reports, and lets a test wait for it.
class Report {
 public:
  StoreWriter::Handlers handlers() {
    StoreWriter::Handlers out;
    out.on_opened = [this](std::vector<StreamCursor>) { note([this] { ++opened; }); };
    out.on_committed = [this](const std::vector<CommittedBatch>& from, ApplyCounts counts, Nanos) {
      note([&] {
        ++transactions;
        events += counts.events;
        for (const auto& batch : from) sources.push_back(batch.source);
      });
    };
    out.on_delayed = [this](std::string reason) {
      note([&] {
        if (!reason.empty()) ++delays;
        delayed = std::move(reason);
      });
    };
    out.on_fatal = [this](Error error) { note([&] { fatal = std::move(error); }); };
    return out;
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, condition);
  }

  int opened = 0;
  int transactions = 0;
  int delays = 0;
  std::uint64_t events = 0;
  std::vector<std::size_t> sources;
  std::string delayed;
  std::optional<Error> fatal;

 private:
  template <class Change>
  void note(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

StoreWriter::OpenStore opener(const std::string& path) {
  return [path]() -> Result<std::unique_ptr<Store>> {
    auto store = SqliteStore::open({.path = path, .busy_timeout_ms = 0});
    if (!store) return tl::unexpected(store.error());
    return std::unique_ptr<Store>(std::move(*store));
  };
}

const StoreWriterOptions kQuick{
    .queue_capacity = 4,
    .retry = {.base = std::chrono::milliseconds(5), .cap = std::chrono::milliseconds(20)}};

TEST(StoreWriter, CommitsWhatIsPushedAndNamesItsSources) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("a.db")), report.handlers(), kQuick);
  ASSERT_TRUE(writer.try_push({.source = 7, .batch = batch_of(1, {order_event(1)})}));
  ASSERT_TRUE(report.wait([&] { return report.events == 1; }));
  EXPECT_EQ(report.sources, std::vector<std::size_t>{7});
  EXPECT_EQ(report.opened, 1);
}

TEST(StoreWriter, ALockedDatabaseDelaysAndLosesNothing) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("a.db")), report.handlers(), kQuick);
  ASSERT_TRUE(report.wait([&] { return report.opened == 1; }));
  auto other = Connection::open(dir.file("a.db"));
  ASSERT_TRUE(other->exec("BEGIN IMMEDIATE"));
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(1, {order_event(1)})}));
  ASSERT_TRUE(report.wait([&] { return !report.delayed.empty(); }));
  EXPECT_NE(report.delayed.find("locked"), std::string::npos) << report.delayed;
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(2, {order_event(2)})}));
  ASSERT_TRUE(other->exec("ROLLBACK"));
  ASSERT_TRUE(report.wait([&] { return report.events == 2 && report.delayed.empty(); }));
  EXPECT_EQ(report.delays, 1);
}

TEST(StoreWriter, ADatabaseThatCannotBeOpenedYetIsWaitedFor) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("later/a.db")), report.handlers(), kQuick);
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(1, {order_event(1)})}));
  ASSERT_TRUE(report.wait([&] { return report.delays == 1; }));
  std::filesystem::create_directory(dir.path() / "later");
  ASSERT_TRUE(report.wait([&] { return report.events == 1; }));
}

TEST(StoreWriter, WhenFullItSaysNoAndTheBatchIsUntouched) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("never/a.db")), report.handlers(), kQuick);
  for (std::uint64_t n = 1; n <= 4; ++n) {
    ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(n, {order_event(n)})}));
  }
  PendingBatch fifth{.source = 0, .batch = batch_of(5, {order_event(5)})};
  EXPECT_FALSE(writer.try_push(std::move(fifth)));
  EXPECT_EQ(fifth.batch.events.size(), 1U);
}

TEST(StoreWriter, AHoleEndsTheWriterWithTheReason) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("a.db")), report.handlers(), kQuick);
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(5, {order_event(5)})}));
  ASSERT_TRUE(report.wait([&] { return report.fatal.has_value(); }));
  EXPECT_EQ(report.fatal->code, ErrorCode::kInternal);
}

TEST(StoreWriter, ADatabaseReplacedUnderneathIsNoticedNotWrittenIntoTheVoid) {
  const TempDir dir;
  Report report;
  StoreWriter writer(opener(dir.file("a.db")), report.handlers(), kQuick);
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(1, {order_event(1)})}));
  ASSERT_TRUE(report.wait([&] { return report.events == 1; }));
  for (const auto* name : {"a.db", "a.db-wal", "a.db-shm"}) {
    std::filesystem::remove(dir.path() / name);
  }
  ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(2, {order_event(2)})}));
  // The new file knows nothing: sequence 2 leaves a hole, and only a fresh start from 1 helps.
  ASSERT_TRUE(report.wait([&] { return report.fatal.has_value(); }));
  EXPECT_EQ(report.delays, 1);
}

TEST(StoreWriter, StopsWithinTheStopDeadlineWhileTheDatabaseIsLocked) {
  const TempDir dir;
  Report report;
  auto other = Connection::open(dir.file("a.db"));
  auto begun = monotonic_now();
  {
    StoreWriter writer(
        opener(dir.file("a.db")), report.handlers(),
        {.retry = {.base = std::chrono::seconds(60), .cap = std::chrono::seconds(60)}});
    ASSERT_TRUE(report.wait([&] { return report.opened == 1; }));
    ASSERT_TRUE(other->exec("BEGIN IMMEDIATE"));
    ASSERT_TRUE(writer.try_push({.source = 0, .batch = batch_of(1, {order_event(1)})}));
    ASSERT_TRUE(report.wait([&] { return report.delays == 1; }));
    begun = monotonic_now();
  }
  EXPECT_LT(monotonic_now() - begun, Nanos(1s));
}

}  // namespace
}  // namespace perpwire::persister
