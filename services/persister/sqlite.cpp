#include "services/persister/sqlite.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace perpwire::persister {
namespace {

tl::unexpected<Error> sqlite_error(sqlite3* handle, int code) {
  const int primary = code & 0xff;
  ErrorCode kind = ErrorCode::kIo;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
    kind = ErrorCode::kWouldBlock;
  } else if (primary == SQLITE_ERROR || primary == SQLITE_MISUSE || primary == SQLITE_RANGE ||
             primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH) {
    kind = ErrorCode::kInternal;
  }
  const char* file = handle == nullptr ? nullptr : sqlite3_db_filename(handle, "main");
  return fail(kind,
              fmt::format("sqlite {}: {} (code {})", file == nullptr ? "" : file,
                          handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle), code));
}

}  // namespace

void Statement::Finalise::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
void Connection::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

void Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(handle_.get(), index, value);
}
void Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text(handle_.get(), index, text.data() == nullptr ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}
void Statement::bind_blob(int index, std::string_view bytes) {
  sqlite3_bind_blob(handle_.get(), index, bytes.data() == nullptr ? "" : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_STATIC);
}
void Statement::bind_null(int index) { sqlite3_bind_null(handle_.get(), index); }

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(handle_.get()), code);
}

Status Statement::run() {
  Result<bool> row = true;
  while (row && *row) row = step();
  Status done;
  if (!row) done = tl::unexpected(row.error());
  reset();
  return done;
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

std::int64_t Statement::column_int(int index) const {
  return sqlite3_column_int64(handle_.get(), index);
}

std::string Statement::column_text(int index) const {
  const auto* text = static_cast<const char*>(sqlite3_column_blob(handle_.get(), index));
  const int size = sqlite3_column_bytes(handle_.get(), index);
  return text == nullptr ? std::string{} : std::string(text, static_cast<std::size_t>(size));
}

Result<Connection> Connection::open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(handle);
  if (code != SQLITE_OK) {
    return fail(ErrorCode::kIo,
                fmt::format("sqlite {}: cannot open: {}", path, sqlite3_errstr(code)));
  }
  sqlite3_extended_result_codes(handle, 1);
  return connection;
}

Status Connection::exec(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_.get(), code);
  return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_.get(), code);
  return Statement(statement);
}

Result<std::optional<std::int64_t>> Connection::query_int(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row) return std::optional<std::int64_t>{};
  return std::optional<std::int64_t>{statement->column_int(0)};
}

std::int64_t Connection::changes() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Connection::last_insert_rowid() const {
  return sqlite3_last_insert_rowid(handle_.get());
}
bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

}  // namespace perpwire::persister
