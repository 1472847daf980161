#include "libs/journal/storage.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace perpwire::journal {
namespace {

class ManualSyncer : public Syncer {
 public:
  void dirty(const std::shared_ptr<StorageFile>& file, std::uint64_t index) override {
    file_ = file;
    dirty_ = index;
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
  std::shared_ptr<StorageFile> file_;
  std::uint64_t dirty_ = 0;
  std::uint64_t synced_ = 0;
  bool failed_ = false;
};

class ThreadSyncer : public Syncer {
 public:
  explicit ThreadSyncer(std::chrono::milliseconds interval)
      : delay_(interval / 2), thread_([this] { run(); }) {}

  ~ThreadSyncer() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  ThreadSyncer(const ThreadSyncer&) = delete;
  ThreadSyncer& operator=(const ThreadSyncer&) = delete;

  void dirty(const std::shared_ptr<StorageFile>& file, std::uint64_t index) override {
    bool was_clean = false;
    {
      const std::lock_guard lock(mutex_);
      was_clean = !dirty_;
      dirty_ = true;
      newest_ = index;
      if (file_ != file) file_ = file;
    }
    if (was_clean) wake_.notify_one();
  }

  [[nodiscard]] std::uint64_t synced_index() const override {
    return synced_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool failed() const override { return failed_.load(std::memory_order_acquire); }

  void flush() override { sync_newest(); }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || dirty_; });
      if (dirty_ && !stopping_) {
        // Gathers what comes next into the same sync; half the interval is left for the sync.
        wake_.wait_for(lock, delay_, [&] { return stopping_; });
      }
      const bool last = stopping_;
      lock.unlock();
      sync_newest();
      if (last) return;
      lock.lock();
    }
  }

  /// Also from flush(), at the same time as from the thread: each then syncs for itself.
  void sync_newest() {
    std::shared_ptr<StorageFile> file;
    std::uint64_t index = 0;
    {
      const std::lock_guard lock(mutex_);
      file = file_;
      index = newest_;
      dirty_ = false;
    }
    if (file == nullptr || index <= synced_index() || failed()) return;
    if (!file->sync()) {
      failed_.store(true, std::memory_order_release);
      return;
    }
    auto before = synced_.load(std::memory_order_relaxed);
    while (before < index &&
           !synced_.compare_exchange_weak(before, index, std::memory_order_release)) {
    }
  }

  // The one lock between the journal's thread and this one; held for a few stores, never during a
  // sync.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<StorageFile> file_;
  std::uint64_t newest_ = 0;
  bool dirty_ = false;
  bool stopping_ = false;
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<bool> failed_{false};
  std::chrono::milliseconds delay_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Syncer> make_thread_syncer(std::chrono::milliseconds interval) {
  return std::make_unique<ThreadSyncer>(interval);
}
std::unique_ptr<Syncer> make_manual_syncer() { return std::make_unique<ManualSyncer>(); }

}  // namespace perpwire::journal
