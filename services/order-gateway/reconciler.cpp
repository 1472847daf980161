#include "services/order-gateway/reconciler.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kAtOnce = 8;
constexpr Nanos kRetry = std::chrono::milliseconds{500};
// Fills are asked again from this long before the newest known one: a stream may have lost an
// older one, and servers of the venue need not agree.
constexpr std::int64_t kFillOverlapMs = 120'000;
// Smallest page size that the documentation names; a shorter page is the last.
constexpr std::size_t kShortPage = 500;
// No server of the venue is known to be behind another for as long as this.
constexpr Nanos kFillsMayBeBehind = std::chrono::minutes{1};
constexpr Nanos kSecondLook = std::chrono::seconds{1};
// Younger orders need not be known to the venue's queries yet.
constexpr Nanos kNewOrder = std::chrono::seconds{10};
constexpr auto kReserve = TokenBudget::Urgency::kReserve;

}  // namespace

Reconciler::Reconciler(EngineCore& core, PositionBook& positions)
    : core_(core), positions_(positions) {}

void Reconciler::begin(const std::optional<std::string>& dex) {
  abandon();
  running_ = true;
  phase_ = Phase::kTime;
  dexs_ = dex ? std::vector<std::string>{*dex} : core_.settings.dexs;
  seen_open_.clear();
  seen_open_ids_.clear();
  seen_fills_.clear();
  history_finished_.clear();
  history_taken_ = false;
  fills_seen_ms_ = 0;
  repaired_.clear();
  problem_.clear();
  // The venue's time first: what the answers after it show is at least that new.
  add(hyperliquid::exchange_status_request(), [this](const std::string& body) -> Status {
    const auto time = hyperliquid::parse_exchange_status(body);
    if (!time) return tl::unexpected(time.error());
    core_.venue_clock.on_time(*time, core_.now.wall, core_.now.mono);
    asked_at_venue_time_ = *time;
    return {};
  });
  pump();
}

void Reconciler::abandon() {
  ++generation_;
  running_ = false;
  tasks_.clear();
  asked_ = 0;
}

void Reconciler::add(std::string body, Take take, Nanos not_before) {
  tasks_.push_back({std::move(body), std::move(take), not_before});
}

void Reconciler::on_timer() {
  if (running_) pump();
}

void Reconciler::pump() {
  for (std::size_t i = 0; i < tasks_.size() && asked_ < kAtOnce;) {
    if (core_.now.mono < tasks_[i].not_before) {
      ++i;
      continue;
    }
    Task task = std::move(tasks_[i]);
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(i));
    ++asked_;
    const std::uint64_t generation = generation_;
    std::string body = task.body;
    core_.ask(std::move(body), kReserve,
              [this, generation, task = std::move(task)](const Result<std::string>& answer) {
                if (generation != generation_) return;
                --asked_;
                const Status taken = answer ? task.take(*answer) : tl::unexpected(answer.error());
                if (generation != generation_) return;
                if (!taken) {
                  problem_ = task.body + ": " + taken.error().text;
                  add(task.body, task.take, core_.now.mono + kRetry);
                }
                pump();
              });
  }
  if (running_ && tasks_.empty() && asked_ == 0) next_phase();
}

void Reconciler::next_phase() {
  switch (phase_) {
    case Phase::kTime:
      phase_ = Phase::kState;
      ask_state();
      break;
    case Phase::kState:
      adopt_orphans();
      mark_history();
      phase_ = Phase::kStatuses;
      ask_statuses();
      ask_foreign_statuses();
      break;
    case Phase::kStatuses:
      finish();
      return;
  }
  pump();
}

void Reconciler::ask_state() {
  const std::string& user = core_.settings.address;
  for (const std::string& dex : dexs_) {
    add(hyperliquid::open_orders_request(user, dex),
        [this](const std::string& body) { return take_open_orders(body); });
  }
  if ((core_.settings.journal_may_be_behind || history_wanted_) && !history_known_) {
    // Orders that an earlier life placed and the journal lost: their names are used for ever.
    add(hyperliquid::historical_orders_request(user),
        [this](const std::string& body) { return take_history(body); });
  }
  ask_recent_fills();
  for (const std::string& dex : dexs_) {
    add(hyperliquid::clearinghouse_request(user, dex),
        [this, dex](const std::string& body) { return take_clearinghouse(dex, body); });
  }
  add(hyperliquid::spot_state_request(user), [this](const std::string& body) -> Status {
    const auto balances = hyperliquid::parse_spot_state(body);
    if (!balances) return tl::unexpected(balances.error());
    if (on_balances) on_balances(balances->items);
    return {};
  });
}

Status Reconciler::take_history(const std::string& body) {
  const auto words = hyperliquid::parse_historical_orders(body);
  if (!words) return tl::unexpected(words.error());
  for (const venues::OrderWord& word : words->items) {
    if (!core_.tracker.is_ours(word.cloid)) continue;
    if (core_.tracker.find_by_cloid(word.cloid) != nullptr) {
      take_word(word);
    } else if (word.status != venues::OrderStatus::kOpen &&
               word.status != venues::OrderStatus::kTriggered) {
      history_finished_.insert(word.cloid);
    }
  }
  history_taken_ = true;
  return {};
}

