#include "tools/venue-sim/api/account_views.hpp"
#include "tools/venue-sim/api/control.hpp"
#include "tools/venue-sim/api/market_views.hpp"

#include <nlohmann/json.hpp>

namespace perpwire::sim {
namespace {

Json order_dump(const VenueState& state, const Order& order) {
  Json out = full_order_json(state, state.accounts, order);
  out.erase("children");
  out["status"] = to_string(order.status);
  out["statusTimestamp"] = order.status_time;
  out["filledSz"] = state.market(order.market).text(order.filled);
  out["live"] = order.phase != OrderPhase::kDone;
  return out;
}

Json account_dump(const VenueState& state, const Account& account) {
  Json orders = Json::array();
  const auto add = [&](OrderNumber oid) {
    if (const Order* order = state.accounts.order(oid)) {
      orders.push_back(order_dump(state, *order));
    }
  };
  for (const OrderNumber oid : account.finished) {
    add(oid);
  }
  for (const OrderNumber oid : account.live) {
    add(oid);
  }
  Json fills = Json::array();
  for (const auto& fill : account.fills) {
    fills.push_back(fill_json(state, fill));
  }
  Json positions = Json::object();
  for (const auto& [market, holding] : account.holdings) {
    if (!holding.position.size.is_zero()) {
      Json one = Json::object();
      one["szi"] = state.market(market).text(holding.position.size);
      one["entryNtl"] = money_text(holding.position.entry_notional);
      one["isolatedUsd"] = money_text(holding.position.isolated_usd);
      one["cumFunding"] = money_text(holding.position.funding_all_time);
      positions[state.market(market).coin] = std::move(one);
    }
  }
  Json perp = Json::object();
  for (const auto& [dex, usd] : account.perp_usd) {
    perp[state.universe.dexs[dex].name] = money_text(usd);
  }
  Json spot = Json::object();
  for (const auto& [token, balance] : account.spot) {
    const Token* definition = state.universe.token(token);
    spot[definition == nullptr ? std::to_string(token) : definition->name] =
        money_text(balance.total);
  }
  Json fundings = Json::array();
  for (const auto& payment : account.fundings) {
    fundings.push_back(funding_json(state, payment));
  }
  Json ledger = Json::array();
  for (const auto& entry : account.ledger) {
    ledger.push_back(ledger_json(entry));
  }
  Json out = Json::object();
  out["background"] = account.is_background;
  out["perp"] = std::move(perp);
  out["spot"] = std::move(spot);
  out["positions"] = std::move(positions);
  out["orders"] = std::move(orders);
  out["fills"] = std::move(fills);
  out["fundings"] = std::move(fundings);
  out["ledger"] = std::move(ledger);
  out["volume"] = money_text(account.volume);
  out["requests"] = account.requests;
  return out;
}

}  // namespace

std::string dump_state(const Exchange& exchange, bool with_background) {
  const VenueState& state = exchange.state();
  Json accounts = Json::object();
  for (AccountIndex i = 0; i < state.accounts.size(); ++i) {
    const Account& account = state.accounts[i];
    if (with_background || !account.is_background) {
      accounts[account.address.value()] = account_dump(state, account);
    }
  }
  Json markets = Json::object();
  for (const auto& market : state.universe.markets) {
    const MarketState& book = state.markets[market.index];
    const auto best = [&](Side side) {
      const auto price = book.book.best(side);
      return price ? Json(market.text(*price)) : Json(nullptr);
    };
    Json one = Json::object();
    one["asset"] = market.asset;
    one["mark"] = market.text(book.mark);
    one["oracle"] = market.text(book.oracle);
    one["fair"] = market.text(book.fair);
    one["last"] = market.text(book.last);
    one["bid"] = best(Side::kBuy);
    one["ask"] = best(Side::kSell);
    one["openInterest"] = market.text(book.open_interest);
    markets[market.coin] = std::move(one);
  }
  Json agents = Json::object();
  for (const auto& [address, agent] : state.accounts.agents) {
    agents[address.value()] = state.accounts[agent.master].address.value();
  }
  Json out = Json::object();
  out["time"] = state.now;
  out["block"] = state.block;
  out["accounts"] = std::move(accounts);
  out["agents"] = std::move(agents);
  out["markets"] = std::move(markets);
  return out.dump();
}

}  // namespace perpwire::sim
