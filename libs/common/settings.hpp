#pragma once

#include "libs/common/config_table.hpp"
#include "libs/common/decimal.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {

/// What the whole suite is told: perpwire.toml, typed. Every process reads and checks the whole
/// file, so that a wrong key anywhere stops all of them alike, and then uses its own part.
///
/// Reference: docs/configuration.md, generated from the same table (`perpwire config reference`).

enum class Mode { kSim, kTestnet, kLive };
enum class ForeignOrders { kMine, kAll, kReport };
enum class OnStop { kLeave, kCancel };

std::string_view to_string(Mode mode);

struct VenueSettings {
  std::string name;
  std::string rest_url;                            // root, without a slash at the end
  std::string ws_url;                              // full path
  std::vector<std::string> dexs{""};               // "" = main DEX
  std::vector<std::string> symbols;                // trading pairs; "*" = all perps of `dexs`
  std::map<std::string, std::string> dex_aliases;  // alias -> the venue's DEX name
  std::string ca_file;            // additional trust anchors for TLS (PEM); empty = the system's
  std::string proxy;              // http://host:port for CONNECT; empty = none
  bool documented_limits = true;  // keep the venue's documented budgets; off only on loopback
  // Shares of the venue's IP budget in percent.
  std::int64_t ip_share_order_gateway = 60;
  std::int64_t ip_share_marketstream = 25;
  std::int64_t ip_share_risk = 15;
};

struct AccountSettings {
  std::string name;
  std::string venue;
  std::string address;       // 0x + 40 hex digits, lower case: the account traded
  std::string key;           // keystore file of the signer
  std::string cloid_prefix;  // 0x + 8 hex digits
  ForeignOrders foreign_orders = ForeignOrders::kMine;
  bool vault = false;  // the address is a sub-account or vault: actions carry it as vaultAddress
};

/// One process's key pair for endpoints on TCP, as server and as client.
struct CurveIdentity {
  std::filesystem::path key_file;  // of the process alone, mode 0600
  std::string public_key;          // Z85: what its clients must find there; empty = none
};

/// One of [curve.clients.NAME]: who may connect to endpoints on TCP.
struct CurvePeer {
  std::string name;
  std::string public_key;     // Z85
  bool is_operator = false;   // at the signer: may unlock, accept assets, read the audit log
  std::set<std::string> may;  // signer, commands, replay, control
};

struct CurveSettings {
  std::filesystem::path key_file;  // of tools and strategies: perpwire, the client libraries
  std::map<std::string, CurvePeer> clients;
};

struct SignerSettings {
  std::filesystem::path keystore_dir;
  std::filesystem::path policy_file;  // empty: the configured accounts and nothing else
  std::string passphrase;             // "fd:N", "credential:NAME", "terminal"
  std::string endpoint;
  std::string direct;  // unix:///PATH, what the gateway uses; empty: none, it uses `endpoint`
  std::vector<std::string>
      allow_users;  // users whose processes may ask; empty: the signer's own user and root
  std::vector<std::string>
      operators;  // and who may unlock keys; always the signer's own user, root
  CurveIdentity curve;
  Nanos audit_sync{};  // audit lines are on the disk by then; 0 = before the signature leaves
};

struct WsPostSettings {
  bool enabled = true;
  Nanos timeout{};
  bool fallback_to_rest = true;
  std::int64_t max_consecutive_failures = 5;
  Nanos failure_cooldown{};
};

