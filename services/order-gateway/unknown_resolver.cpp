#include "services/order-gateway/unknown_resolver.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr Nanos kLookInterval = std::chrono::seconds{1};
constexpr Nanos kFenceInterval = std::chrono::seconds{2};
constexpr Nanos kBetweenStatuses = std::chrono::seconds{2};
// The signer reuses a nonce only within 2 minutes of issuing it.
constexpr Nanos kFenceable = std::chrono::seconds{110};
// Fills are asked from a little before the action was sent: the venue's clock need not be ours.
constexpr std::int64_t kFillOverlapMs = 60'000;
constexpr auto kReserve = TokenBudget::Urgency::kReserve;

}  // namespace

UnknownResolver::UnknownResolver(EngineCore& core, Executor& executor)
    : core_(core), executor_(executor) {}

void UnknownResolver::add(const UnknownAction& action) {
  if (entries_.contains(action.action)) return;
  Entry entry;
  entry.action = action;
  entry.next_look = core_.now.mono;
  entry.next_fence = core_.now.mono;
  entries_.emplace(action.action, std::move(entry));
}

std::vector<ClientOrderId> UnknownResolver::unresolved(const Entry& entry) const {
  std::vector<ClientOrderId> open;
  for (const ClientOrderId& id : entry.action.orders) {
    const InFlightOrder* order = core_.tracker.find(id);
    if (order == nullptr) continue;
    const bool unsettled = entry.action.kind == ActionKind::kModify
                               ? order->unsettled_modify() == entry.action.action
                               : order->create_unsettled();
    if (unsettled) open.push_back(id);
  }
  return open;
}

std::uint64_t UnknownResolver::oldest_record() const {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& [id, entry] : entries_) oldest = std::min(oldest, entry.action.record);
  return oldest;
}

UnknownResolver::Entry* UnknownResolver::find(ActionId action, std::uint64_t generation) {
  const auto found = entries_.find(action);
  if (found == entries_.end() || found->second.generation != generation) return nullptr;
  return &found->second;
}

void UnknownResolver::on_timer() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (unresolved(it->second).empty()) {
      executor_.forget(it->first);
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  std::vector<ActionId> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  for (const ActionId id : ids) {
    const auto found = entries_.find(id);
    if (found != entries_.end()) step(found->second);
  }
}

void UnknownResolver::step(Entry& entry) {
  if (entry.stage != Stage::kWaiting && entry.epoch != core_.connection_epoch) restart(entry);
  switch (entry.stage) {
    case Stage::kWaiting: {
      try_fence(entry);
      const UnixNanos expires =
          UnixNanos::from_millis(static_cast<std::int64_t>(entry.action.expires_after_ms));
      if (core_.venue_clock.is_past(expires)) {
        ask_statuses(entry, Stage::kFirstStatus);
      } else if (core_.now.mono >= entry.next_look) {
        look(entry);
      }
      return;
    }
    case Stage::kBetween: {
      const auto venue = core_.venue_clock.newest();
      if (venue && *venue - entry.first_status_at >= kBetweenStatuses &&
          core_.now.mono - entry.first_status_mono >= kBetweenStatuses) {
        ask_statuses(entry, Stage::kSecondStatus);
      }
      return;
    }
    case Stage::kFirstStatus:
    case Stage::kSecondStatus:
    case Stage::kRound:
      return;  // answers are on their way
  }
}

void UnknownResolver::restart(Entry& entry) {
  ++entry.generation;
  entry.stage = Stage::kWaiting;
  entry.waiting_for = 0;
  entry.next_look = core_.now.mono + kLookInterval;
}

void UnknownResolver::look(Entry& entry) {
  entry.next_look = core_.now.mono + kLookInterval;
  for (const ClientOrderId& id : unresolved(entry)) {
    auto question = core_.status_question(*core_.tracker.find(id));
    core_.ask(std::move(question.body), kReserve,
              [take = std::move(question.take)](const Result<std::string>& answer) {
                // Not known is no proof here: the venue may not have got to it yet.
                if (answer) ignore(take(*answer), "it is asked again");
              });
  }
}

void UnknownResolver::try_fence(Entry& entry) {
  if (entry.fencing || entry.fences_left == 0 || entry.action.nonce == 0) return;
  if (core_.now.mono < entry.next_fence || core_.now.wall - entry.action.sent > kFenceable) return;
  --entry.fences_left;
  entry.fencing = true;
  entry.next_fence = core_.now.mono + kFenceInterval;
  const ActionId id = entry.action.action;
  executor_.fence(entry.action.nonce, entry.action.key, [this, id](bool held) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second.fencing = false;
    if (!held) return;  // proves nothing: wait for (a) or (c)
    ++core_.counters.fences_held;
    conclude(found->second, "a noop with its nonce was answered ok");
  });
}

