#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

/// Commands of clients: what is checked, in which order, and what is answered.
namespace perpwire::gateway {
namespace {

constexpr std::int64_t kBasisPoints = 10'000;
constexpr std::int64_t kTriggerBps = 1'000;

v1::Reply accepted(const std::string& request_id, const ClientOrderId& id) {
  v1::Reply reply;
  reply.set_request_id(request_id);
  reply.set_client_order_id(id.value());
  reply.set_status("ACCEPTED");
  return reply;
}

v1::Reply rejected(const std::string& request_id, const std::string& id, const Error& error) {
  v1::Reply reply;
  reply.set_request_id(request_id);
  reply.set_client_order_id(id);
  reply.set_status("REJECTED");
  reply.set_code(std::string(to_string(error.code)));
  reply.set_reason(error.text);
  return reply;
}

v1::Reply rejected(const std::string& request_id, const std::string& id, ErrorCode code,
                   std::string text) {
  return rejected(request_id, id, Error{code, std::move(text)});
}

bool is_ioc(const OrderContent& content) {
  return content.type == OrderType::kMarket || content.time_in_force == TimeInForce::kIoc;
}

/// normalTpsl: a parent, then its take-profit and its stop; positionTpsl: those of the position.
/// (hyperliquid.md sections 5.1 and 11.3)
Status check_group_shape(const std::vector<OrderContent>& contents, const std::string& grouping) {
  const auto wrong = [&](std::string text) -> Status {
    return fail(ErrorCode::kInvalidCommand, grouping + ": " + std::move(text));
  };
  const bool with_parent = grouping == "normalTpsl";
  if (!with_parent && grouping != "positionTpsl") {
    return fail(ErrorCode::kInvalidCommand,
                "grouping: expected normalTpsl or positionTpsl, found \"" + grouping + "\"");
  }
  const std::size_t first = with_parent ? 1 : 0;
  if (contents.size() <= first || contents.size() > first + 2) {
    return wrong("expected " + std::string(with_parent ? "a parent and " : "") +
                 "one or two take-profit and stop orders, found " +
                 std::to_string(contents.size()) + " orders");
  }
  const OrderContent& lead = contents.front();
  if (with_parent && lead.type != OrderType::kLimit && lead.type != OrderType::kMarket) {
    return wrong("the first order is the parent: expected LIMIT or MARKET, found " +
                 std::string(to_string(lead.type)));
  }
  int stops = 0;
  for (std::size_t i = first; i < contents.size(); ++i) {
    const OrderContent& child = contents[i];
    const std::string name = child.client_order_id.value();
    if (!has_trigger(child.type)) {
      return wrong(name + ": expected a take-profit or stop order, found " +
                   std::string(to_string(child.type)));
    }
    if (!child.reduce_only) return wrong(name + ": expected reduce_only");
    if (child.trading_pair != lead.trading_pair) {
      return wrong(name + ": expected the pair " + lead.trading_pair.value());
    }
    if (with_parent ? child.side == lead.side : child.side != lead.side) {
      return wrong(name + ": expected the side that closes");
    }
    if (with_parent && child.amount != lead.amount) {
      return wrong(name + ": expected the parent's amount " + lead.amount.to_string());
    }
    if (child.type == OrderType::kStopLimit || child.type == OrderType::kStopMarket) ++stops;
  }
  if (stops > 1 || static_cast<int>(contents.size() - first) - stops > 1) {
    return wrong("expected at most one stop and one take-profit");
  }
  return {};
}

/// price x (10000 +- bps) / 10000, exact.
Result<Price> moved(const Price& price, std::int64_t bps) {
  const auto product = multiply(widen(price.value()), WideDecimal{kBasisPoints + bps});
  if (!product) return tl::unexpected(product.error());
  const auto quotient = divide(*product, WideDecimal{kBasisPoints});
  if (!quotient) return tl::unexpected(quotient.error());
  const auto narrowed = narrow(*quotient);
  if (!narrowed) return tl::unexpected(narrowed.error());
  return Price{*narrowed};
}

}  // namespace

v1::Reply AccountEngine::on_command(const v1::Command& command, Now now) {
  core_.now = now;
  ++core_.counters.commands;
  const std::string& type = command.type();
  const std::string& request_id = command.request_id();
  v1::Reply reply;
  reply.set_request_id(request_id);
  if (type == "place") {
    reply = place(command.order(), request_id);
  } else if (type == "place_batch" && !command.grouping().empty()) {
    place_group(command, reply);
  } else if (type == "place_batch") {
    place_batch(command, reply);
  } else if (type == "cancel") {
    v1::CancelRequest request = command.cancel();
    if (request.client_order_id().empty()) request.set_client_order_id(command.client_order_id());
    if (request.exchange_order_id().empty()) {
      request.set_exchange_order_id(command.exchange_order_id());
    }
    reply = cancel(request, request_id);
  } else if (type == "cancel_batch") {
    for (const v1::CancelRequest& request : command.cancels()) {
      *reply.add_results() = cancel(request, "");
    }
  } else if (type == "cancel_all") {
    reply = cancel_all(command);
  } else if (type == "modify") {
    v1::ModifyRequest request = command.modify();
    if (request.client_order_id().empty()) request.set_client_order_id(command.client_order_id());
    if (!request.has_price() && command.has_price()) *request.mutable_price() = command.price();
    if (!request.has_amount() && command.has_amount()) *request.mutable_amount() = command.amount();
    if (command.has_trigger_price()) *request.mutable_trigger_price() = command.trigger_price();
    reply = modify(request, request_id);
  } else if (type == "modify_batch") {
    for (const v1::ModifyRequest& request : command.modifies()) {
      *reply.add_results() = modify(request, request_id);
    }
  } else if (type == "close_position") {
    reply = close_position(command);
  } else if (type == "accept_adjustment") {
    reply = accept_adjustment(command);
  } else if (type == "get_order") {
    reply = get_order(command);
  } else if (type == "get_open_orders") {
    reply = get_open_orders(command);
  } else if (type == "get_positions") {
    reply = get_positions(command);
  } else if (type == "get_balances") {
    reply = get_balances(command);
  } else if (type == "set_leverage" || type == "set_isolated_margin") {
    reply = set_terms(command);
  } else if (type == "session") {
    reply = session(command);
  } else {
    reply = rejected(request_id, "", ErrorCode::kInvalidCommand,
                     "type: expected place, cancel, modify, ..., found \"" + type + "\"");
  }
  if (reply.status() == "REJECTED") ++core_.counters.rejected;
  canceller_.leave();  // at once
  return reply;
}

// ---------------------------------------------------------------- placing

Status AccountEngine::open_for_orders() const {
  if (state_ == EngineState::kHalted) return fail(ErrorCode::kHalted, reason_);
  if (lease_held_ && !signer_ok_) {
    return fail(ErrorCode::kSignerUnavailable, signer_problem_);
  }
  if (state_ != EngineState::kReady) {
    return fail(ErrorCode::kNotReady, "account " + core_.settings.account + " is " +
                                          std::string(to_string(state_)) + ": " + reason_);
  }
  if (!core_.writable()) {
    return fail(ErrorCode::kInternal, "the journal does not take records: no new orders");
  }
  if (const auto skew = core_.venue_clock.skew();
      skew && std::chrono::abs(*skew) > core_.settings.max_clock_skew) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*skew).count();
    return fail(ErrorCode::kClockSkew,
                "our clock is " + std::to_string(ms) + " ms from the venue's: at most " +
                    std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       core_.settings.max_clock_skew)
                                       .count()) +
                    " ms are allowed");
  }
  if (executor_.unanswered() + coalescer_.size() >= core_.settings.max_unanswered) {
    return fail(ErrorCode::kRateLimited,
                std::to_string(executor_.unanswered()) + " actions are unanswered: at most " +
                    std::to_string(core_.settings.max_unanswered) + " may be");
  }
  if (Status room = core_.address.room_for(1); !room) return room;
  if (Status room = executor_.room_for_action(); !room) return room;
  if (core_.settings.need_risk) return risk_.usable(core_.now.mono);
  return {};
}

