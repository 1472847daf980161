#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace perpwire::journal {

/// An open file of the audit log, or its folder (whose names must last too); closed when the last
/// user lets go.
class AuditDescriptor {
 public:
  AuditDescriptor(int fd, std::string path, bool is_folder = false)
      : fd_(fd), path_(std::move(path)), is_folder_(is_folder) {}
  ~AuditDescriptor();
  AuditDescriptor(const AuditDescriptor&) = delete;
  AuditDescriptor& operator=(const AuditDescriptor&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_folder() const { return is_folder_; }

 private:
  int fd_;
  std::string path_;
  bool is_folder_;
};

/// Makes the lines of an audit log durable (fdatasync) on a thread of its own, so that nobody who
/// appends waits for a disk.
///
/// A sync begins half of `interval` after the first line that waits for one, and takes all that
/// came meanwhile. interval 0: no thread, every dirty() syncs before it returns.
/// The first sync that fails is final (the kernel may have dropped the pages, and a later success
/// would prove nothing): failed() stays true until a restart has read what is really there.
/// Threads: dirty, flush and the getters from one; the thread of its own is the other.
class AuditSyncer {
 public:
  /// fdatasync(2) of a file, or what a test puts in its place: 0, or -1 with errno.
  using SyncCall = std::function<int(int fd)>;

  explicit AuditSyncer(Nanos interval, SyncCall call = {});
  /// Syncs what still waits.
  ~AuditSyncer();
  AuditSyncer(const AuditSyncer&) = delete;
  AuditSyncer& operator=(const AuditSyncer&) = delete;

  /// `file` has lines up to `number` that are not durable.
  void dirty(const std::shared_ptr<AuditDescriptor>& file, std::uint64_t number);
  /// Returns when everything said dirty so far is durable. Errors: kIo, what failed() tells.
  Status flush();

  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }
  /// kIo naming the file, once a sync has failed.
  [[nodiscard]] Status health() const;
  /// Newest line known to be durable; 0 = none of this run.
  [[nodiscard]] std::uint64_t synced() const { return synced_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }
  /// How long the newest and the slowest sync took.
  [[nodiscard]] Nanos last_took() const { return Nanos{last_took_.load()}; }
  [[nodiscard]] Nanos longest() const { return Nanos{longest_.load()}; }

 private:
  void run();
  void sync_waiting();

  Nanos interval_;
  SyncCall call_;
  mutable std::mutex mutex_;  // held for a few stores, never during a sync
  std::mutex syncing_;        // one sync at a time
  std::condition_variable wake_;
  std::vector<std::shared_ptr<AuditDescriptor>> waiting_;  // oldest first
  std::uint64_t newest_ = 0;
  bool stopping_ = false;
  std::string failure_;
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<std::uint64_t> syncs_{0};
  std::atomic<std::int64_t> last_took_{0};
  std::atomic<std::int64_t> longest_{0};
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

}  // namespace perpwire::journal
