#include "tests/simulation/signer_disk.hpp"

#include <algorithm>
#include <chrono>

namespace perpwire::simulation {

template <class Change>
Status SignerDisk::write(Change change) {
  if (full) return fail(ErrorCode::kIo, "no space left on device");
  const bool last = kill_at_write > 0 && --kill_at_write == 0;
  if (!last || random_.percent(50)) change();
  if (last) throw Killed{};
  return {};
}

Status SignerDisk::save_nonce_mark(const std::string& key, std::uint64_t mark) {
  if (auto saved = write([&] { data_.marks[key] = mark; }); !saved) return saved;
  return write([&] { run_folder_marks_[key] = mark; });
}

Status SignerDisk::save_lease(const std::string& account, const signer::LeaseRecord& record) {
  return write([&] { data_.leases[account] = record; });
}

Status SignerDisk::save_pins(const std::vector<signer::AssetEntry>& pins) {
  return write([&] { data_.pins = pins; });
}

Status SignerDisk::save_locks(const std::set<signer::KeyLock>& locks) {
  return write([&] { data_.locks = locks; });
}

Status SignerDisk::append_audit(const journal::AuditRecord& /*record*/) {
  return write([&] { ++data_.audit_records; });
}

Status SignerDisk::append_issued(const signer::IssuedNonce& issued, std::uint64_t wall_ms) {
  return write([&] {
    data_.issued.push_back({issued, wall_ms});
    // Nobody syncs this file: the kernel writes it back when it likes.
    if (random_.percent(20)) durable_lines_ = data_.issued.size();
  });
}

signer::SignerState SignerDisk::load(const std::set<std::string>& keys, const std::string& boot_id,
                                     signer::ClockReading now) {
  signer::SignerState state;
  bool first_start = true;
  for (const std::string& key : keys) {
    const auto kept = data_.marks.find(key);
    const auto copied = run_folder_marks_.find(key);
    first_start = first_start && kept == data_.marks.end() && copied == run_folder_marks_.end();
    std::uint64_t mark = kept == data_.marks.end() ? 0 : kept->second;
    if (copied == run_folder_marks_.end()) {
      const auto wall_ms = static_cast<std::uint64_t>(now.wall.millis());
      mark = std::max(mark, wall_ms + 2 * signer::NonceSource::kBlockMs);
    } else {
      mark = std::max(mark, copied->second);
    }
    state.nonce_marks[key] = mark;
  }
  state.leases = data_.leases;
  state.pins = data_.pins;
  state.locks = data_.locks;
  state.issued_may_be_incomplete = !first_start && data_.boot_id != boot_id;
  for (const Line& line : data_.issued) {
    const auto age = now.wall - UnixNanos::from_millis(static_cast<std::int64_t>(line.wall_ms));
    if (age > signer::IssuedNonces::kWindow) continue;
    signer::IssuedNonce issued = line.issued;
    issued.at = now.boot - std::max(age, Nanos{0});
    state.issued.push_back(std::move(issued));
  }
  data_.boot_id = boot_id;
  return state;
}

void SignerDisk::cut_power() {
  run_folder_marks_.clear();
  const std::size_t kept = durable_lines_ + random_.below(data_.issued.size() - durable_lines_ + 1);
  data_.issued.resize(kept);
  durable_lines_ = kept;
}

void SignerDisk::take_backup() { backup_ = data_; }

void SignerDisk::restore_backup() {
  if (!backup_) return;
  data_ = *backup_;
  durable_lines_ = data_.issued.size();
}

}  // namespace perpwire::simulation