struct OrderGatewaySettings {
  std::string events;
  std::string commands;
  std::string replay;
  CurveIdentity curve;  // of commands and replay
  Nanos expires_after{};
  Nanos id_retention{};
  Nanos final_order_retention{};
  WsPostSettings ws_post;
  OnStop on_stop = OnStop::kLeave;
  std::int64_t max_unanswered = 40;
  Nanos coalesce_window{};  // orders and cancels within it share an action; 0 = each its own
  std::int64_t default_slippage_bps = 50;  // MARKET orders without a cap of their own
  Nanos reference_stale_after{};
  Nanos reconcile_interval{};
  Nanos max_clock_skew{};
  std::int64_t journal_max_bytes = 0;
  std::int64_t final_orders_max = 0;  // final orders held in memory at most
  bool stop_after_adjustment = true;  // of a position: its pair trades on only when accepted
  bool refuse_self_trade = true;      // orders that would meet one of our own
  bool schedule_cancel = true;        // keep the venue's dead man's switch armed
  Nanos schedule_cancel_after{};      // it fires so long after the last renewal
  std::vector<std::string> durable_consumers;
  std::vector<std::string> allow_builds;
};

struct MarketstreamSettings {
  std::string events;
  std::string requests;
  std::vector<std::string> venues;
  std::int64_t depth = 20;
  std::vector<std::string> candles;
  Nanos stale_after{};
  std::vector<std::string> channels;
  Nanos instruments_interval{};
  // Most messages a second and topic; 0 = every one. Channels book, bbo, ticker, mids.
  std::map<std::string, std::int64_t> pace;
};

struct RiskSettings {
  std::filesystem::path limits;
  std::string events;
  std::string control;
  std::string replay;
  CurveIdentity curve;               // of control and replay
  Nanos gateway_ack_deadline{};      // halt not acknowledged by then: own path
  Nanos gateway_confirm_deadline{};  // orders still open by then: own path
  Nanos confirm_interval{};  // between two questions to the venue while a kill is not confirmed
  std::string on_limits_difference;  // refuse | file | durable
  std::string daily_loss_level;      // CANCEL_ALL | REDUCE_ONLY | PAUSED | FLATTEN
  std::string position_level;        // the same words: a position beyond max_position
  std::string resume;                // one_step | two_step: a second operator confirms
  std::vector<std::string> allow_builds;
};

struct PersisterSettings {
  std::filesystem::path curve_key;  // its pair, for replay pages over TCP
  std::string database;             // sqlite:FILE | postgresql://...
  Nanos poll_interval{};
};

struct MetricsSettings {
  bool enabled = true;
  std::int64_t base_port = 9600;  // 0: any free port, named in the log
};

struct LoggingSettings {
  std::string level;
  std::string format;          // text | json
  std::filesystem::path file;  // empty: standard error
};

struct Settings {
  Mode mode = Mode::kSim;
  std::filesystem::path run_dir;
  std::filesystem::path data_dir;
  std::filesystem::path file;  // where it was read from
  std::map<std::string, VenueSettings> venues;
  std::map<std::string, AccountSettings> accounts;
  CurveSettings curve;
  SignerSettings signer;
  OrderGatewaySettings order_gateway;
  MarketstreamSettings marketstream;
  RiskSettings risk;
  PersisterSettings persister;
  MetricsSettings metrics;
  LoggingSettings logging;
  /// Instances that the file names beside "main", by process: [order_gateway.NAME].
  std::map<std::string, std::set<std::string>> instances;

  [[nodiscard]] std::string_view network() const {
    return mode == Mode::kLive ? "mainnet" : "testnet";
  }
};

/// Reads and checks the whole file. `process` and `instance` choose whose overlay
/// ([order_gateway.desk2]) is laid over that process's table; "main" has none. Errors: ConfigError
/// naming file, key, what was expected and what was found.
Settings load_settings(const std::filesystem::path& file, std::string_view process = "",
                       std::string_view instance = "main");
Settings parse_settings(std::string_view text, std::string_view name, std::string_view process = "",
                        std::string_view instance = "main");

/// Every key of the file with its type and default, in the order in which it is read:
/// [accounts.NAME] stands for each account.
std::vector<ConfigKey> settings_keys();

/// Folder names below run_dir and data_dir: "gateway" for order-gateway, with "-<instance>" unless
/// it is "main".
std::string process_folder(std::string_view process, std::string_view instance);

/// Keys that SIGHUP applies without a restart.
bool is_reloadable_key(std::string_view key);

}  // namespace perpwire
