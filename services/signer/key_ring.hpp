#pragma once

#include "libs/common/result.hpp"
#include "libs/common/secp256k1.hpp"
#include "libs/venues/hyperliquid/signing.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace perpwire::signer {

/// The unlocked keys. Signs, and checks its own signatures: the first of each (key, action type,
/// network, vault) before it leaves, the others when run_checks() is called, right after release.
/// A signature that does not recover to the key seals it: it signs nothing until a restart.
class KeyRing {
 public:
  /// More unchecked signatures than this are checked before release.
  static constexpr std::size_t kMaxUnchecked = 1'024;

  void add(std::string name, SigningKey key);
  /// Wipes it. Its signatures that were not checked yet are dropped: check them before.
  void remove(const std::string& name);

  [[nodiscard]] bool has(const std::string& name) const { return keys_.contains(name); }
  [[nodiscard]] std::optional<Address> address_of(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool is_sealed(const std::string& name) const;

  /// Errors: kSignerRefused, rule key (unknown) or rule sealed.
  Result<hyperliquid::SignedAction> sign(const std::string& name, hyperliquid::Network network,
                                         const hyperliquid::Action& action,
                                         const hyperliquid::ActionEnvelope& envelope);

  [[nodiscard]] bool has_unchecked() const { return !unchecked_.empty(); }
  /// Checks at most `most` signatures. Returns the names of keys that were sealed by it.
  std::vector<std::string> run_checks(std::size_t most);

  /// For tests: the next signature is damaged, as a flipped bit in memory would.
  void damage_next_signature() { damage_next_ = true; }

 private:
  struct Entry {
    SigningKey key;
    bool sealed = false;
    std::set<std::string> seen;  // "<action type> <network> <vault>"
  };
  struct Unchecked {
    std::string name;
    Hash256 digest;
    Signature signature;
  };
  static bool fits(const Entry& entry, const Hash256& digest, const Signature& signature);

  std::map<std::string, Entry> keys_;
  std::deque<Unchecked> unchecked_;
  bool damage_next_ = false;
};

}  // namespace perpwire::signer