Status AccountEngine::pair_open(const TradingPair& pair, bool reduce_only) const {
  if (reduce_only) return {};
  const auto stopped = stopped_pairs_.find(pair);
  if (stopped == stopped_pairs_.end()) return {};
  return fail(ErrorCode::kRiskPositionAdjusted,
              pair.value() + " is stopped: " + stopped->second +
                  "; accept_adjustment (perpwire position accept) starts it again");
}

v1::Reply AccountEngine::accept_adjustment(const v1::Command& command) {
  const TradingPair pair{command.trading_pair()};
  const auto stopped = stopped_pairs_.find(pair);
  if (stopped == stopped_pairs_.end()) {
    return rejected(
        command.request_id(), "", ErrorCode::kPositionNotFound,
        "trading_pair: expected a pair that is stopped, found \"" + pair.value() + "\"");
  }
  const auto kept = *stopped;
  stopped_pairs_.erase(stopped);
  if (!note_stopped_pairs()) {
    stopped_pairs_.insert(kept);
    return rejected(command.request_id(), "", ErrorCode::kInternal,
                    "the journal did not take it: " + pair.value() + " stays stopped");
  }
  core_.log(LogLevel::kWarning,
            "account=" + core_.settings.account + " " + pair.value() + " accepted: " + kept.second);
  publish_status({});
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("ACCEPTED");
  return reply;
}

