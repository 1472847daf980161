#include "tools/cli/config_reference.hpp"

#include "libs/common/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace perpwire::cli {
namespace {

using Row = std::pair<std::string_view, std::string_view>;

// What each key means; type and default come from the program itself.
constexpr std::array kMeanings{
    Row{"mode",
        "sim: the simulator on loopback only; testnet; live: real money, needs [risk] limits"},
    Row{"run_dir", "sockets and locks; absolute"},
    Row{"data_dir", "journals, database, keystore, audit log; absolute"},
    Row{"venues.hyperliquid.rest_url",
        "root of the REST interface; by mode; plain http on loopback only"},
    Row{"venues.hyperliquid.ws_url",
        "full path of the WebSocket; by mode; plain ws on loopback only"},
    Row{"venues.hyperliquid.dexs",
        "DEXes to trade on; \"\" = the main one, else the venue's name of a builder DEX"},
    Row{"venues.hyperliquid.symbols",
        "trading pairs, \"BTC-USD\" or \"hyna:BTC-USD\"; \"*\" = all perps of `dexs`"},
    Row{"venues.hyperliquid.dex_aliases",
        "other names for DEXes where a command takes one; hyena = hyna and felix = flx unless set"},
    Row{"venues.hyperliquid.ca_file",
        "PEM file of further trust anchors for TLS; empty = the system's alone"},
    Row{"venues.hyperliquid.proxy", "http://host:port asked by CONNECT; empty = none"},
    Row{"venues.hyperliquid.limits",
        "keep the venue's documented request budgets; off on loopback only"},
    Row{"venues.hyperliquid.ip_share.order_gateway",
        "percent of the venue's IP budget for the order gateway; all three at most 100"},
    Row{"venues.hyperliquid.ip_share.marketstream", "percent for marketstream"},
    Row{"venues.hyperliquid.ip_share.risk", "percent for risk's own cancel path"},
    Row{"accounts.NAME.venue", "name of a table [venues.X]"},
    Row{"accounts.NAME.address",
        "0x and 40 hex digits: the account traded (master, sub-account or vault), not the API "
        "wallet"},
    Row{"accounts.NAME.key", "name of the signer's keystore file that signs for it"},
    Row{"accounts.NAME.cloid_prefix",
        "first 4 bytes of our orders' ids at the venue, highest bit set; the same for every "
        "gateway of the account"},
    Row{"accounts.NAME.foreign_orders",
        "orders without our prefix: mine = leave alone; all = touched by cancel_all, halt and "
        "panic too; report = leave alone, publish as events"},
    Row{"accounts.NAME.vault",
        "the address is a sub-account or vault: actions name it as vaultAddress"},
    Row{"curve.key",
        "key pair of tools and strategies here (perpwire keys curve), for processes "
        "on TCP; mode 0600"},
    Row{"curve.clients.NAME.public_key",
        "Z85 of the key that may connect to our endpoints on TCP under this name"},
    Row{"curve.clients.NAME.role",
        "client | operator: at the signer an operator may unlock, accept asset numbers and read "
        "the "
        "audit log"},
    Row{"curve.clients.NAME.may", "where it may connect: signer, commands, replay, control"},
    Row{"signer.keystore_dir", "folder of the keystore files, mode 0700"},
    Row{"signer.policy_file",
        "what may be signed; empty = orders of the configured accounts and nothing else"},
    Row{"signer.passphrase",
        "where to read it: \"fd:N\", \"credential:NAME\" or \"terminal\"; never the passphrase "
        "itself"},
    Row{"signer.curve_key",
        "its key pair (perpwire keys curve), mode 0600; needed where the endpoint is TCP"},
    Row{"signer.curve_public_key", "the public half, which its clients must find there"},
    Row{"signer.endpoint", "its socket: ipc, or TCP with CURVE keys"},
    Row{"signer.direct",
        "a second socket, without ZeroMQ between, which the gateway uses: two wake-ups of threads "
        "a "
        "signature instead of six; \"\" = none, the gateway uses `endpoint`"},
    Row{"signer.allow_users",
        "users whose processes may ask; empty = the signer's own user and root"},
    Row{"signer.operators",
        "users who may unlock what others locked, accept an asset number and read the audit log; "
        "the signer's own and root always"},
    Row{"signer.audit_sync",
        "audit lines are on the disk by then, off the path of signatures; 0s = before each "
        "signature leaves; what is no signature nor refusal always is before its answer"},
    Row{"order_gateway.events",
        "XPUB of orders, fills, positions, balances, status; loopback tcp or ipc"},
    Row{"order_gateway.curve_key",
        "its key pair (perpwire keys curve), mode 0600: for its own endpoints on TCP, and towards "
        "a "
        "signer on TCP"},
    Row{"order_gateway.curve_public_key", "the public half, which its clients must find there"},
    Row{"order_gateway.commands", "ROUTER for commands and queries: ipc, or TCP with CURVE keys"},
    Row{"order_gateway.replay", "ROUTER for replay pages: ipc, or TCP with CURVE keys"},
    Row{"order_gateway.expires_after_ms",
        "every action carries it: after signing plus this the venue refuses it"},
    Row{"order_gateway.id_retention", "how long client order ids are remembered at least"},
    Row{"order_gateway.final_order_retention",
        "how long a final order stays in memory for queries"},
    Row{"order_gateway.ws_post.enabled", "send actions over the WebSocket; else REST alone"},
    Row{"order_gateway.ws_post.timeout_ms",
        "without an answer by then: fallback; plus 2000 at most expires_after_ms"},
    Row{"order_gateway.ws_post.fallback_to_rest",
        "send the same signed bytes by REST after a timeout or a lost connection"},
    Row{"order_gateway.ws_post.max_consecutive_failures", "then the WebSocket path cools down"},
    Row{"order_gateway.ws_post.failure_cooldown_s", "how long it does, in seconds"},
    Row{"order_gateway.on_stop", "open orders when the gateway is asked to stop: leave or cancel"},
    Row{"order_gateway.max_unanswered", "actions of one key on the way at a time"},
    Row{"order_gateway.coalesce_window",
        "orders that come within it after the last action share the next one, cancels too; 0 = an "
        "action each"},
    Row{"order_gateway.default_slippage_bps",
        "MARKET orders without a cap of their own: most distance from the reference price"},
    Row{"order_gateway.reference_stale_after",
        "a reference price older than this refuses orders that need one (STALE_PRICE)"},
    Row{"order_gateway.reconcile_interval",
        "time between sweeps of our orders against the venue's"},
    Row{"order_gateway.max_clock_skew",
        "our clock further off the venue's than this refuses new orders (CLOCK_SKEW)"},
    Row{"order_gateway.journal_max_bytes",
        "most the journal may take; over it new orders are refused until it can be trimmed"},
    Row{"order_gateway.final_orders_max",
        "final orders held in memory at most; the oldest go first, their ids stay known"},
    Row{"order_gateway.after_adjustment",
        "a position that our fills do not explain: stop = its pair takes no new orders until an "
        "operator accepts it; continue = it does"},
    Row{"order_gateway.self_trade",
        "an order that would meet one of our own on the book: refuse or allow (the venue then "
        "cancels the resting one)"},
    Row{"order_gateway.schedule_cancel",
        "keep the venue's scheduled cancel armed where the account may use it"},
    Row{"order_gateway.schedule_cancel_after",
        "it cancels everything so long after its last renewal; at least 15s"},
    Row{"order_gateway.durable_consumers",
        "who must have stored events before they may be trimmed, such as \"persister.main\""},
    Row{"order_gateway.allow_builds", "other build ids that signer and risk may have"},
    Row{"marketstream.events", "XPUB of market data; loopback tcp or ipc"},
    Row{"marketstream.requests", "ROUTER for snapshots, subscriptions, candles and instruments"},
    Row{"marketstream.venues", "which tables [venues.X] it serves; all by default"},
    Row{"marketstream.depth", "levels a side in `book`"},
    Row{"marketstream.candles", "intervals: 1m 3m 5m 15m 30m 1h 4h 1d"},
    Row{"marketstream.stale_after_s", "seconds of silence after which a feed is STALE"},
    Row{"marketstream.channels", "what is published"},
    Row{"marketstream.instruments_interval", "how often instrument definitions are asked anew"},
    Row{"marketstream.pace.book", "most `book` messages a second and pair; 0 = every one"},
    Row{"marketstream.pace.bbo", "the same for `bbo`"},
    Row{"marketstream.pace.ticker", "the same for `ticker`"},
    Row{"marketstream.pace.mids", "the same for `mids`"},
    Row{"risk.limits",
        "limits file (TOML), relative to this file; without limits nothing is traded"},
    Row{"risk.events", "XPUB of state, limits, breaches, kills; loopback tcp or ipc"},
    Row{"risk.curve_key",
        "its key pair (perpwire keys curve), mode 0600: for its own endpoints on TCP, and towards "
        "signer and gateway on TCP"},
    Row{"risk.curve_public_key", "the public half, which its clients must find there"},
    Row{"risk.control",
        "ROUTER for operators: status, halt, resume, set limits; ipc, or TCP with CURVE keys"},
    Row{"risk.replay", "ROUTER for replay pages: ipc, or TCP with CURVE keys"},
    Row{"risk.gateway_ack_deadline",
        "a halt that the gateway has not acknowledged by then: risk cancels by its own path"},
    Row{"risk.gateway_confirm_deadline", "orders still open by then: risk cancels by its own path"},
    Row{"risk.confirm_interval", "time between two questions to the venue until nothing is open"},
    Row{"risk.on_limits_difference",
        "limits set at run time differ from the file's at start: refuse to start, or which of the "
        "two to take"},
    Row{"risk.daily_loss_level", "level taken when max_daily_loss is reached"},
    Row{"risk.position_level", "level taken when a position is beyond its limit"},
    Row{"risk.resume", "one_step: one operator resumes; two_step: a second one must confirm"},
    Row{"risk.allow_builds", "other build ids that gateway and signer may have"},
    Row{"persister.curve_key",
        "its key pair (perpwire keys curve), mode 0600: for replay pages over TCP"},
    Row{"persister.database",
        "sqlite:FILE, below data_dir unless absolute; PostgreSQL is not built yet"},
    Row{"persister.poll_interval",
        "how often journals are asked when nothing on the bus hints at news"},
    Row{"metrics.enabled", "serve Prometheus metrics and /healthz on loopback"},
    Row{"metrics.base_port",
        "marketstream +0, order-gateway +1, risk +2, persister +3, api +4, venue-sim +5; 0 = any "
        "free port, named in the log"},
    Row{"logging.level", "the one key that SIGHUP applies without a restart"},
    Row{"logging.format", "lines for people, or JSON lines"},
    Row{"logging.file", "empty = standard error"},
};

std::string_view meaning(std::string_view path) {
  const auto* found = std::find_if(kMeanings.begin(), kMeanings.end(),
                                   [&](const Row& row) { return row.first == path; });
  return found == kMeanings.end() ? std::string_view() : found->second;
}

std::string table_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

/// A vertical line would end the cell.
std::string in_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

constexpr std::string_view kHead =
    "# Configuration\n\n"
    "Written by `perpwire config reference`; a test compares the two. One file, `perpwire.toml`, "
    "is "
    "read by every process (`--config FILE`).\nUnknown keys are errors that name the nearest known "
    "one; `perpwire config check` reads a file without starting anything, `perpwire config diff`\n"
    "compares two. On SIGHUP a process checks the file, applies what it can (logging.level) and "
    "names "
    "the keys that need a restart; a wrong file changes\nnothing. Prices, amounts and other "
    "decimals "
    "are text in quotes. A second order gateway, started with `--instance NAME`, reads\n"
    "`[order_gateway.NAME]` on top of `[order_gateway]`.\n";

}  // namespace

