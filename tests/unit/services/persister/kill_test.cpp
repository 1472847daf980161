// A writer that is killed with SIGKILL at random moments, again and again, must leave each event
// exactly once, and every execution counted once.

#include "services/persister/sqlite_store.hpp"
#include "tests/support/temp_dir.hpp"

#include "sample_events.hpp"
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace perpwire::persister {
namespace {

constexpr std::uint64_t kLast = 20'000;

/// Event number n of a made-up journal: every tenth is a fill, the others order events of 200
/// orders.
StoredEvent event_number(std::uint64_t n) {
  if (n % 10 == 0) return fill_event(n, "t-" + std::to_string(n));
  return order_event(n, {.id = "LS-" + std::to_string(n % 200)});
}

/// Reads on from the cursor to the end, `page` events a batch, as the persister does after a start.
[[noreturn]] void write_until_killed(const std::string& path, std::uint64_t page) {
  auto store = SqliteStore::open({.path = path, .busy_timeout_ms = 1000});
  if (!store) _exit(3);
  const auto cursors = (*store)->cursors();
  if (!cursors) _exit(4);
  std::uint64_t next = cursors->empty() ? 1 : cursors->front().next_sequence;
  while (next <= kLast) {
    std::vector<StoredEvent> events;
    // A page may begin below the cursor: the answer to a question asked before the kill.
    const std::uint64_t from = next > 5 ? next - 5 : next;
    for (std::uint64_t n = from; n < from + page && n <= kLast; ++n)
      events.push_back(event_number(n));
    const Batch batch = batch_of(from, std::move(events));
    if (!(*store)->apply(std::span(&batch, 1), UnixNanos{1})) _exit(5);
    next = batch.next_sequence;
  }
  _exit(0);
}

TEST(PersisterKill, EveryEventIsStoredExactlyOnceHoweverOftenTheWriterIsKilled) {
  const TempDir dir;
  const std::string path = dir.file("perpwire.db");
  const int given = ::testing::UnitTest::GetInstance()->random_seed();
  const unsigned seed = given != 0 ? static_cast<unsigned>(given) : std::random_device{}();
  SCOPED_TRACE("repeat with --gtest_random_seed=" + std::to_string(seed % 100'000));
  std::mt19937 random(seed % 100'000);  // gtest takes seeds up to 99999
  std::uniform_int_distribution<int> microseconds(0, 40'000);
  std::uniform_int_distribution<std::uint64_t> page_size(6, 800);
  int kills = 0;
  bool finished = false;
  for (int round = 0; round < 200 && !finished; ++round) {
    // First tiny pages, so that most of the time is spent between transactions, where rows and
    // cursor could part; then pages that reach the end.
    const std::uint64_t page = round < 30 ? 6 + random() % 6 : page_size(random);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(path, page);
    // Later rounds live longer, so that the test ends on a slow machine too.
    const int longest = round < 30 ? 1 : 2 + round / 10;
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random) * longest));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
      finished = true;
    } else {
      ++kills;
    }
    auto connection = Connection::open(path);
    ASSERT_TRUE(connection);
    const auto streams = connection->query_int(
        "SELECT count(*) FROM sqlite_master WHERE name = "
        "'streams'");
    ASSERT_TRUE(streams) << streams.error().text;
    if (streams->value_or(0) == 0) continue;  // killed before the schema stood
    // Cursor and rows agree after every kill, not only at the end.
    const auto wrong = connection->query_int(
        "SELECT coalesce((SELECT next_sequence - 1 FROM streams), 0)"
        " - (SELECT count(*) FROM order_events) - (SELECT count(*) FROM fills)");
    ASSERT_TRUE(wrong) << wrong.error().text;
    ASSERT_EQ(wrong->value_or(-1), 0) << "after kill " << kills;
  }
  ASSERT_TRUE(finished);
  EXPECT_GE(kills, 20) << "the writer was hardly ever killed: the test shows nothing";
  auto connection = Connection::open(path);
  EXPECT_EQ(connection->query_int("SELECT next_sequence FROM streams")->value_or(0),
            static_cast<std::int64_t>(kLast + 1));
  EXPECT_EQ(connection->query_int("SELECT count(*) FROM fills")->value_or(0), kLast / 10);
  EXPECT_EQ(connection->query_int("SELECT count(*) FROM fill_repeats")->value_or(-1), 0);
  EXPECT_EQ(connection->query_int("SELECT count(*) FROM order_events WHERE sequence % 10 = 0")
                ->value_or(-1),
            0);
  // The newest event of each order is its state.
  EXPECT_EQ(connection
                ->query_int("SELECT count(*) FROM orders o WHERE sequence <> (SELECT max(sequence) "
                            "FROM order_events e WHERE e.client_order_id = o.client_order_id) "
                            "AND (SELECT count(*) FROM orders) = 180")
                ->value_or(-1),
            0);
  EXPECT_EQ(connection->query_int("SELECT count(*) FROM orders")->value_or(-1), 180);
}

}  // namespace
}  // namespace perpwire::persister
