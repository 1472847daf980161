#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace perpwire::persister {

/// A compiled statement. Columns and parameters count from 1 when bound, from 0 when read, as in
/// SQLite. Texts are bound by reference: they must live until the next reset().
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

  void bind(int index, std::int64_t value);
  void bind(int index, std::uint64_t value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, std::string_view text);
  void bind_blob(int index, std::string_view bytes);
  void bind_null(int index);

  /// Runs to the next row: true = a row is there, false = done. Errors as Connection::exec.
  Result<bool> step();
  /// Runs a statement without rows to its end, and resets it whatever happened.
  Status run();
  void reset();

  [[nodiscard]] std::int64_t column_int(int index) const;
  [[nodiscard]] std::string column_text(int index) const;

 private:
  struct Finalise {
    void operator()(sqlite3_stmt* handle) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalise> handle_;
};

/// One connection. One thread at a time.
class Connection {
 public:
  /// Opens or creates the file.
  ///
  /// Errors: kIo naming the file.
  static Result<Connection> open(const std::string& path);

  /// Errors: kWouldBlock while another connection holds the lock; kIo for everything that SQLite
  ///         says about the disk or the file; kInternal for a statement that is wrong.
  Status exec(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  /// The first column of the first row; nothing if there is no row.
  Result<std::optional<std::int64_t>> query_int(std::string_view sql);
  /// Rows that the last statement inserted, changed or deleted.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_insert_rowid() const;
  [[nodiscard]] bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace perpwire::persister
