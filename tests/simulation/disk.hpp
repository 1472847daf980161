#pragma once

#include "libs/journal/event_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/scheduler.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace perpwire::simulation {

/// The gateway's disk: bytes that a kill leaves and a power cut tears, and the run folder (tmpfs),
/// which a power cut empties.
class Disk {
 public:
  Disk(Scheduler& scheduler, std::uint64_t seed);

  [[nodiscard]] journal::MemoryStorage& storage() { return storage_; }
  [[nodiscard]] journal::WatermarkStore& watermark() { return *watermark_; }
  /// Syncs like the product's thread: some 25 to 50 ms after the first dirty byte. Dies with its
  /// process.
  std::unique_ptr<journal::Syncer> make_syncer();

  /// Every write is asked first: it may be the process's last.
  std::function<void()> on_write;
  bool full = false;
  bool sync_fails = false;

  void cut_power();
  void take_backup();
  bool restore_backup();

 private:
  using Files = std::map<std::string, std::shared_ptr<journal::MemoryStorage::File>>;
  static Files copy(const Files& files);

  Scheduler& scheduler_;
  Random random_;
  journal::MemoryStorage storage_;
  std::unique_ptr<journal::WatermarkStore> watermark_;
  std::optional<Files> backup_;
};

}  // namespace perpwire::simulation
