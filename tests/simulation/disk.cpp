#include "tests/simulation/disk.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace perpwire::simulation {
namespace {

class ScheduledSyncer : public journal::Syncer {
 public:
  ScheduledSyncer(Scheduler& scheduler, Random& random) : scheduler_(scheduler), random_(random) {}

  void dirty(const std::shared_ptr<journal::StorageFile>& file, std::uint64_t index) override {
    if (file_ != nullptr && file_ != file) flush();  // a new segment: the old one is synced first
    file_ = file;
    dirty_ = index;
    if (scheduled_) return;
    scheduled_ = true;
    scheduler_.after(random_.millis(25, 50), [this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      scheduled_ = false;
      flush();
    });
  }
  [[nodiscard]] std::uint64_t synced_index() const override { return synced_; }
  [[nodiscard]] bool failed() const override { return failed_; }
  void flush() override {
    if (file_ == nullptr || dirty_ == synced_ || failed_) return;
    if (file_->sync()) {
      synced_ = dirty_;
    } else {
      failed_ = true;
    }
  }

 private:
  Scheduler& scheduler_;
  Random& random_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::shared_ptr<journal::StorageFile> file_;
  std::uint64_t dirty_ = 0;
  std::uint64_t synced_ = 0;
  bool scheduled_ = false;
  bool failed_ = false;
};

}  // namespace

Disk::Disk(Scheduler& scheduler, std::uint64_t seed)
    : scheduler_(scheduler), random_(seed, "disk"), watermark_(journal::make_memory_watermark()) {
  storage_.on_append = [this](const std::string& /*name*/, std::size_t bytes) {
    if (on_write) on_write();
    journal::AppendFault fault;
    if (full) fault.short_write = random_.below(bytes + 1) % (bytes == 0 ? 1 : bytes);
    return fault;
  };
}

std::unique_ptr<journal::Syncer> Disk::make_syncer() {
  storage_.sync_fails = sync_fails;
  return std::make_unique<ScheduledSyncer>(scheduler_, random_);
}

void Disk::cut_power() {
  // Of what was not synced some bytes may have reached the disk; of those, some wrong.
  std::map<std::string, std::size_t> durable;
  for (const auto& [name, file] : storage_.files()) durable[name] = file->durable;
  storage_.cut_power([this](const std::string& /*name*/, std::size_t size) {
    return random_.percent(60) ? random_.below(size + 1) : std::size_t{0};
  });
  for (auto& [name, file] : storage_.files()) {
    const std::size_t fresh = file->bytes.size() - durable[name];
    if (fresh == 0 || !random_.percent(40)) continue;
    char& byte = file->bytes[durable[name] + random_.below(fresh)];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + random_.below(255)));
  }
  watermark_ = journal::make_memory_watermark();
  storage_.sync_fails = false;
}

Disk::Files Disk::copy(const Files& files) {
  Files copied;
  for (const auto& [name, file] : files) {
    copied[name] = std::make_shared<journal::MemoryStorage::File>(*file);
  }
  return copied;
}

void Disk::take_backup() { backup_ = copy(storage_.files()); }

bool Disk::restore_backup() {
  if (!backup_) return false;
  storage_.files() = copy(*backup_);
  return true;
}

}  // namespace perpwire::simulation
