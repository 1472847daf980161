#include "services/persister/sqlite_store.hpp"

#include "libs/common/contract_json.hpp"
#include "services/persister/sqlite_rows.hpp"

#include <fmt/format.h>

#include <array>
#include <sys/stat.h>
#include <unordered_set>
#include <utility>

namespace perpwire::persister {

ApplyCounts& ApplyCounts::operator+=(const ApplyCounts& other) {
  events += other.events;
  duplicates += other.duplicates;
  fill_repeats += other.fill_repeats;
  fill_conflicts += other.fill_conflicts;
  unreadable += other.unreadable;
  gaps += other.gaps;
  return *this;
}

struct SqliteStore::Statements {
  Statement find_stream, insert_stream, move_cursor;
  Statement insert_gap, insert_order_event, upsert_order, insert_fill, find_fill, insert_repeat;
  Statement upsert_position, upsert_balance, insert_account_event, insert_risk_event;
  Statement insert_unreadable;
};

namespace {

std::string payload_json(const v1::Envelope& envelope) {
  const auto* oneof = v1::Envelope::descriptor()->FindOneofByName("payload");
  const auto* reflection = v1::Envelope::GetReflection();
  const auto* field = reflection->GetOneofFieldDescriptor(envelope, oneof);
  if (field == nullptr) return "{}";
  return to_contract_json(reflection->GetMessage(envelope, field));
}

std::string_view risk_venue(const v1::Envelope& envelope) {
  switch (envelope.payload_case()) {
    case v1::Envelope::kRiskState:
      return envelope.risk_state().venue();
    case v1::Envelope::kRiskLimits:
      return envelope.risk_limits().venue();
    case v1::Envelope::kRiskBreach:
      return envelope.risk_breach().venue();
    case v1::Envelope::kRiskKill:
      return envelope.risk_kill().venue();
    default:
      return {};
  }
}

/// 0 where there is no file.
std::uint64_t inode_of(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

/// Which events leave an order in its newest state within the batch: only these touch `orders`.
std::vector<bool> last_of_each_order(const Batch& batch) {
  std::vector<bool> last(batch.events.size(), false);
  std::unordered_set<std::string> seen;
  for (std::size_t i = batch.events.size(); i-- > 0;) {
    const auto& envelope = batch.events[i].envelope;
    if (!envelope.has_order()) continue;
    std::string key = envelope.order().account();
    key.push_back('\0');
    key += envelope.order().client_order_id();
    last[i] = seen.insert(std::move(key)).second;
  }
  return last;
}

}  // namespace

SqliteStore::SqliteStore(std::string path, Connection connection,
                         std::unique_ptr<Statements> statements)
    : path_(std::move(path)),
      inode_(inode_of(path_)),
      connection_(std::move(connection)),
      statements_(std::move(statements)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options) {
  auto connection = Connection::open(options.path);
  if (!connection) return tl::unexpected(connection.error());
  const std::array settings{
      fmt::format("PRAGMA busy_timeout = {}", options.busy_timeout_ms),
      std::string("PRAGMA journal_mode = WAL"),
      fmt::format("PRAGMA synchronous = {}", options.full_sync ? "FULL" : "NORMAL"),
      fmt::format("PRAGMA cache_size = -{}", options.cache_mib * 1024),
      // 16 MiB between checkpoints: each page that many rows share is copied into the file once.
      std::string("PRAGMA wal_autocheckpoint = 4096"),
      std::string("PRAGMA journal_size_limit = 67108864"),
  };
  for (const auto& setting : settings) {
    if (auto done = connection->exec(setting.c_str()); !done) return tl::unexpected(done.error());
  }
  if (auto done = migrate(*connection, options.migrations); !done) {
    return fail(done.error().code, fmt::format("{}: {}", options.path, done.error().text));
  }
  auto statements = std::make_unique<Statements>();
  const std::array<std::pair<Statement*, std::string_view>, 14> texts{{
      {&statements->find_stream, "SELECT stream_id, next_sequence FROM streams WHERE stream = ?"},
      {&statements->insert_stream,
       "INSERT INTO streams (stream, next_sequence, previous_stream, stored_at) VALUES (?,?,?,?)"},
      {&statements->move_cursor,
       "UPDATE streams SET next_sequence = max(next_sequence, ?), closed = max(closed, ?),"
       " stored_at = ? WHERE stream_id = ?"},
      {&statements->insert_gap,
       "INSERT INTO gaps (stream_id, from_sequence, to_sequence, reason, noticed_at)"
       " VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING"},
      {&statements->insert_order_event, kInsertOrderEvent},
      {&statements->upsert_order, kUpsertOrder},
      {&statements->insert_fill, kInsertFill},
      {&statements->find_fill,
       "SELECT stream_id, sequence, trading_pair, trade_type, price, amount FROM fills"
       " WHERE venue = ? AND account = ? AND trade_id = ? AND exchange_order_id = ?"},
      {&statements->insert_repeat,
       "INSERT INTO fill_repeats (stream_id, sequence, topic_sequence, timestamp, same_content,"
       " data) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"},
      {&statements->upsert_position, kUpsertPosition},
      {&statements->upsert_balance, kUpsertBalance},
      {&statements->insert_account_event,
       "INSERT INTO account_events (stream_id, sequence, topic_sequence, timestamp, event_type,"
       " topic, data) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"},
      {&statements->insert_risk_event,
       "INSERT INTO risk_events (stream_id, sequence, topic_sequence, timestamp, event_type, topic,"
       " data, venue) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"},
      {&statements->insert_unreadable,
       "INSERT INTO unreadable_events (stream_id, sequence, topic, payload, error)"
       " VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING"},
  }};
  for (const auto& [statement, sql] : texts) {
    auto prepared = connection->prepare(sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(options.path, std::move(*connection), std::move(statements)));
}

Status SqliteStore::limit_pages(int pages) {
  return connection_.exec(fmt::format("PRAGMA max_page_count = {}", pages).c_str());
}

Result<std::vector<StreamCursor>> SqliteStore::cursors() {
  auto statement =
      connection_.prepare("SELECT stream, next_sequence, closed FROM streams ORDER BY stream_id");
  if (!statement) return tl::unexpected(statement.error());
  std::vector<StreamCursor> all;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return all;
    all.push_back({.stream = statement->column_text(0),
                   .next_sequence = static_cast<std::uint64_t>(statement->column_int(1)),
                   .closed = statement->column_int(2) != 0});
  }
}

Result<ApplyCounts> SqliteStore::apply(std::span<const Batch> batches, UnixNanos now) {
  if (auto there = check_file(); !there) return tl::unexpected(there.error());
  if (auto begun = connection_.exec("BEGIN IMMEDIATE"); !begun) {
    return tl::unexpected(begun.error());
  }
  auto counts = apply_in_transaction(batches, now);
  if (counts) {
    if (auto committed = connection_.exec("COMMIT"); !committed) {
      counts = tl::unexpected(committed.error());
    }
  }
  // Some errors (disk full) have already rolled back; then there is nothing left to undo.
  if (!counts && connection_.in_transaction()) {
    ignore(connection_.exec("ROLLBACK"), "the next BEGIN tells");
  }
  return counts;
}

Status SqliteStore::check_file() const {
  if (inode_of(path_) == inode_) return {};
  return fail(
      ErrorCode::kIo,
      fmt::format("{}: expected the file that was opened, found another one or none", path_));
}

Result<ApplyCounts> SqliteStore::apply_in_transaction(std::span<const Batch> batches,
                                                      UnixNanos now) {
  ApplyCounts counts;
  for (const auto& batch : batches) {
    if (auto done = apply_batch(batch, now, counts); !done) return tl::unexpected(done.error());
  }
  return counts;
}

Result<SqliteStore::Stream> SqliteStore::stream_row(const Batch& batch, UnixNanos now) {
  auto& find = statements_->find_stream;
  find.bind(1, batch.stream);
  const auto row = find.step();
  Stream stream;
  if (row && *row) {
    stream = {.id = find.column_int(0),
              .next_sequence = static_cast<std::uint64_t>(find.column_int(1))};
  }
  find.reset();
  if (!row) return tl::unexpected(row.error());
  if (*row) return stream;
  auto& insert = statements_->insert_stream;
  insert.bind(1, batch.stream);
  insert.bind(2, std::uint64_t{1});
  if (batch.previous_stream.empty()) {
    insert.bind_null(3);
  } else {
    insert.bind(3, batch.previous_stream);
  }
  insert.bind(4, now.value());
  if (auto done = insert.run(); !done) return tl::unexpected(done.error());
  return Stream{.id = connection_.last_insert_rowid(), .next_sequence = 1};
}

Status SqliteStore::apply_batch(const Batch& batch, UnixNanos now, ApplyCounts& counts) {
  const auto stream = stream_row(batch, now);
  if (!stream) return tl::unexpected(stream.error());
  if (batch.from_sequence > stream->next_sequence) {
    return fail(ErrorCode::kInternal,
                fmt::format("stream {}: batch begins at {}, expected {} or less", batch.stream,
                            batch.from_sequence, stream->next_sequence));
  }
  const auto last = last_of_each_order(batch);
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    const auto& event = batch.events[i];
    if (event.envelope.sequence() < stream->next_sequence) {
      ++counts.duplicates;
      continue;
    }
    if (auto done = store_event(*stream, event, counts); !done) return done;
    if (!last[i]) continue;
    Row row(statements_->upsert_order, scratch_);
    if (!bind_order(row, stream->id, event.envelope)) continue;  // stored as unreadable
    if (auto done = statements_->upsert_order.run(); !done) return done;
  }
  for (const auto& event : batch.unreadable) {
    if (event.sequence < stream->next_sequence) continue;
    if (auto done = store_unreadable(stream->id, event); !done) return done;
    ++counts.unreadable;
  }
  for (const auto& gap : batch.gaps) {
    if (gap.to.value_or(gap.from) < stream->next_sequence) continue;
    auto& insert = statements_->insert_gap;
    insert.bind(1, stream->id);
    insert.bind(2, gap.from);
    if (gap.to) {
      insert.bind(3, *gap.to);
    } else {
      insert.bind_null(3);
    }
    insert.bind(4, gap.reason);
    insert.bind(5, now.value());
    if (auto done = insert.run(); !done) return done;
    ++counts.gaps;
  }
  auto& move = statements_->move_cursor;
  move.bind(1, batch.next_sequence);
  move.bind(2, std::int64_t{batch.closes});
  move.bind(3, now.value());
  move.bind(4, stream->id);
  return move.run();
}

Status SqliteStore::store_event(const Stream& stream, const StoredEvent& event,
                                ApplyCounts& counts) {
  const auto& envelope = event.envelope;
  Status done;
  switch (envelope.payload_case()) {
    case v1::Envelope::kOrder:
      done = store_order_event(stream.id, envelope);
      break;
    case v1::Envelope::kFill:
      done = store_fill(stream.id, event, counts);
      break;
    case v1::Envelope::kPosition: {
      Row row(statements_->upsert_position, scratch_);
      done = bind_position(row, stream.id, envelope);
      if (done) done = statements_->upsert_position.run();
      if (done) done = store_text_event(statements_->insert_account_event, stream.id, event, {});
      break;
    }
    case v1::Envelope::kBalance: {
      Row row(statements_->upsert_balance, scratch_);
      done = bind_balance(row, stream.id, envelope);
      if (done) done = statements_->upsert_balance.run();
      if (done) done = store_text_event(statements_->insert_account_event, stream.id, event, {});
      break;
    }
    case v1::Envelope::kRiskState:
    case v1::Envelope::kRiskLimits:
    case v1::Envelope::kRiskBreach:
    case v1::Envelope::kRiskKill:
      done =
          store_text_event(statements_->insert_risk_event, stream.id, event, risk_venue(envelope));
      break;
    default:
      done = store_text_event(statements_->insert_account_event, stream.id, event, {});
      break;
  }
  if (!done && done.error().code == ErrorCode::kMalformed) {
    ++counts.unreadable;
    return store_unreadable(stream.id, {.sequence = envelope.sequence(),
                                        .topic = event.topic,
                                        .payload = envelope.SerializeAsString(),
                                        .error = done.error().text});
  }
  if (done) ++counts.events;
  return done;
}

Status SqliteStore::store_order_event(std::int64_t stream_id, const v1::Envelope& envelope) {
  Row row(statements_->insert_order_event, scratch_);
  if (auto bound = bind_order_event(row, stream_id, envelope); !bound) return bound;
  return statements_->insert_order_event.run();
}

Status SqliteStore::store_fill(std::int64_t stream_id, const StoredEvent& event,
                               ApplyCounts& counts) {
  const auto& envelope = event.envelope;
  const auto& fill = envelope.fill();
  Row row(statements_->insert_fill, scratch_);
  if (auto bound = bind_fill(row, stream_id, envelope); !bound) return bound;
  if (auto done = statements_->insert_fill.run(); !done) return done;
  if (connection_.changes() == 1) return {};

  // The execution is already there under another number: a new stream, or another gateway, reports
  // it again. It counts once.
  const auto price = to_wide_decimal(fill.price());
  const auto amount = to_wide_decimal(fill.amount());
  std::string price_text;
  std::string amount_text;
  price->append_json(price_text);  // bound above: in range
  amount->append_json(amount_text);
  auto& find = statements_->find_fill;
  find.bind(1, fill.venue());
  find.bind(2, fill.account());
  find.bind(3, fill.trade_id());
  find.bind(4, fill.exchange_order_id());
  const auto found = find.step();
  const bool same = found && *found && find.column_text(2) == fill.trading_pair() &&
                    find.column_text(3) == fill.trade_type() && find.column_text(4) == price_text &&
                    find.column_text(5) == amount_text;
  find.reset();
  if (!found) return tl::unexpected(found.error());
  ++counts.fill_repeats;
  if (!same) ++counts.fill_conflicts;
  const std::string data = payload_json(envelope);
  auto& insert = statements_->insert_repeat;
  insert.bind(1, stream_id);
  insert.bind(2, envelope.sequence());
  insert.bind(3, envelope.topic_sequence());
  insert.bind(4, envelope.timestamp());
  insert.bind(5, std::int64_t{same});
  insert.bind(6, data);
  return insert.run();
}

Status SqliteStore::store_text_event(Statement& statement, std::int64_t stream_id,
                                     const StoredEvent& event,
                                     std::optional<std::string_view> venue) {
  const auto& envelope = event.envelope;
  const std::string data = payload_json(envelope);
  statement.bind(1, stream_id);
  statement.bind(2, envelope.sequence());
  statement.bind(3, envelope.topic_sequence());
  statement.bind(4, envelope.timestamp());
  statement.bind(5, envelope.event_type());
  statement.bind(6, event.topic);
  statement.bind(7, data);
  if (venue) statement.bind(8, *venue);
  return statement.run();
}

Status SqliteStore::store_unreadable(std::int64_t stream_id, const UnreadableEvent& event) {
  auto& insert = statements_->insert_unreadable;
  insert.bind(1, stream_id);
  insert.bind(2, event.sequence);
  insert.bind(3, event.topic);
  insert.bind_blob(4, event.payload);
  insert.bind(5, event.error);
  return insert.run();
}

}  // namespace perpwire::persister
