#pragma once

#include "services/signer/signer_core.hpp"
#include "tests/simulation/killed.hpp"
#include "tests/simulation/random.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// The signer's files as services/signer/file_store keeps them: marks, leases and pins are durable
/// when the call returns; issued.log survives a kill, not a power cut; the run folder (with its
/// copy of the marks) is gone after a power cut.
class SignerDisk : public signer::SignerStore {
 public:
  explicit SignerDisk(std::uint64_t seed) : random_(seed, "signer disk") {}

  // Faults.
  bool full = false;
  int kill_at_write = 0;  // the n-th write from now on is the process's last; 0 = never

  Status save_nonce_mark(const std::string& key, std::uint64_t mark) override;
  Status save_lease(const std::string& account, const signer::LeaseRecord& record) override;
  Status save_pins(const std::vector<signer::AssetEntry>& pins) override;
  Status save_locks(const std::set<signer::KeyLock>& locks) override;
  Status append_issued(const signer::IssuedNonce& issued, std::uint64_t wall_ms) override;
  Status append_audit(const journal::AuditRecord& record) override;

  /// What a starting signer reads.
  signer::SignerState load(const std::set<std::string>& keys, const std::string& boot_id,
                           signer::ClockReading now);

  void cut_power();
  void take_backup();
  void restore_backup();

 private:
  struct Line {
    signer::IssuedNonce issued;
    std::uint64_t wall_ms = 0;
  };
  struct Data {
    std::map<std::string, std::uint64_t> marks;
    std::map<std::string, signer::LeaseRecord> leases;
    std::vector<signer::AssetEntry> pins;
    std::set<signer::KeyLock> locks;
    std::uint64_t audit_records = 0;
    std::deque<Line> issued;
    std::string boot_id;
  };
  template <class Change>
  Status write(Change change);

  Random random_;
  Data data_;
  std::size_t durable_lines_ = 0;
  std::map<std::string, std::uint64_t> run_folder_marks_;
  std::optional<Data> backup_;
};

}  // namespace perpwire::simulation
