#include "services/persister/sqlite_store.hpp"

#include "tests/support/temp_dir.hpp"

#include "sample_events.hpp"
#include <gtest/gtest.h>

#include <array>
#include <fstream>

namespace perpwire::persister {
namespace {

constexpr UnixNanos kNow{1'705'747'300'000'000'000};

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open(int busy_timeout_ms = 0) {
    auto store = SqliteStore::open({.path = path(), .busy_timeout_ms = busy_timeout_ms});
    EXPECT_TRUE(store) << store.error().text;
    return std::move(*store);
  }
  std::string path() const { return dir_.file("perpwire.db"); }
  /// What another program sees.
  std::string ask(const std::string& sql) {
    auto connection = Connection::open(path());
    auto statement = connection->prepare(sql);
    EXPECT_TRUE(statement) << statement.error().text;
    const auto row = statement->step();
    return row && *row ? statement->column_text(0) : "(none)";
  }
  static ApplyCounts apply(Store& store, const Batch& batch) {
    auto counts = store.apply(std::span(&batch, 1), kNow);
    EXPECT_TRUE(counts) << counts.error().text;
    return counts.value_or(ApplyCounts{});
  }

  TempDir dir_;
};

TEST_F(SqliteStoreTest, RowsAndCursorAppearTogether) {
  auto store = open();
  const auto counts = apply(
      *store, batch_of(1, {order_event(1), fill_event(2, "t-1"), position_event(3, "0.001")}));
  EXPECT_EQ(counts.events, 3U);
  const auto cursors = store->cursors();
  ASSERT_TRUE(cursors);
  ASSERT_EQ(cursors->size(), 1U);
  EXPECT_EQ(cursors->front().stream, kStream);
  EXPECT_EQ(cursors->front().next_sequence, 4U);
  EXPECT_FALSE(cursors->front().closed);
  EXPECT_EQ(ask("SELECT count(*) FROM order_events"), "1");
  EXPECT_EQ(ask("SELECT order_state FROM orders WHERE client_order_id = 'LS-1'"), "OPEN");
  EXPECT_EQ(ask("SELECT amount FROM positions"), "0.001");
  EXPECT_EQ(ask("SELECT count(*) FROM account_events"), "1");
}

TEST_F(SqliteStoreTest, DecimalsAreTextInTheShortestExactForm) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1, {.price = "50000",
                                             .amount = "1000000000000.000000000001",
                                             .filled = "0.100"}),
                             fill_event(2, "t-1")}));
  EXPECT_EQ(ask("SELECT typeof(price) || ' ' || price FROM order_events"), "text 50000.0");
  EXPECT_EQ(ask("SELECT amount FROM orders"), "1000000000000.000000000001");
  EXPECT_EQ(ask("SELECT filled_amount FROM orders"), "0.1");
  EXPECT_EQ(ask("SELECT fee_paid FROM fills"), "-0.0075");
  EXPECT_EQ(ask("SELECT average_executed_price IS NULL FROM orders"), "1");
}

TEST_F(SqliteStoreTest, ApplyingTheSamePageTwiceChangesNothing) {
  auto store = open();
  const auto page = batch_of(1, {order_event(1), fill_event(2, "t-1")});
  apply(*store, page);
  const auto again = apply(*store, page);
  EXPECT_EQ(again.events, 0U);
  EXPECT_EQ(again.duplicates, 2U);
  EXPECT_EQ(again.fill_repeats, 0U);
  EXPECT_EQ(ask("SELECT (SELECT count(*) FROM order_events) + (SELECT count(*) FROM fills)"), "2");
}

TEST_F(SqliteStoreTest, APageThatOverlapsTheCursorAddsOnlyItsNewPart) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1), order_event(2)}));
  const auto counts = apply(*store, batch_of(2, {order_event(2), order_event(3)}));
  EXPECT_EQ(counts.duplicates, 1U);
  EXPECT_EQ(counts.events, 1U);
  EXPECT_EQ(store->cursors()->front().next_sequence, 4U);
}

TEST_F(SqliteStoreTest, ABatchBeyondTheCursorIsRefusedWhole) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1)}));
  const std::array batches{batch_of(2, {order_event(2)}), batch_of(4, {order_event(4)})};
  const auto refused = store->apply(batches, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  EXPECT_EQ(ask("SELECT count(*) FROM order_events"), "1");
  EXPECT_EQ(store->cursors()->front().next_sequence, 2U);
}

TEST_F(SqliteStoreTest, AnExecutionCountsOnceWhateverStreamReportsIt) {
  auto store = open();
  apply(*store, batch_of(1, {fill_event(1, "t-1")}));
  auto repeat = fill_event(1, "t-1", "order-gateway.main.ffff");
  auto conflict = fill_event(2, "t-1", "order-gateway.main.ffff");
  set(conflict.envelope.mutable_fill()->mutable_price(), "50001");
  const auto counts = apply(*store, batch_of(1, {repeat, conflict}));
  EXPECT_EQ(counts.fill_repeats, 2U);
  EXPECT_EQ(counts.fill_conflicts, 1U);
  EXPECT_EQ(ask("SELECT count(*) FROM fills"), "1");
  EXPECT_EQ(ask("SELECT price FROM fills"), "50000.0");
  EXPECT_EQ(ask("SELECT count(*) FROM fill_repeats WHERE same_content = 0"), "1");
}

