#pragma once

#include "libs/venues/hyperliquid/signing.hpp"
#include "services/signer/asset_pins.hpp"
#include "services/signer/clock_guard.hpp"
#include "services/signer/issued_nonces.hpp"
#include "services/signer/key_ring.hpp"
#include "services/signer/key_rotation.hpp"
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
  bool has_policy_file = true;  // false: a new key may what the account's key may
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

  /// A `use_key` or `retire_key` request, an operator's alone.
  ///   use_key:    the key, which add_key loaded before, signs for the account from now on; the one
  ///               before it is draining: it signs noops and cancels alone. Locks go with it.
  ///   retire_key: a draining key is wiped and refused by name for ever, once all that it signed
  ///               has expired (2 minutes after what has no expiry): until then it may land, and
  ///               need a noop of this key.
  /// Errors in the reply: SIGNER_REFUSED with the rule (operator, key, accounts, policy, draining,
  /// retired), IO if it could not be made durable; nothing changed then.
  v1::SignReply change_keys(const v1::SignRequest& request, const Asker& asker, ClockReading now);

  /// Whether a key of this name may be loaded beside the others, for `account`. Errors: as
  /// change_keys.
  Status may_add(const v1::SignRequest& request, const Asker& asker, ClockReading now);
  /// It stands by: it signs nothing until use_key. Errors: kIo and the like if the nonces it used
  /// before are not known.
  Status add_key(const std::string& name, SigningKey key, ClockReading now);

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
  [[nodiscard]] const KeyRotation& rotation() const { return rotation_; }
  [[nodiscard]] const std::set<KeyLock>& locks() const { return locks_; }
  /// Records that the audit log did not take: cancels that were signed all the same, and refusals.
  [[nodiscard]] std::uint64_t audit_failures() const { return audit_failures_; }

 private:
  struct Signed;
  Result<Signed> sign(const v1::SignRequest& request, ClockReading now);
  Result<LeaseDecision> lease(const v1::SignRequest& request, ClockReading now);
  Result<const SignerAccount*> find_account(const v1::SignRequest& request) const;
  /// Which key signs it: the one it names, or the account's own.
  Result<std::string> key_of(const v1::SignRequest& request, const ActionRequest& action,
                             ClockReading now);
  void note_signed(const IssuedNonce& issued, ClockReading now);
  Status use_key(const v1::SignRequest& request);
  Status retire_key(const v1::SignRequest& request, ClockReading now);
  Result<hyperliquid::ActionEnvelope> envelope_of(const v1::SignRequest& request,
                                                  const std::string& key,
                                                  const SignerAccount& account,
                                                  const ActionRequest& action, ClockReading now);
  Status check_assets(const ActionRequest& request);
  Status pin_assets(const ActionRequest& request);
  Status check_velocity(const std::string& key, const ActionRequest& action, ClockReading now);
  Status lock(const v1::SignRequest& request, Asker asker);
  Status unlock(const v1::SignRequest& request, Asker asker);
  Status save_locks(const std::set<KeyLock>& locks);
  Result<AssetEntry> accept_asset(const v1::SignRequest& request, Asker asker);
  Status audit(journal::AuditRecord record);
  void audit_refusal(const v1::SignRequest& request, const Error& error, ClockReading now);
  Result<std::uint64_t> nonce_for(const v1::SignRequest& request, const std::string& key,
                                  const ActionRequest& action, ClockReading now);

  SignerConfig config_;
  KeyRing keys_;
  KeyRotation rotation_;
  SignerStore& store_;
  std::map<std::string, NonceSource> nonces_;
  IssuedNonces issued_;
  LeaseTable leases_;
  AssetPins assets_;
  ClockGuard clock_;
  std::map<std::string, Velocity> velocities_;  // by key
  /// By key: when (CLOCK_BOOTTIME) nothing that it signed can land or need its noop any more.
  std::map<std::string, Nanos> drained_at_;
  std::set<KeyLock> locks_;
  bool locks_saved_ = true;
  std::uint64_t audit_failures_ = 0;
  std::uint64_t audit_lost_ = 0;  // failures that the log itself does not tell yet
  std::int64_t refusals_second_ = 0;
  std::uint64_t refusals_in_second_ = 0;
  std::uint64_t refusals_left_out_ = 0;
};

}  // namespace perpwire::signer