limits::Exposure AccountEngine::exposure(const TradingPair& pair, Side side,
                                         const ClientOrderId* instead_of) const {
  limits::Exposure found;
  found.position = positions_.worst(pair, side);
  found.account_open_orders = static_cast<std::uint32_t>(core_.tracker.live_count());
  const auto count = [&found](const InFlightOrder& order, const Quantity& quantity) {
    const bool buy = order.content().side == Side::kBuy;
    Quantity& sum = order.content().reduce_only
                        ? (buy ? found.reduce_only_buys : found.reduce_only_sells)
                        : (buy ? found.working_buys : found.working_sells);
    sum = add(sum, quantity).value_or(sum);
  };
  for (const auto& [id, order] : core_.tracker.settling(pair)) {
    count(*order, order->unseen_quantity());
  }
  for (const auto& [id, order] : core_.tracker.live(pair)) {
    if (instead_of != nullptr && id == *instead_of) {
      --found.account_open_orders;  // what is left of it counts: it may fill before it is replaced
    } else {
      ++found.open_orders;
    }
    count(*order, order->working_quantity());
    count(*order, order->unseen_quantity());
  }
  return found;
}

Status AccountEngine::check_limits(const OrderContent& content, const Price& price,
                                   const Quantity& quantity,
                                   const ClientOrderId* instead_of) const {
  if (!core_.settings.need_risk) return {};
  // What the venue fires or slices at its own price has none of ours that a collar could bind.
  const bool own_price = content.price || content.type == OrderType::kMarket;
  const limits::OrderToCheck order{.account = content.account.value(),
                                   .trading_pair = content.trading_pair.value(),
                                   .side = content.side,
                                   .quantity = quantity,
                                   .price = own_price ? std::optional<Price>(price) : std::nullopt,
                                   .trigger_price = content.trigger_price,
                                   .reduce_only = content.reduce_only,
                                   .immediate = is_ioc(content)};
  return limits::check_order(
      order, exposure(content.trading_pair, content.side, instead_of),
      references_.reference(content.trading_pair, core_.now.wall),
      risk_.limits().find(content.account.value(), content.trading_pair.value()), risk_.level(),
      core_.now.wall, {.reference_max_age = core_.settings.reference_stale_after});
}

Result<Price> AccountEngine::wire_price(const OrderContent& content,
                                        const hyperliquid::Instrument& instrument) const {
  if (content.price) return *content.price;
  if (has_trigger(content.type)) {
    // The venue fires it as a market order with 10 % of its own; it wants a valid price all the
    // same (hyperliquid.md section 5.1).
    const bool buy = content.side == Side::kBuy;
    const auto worst = moved(*content.trigger_price, buy ? kTriggerBps : -kTriggerBps);
    if (!worst) return tl::unexpected(worst.error());
    if (buy) return instrument.valid_price_at_or_below(*worst);
    return instrument.valid_price_at_or_above(*worst);
  }
  const auto reference = references_.reference(content.trading_pair, core_.now.wall);
  if (!reference.price) {
    return fail(ErrorCode::kStalePrice,
                "a " + std::string(to_string(content.type)) + " order of " +
                    content.trading_pair.value() +
                    " needs a reference price: there is none, or it is old");
  }
  if (content.type == OrderType::kTwap) return *reference.price;
  const auto bps =
      static_cast<std::int64_t>(content.slippage_bps.value_or(core_.settings.default_slippage_bps));
  if (bps >= kBasisPoints) {
    return fail(ErrorCode::kInvalidCommand,
                "slippage_bps: expected less than 10000, found " + std::to_string(bps));
  }
  const bool buy = content.side == Side::kBuy;
  const auto capped = moved(*reference.price, buy ? bps : -bps);
  if (!capped) return tl::unexpected(capped.error());
  // Rounded so that the cap holds.
  if (buy) return instrument.valid_price_at_or_below(*capped);
  return instrument.valid_price_at_or_above(*capped);
}

