#include "libs/common/contract_json.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

/// What an account's engine keeps in the journal beside its events: notes, and the same again when
/// old records are to be trimmed.
namespace perpwire::gateway {
namespace {

constexpr std::string_view kFillsFloor = "fills_floor:";
constexpr std::string_view kFillsKnown = "fills_known:";
constexpr std::string_view kStoppedPairs = "stopped_pairs:";
constexpr std::string_view kPositions = "positions:";
constexpr std::string_view kBehind = "journal_behind:";
constexpr std::string_view kSettledEpoch = "settled_epoch:";
constexpr std::string_view kSessions = "sessions:";
constexpr std::string_view kScheduledCancel = "scheduled_cancel:";

/// Calls each(first line, second line, ...) by tabs; lines by line feeds.
template <class Each>
void each_line(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const auto tab = line.find('\t');
    if (tab != std::string_view::npos) each(line.substr(0, tab), line.substr(tab + 1));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void AccountEngine::restore_note(const v1::StateNote& note, UnixNanos at) {
  const std::string& account = core_.settings.account;
  const std::string& value = note.value();
  const auto is = [&](std::string_view name) { return note.name() == std::string(name) + account; };
  if (note.name() == kModifySettled) {
    std::uint64_t action = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), action);
    if (error != std::errc{} || *end != ' ') return;
    InFlightOrder* order = core_.tracker.find(
        ClientOrderId{value.substr(static_cast<std::size_t>(end - value.data()) + 1)});
    if (order != nullptr) order->modify_fate(action, Fate::kRejected);
  } else if (note.name() == kUsedCloids && value.starts_with(account + " ")) {
    for (std::size_t from = value.find(' '); from != std::string::npos;
         from = value.find(' ', from + 1)) {
      core_.tracker.mark_used(value.substr(from + 1, value.find(' ', from + 1) - from - 1), at);
    }
  } else if (is(kFillsFloor)) {
    std::int64_t floor = 0;
    std::from_chars(value.data(), value.data() + value.size(), floor);
    reconciler_.set_fills_floor(UnixNanos{floor});
    floor_known_ = true;
  } else if (is(kBehind)) {
    restored_behind_ = value == "1";
  } else if (is(kSettledEpoch)) {
    std::from_chars(value.data(), value.data() + value.size(), settled_epoch_);
  } else if (is(kFillsKnown)) {
    core_.tracker.restore_known_fills(value);
  } else if (is(kStoppedPairs)) {
    stopped_pairs_.clear();
    each_line(value, [&](std::string_view pair, std::string_view reason) {
      stopped_pairs_.emplace(TradingPair{std::string(pair)}, reason);
    });
  } else if (is(kSessions)) {
    sessions_.restore(value, Nanos{0});
  } else if (is(kScheduledCancel)) {
    std::int64_t until = 0;
    std::from_chars(value.data(), value.data() + value.size(), until);
    if (until != 0) scheduled_cancel_.assume_armed(UnixNanos{until});
  } else if (is(kPositions)) {
    each_line(value, [&](std::string_view pair, std::string_view terms) {
      const auto space = terms.find(' ');
      const auto quantity = Decimal::parse(terms.substr(0, space));
      if (!quantity) return;
      std::optional<WideDecimal> entry;
      if (space != std::string_view::npos) {
        if (const auto price = WideDecimal::parse(terms.substr(space + 1))) entry = *price;
      }
      positions_.restore(TradingPair{std::string(pair)}, Quantity{*quantity}, entry);
    });
  }
}

bool AccountEngine::note_stopped_pairs() {
  std::string value;
  for (const auto& [pair, reason] : stopped_pairs_) value += pair.value() + "\t" + reason + "\n";
  return core_.note(std::string(kStoppedPairs) + core_.settings.account, std::move(value));
}

bool AccountEngine::note_settled_epoch() {
  return core_.note(std::string(kSettledEpoch) + core_.settings.account,
                    std::to_string(settled_epoch_));
}

bool AccountEngine::note_sessions() {
  return core_.note(std::string(kSessions) + core_.settings.account, sessions_.serialise());
}

bool AccountEngine::note_scheduled_cancel() {
  const auto& until = scheduled_cancel_.armed_until();
  return core_.note(std::string(kScheduledCancel) + core_.settings.account,
                    std::to_string(until ? until->value() : 0));
}

bool AccountEngine::carry_notes() {
  const std::string& account = core_.settings.account;
  std::string positions;
  for (const auto& [pair, held] : positions_.all()) {
    positions += pair.value() + "\t" + held.quantity.to_string();
    if (held.entry_price) positions += " " + held.entry_price->to_string();
    positions += "\n";
  }
  return core_.note(std::string(kFillsFloor) + account,
                    std::to_string(reconciler_.fills_floor().value())) &&
         core_.note(std::string(kFillsKnown) + account, core_.tracker.known_fills().serialise()) &&
         core_.note(std::string(kPositions) + account, std::move(positions)) &&
         note_stopped_pairs() && note_settled_epoch() && note_sessions() &&
         note_scheduled_cancel() &&
         core_.note(std::string(kBehind) + account, restored_behind_ ? "1" : "0");
}

std::uint64_t AccountEngine::release_orders(std::uint64_t index, std::size_t budget) {
  std::uint64_t needed = UINT64_MAX;
  const auto release_one = [&](InFlightOrder& order) {
    if (order.record() < index && budget > 0 && order.may_be_compacted()) {
      v1::JournalRecord record;
      *record.mutable_order_snapshot() = snapshot_of(order);
      --budget;
      if (core_.note(record)) order.set_record(record.index());
    }
    needed = std::min(needed, order.record());
  };
  core_.tracker.for_each(release_one);
  for (auto& [id, order] : core_.foreign.orders()) release_one(order);
  return needed;
}

std::uint64_t AccountEngine::release(std::uint64_t index, std::size_t budget, Now now) {
  core_.now = now;
  if (notes_record_ < index) {
    const std::uint64_t begin = core_.next_record();
    if (carry_notes()) notes_record_ = begin;
  }
  std::uint64_t needed = std::min(notes_record_, release_orders(index, budget));
  needed = std::min({needed, executor_.oldest_record(), resolver_.oldest_record()});
  for (const auto& [key, known] : replies_) needed = std::min(needed, known.record);
  return needed;
}

}  // namespace perpwire::gateway
