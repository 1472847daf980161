#include "services/signer/issued_nonces.hpp"

#include <algorithm>

namespace perpwire::signer {
namespace {

std::string name_of(const std::string& key, std::uint64_t nonce) {
  return key + ' ' + std::to_string(nonce);
}

}  // namespace

void IssuedNonces::add(const IssuedNonce& issued) {
  auto& account = accounts_[issued.account];
  account.latest_expiry = std::max(account.latest_expiry, issued.expires_after_ms);
  if (!account.known.insert(name_of(issued.key, issued.nonce)).second) {
    return;  // a noop for a nonce that is known already
  }
  account.nonces.push_back(issued.nonce);
  order_.push_back(issued);
  forget_old(issued.at);
  if (order_.size() > kMax) {
    forget_front();
  }
}

bool IssuedNonces::contains(const std::string& key, const std::string& account, std::uint64_t nonce,
                            Nanos now) {
  forget_old(now);
  const auto found = accounts_.find(account);
  return found != accounts_.end() && found->second.known.contains(name_of(key, nonce));
}

std::vector<std::uint64_t> IssuedNonces::of_account(const std::string& account, Nanos now) {
  forget_old(now);
  const auto found = accounts_.find(account);
  if (found == accounts_.end() || found->second.nonces.size() > kMaxListed) {
    return {};
  }
  return {found->second.nonces.begin(), found->second.nonces.end()};
}

std::uint64_t IssuedNonces::latest_expiry(const std::string& account) const {
  const auto found = accounts_.find(account);
  return std::max(floor_, found == accounts_.end() ? 0 : found->second.latest_expiry);
}

void IssuedNonces::forget_old(Nanos now) {
  while (!order_.empty() && order_.front().at + kWindow < now) {
    forget_front();
  }
}

void IssuedNonces::forget_front() {
  const auto& front = order_.front();
  auto& account = accounts_[front.account];
  account.known.erase(name_of(front.key, front.nonce));
  account.nonces.pop_front();
  order_.pop_front();
}

}  // namespace perpwire::signer
