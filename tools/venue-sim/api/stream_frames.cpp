#include "tools/venue-sim/api/stream_frames.hpp"

#include "tools/venue-sim/api/account_views.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr std::size_t kSnapshotFills = 100;
constexpr std::size_t kSnapshotTrades = 10;

std::string frame(std::string_view channel, Json data) {
  Json out = Json::object();
  out["channel"] = channel;
  out["data"] = std::move(data);
  return out.dump();
}

const Account* account_of(const VenueState& state, const std::string& user) {
  const auto index = state.accounts.find(Address{user});
  return index ? &state.accounts[*index] : nullptr;
}

Account nobody(const std::string& user) {
  Account account;
  account.address = Address{user};
  return account;
}

Json user_object(const Subscription& subscription) {
  Json out = Json::object();
  out["user"] = subscription.user;
  return out;
}

Json snapshot_object(const Subscription& subscription) {
  Json out = Json::object();
  out["isSnapshot"] = true;
  out["user"] = subscription.user;
  return out;
}

Json twap_change_json(const VenueState& state, const std::string& user, const Twap& twap,
                      Millis time) {
  Json out = Json::object();
  out["time"] = time / 1000;
  out["state"] = twap_state_json(state, user, twap);
  out["status"]["status"] = to_string(twap.status);
  out["twapId"] = twap.id;
  return out;
}

Json fills_snapshot(const VenueState& state, const Account& account) {
  Json fills = Json::array();
  for (auto fill = account.fills.rbegin();
       fill != account.fills.rend() && fills.size() < kSnapshotFills; ++fill) {
    fills.push_back(fill_json(state, *fill));
  }
  if (state.readings.fills_snapshot_oldest_first != 0) {
    std::reverse(fills.begin(), fills.end());
  }
  return fills;
}

Json all_dexs_states(const VenueState& state, const Account& account) {
  Json states = Json::array();
  for (std::size_t i = 0; i < state.universe.dexs.size(); ++i) {
    if (state.universe.dexs[i].present) {
      states.push_back(
          Json::array({state.universe.dexs[i].name, clearinghouse_json(state, account, i)}));
    }
  }
  return states;
}

Json web_data_json(const VenueState& state, const Account& account) {
  Json user = Json::object();
  user["agentAddress"] = nullptr;
  user["agentValidUntil"] = nullptr;
  for (const auto& [address, agent] : state.accounts.agents) {
    if (agent.name.empty() && &state.accounts[agent.master] == &account) {
      user["agentAddress"] = address.value();
      user["agentValidUntil"] = agent.valid_until ? Json(*agent.valid_until) : Json(nullptr);
    }
  }
  user["serverTime"] = state.now;
  Money ledger;
  for (const auto& [dex, usd] : account.perp_usd) {
    ledger += usd;
  }
  user["cumLedger"] = money_text(ledger);
  user["isVault"] = false;
  user["user"] = account.address.value();
  user["abstraction"] = "disabled";
  Json dexs = Json::array();
  for (const auto& dex : state.universe.dexs) {
    if (dex.present) {
      Json one = Json::object();
      one["totalVaultEquity"] = "0.0";
      dexs.push_back(std::move(one));
    }
  }
  Json out = Json::object();
  out["userState"] = std::move(user);
  out["perpDexStates"] = std::move(dexs);
  return out;
}

Json history_snapshot(const VenueState& state, const Account& account) {
  Json rows = Json::array();
  for (auto oid = account.finished.rbegin();
       oid != account.finished.rend() && rows.size() < kSnapshotFills; ++oid) {
    if (const Order* order = state.accounts.order(*oid)) {
      Json one = Json::object();
      one["order"] = full_order_json(state, state.accounts, *order);
      one["status"] = to_string(order->status);
      one["statusTimestamp"] = order->status_time;
      rows.push_back(std::move(one));
    }
  }
  return rows;
}

