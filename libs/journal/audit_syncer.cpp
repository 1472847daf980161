#include "libs/journal/audit_syncer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace perpwire::journal {

AuditDescriptor::~AuditDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

AuditSyncer::AuditSyncer(Nanos interval, SyncCall call)
    : interval_(interval),
      call_(call ? std::move(call) : SyncCall([](int fd) { return ::fdatasync(fd); })) {
  if (interval_ > Nanos::zero()) thread_ = std::thread([this] { run(); });
}

AuditSyncer::~AuditSyncer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void AuditSyncer::dirty(const std::shared_ptr<AuditDescriptor>& file, std::uint64_t number) {
  bool was_clean = false;
  {
    const std::lock_guard lock(mutex_);
    was_clean = waiting_.empty();
    newest_ = number;
    if (waiting_.empty() || waiting_.back() != file) waiting_.push_back(file);
  }
  if (interval_ <= Nanos::zero()) {
    sync_waiting();
  } else if (was_clean) {
    wake_.notify_one();
  }
}

Status AuditSyncer::flush() {
  sync_waiting();
  return health();
}

Status AuditSyncer::health() const {
  if (!failed()) return {};
  const std::lock_guard lock(mutex_);
  return fail(ErrorCode::kIo, failure_);
}

void AuditSyncer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    // Gathers what comes next into the same sync; half the interval is left for the sync itself.
    if (!stopping_) wake_.wait_for(lock, interval_ / 2, [&] { return stopping_; });
    const bool last = stopping_;
    lock.unlock();
    sync_waiting();
    if (last) return;
    lock.lock();
  }
}

void AuditSyncer::sync_waiting() {
  const std::lock_guard one(syncing_);
  std::vector<std::shared_ptr<AuditDescriptor>> files;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    files.swap(waiting_);
    number = newest_;
  }
  for (const auto& file : files) {
    const auto start = monotonic_now();
    const bool done = (file->is_folder() ? ::fsync(file->fd()) : call_(file->fd())) == 0;
    const int error = errno;
    const auto took = (monotonic_now() - start).count();
    syncs_.fetch_add(1, std::memory_order_relaxed);
    last_took_.store(took);
    longest_.store(std::max(longest_.load(), took));
    if (!done && !failed()) {
      const std::lock_guard lock(mutex_);
      failure_ = fmt::format(
          "{}: cannot be synced: {}: what was written may be lost; nothing that adds risk is "
          "signed until a restart",
          file->path(), std::generic_category().message(error));
      failed_.store(true, std::memory_order_release);
    }
  }
  if (!failed() && !files.empty()) synced_.store(number, std::memory_order_release);
}

}  // namespace perpwire::journal
