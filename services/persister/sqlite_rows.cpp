#include "services/persister/sqlite_rows.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/decimal.hpp"

namespace perpwire::persister {

// ON CONFLICT (stream_id, sequence) never fires while the cursor is right; it is the second lock on
// the same door.
const std::string_view kInsertOrderEvent =
    "INSERT INTO order_events (stream_id, sequence, topic_sequence, timestamp, event_type, venue,"
    " account, client_order_id, exchange_order_id, trading_pair, trade_type, order_type,"
    " time_in_force, reduce_only, price, trigger_price, amount, filled_amount,"
    " average_executed_price, fee_paid, fee_asset, order_state, creation_timestamp,"
    " last_update_timestamp, trade_id, strategy, failure_code, failure_reason, command_received,"
    " decided, signed, sent, acked) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
    "?,?,?,?,?,?) ON CONFLICT DO NOTHING";

// Within a stream the later event is the newer state. Between streams (a new journal after a power
// cut, another gateway after a takeover) the time of the update decides.
const std::string_view kUpsertOrder =
    "INSERT INTO orders (account, client_order_id, venue, exchange_order_id, trading_pair,"
    " trade_type, order_type, time_in_force, reduce_only, price, trigger_price, amount,"
    " filled_amount, average_executed_price, fee_paid, fee_asset, order_state,"
    " creation_timestamp, last_update_timestamp, strategy, failure_code, failure_reason,"
    " stream_id, sequence) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (account, client_order_id) DO UPDATE SET venue = excluded.venue,"
    " exchange_order_id = excluded.exchange_order_id, trading_pair = excluded.trading_pair,"
    " trade_type = excluded.trade_type, order_type = excluded.order_type,"
    " time_in_force = excluded.time_in_force, reduce_only = excluded.reduce_only,"
    " price = excluded.price, trigger_price = excluded.trigger_price, amount = excluded.amount,"
    " filled_amount = excluded.filled_amount,"
    " average_executed_price = excluded.average_executed_price, fee_paid = excluded.fee_paid,"
    " fee_asset = excluded.fee_asset, order_state = excluded.order_state,"
    " creation_timestamp = excluded.creation_timestamp,"
    " last_update_timestamp = excluded.last_update_timestamp, strategy = excluded.strategy,"
    " failure_code = excluded.failure_code, failure_reason = excluded.failure_reason,"
    " stream_id = excluded.stream_id, sequence = excluded.sequence"
    " WHERE (excluded.stream_id = orders.stream_id AND excluded.sequence > orders.sequence)"
    " OR (excluded.stream_id <> orders.stream_id"
    " AND excluded.last_update_timestamp >= orders.last_update_timestamp)";

const std::string_view kInsertFill =
    "INSERT INTO fills (stream_id, sequence, topic_sequence, timestamp, venue, account, trade_id,"
    " client_order_id, exchange_order_id, trading_pair, trade_type, price, amount, liquidity,"
    " fee_paid, fee_asset, closed_pnl, exchange_timestamp)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING";

const std::string_view kUpsertPosition =
    "INSERT INTO positions (venue, account, trading_pair, amount, entry_price, mark_price,"
    " unrealized_pnl, realized_pnl, leverage, margin_mode, liquidation_price, timestamp,"
    " stream_id, sequence) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (venue, account, trading_pair) DO UPDATE SET amount = excluded.amount,"
    " entry_price = excluded.entry_price, mark_price = excluded.mark_price,"
    " unrealized_pnl = excluded.unrealized_pnl, realized_pnl = excluded.realized_pnl,"
    " leverage = excluded.leverage, margin_mode = excluded.margin_mode,"
    " liquidation_price = excluded.liquidation_price, timestamp = excluded.timestamp,"
    " stream_id = excluded.stream_id, sequence = excluded.sequence"
    " WHERE (excluded.stream_id = positions.stream_id AND excluded.sequence > positions.sequence)"
    " OR (excluded.stream_id <> positions.stream_id AND excluded.timestamp >= positions.timestamp)";

const std::string_view kUpsertBalance =
    "INSERT INTO balances (venue, account, asset, total, available, timestamp, stream_id, sequence)"
    " VALUES (?,?,?,?,?,?,?,?)"
    " ON CONFLICT (venue, account, asset) DO UPDATE SET total = excluded.total,"
    " available = excluded.available, timestamp = excluded.timestamp,"
    " stream_id = excluded.stream_id, sequence = excluded.sequence"
    " WHERE (excluded.stream_id = balances.stream_id AND excluded.sequence > balances.sequence)"
    " OR (excluded.stream_id <> balances.stream_id AND excluded.timestamp >= balances.timestamp)";

Row::Row(Statement& statement, std::deque<std::string>& scratch)
    : statement_(statement), scratch_(scratch) {
  scratch_.clear();
}

Row& Row::integer(std::int64_t value) {
  statement_.bind(next_++, value);
  return *this;
}

Row& Row::moment(std::int64_t value) { return integer_if(value != 0, value); }

Row& Row::integer_if(bool known, std::int64_t value) {
  if (known) return integer(value);
  statement_.bind_null(next_++);
  return *this;
}

Row& Row::text(std::string_view value) {
  statement_.bind(next_++, value);
  return *this;
}

Row& Row::text_if(bool known, std::string_view value) {
  if (known) return text(value);
  statement_.bind_null(next_++);
  return *this;
}

Row& Row::decimal(const v1::Decimal& value) {
  const auto number = to_wide_decimal(value);
  if (!number) {
    status_ = tl::unexpected(number.error());
    return text({});
  }
  number->append_json(scratch_.emplace_back());
  return text(scratch_.back());
}

Row& Row::decimal_if(bool known, const v1::Decimal& value) {
  return known ? decimal(value) : text_if(false, {});
}

Status bind_order_event(Row& row, std::int64_t stream_id, const v1::Envelope& envelope) {
  const auto& order = envelope.order();
  const auto& stamps = order.stamps();
  row.integer(stream_id)
      .integer(envelope.sequence())
      .integer(envelope.topic_sequence())
      .integer(envelope.timestamp())
      .text(envelope.event_type())
      .text(order.venue())
      .text(order.account())
      .text(order.client_order_id())
      .text_if(order.has_exchange_order_id(), order.exchange_order_id())
      .text(order.trading_pair())
      .text(order.trade_type())
      .text(order.order_type())
      .text(order.time_in_force())
      .integer(std::int64_t{order.reduce_only()})
      .decimal_if(order.has_price(), order.price())
      .decimal_if(order.has_trigger_price(), order.trigger_price())
      .decimal(order.amount())
      .decimal(order.filled_amount())
      .decimal_if(order.has_average_executed_price(), order.average_executed_price())
      .decimal(order.fee_paid())
      .text_if(order.has_fee_asset(), order.fee_asset())
      .text(order.order_state())
      .integer(order.creation_timestamp())
      .integer(order.last_update_timestamp())
      .text_if(order.has_trade_id(), order.trade_id())
      .text_if(order.has_strategy(), order.strategy())
      .text_if(order.has_failure(), order.failure().code())
      .text_if(order.has_failure(), order.failure().reason())
      .moment(stamps.command_received())
      .moment(stamps.decided())
      .moment(stamps.signed_())
      .moment(stamps.sent())
      .moment(stamps.acked());
  return row.status();
}

Status bind_order(Row& row, std::int64_t stream_id, const v1::Envelope& envelope) {
  const auto& order = envelope.order();
  row.text(order.account())
      .text(order.client_order_id())
      .text(order.venue())
      .text_if(order.has_exchange_order_id(), order.exchange_order_id())
      .text(order.trading_pair())
      .text(order.trade_type())
      .text(order.order_type())
      .text(order.time_in_force())
      .integer(std::int64_t{order.reduce_only()})
      .decimal_if(order.has_price(), order.price())
      .decimal_if(order.has_trigger_price(), order.trigger_price())
      .decimal(order.amount())
      .decimal(order.filled_amount())
      .decimal_if(order.has_average_executed_price(), order.average_executed_price())
      .decimal(order.fee_paid())
      .text_if(order.has_fee_asset(), order.fee_asset())
      .text(order.order_state())
      .integer(order.creation_timestamp())
      .integer(order.last_update_timestamp())
      .text_if(order.has_strategy(), order.strategy())
      .text_if(order.has_failure(), order.failure().code())
      .text_if(order.has_failure(), order.failure().reason())
      .integer(stream_id)
      .integer(envelope.sequence());
  return row.status();
}

Status bind_fill(Row& row, std::int64_t stream_id, const v1::Envelope& envelope) {
  const auto& fill = envelope.fill();
  row.integer(stream_id)
      .integer(envelope.sequence())
      .integer(envelope.topic_sequence())
      .integer(envelope.timestamp())
      .text(fill.venue())
      .text(fill.account())
      .text(fill.trade_id())
      .text_if(fill.has_client_order_id(), fill.client_order_id())
      .text(fill.exchange_order_id())
      .text(fill.trading_pair())
      .text(fill.trade_type())
      .decimal(fill.price())
      .decimal(fill.amount())
      .text(fill.liquidity())
      .decimal(fill.fee_paid())
      .text(fill.fee_asset())
      .decimal_if(fill.has_closed_pnl(), fill.closed_pnl())
      .integer(fill.exchange_timestamp());
  return row.status();
}

Status bind_position(Row& row, std::int64_t stream_id, const v1::Envelope& envelope) {
  const auto& position = envelope.position();
  row.text(position.venue())
      .text(position.account())
      .text(position.trading_pair())
      .decimal(position.amount())
      .decimal_if(position.has_entry_price(), position.entry_price())
      .decimal_if(position.has_mark_price(), position.mark_price())
      .decimal_if(position.has_unrealized_pnl(), position.unrealized_pnl())
      .decimal_if(position.has_realized_pnl(), position.realized_pnl())
      .integer_if(position.has_leverage(), position.leverage())
      .text_if(position.has_margin_mode(), position.margin_mode())
      .decimal_if(position.has_liquidation_price(), position.liquidation_price())
      .integer(envelope.timestamp())
      .integer(stream_id)
      .integer(envelope.sequence());
  return row.status();
}

Status bind_balance(Row& row, std::int64_t stream_id, const v1::Envelope& envelope) {
  const auto& balance = envelope.balance();
  row.text(balance.venue())
      .text(balance.account())
      .text(balance.asset())
      .decimal(balance.total())
      .decimal(balance.available())
      .integer(envelope.timestamp())
      .integer(stream_id)
      .integer(envelope.sequence());
  return row.status();
}

}  // namespace perpwire::persister
