#include "libs/common/contract_json.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <utility>

/// Orders whole, as the journal keeps them when the records that they came from are trimmed.
namespace perpwire::gateway {
namespace {

void set_failure(const Failure& failure, v1::Failure& out) {
  out.set_code(std::string(to_string(failure.code)));
  out.set_reason(failure.reason);
}

Failure failure_of(const v1::Failure& data) {
  return {error_code_from_string(data.code()).value_or(ErrorCode::kVenueRejected), data.reason()};
}

/// Members in turn; the first that does not read makes the whole malformed.
class Reader {
 public:
  Decimal number(const v1::Decimal& value) {
    const auto read = to_decimal(value);
    ok_ = ok_ && read.has_value();
    return read.value_or(Decimal{});
  }
  WideDecimal wide(const v1::Decimal& value) {
    const auto read = to_wide_decimal(value);
    ok_ = ok_ && read.has_value();
    return read.value_or(WideDecimal{});
  }
  std::optional<Price> price(bool present, const v1::Decimal& value) {
    if (!present) return std::nullopt;
    return Price{number(value)};
  }
  template <class Enum>
  Enum word(std::uint32_t value, Enum last) {
    ok_ = ok_ && value <= static_cast<std::uint32_t>(last);
    return static_cast<Enum>(value);
  }
  void require(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  bool ok_ = true;
};

void write_leg(const InFlightOrder::Leg& leg, v1::LegSnapshot& out) {
  out.set_exchange_order_id(leg.venue_order_id.value());
  if (leg.price) set_decimal(*leg.price, *out.mutable_price());
  set_decimal(leg.amount, *out.mutable_amount());
  set_decimal(leg.quantity, *out.mutable_quantity());
  out.set_acknowledged(leg.acknowledged);
  if (leg.executed) set_decimal(*leg.executed, *out.mutable_executed());
  set_decimal(leg.filled, *out.mutable_filled());
  if (!leg.terminal) return;
  out.set_terminal_status(1 + static_cast<std::uint32_t>(leg.terminal->status));
  out.set_terminal_time(leg.terminal->time.value());
  out.mutable_terminal_reason()->set_code(std::string(to_string(leg.terminal->reason.code)));
  out.mutable_terminal_reason()->set_reason(leg.terminal->reason.text);
}

InFlightOrder::Leg read_leg(const v1::LegSnapshot& data, Reader& reader) {
  InFlightOrder::Leg leg;
  leg.venue_order_id = VenueOrderId{data.exchange_order_id()};
  leg.price = reader.price(data.has_price(), data.price());
  leg.amount = Quantity{reader.number(data.amount())};
  leg.quantity = Quantity{reader.number(data.quantity())};
  leg.acknowledged = data.acknowledged();
  leg.sized = InFlightOrder::Sized::kOurs;
  if (data.has_executed()) leg.executed = Quantity{reader.number(data.executed())};
  leg.filled = Quantity{reader.number(data.filled())};
  if (data.terminal_status() == 0) return leg;
  const Failure reason = failure_of(data.terminal_reason());
  leg.terminal = InFlightOrder::Terminal{
      .status = reader.word(data.terminal_status() - 1, venues::OrderStatus::kUnrecognised),
      .time = UnixNanos{data.terminal_time()},
      .reason = {reason.code, reason.reason}};
  return leg;
}

}  // namespace

v1::OrderSnapshot snapshot_of(const InFlightOrder& order) {
  const InFlightOrder::Facts facts = order.facts();
  v1::OrderSnapshot out;
  *out.mutable_order() = order_request(facts.content);
  out.set_cloid(facts.cloid);
  out.set_created(facts.created.value());
  out.set_updated(facts.updated.value());
  v1::Stamps& stamps = *out.mutable_stamps();
  stamps.set_command_received(facts.stamps.command_received);
  stamps.set_decided(facts.stamps.decided);
  stamps.set_signed_(facts.stamps.signed_at);
  stamps.set_sent(facts.stamps.sent);
  stamps.set_acked(facts.stamps.acked);
  out.set_create_fate(static_cast<std::uint32_t>(facts.create));
  if (facts.create_failure) set_failure(*facts.create_failure, *out.mutable_create_failure());
  for (const auto& leg : facts.legs) write_leg(leg, *out.add_legs());
  out.set_cancel(static_cast<std::uint32_t>(facts.cancel));
  out.set_contradicted(facts.contradicted);
  set_decimal(facts.filled, *out.mutable_filled());
  out.set_created_published(facts.created_published);
  out.set_order_state(std::string(to_string(facts.published_state)));
  if (facts.published_price) set_decimal(*facts.published_price, *out.mutable_published_price());
  set_decimal(facts.published_amount, *out.mutable_published_amount());
  if (facts.published_id) out.set_published_id(facts.published_id->value());
  set_decimal(facts.published_filled, *out.mutable_published_filled());
  set_decimal(facts.published_notional, *out.mutable_published_notional());
  set_decimal(facts.published_fee, *out.mutable_published_fee());
  out.set_fee_asset(facts.fee_asset);
  return out;
}

Result<InFlightOrder> order_of(const v1::OrderSnapshot& snapshot) {
  auto content = restored_content_of(snapshot.order());
  if (!content) return tl::unexpected(content.error());
  const auto state = order_state_from_string(snapshot.order_state());
  Reader reader;
  reader.require(state.has_value());
  InFlightOrder::Facts facts;
  facts.content = std::move(*content);
  facts.cloid = snapshot.cloid();
  facts.created = UnixNanos{snapshot.created()};
  facts.updated = UnixNanos{snapshot.updated()};
  const v1::Stamps& stamps = snapshot.stamps();
  facts.stamps = {stamps.command_received(), stamps.decided(), stamps.signed_(), stamps.sent(),
                  stamps.acked()};
  facts.create = reader.word(snapshot.create_fate(), Fate::kAccepted);
  if (snapshot.has_create_failure()) facts.create_failure = failure_of(snapshot.create_failure());
  for (const auto& leg : snapshot.legs()) facts.legs.push_back(read_leg(leg, reader));
  facts.cancel = reader.word(snapshot.cancel(), InFlightOrder::Cancel::kConfirmed);
  facts.contradicted = snapshot.contradicted();
  facts.filled = Quantity{reader.number(snapshot.filled())};
  facts.created_published = snapshot.created_published();
  facts.published_state = state.value_or(OrderState::kUnknown);
  facts.published_price = reader.price(snapshot.has_published_price(), snapshot.published_price());
  facts.published_amount = Quantity{reader.number(snapshot.published_amount())};
  if (snapshot.has_published_id()) facts.published_id = VenueOrderId{snapshot.published_id()};
  facts.published_filled = Quantity{reader.number(snapshot.published_filled())};
  facts.published_notional = reader.wide(snapshot.published_notional());
  facts.published_fee = reader.wide(snapshot.published_fee());
  facts.fee_asset = snapshot.fee_asset();
  if (!reader.ok()) {
    return fail(ErrorCode::kMalformed, "journal: the snapshot of " +
                                           snapshot.order().client_order_id() + " does not read");
  }
  return InFlightOrder{std::move(facts)};
}

}  // namespace perpwire::gateway
