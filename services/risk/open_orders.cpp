#include "services/risk/open_orders.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/side.hpp"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::risk {
namespace {

enum class Life { kLive, kFinal, kUnrecognised };

Life life_of(std::string_view state) {
  for (const auto* live :
       {"PENDING_CREATE", "OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"}) {
    if (state == live) return Life::kLive;
  }
  for (const auto* final_state : {"FILLED", "CANCELLED", "FAILED"}) {
    if (state == final_state) return Life::kFinal;
  }
  return Life::kUnrecognised;
}

}  // namespace

Status OpenOrders::apply(const v1::OrderEvent& order) {
  const auto refuse = [&](std::string_view field, std::string_view found) {
    return fail(ErrorCode::kMalformed,
                fmt::format("order {} of {}: {}: expected a value of the contract, found {}",
                            order.client_order_id(), order.account(), field, found));
  };
  const auto life = life_of(order.order_state());
  if (life == Life::kUnrecognised) return refuse("order_state", order.order_state());
  const Key key{order.account(), order.client_order_id()};
  if (life == Life::kFinal) {
    finish(key, order.last_update_timestamp());
    return {};
  }
  const auto side = side_from_string(order.trade_type());
  if (!side) return refuse("trade_type", order.trade_type());
  const auto amount = to_decimal(order.amount());
  if (!amount || amount->is_negative()) return refuse("amount", "one out of range");
  const auto filled = to_decimal(order.filled_amount());
  if (!filled || filled->is_negative()) return refuse("filled_amount", "one out of range");

  const auto gone = finished_.find(key);
  if (gone != finished_.end()) {
    if (gone->second >= order.last_update_timestamp()) return {};  // late word
    finished_.erase(gone);
  }
  auto& working = orders_[key];
  working.trading_pair = order.trading_pair();
  working.side = *side;
  working.filled = std::max(working.filled, Quantity{*filled});
  working.reduce_only = order.reduce_only();
  if (order.last_update_timestamp() >= working.updated) {  // a modify changes the amount
    working.amount = Quantity{*amount};
    working.updated = order.last_update_timestamp();
  }
  return {};
}

void OpenOrders::finish(const Key& key, std::int64_t updated) {
  orders_.erase(key);
  const auto [it, fresh] = finished_.try_emplace(key, updated);
  it->second = std::max(it->second, updated);
  if (!fresh) return;
  finished_order_.push_back(key);
  if (finished_order_.size() > kRemembered) {
    finished_.erase(finished_order_.front());
    finished_order_.pop_front();
  }
}

Result<limits::Exposure> OpenOrders::exposure(std::string_view account,
                                              std::string_view trading_pair) const {
  limits::Exposure exposure;
  for (auto it = orders_.lower_bound(Key{std::string(account), ""});
       it != orders_.end() && it->first.first == account; ++it) {
    const Working& order = it->second;
    ++exposure.account_open_orders;
    if (order.trading_pair != trading_pair) continue;
    ++exposure.open_orders;
    const bool buy = order.side == Side::kBuy;
    Quantity& plain = buy ? exposure.working_buys : exposure.working_sells;
    Quantity& reducing = buy ? exposure.reduce_only_buys : exposure.reduce_only_sells;
    Quantity& sum = order.reduce_only ? reducing : plain;
    const auto remaining = subtract(order.amount, order.filled);
    if (!remaining) return tl::unexpected<Error>(remaining.error());
    if (!remaining->is_positive()) continue;
    const auto total = add(sum, *remaining);
    if (!total) return tl::unexpected<Error>(total.error());
    sum = *total;
  }
  return exposure;
}

std::uint32_t OpenOrders::count(std::string_view account) const {
  std::uint32_t found = 0;
  for (auto it = orders_.lower_bound(Key{std::string(account), ""});
       it != orders_.end() && it->first.first == account; ++it) {
    ++found;
  }
  return found;
}

void OpenOrders::save(v1::RiskCheckpoint& out) const {
  for (const auto& [key, order] : orders_) {
    auto& saved = *out.add_orders();
    saved.set_account(key.first);
    saved.set_client_order_id(key.second);
    saved.set_trading_pair(order.trading_pair);
    saved.set_trade_type(std::string(to_string(order.side)));
    saved.set_order_state("OPEN");
    saved.set_reduce_only(order.reduce_only);
    saved.set_last_update_timestamp(order.updated);
    set_decimal(order.amount, *saved.mutable_amount());
    set_decimal(order.filled, *saved.mutable_filled_amount());
  }
}

Status OpenOrders::load(const v1::RiskCheckpoint& from) {
  *this = OpenOrders{};
  for (const auto& order : from.orders()) {
    if (auto status = apply(order); !status) return status;
  }
  return {};
}

}  // namespace perpwire::risk
