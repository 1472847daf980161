#include "services/order-gateway/address_budget.hpp"

#include <chrono>
#include <string>

namespace perpwire::gateway {
namespace {

constexpr Nanos kInterval = std::chrono::minutes{1};
constexpr Nanos kIntervalWhenScarce = std::chrono::seconds{10};
constexpr std::uint64_t kScarce = 20;  // less than one part of so many

}  // namespace

void AddressBudget::on_told(std::uint64_t used, std::uint64_t cap, std::uint64_t sent_when_asked) {
  told_ = Told{.used = used, .cap = cap, .sent_when_asked = sent_when_asked};
}

std::optional<std::uint64_t> AddressBudget::left() const {
  if (!told_) return std::nullopt;
  const std::uint64_t used = told_->used + (sent_ - told_->sent_when_asked);
  return told_->cap > used ? told_->cap - used : 0;
}

Status AddressBudget::room_for(std::uint64_t actions) const {
  const auto rest = left();
  if (!rest || *rest >= actions) return {};
  return fail(ErrorCode::kRateLimited,
              "the account has " + std::to_string(*rest) + " of the " + std::to_string(told_->cap) +
                  " actions left that the venue takes from it; its volume earns more");
}

Nanos AddressBudget::interval() const {
  const auto rest = left();
  return rest && *rest < told_->cap / kScarce ? kIntervalWhenScarce : kInterval;
}

}  // namespace perpwire::gateway
