// Reads every event of the order gateways and of the risk engine from their replay pages and keeps
// it, exactly once, in a database.

#include "libs/common/service.hpp"
#include "services/persister/config.hpp"
#include "services/persister/persister_app.hpp"
#include "services/persister/sqlite_store.hpp"

int main(int argc, char** argv) {
  using namespace perpwire;
  return run_service(argc, argv,
                     {.process = "persister", .metrics_port_offset = 3, .before_threads = {}},
                     [](ServiceContext& context) {
                       const auto database = persister::database_file(context.settings());
                       persister::check_schema(database);  // throws ConfigError
                       persister::PersisterApp persister{context, persister::store_opener(database),
                                                         persister::event_sources(context)};
                       context.run();
                     });
}
