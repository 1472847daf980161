#include "services/risk/recovery.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/limits/limits_codec.hpp"
#include "perpwire/v1/journal.pb.h"

#include <fmt/format.h>

namespace perpwire::risk {
namespace {

constexpr std::string_view kGateway = "gateway_event";
constexpr std::string_view kAdoption = "adoption";
constexpr std::string_view kSwitch = "kill_switch";
constexpr std::string_view kLimitsOfFile = "limits.file";
constexpr std::string_view kLimitsOfOperator = "limits.operator";
constexpr std::string_view kMarks = "marks";
constexpr std::string_view kDay = "day";
constexpr std::string_view kCheckpoint = "checkpoint";

v1::JournalRecord note(std::string_view name, const google::protobuf::MessageLite& value) {
  v1::JournalRecord record;
  record.mutable_state_note()->set_name(std::string(name));
  record.mutable_state_note()->set_value(value.SerializeAsString());
  return record;
}

template <class Message>
Result<Message> read(const std::string& bytes) {
  Message message;
  if (!message.ParseFromString(bytes)) {
    return fail(ErrorCode::kMalformed, "expected a message of this note's kind, found other bytes");
  }
  return message;
}

v1::RiskState to_message(const KillSwitchMemory& memory) {
  v1::RiskState state;
  state.set_level(std::string(limits::to_string(memory.latched)));
  state.set_level_version(memory.version);
  state.set_reason(memory.reason);
  state.set_by(memory.by);
  return state;
}

}  // namespace

namespace notes {

v1::JournalRecord gateway_event(std::string_view topic, const v1::Envelope& envelope) {
  v1::PublishedEvent event;
  event.set_topic(std::string(topic));
  *event.mutable_envelope() = envelope;
  return note(kGateway, event);
}

v1::JournalRecord adoption(const Adoption& adoption) {
  v1::Position position;
  position.set_account(adoption.account);
  position.set_trading_pair(adoption.trading_pair);
  set_decimal(adoption.after, *position.mutable_amount());
  if (adoption.entry) set_decimal(*adoption.entry, *position.mutable_entry_price());
  return note(kAdoption, position);
}

v1::JournalRecord kill_switch(const KillSwitchMemory& memory) {
  return note(kSwitch, to_message(memory));
}

v1::JournalRecord limits(const LimitsMemory& memory) {
  v1::RiskLimits message;
  message.set_limits_version(memory.version);
  perpwire::limits::to_proto(memory.table, *message.mutable_limits());
  return note(memory.origin == LimitsOrigin::kFile ? kLimitsOfFile : kLimitsOfOperator, message);
}

v1::JournalRecord marks(const v1::Mids& mids) { return note(kMarks, mids); }

v1::JournalRecord day(const v1::RiskDayState& day) { return note(kDay, day); }

v1::JournalRecord checkpoint(const Engine& engine, const std::optional<StreamPosition>& gateway,
                             const KillSwitchMemory& kill_switch, const LimitsMemory& limits) {
  v1::RiskCheckpoint message;
  engine.save(message);
  if (gateway) {
    message.set_gateway_stream(gateway->stream);
    message.set_gateway_sequence(gateway->next_sequence);
  }
  *message.mutable_latch() = to_message(kill_switch);
  message.mutable_limits()->set_limits_version(limits.version);
  perpwire::limits::to_proto(limits.table, *message.mutable_limits()->mutable_limits());
  message.set_limits_set_by_operator(limits.origin == LimitsOrigin::kOperator);
  return note(kCheckpoint, message);
}

}  // namespace notes

void Recovery::on_record(const v1::JournalRecord& record) {
  if (!status_ || record.kind_case() != v1::JournalRecord::kStateNote) return;
  const auto& name = record.state_note().name();
  auto played = play(name, record.state_note().value(), UnixNanos{record.timestamp()});
  if (!played) {
    status_ = fail(played.error().code, fmt::format("journal record {}: note {}: {}",
                                                    record.index(), name, played.error().text));
  }
}

Status Recovery::play(std::string_view name, const std::string& value, UnixNanos at) {
  if (name == kGateway) return play_gateway_event(value, at);
  if (name == kAdoption) return play_adoption(value);
  if (name == kCheckpoint) return play_checkpoint(value);
  if (name == kLimitsOfFile || name == kLimitsOfOperator) {
    const auto message = read<v1::RiskLimits>(value);
    if (!message) return tl::unexpected<Error>(message.error());
    return play_limits(*message,
                       name == kLimitsOfFile ? LimitsOrigin::kFile : LimitsOrigin::kOperator);
  }
  if (name == kSwitch) {
    const auto state = read<v1::RiskState>(value);
    if (!state) return tl::unexpected<Error>(state.error());
    return play_kill_switch(*state);
  }
  if (name == kMarks) {
    const auto mids = read<v1::Mids>(value);
    if (!mids) return tl::unexpected<Error>(mids.error());
    std::vector<Breach> none;
    for (const auto& [pair, mark] : mids->mids()) {
      const auto price = to_decimal(mark);
      if (!price) return tl::unexpected<Error>(price.error());
      engine_.on_mark(pair, Price{*price}, UnixNanos{mids->receive_timestamp()}, at, none);
    }
    return {};
  }
  if (name == kDay) {
    const auto day = read<v1::RiskDayState>(value);
    if (!day) return tl::unexpected<Error>(day.error());
    return engine_.positions().load_day(*day);
  }
  return {};  // of a later version: passed over
}

Status Recovery::play_gateway_event(const std::string& value, UnixNanos at) {
  const auto event = read<v1::PublishedEvent>(value);
  if (!event) return tl::unexpected<Error>(event.error());
  std::vector<Breach> none;
  engine_.on_gateway_event(event->envelope(), at, none);
  gateway_ = StreamPosition{.stream = event->envelope().stream(),
                            .next_sequence = event->envelope().sequence() + 1};
  return {};
}

Status Recovery::play_adoption(const std::string& value) {
  const auto position = read<v1::Position>(value);
  if (!position) return tl::unexpected<Error>(position.error());
  const auto amount = to_decimal(position->amount());
  if (!amount) return tl::unexpected<Error>(amount.error());
  Adoption adoption{.account = position->account(),
                    .trading_pair = position->trading_pair(),
                    .before = {},
                    .after = Quantity{*amount},
                    .entry = std::nullopt};
  if (position->has_entry_price()) {
    const auto entry = to_decimal(position->entry_price());
    if (!entry) return tl::unexpected<Error>(entry.error());
    adoption.entry = Price{*entry};
  }
  return engine_.adopt(adoption);
}

Status Recovery::play_checkpoint(const std::string& value) {
  const auto checkpoint = read<v1::RiskCheckpoint>(value);
  if (!checkpoint) return tl::unexpected<Error>(checkpoint.error());
  if (auto loaded = engine_.load(*checkpoint); !loaded) return loaded;
  if (!checkpoint->gateway_stream().empty()) {
    gateway_ = StreamPosition{.stream = checkpoint->gateway_stream(),
                              .next_sequence = checkpoint->gateway_sequence()};
  }
  if (auto latch = play_kill_switch(checkpoint->latch()); !latch) return latch;
  return play_limits(checkpoint->limits(), checkpoint->limits_set_by_operator()
                                               ? LimitsOrigin::kOperator
                                               : LimitsOrigin::kFile);
}

Status Recovery::play_kill_switch(const v1::RiskState& state) {
  const auto level = limits::risk_level_from_string(state.level());
  if (!level) return fail(ErrorCode::kMalformed, "expected a level, found " + state.level());
  kill_switch_ = KillSwitchMemory{.latched = *level,
                                  .version = state.level_version(),
                                  .reason = state.reason(),
                                  .by = state.by()};
  return {};
}

Status Recovery::play_limits(const v1::RiskLimits& message, LimitsOrigin origin) {
  auto table = limits::from_proto(message.limits());
  if (!table) return tl::unexpected<Error>(std::move(table.error()));
  limits_ = LimitsMemory{
      .table = std::move(*table), .version = message.limits_version(), .origin = origin};
  return {};
}

}  // namespace perpwire::risk