std::string config_reference() {
  const auto keys = settings_keys();
  std::vector<std::string> tables;
  std::map<std::string, std::string> rows;
  for (const auto& key : keys) {
    const auto table = table_of(key.path);
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
    rows[table] +=
        fmt::format("| `{}` | {} | {} | {} |\n",
                    key.path.substr(table.empty() ? 0 : table.size() + 1), in_cell(key.type),
                    key.fallback.empty() ? std::string("–") : "`" + in_cell(key.fallback) + "`",
                    in_cell(meaning(key.path)));
  }
  std::string out(kHead);
  for (const auto& table : tables) {
    out +=
        fmt::format("\n## {}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n{}",
                    table.empty() ? "Top level" : "[" + table + "]", rows[table]);
  }
  return out;
}

std::vector<std::string> unexplained_keys() {
  std::vector<std::string> out;
  for (const auto& key : settings_keys()) {
    if (meaning(key.path).empty()) out.push_back(key.path);
  }
  return out;
}

std::vector<std::string> explained_but_unread_keys() {
  const auto keys = settings_keys();
  std::vector<std::string> out;
  for (const auto& meaning : kMeanings) {
    const auto& path = meaning.first;
    const bool read = std::any_of(keys.begin(), keys.end(),
                                  [&](const ConfigKey& key) { return key.path == path; });
    if (!read) out.emplace_back(path);
  }
  return out;
}

}  // namespace perpwire::cli
