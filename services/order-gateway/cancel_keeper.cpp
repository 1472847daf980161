#include "services/order-gateway/cancel_keeper.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"

#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr Nanos kAgain = std::chrono::seconds{1};
// The venue takes 200 in one action; 40 cost one weight (hyperliquid.md section 9.1).
constexpr std::size_t kPerAction = 40;

}  // namespace

void CancelKeeper::want(const ClientOrderId& id) { wanted_.emplace(id, Nanos{0}); }

void CancelKeeper::want_foreign(const std::vector<VenueOrderId>& ids) {
  for (const VenueOrderId& id : ids) foreign_.emplace(id, Nanos{0});
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

void CancelKeeper::on_timer() {
  if (core_.instruments == nullptr) return;
  std::vector<ClientOrderId> now;
  const auto flush = [&] {
    if (!now.empty()) executor_.cancel(std::exchange(now, {}));
  };
  for (auto it = wanted_.begin(); it != wanted_.end();) {
    const InFlightOrder* order = core_.tracker.find(it->first);
    if (order == nullptr || !order->may_be_live()) {
      it = wanted_.erase(it);
      continue;
    }
    // What is not answered yet would be overtaken by its cancel (hyperliquid.md section 11.1).
    const bool too_early = order->state() == OrderState::kPendingCreate;
    if (!too_early && !order->cancel_in_flight() && core_.now.mono >= it->second) {
      it->second = core_.now.mono + kAgain;
      now.push_back(it->first);
      if (now.size() == kPerAction) flush();
    }
    ++it;
  }
  flush();
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
