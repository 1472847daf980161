#include "tools/venue-sim/api/info.hpp"

#include "tools/venue-sim/api/account_views.hpp"
#include "tools/venue-sim/api/json_reader.hpp"
#include "tools/venue-sim/api/market_views.hpp"
#include "tools/venue-sim/core/address_limit.hpp"
#include "tools/venue-sim/core/margin.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace perpwire::sim {
namespace {

constexpr std::size_t kFillsPerPage = 2000;
constexpr std::size_t kRowsPerPage = 500;

/// Thrown where the venue answers 500 with body null.
struct ServerFault {};
/// Thrown where the venue answers null.
struct NullAnswer {};

class Query {
 public:
  Query(const Exchange& exchange, const Accounts& accounts, const Json& request)
      : state_(exchange.state()), accounts_(accounts), in_(request) {}

  InfoReply run() {
    struct Row {
      Json (Query::*answer)();
      std::size_t weight;
      std::size_t items_per_weight;  // 0 = no surcharge
    };
    static const std::map<std::string, Row> kRows = {
        {"meta", {&Query::meta, 20, 0}},
        {"metaAndAssetCtxs", {&Query::meta_and_ctxs, 20, 0}},
        {"allPerpMetas", {&Query::all_metas, 20, 0}},
        {"spotMeta", {&Query::spot_meta, 20, 0}},
        {"spotMetaAndAssetCtxs", {&Query::spot_meta_and_ctxs, 20, 0}},
        {"allMids", {&Query::all_mids, 2, 0}},
        {"l2Book", {&Query::l2_book, 2, 0}},
        {"candleSnapshot", {&Query::candles, 20, 60}},
        {"recentTrades", {&Query::recent_trades, 20, 20}},
        {"fundingHistory", {&Query::funding_history, 20, 20}},
        {"predictedFundings", {&Query::predicted_fundings, 20, 0}},
        {"perpDexs", {&Query::perp_dexs, 20, 0}},
        {"perpDexLimits", {&Query::perp_dex_limits, 20, 0}},
        {"perpDexStatus", {&Query::perp_dex_status, 20, 0}},
        {"perpsAtOpenInterestCap", {&Query::empty_list_of_dex, 20, 0}},
        {"marginTable", {&Query::margin_table, 20, 0}},
        {"maxMarketOrderNtls", {&Query::max_market_order_ntls, 20, 0}},
        {"exchangeStatus", {&Query::exchange_status, 2, 0}},
        {"clearinghouseState", {&Query::clearinghouse_state, 2, 0}},
        {"spotClearinghouseState", {&Query::spot_state, 2, 0}},
        {"openOrders", {&Query::open_orders, 20, 0}},
        {"frontendOpenOrders", {&Query::frontend_open_orders, 20, 0}},
        {"orderStatus", {&Query::order_status, 2, 0}},
        {"historicalOrders", {&Query::historical_orders, 20, 20}},
        {"userFills", {&Query::user_fills, 20, 20}},
        {"userFillsByTime", {&Query::user_fills_by_time, 20, 20}},
        {"userTwapSliceFills", {&Query::twap_slice_fills, 20, 20}},
        {"twapHistory", {&Query::twap_history, 20, 20}},
        {"userFunding", {&Query::user_funding, 20, 20}},
        {"userNonFundingLedgerUpdates", {&Query::ledger_updates, 20, 20}},
        {"userRateLimit", {&Query::user_rate_limit, 20, 0}},
        {"userFees", {&Query::user_fees, 20, 0}},
        {"activeAssetData", {&Query::active_asset_data, 20, 0}},
        {"subAccounts", {&Query::sub_accounts, 20, 0}},
        {"subAccounts2", {&Query::sub_accounts2, 20, 0}},
        {"extraAgents", {&Query::extra_agents, 20, 0}},
        {"userRole", {&Query::user_role, 60, 0}},
        {"userAbstraction", {&Query::user_abstraction, 20, 0}},
        {"userDexAbstraction", {&Query::user_dex_abstraction, 20, 0}},
        {"maxBuilderFee", {&Query::max_builder_fee, 20, 0}},
        {"approvedBuilders", {&Query::approved_builders, 20, 0}},
    };
    const auto row = kRows.find(in_.text("type"));
    if (row == kRows.end()) {
      throw BadRequest{};
    }
    const Json answer = (this->*row->second.answer)();
    InfoReply reply;
    reply.http.body = answer.dump();
    reply.weight = row->second.weight;
    if (row->second.items_per_weight != 0 && answer.is_array()) {
      reply.weight += answer.size() / row->second.items_per_weight;
    }
    return reply;
  }

