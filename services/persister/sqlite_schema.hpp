#pragma once

#include "libs/common/result.hpp"
#include "services/persister/sqlite.hpp"

#include <span>

namespace perpwire::persister {

/// One step of the schema, from version - 1 to version.
struct Migration {
  int version = 0;
  const char* sql = nullptr;
};

/// All of them, ascending from 1. The tables are described in README.md.
std::span<const Migration> schema_migrations();

/// Brings the database to the newest version of `migrations`, all steps in one transaction.
///
/// Errors: kVersionMismatch naming both versions if the file is newer than we know, or if it is a
///         database of somebody else; kWouldBlock and kIo as Connection::exec.
Status migrate(Connection& connection, std::span<const Migration> migrations);

}  // namespace perpwire::persister