std::optional<std::string> market_state(const VenueState& state, const Subscription& in) {
  if (!in.has_market) {
    return std::nullopt;
  }
  const Market& market = state.market(in.market);
  switch (in.channel) {
    case Channel::kL2Book:
      return frame("l2Book", l2_book_json(state, in.market, in.shape));
    case Channel::kBbo:
      return frame("bbo", bbo_json(state, in.market));
    case Channel::kCandle: {
      const auto candle = state.markets[in.market].candles.running(in.interval);
      if (!candle) {
        return std::nullopt;
      }
      Json data = candle_json(market, in.interval, *candle);
      return frame("candle", state.readings.candle_is_array != 0 ? Json::array({std::move(data)})
                                                                 : std::move(data));
    }
    case Channel::kActiveAssetCtx: {
      Json data = Json::object();
      data["coin"] = market.coin;
      data["ctx"] =
          market.is_perp() ? asset_ctx_json(state, in.market) : spot_ctx_json(state, in.market);
      if (!market.is_perp()) {
        data["ctx"].erase("coin");
      }
      return frame(market.is_perp() ? "activeAssetCtx" : "activeSpotAssetCtx", std::move(data));
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string trades_frame(const VenueState& state, const std::vector<const Trade*>& trades) {
  Json data = Json::array();
  for (const Trade* trade : trades) {
    data.push_back(trade_json(state, *trade));
  }
  return frame("trades", std::move(data));
}

std::optional<std::string> state_frame(const Exchange& exchange, const Subscription& in) {
  const VenueState& state = exchange.state();
  if (!is_user_channel(in.channel)) {
    if (in.channel == Channel::kAllMids) {
      Json data = Json::object();
      if (!in.dex.empty()) {
        data["dex"] = in.dex;
      }
      data["mids"] = mids_json(state, in.dex_index);
      return frame("allMids", std::move(data));
    }
    if (in.channel == Channel::kAllDexsAssetCtxs) {
      Json dexs = Json::array();
      for (std::size_t i = 0; i < state.universe.dexs.size(); ++i) {
        if (!state.universe.dexs[i].present) {
          continue;
        }
        Json ctxs = Json::array();
        for (const Market* market : state.universe.perps(i)) {
          ctxs.push_back(asset_ctx_json(state, market->index));
        }
        dexs.push_back(Json::array({state.universe.dexs[i].name, std::move(ctxs)}));
      }
      Json data = Json::object();
      data["ctxs"] = std::move(dexs);
      return frame("allDexsAssetCtxs", std::move(data));
    }
    return market_state(state, in);
  }
  const Account* known = account_of(state, in.user);
  const Account empty = known == nullptr ? nobody(in.user) : Account{};
  const Account& account = known == nullptr ? empty : *known;
  switch (in.channel) {
    case Channel::kOpenOrders: {
      Json data = Json::object();
      data["dex"] = in.dex;
      data["user"] = in.user;
      data["orders"] = open_orders_json(state, state.accounts, account, in.dex_index, true, 0);
      return frame("openOrders", std::move(data));
    }
    case Channel::kClearinghouseState: {
      Json data = Json::object();
      data["dex"] = in.dex;
      data["user"] = in.user;
      data["clearinghouseState"] = clearinghouse_json(state, account, in.dex_index);
      return frame("clearinghouseState", std::move(data));
    }
    case Channel::kAllDexsClearinghouseState: {
      Json data = user_object(in);
      data["clearinghouseStates"] = all_dexs_states(state, account);
      return frame("allDexsClearinghouseState", std::move(data));
    }
    case Channel::kSpotState: {
      Json data = user_object(in);
      data["spotState"] = spot_state_json(state, state.accounts, account);
      return frame("spotState", std::move(data));
    }
    case Channel::kActiveAssetData:
      return in.has_market && state.market(in.market).is_perp()
                 ? std::optional{frame("activeAssetData",
                                       active_asset_json(state, account, in.market))}
                 : std::nullopt;
    case Channel::kTwapStates: {
      Json data = Json::object();
      data["dex"] = in.dex;
      data["user"] = in.user;
      Json states = Json::array();
      for (const auto& [id, twap] : account.twaps) {
        if (twap.status == TwapStatus::kActivated &&
            state.market(twap.market).dex == in.dex_index) {
          states.push_back(Json::array({id, twap_state_json(state, in.user, twap)}));
        }
      }
      data["states"] = std::move(states);
      return frame("twapStates", std::move(data));
    }
    case Channel::kWebData3:
      return frame("webData3", web_data_json(state, account));
    default:
      return std::nullopt;
  }
}

std::optional<std::string> first_frame(const Exchange& exchange, const Subscription& in) {
  const VenueState& state = exchange.state();
  if (in.channel == Channel::kTrades) {
    if (!in.has_market) {
      return std::nullopt;
    }
    std::vector<const Trade*> recent;
    const auto& trades = state.markets[in.market].trades;
    for (auto trade = trades.rbegin(); trade != trades.rend() && recent.size() < kSnapshotTrades;
         ++trade) {
      recent.push_back(&*trade);
    }
    return recent.empty() ? std::nullopt : std::optional{trades_frame(state, recent)};
  }
  const Account* known = is_user_channel(in.channel) ? account_of(state, in.user) : nullptr;
  const Account empty = known == nullptr ? nobody(in.user) : Account{};
  const Account& account = known == nullptr ? empty : *known;
  switch (in.channel) {
    case Channel::kUserFills: {
      Json data = snapshot_object(in);
      data["fills"] = fills_snapshot(state, account);
      return frame("userFills", std::move(data));
    }
    case Channel::kUserFundings: {
      Json data = snapshot_object(in);
      Json rows = Json::array();
      for (const auto& payment : account.fundings) {
        rows.push_back(funding_json(state, payment));
      }
      data["fundings"] = std::move(rows);
      return frame("userFundings", std::move(data));
    }
    case Channel::kLedgerUpdates: {
      Json data = snapshot_object(in);
      Json rows = Json::array();
      for (const auto& entry : account.ledger) {
        rows.push_back(ledger_json(entry));
      }
      data["nonFundingLedgerUpdates"] = std::move(rows);
      return frame("userNonFundingLedgerUpdates", std::move(data));
    }
    case Channel::kTwapSliceFills: {
      Json data = snapshot_object(in);
      Json rows = Json::array();
      for (const auto& fill : account.fills) {
        if (fill.twap != 0) {
          Json one = Json::object();
          one["fill"] = fill_json(state, fill);
          one["twapId"] = fill.twap;
          rows.push_back(std::move(one));
        }
      }
      data["twapSliceFills"] = std::move(rows);
      return frame("userTwapSliceFills", std::move(data));
    }
    case Channel::kTwapHistory: {
      Json data = snapshot_object(in);
      Json rows = Json::array();
      for (const auto& [id, twap] : account.twaps) {
        rows.push_back(twap_change_json(state, in.user, twap, twap.started));
      }
      data["history"] = std::move(rows);
      return frame("userTwapHistory", std::move(data));
    }
    case Channel::kHistoricalOrders: {
      Json data = snapshot_object(in);
      data["orderHistory"] = history_snapshot(state, account);
      return frame("userHistoricalOrders", std::move(data));
    }
    default:
      return state_frame(exchange, in);
  }
}

std::vector<std::string> user_frames(const Exchange& exchange, const Subscription& in,
                                     const std::vector<const UserEvent*>& events) {
  const VenueState& state = exchange.state();
  std::vector<std::string> out;
  // Everything of one kind that a block brought, as one list.
  const auto collect = [&](auto&& to_json) {
    Json list = Json::array();
    for (const UserEvent* event : events) {
      std::visit([&](const auto& body) { to_json(body, list); }, event->body);
    }
    return list;
  };
  const auto fills = [&](bool with_twap) {
    return collect([&](const auto& body, Json& list) {
      if constexpr (std::is_same_v<std::decay_t<decltype(body)>, Fill>) {
        if (with_twap || body.twap == 0) {
          list.push_back(fill_json(state, body));
        }
      }
    });
  };
  const auto slices = [&] {
    return collect([&](const auto& body, Json& list) {
      if constexpr (std::is_same_v<std::decay_t<decltype(body)>, TwapSlice>) {
        Json one = Json::object();
        one["fill"] = fill_json(state, body.fill);
        one["twapId"] = body.twap;
        list.push_back(std::move(one));
      }
    });
  };
  const auto twap_changes = [&] {
    return collect([&](const auto& body, Json& list) {
      if constexpr (std::is_same_v<std::decay_t<decltype(body)>, TwapChange>) {
        list.push_back(twap_change_json(state, in.user, body.twap, body.time));
      }
    });
  };
  const auto add = [&](std::string_view channel, const char* key, Json list) {
    if (!list.empty()) {
      Json data = user_object(in);
      data[key] = std::move(list);
      out.push_back(frame(channel, std::move(data)));
    }
  };
  switch (in.channel) {
    case Channel::kOrderUpdates: {
      Json list = collect([&](const auto& body, Json& rows) {
        if constexpr (std::is_same_v<std::decay_t<decltype(body)>, OrderUpdate>) {
          rows.push_back(order_update_json(state, body));
        }
      });
      if (!list.empty()) {
        out.push_back(frame("orderUpdates", std::move(list)));
      }
      break;
    }
    case Channel::kUserFills:
      add("userFills", "fills", fills(true));
      break;
    case Channel::kTwapSliceFills:
      add("userTwapSliceFills", "twapSliceFills", slices());
      break;
    case Channel::kTwapHistory:
      add("userTwapHistory", "history", twap_changes());
      break;
    case Channel::kUserFundings:
      add("userFundings", "fundings", collect([&](const auto& body, Json& list) {
            if constexpr (std::is_same_v<std::decay_t<decltype(body)>, FundingPayment>) {
              list.push_back(funding_json(state, body));
            }
          }));
      break;
    case Channel::kLedgerUpdates:
      add("userNonFundingLedgerUpdates", "nonFundingLedgerUpdates",
          collect([&](const auto& body, Json& list) {
            if constexpr (std::is_same_v<std::decay_t<decltype(body)>, LedgerEntry>) {
              list.push_back(ledger_json(body));
            }
          }));
      break;
    case Channel::kHistoricalOrders:
      add("userHistoricalOrders", "orderHistory", collect([&](const auto& body, Json& list) {
            if constexpr (std::is_same_v<std::decay_t<decltype(body)>, OrderUpdate>) {
              Json one = Json::object();
              one["order"] = full_order_json(state, state.accounts, body.order);
              one["status"] = to_string(body.status);
              one["statusTimestamp"] = body.time;
              list.push_back(std::move(one));
            }
          }));
      break;
    case Channel::kUserEvents: {
      // Exactly one of the keys a frame. Section 8.4.
      const auto add_event = [&](const char* key, Json value) {
        Json data = Json::object();
        data[key] = std::move(value);
        out.push_back(frame("user", std::move(data)));
      };
      const auto add_list = [&](const char* key, Json list) {
        if (!list.empty()) {
          add_event(key, std::move(list));
        }
      };
      add_list("fills", fills(false));
      add_list("twapSliceFills", slices());
      add_list("twapHistory", twap_changes());
      add_list("nonUserCancel", collect([&](const auto& body, Json& list) {
                 if constexpr (std::is_same_v<std::decay_t<decltype(body)>, NonUserCancel>) {
                   Json one = Json::object();
                   one["coin"] = state.market(body.market).coin;
                   one["oid"] = body.oid;
                   list.push_back(std::move(one));
                 }
               }));
      for (const UserEvent* event : events) {
        if (const auto* payment = std::get_if<FundingPayment>(&event->body)) {
          add_event("funding", funding_json(state, *payment));
        } else if (const auto* notice = std::get_if<LiquidationNotice>(&event->body)) {
          Json one = Json::object();
          one["lid"] = notice->id;
          one["liquidator"] = notice->liquidator;
          one["liquidated_user"] = in.user;
          one["liquidated_ntl_pos"] = money_text(notice->notional);
          one["liquidated_account_value"] = money_text(notice->account_value);
          add_event("liquidation", std::move(one));
        }
      }
      break;
    }
    case Channel::kNotification:
      for (const UserEvent* event : events) {
        const auto* fill = std::get_if<Fill>(&event->body);
        if (fill != nullptr && !fill->crossed) {
          const Market& market = state.market(fill->market);
          Json data = Json::object();
          data["notification"] = "Resting order filled: " +
                                 std::string(fill->side == Side::kBuy ? "Bought " : "Sold ") +
                                 market.text(fill->size) + " " + market.coin + " at $" +
                                 market.text(fill->price);
          out.push_back(frame("notification", std::move(data)));
        }
      }
      break;
    default:
      // State streams send the whole state after every change of the account.
      if (auto text = state_frame(exchange, in)) {
        out.push_back(std::move(*text));
      }
  }
  return out;
}

}  // namespace perpwire::sim
