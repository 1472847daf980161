#pragma once

#include "libs/common/contract_json.hpp"
#include "libs/common/decimal.hpp"
#include "services/persister/batch.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace perpwire::persister {

inline constexpr const char* kStream = "order-gateway.main.1a2b";

inline v1::Envelope envelope_at(std::uint64_t sequence, std::string stream = kStream) {
  v1::Envelope envelope;
  envelope.set_timestamp(1'705'747'200'000'000'000 + static_cast<std::int64_t>(sequence));
  envelope.set_stream(std::move(stream));
  envelope.set_sequence(sequence);
  envelope.set_topic_sequence(sequence);
  return envelope;
}

inline void set(v1::Decimal* out, const char* digits) {
  set_decimal(WideDecimal::parse(digits).value(), *out);
}

struct OrderFields {
  std::string id = "LS-1";
  std::string state = "OPEN";
  std::string event_type = "order_created";
  const char* price = "50000";
  const char* amount = "0.001";
  const char* filled = "0";
};

inline StoredEvent order_event(std::uint64_t sequence, const OrderFields& fields = {},
                               std::string stream = kStream) {
  StoredEvent event;
  event.topic = "orders.hyperliquid." + fields.event_type.substr(6);
  event.envelope = envelope_at(sequence, std::move(stream));
  event.envelope.set_event_type(fields.event_type);
  auto& order = *event.envelope.mutable_order();
  order.set_client_order_id(fields.id);
  order.set_exchange_order_id("123456789");
  order.set_trading_pair("BTC-USD");
  order.set_account("main");
  order.set_venue("hyperliquid");
  order.set_order_type("LIMIT");
  order.set_trade_type("BUY");
  order.set_time_in_force("GTC");
  order.set_order_state(fields.state);
  set(order.mutable_price(), fields.price);
  set(order.mutable_amount(), fields.amount);
  set(order.mutable_filled_amount(), fields.filled);
  set(order.mutable_fee_paid(), "0");
  order.set_creation_timestamp(1'705'747'190'000'000'000);
  order.set_last_update_timestamp(event.envelope.timestamp());
  return event;
}

inline StoredEvent fill_event(std::uint64_t sequence, std::string trade_id,
                              std::string stream = kStream) {
  StoredEvent event;
  event.topic = "fills.hyperliquid.BTC-USD";
  event.envelope = envelope_at(sequence, std::move(stream));
  event.envelope.set_event_type("fill");
  auto& fill = *event.envelope.mutable_fill();
  fill.set_venue("hyperliquid");
  fill.set_trade_id(std::move(trade_id));
  fill.set_client_order_id("LS-1");
  fill.set_exchange_order_id("123456789");
  fill.set_account("main");
  fill.set_trading_pair("BTC-USD");
  fill.set_trade_type("BUY");
  set(fill.mutable_price(), "50000");
  set(fill.mutable_amount(), "0.001");
  fill.set_liquidity("MAKER");
  set(fill.mutable_fee_paid(), "-0.0075");
  fill.set_fee_asset("USDC");
  fill.set_exchange_timestamp(1'705'747'200'000'000'000);
  return event;
}

inline StoredEvent position_event(std::uint64_t sequence, const char* amount) {
  StoredEvent event;
  event.topic = "positions.hyperliquid.main.BTC-USD";
  event.envelope = envelope_at(sequence);
  event.envelope.set_event_type("position");
  auto& position = *event.envelope.mutable_position();
  position.set_venue("hyperliquid");
  position.set_account("main");
  position.set_trading_pair("BTC-USD");
  set(position.mutable_amount(), amount);
  return event;
}

inline Batch batch_of(std::uint64_t from, std::vector<StoredEvent> events) {
  Batch batch;
  batch.stream = events.empty() ? kStream : events.front().envelope.stream();
  batch.from_sequence = from;
  batch.next_sequence = from + events.size();
  batch.events = std::move(events);
  return batch;
}

}  // namespace perpwire::persister
