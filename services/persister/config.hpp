#pragma once

#include "libs/common/service.hpp"
#include "services/persister/source_link.hpp"
#include "services/persister/store_writer.hpp"

#include <string>
#include <vector>

namespace perpwire::persister {

/// The SQLite file of [persister] database.
std::string database_file(const Settings& settings);

/// Throws ConfigError if the file is there and cannot be ours: a newer schema, or another
/// program's. Anything else that is wrong with it is left to the writer, which waits.
void check_schema(const std::string& file);

StoreWriter::OpenStore store_opener(const std::string& file);

/// Every order gateway of the file (each instance has a journal of its own) and the risk engine.
std::vector<SourceConfig> event_sources(const ServiceContext& context);

}  // namespace perpwire::persister
