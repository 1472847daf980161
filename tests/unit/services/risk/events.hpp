#pragma once

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace perpwire::risk::testing_events {

inline void set(v1::Decimal& out, std::string_view text) {
  set_decimal(*Decimal::parse(text), out);
}

struct FillSpec {
  std::string id;
  std::int64_t at = 1;
  std::string side = "BUY";
  std::string amount = "1";
  std::string price = "100";
  std::string fee = "0";
  std::string pair = "BTC-USD";
  std::string account = "main";
};

inline v1::Envelope fill(const FillSpec& spec) {
  v1::Envelope envelope;
  envelope.set_event_type("fill");
  auto& fill = *envelope.mutable_fill();
  fill.set_venue("hyperliquid");
  fill.set_trade_id(spec.id);
  fill.set_account(spec.account);
  fill.set_trading_pair(spec.pair);
  fill.set_trade_type(spec.side);
  fill.set_exchange_timestamp(spec.at);
  set(*fill.mutable_price(), spec.price);
  set(*fill.mutable_amount(), spec.amount);
  set(*fill.mutable_fee_paid(), spec.fee);
  return envelope;
}

inline v1::Envelope position(std::string_view amount, std::string_view entry,
                             std::string_view pair = "BTC-USD") {
  v1::Envelope envelope;
  envelope.set_event_type("position");
  auto& position = *envelope.mutable_position();
  position.set_venue("hyperliquid");
  position.set_account("main");
  position.set_trading_pair(std::string(pair));
  set(*position.mutable_amount(), amount);
  if (!entry.empty()) set(*position.mutable_entry_price(), entry);
  return envelope;
}

inline v1::Envelope adjusted(std::string_view before, std::string_view after) {
  v1::Envelope envelope;
  envelope.set_event_type("position_adjusted");
  auto& change = *envelope.mutable_position_adjusted();
  change.set_venue("hyperliquid");
  change.set_account("main");
  change.set_trading_pair("BTC-USD");
  set(*change.mutable_before(), before);
  set(*change.mutable_after(), after);
  return envelope;
}

inline v1::Envelope funding(std::string_view payment) {
  v1::Envelope envelope;
  envelope.set_event_type("funding");
  auto& paid = *envelope.mutable_funding();
  paid.set_venue("hyperliquid");
  paid.set_account("main");
  paid.set_trading_pair("BTC-USD");
  set(*paid.mutable_payment(), payment);
  return envelope;
}

struct OrderSpec {
  std::string id = "o-1";
  std::string state = "OPEN";
  std::string side = "BUY";
  std::string amount = "1";
  std::string filled = "0";
  std::int64_t updated = 1;
  bool reduce_only = false;
  std::string pair = "BTC-USD";
  std::string account = "main";
};

inline v1::Envelope order(const OrderSpec& spec) {
  v1::Envelope envelope;
  envelope.set_event_type("order_update");
  auto& order = *envelope.mutable_order();
  order.set_venue("hyperliquid");
  order.set_client_order_id(spec.id);
  order.set_account(spec.account);
  order.set_trading_pair(spec.pair);
  order.set_trade_type(spec.side);
  order.set_order_state(spec.state);
  order.set_reduce_only(spec.reduce_only);
  order.set_last_update_timestamp(spec.updated);
  set(*order.mutable_amount(), spec.amount);
  set(*order.mutable_filled_amount(), spec.filled);
  return envelope;
}

}  // namespace perpwire::risk::testing_events
