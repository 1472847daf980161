#pragma once

#include "libs/journal/audit_file.hpp"
#include "services/signer/clock_guard.hpp"
#include "services/signer/signer_state.hpp"

#include <filesystem>
#include <set>
#include <string>

namespace perpwire::signer {

/// The signer's memory in its data folder (text files, replaced whole and synced), with a copy of
/// the nonce marks in the run folder (tmpfs): a restored backup of the data folder shows by its
/// mark being behind the copy.
///
/// Files: nonce-<key>, lease-<account>, assets, locks, keys, issued.log (+ .1), boot_id, and the
/// folder audit/ (journal::AuditFile). Thread: one. The folders are locked by this process.
class FileStore final : public SignerStore {
 public:
  /// issued.log is begun anew beyond this; two of them are kept.
  static constexpr std::size_t kMaxLogBytes = 16 * 1024 * 1024;

  /// Audit lines are on the disk at most so long after they were written, by a thread of the
  /// store's own; 0 = before append_audit returns. Lines other than `signed` and `refused` always
  /// are before it returns.
  static constexpr Nanos kAuditSync = std::chrono::milliseconds(50);

  FileStore(std::filesystem::path data_folder, std::filesystem::path run_folder,
            Nanos audit_sync = kAuditSync, journal::AuditSyncer::SyncCall sync_call = {});
  ~FileStore() override;
  FileStore(const FileStore&) = delete;
  FileStore& operator=(const FileStore&) = delete;

  /// What became of keys, before they are read. Errors: kIo, kMalformed naming the file.
  Result<KeyPlan> load_key_plan() const;

  /// What was known, for these keys and accounts. `boot_id` is the kernel's.
  ///
  /// Where the run folder has no copy of a key's mark (reboot, first start), its nonces go on two
  /// blocks ahead of the clock: that is beyond whatever a backup may have forgotten, since nonces
  /// never run more than one block ahead of time.
  /// Errors: kIo, or kMalformed naming the file: a damaged file is not guessed around.
  Result<SignerState> load(const std::set<std::string>& keys, const std::set<std::string>& accounts,
                           const std::string& boot_id, ClockReading now);

  Status save_nonce_mark(const std::string& key, std::uint64_t mark) override;
  Status save_lease(const std::string& account, const LeaseRecord& record) override;
  Status save_pins(const std::vector<AssetEntry>& pins) override;
  Status save_locks(const std::set<KeyLock>& locks) override;
  Status save_key_plan(const KeyPlan& plan) override;
  Result<std::uint64_t> nonce_mark(const std::string& key, ClockReading now) override {
    return load_mark(key, now);
  }
  Status append_issued(const IssuedNonce& issued, std::uint64_t wall_ms) override;
  Status append_audit(const journal::AuditRecord& record) override;
  [[nodiscard]] Status audit_health() const override { return audit_syncer_.health(); }

  [[nodiscard]] const journal::AuditFile& audit() const { return audit_; }
  [[nodiscard]] const journal::AuditSyncer& audit_syncer() const { return audit_syncer_; }

 private:
  Result<std::uint64_t> load_mark(const std::string& key, ClockReading now);
  Status load_issued(const std::filesystem::path& file, ClockReading now, SignerState& state);
  Status load_locks(SignerState& state);
  Status open_audit(ClockReading now, SignerState& state);
  Status open_log();

  std::filesystem::path data_folder_;
  std::filesystem::path run_folder_;
  int log_ = -1;
  std::size_t log_bytes_ = 0;
  journal::AuditSyncer audit_syncer_;
  journal::AuditFile audit_;
};

/// /proc/sys/kernel/random/boot_id
Result<std::string> read_boot_id();

}  // namespace perpwire::signer