TEST_F(SqliteStoreTest, OneTradeBetweenTwoOrdersOfOursIsTwoFills) {
  auto store = open();
  auto other_side = fill_event(2, "t-1");
  other_side.envelope.mutable_fill()->set_exchange_order_id("123456790");
  const auto counts = apply(*store, batch_of(1, {fill_event(1, "t-1"), other_side}));
  EXPECT_EQ(counts.fill_repeats, 0U);
  EXPECT_EQ(ask("SELECT count(*) FROM fills"), "2");
}

TEST_F(SqliteStoreTest, OrdersHoldTheStateOfTheLastEvent) {
  auto store = open();
  apply(*store,
        batch_of(1, {order_event(1),
                     order_event(
                         2, {.state = "FILLED", .event_type = "order_filled", .filled = "0.001"}),
                     order_event(3, {.id = "LS-2"})}));
  EXPECT_EQ(ask("SELECT order_state || ' ' || filled_amount FROM orders WHERE "
                "client_order_id = 'LS-1'"),
            "FILLED 0.001");
  EXPECT_EQ(ask("SELECT order_state FROM orders WHERE client_order_id = 'LS-2'"), "OPEN");
}

TEST_F(SqliteStoreTest, AnOlderUpdateFromAnotherStreamDoesNotOverwriteANewerOne) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1, {.state = "FILLED"})}));
  auto older = order_event(1, {.state = "OPEN"}, "order-gateway.main.ffff");
  older.envelope.mutable_order()->set_last_update_timestamp(1);
  apply(*store, batch_of(1, {older}));
  EXPECT_EQ(ask("SELECT order_state FROM orders"), "FILLED");
  EXPECT_EQ(ask("SELECT count(*) FROM order_events"), "2");
}

TEST_F(SqliteStoreTest, GapsAndUnreadablePayloadsAreRowsOfTheirOwn) {
  auto store = open();
  Batch batch = batch_of(1, {});
  batch.gaps.push_back({.from = 1, .to = 40, .reason = "NOT_KEPT"});
  batch.unreadable.push_back({.sequence = 41,
                              .topic = "orders.x",
                              .payload = std::string("\x01\x00z", 3),
                              .error = "bad"});
  batch.next_sequence = 42;
  apply(*store, batch);
  EXPECT_EQ(ask("SELECT from_sequence || '-' || to_sequence || ' ' || reason FROM gaps"),
            "1-40 NOT_KEPT");
  EXPECT_EQ(ask("SELECT hex(payload) FROM unreadable_events WHERE sequence = 41"), "01007A");
  EXPECT_EQ(store->cursors()->front().next_sequence, 42U);
}

TEST_F(SqliteStoreTest, ADecimalOutOfRangeIsKeptAsUnreadableAndStopsNothing) {
  auto store = open();
  auto wrong = order_event(1);
  wrong.envelope.mutable_order()->mutable_price()->set_exponent(5000);
  const auto counts = apply(*store, batch_of(1, {wrong, order_event(2, {.id = "LS-2"})}));
  EXPECT_EQ(counts.unreadable, 1U);
  EXPECT_EQ(counts.events, 1U);
  EXPECT_EQ(ask("SELECT count(*) FROM orders"), "1");
  EXPECT_EQ(ask("SELECT sequence FROM unreadable_events"), "1");
}

TEST_F(SqliteStoreTest, RiskEventsStandInTheirTableWithTheirJson) {
  auto store = open();
  StoredEvent event;
  event.topic = "risk.hyperliquid.state";
  event.envelope = envelope_at(1, "risk.main.9");
  event.envelope.set_event_type("risk_state");
  event.envelope.mutable_risk_state()->set_venue("hyperliquid");
  event.envelope.mutable_risk_state()->set_level("CANCEL_ALL");
  apply(*store, batch_of(1, {event}));
  EXPECT_EQ(ask("SELECT json_extract(data, '$.level') FROM risk_events WHERE venue = "
                "'hyperliquid'"),
            "CANCEL_ALL");
}

TEST_F(SqliteStoreTest, ALockedDatabaseOnlyDelays) {
  auto store = open();
  const auto page = batch_of(1, {order_event(1)});
  auto other = Connection::open(path());
  ASSERT_TRUE(other->exec("BEGIN IMMEDIATE"));
  const auto locked = store->apply(std::span(&page, 1), kNow);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::kWouldBlock);
  ASSERT_TRUE(other->exec("ROLLBACK"));
  EXPECT_EQ(apply(*store, page).events, 1U);
}

