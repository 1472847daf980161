#include "libs/common/build_info.hpp"
#include "libs/common/curve_door.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/service.hpp"
#include "libs/common/time.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "services/signer/file_store.hpp"
#include "services/signer/sandbox.hpp"
#include "services/signer/service_config.hpp"
#include "services/signer/signer_core.hpp"
#include "services/signer/signer_endpoint.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#ifdef __SANITIZE_ADDRESS__
// The leak checker looks into the process with ptrace, which the sandbox forbids.
extern "C" const char* __asan_default_options();  // NOLINT: the sanitizer's name
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }  // NOLINT
#endif

namespace {

template <class T>
T or_refuse(perpwire::Result<T> result) {
  if (!result) {
    throw perpwire::ConfigError(result.error().text);
  }
  return std::move(*result);
}

/// `log` and `syncer` outlive the last collection of the metrics.
void show_audit_syncs(perpwire::Metrics& metrics, const perpwire::journal::AuditFile& log,
                      const perpwire::journal::AuditSyncer& syncer) {
  auto syncs = metrics.gauge("perpwire_signer_audit_syncs", "Syncs of the audit log's files");
  auto longest = metrics.gauge("perpwire_signer_audit_sync_seconds_max", "The slowest of them");
  auto waiting = metrics.gauge("perpwire_signer_audit_unsynced_lines",
                               "Lines that a power cut would lose now");
  metrics.before_collect([=, &log, &syncer]() mutable {
    const auto unsynced = log.number() - std::min(log.number(), syncer.synced());
    syncs.set(static_cast<double>(syncer.syncs()));                    // not money: a metric
    longest.set(static_cast<double>(syncer.longest().count()) / 1e9);  // not money: a metric
    waiting.set(static_cast<double>(unsynced));                        // not money: a metric
  });
}

void run(perpwire::ServiceContext& context) {
  using namespace perpwire;
  const auto& settings = context.settings();
  auto config = signer::make_service_config(settings);
  signer::FileStore store{context.data_folder(), context.run_folder(), settings.signer.audit_sync};
  signer::apply_key_plan(settings, or_refuse(store.load_key_plan()), config);
  auto keys = signer::unlock_keys(settings, config.keys);
  if (const auto missing = signer::lock_memory(); !missing.empty()) {
    spdlog::warn("memory not locked {}", missing);
  }
  const signer::ClockReading start{wall_clock_now(), boottime_now()};
  show_audit_syncs(context.metrics(), store.audit(), store.audit_syncer());
  const auto state =
      or_refuse(store.load(config.keys, config.accounts, or_refuse(signer::read_boot_id()), start));
  signer::SignerCore core{std::move(config.core), std::move(keys.ring), state, store, start};
  core.note("started", "",
            fmt::format("version {} build {} policy {} torn bytes {}", version(), build_id(),
                        config.policy_hash.empty() ? "none" : config.policy_hash,
                        store.audit().torn_bytes()),
            start.wall);
  CurveDoor door{context, settings.signer.curve, "signer"};
  signer::SignerEndpoint endpoint{
      context.io(),
      context.zmq(),
      context.metrics(),
      core,
      {.endpoint = settings.signer.endpoint,
       .direct = settings.signer.direct,
       .instance = context.instance(),
       .uids = config.uids,
       .operators = config.operators,
       .policy_hash = config.policy_hash,
       .hello = {.same_build = false, .allow_builds = settings.order_gateway.allow_builds},
       .curve = door.of(settings.signer.endpoint, "signer"),
       .clients = settings.curve.clients,
       .load_key =
           [&settings, &keys](const std::string& name) {
             return keystore::load_key(settings.signer.keystore_dir, name, keys.passphrase);
           },
       .audit = &store.audit()}};
  signer::forbid_connections();
  context.run();
  core.note("stopped", "", "", wall_clock_now());
}

}  // namespace

int main(int argc, char** argv) {
  return perpwire::run_service(
      argc, argv,
      {.process = "signer",
       .serve_http = false,
       .before_threads =
           [](const perpwire::Settings& settings) {
             perpwire::signer::enter_sandbox(settings.signer.endpoint.starts_with("tcp://"));
           }},
      run);
}
