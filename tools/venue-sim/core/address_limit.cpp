#include "tools/venue-sim/core/address_limit.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr Millis kWait = 10'000;

std::uint64_t used(const Account& account, bool is_cancel) {
  return is_cancel ? account.cancel_requests : account.requests;
}

std::uint64_t limit(const Account& account, bool is_cancel) {
  return is_cancel ? AddressLimit::cancel_cap(account) : AddressLimit::cap(account);
}

}  // namespace

std::uint64_t AddressLimit::cap(const Account& account) {
  const auto volume = static_cast<std::uint64_t>(account.volume.value / whole_money(1).value);
  return 10'000 + volume + account.reserved_requests;
}

std::uint64_t AddressLimit::cancel_cap(const Account& account) {
  return std::min(cap(account) + 100'000, 2 * cap(account));
}

std::string AddressLimit::check(const Account& account, bool is_cancel, std::size_t weight,
                                Millis now) {
  const std::uint64_t after = used(account, is_cancel) + weight;
  const std::uint64_t most = limit(account, is_cancel);
  if (after <= most || now - account.last_over_limit >= kWait) {
    return {};
  }
  return "Too many cumulative requests sent (" + std::to_string(after) + " > " +
         std::to_string(most) + ") for cumulative volume traded $" + money_text(account.volume) +
         ". Place taker orders to free up 1 request per USDC traded.";
}

void AddressLimit::count(Account& account, bool is_cancel, std::size_t weight, Millis now) {
  std::uint64_t& counter = is_cancel ? account.cancel_requests : account.requests;
  counter += weight;
  if (counter > limit(account, is_cancel)) {
    account.last_over_limit = now;
  }
}

}  // namespace perpwire::sim
