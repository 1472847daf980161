#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/gateway_call.hpp"
#include "tools/cli/table.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace perpwire::cli {
namespace {

Outcome<v1::Reply> query(Session& session, const std::string& type) {
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  v1::Command command;
  command.set_type(type);
  command.set_account(*account);
  command.set_venue(Session::kVenue);
  return ask_gateway(session, std::move(command));
}

Outcome<void> positions(Session& session) {
  const auto reply = query(session, "get_positions");
  if (!reply) return tl::unexpected(reply.error());
  if (session.json()) {
    std::cout << json_array(reply->positions()) << "\n";
    return {};
  }
  Table table({"account", "pair", "amount", "entry", "mark", "unrealized", "realized", "leverage",
               "margin", "liquidation"});
  for (const auto& row : reply->positions()) {
    table.add({row.account(), row.trading_pair(), cell(row.amount()),
               cell(row.has_entry_price(), row.entry_price()),
               cell(row.has_mark_price(), row.mark_price()),
               cell(row.has_unrealized_pnl(), row.unrealized_pnl()),
               cell(row.has_realized_pnl(), row.realized_pnl()),
               row.has_leverage() ? std::to_string(row.leverage()) : kNothing,
               cell(row.margin_mode()),
               cell(row.has_liquidation_price(), row.liquidation_price())});
  }
  std::cout << table.text();
  return {};
}

struct PairOfPosition {
  std::string pair;
};

Outcome<void> accept(Session& session, const PairOfPosition& what) {
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  if (auto go = session.confirm("accept the position of " + what.pair + " as the venue has it");
      !go) {
    return go;
  }
  v1::Command command;
  command.set_type("accept_adjustment");
  command.set_account(*account);
  command.set_trading_pair(what.pair);
  const auto reply = ask_gateway(session, std::move(command), Exit::kOutcomeUnknown);
  if (!reply) return tl::unexpected(reply.error());
  std::cout << (session.json() ? R"({"status":"ACCEPTED"})" : what.pair + " takes new orders again")
            << "\n";
  return {};
}

Outcome<void> balances(Session& session) {
  const auto reply = query(session, "get_balances");
  if (!reply) return tl::unexpected(reply.error());
  if (session.json()) {
    std::cout << json_array(reply->balances()) << "\n";
    return {};
  }
  Table table({"account", "asset", "total", "available"});
  for (const auto& row : reply->balances()) {
    table.add({row.account(), row.asset(), cell(row.total()), cell(row.available())});
  }
  std::cout << table.text();
  return {};
}

}  // namespace

void add_account_commands(Registry& registry) {
  auto& position = registry.group("position", "what the account holds");
  registry.add(position, "list", "positions of the account", positions);
  const auto what = std::make_shared<PairOfPosition>();
  auto& accept_app = registry.add(
      position, "accept",
      "an adjusted position is right as it is: its pair, stopped since, takes new orders again",
      [what](Session& session) { return accept(session, *what); });
  accept_app.add_option("pair", what->pair, "trading pair")->required();
  auto& balance = registry.group("balance", "the account's collateral");
  registry.add(balance, "list", "balances of the account", balances);
}

}  // namespace perpwire::cli