void Reconciler::mark_history() {
  if (!std::exchange(history_taken_, false)) return;
  std::string used;
  for (const std::string& cloid : std::exchange(history_finished_, {})) {
    // A modified order has finished legs under the cloid of the live one, which is adopted by now.
    if (core_.tracker.find_by_cloid(cloid) != nullptr) continue;
    core_.tracker.mark_used(cloid, core_.now.wall);
    used += " " + cloid;
  }
  // Where the disk refuses it no order is taken meanwhile, and the next run asks again.
  history_known_ =
      used.empty() || core_.note(std::string(kUsedCloids), core_.settings.account + used);
}

void Reconciler::ask_recent_fills() {
  const std::int64_t newest = core_.tracker.newest_fill_time().millis();
  const std::int64_t from = newest == 0 ? fills_floor_.millis() : newest - kFillOverlapMs;
  ask_fills(std::max(from, fills_floor_.millis()), core_.now.mono);
}

void Reconciler::ask_fills(std::int64_t from_ms, Nanos begun) {
  add(hyperliquid::fills_by_time_request(core_.settings.address, from_ms),
      [this, from_ms, begun](const std::string& body) { return take_fills(from_ms, begun, body); });
}

Status Reconciler::take_fills(std::int64_t from_ms, Nanos begun, const std::string& body) {
  const auto fills = hyperliquid::parse_fills(body);
  if (!fills) return tl::unexpected(fills.error());
  core_.counters.problems += fills->problems.size();
  std::int64_t last = from_ms;
  bool fresh = false;
  for (const venues::Fill& fill : fills->items) {
    last = std::max(last, fill.time.millis());
    fresh = seen_fills_.insert(fill.key()).second || fresh;
    if (fill.time < fills_floor_) continue;
    if (core_.take_fill(fill)) ++repaired_["fills"];
  }
  fills_seen_ms_ = std::max(fills_seen_ms_, last);
  if (fills->items.size() < kShortPage) {
    on_all_fills(begun);
    return {};
  }
  if (fresh) {
    ask_fills(last, begun);  // inclusive: equal timestamps at a page's end are not lost
  } else {
    core_.log(LogLevel::kError, "account=" + core_.settings.account +
                                    " more fills within one millisecond than a page holds, at " +
                                    std::to_string(last));
    ask_fills(last + 1, begun);
  }
  return {};
}

void Reconciler::on_all_fills(Nanos begun) {
  // An answer that does not know the newest fill is older than what we know: it explains nothing.
  // Not for ever: a fill that the stream told and this query never will must not stop the rest.
  const bool knows_newest = fills_seen_ms_ >= core_.tracker.newest_fill_time().millis();
  if (knows_newest) {
    fills_behind_since_.reset();
  } else if (!fills_behind_since_) {
    fills_behind_since_ = core_.now.mono;
  }
  if (!knows_newest && core_.now.mono - *fills_behind_since_ < kFillsMayBeBehind) return;
  if (!knows_newest) {
    ++core_.counters.problems;
    core_.log(LogLevel::kError, "account=" + core_.settings.account +
                                    " fills by time: expected the newest fill that the stream "
                                    "told, found none of that time for a minute; taken as it is");
  }
  fills_asked_ = std::max(fills_asked_, begun);
}

void Reconciler::take_word(const venues::OrderWord& word) {
  const InFlightOrder* order = core_.tracker.find_by_cloid(word.cloid);
  if (order == nullptr) order = core_.tracker.find_by_venue_id(word.venue_order_id);
  const auto before = order == nullptr ? OrderState::kPendingCreate : order->state();
  core_.take_word(word);
  if (order != nullptr && order->state() != before) ++repaired_["orders"];
}

Status Reconciler::take_open_orders(const std::string& body) {
  const auto words = hyperliquid::parse_open_orders(body);
  if (!words) return tl::unexpected(words.error());
  core_.counters.problems += words->problems.size();
  for (const venues::OrderWord& word : words->items) {
    if (!word.cloid.empty()) seen_open_.insert(word.cloid);
    seen_open_ids_.insert(word.venue_order_id);
    take_word(word);
  }
  return {};
}

