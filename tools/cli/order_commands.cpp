#include "libs/common/contract_json.hpp"
#include "libs/common/ids.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/gateway_call.hpp"
#include "tools/cli/market_lookup.hpp"
#include "tools/cli/order_follow.hpp"
#include "tools/cli/price_input.hpp"
#include "tools/cli/table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <random>

namespace perpwire::cli {
namespace {

struct PlaceOptions {
  std::string pair, side, price, amount, type, tif, trigger, id, strategy;
  std::uint32_t slippage_bps = 0;
  bool post_only = false;
  bool reduce_only = false;
  bool dry_run = false;
  bool no_follow = false;
  unsigned follow_seconds = 5;
};

/// Unique for ever: the time and 48 random bits.
std::string new_client_order_id() {
  std::random_device random;
  return fmt::format("cli-{}-{:08x}{:04x}", wall_clock_now().value() / 1'000'000'000, random(),
                     random() & 0xffff);
}

std::string default_type(const PlaceOptions& options) {
  const bool priced = !options.price.empty();
  if (!options.trigger.empty()) return priced ? "STOP_LIMIT" : "STOP_MARKET";
  return priced ? "LIMIT" : "MARKET";
}

/// The order as the command line says it, checked as far as that goes without the gateway.
Outcome<v1::OrderRequest> order_request(Session& session, const PlaceOptions& options) {
  v1::OrderRequest order;
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  order.set_account(*account);
  const auto pair = session.pair(options.pair);
  if (!pair) return tl::unexpected(pair.error());
  order.set_trading_pair(*pair);
  order.set_client_order_id(options.id.empty() ? new_client_order_id() : options.id);
  if (const auto id = parse_client_order_id(order.client_order_id()); !id) {
    return fail_with(Exit::kUsage, "--id: " + id.error().text);
  }
  const Side side = options.side == "buy" ? Side::kBuy : Side::kSell;
  order.set_trade_type(options.side == "buy" ? "BUY" : "SELL");
  order.set_order_type(options.type.empty() ? default_type(options) : options.type);
  const bool needs_price = order.order_type().find("MARKET") == std::string::npos;
  if (needs_price == options.price.empty()) {
    return fail_with(Exit::kUsage, fmt::format("--px: expected {} for {}, found {}",
                                               needs_price ? "a price" : "none", order.order_type(),
                                               needs_price ? "none" : options.price));
  }
  const auto amount = parse_positive("--amount", options.amount);
  if (!amount) return tl::unexpected(amount.error());
  set_decimal(*amount, *order.mutable_amount());
  if (options.post_only && !options.tif.empty() && options.tif != "ALO") {
    return fail_with(Exit::kUsage, "--tif: expected ALO with --post-only, found " + options.tif);
  }
  order.set_time_in_force(options.post_only ? "ALO" : options.tif);
  order.set_reduce_only(options.reduce_only);
  order.set_strategy(options.strategy);
  if (options.slippage_bps != 0) order.set_slippage_bps(options.slippage_bps);
  if (!options.trigger.empty()) {
    const auto trigger = parse_positive("--trigger", options.trigger);
    if (!trigger) return tl::unexpected(trigger.error());
    set_decimal(*trigger, *order.mutable_trigger_price());
  }
  if (!needs_price) return order;
  auto price = parse_price_input("--px", options.price);
  if (!price) return tl::unexpected(price.error());
  if (price->relative()) {
    const auto market =
        market_snapshot(session, {market_topic("bbo", *pair), market_topic("instrument", *pair)});
    if (!market) return tl::unexpected(market.error());
    if (market->size() != 2) {
      return fail_with(Exit::kFailed,
                       fmt::format("marketstream: expected bbo and instrument of {}, "
                                   "found {} messages",
                                   *pair, market->size()));
    }
    const auto resolved =
        resolve_price(*price, side, (*market)[0].bbo(), (*market)[1].instrument());
    if (!resolved) return tl::unexpected(resolved.error());
    price->absolute = *resolved;
  }
  set_decimal(*price->absolute, *order.mutable_price());
  return order;
}

Outcome<void> confirm_if_live(Session& session, const std::string& what) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  if ((*settings)->mode != Mode::kLive) return {};
  return session.confirm(what + " with real money", "live");
}

/// What became of an order that the gateway took, when its events were silent: the gateway's own
/// state of it.
Outcome<v1::OrderEvent> look_up(Session& session, const std::string& account,
                                const std::string& id) {
  v1::Command command;
  command.set_type("get_order");
  command.set_account(account);
  command.set_client_order_id(id);
  auto reply = ask_gateway(session, std::move(command));
  if (!reply) return tl::unexpected(reply.error());
  if (reply->orders_size() != 1) {
    return fail_with(Exit::kOutcomeUnknown,
                     fmt::format("{}: expected the gateway to know it, found {} orders", id,
                                 reply->orders_size()));
  }
  return reply->orders(0);
}

Outcome<void> judge(const v1::OrderEvent& order) {
  if (order.order_state() == "FAILED") {
    return fail_with(Exit::kRejected,
                     fmt::format("{}: {}: {}", order.client_order_id(), order.failure().code(),
                                 order.failure().reason()));
  }
  if (order.order_state() == "UNKNOWN" || order.order_state() == "PENDING_CREATE") {
    return fail_with(Exit::kOutcomeUnknown,
                     fmt::format("{}: expected the venue's word, found state {}",
                                 order.client_order_id(), order.order_state()));
  }
  return {};
}

Outcome<void> place(Session& session, const PlaceOptions& options) {
  auto order = order_request(session, options);
  if (!order) return tl::unexpected(order.error());
  const std::string id = order->client_order_id();
  v1::Command command;
  command.set_type("place");
  command.set_request_id(new_request_id());
  *command.mutable_order() = *order;
  if (options.dry_run) {
    std::cout << json_of(command) << "\n";
    return {};
  }
  if (auto go = confirm_if_live(session, "place " + id); !go) return go;
  const auto settings = session.settings();
  Listener listener("order-gateway", (*settings)->order_gateway.events,
                    {fmt::format("orders.{}.", Session::kVenue)});
  bool follow = !options.no_follow;
  if (follow) {
    // Without its events the order can still be placed; only the following is lost.
    if (const auto joined = listener.wait_until_joined(session.timeout()); !joined) {
      return tl::unexpected(joined.error());
    }
  }
  if (session.json()) {
    std::cout << fmt::format(R"({{"client_order_id":{}}})", json_text(id)) << "\n" << std::flush;
  } else {
    std::cout << id << "\n" << std::flush;
  }
  const UnixNanos asked = wall_clock_now();
  const auto reply = ask_gateway(session, std::move(command), Exit::kOutcomeUnknown);
  const auto took = wall_clock_now() - asked;
  if (!reply) return tl::unexpected(reply.error());
  if (session.json()) {
    std::cout << json_of(*reply) << "\n" << std::flush;
  } else {
    std::cout << fmt::format("{:<14} {:>9} us  until place returned\n", "accepted",
                             took.count() / 1'000)
              << std::flush;
  }
  if (!follow) return {};
  OrderFollower follower(session, listener, id, asked);
  const auto last =
      follower.follow(std::chrono::seconds(options.follow_seconds), std::chrono::seconds(60));
  if (last) return judge(*last);
  const auto known = look_up(session, order->account(), id);
  if (!known) {
    return fail_with(Exit::kOutcomeUnknown, id + ": no event came, and " + known.error().text);
  }
  return judge(*known);
}

struct ReferenceOptions {
  std::string id, venue_id, pair, price, amount, trigger;
  bool all = false;
  bool no_follow = false;
};

Outcome<void> cancel_all(Session& session, const ReferenceOptions& options) {
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  v1::Command command;
  command.set_type("cancel_all");
  command.set_account(*account);
  command.set_venue(Session::kVenue);
  std::string what = "cancel all open orders of " + *account;
  if (!options.pair.empty()) {
    const auto pair = session.pair(options.pair);
    if (!pair) return tl::unexpected(pair.error());
    command.set_trading_pair(*pair);
    what += " in " + *pair;
  }
  if (auto go = session.confirm(what); !go) return go;
  const auto reply = ask_gateway(session, std::move(command), Exit::kOutcomeUnknown);
  if (!reply) return tl::unexpected(reply.error());
  std::cout << (session.json() ? json_of(*reply) : reply->status()) << "\n";
  return {};
}

Outcome<void> cancel(Session& session, const ReferenceOptions& options) {
  const int named = static_cast<int>(!options.id.empty()) +
                    static_cast<int>(!options.venue_id.empty()) + static_cast<int>(options.all);
  if (named != 1) {
    return fail_with(Exit::kUsage, fmt::format("expected one of ID, --venue-id and --all, found {}",
                                               named == 0 ? "none" : "several"));
  }
  if (options.all) return cancel_all(session, options);
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  const auto settings = session.settings();
  v1::Command command;
  command.set_type("cancel");
  command.set_account(*account);
  command.set_client_order_id(options.id);
  command.set_exchange_order_id(options.venue_id);
  const bool follow = !options.no_follow && !options.id.empty();
  Listener listener("order-gateway", (*settings)->order_gateway.events,
                    {fmt::format("orders.{}.", Session::kVenue)});
  if (follow) {
    if (auto joined = listener.wait_until_joined(session.timeout()); !joined) return joined;
  }
  const UnixNanos asked = wall_clock_now();
  const auto reply = ask_gateway(session, std::move(command), Exit::kOutcomeUnknown);
  if (!reply) return tl::unexpected(reply.error());
  std::cout << (session.json() ? json_of(*reply) : reply->status()) << "\n" << std::flush;
  if (!follow) return {};
  OrderFollower follower(session, listener, options.id, asked);
  const auto last = follower.follow(std::chrono::seconds(5), std::chrono::seconds(30));
  if (last && is_final_state(last->order_state())) return {};
  const auto known = look_up(session, *account, options.id);
  if (known && is_final_state(known->order_state())) return {};
  return fail_with(Exit::kOutcomeUnknown,
                   fmt::format("{}: expected it to be final, found {}", options.id,
                               known ? known->order_state() : known.error().text));
}

Outcome<void> modify(Session& session, const ReferenceOptions& options) {
  if (options.price.empty() && options.amount.empty() && options.trigger.empty()) {
    return fail_with(Exit::kUsage, "expected --px, --amount or --trigger, found none");
  }
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  v1::Command command;
  command.set_type("modify");
  command.set_client_order_id(options.id);
  command.set_account(*account);
  auto& change = *command.mutable_modify();
  change.set_client_order_id(options.id);
  change.set_account(*account);
  const auto take = [](const std::string& option, const std::string& text,
                       v1::Decimal& out) -> Outcome<void> {
    const auto value = parse_positive(option, text);
    if (!value) return tl::unexpected(value.error());
    set_decimal(*value, out);
    return {};
  };
  if (!options.price.empty()) {
    if (auto done = take("--px", options.price, *change.mutable_price()); !done) return done;
  }
  if (!options.amount.empty()) {
    if (auto done = take("--amount", options.amount, *change.mutable_amount()); !done) return done;
  }
  if (!options.trigger.empty()) {
    if (auto done = take("--trigger", options.trigger, *change.mutable_trigger_price()); !done) {
      return done;
    }
  }
  const auto reply = ask_gateway(session, std::move(command), Exit::kOutcomeUnknown);
  if (!reply) return tl::unexpected(reply.error());
  std::cout << (session.json() ? json_of(*reply) : reply->status()) << "\n";
  return {};
}

void print_orders(Session& session, const v1::Reply& reply) {
  if (session.json()) {
    std::cout << json_array(reply.orders()) << "\n";
    return;
  }
  Table table({"id", "pair", "side", "type", "price", "amount", "filled", "average", "state",
               "venue id", "created"});
  for (const auto& order : reply.orders()) {
    table.add({order.client_order_id(), order.trading_pair(), order.trade_type(),
               order.order_type(), cell(order.has_price(), order.price()), cell(order.amount()),
               cell(order.filled_amount()),
               cell(order.has_average_executed_price(), order.average_executed_price()),
               order.order_state(), cell(order.exchange_order_id()),
               utc(UnixNanos{order.creation_timestamp()})});
  }
  std::cout << table.text();
}

Outcome<void> list(Session& session, const ReferenceOptions& options) {
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  v1::Command command;
  command.set_type("get_open_orders");
  command.set_account(*account);
  if (!options.pair.empty()) {
    const auto pair = session.pair(options.pair);
    if (!pair) return tl::unexpected(pair.error());
    command.set_trading_pair(*pair);
  }
  const auto reply = ask_gateway(session, std::move(command));
  if (!reply) return tl::unexpected(reply.error());
  print_orders(session, *reply);
  return {};
}

Outcome<void> show(Session& session, const ReferenceOptions& options) {
  if (options.id.empty() == options.venue_id.empty()) {
    return fail_with(Exit::kUsage, "expected either ID or --venue-id");
  }
  const auto account = session.account();
  if (!account) return tl::unexpected(account.error());
  v1::Command command;
  command.set_type("get_order");
  command.set_account(*account);
  command.set_client_order_id(options.id);
  command.set_exchange_order_id(options.venue_id);
  const auto reply = ask_gateway(session, std::move(command));
  if (!reply) return tl::unexpected(reply.error());
  print_orders(session, *reply);
  return {};
}

void add_place(Registry& registry, CLI::App& group) {
  const auto options = std::make_shared<PlaceOptions>();
  auto& app = registry.add(group, "place", "place one order and follow it",
                           [options](Session& session) { return place(session, *options); });
  app.add_option("--pair", options->pair, "BTC-USD, hyna:BTC-USD")->required();
  app.add_option("--side", options->side, "buy or sell")
      ->required()
      ->check(CLI::IsMember({"buy", "sell"}));
  app.add_option("--px,--price", options->price,
                 "price, or basis points from mid: -10bps; none: MARKET");
  app.add_option("--amount", options->amount, "units of base")->required();
  app.add_option("--type", options->type, "LIMIT with --px, MARKET without, unless given")
      ->check(CLI::IsMember({"LIMIT", "MARKET", "STOP_LIMIT", "STOP_MARKET", "TAKE_PROFIT_LIMIT",
                             "TAKE_PROFIT_MARKET", "TWAP"}));
  app.add_option("--tif", options->tif, "GTC by default")
      ->check(CLI::IsMember({"GTC", "IOC", "ALO", "FOK", "GTD"}));
  app.add_option("--trigger", options->trigger, "trigger price of stops and take profits");
  app.add_option("--id", options->id, "client order id; made by the command line unless given");
  app.add_option("--strategy", options->strategy, "tag carried by the order's events");
  app.add_option("--slippage-bps", options->slippage_bps,
                 "MARKET: most distance from the reference")
      ->check(CLI::Range(1U, 1000U));
  app.add_flag("--post-only", options->post_only, "never take liquidity (ALO)");
  app.add_flag("--reduce-only", options->reduce_only, "never increase the position");
  app.add_flag("--dry-run", options->dry_run, "print the command instead of sending it");
  app.add_flag("--no-follow", options->no_follow, "return when the gateway has taken it");
  app.add_option("--follow-seconds", options->follow_seconds,
                 "how long to wait for the next event of an order that rests")
      ->check(CLI::Range(0U, 60U))
      ->capture_default_str();
}

}  // namespace

void add_order_commands(Registry& registry) {
  auto& group = registry.group("order", "place, cancel, modify and look at orders");
  add_place(registry, group);
  const auto command = [&](const char* name, const char* help,
                           Outcome<void> (*run)(Session&, const ReferenceOptions&)) {
    const auto options = std::make_shared<ReferenceOptions>();
    auto& app = registry.add(group, name, help,
                             [options, run](Session& session) { return run(session, *options); });
    return std::pair<CLI::App*, ReferenceOptions*>(&app, options.get());
  };
  {
    const auto [app, options] = command("cancel", "cancel one order, or all", cancel);
    app->add_option("id", options->id, "client order id");
    app->add_option("--venue-id", options->venue_id, "the venue's order id");
    app->add_flag("--all", options->all, "every open order of the account");
    app->add_option("--pair", options->pair, "with --all: only this pair");
    app->add_flag("--no-follow", options->no_follow, "do not wait for the venue's word");
  }
  {
    const auto [app, options] = command("modify", "change price or amount of an order", modify);
    app->add_option("id", options->id, "client order id")->required();
    app->add_option("--px,--price", options->price, "new price");
    app->add_option("--amount", options->amount, "new total, fills included");
    app->add_option("--trigger", options->trigger, "new trigger price");
  }
  {
    const auto [app, options] = command("list", "open orders of the account", list);
    app->add_option("--pair", options->pair, "only this pair");
  }
  {
    const auto [app, options] = command("show", "one order, open or not", show);
    app->add_option("id", options->id, "client order id");
    app->add_option("--venue-id", options->venue_id, "the venue's order id");
  }
}

}  // namespace perpwire::cli