void UnknownResolver::ask(Entry& entry, std::string body,
                          std::function<Status(const std::string&)> take) {
  ++entry.waiting_for;
  const ActionId id = entry.action.action;
  const std::uint64_t generation = entry.generation;
  core_.ask(std::move(body), kReserve,
            [this, id, generation, take = std::move(take)](const Result<std::string>& answer) {
              const Status taken = answer ? take(*answer) : tl::unexpected(answer.error());
              Entry* current = find(id, generation);
              if (current == nullptr) return;
              if (!taken) {
                restart(*current);
                return;
              }
              if (--current->waiting_for > 0) return;
              switch (current->stage) {
                case Stage::kFirstStatus:
                  current->stage = Stage::kBetween;
                  // Of the answer: the question may have waited for its turn.
                  current->first_status_at = *core_.venue_clock.newest();
                  current->first_status_mono = core_.now.mono;
                  return;
                case Stage::kSecondStatus:
                  ask_round(*current);
                  return;
                case Stage::kRound:
                  if (current->epoch != core_.connection_epoch) {
                    restart(*current);
                    return;
                  }
                  ++core_.counters.proven_by_rounds;
                  conclude(*current, "venue time is past its expiry and nothing there knows it");
                  return;
                case Stage::kWaiting:
                case Stage::kBetween:
                  return;
              }
            });
}

void UnknownResolver::ask_statuses(Entry& entry, Stage stage) {
  ++entry.generation;
  entry.stage = stage;
  entry.waiting_for = 0;
  entry.epoch = core_.connection_epoch;
  for (const ClientOrderId& id : unresolved(entry)) {
    auto question = core_.status_question(*core_.tracker.find(id));
    ask(entry, std::move(question.body), std::move(question.take));
  }
}

void UnknownResolver::ask_round(Entry& entry) {
  ++entry.generation;
  entry.stage = Stage::kRound;
  entry.waiting_for = 0;
  std::set<std::string> dexs;
  for (const ClientOrderId& id : unresolved(entry)) {
    const InFlightOrder* order = core_.tracker.find(id);
    dexs.insert(std::string(hyperliquid::dex_of(order->content().trading_pair.value())));
  }
  const auto take_words = [this](const hyperliquid::Parsed<venues::OrderWord>& words) {
    for (const venues::OrderWord& word : words.items) {
      // Only what is said about orders that we track: history is full of others.
      if (core_.tracker.find_by_cloid(word.cloid) != nullptr) core_.take_word(word);
    }
  };
  const std::string& user = core_.settings.address;
  for (const std::string& dex : dexs) {
    ask(entry, hyperliquid::open_orders_request(user, dex),
        [take_words](const std::string& body) -> Status {
          const auto words = hyperliquid::parse_open_orders(body);
          if (!words) return tl::unexpected(words.error());
          take_words(*words);
          return {};
        });
  }
  ask(entry, hyperliquid::historical_orders_request(user),
      [take_words](const std::string& body) -> Status {
        const auto words = hyperliquid::parse_historical_orders(body);
        if (!words) return tl::unexpected(words.error());
        take_words(*words);
        return {};
      });
  ask(entry, hyperliquid::fills_by_time_request(user, entry.action.sent.millis() - kFillOverlapMs),
      [this](const std::string& body) -> Status {
        const auto fills = hyperliquid::parse_fills(body);
        if (!fills) return tl::unexpected(fills.error());
        for (const venues::Fill& fill : fills->items) core_.take_fill(fill);
        return {};
      });
}

void UnknownResolver::conclude(Entry& entry, const std::string& proof) {
  const ActionId id = entry.action.action;
  const Failure failure{ErrorCode::kNeverPlaced, proof};
  std::vector<TrackerEvent> events;
  for (const ClientOrderId& order_id : unresolved(entry)) {
    InFlightOrder* order = core_.tracker.find(order_id);
    if (entry.action.kind == ActionKind::kModify) {
      order->modify_fate(id, Fate::kNotExecuted, {}, failure);
      executor_.note_modify_settled(id, order_id);
    } else {
      order->create_fate(Fate::kNotExecuted, {}, failure);
    }
    core_.tracker.settle(*order, core_.now.wall, events);
    core_.log(LogLevel::kInfo,
              "account=" + core_.settings.account + " client_order_id=" + order_id.value() + " " +
                  std::string(to_string(entry.action.kind)) + " never executed: " + proof);
  }
  core_.emit(std::move(events));
  entries_.erase(id);
  executor_.forget(id);
}

}  // namespace perpwire::gateway
