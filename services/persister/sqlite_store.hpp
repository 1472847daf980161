#pragma once

#include "services/persister/sqlite.hpp"
#include "services/persister/sqlite_schema.hpp"
#include "services/persister/store.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace perpwire::persister {

struct SqliteOptions {
  std::string path;
  /// false: WAL with synchronous=NORMAL. A power cut may take the newest transactions with it,
  /// whole; their events are then read again from the journals. true: every transaction is synced.
  bool full_sync = false;
  /// How long one statement waits for another writer before it is kWouldBlock.
  int busy_timeout_ms = 100;
  int cache_mib = 64;
  std::span<const Migration> migrations = schema_migrations();
};

/// The store in one SQLite file in WAL mode: one writer (this), any number of readers beside it.
class SqliteStore final : public Store {
 public:
  /// Opens or creates the file and brings its schema up to date.
  ///
  /// Errors: kVersionMismatch (a newer schema, or another program's file): do not start.
  /// kWouldBlock
  ///         and kIo: try again later.
  static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options);
  ~SqliteStore() override;

  Result<std::vector<StreamCursor>> cursors() override;
  Result<ApplyCounts> apply(std::span<const Batch> batches, UnixNanos now) override;

  /// The file may not grow beyond this: how a test fills the disk.
  Status limit_pages(int pages);

 private:
  struct Stream {
    std::int64_t id = 0;
    std::uint64_t next_sequence = 1;
  };
  struct Statements;

  SqliteStore(std::string path, Connection connection, std::unique_ptr<Statements> statements);

  Result<ApplyCounts> apply_in_transaction(std::span<const Batch> batches, UnixNanos now);
  Result<Stream> stream_row(const Batch& batch, UnixNanos now);
  Status apply_batch(const Batch& batch, UnixNanos now, ApplyCounts& counts);
  Status store_event(const Stream& stream, const StoredEvent& event, ApplyCounts& counts);
  Status store_order_event(std::int64_t stream_id, const v1::Envelope& envelope);
  Status store_fill(std::int64_t stream_id, const StoredEvent& event, ApplyCounts& counts);
  Status store_text_event(Statement& statement, std::int64_t stream_id, const StoredEvent& event,
                          std::optional<std::string_view> venue);
  Status store_unreadable(std::int64_t stream_id, const UnreadableEvent& event);

  /// kIo if the file that we hold open is not the one at the path any more: writing on would be
  /// lost.
  Status check_file() const;

  std::string path_;
  std::uint64_t inode_ = 0;
  Connection connection_;
  std::unique_ptr<Statements> statements_;
  std::deque<std::string> scratch_;
};

}  // namespace perpwire::persister
