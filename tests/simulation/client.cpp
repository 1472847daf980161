#include "tests/simulation/client.hpp"

#include "libs/common/contract_json.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::simulation {
namespace {

std::string words_of(const v1::OrderRequest& order) {
  const auto number = [](bool has, const v1::Decimal& value) {
    return has ? to_decimal(value).value_or(Decimal{}).to_string() : std::string("-");
  };
  return order.client_order_id() + " " + order.trade_type() + " " + order.order_type() + " " +
         order.time_in_force() + " " + order.trading_pair() + " " +
         number(order.has_amount(), order.amount()) + " @ " +
         number(order.has_price(), order.price()) + (order.reduce_only() ? " reduce-only" : "");
}

}  // namespace

Client::Client(Scheduler& scheduler, const Plan& plan, Trace& trace, VenueHost& venue,
               GatewayHost& gateway)
    : scheduler_(scheduler),
      plan_(plan),
      trace_(trace),
      venue_(venue),
      gateway_(&gateway),
      random_(plan.seed, "client") {}

v1::OrderRequest Client::new_order() {
  v1::OrderRequest order;
  order.set_client_order_id("o-" + std::to_string(intents_.size() + 1));
  order.set_account("main");
  const std::string& pair = plan_.pairs[random_.below(plan_.pairs.size())];
  order.set_trading_pair(pair);
  const bool buy = random_.percent(50);
  order.set_trade_type(buy ? "BUY" : "SELL");
  const sim::Market& market = venue_.market(pair);
  const sim::Ticks fair = venue_.exchange().state().markets[market.index].fair;
  const auto sort = random_.below(100);
  sim::Ticks price = fair;
  if (sort < 8) {
    order.set_order_type("MARKET");
  } else {
    order.set_order_type("LIMIT");
    const bool crosses = random_.percent(sort < 40 ? 60 : 15);
    const std::int64_t away = crosses ? random_.between(5, 60) : -random_.between(10, 400);
    price = market.round_down(sim::Ticks{fair.value + fair.value * (buy ? away : -away) / 10'000});
    set_decimal(sim::to_decimal(price.value, market.price_decimals()), *order.mutable_price());
    order.set_time_in_force(sort < 40 ? "IOC" : sort < 65 ? "ALO" : "GTC");
  }
  const Int128 one = std::max<Int128>(market.notional(price, sim::Lots{1}).value, 1);
  const std::int64_t usd = random_.percent(5) ? random_.between(1, 9) : random_.between(12, 1'500);
  const auto lots = static_cast<std::int64_t>(sim::whole_money(usd).value / one) + 1;
  set_decimal(sim::to_decimal(lots, market.sz_decimals), *order.mutable_amount());
  order.set_reduce_only(random_.percent(8));
  return order;
}

const Client::Intent* Client::some_intent() {
  if (ids_.empty()) return nullptr;
  // Mostly a recent one: the old ones are over.
  const std::size_t back =
      random_.percent(75) ? std::min<std::size_t>(ids_.size(), 8) : ids_.size();
  const Intent* found = nullptr;
  for (int i = 0; i < 4 && (found == nullptr || !found->accepted); ++i) {
    found = &intents_.at(ids_[ids_.size() - 1 - random_.below(back)]);
  }
  return found;
}

void Client::act() {
  const auto kind = random_.below(100);
  const Intent* known = some_intent();
  if (kind < 48 || known == nullptr) return place(new_order(), 0);
  if (kind < 53) return place_batch();
  if (kind < 58) return place(known->order, 9);  // the same again, at any time
  if (kind < 60) {
    v1::OrderRequest other = known->order;
    set_decimal(Decimal::of(7), *other.mutable_amount());
    return place(other, 9);
  }
  v1::Command command;
  if (kind < 76) {
    command.set_type("cancel");
    command.set_client_order_id(known->order.client_order_id());
  } else if (kind < 94) {
    command.set_type("modify");
    // Something that rests, if there is any.
    for (int i = 0; i < 12 && known->order.time_in_force() != "GTC"; ++i) known = some_intent();
    command.set_client_order_id(known->order.client_order_id());
    const v1::OrderRequest shape = new_order();
    const sim::Market& market = venue_.market(known->order.trading_pair());
    const sim::Ticks fair = venue_.exchange().state().markets[market.index].fair;
    const bool buy = known->order.trade_type() == "BUY";
    const std::int64_t away = random_.between(-5, 300);
    const sim::Ticks price =
        market.round_down(sim::Ticks{fair.value + fair.value * (buy ? -away : away) / 10'000});
    set_decimal(sim::to_decimal(price.value, market.price_decimals()), *command.mutable_price());
    if (random_.percent(60)) {
      const Int128 one = std::max<Int128>(market.notional(price, sim::Lots{1}).value, 1);
      const auto lots =
          static_cast<std::int64_t>(sim::whole_money(random_.between(12, 1'500)).value / one) + 1;
      set_decimal(sim::to_decimal(lots, market.sz_decimals), *command.mutable_amount());
    }
  } else if (kind < 96) {
    command.set_type("cancel_all");
  } else if (kind < 98) {
    command.set_type("close_position");
    command.set_trading_pair(plan_.pairs[random_.below(plan_.pairs.size())]);
    command.set_client_order_id("c-" + std::to_string(request_));
  } else {
    command.set_type("get_open_orders");
  }
  send(std::move(command));
}

void Client::send(v1::Command command) {
  command.set_account("main");
  command.set_request_id("r-" + std::to_string(++request_));
  const auto reply = gateway_->command(command);
  if (reply && reply->status() == "ACCEPTED") {
    if (command.type() == "cancel") cancels_[command.client_order_id()] = gateway_->life();
    for (const v1::Reply& result : reply->results()) {
      cancels_[result.client_order_id()] = gateway_->life();
    }
  }
  trace_.line("client", "{} {}{} -> {} {}", command.type(), command.client_order_id(),
              command.trading_pair(), reply ? reply->status() : "no answer",
              reply ? reply->code() + " " + reply->reason() : "");
}

void Client::journal_may_have_lost() {
  journal_lost_ = true;
  if (plan_.repeats_lost) repeat_newest();
}

void Client::repeat_newest() {
  const std::size_t count = std::min<std::size_t>(ids_.size(), 12);
  for (std::size_t back = 0; back < count; ++back) {
    const v1::OrderRequest order = intents_.at(ids_[ids_.size() - 1 - back]).order;
    // Once when nobody takes orders yet, once after that.
    scheduler_.after(random_.millis(500, 12'000), [this, order] { place(order, 9); });
  }
}

void Client::check_risk(const v1::OrderRequest& order) {
  const std::string& id = order.client_order_id();
  const auto& [level, heard] = risk_[gateway_->instance()];
  if (scheduler_.now() - heard > std::chrono::milliseconds{2'100}) {
    findings_.push_back(id + " was accepted while risk was silent");
  }
  if (level >= limits::RiskLevel::kPaused ||
      (level == limits::RiskLevel::kReduceOnly && !order.reduce_only())) {
    findings_.push_back(id + " was accepted at the level " + std::string(limits::to_string(level)));
  }
}

void Client::place(const v1::OrderRequest& order, int tries) {
  if (stopped_) return;
  v1::Command command;
  command.set_type("place");
  command.set_request_id("r-" + std::to_string(++request_));
  *command.mutable_order() = order;
  const std::string& id = order.client_order_id();
  const auto [at, fresh] = intents_.try_emplace(id, Intent{order, false, {}});
  if (fresh) ids_.push_back(id);
  Intent& intent = at->second;
  const bool same = intent.order.SerializeAsString() == order.SerializeAsString();
  // Whoever has it already answers as the first time, whatever the level is by now.
  const bool repeated =
      gateway_->alive() && gateway_->engine().tracker().find(ClientOrderId{id}) != nullptr;
  const auto reply = gateway_->command(command);
  trace_.line("client", "place {} -> {} {}", words_of(order), reply ? reply->status() : "no answer",
              reply ? reply->code() + " " + reply->reason() : "");
  if (!reply) {
    // Nobody knows whether it was taken: the same command again, under the same id.
    if (tries < 5) {
      scheduler_.after(random_.millis(100, 3'000),
                       [this, order, tries] { place(order, tries + 1); });
    }
    return;
  }
  const bool accepted = reply->status() == "ACCEPTED";
  const bool asked_before = intent.accepted && intent.by == gateway_->instance();
  if (asked_before && !journal_lost_ && accepted != same) {
    // Not known yet after a restart is said before anything is looked up.
    const bool cannot = reply->code() == "NOT_READY" || reply->code() == "HALTED";
    if (!(plan_.two_gateways ? cannot : reply->code() == "NOT_READY") || accepted) {
      findings_.push_back(id + (same ? " repeated" : " with other content") + ": answered " +
                          reply->status() + " " + reply->code());
    }
  }
  if (accepted && same && !intent.accepted && !repeated) check_risk(order);
  if (accepted && same) {
    intent.accepted = true;
    intent.by = gateway_->instance();
    if (tries == 0 && random_.percent(10)) {
      scheduler_.after(random_.millis(0, 4'000), [this, order] { place(order, 9); });
    }
  }
}

void Client::place_batch() {
  v1::Command command;
  command.set_type("place_batch");
  command.set_account("main");
  command.set_request_id("r-" + std::to_string(++request_));
  const auto count = random_.between(2, 6);
  for (std::int64_t i = 0; i < count; ++i) {
    v1::OrderRequest order = new_order();
    intents_.try_emplace(order.client_order_id(), Intent{order, false, {}});
    ids_.push_back(order.client_order_id());
    *command.add_orders() = std::move(order);
  }
  const auto reply = gateway_->command(command);
  if (reply) {
    for (int i = 0; i < reply->results_size() && i < command.orders_size(); ++i) {
      if (reply->results(i).status() == "ACCEPTED") {
        Intent& intent = intents_.at(command.orders(i).client_order_id());
        intent.accepted = true;
        intent.by = gateway_->instance();
        check_risk(command.orders(i));
      }
    }
  }
  for (const auto& order : command.orders()) {
    trace_.line("client", "place (batch) {} -> {}", words_of(order),
                reply ? std::string("answered") : "no answer");
  }
}

std::uint64_t Client::accepted() const {
  return static_cast<std::uint64_t>(std::count_if(
      intents_.begin(), intents_.end(), [](const auto& intent) { return intent.second.accepted; }));
}

}  // namespace perpwire::simulation