Result<AccountEngine::Checked> AccountEngine::check(OrderContent content, bool& repeated) {
  if (core_.instruments == nullptr) {
    return fail(ErrorCode::kNotReady, "the venue's asset map is not loaded");
  }
  const auto found = core_.instruments->find(content.trading_pair);
  if (!found) return tl::unexpected(found.error());
  const hyperliquid::Instrument& instrument = **found;
  const std::string cloid =
      hyperliquid::cloid_for(prefix_, address_, content.client_order_id).to_string();
  switch (core_.tracker.lookup(content, cloid)) {
    case ClientOrderTracker::Placement::kRepeated:
      repeated = true;
      return Checked{std::move(content), cloid, {}};
    case ClientOrderTracker::Placement::kDuplicate:
      return fail(ErrorCode::kDuplicateClientOrderId,
                  "client_order_id " + content.client_order_id.value() +
                      " was used for an order with other content");
    case ClientOrderTracker::Placement::kNew:
      break;
  }
  if (instrument.delisted) {
    return fail(ErrorCode::kMarketClosed, content.trading_pair.value() + " is delisted");
  }
  if (content.price) {
    if (const Status valid = instrument.check_price(*content.price); !valid) {
      return tl::unexpected(valid.error());
    }
  }
  if (content.trigger_price) {
    if (const Status valid = instrument.check_price(*content.trigger_price); !valid) {
      return tl::unexpected(valid.error());
    }
  }
  if (const Status valid = instrument.check_quantity(content.amount); !valid) {
    return tl::unexpected(valid.error());
  }
  if (instrument.kind == hyperliquid::InstrumentKind::kSpot &&
      (has_trigger(content.type) || content.type == OrderType::kTwap || content.reduce_only)) {
    return fail(ErrorCode::kUnsupported, content.trading_pair.value() +
                                             " is a spot pair: no trigger, TWAP or reduce-only "
                                             "orders");
  }
  if (const Status open = open_for_orders(); !open) return tl::unexpected(open.error());
  if (const Status open = pair_open(content.trading_pair, content.reduce_only); !open) {
    return tl::unexpected(open.error());
  }
  const auto price = wire_price(content, instrument);
  if (!price) return tl::unexpected(price.error());
  // A reduce-only order that closes the whole position may be smaller than the minimum.
  const bool closes_all =
      content.reduce_only && content.amount >= positions_.quantity(content.trading_pair).abs();
  if (!closes_all) {
    if (const Status valid = instrument.check_notional(*price, content.amount); !valid) {
      return tl::unexpected(valid.error());
    }
  }
  if (content.type == OrderType::kTwap) {
    // 100 USD in all (hyperliquid.md section 5.1).
    if (*price * content.amount < Notional{WideDecimal{100}}) {
      return fail(ErrorCode::kMinNotional,
                  "a TWAP of " + content.trading_pair.value() + " needs a value of 100 at least");
    }
  }
  if (const Status within = check_limits(content, *price, content.amount, nullptr); !within) {
    return tl::unexpected(within.error());
  }
  if (const Status apart = check_self_trade(content, *price, nullptr); !apart) {
    return tl::unexpected(apart.error());
  }
  return Checked{std::move(content), cloid, *price};
}

Status AccountEngine::check_self_trade(const OrderContent& content, const Price& price,
                                       const ClientOrderId* instead_of) const {
  // What reduces risk is never held up; what waits for its trigger is not on the book.
  if (!core_.settings.refuse_self_trade || content.reduce_only || has_trigger(content.type) ||
      content.type == OrderType::kTwap) {
    return {};
  }
  for (const auto& [id, other] : core_.tracker.live(content.trading_pair)) {
    if (instead_of != nullptr && id == *instead_of) continue;
    if (other->content().side == content.side) continue;
    const bool rests = other->content().type == OrderType::kLimit && !is_ioc(other->content());
    const auto theirs = other->price();
    if (!rests || !theirs) continue;
    if (content.side == Side::kBuy ? price < *theirs : price > *theirs) continue;
    return fail(
        ErrorCode::kRiskSelfTrade,
        std::string(to_string(content.side)) + " at " + price.to_string() +
            " would meet our own order " + id.value() + " at " + theirs->to_string() +
            (other->content().strategy.empty() ? std::string()
                                               : " of strategy " + other->content().strategy));
  }
  return {};
}

