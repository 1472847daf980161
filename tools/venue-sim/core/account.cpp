#include "tools/venue-sim/core/account.hpp"

#include "libs/common/assert.hpp"

namespace perpwire::sim {

std::string_view to_string(TwapStatus status) {
  switch (status) {
    case TwapStatus::kActivated:
      return "activated";
    case TwapStatus::kTerminated:
      return "terminated";
    case TwapStatus::kFinished:
      return "finished";
    case TwapStatus::kError:
      return "error";
  }
  return "error";
}

AccountIndex Accounts::add(Account account) {
  const AccountIndex index = accounts_.size();
  PW_ASSERT(by_address_.emplace(account.address, index).second);
  accounts_.push_back(std::move(account));
  return index;
}

std::optional<AccountIndex> Accounts::find(const Address& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? std::nullopt : std::optional{found->second};
}

Order* Accounts::order(OrderNumber oid) {
  const auto found = orders_.find(oid);
  return found == orders_.end() ? nullptr : &found->second;
}

const Order* Accounts::order(OrderNumber oid) const {
  const auto found = orders_.find(oid);
  return found == orders_.end() ? nullptr : &found->second;
}

Order& Accounts::store(Order order) {
  const OrderNumber oid = order.oid;
  const auto [place, inserted] = orders_.emplace(oid, std::move(order));
  PW_ASSERT(inserted);
  return place->second;
}

void Accounts::forget(OrderNumber oid) { orders_.erase(oid); }

}  // namespace perpwire::sim