 private:
  // ---- fields
  std::size_t dex() {
    const auto found = state_.universe.dex_index(in_.text_or("dex", ""));
    if (!found) {
      if (state_.readings.unknown_dex == 2) {
        throw ServerFault{};
      }
      if (state_.readings.unknown_dex == 1) {
        throw NullAnswer{};
      }
      throw BadRequest{};
    }
    return *found;
  }
  const Market* market() { return state_.universe.by_coin(in_.text("coin")); }
  const Market& known_market() {
    const Market* found = market();
    if (found == nullptr) {
      throw ServerFault{};
    }
    return *found;
  }
  // An address without an account (an agent's too) gives empty but valid answers. Section 1.
  const Account& account() {
    const Address address = in_.address("user");
    const auto found = accounts_.find(address);
    if (found) {
      return accounts_[*found];
    }
    nobody_.address = address;
    return nobody_;
  }
  std::pair<Millis, Millis> period(bool start_is_required) {
    const Millis start = start_is_required || in_.has("startTime")
                             ? static_cast<Millis>(in_.number("startTime"))
                             : 0;
    const Millis end = in_.has("endTime") ? static_cast<Millis>(in_.number("endTime")) : INT64_MAX;
    return {start, end};
  }

  // ---- markets
  Json meta() { return meta_json(state_.universe, dex()); }
  Json meta_and_ctxs() {
    const std::size_t index = dex();
    Json ctxs = Json::array();
    for (const Market* one : state_.universe.perps(index)) {
      ctxs.push_back(asset_ctx_json(state_, one->index));
    }
    return Json::array({meta_json(state_.universe, index), std::move(ctxs)});
  }
  Json all_metas() {
    Json out = Json::array();
    for (std::size_t i = 0; i < state_.universe.dexs.size(); ++i) {
      if (state_.universe.dexs[i].present) {
        out.push_back(meta_json(state_.universe, i));
      }
    }
    return out;
  }
  Json spot_meta() { return spot_meta_json(state_.universe); }
  Json spot_meta_and_ctxs() {
    Json ctxs = Json::array();
    for (const auto& one : state_.universe.markets) {
      if (!one.is_perp()) {
        // Not aligned with the universe: join on `coin`. Section 7.1.
        ctxs.insert(ctxs.begin(), spot_ctx_json(state_, one.index));
      }
    }
    return Json::array({spot_meta_json(state_.universe), std::move(ctxs)});
  }
  Json all_mids() { return mids_json(state_, dex()); }
  Json l2_book() {
    BookShape shape;
    if (const auto figures = in_.optional_number("nSigFigs")) {
      if (*figures < 2 || *figures > 5) {
        throw ServerFault{};
      }
      shape.significant_figures = static_cast<int>(*figures);
    }
    if (const auto mantissa = in_.optional_number("mantissa")) {
      if (shape.significant_figures != 5 || (*mantissa != 2 && *mantissa != 5)) {
        throw ServerFault{};  // bad aggregation parameters. Section 6.2.
      }
      shape.mantissa = static_cast<int>(*mantissa);
    }
    const Market* found = market();
    return found == nullptr ? Json(nullptr) : l2_book_json(state_, found->index, shape);
  }
  Json candles() {
    const JsonReader request = in_.object("req");
    const Market* found = state_.universe.by_coin(request.text("coin"));
    const auto interval = candle_interval(request.text("interval"));
    const auto start = static_cast<Millis>(request.number("startTime"));
    const Millis end =
        request.has("endTime") ? static_cast<Millis>(request.number("endTime")) : INT64_MAX;
    if (!interval) {
      throw BadRequest{};
    }
    if (found == nullptr) {
      throw ServerFault{};
    }
    Json out = Json::array();
    for (const auto& candle : state_.markets[found->index].candles.between(*interval, start, end)) {
      out.push_back(candle_json(*found, *interval, candle));
    }
    return out;
  }
  Json recent_trades() {
    Json out = Json::array();
    const auto& trades = state_.markets[known_market().index].trades;
    for (auto trade = trades.rbegin(); trade != trades.rend() && out.size() < 10; ++trade) {
      out.push_back(trade_json(state_, *trade));
    }
    return out;
  }
  Json funding_history() {
    const Market& found = known_market();
    const auto [start, end] = period(true);
    Json out = Json::array();
    for (const auto& row : state_.markets[found.index].fundings) {
      if (row.time < start || row.time > end || out.size() == kRowsPerPage) {
        continue;
      }
      Json one = Json::object();
      one["coin"] = found.coin;
      one["fundingRate"] = rate_text(row.rate);
      one["premium"] = rate_text(row.premium);
      one["time"] = row.time;
      out.push_back(std::move(one));
    }
    return out;
  }
  Json predicted_fundings() {
    Json out = Json::array();
    const Millis next = (state_.now / PriceFeed::kHour + 1) * PriceFeed::kHour;
    for (const Market* one : state_.universe.perps(0)) {
      Json own = Json::object();
      own["fundingRate"] = rate_text(state_.markets[one->index].funding_rate);
      own["nextFundingTime"] = next;
      own["fundingIntervalHours"] = 1;
      Json venues = Json::array();
      venues.push_back(Json::array({"BinPerp", nullptr}));
      venues.push_back(Json::array({"HlPerp", std::move(own)}));
      venues.push_back(Json::array({"BybitPerp", nullptr}));
      out.push_back(Json::array({one->coin, std::move(venues)}));
    }
    return out;
  }
  Json perp_dexs() { return perp_dexs_json(state_.universe); }
  Json perp_dex_limits() {
    const auto found = state_.universe.dex_index(in_.text("dex"));
    if (!found || *found == 0) {
      return nullptr;
    }
    Json caps = Json::array();
    for (const Market* one : state_.universe.perps(*found)) {
      caps.push_back(Json::array({one->coin, "25000000.0"}));
    }
    Json out = Json::object();
    out["totalOiCap"] = "400000000.0";
    out["oiSzCapPerPerp"] = "1000000000.0";
    out["maxTransferNtl"] = "150000000.0";
    out["coinToOiCap"] = std::move(caps);
    return out;
  }
  Json perp_dex_status() {
    const std::size_t index = dex();
    Money deposits;
    for (AccountIndex i = 0; i < accounts_.size(); ++i) {
      const auto found = accounts_[i].perp_usd.find(index);
      deposits += found == accounts_[i].perp_usd.end() ? Money{} : found->second;
    }
    Json out = Json::object();
    out["totalNetDeposit"] = money_text(deposits);
    return out;
  }
  Json empty_list_of_dex() {
    ignore(dex(), "checked only");
    return Json::array();
  }
  Json margin_table() {
    const auto id = static_cast<int>(in_.number("id") % 1'000'000);
    for (const auto& table : state_.universe.margin_tables) {
      if (table.id == id) {
        Json tiers = Json::array();
        for (const auto& tier : table.tiers) {
          Json one = Json::object();
          one["lowerBound"] = money_text(tier.lower_bound);
          one["maxLeverage"] = tier.max_leverage;
          tiers.push_back(std::move(one));
        }
        Json out = Json::object();
        out["description"] = table.description;
        out["marginTiers"] = std::move(tiers);
        return out;
      }
    }
    throw ServerFault{};
  }
  Json max_market_order_ntls() {
    return Json::array({Json::array({25, "30000000.0"}), Json::array({20, "5000000.0"}),
                        Json::array({10, "2000000.0"}), Json::array({1, "500000.0"})});
  }
  Json exchange_status() {
    Json out = Json::object();
    out["time"] = state_.now;
    out["specialStatuses"] = state_.post_only_window ? Json::array({"postOnly"}) : Json(nullptr);
    return out;
  }

