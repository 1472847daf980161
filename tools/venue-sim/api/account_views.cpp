#include "tools/venue-sim/api/account_views.hpp"

#include "tools/venue-sim/api/market_views.hpp"
#include "tools/venue-sim/core/margin.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace perpwire::sim {
namespace {

std::string order_type_text(const Order& order) {
  if (order.kind == OrderKind::kTwapSlice) {
    return "Twap Slice";
  }
  if (order.trigger) {
    return std::string(order.trigger->is_take_profit ? "Take Profit " : "Stop ") +
           (order.trigger->is_market ? "Market" : "Limit");
  }
  return order.tif == TimeInForce::kFrontendMarket || order.tif == TimeInForce::kLiquidationMarket
             ? "Market"
             : "Limit";
}

std::string trigger_condition(const Market& market, const Order& order) {
  if (!order.trigger) {
    return "N/A";
  }
  if (order.has_fired) {
    return "Triggered";
  }
  const bool is_above = (order.side == Side::kBuy) != order.trigger->is_take_profit;
  return std::string(is_above ? "Price above " : "Price below ") +
         market.text(order.trigger->price);
}

// New keys appear without notice. Section 1.
void add_new_key(const VenueState& state, Json& out) {
  if (state.readings.new_keys != 0) {
    out["unannounced"]["since"] = "tomorrow";
  }
}

Json summary_json(const MarginSummary& summary) {
  Json out = Json::object();
  out["accountValue"] = money_text(summary.account_value);
  out["totalNtlPos"] = money_text(summary.total_notional);
  out["totalRawUsd"] = money_text(summary.total_raw_usd);
  out["totalMarginUsed"] = money_text(summary.margin_used);
  return out;
}

Json leverage_json(const Holding& holding, bool with_raw_usd) {
  Json out = Json::object();
  out["type"] = holding.is_cross ? "cross" : "isolated";
  out["value"] = holding.leverage;
  if (!holding.is_cross && with_raw_usd) {
    out["rawUsd"] = money_text(holding.position.isolated_usd);
  }
  return out;
}

Json position_json(const VenueState& state, const Account& account, MarketIndex index,
                   const Holding& holding) {
  const Market& market = state.market(index);
  const Position& position = holding.position;
  const Money value = signed_value(state, index, position.size);
  const Money entry =
      position.size.is_positive() ? position.entry_notional : -position.entry_notional;
  const Money profit = value - entry;
  const Money stake = initial_margin(position.entry_notional, holding.leverage);
  const auto liquidation = liquidation_price(state, account, index);
  const Int128 cost =
      position.entry_notional.value / power_of_ten(kMoneyDecimals - market.max_decimals());
  Json out = Json::object();
  out["coin"] = market.coin;
  out["szi"] = market.text(position.size);
  out["leverage"] = leverage_json(holding, true);
  out["entryPx"] = average_text(market, cost, position.size.abs());
  out["positionValue"] = money_text(value.abs());
  out["unrealizedPnl"] = money_text(profit);
  out["returnOnEquity"] = fixed_text(
      stake.is_zero() ? Int128{0}
                      : mul_div(profit.value, 100'000'000, stake.value, Rounding::kHalfEven),
      8);
  out["liquidationPx"] = liquidation ? Json(market.text(*liquidation)) : Json(nullptr);
  out["marginUsed"] = money_text(position_margin(state, index, holding));
  out["maxLeverage"] = market.max_leverage;
  auto& funding = out["cumFunding"];
  funding["allTime"] = money_text(position.funding_all_time);
  funding["sinceOpen"] = money_text(position.funding_since_open);
  funding["sinceChange"] = money_text(position.funding_since_change);
  return out;
}

}  // namespace

Json basic_order_json(const VenueState& state, const Order& order) {
  const Market& market = state.market(order.market);
  Json out = Json::object();
  out["coin"] = market.coin;
  out["side"] = side_text(order.side);
  out["limitPx"] = market.text(order.price);
  out["sz"] = market.text(order.remaining);
  out["oid"] = order.oid;
  out["timestamp"] = order.created;
  out["origSz"] = market.text(order.original);
  if (!order.cloid.empty()) {
    out["cloid"] = order.cloid;
  }
  if (order.reduce_only) {
    out["reduceOnly"] = true;
  }
  add_new_key(state, out);
  return out;
}