Status AccountEngine::admit(const Checked& checked) {
  v1::JournalRecord record;
  v1::OrderIntent& intent = *record.mutable_order_intent();
  *intent.mutable_order() = order_request(checked.content);
  intent.set_cloid(checked.cloid);
  intent.set_command_received(core_.now.wall.value());
  if (!core_.note(record)) {
    return fail(ErrorCode::kInternal, "the journal did not take the order: nothing was sent");
  }
  // It was looked up when it was checked; nothing is published of it yet.
  InFlightOrder& order = core_.tracker.track(checked.content, checked.cloid, core_.now.wall);
  order.stamps().command_received = core_.now.wall.value();
  order.set_record(record.index());
  return {};
}

v1::Reply AccountEngine::place(const v1::OrderRequest& request, const std::string& request_id) {
  v1::OrderRequest complete = request;
  if (complete.account().empty()) complete.set_account(core_.settings.account);
  auto content = content_of(complete);
  if (!content) return rejected(request_id, request.client_order_id(), content.error());
  if (!content->grouping.empty()) {
    return rejected(request_id, request.client_order_id(), ErrorCode::kInvalidCommand,
                    "grouping: expected none, groups are placed by place_batch");
  }
  bool repeated = false;
  const auto checked = check(std::move(*content), repeated);
  if (!checked) return rejected(request_id, request.client_order_id(), checked.error());
  const ClientOrderId& id = checked->content.client_order_id;
  if (repeated) {
    std::vector<TrackerEvent> events;  // an adopted order takes its name here
    core_.tracker.place(checked->content, checked->cloid, core_.now.wall, events);
    core_.emit(std::move(events));
    return accepted(request_id, id);
  }
  if (const Status admitted = admit(*checked); !admitted) {
    return rejected(request_id, request.client_order_id(), admitted.error());
  }
  if (checked->content.type == OrderType::kTwap) {
    executor_.place_twap(id);
  } else {
    const OrderCoalescer::Kind kind{
        .post_only = checked->content.time_in_force == TimeInForce::kAlo,
        .reduce_only = checked->content.reduce_only};
    auto now = coalescer_.add({id, checked->wire_price}, kind, core_.now.mono);
    if (!now.empty()) executor_.place(std::move(now));
  }
  return accepted(request_id, id);
}

Result<std::vector<AccountEngine::Checked>> AccountEngine::check_group(
    const std::vector<OrderContent>& contents, const std::string& grouping, bool& repeated) {
  if (Status fits = check_group_shape(contents, grouping); !fits) {
    return tl::unexpected(fits.error());
  }
  std::vector<Checked> all;
  std::size_t known = 0;
  std::set<ClientOrderId> ids;
  for (const OrderContent& content : contents) {
    if (!ids.insert(content.client_order_id).second) {
      return fail(ErrorCode::kDuplicateClientOrderId,
                  "client_order_id " + content.client_order_id.value() + " is twice in the group");
    }
    bool again = false;
    auto checked = check(content, again);
    if (!checked) return tl::unexpected(checked.error());
    if (again) ++known;
    all.push_back(std::move(*checked));
  }
  repeated = known == contents.size();
  if (known != 0 && !repeated) {
    return fail(ErrorCode::kDuplicateClientOrderId,
                "some orders of this group were placed before, others were not");
  }
  return all;
}