  // ---- accounts
  Json clearinghouse_state() {
    const std::size_t index = dex();
    return clearinghouse_json(state_, account(), index);
  }
  Json spot_state() { return spot_state_json(state_, accounts_, account()); }
  Json open_orders() {
    const std::size_t index = dex();
    return open_orders_json(state_, accounts_, account(), index, false,
                            state_.readings.status_lag_ms);
  }
  Json frontend_open_orders() {
    const std::size_t index = dex();
    return open_orders_json(state_, accounts_, account(), index, true,
                            state_.readings.status_lag_ms);
  }
  Json order_status() {
    const Account& owner = account();
    const Json& name = in_.at("oid");
    const Order* order = nullptr;
    if (name.is_number_unsigned()) {
      order = accounts_.order(name.get<OrderNumber>());
    } else if (name.is_string() && is_hex_text(name.get<std::string>(), 32)) {
      const auto found = owner.newest_cloids.find(lower_case(name.get<std::string>()));
      order = found == owner.newest_cloids.end() ? nullptr : accounts_.order(found->second);
    } else {
      throw BadRequest{};
    }
    Json out = Json::object();
    const bool is_mine = order != nullptr && &accounts_[order->account] == &owner;
    if (!is_mine || order->created + state_.readings.status_lag_ms > state_.now) {
      out["status"] = "unknownOid";
      return out;
    }
    Order shown = *order;
    if (shown.phase != OrderPhase::kDone) {
      shown.remaining = shown.original;  // refreshed only when the status changes. Section 7.4.
    }
    out["status"] = "order";
    auto& body = out["order"];
    body["order"] = full_order_json(state_, accounts_, shown);
    body["status"] = to_string(order->status);
    body["statusTimestamp"] = order->status_time;
    return out;
  }
  Json history_row(const Order& order, OrderStatus status, Millis time) {
    Order shown = order;
    if (status == OrderStatus::kFilled) {
      shown.remaining = shown.original;  // seen in the field. Section 7.4.
    }
    Json out = Json::object();
    out["order"] = full_order_json(state_, accounts_, shown);
    out["status"] = to_string(status);
    out["statusTimestamp"] = time;
    return out;
  }
  Json historical_orders() {
    const Account& owner = account();
    Json out = Json::array();
    if (state_.readings.history_has_every_change != 0) {
      for (auto row = owner.history.rbegin(); row != owner.history.rend(); ++row) {
        out.push_back(history_row(row->order, row->status, row->time));
      }
      return out;
    }
    std::vector<const Order*> orders;
    for (const OrderNumber oid : owner.live) {
      if (const Order* order = accounts_.order(oid);
          order != nullptr && is_shown_as_open(state_, *order)) {
        orders.push_back(order);
      }
    }
    for (auto oid = owner.finished.rbegin();
         oid != owner.finished.rend() && orders.size() < 2 * Account::kHistoryKept; ++oid) {
      if (const Order* order = accounts_.order(*oid)) {
        orders.push_back(order);
      }
    }
    std::stable_sort(orders.begin(), orders.end(), [](const Order* a, const Order* b) {
      return a->status_time != b->status_time ? a->status_time > b->status_time : a->oid > b->oid;
    });
    orders.resize(std::min(orders.size(), Account::kHistoryKept));
    for (const Order* order : orders) {
      out.push_back(history_row(*order, order->status, order->status_time));
    }
    return out;
  }
  [[nodiscard]] bool wants_aggregate() {
    return in_.has("aggregateByTime") && in_.boolean("aggregateByTime");
  }
  // Partial fills of one crossing order in one block become one. Section 7.5.
  static std::vector<Fill> merged(const std::vector<Fill>& fills) {
    std::vector<Fill> out;
    Int128 cost = 0;
    for (const auto& fill : fills) {
      const bool joins = !out.empty() && fill.crossed && out.back().oid == fill.oid &&
                         out.back().time == fill.time;
      if (!joins) {
        out.push_back(fill);
        cost = Int128{fill.price.value} * fill.size.value;
        continue;
      }
      Fill& last = out.back();
      cost += Int128{fill.price.value} * fill.size.value;
      last.size += fill.size;
      last.price =
          Ticks{static_cast<std::int64_t>(mul_div(cost, 1, last.size.value, Rounding::kHalfEven))};
      last.fee += fill.fee;
      last.builder_fee += fill.builder_fee;
      last.closed_pnl += fill.closed_pnl;
    }
    return out;
  }
  Json user_fills() {
    const Account& owner = account();
    std::vector<Fill> fills(owner.fills.begin(), owner.fills.end());
    if (wants_aggregate()) {
      fills = merged(fills);
    }
    Json out = Json::array();
    for (auto fill = fills.rbegin(); fill != fills.rend() && out.size() < kFillsPerPage; ++fill) {
      out.push_back(fill_json(state_, *fill));
    }
    return out;
  }
  Json user_fills_by_time() {
    const Account& owner = account();
    const auto [start, end] = period(true);
    std::vector<Fill> fills;
    for (const auto& fill : owner.fills) {
      if (fill.time >= start && fill.time <= end) {
        fills.push_back(fill);
      }
    }
    if (wants_aggregate()) {
      fills = merged(fills);
    }
    if (in_.has("reversed") && in_.boolean("reversed")) {
      std::reverse(fills.begin(), fills.end());
    }
    Json out = Json::array();
    for (const auto& fill : fills) {
      if (out.size() == kFillsPerPage) {
        break;
      }
      out.push_back(fill_json(state_, fill));
    }
    return out;
  }
  Json twap_slice_fills() {
    const Account& owner = account();
    Json out = Json::array();
    for (auto fill = owner.fills.rbegin(); fill != owner.fills.rend(); ++fill) {
      if (fill->twap != 0 && out.size() < kFillsPerPage) {
        Json one = Json::object();
        one["fill"] = fill_json(state_, *fill);
        one["twapId"] = fill->twap;
        out.push_back(std::move(one));
      }
    }
    return out;
  }
  Json twap_history() {
    const Account& owner = account();
    Json out = Json::array();
    for (const auto& [id, twap] : owner.twaps) {
      Json one = Json::object();
      one["time"] = twap.started / 1000;
      one["state"] = twap_state_json(state_, owner.address.value(), twap);
      one["status"]["status"] = to_string(twap.status);
      one["twapId"] = id;
      out.insert(out.begin(), std::move(one));
    }
    return out;
  }
  Json user_funding() {
    const Account& owner = account();
    const auto [start, end] = period(false);
    Json out = Json::array();
    for (const auto& payment : owner.fundings) {
      if (payment.time < start || payment.time > end || out.size() == kRowsPerPage) {
        continue;
      }
      Json delta = Json::object();
      delta["type"] = "funding";
      delta.update(funding_json(state_, payment));
      delta.erase("time");
      Json one = Json::object();
      one["time"] = payment.time;
      one["hash"] = kZeroHash;
      one["delta"] = std::move(delta);
      out.push_back(std::move(one));
    }
    return out;
  }
  Json ledger_updates() {
    const Account& owner = account();
    const auto [start, end] = period(false);
    Json out = Json::array();
    for (const auto& entry : owner.ledger) {
      if (entry.time >= start && entry.time <= end && out.size() < kRowsPerPage) {
        out.push_back(ledger_json(entry));
      }
    }
    return out;
  }
  Json user_rate_limit() {
    const Account& owner = account();
    Json out = Json::object();
    out["cumVlm"] = money_text(owner.volume);
    out["nRequestsUsed"] = owner.requests;
    out["nRequestsCap"] = AddressLimit::cap(owner);
    out["nRequestsSurplus"] = owner.reserved_requests;
    return out;
  }
  Json user_fees() {
    Json schedule = Json::object();
    schedule["cross"] = "0.00045";
    schedule["add"] = "0.00015";
    schedule["spotCross"] = "0.0007";
    schedule["spotAdd"] = "0.0004";
    schedule["tiers"]["vip"] = Json::array();
    schedule["tiers"]["mm"] = Json::array();
    schedule["referralDiscount"] = "0.04";
    schedule["stakingDiscountTiers"] = Json::array();
    ignore(account(), "the base tier for everybody");
    Json out = Json::object();
    out["dailyUserVlm"] = Json::array();
    out["feeSchedule"] = std::move(schedule);
    out["userCrossRate"] = "0.00045";
    out["userAddRate"] = "0.00015";
    out["userSpotCrossRate"] = "0.0007";
    out["userSpotAddRate"] = "0.0004";
    out["activeReferralDiscount"] = "0.0";
    for (const char* key : {"trial", "nextTrialAvailableTimestamp", "stakingLink"}) {
      out[key] = nullptr;
    }
    out["feeTrialEscrow"] = "0.0";
    out["activeStakingDiscount"]["bpsOfMaxSupply"] = "0.0";
    out["activeStakingDiscount"]["discount"] = "0.0";
    return out;
  }
  Json active_asset_data() {
    const Market& found = known_market();
    if (!found.is_perp()) {
      throw ServerFault{};
    }
    return active_asset_json(state_, account(), found.index);
  }
  Json sub_account_list(bool all_dexs) {
    const Address master = in_.address("user");
    const auto index = accounts_.find(master);
    Json out = Json::array();
    for (AccountIndex i = 0; index && i < accounts_.size(); ++i) {
      const Account& sub = accounts_[i];
      if (sub.master != index) {
        continue;
      }
      Json one = Json::object();
      one["name"] = sub.name;
      one["subAccountUser"] = sub.address.value();
      one["master"] = master.value();
      if (all_dexs) {
        Json states = Json::array();
        for (std::size_t d = 0; d < state_.universe.dexs.size(); ++d) {
          if (state_.universe.dexs[d].present) {
            states.push_back(
                Json::array({state_.universe.dexs[d].name, clearinghouse_json(state_, sub, d)}));
          }
        }
        one["dexToClearinghouseState"] = std::move(states);
      } else {
        one["clearinghouseState"] = clearinghouse_json(state_, sub, 0);
      }
      one["spotState"] = spot_state_json(state_, accounts_, sub);
      out.push_back(std::move(one));
    }
    return out.empty() ? Json(nullptr) : out;
  }
  Json sub_accounts() { return sub_account_list(false); }
  Json sub_accounts2() { return sub_account_list(true); }
  Json extra_agents() {
    const auto index = accounts_.find(in_.address("user"));
    Json out = Json::array();
    for (const auto& [address, agent] : accounts_.agents) {
      if (index && agent.master == *index && !agent.name.empty()) {
        Json one = Json::object();
        one["address"] = address.value();
        one["name"] = agent.name;
        one["validUntil"] = agent.valid_until ? Json(*agent.valid_until) : Json(nullptr);
        out.push_back(std::move(one));
      }
    }
    return out;
  }
  Json user_role() {
    const Address address = in_.address("user");
    Json out = Json::object();
    const auto index = accounts_.find(address);
    if (index && accounts_[*index].master) {
      out["role"] = "subAccount";
      out["data"]["master"] = accounts_[*accounts_[*index].master].address.value();
    } else if (index) {
      out["role"] = "user";
    } else if (const auto agent = accounts_.agents.find(address); agent != accounts_.agents.end()) {
      out["role"] = "agent";
      out["data"]["user"] = accounts_[agent->second.master].address.value();
    } else {
      out["role"] = "missing";
    }
    return out;
  }
  Json user_abstraction() {
    ignore(account(), "standard mode for everybody");
    return "disabled";
  }
  Json user_dex_abstraction() {
    ignore(account(), "standard mode for everybody");
    return nullptr;
  }
  Json max_builder_fee() {
    const auto& approvals = account().builder_approvals;
    const auto found = approvals.find(in_.address("builder"));
    return found == approvals.end() ? 0 : found->second;
  }
  Json approved_builders() {
    Json out = Json::array();
    for (const auto& [address, fee] : account().builder_approvals) {
      out.push_back(address.value());
    }
    return out;
  }

  const VenueState& state_;
  const Accounts& accounts_;
  JsonReader in_;
  Account nobody_;
};

}  // namespace

InfoReply answer_info(const Exchange& exchange, const Accounts& accounts, const Json& request) {
  try {
    return Query{exchange, accounts, request}.run();
  } catch (const BadRequest&) {
    return {unprocessable(), 1};
  } catch (const ServerFault&) {
    return {internal_error(), 20};
  } catch (const NullAnswer&) {
    return {{200, "null"}, 20};
  }
}

}  // namespace perpwire::sim
