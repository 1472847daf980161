#pragma once

#include "libs/common/result.hpp"
#include "libs/journal/audit_chain.hpp"
#include "services/signer/asset_pins.hpp"
#include "services/signer/clock_guard.hpp"
#include "services/signer/issued_nonces.hpp"
#include "services/signer/lease_table.hpp"
#include "services/signer/velocity.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace perpwire::signer {

/// A key that signs cancels alone, and who wants it so: "operator", or an instance like
/// "risk.main", asked for by a process of this user.
struct KeyLock {
  static constexpr std::uint32_t kNobody = 0xffff'ffff;  // of a file that does not say

  std::string key;
  std::string holder;
  std::uint32_t uid = kNobody;
  friend auto operator<=>(const KeyLock&, const KeyLock&) = default;
};

/// Keys of one account after a change without a restart.
struct AccountKeys {
  std::string configured;          // what perpwire.toml said: another word there wins over all this
  std::string current;             // signs orders
  std::set<std::string> draining;  // sign noops and cancels alone, until retired
  friend bool operator==(const AccountKeys&, const AccountKeys&) = default;
};

/// What became of keys since the configuration was written.
struct KeyPlan {
  std::map<std::string, AccountKeys> accounts;  // by account
  std::set<std::string> retired;                // for ever
  friend bool operator==(const KeyPlan&, const KeyPlan&) = default;
};

/// Orders signed within the minute before a start.
struct RecentOrders {
  std::string key;
  Nanos age{};
  Exposure added;
};

/// What the signer knew when it stopped.
struct SignerState {
  std::map<std::string, std::uint64_t> nonce_marks;  // by key
  std::map<std::string, LeaseRecord> leases;         // by account
  std::vector<AssetEntry> pins;
  std::vector<IssuedNonce> issued;  // within the window, oldest first
  /// Signatures may be missing from `issued`: another boot, or the first start.
  bool issued_may_be_incomplete = true;
  std::set<KeyLock> locks;
  KeyPlan plan;
  std::vector<RecentOrders> recent;  // from the audit log
};

/// Where the signer's memory is kept. Each call returns once its change survives what it promises.
class SignerStore {
 public:
  virtual ~SignerStore() = default;

  // These survive a power cut.
  virtual Status save_nonce_mark(const std::string& key, std::uint64_t mark) = 0;
  virtual Status save_lease(const std::string& account, const LeaseRecord& record) = 0;
  virtual Status save_pins(const std::vector<AssetEntry>& pins) = 0;
  virtual Status save_locks(const std::set<KeyLock>& locks) = 0;
  virtual Status save_key_plan(const KeyPlan& /*plan*/) {
    return fail(ErrorCode::kUnsupported, "this store keeps no change of keys");
  }
  /// Nothing above it was ever signed by this key, which is new to the running signer.
  virtual Result<std::uint64_t> nonce_mark(const std::string& /*key*/, ClockReading /*now*/) {
    return fail(ErrorCode::kUnsupported, "this store keeps no change of keys");
  }
  /// Survives kill -9. `wall_ms` stands in for the boot clock, which another boot restarts.
  virtual Status append_issued(const IssuedNonce& issued, std::uint64_t wall_ms) = 0;
  virtual Status append_audit(const journal::AuditRecord& record) = 0;
  /// kIo once what append_audit took may not survive a power cut as promised.
  [[nodiscard]] virtual Status audit_health() const { return {}; }
};

}  // namespace perpwire::signer