TEST_F(SqliteStoreTest, AReaderInTheMiddleOfATransactionDoesNotHoldTheWriter) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1)}));
  auto reader = Connection::open(path());
  ASSERT_TRUE(reader->exec("BEGIN"));
  EXPECT_EQ(reader->query_int("SELECT count(*) FROM order_events")->value_or(-1), 1);
  EXPECT_EQ(apply(*store, batch_of(2, {order_event(2)})).events, 1U);
  EXPECT_EQ(reader->query_int("SELECT count(*) FROM order_events")->value_or(-1), 1);
  ASSERT_TRUE(reader->exec("COMMIT"));
  EXPECT_EQ(reader->query_int("SELECT count(*) FROM order_events")->value_or(-1), 2);
}

TEST_F(SqliteStoreTest, AFullDatabaseStoresNothingAndGoesOnWhenThereIsRoom) {
  auto store = open();
  // max_page_count is SQLite's own way to be full; the same SQLITE_FULL as from a full disk.
  apply(*store, batch_of(1, {order_event(1)}));
  std::vector<StoredEvent> many;
  for (std::uint64_t n = 2; n < 2000; ++n)
    many.push_back(order_event(n, {.id = std::to_string(n)}));
  const auto page = batch_of(2, std::move(many));
  ASSERT_TRUE(store->limit_pages(30));
  const auto full = store->apply(std::span(&page, 1), kNow);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kIo);
  EXPECT_EQ(ask("SELECT count(*) FROM order_events"), "1");
  ASSERT_TRUE(store->limit_pages(1'000'000));
  EXPECT_EQ(apply(*store, page).events, 1998U);
}

TEST_F(SqliteStoreTest, AFileThatWasMovedAwayIsNotWrittenToAnyMore) {
  auto store = open();
  apply(*store, batch_of(1, {order_event(1)}));
  std::filesystem::rename(path(), dir_.file("elsewhere.db"));
  const auto page = batch_of(2, {order_event(2)});
  const auto gone = store->apply(std::span(&page, 1), kNow);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kIo);
}

TEST_F(SqliteStoreTest, ReopeningKeepsEverything) {
  apply(*open(), batch_of(1, {order_event(1)}));
  auto store = open();
  EXPECT_EQ(store->cursors()->front().next_sequence, 2U);
  EXPECT_EQ(ask("SELECT count(*) FROM schema_version"), "1");
}

TEST_F(SqliteStoreTest, AnOlderSchemaIsBroughtUpWithItsRows) {
  apply(*open(), batch_of(1, {order_event(1)}));
  const auto current = schema_migrations();
  std::vector<Migration> next(current.begin(), current.end());
  next.push_back(
      {.version = current.back().version + 1, .sql = "ALTER TABLE orders ADD COLUMN note TEXT"});
  const auto store = SqliteStore::open({.path = path(), .migrations = next});
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(ask("SELECT count(*) FROM orders WHERE note IS NULL"), "1");
  EXPECT_EQ(ask("SELECT max(version) FROM schema_version"),
            std::to_string(current.back().version + 1));
}

TEST_F(SqliteStoreTest, AMigrationThatFailsLeavesTheOldSchema) {
  open();
  const auto current = schema_migrations();
  std::vector<Migration> next(current.begin(), current.end());
  next.push_back({.version = current.back().version + 1,
                  .sql = "ALTER TABLE orders ADD COLUMN note TEXT; SELECT * FROM no_such_table"});
  EXPECT_FALSE(SqliteStore::open({.path = path(), .migrations = next}));
  EXPECT_EQ(ask("SELECT max(version) FROM schema_version"), std::to_string(current.back().version));
  EXPECT_EQ(ask("SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'note'"), "0");
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedByName) {
  open();
  ASSERT_TRUE(Connection::open(path())->exec(
      "INSERT INTO schema_version (version, applied_at) VALUES (99, 0)"));
  const auto store = SqliteStore::open({.path = path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kVersionMismatch);
  EXPECT_NE(store.error().text.find("perpwire.db"), std::string::npos) << store.error().text;
  EXPECT_NE(store.error().text.find("schema version 99"), std::string::npos) << store.error().text;
  EXPECT_NE(store.error().text.find("up to 1"), std::string::npos) << store.error().text;
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
  ASSERT_TRUE(Connection::open(path())->exec("CREATE TABLE theirs (x)"));
  const auto store = SqliteStore::open({.path = path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kVersionMismatch);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  std::ofstream(path()) << std::string(4096, 'x');
  const auto store = SqliteStore::open({.path = path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
  EXPECT_EQ(std::filesystem::file_size(path()), 4096U);
}

TEST_F(SqliteStoreTest, AFolderThatDoesNotExistIsAnErrorThatNamesTheFile) {
  const auto store = SqliteStore::open({.path = dir_.file("no/such/folder/perpwire.db")});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
  EXPECT_NE(store.error().text.find("no/such/folder/perpwire.db"), std::string::npos);
}

}  // namespace
}  // namespace perpwire::persister
