#include "tools/venue-sim/core/order_entry.hpp"

#include "libs/common/assert.hpp"
#include "tools/venue-sim/core/margin.hpp"

#include <algorithm>
#include <array>

namespace perpwire::sim {
namespace {

constexpr std::size_t kMaxWeight = 200;

// Largest value of a market-like order by the asset's max leverage; limit orders 10 times. 2.2.
Money largest_value(const Market& market) {
  const int leverage = market.is_perp() ? market.max_leverage : 1;
  const std::int64_t millions_tenths =
      leverage >= 25 ? 300 : (leverage >= 20 ? 50 : (leverage >= 10 ? 20 : 5));
  return whole_money(millions_tenths * 100'000);
}

bool is_market_like(TimeInForce tif) {
  return tif == TimeInForce::kIoc || tif == TimeInForce::kFrontendMarket ||
         tif == TimeInForce::kLiquidationMarket;
}

std::string value_text(Money value) {
  return std::to_string(static_cast<std::int64_t>(value.value / 100'000'000));
}

constexpr std::array kDuplicateCloid = {"Duplicate client order id.", "Cloid already exists.",
                                        "Order with the same cloid is already open."};
constexpr std::array kUnknownAsset = {"Invalid asset.", "Unknown asset.", "Asset does not exist."};

std::size_t at(int reading) { return static_cast<std::size_t>(reading); }

}  // namespace

std::string OrderEntry::with_asset(std::string text, std::uint64_t asset) const {
  return state_.readings.asset_suffix != 0 ? std::move(text) + " asset=" + std::to_string(asset)
                                           : text;
}

tl::expected<OrderEntry::Plan, OrderEntry::Refusal> OrderEntry::check_static(
    AccountIndex account, const OrderRequest& request, Grouping grouping) const {
  const auto refuse = [](std::string text, OrderStatus status = OrderStatus::kRejected) {
    return tl::unexpected<Refusal>(Refusal{std::move(text), status});
  };
  const Market* market = state_.universe.by_asset(request.asset);
  if (market == nullptr) {
    return refuse(kUnknownAsset[at(state_.readings.unknown_asset_text)]);
  }
  if (market->delisted || state_.markets[market->index].halted) {
    return refuse("Trading is halted.");
  }
  const std::string bad_price = state_.readings.bad_price_text == 0
                                    ? "Order has invalid price."
                                    : "Price must be divisible by tick size.";
  if (!request.price.is_positive()) {
    return refuse("Order has invalid price.");
  }
  const auto price = to_units(request.price, market->price_decimals());
  if (!price || !market->valid_price(Ticks{*price})) {
    return refuse(bad_price, OrderStatus::kTickRejected);
  }
  const auto size = to_units(request.size, market->sz_decimals);
  if (!size || *size < 0) {
    return refuse("Order has invalid size.");
  }
  const bool follows_position = grouping == Grouping::kPositionTpsl && request.trigger;
  if (*size == 0 && !follows_position) {
    return refuse("Order has zero size.");
  }
  Plan plan;
  plan.market = market;
  plan.order.account = account;
  plan.order.market = market->index;
  plan.order.side = request.side;
  plan.order.price = Ticks{*price};
  plan.order.remaining = plan.order.original = Lots{*size};
  plan.order.tif = request.tif;
  plan.order.reduce_only = request.reduce_only;
  plan.order.cloid = request.cloid;
  plan.order.is_position_tpsl = follows_position;
  if (request.trigger) {
    const auto trigger_price = to_units(request.trigger->price, market->price_decimals());
    if (!trigger_price || !market->valid_price(Ticks{*trigger_price})) {
      return refuse(bad_price, OrderStatus::kTickRejected);
    }
    plan.order.trigger =
        Trigger{request.trigger->is_market, Ticks{*trigger_price}, request.trigger->is_take_profit};
  }
  const Int128 reference = state_.markets[market->index].mark.value;
  const Int128 away = Int128{*price} > reference ? *price - reference : reference - *price;
  const int band = market->is_perp() ? 95 : 80;
  if (away * 100 > reference * band) {
    return refuse("Order price cannot be more than " + std::to_string(band) +
                  "% away from the reference price");
  }
  const Money limit = is_market_like(request.tif) ? largest_value(*market)
                                                  : Money{largest_value(*market).value * 10};
  if (market->notional(plan.order.price, plan.order.original) > limit) {
    return refuse("Order value too large. Max is $" + value_text(limit) + ".");
  }
  if (state_.post_only_window && (request.trigger || request.tif != TimeInForce::kAlo)) {
    return refuse("Only post-only orders allowed immediately after network upgrade");
  }
  if (auto refusal = check_minimum(account, plan)) {
    return tl::unexpected<Refusal>(std::move(*refusal));
  }
  return plan;
}

std::optional<OrderEntry::Refusal> OrderEntry::check_minimum(AccountIndex account,
                                                             const Plan& plan) const {
  const Order& order = plan.order;
  if (order.is_position_tpsl ||
      plan.market->notional(order.price, order.original) >= whole_money(10)) {
    return std::nullopt;
  }
  if (!plan.market->is_perp()) {
    const Token* quote = state_.universe.token(plan.market->quote_token);
    return Refusal{"Order must have minimum value of 10 " + quote->name + ".",
                   OrderStatus::kMinTradeSpotNtlRejected};
  }
  // A reduce-only order that is at least the whole position is exempt. Section 11.4.
  const Holding* holding = state_.find_holding(account, order.market);
  const Lots position = holding != nullptr ? holding->position.size : Lots{};
  if (order.reduce_only && !position.is_zero() && order.original >= position.abs()) {
    return std::nullopt;
  }
  return Refusal{"Order must have minimum value of $10.", OrderStatus::kMinTradeNtlRejected};
}

bool OrderEntry::triggers_now(const Order& order) const {
  const Ticks mark = state_.markets[order.market].mark;
  // Buy stops and sell take-profits wait above the mark, the others below. Section 11.3.
  const bool waits_above = (order.side == Side::kBuy) != order.trigger->is_take_profit;
  return waits_above ? mark >= order.trigger->price : mark <= order.trigger->price;
}

std::optional<OrderEntry::Refusal> OrderEntry::check_book(AccountIndex index, Order& order) const {
  const Market& market = state_.market(order.market);
  const Account& account = state_.accounts[index];
  const std::size_t open_orders =
      account.live.size() - (account.live.contains(order.oid) ? 1U : 0U);
  const auto extra = static_cast<std::size_t>(account.volume.value / whole_money(5'000'000).value);
  const std::size_t most = std::min<std::size_t>(1000 + extra, 5000);
  if (!account.is_background &&
      (open_orders >= most || (open_orders >= 1000 && (order.reduce_only || order.trigger)))) {
    return Refusal{"Too many open orders.", OrderStatus::kTooManyOpenOrdersRejected};
  }
  if (order.trigger && !order.has_fired) {
    if (triggers_now(order)) {
      return Refusal{"Invalid TP/SL price.", OrderStatus::kBadTriggerPxRejected};
    }
    return std::nullopt;
  }
  const OrderBook& book = state_.markets[order.market].book;
  if (!market.is_perp()) {
    if (order.reduce_only) {
      return Refusal{"Reduce only order would increase position.",
                     OrderStatus::kReduceOnlyRejected};
    }
    const int token = order.side == Side::kBuy ? market.quote_token : market.base_token;
    const auto balance = account.spot.find(token);
    const Money total = balance == account.spot.end() ? Money{} : balance->second.total;
    const Money needed = order.side == Side::kBuy ? market.notional(order.price, order.remaining)
                                                  : lots_of_token(market, order.remaining);
    if (!account.is_background &&
        needed > total - spot_hold(state_, state_.accounts, account, token)) {
      return Refusal{"Order has insufficient spot balance to trade",
                     OrderStatus::kInsufficientSpotBalanceRejected};
    }
  } else if (order.reduce_only) {
    const Holding* holding = state_.find_holding(index, order.market);
    const Lots position = holding != nullptr ? holding->position.size : Lots{};
    if (position.value * sign(order.side) >= 0) {
      return Refusal{"Reduce only order would increase position.",
                     OrderStatus::kReduceOnlyRejected};
    }
    if (order.remaining > position.abs()) {
      order.remaining = order.original = position.abs();
    }
  } else if (!can_carry(state_, index, order.market, order.side, order.remaining)) {
    return Refusal{"Insufficient margin to place order.", OrderStatus::kPerpMarginRejected};
  }
  if (order.tif == TimeInForce::kAlo && book.crosses(order.side, order.price)) {
    const auto bid = book.best(Side::kBuy);
    const auto ask = book.best(Side::kSell);
    return Refusal{"Post only order would have immediately matched, bbo was " +
                       (bid ? market.text(*bid) : "0.0") + "@" + (ask ? market.text(*ask) : "0.0") +
                       ".",
                   OrderStatus::kBadAloPxRejected};
  }
  return std::nullopt;
}

ActionResult OrderEntry::place(AccountIndex account, const PlaceOrders& action) {
  if (action.orders.empty()) {
    return state_.readings.empty_orders_is_status != 0
               ? ActionResult::with_statuses("order", {Refused{"Orders are empty."}})
               : ActionResult::error("Orders are empty.");
  }
  if (action.orders.size() > kMaxWeight) {
    return ActionResult::error("Signed action over weight limit of 200.");
  }
  if (action.builder) {
    const auto& approvals = state_.accounts[account].builder_approvals;
    const auto approved = approvals.find(action.builder->address);
    if (approved == approvals.end() || approved->second < action.builder->tenths_of_bp) {
      return ActionResult::error("Builder fee has not been approved.");
    }
  }
  std::vector<Plan> plans;
  std::vector<OrderAnswer> answers;
  for (const auto& request : action.orders) {
    auto plan = check_static(account, request, action.grouping);
    if (plan) {
      if (action.builder) {
        plan->order.builder = action.builder->address.value();
        plan->order.builder_fee = action.builder->tenths_of_bp;
      }
      if (action.grouping == Grouping::kNormalTpsl) {
        plans.push_back(std::move(*plan));
      } else if (state_.readings.static_error_scope == 0) {
        answers.push_back(place_one(account, std::move(*plan)));
      } else {
        plans.push_back(std::move(*plan));
      }
      continue;
    }
    const std::string text = with_asset(plan.error().text, request.asset);
    if (state_.readings.static_error_scope == 2) {
      return ActionResult::error(text);
    }
    const OrderAnswer refused = refuse_static(account, request, plan.error());
    if (state_.readings.static_error_scope == 1 || action.grouping == Grouping::kNormalTpsl) {
      return ActionResult::with_statuses("order", {refused});
    }
    answers.push_back(refused);
  }
  if (action.grouping == Grouping::kNormalTpsl) {
    return ActionResult::with_statuses("order",
                                       place_family(account, std::move(plans), action.grouping));
  }
  for (auto& plan : plans) {
    answers.push_back(place_one(account, std::move(plan)));
  }
  if (action.grouping == Grouping::kPositionTpsl) {
    // TP and SL of one position: when one fills, the other goes.
    std::vector<OrderNumber> members;
    for (const OrderNumber oid : state_.accounts[account].live) {
      const Order* order = state_.accounts.order(oid);
      if (order != nullptr && order->is_position_tpsl && order->created == state_.now &&
          order->phase == OrderPhase::kWaitingForTrigger) {
        members.push_back(oid);
      }
    }
    for (const OrderNumber oid : members) {
      auto& siblings = state_.accounts.order(oid)->siblings;
      std::copy_if(members.begin(), members.end(), std::back_inserter(siblings),
                   [oid](OrderNumber other) { return other != oid; });
    }
  }
  return ActionResult::with_statuses("order", std::move(answers));
}

std::vector<OrderAnswer> OrderEntry::place_family(AccountIndex account, std::vector<Plan> plans,
                                                  Grouping /*grouping*/) {
  const std::size_t count = plans.size();
  const OrderNumber parent_oid = state_.next_oid;  // create() gives it to the parent
  std::vector<OrderAnswer> answers{place_one(account, plans.front())};
  if (std::holds_alternative<Refused>(answers.front())) {
    return state_.readings.refused_parent_answers_once != 0
               ? answers
               : std::vector<OrderAnswer>(count, answers.front());
  }
  std::vector<OrderNumber> children;
  for (std::size_t i = 1; i < count; ++i) {
    if (!plans[i].order.trigger) {
      answers.push_back(place_one(account, std::move(plans[i])));
      continue;
    }
    Order& child = lifecycle_.create(std::move(plans[i].order));
    child.parent = parent_oid;
    children.push_back(child.oid);
  }
  Order* parent = state_.accounts.order(parent_oid);
  PW_ASSERT(parent != nullptr);
  const bool is_filled = parent->phase == OrderPhase::kDone;
  for (const OrderNumber oid : children) {
    Order& child = *state_.accounts.order(oid);
    std::copy_if(children.begin(), children.end(), std::back_inserter(child.siblings),
                 [oid](OrderNumber other) { return other != oid; });
    if (is_filled) {
      lifecycle_.watch(child);
      lifecycle_.announce(child, OrderStatus::kOpen);
      answers.emplace_back(WaitingForTrigger{});
    } else {
      child.phase = OrderPhase::kWaitingForParent;
      if (state_.readings.waiting_children_are_open != 0) {
        lifecycle_.announce(child, OrderStatus::kOpen);
      }
      answers.emplace_back(WaitingForFill{});
    }
  }
  parent->children = std::move(children);
  return answers;
}

OrderAnswer OrderEntry::place_one(AccountIndex account, Plan plan) {
  const std::uint64_t asset = plan.market->asset;
  if (!plan.order.cloid.empty() &&
      state_.accounts[account].live_cloids.contains(plan.order.cloid)) {
    return Refused{with_asset(kDuplicateCloid[at(state_.readings.duplicate_cloid_text)], asset)};
  }
  if (const auto refusal = check_book(account, plan.order)) {
    return refuse(account, std::move(plan.order), *refusal);
  }
  Order& order = lifecycle_.create(std::move(plan.order));
  if (order.trigger) {
    lifecycle_.watch(order);
    lifecycle_.announce(order, OrderStatus::kOpen);
    return WaitingForTrigger{};
  }
  return enter(order);
}

OrderAnswer OrderEntry::enter(Order& order) {
  const bool is_child_of_trigger = order.has_fired;
  const bool is_immediate = is_market_like(order.tif);
  const Order before = order;
  const std::size_t place_of_open = state_.output.events.size();
  if (!is_immediate && !is_child_of_trigger) {
    lifecycle_.announce(order, OrderStatus::kOpen);
  }
  const MatchResult result = matching_.match(order);
  const Filled filled{result.filled, result.cost, order.market, order.oid, order.cloid};
  if (is_immediate && result.filled.is_zero()) {
    const bool is_market = order.tif == TimeInForce::kFrontendMarket;
    const std::uint64_t asset = state_.market(order.market).asset;
    lifecycle_.finish(order, is_market ? OrderStatus::kMarketOrderNoLiquidityRejected
                                       : OrderStatus::kIocCancelRejected);
    return Refused{with_asset(is_market ? "No liquidity available for market order."
                                        : "Order could not immediately match against any resting "
                                          "orders.",
                              asset)};
  }
  if (is_immediate && !is_child_of_trigger && !state_.accounts[order.account].is_background &&
      order.kind == OrderKind::kNormal) {
    // `open` and `filled` come in one frame, `open` first. Section 8.4.
    UserEvent open{order.account, OrderUpdate{before, OrderStatus::kOpen, state_.now}};
    state_.output.events.insert(
        state_.output.events.begin() + static_cast<std::ptrdiff_t>(place_of_open), std::move(open));
  }
  if (order.remaining.is_zero()) {
    lifecycle_.finish(order, OrderStatus::kFilled);
    return filled;
  }
  if (is_immediate) {
    if (state_.readings.partial_ioc_size_is_zero != 0) {
      order.remaining = {};
    }
    lifecycle_.finish(order, OrderStatus::kFilled);
    return filled;
  }
  lifecycle_.rest(order);
  if (is_child_of_trigger ||
      (result.filled.is_positive() && state_.readings.partial_fill_sends_update != 0)) {
    lifecycle_.announce(order, OrderStatus::kOpen);
  }
  if (result.filled.is_positive() && state_.readings.partial_gtc_answers_filled != 0) {
    return filled;
  }
  return Resting{order.oid, order.cloid};
}

OrderAnswer OrderEntry::refuse(AccountIndex account, Order order, const Refusal& refusal) {
  ignore(account, "the order names it");
  const std::uint64_t asset = state_.market(order.market).asset;
  Order& record = lifecycle_.create(std::move(order));
  lifecycle_.finish(record, refusal.status);
  return Refused{with_asset(refusal.text, asset)};
}

OrderAnswer OrderEntry::refuse_static(AccountIndex account, const OrderRequest& request,
                                      const Refusal& refusal) {
  const bool has_record_status = refusal.status == OrderStatus::kTickRejected ||
                                 refusal.status == OrderStatus::kMinTradeNtlRejected ||
                                 refusal.status == OrderStatus::kMinTradeSpotNtlRejected;
  const Market* market = state_.universe.by_asset(request.asset);
  if (state_.readings.static_reject_is_recorded == 0 || !has_record_status || market == nullptr) {
    return Refused{with_asset(refusal.text, request.asset)};
  }
  const auto nearest = [](const Decimal& value, int decimals) {
    const auto cut = round_down_to(value, Decimal::of(1, -decimals));
    const auto units = cut ? to_units(*cut, decimals) : Result<std::int64_t>{0};
    return units ? *units : 0;
  };
  Order order;
  order.account = account;
  order.market = market->index;
  order.side = request.side;
  order.price = Ticks{nearest(request.price, market->price_decimals())};
  order.remaining = order.original = Lots{nearest(request.size, market->sz_decimals)};
  order.tif = request.tif;
  order.reduce_only = request.reduce_only;
  order.cloid = request.cloid;
  return refuse(account, std::move(order), refusal);
}

Order* OrderEntry::find_live(AccountIndex account, const OrderName& name) const {
  OrderNumber oid = 0;
  if (const auto* number = std::get_if<OrderNumber>(&name)) {
    oid = *number;
  } else {
    const auto& cloids = state_.accounts[account].live_cloids;
    const auto found = cloids.find(std::get<std::string>(name));
    if (found == cloids.end()) {
      return nullptr;
    }
    oid = found->second;
  }
  Order* order = state_.accounts.order(oid);
  return order != nullptr && order->account == account && order->phase != OrderPhase::kDone
             ? order
             : nullptr;
}

ActionResult OrderEntry::cancel(AccountIndex account, const CancelOrders& action) {
  if (action.cancels.size() > kMaxWeight) {
    return ActionResult::error("Signed action over weight limit of 200.");
  }
  std::vector<OrderAnswer> answers;
  for (const auto& one : action.cancels) {
    Order* order = find_live(account, one.name);
    if (order == nullptr || state_.market(order->market).asset != one.asset) {
      answers.emplace_back(
          Refused{with_asset("Order was never placed, already canceled, or filled.", one.asset)});
    } else if (action.is_fast && order->phase == OrderPhase::kWaitingForTrigger) {
      answers.emplace_back(Refused{with_asset("Cannot fast cancel a trigger order.", one.asset)});
    } else {
      lifecycle_.finish(*order, OrderStatus::kCanceled);
      answers.emplace_back(Success{});
    }
  }
  return ActionResult::with_statuses("cancel", std::move(answers));
}

OrderAnswer OrderEntry::modify_one(AccountIndex account, const ModifyOrders::One& one,
                                   bool always_place) {
  Order* old = find_live(account, one.name);
  if (old == nullptr && !always_place) {
    return Refused{with_asset("Cannot modify canceled or filled order.", one.order.asset)};
  }
  OrderRequest request = one.order;
  if (request.cloid.empty() && old != nullptr && state_.readings.modify_keeps_cloid != 0) {
    request.cloid = old->cloid;
  }
  const auto give_up = [&](const std::string& text) -> OrderAnswer {
    if (old != nullptr && state_.readings.refused_modify_keeps_old == 0) {
      lifecycle_.finish(*old, OrderStatus::kCanceled);
    }
    return Refused{with_asset(text, one.order.asset)};
  };
  auto plan = check_static(account, request, Grouping::kNone);
  if (!plan) {
    return give_up(plan.error().text);
  }
  Order& order = plan->order;
  if (!always_place) {
    const bool crosses = state_.markets[order.market].book.crosses(order.side, order.price);
    if (order.trigger || is_market_like(order.tif) || (crosses && order.tif == TimeInForce::kGtc)) {
      return give_up("Attempted to modify to invalid new order");
    }
    if (crosses) {
      return give_up(check_book(account, order)
                         .value_or(Refusal{"Attempted to modify to invalid new order"})
                         .text);
    }
    order.tif = TimeInForce::kAlo;
  }
  if (old != nullptr) {
    lifecycle_.finish(*old, OrderStatus::kCanceled);
  }
  return place_one(account, std::move(*plan));
}

ActionResult OrderEntry::modify(AccountIndex account, const ModifyOrders& action) {
  if (action.modifies.empty()) {
    return ActionResult::error("Orders are empty.");
  }
  if (action.modifies.size() > kMaxWeight) {
    return ActionResult::error("Signed action over weight limit of 200.");
  }
  std::vector<OrderAnswer> answers;
  for (const auto& one : action.modifies) {
    answers.push_back(modify_one(account, one, action.always_place));
  }
  // `modify` answers `default` without an oid when it went well. Section 6.1.
  if (!action.is_batch && !std::holds_alternative<Refused>(answers.front())) {
    return {};
  }
  return ActionResult::with_statuses("order", std::move(answers));
}

void OrderEntry::cancel_all(AccountIndex account, OrderStatus status,
                            std::optional<std::size_t> dex) {
  const auto& live = state_.accounts[account].live;
  const std::vector<OrderNumber> oids(live.begin(), live.end());
  for (const OrderNumber oid : oids) {
    Order* order = state_.accounts.order(oid);
    if (order == nullptr || order->phase == OrderPhase::kDone) {
      continue;
    }
    const Market& market = state_.market(order->market);
    if (dex && (!market.is_perp() || market.dex != *dex)) {
      continue;
    }
    lifecycle_.finish(*order, status);
  }
}

void OrderEntry::cancel_market(AccountIndex account, OrderStatus status, MarketIndex market) {
  const auto& live = state_.accounts[account].live;
  const std::vector<OrderNumber> oids(live.begin(), live.end());
  for (const OrderNumber oid : oids) {
    Order* order = state_.accounts.order(oid);
    if (order != nullptr && order->market == market && order->phase != OrderPhase::kDone) {
      lifecycle_.finish(*order, status);
    }
  }
}

void OrderEntry::fire_triggers(MarketIndex market) {
  const auto watching = state_.markets[market].triggers;
  for (const OrderNumber oid : watching) {
    Order* order = state_.accounts.order(oid);
    if (order != nullptr && order->phase == OrderPhase::kWaitingForTrigger &&
        triggers_now(*order)) {
      state_.start_transaction();
      fire(*order);
    }
  }
}

void OrderEntry::fire(Order& fired) {
  const Market& market = state_.market(fired.market);
  const Ticks mark = state_.markets[fired.market].mark;
  state_.markets[fired.market].triggers.erase(fired.oid);
  fired.has_fired = true;
  Order* order = &fired;
  if (state_.readings.trigger_makes_child != 0) {
    Order child = fired;
    child.parent = fired.oid;
    const std::vector<OrderNumber> siblings = fired.siblings;
    fired.siblings.clear();  // the child takes its place in the group
    lifecycle_.finish(fired, OrderStatus::kTriggered);
    order = &lifecycle_.create(std::move(child));
    for (const OrderNumber oid : siblings) {
      if (Order* sibling = state_.accounts.order(oid)) {
        std::replace(sibling->siblings.begin(), sibling->siblings.end(), order->parent, order->oid);
      }
    }
  } else {
    lifecycle_.announce(*order, OrderStatus::kTriggered);
  }
  order->phase = OrderPhase::kInBook;
  if (order->original.is_zero()) {
    const Holding* holding = state_.find_holding(order->account, order->market);
    order->original = order->remaining = holding != nullptr ? holding->position.size.abs() : Lots{};
  }
  if (order->trigger->is_market) {
    order->tif = TimeInForce::kFrontendMarket;
    order->price = order->side == Side::kBuy ? market.round_down(Ticks{mark.value / 10 * 11})
                                             : market.round_up(Ticks{mark.value / 10 * 9});
  }
  if (order->remaining.is_zero()) {
    lifecycle_.finish(*order, OrderStatus::kReduceOnlyCanceled);
    return;
  }
  if (const auto refusal = check_book(order->account, *order)) {
    lifecycle_.finish(*order, refusal->status);
    return;
  }
  ignore(enter(*order), "the owner learns it from the streams");
}

MatchResult OrderEntry::place_twap_slice(Order order) {
  if (check_book(order.account, order)) {
    return {};
  }
  return place_system_order(std::move(order), std::nullopt);
}

MatchResult OrderEntry::place_system_order(Order request,
                                           const std::optional<Fill::Liquidation>& liquidation) {
  Order& order = lifecycle_.create(std::move(request));
  const MatchResult result = matching_.match(order, liquidation);
  if (result.filled.is_zero()) {
    lifecycle_.finish(order, OrderStatus::kIocCancelRejected);
    return result;
  }
  order.remaining = {};
  lifecycle_.finish(order, OrderStatus::kFilled);
  return result;
}

}  // namespace perpwire::sim
