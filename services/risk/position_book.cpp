#include "services/risk/position_book.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>

#include <chrono>

namespace perpwire::risk {

std::int64_t utc_day(UnixNanos at) {
  using std::chrono::days;
  using std::chrono::floor;
  return floor<days>(Nanos{at.value()}).count();
}

PairLedger& PositionBook::ledger(std::string_view account, std::string_view pair) {
  const auto [it, fresh] = ledgers_.try_emplace(Key{std::string(account), std::string(pair)});
  const auto mark = marks_.find(pair);
  if (fresh && mark != marks_.end()) {
    ignore(it->second.set_mark(mark->second.price, mark->second.at), "flat: nothing to value");
  }
  return it->second;
}

const PairLedger* PositionBook::find(std::string_view account, std::string_view pair) const {
  const auto found = ledgers_.find(Key{std::string(account), std::string(pair)});
  return found == ledgers_.end() ? nullptr : &found->second;
}

Result<PairLedger::Applied> PositionBook::apply_fill(std::string_view account,
                                                     std::string_view pair, const FillFact& fill) {
  return ledger(account, pair).apply(fill);
}

Status PositionBook::set_position(std::string_view account, std::string_view pair, Quantity after,
                                  std::optional<Price> entry) {
  const auto jump = ledger(account, pair).set_position(after, entry);
  if (!jump) return tl::unexpected<Error>(jump.error());
  return shift_day(account, *jump);
}

Status PositionBook::add_funding(std::string_view account, std::string_view pair,
                                 const Notional& payment) {
  return ledger(account, pair).add_funding(payment);
}

Status PositionBook::set_mark(std::string_view pair, Price mark, UnixNanos at) {
  marks_.insert_or_assign(std::string(pair), Mark{.price = mark, .at = at});
  for (auto& [key, one] : ledgers_) {
    if (key.second != pair) continue;
    const auto jump = one.set_mark(mark, at);
    if (!jump) return tl::unexpected<Error>(jump.error());
    if (auto status = shift_day(key.first, *jump); !status) return status;
  }
  return {};
}

Status PositionBook::shift_day(std::string_view account, const Notional& by) {
  const auto day = days_.find(account);
  if (day == days_.end() || by.is_zero()) return {};
  const auto shifted = add(day->second.equity_at_start, by);
  if (!shifted) return tl::unexpected<Error>(shifted.error());
  day->second.equity_at_start = *shifted;
  return {};
}

void PositionBook::add_account(std::string_view account, UnixNanos now) {
  days_.try_emplace(std::string(account), Day{.day = utc_day(now), .equity_at_start = {}});
}

bool PositionBook::roll_day(UnixNanos now) {
  bool began = false;
  for (auto& [account, day] : days_) {
    // A clock that steps back begins no day: the loss of today would be forgotten.
    if (utc_day(now) <= day.day) continue;
    const auto worth = equity(account);
    if (!worth) continue;
    day = Day{.day = utc_day(now), .equity_at_start = *worth};
    began = true;
  }
  return began;
}

std::vector<std::string> PositionBook::accounts() const {
  std::vector<std::string> names;
  for (const auto& [account, day] : days_) names.push_back(account);
  return names;
}

Result<Notional> PositionBook::equity(std::string_view account) const {
  Notional sum;
  for (auto it = ledgers_.lower_bound(Key{std::string(account), ""});
       it != ledgers_.end() && it->first.first == account; ++it) {
    const auto worth = it->second.equity();
    if (!worth) return worth;
    auto total = add(sum, *worth);
    if (!total) return total;
    sum = *total;
  }
  return sum;
}

std::optional<Result<Notional>> PositionBook::day_pnl(std::string_view account) const {
  const auto day = days_.find(account);
  if (day == days_.end()) return std::nullopt;
  const auto worth = equity(account);
  if (!worth) return worth;
  return subtract(*worth, day->second.equity_at_start);
}

void PositionBook::save(v1::RiskCheckpoint& out) const {
  for (const auto& [key, one] : ledgers_) {
    auto& pair = *out.add_pairs();
    pair.set_account(key.first);
    pair.set_trading_pair(key.second);
    one.save(pair);
  }
  for (const auto& [account, day] : days_) save_day(account, *out.add_days());
}

Result<PositionBook> PositionBook::load(const v1::RiskCheckpoint& from) {
  PositionBook book;
  for (const auto& pair : from.pairs()) {
    auto one = PairLedger::load(pair);
    if (!one) return tl::unexpected<Error>(std::move(one.error()));
    book.ledgers_[Key{pair.account(), pair.trading_pair()}] = std::move(*one);
  }
  for (const auto& day : from.days()) {
    if (auto status = book.load_day(day); !status) return tl::unexpected<Error>(status.error());
  }
  return book;
}

void PositionBook::save_day(std::string_view account, v1::RiskDayState& out) const {
  const auto day = days_.find(account);
  if (day == days_.end()) return;
  out.set_account(day->first);
  out.set_day(day->second.day);
  set_decimal(day->second.equity_at_start, *out.mutable_equity());
}

Status PositionBook::load_day(const v1::RiskDayState& from) {
  const auto equity = to_wide_decimal(from.equity());
  if (!equity) {
    return fail(ErrorCode::kMalformed,
                fmt::format("checkpoint: day of {}: {}", from.account(), equity.error().text));
  }
  days_[from.account()] = Day{.day = from.day(), .equity_at_start = Notional{*equity}};
  return {};
}

}  // namespace perpwire::risk