Json full_order_json(const VenueState& state, const Accounts& accounts, const Order& order) {
  const Market& market = state.market(order.market);
  Json children = Json::array();
  for (const OrderNumber oid : order.children) {
    const Order* child = accounts.order(oid);
    if (child != nullptr && child->phase == OrderPhase::kWaitingForParent) {
      children.push_back(full_order_json(state, accounts, *child));
    }
  }
  Json out = Json::object();
  out["coin"] = market.coin;
  out["side"] = side_text(order.side);
  out["limitPx"] = market.text(order.price);
  out["sz"] = market.text(order.remaining);
  out["oid"] = order.oid;
  out["timestamp"] = order.created;
  out["triggerCondition"] = trigger_condition(market, order);
  out["isTrigger"] = order.trigger.has_value();
  out["triggerPx"] = order.trigger ? market.text(order.trigger->price) : "0.0";
  out["children"] = std::move(children);
  out["isPositionTpsl"] = order.is_position_tpsl;
  out["reduceOnly"] = order.reduce_only;
  out["orderType"] = order_type_text(order);
  out["origSz"] = market.text(order.original);
  out["tif"] =
      order.trigger && !order.has_fired ? Json(nullptr) : Json(std::string(to_string(order.tif)));
  out["cloid"] = order.cloid.empty() ? Json(nullptr) : Json(order.cloid);
  return out;
}

Json order_update_json(const VenueState& state, const OrderUpdate& update) {
  Json out = Json::object();
  out["order"] = basic_order_json(state, update.order);
  out["status"] = to_string(update.status);
  out["statusTimestamp"] = update.time;
  return out;
}

Json fill_json(const VenueState& state, const Fill& fill) {
  const Market& market = state.market(fill.market);
  const Token* token = state.universe.token(fill.fee_token);
  Json out = Json::object();
  out["coin"] = market.coin;
  out["px"] = market.text(fill.price);
  out["sz"] = market.text(fill.size);
  out["side"] = side_text(fill.side);
  out["time"] = fill.time;
  out["startPosition"] =
      market.is_perp() ? market.text(fill.start_position) : money_text(fill.start_balance);
  out["dir"] = fill.direction;
  out["closedPnl"] = money_text(fill.closed_pnl);
  out["hash"] = fill.hash;
  out["oid"] = fill.oid;
  out["crossed"] = fill.crossed;
  out["fee"] = money_text(fill.fee);
  if (!fill.builder_fee.is_zero()) {
    out["builderFee"] = money_text(fill.builder_fee);
  }
  out["tid"] = fill.trade_id;
  if (!fill.cloid.empty()) {
    out["cloid"] = fill.cloid;
  }
  if (fill.liquidation) {
    auto& liquidation = out["liquidation"];
    liquidation["liquidatedUser"] = fill.liquidation->user;
    liquidation["markPx"] = market.text(fill.liquidation->mark);
    liquidation["method"] = fill.liquidation->method;
  }
  out["feeToken"] = token == nullptr ? "USDC" : token->name;
  out["twapId"] = fill.twap == 0 ? Json(nullptr) : Json(fill.twap);
  add_new_key(state, out);
  return out;
}

Json funding_json(const VenueState& state, const FundingPayment& payment) {
  const Market& market = state.market(payment.market);
  Json out = Json::object();
  out["time"] = payment.time;
  out["coin"] = market.coin;
  out["usdc"] = money_text(payment.usdc);
  out["szi"] = market.text(payment.size);
  out["fundingRate"] = rate_text(payment.rate);
  out["nSamples"] = nullptr;
  return out;
}

Json ledger_json(const LedgerEntry& entry) {
  Json out = Json::object();
  out["time"] = entry.time;
  out["hash"] = entry.hash;
  auto& delta = out["delta"];
  delta["type"] = entry.type;
  for (const auto& [key, text] : entry.texts) {
    delta[key] = text;
  }
  if (entry.to_perp) {
    delta["toPerp"] = *entry.to_perp;
  }
  if (!entry.positions.empty()) {
    Json positions = Json::array();
    for (const auto& [coin, size] : entry.positions) {
      Json one = Json::object();
      one["coin"] = coin;
      one["szi"] = size;
      positions.push_back(std::move(one));
    }
    delta["liquidatedPositions"] = std::move(positions);
  }
  return out;
}

