#include "libs/common/settings.hpp"

#include "libs/common/config_table.hpp"
#include "libs/common/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace perpwire {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxIpcPath = 107;  // sun_path of Linux, less its terminator

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits + 2 && text.substr(0, 2) == "0x" &&
         std::all_of(text.begin() + 2, text.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

constexpr std::string_view kUnixScheme = "unix://";

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool is_loopback_url(std::string_view url) {
  const auto host = url.substr(std::min(url.size(), url.find("://") + 3));
  return starts_with(host, "127.") || starts_with(host, "localhost") || starts_with(host, "[::1]");
}

/// Loopback TCP, or ipc within the path limit. What can trade, sign or resume (`curve` is given) is
/// ipc, or TCP anywhere with CURVE keys. (ARCHITECTURE.md section 3)
std::string endpoint(ConfigTable& table, std::string_view key, const std::string& fallback,
                     const CurveIdentity* curve) {
  auto value = table.text(key, fallback);
  if (starts_with(value, "ipc://")) {
    const auto length = value.size() - std::string_view("ipc://").size();
    if (length > kMaxIpcPath) {
      table.refuse(key, fmt::format("a socket path of at most {} bytes", kMaxIpcPath),
                   fmt::format("{} bytes: {}", length, value));
    }
    return value;
  }
  if (!starts_with(value, "tcp://")) table.refuse(key, "tcp://127.0.0.1:PORT or ipc://PATH", value);
  if (curve != nullptr) {
    if (curve->key_file.empty() || curve->public_key.empty()) {
      table.refuse(key, "ipc://PATH, or TCP together with curve_key and curve_public_key", value);
    }
    return value;
  }
  const auto host = std::string_view(value).substr(std::string_view("tcp://").size());
  if (!starts_with(host, "127.") && !starts_with(host, "[::1]") &&
      !starts_with(host, "localhost")) {
    table.refuse(key, "a loopback address (CURVE is for the signer, commands, replay and control)",
                 value);
  }
  return value;
}

std::string default_url(Mode mode, bool ws) {
  switch (mode) {
    case Mode::kSim:
      return ws ? "ws://127.0.0.1:4001/ws" : "http://127.0.0.1:4001";
    case Mode::kTestnet:
      return ws ? "wss://api.hyperliquid-testnet.xyz/ws" : "https://api.hyperliquid-testnet.xyz";
    case Mode::kLive:
      return ws ? "wss://api.hyperliquid.xyz/ws" : "https://api.hyperliquid.xyz";
  }
  return "";
}

/// A public key in Z85; libzmq decodes it later.
std::string curve_public_key(ConfigTable& table, std::string_view key, std::string text) {
  constexpr std::string_view kZ85Marks = ".-:+=^!/*?&<>()[]{}@%$#";
  const bool fits = text.size() == 40 && std::all_of(text.begin(), text.end(), [&](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                             kZ85Marks.find(c) != std::string_view::npos;
                    });
  if (!text.empty() && !fits) {
    table.refuse(key, "a CURVE public key: 40 characters of Z85 (perpwire keys curve prints it)",
                 fmt::format("\"{}\"", text));
  }
  return text;
}

CurveIdentity read_curve_identity(ConfigTable& table, const CurveIdentity& before = {}) {
  CurveIdentity out;
  out.key_file = table.text("curve_key", before.key_file.string());
  out.public_key = curve_public_key(table, "curve_public_key",
                                    table.text("curve_public_key", before.public_key));
  return out;
}

CurveSettings read_curve(ConfigTable table) {
  CurveSettings out;
  out.key_file = table.text("key", "");
  auto clients = table.table("clients");
  std::map<std::string, std::string> names;  // by public key
  const std::vector<std::string> endpoints{"signer", "commands", "replay", "control"};
  for (const auto& name : clients.table_names()) {
    auto client = clients.table(name);
    auto& peer = out.clients[name];
    peer.name = name;
    peer.public_key = curve_public_key(client, "public_key", client.required_text("public_key"));
    const auto [other, is_new] = names.emplace(peer.public_key, name);
    if (peer.public_key.empty() || !is_new) {
      client.refuse("public_key", "a key of its own",
                    is_new ? std::string("none") : "that of " + other->second);
    }
    peer.is_operator = client.word("role", {"client", "operator"}, "client") == "operator";
    for (const auto& word : client.list("may", {})) {
      if (std::find(endpoints.begin(), endpoints.end(), word) == endpoints.end()) {
        client.refuse("may", fmt::format("endpoints of {}", fmt::join(endpoints, ", ")),
                      fmt::format("\"{}\"", word));
      }
      peer.may.insert(word);
    }
  }
  return out;
}

VenueSettings read_venue(ConfigTable table, const std::string& name, Mode mode) {
  VenueSettings out;
  out.name = name;
  out.rest_url = table.text("rest_url", default_url(mode, false));
  out.ws_url = table.text("ws_url", default_url(mode, true));
  while (!out.rest_url.empty() && out.rest_url.back() == '/') out.rest_url.pop_back();
  const auto check = [&](std::string_view key, const std::string& url, std::string_view plain,
                         std::string_view tls) {
    if (starts_with(url, tls)) return;
    if (!starts_with(url, plain) || !is_loopback_url(url)) {
      table.refuse(key, fmt::format("{}HOST, or {} to a loopback address", tls, plain), url);
    }
  };
  check("rest_url", out.rest_url, "http://", "https://");
  check("ws_url", out.ws_url, "ws://", "wss://");
  if (mode == Mode::kSim && (!is_loopback_url(out.rest_url) || !is_loopback_url(out.ws_url))) {
    table.refuse(is_loopback_url(out.rest_url) ? "ws_url" : "rest_url",
                 "a loopback address while mode = \"sim\"",
                 is_loopback_url(out.rest_url) ? out.ws_url : out.rest_url);
  }
  out.dexs = table.list("dexs", {""});
  out.symbols = table.list("symbols", {});
  out.dex_aliases = {{"hyena", "hyna"}, {"felix", "flx"}};
  if (table.has("dex_aliases")) out.dex_aliases = table.text_map("dex_aliases");
  out.ca_file = table.text("ca_file", "");
  out.proxy = table.text("proxy", "");
  out.documented_limits = table.word("limits", {"documented", "off"}, "documented") == "documented";
  if (!out.documented_limits && !is_loopback_url(out.rest_url)) {
    table.refuse("limits", "\"documented\" for a venue that is not on loopback", "\"off\"");
  }
  auto share = table.table("ip_share");
  out.ip_share_order_gateway = share.integer("order_gateway", 60, 1, 100);
  out.ip_share_marketstream = share.integer("marketstream", 25, 1, 100);
  out.ip_share_risk = share.integer("risk", 15, 1, 100);
  if (out.ip_share_order_gateway + out.ip_share_marketstream + out.ip_share_risk > 100) {
    table.refuse("ip_share", "shares that add up to at most 100",
                 fmt::format("{}", out.ip_share_order_gateway + out.ip_share_marketstream +
                                       out.ip_share_risk));
  }
  return out;
}

AccountSettings read_account(ConfigTable table, const std::string& name, const Settings& settings) {
  AccountSettings out;
  out.name = name;
  out.venue = table.required_text("venue");
  if (!settings.venues.contains(out.venue)) {
    table.refuse("venue", "a venue that has a table [venues.NAME]",
                 fmt::format("\"{}\"", out.venue));
  }
  out.address = lower(table.required_text("address"));
  if (!is_hex(out.address, 40))
    table.refuse("address", "0x and 40 hex digits", fmt::format("\"{}\"", out.address));
  out.key = table.required_text("key");
  if (out.key.empty() || out.key.find('/') != std::string::npos || out.key.front() == '.') {
    table.refuse("key", "the name of a keystore file, without a path",
                 fmt::format("\"{}\"", out.key));
  }
  out.cloid_prefix = lower(table.text("cloid_prefix", "0xf1a50001"));
  // A cloid below 2^53 is taken for a number by at least one SDK: the prefix keeps the high bits
  // set.
  if (!is_hex(out.cloid_prefix, 8) ||
      std::string_view("89abcdef").find(out.cloid_prefix[2]) == std::string_view::npos) {
    table.refuse("cloid_prefix",
                 "0x and 8 hex digits with the highest bit set, such as \"0xf1a50001\"",
                 fmt::format("\"{}\"", out.cloid_prefix));
  }
  const auto foreign = table.word("foreign_orders", {"mine", "all", "report"}, "mine");
  out.foreign_orders = foreign == "all"      ? ForeignOrders::kAll
                       : foreign == "report" ? ForeignOrders::kReport
                                             : ForeignOrders::kMine;
  out.vault = table.boolean("vault", false);
  return out;
}

std::string run_socket(const Settings& settings, std::string_view folder, std::string_view name) {
  return fmt::format("ipc://{}/{}/{}", settings.run_dir.string(), folder, name);
}

Nanos positive(ConfigTable& table, std::string_view key, Nanos fallback) {
  const auto value = table.duration(key, fallback);
  if (value <= Nanos{0}) table.refuse(key, "a duration above zero", "0");
  return value;
}

/// Seconds or milliseconds as plain integers where the contract names the key so (timeout_ms,
/// stale_after_s).
Nanos millis(ConfigTable& table, std::string_view key, std::int64_t fallback, std::int64_t most) {
  return std::chrono::milliseconds(table.integer(key, fallback, 1, most));
}
Nanos seconds(ConfigTable& table, std::string_view key, std::int64_t fallback, std::int64_t most) {
  return std::chrono::seconds(table.integer(key, fallback, 1, most));
}

/// Beside the endpoint's own socket file, unless said otherwise.
std::string direct_endpoint(ConfigTable& table, std::string_view beside) {
  std::string fallback;
  if (starts_with(beside, "ipc://")) {
    const std::filesystem::path socket(beside.substr(std::string_view("ipc://").size()));
    fallback = "unix://" + (socket.parent_path() / "direct.sock").string();
  }
  auto value = table.text("direct", fallback);
  const auto path = std::string_view(value).substr(std::min(value.size(), kUnixScheme.size()));
  if (!value.empty() && (!starts_with(value, kUnixScheme) || path.empty())) {
    table.refuse("direct", "unix://PATH or \"\"", value);
  }
  if (path.size() > kMaxIpcPath) {
    table.refuse("direct", fmt::format("a socket path of at most {} bytes", kMaxIpcPath),
                 fmt::format("{} bytes: {}", path.size(), value));
  }
  return value;
}

SignerSettings read_signer(ConfigTable table, const Settings& settings) {
  SignerSettings out;
  out.keystore_dir = table.text("keystore_dir", (settings.data_dir / "keystore").string());
  out.policy_file = table.text("policy_file", "");
  out.passphrase = table.text("passphrase", "fd:3");
  if (!starts_with(out.passphrase, "fd:") && !starts_with(out.passphrase, "credential:") &&
      out.passphrase != "terminal") {
    // What was found may be the passphrase itself: it is not repeated.
    table.refuse(
        "passphrase",
        "\"fd:N\", \"credential:NAME\" or \"terminal\" (where to read it, never the passphrase)",
        "something else");
  }
  out.curve = read_curve_identity(table);
  out.endpoint =
      endpoint(table, "endpoint", run_socket(settings, "signer", "signer.sock"), &out.curve);
  out.direct = direct_endpoint(table, out.endpoint);
  out.allow_users = table.list("allow_users", {});
  out.operators = table.list("operators", {});
  out.audit_sync = table.duration("audit_sync", 50ms);
  if (out.audit_sync > 10s) table.refuse("audit_sync", "at most 10s", "more");
  return out;
}

void read_order_gateway(ConfigTable table, const Settings& settings, std::string_view folder,
                        OrderGatewaySettings& out, bool base) {
  // An overlay keeps what the base table said.
  const auto keep = [&](const auto& from_default, const auto& from_base) {
    return base ? from_default : from_base;
  };
  out.events =
      endpoint(table, "events", keep(std::string("tcp://127.0.0.1:5556"), out.events), nullptr);
  out.curve = read_curve_identity(table, keep(CurveIdentity{}, out.curve));
  out.commands =
      endpoint(table, "commands", run_socket(settings, folder, "commands.sock"), &out.curve);
  out.replay = endpoint(table, "replay", run_socket(settings, folder, "replay.sock"), &out.curve);
  out.expires_after = millis(
      table, "expires_after_ms",
      std::chrono::duration_cast<std::chrono::milliseconds>(keep(Nanos{8s}, out.expires_after))
          .count(),
      60'000);
  out.id_retention = positive(table, "id_retention", keep(Nanos{24h * 30}, out.id_retention));
  out.final_order_retention =
      positive(table, "final_order_retention", keep(Nanos{1h}, out.final_order_retention));
  auto post = table.table("ws_post");
  const WsPostSettings before = out.ws_post;
  out.ws_post.enabled = post.boolean("enabled", keep(true, before.enabled));
  out.ws_post.timeout =
      millis(post, "timeout_ms",
             std::chrono::duration_cast<std::chrono::milliseconds>(keep(Nanos{5s}, before.timeout))
                 .count(),
             60'000);
  out.ws_post.fallback_to_rest =
      post.boolean("fallback_to_rest", keep(true, before.fallback_to_rest));
  out.ws_post.max_consecutive_failures = post.integer(
      "max_consecutive_failures", keep(std::int64_t{5}, before.max_consecutive_failures), 1, 1000);
  out.ws_post.failure_cooldown = seconds(
      post, "failure_cooldown_s",
      std::chrono::duration_cast<std::chrono::seconds>(keep(Nanos{60s}, before.failure_cooldown))
          .count(),
      3600);
  // Else the copy over REST could leave when the action has already expired.
  if (out.ws_post.timeout + 2s > out.expires_after) {
    table.refuse("ws_post", "timeout_ms + 2000 <= expires_after_ms",
                 fmt::format("timeout_ms {} and expires_after_ms {}", out.ws_post.timeout / 1ms,
                             out.expires_after / 1ms));
  }
  out.on_stop = table.word("on_stop", {"leave", "cancel"},
                           keep(std::string_view("leave"),
                                out.on_stop == OnStop::kCancel ? "cancel" : "leave")) == "cancel"
                    ? OnStop::kCancel
                    : OnStop::kLeave;
  out.max_unanswered =
      table.integer("max_unanswered", keep(std::int64_t{40}, out.max_unanswered), 1, 50);
  out.coalesce_window = table.duration("coalesce_window", keep(Nanos{0}, out.coalesce_window));
  if (out.coalesce_window > 1s) table.refuse("coalesce_window", "at most 1s", "more");
  out.default_slippage_bps = table.integer(
      "default_slippage_bps", keep(std::int64_t{50}, out.default_slippage_bps), 1, 1000);
  out.reference_stale_after =
      positive(table, "reference_stale_after", keep(Nanos{10s}, out.reference_stale_after));
  out.reconcile_interval =
      positive(table, "reconcile_interval", keep(Nanos{10s}, out.reconcile_interval));
  out.max_clock_skew = positive(table, "max_clock_skew", keep(Nanos{500ms}, out.max_clock_skew));
  out.journal_max_bytes =
      table.integer("journal_max_bytes", keep(std::int64_t{8} << 30, out.journal_max_bytes),
                    std::int64_t{1} << 20, INT64_MAX);
  out.final_orders_max = table.integer(
      "final_orders_max", keep(std::int64_t{20'000}, out.final_orders_max), 0, 10'000'000);
  out.stop_after_adjustment =
      table.word("after_adjustment", {"stop", "continue"},
                 keep(std::string_view("stop"), out.stop_after_adjustment ? "stop" : "continue")) ==
      "stop";
  out.refuse_self_trade = table.word("self_trade", {"refuse", "allow"},
                                     keep(std::string_view("refuse"),
                                          out.refuse_self_trade ? "refuse" : "allow")) == "refuse";
  out.schedule_cancel = table.boolean("schedule_cancel", keep(true, out.schedule_cancel));
  out.schedule_cancel_after =
      positive(table, "schedule_cancel_after", keep(Nanos{60s}, out.schedule_cancel_after));
  // The venue wants 5 s at least, and three renewals fit into it. (hyperliquid.md section 5.1)
  if (out.schedule_cancel_after < 15s) {
    table.refuse("schedule_cancel_after", "at least 15s", "less");
  }
  out.durable_consumers =
      table.list("durable_consumers", keep(std::vector<std::string>{}, out.durable_consumers));
  out.allow_builds = table.list("allow_builds", keep(std::vector<std::string>{}, out.allow_builds));
}

MarketstreamSettings read_marketstream(ConfigTable table, const Settings& settings) {
  MarketstreamSettings out;
  out.events = endpoint(table, "events", "tcp://127.0.0.1:5555", nullptr);
  out.requests = endpoint(table, "requests", "tcp://127.0.0.1:5554", nullptr);
  std::vector<std::string> configured;
  for (const auto& [name, venue] : settings.venues) configured.push_back(name);
  out.venues = table.list("venues", configured);
  for (const auto& venue : out.venues) {
    if (!settings.venues.contains(venue)) {
      table.refuse("venues", "venues that have a table [venues.NAME]",
                   fmt::format("\"{}\"", venue));
    }
  }
  out.depth = table.integer("depth", 20, 1, 1000);
  out.candles = table.list("candles", {"1m"});
  const std::vector<std::string> intervals{"1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d"};
  for (const auto& interval : out.candles) {
    if (std::find(intervals.begin(), intervals.end(), interval) == intervals.end()) {
      table.refuse("candles", fmt::format("intervals of {}", fmt::join(intervals, ", ")),
                   fmt::format("\"{}\"", interval));
    }
  }
  out.stale_after = seconds(table, "stale_after_s", 10, 3600);
  const std::vector<std::string> channels{"book", "delta",  "bbo",         "trade",     "ticker",
                                          "mids", "candle", "liquidation", "instrument"};
  out.channels = table.list("channels", channels);
  for (const auto& channel : out.channels) {
    if (std::find(channels.begin(), channels.end(), channel) == channels.end()) {
      table.refuse("channels", fmt::format("channels of {}", fmt::join(channels, ", ")),
                   fmt::format("\"{}\"", channel));
    }
  }
  out.instruments_interval = positive(table, "instruments_interval", 60s);
  auto pace = table.table("pace");
  for (const auto* channel : {"book", "bbo", "ticker", "mids"})
    out.pace[channel] = pace.integer(channel, 0, 0, 100'000);
  return out;
}

RiskSettings read_risk(ConfigTable table, const Settings& settings) {
  RiskSettings out;
  out.limits = table.text("limits", "");
  if (!out.limits.empty() && out.limits.is_relative())
    out.limits = settings.file.parent_path() / out.limits;
  out.events = endpoint(table, "events", "tcp://127.0.0.1:5559", nullptr);
  out.curve = read_curve_identity(table);
  out.control =
      endpoint(table, "control", run_socket(settings, "risk", "control.sock"), &out.curve);
  out.replay = endpoint(table, "replay", run_socket(settings, "risk", "replay.sock"), &out.curve);
  out.gateway_ack_deadline = positive(table, "gateway_ack_deadline", 500ms);
  out.gateway_confirm_deadline = positive(table, "gateway_confirm_deadline", 2s);
  out.confirm_interval = positive(table, "confirm_interval", 1s);
  out.on_limits_difference =
      table.word("on_limits_difference", {"refuse", "file", "durable"}, "refuse");
  out.daily_loss_level = table.word(
      "daily_loss_level", {"REDUCE_ONLY", "PAUSED", "CANCEL_ALL", "FLATTEN"}, "CANCEL_ALL");
  out.position_level = table.word(
      "position_level", {"REDUCE_ONLY", "PAUSED", "CANCEL_ALL", "FLATTEN"}, "REDUCE_ONLY");
  out.resume = table.word("resume", {"one_step", "two_step"}, "one_step");
  out.allow_builds = table.list("allow_builds", {});
  return out;
}

PersisterSettings read_persister(ConfigTable table, const Settings& settings) {
  PersisterSettings out;
  out.database = table.text("database", "sqlite:perpwire.db");
  if (starts_with(out.database, "sqlite:")) {
    const std::filesystem::path file = out.database.substr(std::string_view("sqlite:").size());
    if (file.empty())
      table.refuse("database", "\"sqlite:FILE\"", fmt::format("\"{}\"", out.database));
    if (file.is_relative()) out.database = "sqlite:" + (settings.data_dir / file).string();
  } else {
    table.refuse("database", "\"sqlite:FILE\" (PostgreSQL is not built yet)",
                 fmt::format("\"{}\"", out.database));
  }
  out.poll_interval = positive(table, "poll_interval", 250ms);
  out.curve_key = table.text("curve_key", "");
  return out;
}

/// Tables below a process's own that are no instance.
const std::map<std::string, std::set<std::string>>& known_subtables() {
  static const std::map<std::string, std::set<std::string>> kTables{{"order_gateway", {"ws_post"}},
                                                                    {"marketstream", {"pace"}},
                                                                    {"risk", {}},
                                                                    {"persister", {}},
                                                                    {"signer", {}}};
  return kTables;
}

std::string table_name(std::string_view process) {
  std::string name(process);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Settings read(ConfigTable root, std::filesystem::path file, std::string_view process,
              std::string_view instance) {
  Settings out;
  out.file = std::move(file);
  const auto mode = root.word("mode", {"sim", "testnet", "live"}, "sim");
  out.mode = mode == "live" ? Mode::kLive : mode == "testnet" ? Mode::kTestnet : Mode::kSim;
  out.run_dir = root.text("run_dir", "/run/perpwire");
  out.data_dir = root.text("data_dir", "/var/lib/perpwire");
  for (const auto& [key, path] :
       {std::pair{"run_dir", out.run_dir}, std::pair{"data_dir", out.data_dir}}) {
    if (!path.is_absolute())
      root.refuse(key, "an absolute path", fmt::format("\"{}\"", path.string()));
  }

  auto venues = root.table("venues");
  for (const auto& name : venues.table_names()) {
    if (name != "hyperliquid") {
      venues.refuse(name, "a venue of this build: hyperliquid", fmt::format("\"{}\"", name));
    }
    out.venues[name] = read_venue(venues.table(name), name, out.mode);
  }
  auto accounts = root.table("accounts");
  for (const auto& name : accounts.table_names()) {
    out.accounts[name] = read_account(accounts.table(name), name, out);
  }

  const auto own = table_name(process);
  for (const auto& [name, subtables] : known_subtables()) {
    auto table = root.table(name);
    for (const auto& child : table.table_names()) {
      if (!subtables.contains(child)) out.instances[name].insert(child);
    }
  }
  if (instance != "main" && !out.instances[own].contains(std::string(instance))) {
    root.refuse(own, fmt::format("a table [{}.{}] for --instance {}", own, instance, instance),
                "none");
  }

  out.curve = read_curve(root.table("curve"));
  out.signer = read_signer(root.table("signer"), out);
  auto gateway = root.table("order_gateway");
  read_order_gateway(gateway, out, "gateway", out.order_gateway, true);
  for (const auto& name : out.instances["order_gateway"]) {
    OrderGatewaySettings overlaid = out.order_gateway;
    read_order_gateway(gateway.table(name), out, process_folder("order-gateway", name), overlaid,
                       false);
    if (own == "order_gateway" && name == instance) out.order_gateway = overlaid;
  }
  for (const auto& [name, children] : out.instances) {
    if (name != "order_gateway" && !children.empty()) {
      root.table(name).refuse(*children.begin(),
                              "no instance table (this build runs several order gateways only)",
                              "one");
    }
  }
  out.marketstream = read_marketstream(root.table("marketstream"), out);
  out.risk = read_risk(root.table("risk"), out);
  out.persister = read_persister(root.table("persister"), out);

  auto metrics = root.table("metrics");
  out.metrics.enabled = metrics.boolean("enabled", true);
  out.metrics.base_port = metrics.integer("base_port", 9600, 0, 65'000);
  auto logging = root.table("logging");
  out.logging.level = logging.word("level", {"trace", "debug", "info", "warn", "error"}, "info");
  out.logging.format = logging.word("format", {"text", "json"}, "text");
  out.logging.file = logging.text("file", "");

  root.finish();
  if (out.mode == Mode::kLive && out.risk.limits.empty()) {
    root.table("risk").refuse("limits", "a limits file while mode = \"live\"", "none");
  }
  return out;
}

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::kSim:
      return "sim";
    case Mode::kTestnet:
      return "testnet";
    case Mode::kLive:
      return "live";
  }
  return "";
}

Settings load_settings(const std::filesystem::path& file, std::string_view process,
                       std::string_view instance) {
  return read(ConfigTable::load(file), std::filesystem::absolute(file), process, instance);
}

Settings parse_settings(std::string_view text, std::string_view name, std::string_view process,
                        std::string_view instance) {
  return read(ConfigTable::parse(text, name),
              std::filesystem::absolute(std::filesystem::path(name)), process, instance);
}

std::vector<ConfigKey> settings_keys() {
  // One of everything that has a name of its own, with nothing but what is required.
  auto root = ConfigTable::parse(
      "[venues.hyperliquid]\n[venues.hyperliquid.dex_aliases]\n[accounts.NAME]\nvenue = "
      "\"hyperliquid\"\naddress = \"0x0000000000000000000000000000000000000000\"\nkey = "
      "\"agent\"\n[curve.clients.NAME]\npublic_key = "
      "\"0000000000000000000000000000000000000000\"\n",
      "perpwire.toml");
  ignore(read(root, "/perpwire.toml", "", "main"), "only what it asks for counts");
  return root.asked();
}

std::string process_folder(std::string_view process, std::string_view instance) {
  std::string folder(process == "order-gateway" ? "gateway" : process);
  if (instance != "main") folder += fmt::format("-{}", instance);
  return folder;
}

bool is_reloadable_key(std::string_view key) { return key == "logging.level"; }

}  // namespace perpwire