void AccountEngine::place_group(const v1::Command& command, v1::Reply& reply) {
  std::vector<OrderContent> contents;
  std::optional<Error> refusal;
  for (const v1::OrderRequest& request : command.orders()) {
    v1::OrderRequest complete = request;
    if (complete.account().empty()) complete.set_account(core_.settings.account);
    complete.set_grouping(command.grouping());
    auto content = content_of(complete);
    if (!content) {
      refusal = content.error();
      break;
    }
    contents.push_back(std::move(*content));
  }
  bool repeated = false;
  std::vector<Checked> checked;
  if (!refusal) {
    auto all = check_group(contents, command.grouping(), repeated);
    if (all) {
      checked = std::move(*all);
    } else {
      refusal = all.error();
    }
  }
  std::vector<Executor::NewOrder> orders;
  for (const Checked& one : checked) {
    if (repeated || refusal) break;
    if (const Status admitted = admit(one); !admitted) refusal = admitted.error();
    orders.push_back({one.content.client_order_id, one.wire_price});
  }
  for (const v1::OrderRequest& request : command.orders()) {
    *reply.add_results() = refusal ? rejected("", request.client_order_id(), *refusal)
                                   : accepted("", ClientOrderId{request.client_order_id()});
  }
  if (refusal) {
    // What was tracked of a group that the disk did not take whole never leaves.
    for (const auto& order : orders) executor_.never_sent(order.id, *refusal);
    return;
  }
  if (!repeated) executor_.place(std::move(orders), command.grouping());
}

void AccountEngine::place_batch(const v1::Command& command, v1::Reply& reply) {
  // ALO apart from the rest: the venue works them off in different classes of a block.
  std::vector<Executor::NewOrder> post_only;
  std::vector<Executor::NewOrder> others;
  for (const v1::OrderRequest& request : command.orders()) {
    v1::OrderRequest complete = request;
    if (complete.account().empty()) complete.set_account(core_.settings.account);
    v1::Reply& result = *reply.add_results();
    const auto content = content_of(complete);
    if (!content) {
      result = rejected("", request.client_order_id(), content.error());
      continue;
    }
    bool repeated = false;
    const auto checked = check(*content, repeated);
    if (!checked) {
      result = rejected("", request.client_order_id(), checked.error());
      continue;
    }
    if (!repeated) {
      if (const Status admitted = admit(*checked); !admitted) {
        result = rejected("", request.client_order_id(), admitted.error());
        continue;
      }
      if (content->type == OrderType::kTwap) {
        executor_.place_twap(content->client_order_id);
        result = accepted("", content->client_order_id);
        continue;
      }
      auto& group = content->time_in_force == TimeInForce::kAlo ? post_only : others;
      group.push_back({content->client_order_id, checked->wire_price});
    }
    result = accepted("", content->client_order_id);
  }
  for (auto* group : {&post_only, &others}) {
    for (std::size_t at = 0; at < group->size(); at += hyperliquid::kMaxActionWeight) {
      const auto end = std::min(group->size(), at + hyperliquid::kMaxActionWeight);
      executor_.place({group->begin() + static_cast<std::ptrdiff_t>(at),
                       group->begin() + static_cast<std::ptrdiff_t>(end)});
    }
  }
}

Status AccountEngine::may_still_send(const InFlightOrder& order) const {
  if (Status open = pair_open(order.content().trading_pair, order.content().reduce_only); !open) {
    return open;
  }
  if (!core_.settings.need_risk) return {};
  if (const Status usable = risk_.usable(core_.now.mono); !usable) return usable;
  const OrderContent& content = order.content();
  return limits::check_level({.account = content.account.value(),
                              .trading_pair = content.trading_pair.value(),
                              .side = content.side,
                              .quantity = content.amount,
                              .price = std::nullopt,
                              .trigger_price = std::nullopt,
                              .reduce_only = content.reduce_only,
                              .immediate = is_ioc(content)},
                             risk_.level());
}

v1::Reply AccountEngine::close_position(const v1::Command& command) {
  const TradingPair pair{command.trading_pair()};
  const Quantity position = positions_.quantity(pair);
  if (position.is_zero()) {
    return rejected(command.request_id(), command.client_order_id(), ErrorCode::kPositionNotFound,
                    "no position in " + pair.value());
  }
  v1::OrderRequest request;
  request.set_client_order_id(command.client_order_id());
  request.set_account(core_.settings.account);
  request.set_trading_pair(pair.value());
  request.set_trade_type(position.is_negative() ? "BUY" : "SELL");
  request.set_order_type("MARKET");
  request.set_reduce_only(true);
  if (command.has_amount()) {
    *request.mutable_amount() = command.amount();
  } else {
    set_decimal(position.abs(), *request.mutable_amount());
  }
  return place(request, command.request_id());
}

// ---------------------------------------------------------------- modify