Status Reconciler::take_clearinghouse(const std::string& dex, const std::string& body) {
  const auto state = hyperliquid::parse_clearinghouse_state(body);
  if (!state) return tl::unexpected(state.error());
  core_.counters.problems += state->positions.problems.size();
  std::map<TradingPair, venues::PositionWord> words;
  std::set<TradingPair> covered;
  for (const venues::PositionWord& word : state->positions.items) {
    const TradingPair pair = core_.pair_of(word.symbol);
    words.emplace(pair, word);
    covered.insert(pair);
  }
  for (const auto& [pair, held] : positions_.all()) {
    if (hyperliquid::dex_of(pair.value()) == dex) covered.insert(pair);
  }
  // An answer that is older than our newest fill of a pair says nothing about it: its server lags.
  std::erase_if(covered, [&](const TradingPair& pair) {
    return state->time.value() != 0 && state->time < positions_.newest_fill(pair);
  });
  for (const TradingPair& pair : covered) {
    const auto told = words.find(pair);
    positions_.confirm(pair, told == words.end() ? Quantity{} : told->second.quantity, state->time);
  }
  std::vector<TradingPair> changed;
  const auto adjustments = positions_.on_venue(words, {covered.begin(), covered.end()},
                                               core_.now.mono, kSecondLook, fills_asked_, changed);
  for (const auto& adjustment : adjustments) {
    ++repaired_["positions"];
    ++core_.counters.adjustments;
    if (on_adjustment) on_adjustment(adjustment);
  }
  for (const TradingPair& pair : changed) {
    if (on_position_changed) on_position_changed(pair);
  }
  if (on_margin) on_margin(*state, dex);
  // Of this DEX: what another one's answer left open, only its own next answer can close.
  const bool suspicious =
      std::any_of(covered.begin(), covered.end(),
                  [this](const TradingPair& pair) { return positions_.is_suspect(pair); });
  if (suspicious && !running_ && on_suspicion) on_suspicion();
  if (suspicious && running_ && phase_ == Phase::kState) {
    // Seen once: a fill may be on its way, or lost. Ask again before anything is concluded.
    ask_recent_fills();
    add(
        hyperliquid::clearinghouse_request(core_.settings.address, dex),
        [this, dex](const std::string& again) { return take_clearinghouse(dex, again); },
        core_.now.mono + kSecondLook);
  }
  return {};
}

void Reconciler::refresh_positions(const std::string& dex) {
  core_.ask(hyperliquid::clearinghouse_request(core_.settings.address, dex), kReserve,
            [this, dex](const Result<std::string>& answer) {
              if (answer) ignore(take_clearinghouse(dex, *answer), "the next sweep asks again");
            });
}

void Reconciler::adopt_orphans() {
  for (const Orphan& orphan : core_.tracker.take_orphans()) {
    const bool known = core_.tracker.find_by_cloid(orphan.cloid) != nullptr;
    std::vector<TrackerEvent> events;
    core_.tracker.adopt(orphan, AccountName{core_.settings.account}, core_.now.wall, events);
    core_.emit(std::move(events));
    if (known) continue;
    ++repaired_["adopted"];
    core_.log(LogLevel::kWarning, "account=" + core_.settings.account + " adopted " + orphan.cloid +
                                      " " + orphan.trading_pair.value() +
                                      " oid=" + orphan.word.venue_order_id.value());
  }
}

void Reconciler::ask_statuses() {
  bool twaps_asked = false;
  for (const ClientOrderId& id : core_.tracker.live()) {
    const InFlightOrder* order = core_.tracker.find(id);
    if (order == nullptr || seen_open_.contains(order->cloid())) continue;
    // Nothing was sent of an order that is still being signed.
    if (order->state() == OrderState::kPendingCreate) continue;
    const std::string dex(hyperliquid::dex_of(order->content().trading_pair.value()));
    if (std::find(dexs_.begin(), dexs_.end(), dex) == dexs_.end()) continue;
    if (order->content().type == OrderType::kTwap) {
      auto question = core_.status_question(*order);
      if (std::exchange(twaps_asked, true)) continue;  // one answer tells of all
      add(std::move(question.body), std::move(question.take));
      continue;
    }
    add(hyperliquid::order_status_request(core_.settings.address, order->cloid()),
        [this](const std::string& body) -> Status {
          const auto word = hyperliquid::parse_order_status(body);
          if (!word) return tl::unexpected(word.error());
          if (*word) take_word(**word);
          return {};
        });
  }
}

void Reconciler::ask_foreign_statuses() {
  // Others' orders that are no longer among the open ones: what became of them.
  for (const auto& [id, order] : core_.tracker.foreign()) {
    if (seen_open_ids_.contains(id)) continue;
    const std::string dex(hyperliquid::dex_of(order.trading_pair.value()));
    if (std::find(dexs_.begin(), dexs_.end(), dex) == dexs_.end()) continue;
    const VenueOrderId gone = id;
    const UnixNanos told = std::max(order.word.created, order.word.status_time);
    const bool is_new = told + kNewOrder > asked_at_venue_time_;
    add(hyperliquid::order_status_by_id_request(core_.settings.address, id.value()),
        [this, gone, is_new](const std::string& body) -> Status {
          const auto word = hyperliquid::parse_order_status(body);
          if (!word) return tl::unexpected(word.error());
          if (*word) {
            take_word(**word);
          } else if (!is_new) {
            core_.tracker.forget_foreign(gone);
          }
          return {};
        });
  }
}

void Reconciler::finish() {
  running_ = false;
  adopt_orphans();
  std::vector<TrackerEvent> events;
  core_.tracker.fills_known_through(asked_at_venue_time_, core_.now.wall, events);
  core_.foreign.fills_known_through(asked_at_venue_time_, core_.now.wall, events);
  core_.emit(std::move(events));
  ++core_.counters.reconciliations;
  for (const auto& [kind, count] : repaired_) core_.counters.repaired += count;
  if (on_done) on_done(repaired_);
}

}  // namespace perpwire::gateway
