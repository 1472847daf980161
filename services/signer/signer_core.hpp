#pragma once

#include "libs/venues/hyperliquid/signing.hpp"
#include "services/signer/asset_pins.hpp"
#include "services/signer/clock_guard.hpp"
#include "services/signer/issued_nonces.hpp"
#include "services/signer/key_ring.hpp"
#include "services/signer/lease_table.hpp"
#include "services/signer/nonce_source.hpp"
#include "services/signer/policy.hpp"
#include "services/signer/signer_state.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace perpwire::v1 {
class SignReply;
class SignRequest;
}  // namespace perpwire::v1

namespace perpwire::signer {

/// One [accounts.<name>] of the configuration, as far as signing goes.
struct SignerAccount {
  std::string key;
  Address address;
  bool vault = false;  // a sub-account or vault: its actions carry the address as vaultAddress
};

/// The process behind a request.
struct Asker {
  std::uint32_t uid = KeyLock::kNobody;
  bool is_operator = false;
};

struct SignerConfig {
  hyperliquid::Network network = hyperliquid::Network::kTestnet;
  std::map<std::string, SignerAccount> accounts;
  Policy policy;
};

/// The signer without its sockets and files: requests in, signatures out.
///
/// Order of the checks: request, account, lock, network, vault, policy, expiry, assets, lease,
/// clock, velocity, nonce. What must be remembered is in the store before the reply exists; where
/// the store fails, what can add risk is refused, and cancels go on as long as durable nonces last.
/// Not thread-safe. Lifetime: the store outlives it.
class SignerCore {
 public:
  SignerCore(SignerConfig config, KeyRing keys, const SignerState& state, SignerStore& store,
             ClockReading start);

  /// A `sign` or `lease` request. The reply's code is SIGNER_REFUSED with "rule <name>: ..." for
  /// whatever policy and safety forbid, LEASE_LOST, or INVALID_COMMAND.
  v1::SignReply handle(const v1::SignRequest& request, ClockReading now);

  /// A `lock`, `unlock` or `accept_asset` request.
  ///   lock:   the key (empty: every key) signs nothing that can add risk, until unlocked; restarts
  ///           keep it. Anyone who may ask may lock. `lease.holder` names who wants it (empty: an
  ///           operator); a key is locked while anybody wants it so.
  ///   unlock: takes back the lock of `lease.holder`; empty: everybody's. Who is no operator takes
  ///           back what its own user locked alone: where another's lock is meant too, nothing
  ///           changes and it is refused.
  ///   accept_asset: an operator's alone. One entry of `assets` is the pair's number from now on.
  /// Errors in the reply: SIGNER_REFUSED with the rule (operator, key, asset_map), INVALID_COMMAND,
  /// IO if it could not be made durable (a lock holds all the same).
  v1::SignReply operate(const v1::SignRequest& request, Asker asker, ClockReading now);

  /// Writes what is no request: that the signer started, that a key was sealed.
  void note(std::string_view what, std::string_view key, std::string_view text, UnixNanos now);

  /// A client's asset map, from its hello. Returns contradictions in words.
  std::vector<std::string> hear_assets(const v1::SignRequest& hello);

  /// Work that was put off the path of requests; call after replying. Returns keys that were
  /// sealed.
  std::vector<std::string> run_deferred();
  [[nodiscard]] bool has_deferred() const { return keys_.has_unchecked(); }

  [[nodiscard]] const KeyRing& keys() const { return keys_; }
  [[nodiscard]] KeyRing& keys() { return keys_; }
  [[nodiscard]] const LeaseTable& leases() const { return leases_; }
  [[nodiscard]] std::uint64_t last_nonce(const std::string& key) const;
  [[nodiscard]] bool is_locked(const std::string& key) const;
  [[nodiscard]] const std::set<KeyLock>& locks() const { return locks_; }
  /// Records that the audit log did not take: cancels that were signed all the same, and refusals.
  [[nodiscard]] std::uint64_t audit_failures() const { return audit_failures_; }

 private:
  struct Signed;
  Result<Signed> sign(const v1::SignRequest& request, ClockReading now);
  Result<LeaseDecision> lease(const v1::SignRequest& request, ClockReading now);
  Result<const SignerAccount*> find_account(const v1::SignRequest& request) const;
  Result<hyperliquid::ActionEnvelope> envelope_of(const v1::SignRequest& request,
                                                  const SignerAccount& account,
                                                  const ActionRequest& action, ClockReading now);
  Status check_assets(const ActionRequest& request);
  Status pin_assets(const ActionRequest& request);
  Status check_velocity(const v1::SignRequest& request, const ActionRequest& action,
                        ClockReading now);
  Status lock(const v1::SignRequest& request, Asker asker);
  Status unlock(const v1::SignRequest& request, Asker asker);
  Status save_locks(const std::set<KeyLock>& locks);
  Result<AssetEntry> accept_asset(const v1::SignRequest& request, Asker asker);
  Status audit(journal::AuditRecord record);
  void audit_refusal(const v1::SignRequest& request, const Error& error, ClockReading now);
  Result<std::uint64_t> nonce_for(const v1::SignRequest& request, const ActionRequest& action,
                                  ClockReading now);

  SignerConfig config_;
  KeyRing keys_;
  SignerStore& store_;
  std::map<std::string, NonceSource> nonces_;
  IssuedNonces issued_;
  LeaseTable leases_;
  AssetPins assets_;
  ClockGuard clock_;
  std::map<std::string, Velocity> velocities_;  // by key
  std::set<KeyLock> locks_;
  bool locks_saved_ = true;
  std::uint64_t audit_failures_ = 0;
  std::uint64_t audit_lost_ = 0;  // failures that the log itself does not tell yet
  std::int64_t refusals_second_ = 0;
  std::uint64_t refusals_in_second_ = 0;
  std::uint64_t refusals_left_out_ = 0;
};

}  // namespace perpwire::signer