void AccountEngine::remember_reply(const std::string& key, const v1::Reply& reply) {
  v1::JournalRecord record;
  record.mutable_command_seen()->set_key(key);
  record.mutable_command_seen()->set_reply(to_protobuf(reply));
  const bool noted = core_.note(record);  // else a repeat after a restart is checked anew
  replies_[key] = {reply, core_.now.wall, noted ? record.index() : UINT64_MAX};
}

v1::Reply AccountEngine::modify(const v1::ModifyRequest& request, const std::string& request_id) {
  const std::string key =
      core_.settings.account + "\nmodify\n" + request.client_order_id() + "\n" + request_id;
  if (const auto known = replies_.find(key); !request_id.empty() && known != replies_.end()) {
    return known->second.reply;
  }
  const Status done = do_modify(request);
  v1::Reply reply = done ? accepted(request_id, ClientOrderId{request.client_order_id()})
                         : rejected(request_id, request.client_order_id(), done.error());
  if (!request_id.empty()) {
    remember_reply(key, reply);
  }
  return reply;
}

Status AccountEngine::do_modify(const v1::ModifyRequest& request) {
  InFlightOrder* order = core_.tracker.find(ClientOrderId{request.client_order_id()});
  if (order == nullptr) {
    return fail(ErrorCode::kOrderNotFound,
                "client_order_id " + request.client_order_id() + " is not known");
  }
  const std::string name = "order " + request.client_order_id();
  if (is_final(order->state())) {
    return fail(ErrorCode::kOrderFinal, name + " is " + std::string(to_string(order->state())));
  }
  if (request.has_trigger_price() || has_trigger(order->content().type)) {
    // Only with the venue's "always place", which could leave both orders (section 5.1).
    return fail(ErrorCode::kUnsupported,
                name + ": trigger orders cannot be modified, cancel it and place another");
  }
  if (order->content().type == OrderType::kTwap) {
    return fail(ErrorCode::kUnsupported, name + ": a TWAP cannot be modified");
  }
  if (is_ioc(order->content())) {
    return fail(ErrorCode::kUnsupported, name + " does not rest: there is nothing to modify");
  }
  if (!order->can_modify()) {
    return fail(ErrorCode::kNotReady, name + " is " + std::string(to_string(order->state())) +
                                          " or has a modify without an answer");
  }
  Price price = order->price().value_or(Price{});
  if (request.has_price()) {
    const auto number = to_decimal(request.price());
    if (!number) return fail(ErrorCode::kInvalidCommand, "price: " + number.error().text);
    price = Price{*number};
  }
  Quantity amount = order->amount();
  if (request.has_amount()) {
    const auto number = to_decimal(request.amount());
    if (!number) return fail(ErrorCode::kInvalidCommand, "amount: " + number.error().text);
    amount = Quantity{*number};
  }
  const auto quantity = subtract(amount, order->filled());
  if (!quantity || !quantity->is_positive()) {
    return fail(ErrorCode::kInvalidCommand, "amount: expected more than the " +
                                                order->filled().to_string() +
                                                " already filled, found " + amount.to_string());
  }
  if (core_.instruments == nullptr) {  // a restart knows its orders before the venue's map
    return fail(ErrorCode::kNotReady, "the venue's asset map is not loaded");
  }
  const auto found = core_.instruments->find(order->content().trading_pair);
  if (!found) return tl::unexpected(found.error());
  if (Status valid = (*found)->check_price(price); !valid) return valid;
  if (Status valid = (*found)->check_quantity(*quantity); !valid) return valid;
  if (Status open = open_for_orders(); !open) return open;
  if (Status open = pair_open(order->content().trading_pair, order->content().reduce_only); !open) {
    return open;
  }
  if (!order->content().reduce_only) {
    if (Status valid = (*found)->check_notional(price, *quantity); !valid) return valid;
  }
  const ClientOrderId id = order->content().client_order_id;
  if (Status within = check_limits(order->content(), price, *quantity, &id); !within) return within;
  if (Status apart = check_self_trade(order->content(), price, &id); !apart) return apart;
  const TradingPair& pair = order->content().trading_pair;
  if (order->content().side == Side::kBuy) {
    const auto ask = references_.best_ask(pair, core_.now.wall);
    if (ask && price >= *ask) {
      return fail(ErrorCode::kPostOnly, "price " + price.to_string() + " would cross the ask " +
                                            ask->to_string() + ": a modify never takes");
    }
  } else {
    const auto bid = references_.best_bid(pair, core_.now.wall);
    if (bid && price <= *bid) {
      return fail(ErrorCode::kPostOnly, "price " + price.to_string() + " would cross the bid " +
                                            bid->to_string() + ": a modify never takes");
    }
  }
  executor_.modify(id, {.action = 0, .price = price, .amount = amount, .quantity = *quantity});
  return {};
}