Json twap_state_json(const VenueState& state, const std::string& user, const Twap& twap) {
  const Market& market = state.market(twap.market);
  Json out = Json::object();
  out["coin"] = market.coin;
  out["user"] = user;
  out["side"] = side_text(twap.side);
  out["sz"] = market.text(twap.size);
  out["executedSz"] = market.text(twap.executed);
  out["executedNtl"] = money_text(twap.executed_notional);
  out["minutes"] = twap.minutes;
  out["reduceOnly"] = twap.reduce_only;
  out["randomize"] = twap.randomize;
  out["timestamp"] = twap.started;
  return out;
}

Json clearinghouse_json(const VenueState& state, const Account& account, std::size_t dex) {
  const DexMargin margin = dex_margin(state, account, dex);
  Json positions = Json::array();
  for (const auto& [market, holding] : account.holdings) {
    if (state.market(market).dex != dex || holding.position.size.is_zero()) {
      continue;
    }
    Json one = Json::object();
    one["type"] = "oneWay";
    one["position"] = position_json(state, account, market, holding);
    positions.push_back(std::move(one));
  }
  Json out = Json::object();
  out["marginSummary"] = summary_json(margin.all);
  out["crossMarginSummary"] = summary_json(margin.cross);
  out["crossMaintenanceMarginUsed"] = money_text(margin.cross_maintenance);
  out["withdrawable"] = money_text(margin.withdrawable);
  out["assetPositions"] = std::move(positions);
  out["time"] = state.now;
  return out;
}

Json spot_state_json(const VenueState& state, const Accounts& accounts, const Account& account) {
  Json balances = Json::array();
  for (const auto& [token, balance] : account.spot) {
    const Token* definition = state.universe.token(token);
    if (definition == nullptr) {
      continue;
    }
    Json one = Json::object();
    one["coin"] = definition->name;
    one["token"] = token;
    one["total"] = money_text(balance.total);
    one["hold"] = money_text(spot_hold(state, accounts, account, token));
    one["entryNtl"] = money_text(balance.entry_notional);
    balances.push_back(std::move(one));
  }
  Json out = Json::object();
  out["balances"] = std::move(balances);
  return out;
}

Json active_asset_json(const VenueState& state, const Account& account, MarketIndex index) {
  const Market& market = state.market(index);
  const auto found = account.holdings.find(index);
  const Holding holding = found == account.holdings.end() ? default_holding(market) : found->second;
  Json sizes = Json::array();
  Json money = Json::array();
  for (const Side side : {Side::kBuy, Side::kSell}) {
    sizes.push_back(market.text(largest_order(state, account, index, side)));
    money.push_back(money_text(available_to_trade(state, account, index, side)));
  }
  Json out = Json::object();
  out["user"] = account.address.value();
  out["coin"] = market.coin;
  out["leverage"] = leverage_json(holding, !holding.position.size.is_zero());
  out["maxTradeSzs"] = std::move(sizes);
  out["availableToTrade"] = std::move(money);
  out["markPx"] = market.text(state.markets[index].mark);
  return out;
}

bool is_shown_as_open(const VenueState& state, const Order& order) {
  return order.phase != OrderPhase::kDone && (order.phase != OrderPhase::kWaitingForParent ||
                                              state.readings.waiting_children_are_open != 0);
}

Json open_orders_json(const VenueState& state, const Accounts& accounts, const Account& account,
                      std::size_t dex, bool is_full, Millis lag) {
  Json out = Json::array();
  for (auto oid = account.live.rbegin(); oid != account.live.rend(); ++oid) {
    const Order* order = accounts.order(*oid);
    if (order == nullptr || !is_shown_as_open(state, *order) || order->created + lag > state.now) {
      continue;
    }
    const Market& market = state.market(order->market);
    if (market.is_perp() ? market.dex != dex : dex != 0) {
      continue;
    }
    out.push_back(is_full ? full_order_json(state, accounts, *order)
                          : basic_order_json(state, *order));
  }
  return out;
}

}  // namespace perpwire::sim
