#include "services/persister/config.hpp"

#include "services/persister/sqlite_store.hpp"

#include <fmt/format.h>

namespace perpwire::persister {

std::string database_file(const Settings& settings) {
  constexpr std::string_view kScheme = "sqlite:";
  const std::string& database = settings.persister.database;
  if (database.rfind(kScheme, 0) != 0) {
    throw ConfigError(fmt::format(
        "{}: persister.database: expected \"sqlite:FILE\" (PostgreSQL is not built yet), found "
        "\"{}\"",
        settings.file.string(), database));
  }
  return database.substr(kScheme.size());
}

void check_schema(const std::string& file) {
  const auto store = SqliteStore::open({.path = file});
  if (!store && store.error().code == ErrorCode::kVersionMismatch) {
    throw ConfigError(store.error().text);
  }
}

StoreWriter::OpenStore store_opener(const std::string& file) {
  return [file]() -> Result<std::unique_ptr<Store>> {
    auto store = SqliteStore::open({.path = file});
    if (!store) return tl::unexpected(store.error());
    return std::unique_ptr<Store>(std::move(*store));
  };
}

std::vector<SourceConfig> event_sources(const ServiceContext& context) {
  const Settings& settings = context.settings();
  PageReaderSettings reader;
  reader.poll_interval = settings.persister.poll_interval;
  reader.gather = std::chrono::milliseconds(20);
  const std::vector<std::string> gateway_topics{"orders.",   "fills.",       "positions.",
                                                "balances.", "adjustments.", "funding.",
                                                "ledger.",   "gateway.",     "stream."};
  const auto curve_to = [&](const std::string& endpoint, const CurveIdentity& server) {
    return curve_client(endpoint, server.public_key, settings.persister.curve_key,
                        "persister.curve_key");
  };
  std::vector<SourceConfig> sources;
  sources.push_back(
      {.name = "order-gateway",
       .instance = context.instance(),
       .events = settings.order_gateway.events,
       .replay = settings.order_gateway.replay,
       .replay_curve = curve_to(settings.order_gateway.replay, settings.order_gateway.curve),
       .topics = gateway_topics,
       .reader = reader});
  if (const auto found = settings.instances.find("order_gateway");
      found != settings.instances.end()) {
    for (const auto& instance : found->second) {
      const auto overlaid = load_settings(settings.file, "order-gateway", instance);
      sources.push_back(
          {.name = "order-gateway-" + instance,
           .instance = context.instance(),
           .events = overlaid.order_gateway.events,
           .replay = overlaid.order_gateway.replay,
           .replay_curve = curve_to(overlaid.order_gateway.replay, overlaid.order_gateway.curve),
           .topics = gateway_topics,
           .reader = reader});
    }
  }
  sources.push_back({.name = "risk",
                     .instance = context.instance(),
                     .events = settings.risk.events,
                     .replay = settings.risk.replay,
                     .replay_curve = curve_to(settings.risk.replay, settings.risk.curve),
                     .topics = {"risk.", "stream."},
                     .reader = reader});
  return sources;
}

}  // namespace perpwire::persister
