#include "services/persister/sqlite_schema.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

namespace perpwire::persister {
namespace {

// STRICT: a decimal is TEXT and stays text. History tables are clustered by (stream_id, sequence),
// the order in which they are written, and carry no index on a random text but the one that makes
// an execution unique.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE streams (
  stream_id       INTEGER PRIMARY KEY,
  stream          TEXT NOT NULL UNIQUE,
  next_sequence   INTEGER NOT NULL,
  closed          INTEGER NOT NULL DEFAULT 0,
  previous_stream TEXT,
  stored_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE gaps (
  stream_id     INTEGER NOT NULL REFERENCES streams,
  from_sequence INTEGER NOT NULL,
  to_sequence   INTEGER,
  reason        TEXT NOT NULL,
  noticed_at    INTEGER NOT NULL,
  PRIMARY KEY (stream_id, from_sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_events (
  stream_id              INTEGER NOT NULL REFERENCES streams,
  sequence               INTEGER NOT NULL,
  topic_sequence         INTEGER NOT NULL,
  timestamp              INTEGER NOT NULL,
  event_type             TEXT NOT NULL,
  venue                  TEXT NOT NULL,
  account                TEXT NOT NULL,
  client_order_id        TEXT NOT NULL,
  exchange_order_id      TEXT,
  trading_pair           TEXT NOT NULL,
  trade_type             TEXT NOT NULL,
  order_type             TEXT NOT NULL,
  time_in_force          TEXT NOT NULL,
  reduce_only            INTEGER NOT NULL,
  price                  TEXT,
  trigger_price          TEXT,
  amount                 TEXT NOT NULL,
  filled_amount          TEXT NOT NULL,
  average_executed_price TEXT,
  fee_paid               TEXT NOT NULL,
  fee_asset              TEXT,
  order_state            TEXT NOT NULL,
  creation_timestamp     INTEGER NOT NULL,
  last_update_timestamp  INTEGER NOT NULL,
  trade_id               TEXT,
  strategy               TEXT,
  failure_code           TEXT,
  failure_reason         TEXT,
  command_received       INTEGER,
  decided                INTEGER,
  signed                 INTEGER,
  sent                   INTEGER,
  acked                  INTEGER,
  PRIMARY KEY (stream_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  account                TEXT NOT NULL,
  client_order_id        TEXT NOT NULL,
  venue                  TEXT NOT NULL,
  exchange_order_id      TEXT,
  trading_pair           TEXT NOT NULL,
  trade_type             TEXT NOT NULL,
  order_type             TEXT NOT NULL,
  time_in_force          TEXT NOT NULL,
  reduce_only            INTEGER NOT NULL,
  price                  TEXT,
  trigger_price          TEXT,
  amount                 TEXT NOT NULL,
  filled_amount          TEXT NOT NULL,
  average_executed_price TEXT,
  fee_paid               TEXT NOT NULL,
  fee_asset              TEXT,
  order_state            TEXT NOT NULL,
  creation_timestamp     INTEGER NOT NULL,
  last_update_timestamp  INTEGER NOT NULL,
  strategy               TEXT,
  failure_code           TEXT,
  failure_reason         TEXT,
  stream_id              INTEGER NOT NULL REFERENCES streams,
  sequence               INTEGER NOT NULL,
  PRIMARY KEY (account, client_order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fills (
  stream_id          INTEGER NOT NULL REFERENCES streams,
  sequence           INTEGER NOT NULL,
  topic_sequence     INTEGER NOT NULL,
  timestamp          INTEGER NOT NULL,
  venue              TEXT NOT NULL,
  account            TEXT NOT NULL,
  trade_id           TEXT NOT NULL,
  client_order_id    TEXT,
  exchange_order_id  TEXT NOT NULL,
  trading_pair       TEXT NOT NULL,
  trade_type         TEXT NOT NULL,
  price              TEXT NOT NULL,
  amount             TEXT NOT NULL,
  liquidity          TEXT NOT NULL,
  fee_paid           TEXT NOT NULL,
  fee_asset          TEXT NOT NULL,
  closed_pnl         TEXT,
  exchange_timestamp INTEGER NOT NULL,
  PRIMARY KEY (stream_id, sequence),
  UNIQUE (venue, account, trade_id, exchange_order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fill_repeats (
  stream_id         INTEGER NOT NULL REFERENCES streams,
  sequence          INTEGER NOT NULL,
  topic_sequence    INTEGER NOT NULL,
  timestamp         INTEGER NOT NULL,
  same_content      INTEGER NOT NULL,
  data              TEXT NOT NULL,
  PRIMARY KEY (stream_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE positions (
  venue             TEXT NOT NULL,
  account           TEXT NOT NULL,
  trading_pair      TEXT NOT NULL,
  amount            TEXT NOT NULL,
  entry_price       TEXT,
  mark_price        TEXT,
  unrealized_pnl    TEXT,
  realized_pnl      TEXT,
  leverage          INTEGER,
  margin_mode       TEXT,
  liquidation_price TEXT,
  timestamp         INTEGER NOT NULL,
  stream_id         INTEGER NOT NULL REFERENCES streams,
  sequence          INTEGER NOT NULL,
  PRIMARY KEY (venue, account, trading_pair)
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
  venue     TEXT NOT NULL,
  account   TEXT NOT NULL,
  asset     TEXT NOT NULL,
  total     TEXT NOT NULL,
  available TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  stream_id INTEGER NOT NULL REFERENCES streams,
  sequence  INTEGER NOT NULL,
  PRIMARY KEY (venue, account, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_events (
  stream_id      INTEGER NOT NULL REFERENCES streams,
  sequence       INTEGER NOT NULL,
  topic_sequence INTEGER NOT NULL,
  timestamp      INTEGER NOT NULL,
  event_type     TEXT NOT NULL,
  topic          TEXT NOT NULL,
  data           TEXT NOT NULL,
  PRIMARY KEY (stream_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE risk_events (
  stream_id      INTEGER NOT NULL REFERENCES streams,
  sequence       INTEGER NOT NULL,
  topic_sequence INTEGER NOT NULL,
  timestamp      INTEGER NOT NULL,
  event_type     TEXT NOT NULL,
  topic          TEXT NOT NULL,
  venue          TEXT NOT NULL,
  data           TEXT NOT NULL,
  PRIMARY KEY (stream_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE unreadable_events (
  stream_id INTEGER NOT NULL REFERENCES streams,
  sequence  INTEGER NOT NULL,
  topic     TEXT NOT NULL,
  payload   BLOB NOT NULL,
  error     TEXT NOT NULL,
  PRIMARY KEY (stream_id, sequence)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array kMigrations{Migration{1, kVersion1}};

Result<int> current_version(Connection& connection) {
  const auto known = connection.query_int(
      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'");
  if (!known) return tl::unexpected(known.error());
  if (known->value_or(0) == 1) {
    const auto version =
        connection.query_int("SELECT coalesce(max(version), 0) FROM schema_version");
    if (!version) return tl::unexpected(version.error());
    return static_cast<int>(version->value_or(0));
  }
  const auto tables =
      connection.query_int("SELECT count(*) FROM sqlite_master WHERE type = 'table'");
  if (!tables) return tl::unexpected(tables.error());
  if (tables->value_or(0) != 0) {
    return fail(ErrorCode::kVersionMismatch,
                fmt::format("database: expected an empty one or one with a table schema_version, "
                            "found {} tables of another program",
                            tables->value_or(0)));
  }
  return 0;
}

Status step_up(Connection& connection, const Migration& step) {
  if (auto done = connection.exec(step.sql); !done) return done;
  return connection.exec(
      fmt::format("INSERT INTO schema_version (version, applied_at) VALUES ({}, unixepoch())",
                  step.version)
          .c_str());
}

}  // namespace

std::span<const Migration> schema_migrations() { return kMigrations; }

Status migrate(Connection& connection, std::span<const Migration> migrations) {
  // IMMEDIATE: two processes that open a new file at once take turns.
  if (auto done = connection.exec("BEGIN IMMEDIATE"); !done) return done;
  auto run = [&]() -> Status {
    const auto version = current_version(connection);
    if (!version) return tl::unexpected(version.error());
    const int newest = migrations.empty() ? 0 : migrations.back().version;
    if (*version > newest) {
      return fail(ErrorCode::kVersionMismatch,
                  fmt::format("database: schema version {}, this perpwire-persister knows versions "
                              "up to {}: run the newer one",
                              *version, newest));
    }
    if (*version == 0) {
      if (auto done = connection.exec("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, "
                                      "applied_at INTEGER NOT NULL) STRICT");
          !done) {
        return done;
      }
    }
    for (const auto& step : migrations) {
      if (step.version <= *version) continue;
      if (auto done = step_up(connection, step); !done) return done;
    }
    return {};
  };
  const auto done = run();
  if (!done) {
    ignore(connection.exec("ROLLBACK"), "nothing was changed");
    return done;
  }
  return connection.exec("COMMIT");
}

}  // namespace perpwire::persister