// ---------------------------------------------------------------- cancel

v1::Reply AccountEngine::cancel(const v1::CancelRequest& request, const std::string& request_id) {
  InFlightOrder* order = nullptr;
  if (!request.client_order_id().empty()) {
    order = core_.tracker.find(ClientOrderId{request.client_order_id()});
  } else if (!request.exchange_order_id().empty()) {
    order = core_.tracker.find_by_venue_id(VenueOrderId{request.exchange_order_id()});
  } else {
    return rejected(request_id, "", ErrorCode::kInvalidCommand,
                    "cancel: expected client_order_id or exchange_order_id, found neither");
  }
  if (order == nullptr) {
    return rejected(request_id, request.client_order_id(), ErrorCode::kOrderNotFound,
                    "no order " + request.client_order_id() + request.exchange_order_id());
  }
  const ClientOrderId id = order->content().client_order_id;
  if (!order->may_be_live()) {
    return rejected(request_id, id.value(), ErrorCode::kOrderFinal,
                    "order " + id.value() + " is " + std::string(to_string(order->state())));
  }
  canceller_.want(id);
  return accepted(request_id, id);
}

v1::Reply AccountEngine::cancel_all(const v1::Command& command) {
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("ACCEPTED");
  const std::string& pair = command.trading_pair();
  for (const ClientOrderId& id : core_.tracker.live()) {
    const InFlightOrder* order = core_.tracker.find(id);
    if (pair.empty() || order->content().trading_pair.value() == pair) {
      canceller_.want(id);
      v1::Reply& result = *reply.add_results();
      result.set_client_order_id(id.value());
      result.set_status("ACCEPTED");
    }
  }
  if (core_.settings.foreign_orders == ForeignOrders::kAll) {
    std::vector<VenueOrderId> ids;
    for (const auto& [id, order] : core_.tracker.foreign()) {
      if (pair.empty() || order.trading_pair.value() == pair) ids.push_back(id);
    }
    canceller_.want_foreign(ids);
  }
  return reply;
}

// ---------------------------------------------------------------- queries

v1::Reply AccountEngine::get_order(const v1::Command& command) {
  const ClientOrderId id{command.client_order_id()};
  const InFlightOrder* order =
      !id.empty() ? core_.tracker.find(id)
                  : core_.tracker.find_by_venue_id(VenueOrderId{command.exchange_order_id()});
  if (order == nullptr) order = core_.foreign.find(id);
  if (order == nullptr) {
    return rejected(command.request_id(), command.client_order_id(), ErrorCode::kOrderNotFound,
                    "no order " + command.client_order_id() + command.exchange_order_id());
  }
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("OK");
  *reply.add_orders() = order_data(order->view(order->updated()));
  return reply;
}

v1::Reply AccountEngine::get_open_orders(const v1::Command& command) {
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("OK");
  for (const ClientOrderId& id : core_.tracker.open()) {
    const InFlightOrder* order = core_.tracker.find(id);
    if (!command.trading_pair().empty() &&
        order->content().trading_pair.value() != command.trading_pair()) {
      continue;
    }
    *reply.add_orders() = order_data(order->view(order->updated()));
  }
  return reply;
}

v1::Reply AccountEngine::get_positions(const v1::Command& command) {
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("OK");
  for (const auto& [pair, held] : positions_.all()) {
    if (held.quantity.is_zero()) continue;
    if (!command.trading_pair().empty() && pair.value() != command.trading_pair()) continue;
    *reply.add_positions() = position_data(pair, held);
  }
  return reply;
}

v1::Reply AccountEngine::get_balances(const v1::Command& command) {
  v1::Reply reply;
  reply.set_request_id(command.request_id());
  reply.set_status("OK");
  for (const auto& [asset, balance] : balances_) *reply.add_balances() = balance;
  return reply;
}

}  // namespace perpwire::gateway
