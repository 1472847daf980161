#include "services/order-gateway/cancel_keeper.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr Nanos kAgain = std::chrono::seconds{1};
// The venue takes 200 in one action; up to 39 weigh one (hyperliquid.md section 9.1).
constexpr std::size_t kPerAction = 39;

}  // namespace

void CancelKeeper::want(const ClientOrderId& id) {
  if (wanted_.emplace(id, Nanos{0}).second) fresh_.push_back(id);
}

void CancelKeeper::want_foreign(const std::vector<VenueOrderId>& ids) {
  for (const VenueOrderId& id : ids) {
    if (foreign_.emplace(id, Nanos{0}).second) foreign_fresh_ = true;
  }
}

void CancelKeeper::on_doubt(const ClientOrderId& id) {
  const InFlightOrder* order = core_.tracker.find(id);
  if (order == nullptr) return;
  if (const auto wanted = wanted_.find(id); wanted != wanted_.end()) {
    wanted->second = core_.now.mono + kAgain;
  }
  auto question = core_.status_question(*order);
  core_.ask(std::move(question.body), TokenBudget::Urgency::kReserve,
            [take = std::move(question.take)](const Result<std::string>& answer) {
              if (answer) ignore(take(*answer), "it is asked again");
            });
}

CancelKeeper::Now CancelKeeper::look(const Wanted::value_type& wanted) const {
  const InFlightOrder* order = core_.tracker.find(wanted.first);
  if (order == nullptr || !order->may_be_live()) return Now::kGone;
  // What is not answered yet would be overtaken by its cancel (hyperliquid.md section 11.1).
  if (order->state() == OrderState::kPendingCreate) return Now::kTooEarly;
  if (order->cancel_in_flight() || core_.now.mono < wanted.second) return Now::kUnderWay;
  return Now::kReady;
}

bool CancelKeeper::must_wait(std::size_t ready) const {
  return core_.now.mono < not_before_ && ready < kPerAction;
}

void CancelKeeper::send(const std::vector<ClientOrderId>& ready) {
  if (ready.empty()) return;
  not_before_ = core_.now.mono + core_.settings.coalesce_window;
  for (std::size_t at = 0; at < ready.size(); at += kPerAction) {
    const auto end = std::min(ready.size(), at + kPerAction);
    const std::vector<ClientOrderId> action(ready.begin() + static_cast<std::ptrdiff_t>(at),
                                            ready.begin() + static_cast<std::ptrdiff_t>(end));
    for (const ClientOrderId& id : action) wanted_[id] = core_.now.mono + kAgain;
    executor_.cancel(action);
  }
}

void CancelKeeper::leave() {
  if (core_.instruments == nullptr) return;
  if (std::exchange(foreign_fresh_, false)) send_foreign();
  if (fresh_.empty()) return;
  std::vector<ClientOrderId> ready;
  std::vector<ClientOrderId> later;
  for (const ClientOrderId& id : fresh_) {
    const auto wanted = wanted_.find(id);
    if (wanted == wanted_.end()) continue;
    switch (look(*wanted)) {
      case Now::kGone:
        wanted_.erase(wanted);
        break;
      case Now::kTooEarly:
        later.push_back(id);
        break;
      case Now::kReady:
        ready.push_back(id);
        break;
      case Now::kUnderWay:
        break;  // the timer's
    }
  }
  fresh_ = std::move(later);
  company_wanted_ = !ready.empty() && must_wait(ready.size());
  if (company_wanted_) {
    fresh_.insert(fresh_.end(), ready.begin(), ready.end());
  } else {
    send(ready);
  }
}

std::optional<Nanos> CancelKeeper::next_due() const {
  if (!company_wanted_) return std::nullopt;
  return not_before_;
}

void CancelKeeper::on_timer() {
  if (core_.instruments == nullptr) return;
  leave();
  std::vector<ClientOrderId> ready;
  for (auto it = wanted_.begin(); it != wanted_.end();) {
    const Now now = look(*it);
    if (now == Now::kReady) ready.push_back(it->first);
    it = now == Now::kGone ? wanted_.erase(it) : std::next(it);
  }
  if (!must_wait(ready.size())) send(ready);
  send_foreign();
}

void CancelKeeper::send_foreign() {
  std::vector<Orphan> others;
  for (auto it = foreign_.begin(); it != foreign_.end();) {
    const auto known = core_.tracker.foreign().find(it->first);
    if (known == core_.tracker.foreign().end()) {
      it = foreign_.erase(it);
      continue;
    }
    if (core_.now.mono >= it->second && others.size() < kPerAction) {
      it->second = core_.now.mono + kAgain;
      others.push_back(known->second);
    }
    ++it;
  }
  if (!others.empty()) executor_.cancel_foreign(others);
}

}  // namespace perpwire::gateway
