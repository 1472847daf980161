#include "libs/common/contract_json.hpp"
#include "libs/limits/limits_codec.hpp"
#include "libs/limits/limits_file.hpp"
#include "perpwire/v1/risk.pb.h"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/transport.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <pwd.h>
#include <unistd.h>

namespace perpwire::cli {
namespace {

struct RiskOptions {
  std::string level = "CANCEL_ALL";
  std::string reason;
  std::string file;
};

/// Who signs an operator's command: the user of this machine.
std::string operator_name() {
  const auto* entry = ::getpwuid(::getuid());
  return entry == nullptr ? fmt::format("uid {}", ::getuid()) : entry->pw_name;
}

Outcome<v1::RiskReply> ask_risk(Session& session, v1::RiskCommand command, Exit if_no_answer) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  command.set_request_id(new_request_id());
  command.set_venue(Session::kVenue);
  command.set_operator_(operator_name());
  const auto answer = Caller("risk", (*settings)->risk.control, session.timeout(),
                             {(*settings)->risk.curve.public_key, (*settings)->curve.key_file})
                          .ask(command.SerializeAsString(), if_no_answer);
  if (!answer) return tl::unexpected(answer.error());
  v1::RiskReply reply;
  if (auto parsed = parse_payload(answer->front(), reply); !parsed) {
    return fail_with(if_no_answer, "risk: " + parsed.error().text);
  }
  if (reply.status() == "REJECTED") {
    return fail_with(Exit::kRejected, fmt::format("{}: {}", reply.code(), reply.reason()));
  }
  return reply;
}

std::string limit(const v1::Decimal& value, bool known) { return cell(known, value); }

void print_limits(const v1::RiskReply& reply) {
  Table table({"account", "pair", "order notional", "position", "position notional", "open orders",
               "collar bps", "daily loss"});
  for (const auto& row : reply.limits()) {
    table.add({row.account(), row.trading_pair(),
               limit(row.max_order_notional(), row.has_max_order_notional()),
               limit(row.max_position(), row.has_max_position()),
               limit(row.max_position_notional(), row.has_max_position_notional()),
               row.has_max_open_orders() ? std::to_string(row.max_open_orders()) : kNothing,
               row.has_price_collar_bps() ? std::to_string(row.price_collar_bps()) : kNothing,
               limit(row.max_daily_loss(), row.has_max_daily_loss())});
  }
  std::cout << table.text();
}

void print_state(const v1::RiskReply& reply) {
  if (!reply.reason().empty()) std::cout << reply.reason() << "\n";
  const auto& state = reply.state();
  std::cout << fmt::format("level {} (version {}){}{}\n", state.level(), state.level_version(),
                           state.reason().empty() ? "" : ", reason: " + state.reason(),
                           state.by().empty() ? "" : ", by " + state.by());
  std::cout << fmt::format("open orders {}, PnL of the day {}\n", state.open_orders(),
                           cell(state.has_pnl_day(), state.pnl_day()));
  if (reply.accounts().empty()) return;
  Table table(
      {"account", "pair", "position", "entry", "mark", "unrealized", "realized", "open orders"});
  for (const auto& row : reply.accounts()) {
    table.add({row.account(), row.trading_pair(), cell(row.position()),
               cell(row.has_entry_price(), row.entry_price()),
               cell(row.has_mark_price(), row.mark_price()),
               cell(row.has_unrealized_pnl(), row.unrealized_pnl()),
               cell(row.has_realized_pnl(), row.realized_pnl()),
               std::to_string(row.open_orders())});
  }
  std::cout << table.text();
}

Outcome<void> print(Session& session, const Outcome<v1::RiskReply>& reply,
                    void (*text)(const v1::RiskReply&)) {
  if (!reply) return tl::unexpected(reply.error());
  if (session.json()) {
    std::cout << json_of(*reply) << "\n";
  } else {
    text(*reply);
  }
  return {};
}

Outcome<void> status(Session& session) {
  v1::RiskCommand command;
  command.set_type("status");
  return print(session, ask_risk(session, std::move(command), Exit::kFailed), print_state);
}

Outcome<void> show_limits(Session& session) {
  v1::RiskCommand command;
  command.set_type("status");
  return print(session, ask_risk(session, std::move(command), Exit::kFailed), print_limits);
}

/// Stopping asks nothing: the one command that must not wait for a person.
Outcome<void> halt(Session& session, const RiskOptions& options) {
  v1::RiskCommand command;
  command.set_type("halt");
  command.set_level(options.level);
  command.set_reason(options.reason.empty() ? "operator" : options.reason);
  return print(session, ask_risk(session, std::move(command), Exit::kOutcomeUnknown), print_state);
}

Outcome<void> resume(Session& session, const RiskOptions& options) {
  if (options.reason.empty()) {
    return fail_with(Exit::kUsage, "--reason: expected why trading may go on, found none");
  }
  if (auto go = session.confirm("resume trading", "resume"); !go) return go;
  v1::RiskCommand command;
  command.set_type("resume");
  command.set_reason(options.reason);
  return print(session, ask_risk(session, std::move(command), Exit::kOutcomeUnknown), print_state);
}

Outcome<void> set_limits(Session& session, const RiskOptions& options) {
  const auto table = ::perpwire::limits::load_limits(options.file);
  if (!table) return fail_with(Exit::kUsage, table.error().text);
  v1::RiskCommand command;
  command.set_type("set_limits");
  ::perpwire::limits::to_proto(*table, *command.mutable_limits());
  if (auto go = session.confirm("set the limits of " + options.file); !go) return go;
  return print(session, ask_risk(session, std::move(command), Exit::kOutcomeUnknown), print_limits);
}

}  // namespace

void add_risk_commands(Registry& registry) {
  auto& group = registry.group("risk", "the risk engine: look, stop, go on");
  registry.add(group, "status", "level, positions and PnL as risk counts them", status);
  const auto options = std::make_shared<RiskOptions>();
  auto& halt_app = registry.add(group, "halt", "stop trading; latches until resumed",
                                [options](Session& session) { return halt(session, *options); });
  halt_app.add_option("--level", options->level, "how far")
      ->check(CLI::IsMember({"REDUCE_ONLY", "PAUSED", "CANCEL_ALL", "FLATTEN"}))
      ->capture_default_str();
  halt_app.add_option("--reason", options->reason, "for the record");
  auto& resume_app =
      registry.add(group, "resume", "trade again after a halt",
                   [options](Session& session) { return resume(session, *options); });
  resume_app.add_option("--reason", options->reason, "why trading may go on; asked for");
  auto& limits_app = registry.add(group, "limits", "limits in force", [options](Session& session) {
    return options->file.empty() ? show_limits(session) : set_limits(session, *options);
  });
  limits_app.add_option(
      "--set", options->file,
      "change them, durably, to the entries of a limits file; other entries stay");
}

}  // namespace perpwire::cli
