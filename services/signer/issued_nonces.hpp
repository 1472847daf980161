#pragma once

#include "libs/common/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace perpwire::signer {

/// One signature that left, or may have left.
struct IssuedNonce {
  std::string key;
  std::string account;
  std::uint64_t nonce = 0;
  std::uint64_t expires_after_ms = 0;  // absolute, 0 = none
  Nanos at{};                          // CLOCK_BOOTTIME
};

/// What was signed within the last 2 minutes: which nonces a noop may burn, and what a new holder
/// of a lease must wait for. Bounded: beyond kMax the oldest is forgotten (its noop is then refused
/// and the latest expiry still counts).
class IssuedNonces {
 public:
  static constexpr Nanos kWindow = std::chrono::minutes(2);
  static constexpr std::size_t kMax = 500'000;
  /// More nonces than this are not listed in a grant: its holder waits for the expiry instead.
  static constexpr std::size_t kMaxListed = 1'000;

  void add(const IssuedNonce& issued);
  [[nodiscard]] bool contains(const std::string& key, const std::string& account,
                              std::uint64_t nonce, Nanos now);
  /// Within the window, oldest first; empty beyond kMaxListed.
  [[nodiscard]] std::vector<std::uint64_t> of_account(const std::string& account, Nanos now);
  /// The latest expiry ever signed for the account, or `floor` if that is later.
  [[nodiscard]] std::uint64_t latest_expiry(const std::string& account) const;
  /// Signatures from before this start may be unknown: nobody may be told an earlier expiry.
  void set_floor(std::uint64_t expires_after_ms) { floor_ = expires_after_ms; }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  struct PerAccount {
    std::unordered_set<std::string> known;  // "<key> <nonce>"
    std::deque<std::uint64_t> nonces;
    std::uint64_t latest_expiry = 0;
  };
  void forget_old(Nanos now);
  void forget_front();

  std::deque<IssuedNonce> order_;
  std::map<std::string, PerAccount> accounts_;
  std::uint64_t floor_ = 0;
};

}  // namespace perpwire::signer
