#pragma once

#include "libs/common/backoff.hpp"
#include "libs/common/bounded_queue.hpp"
#include "services/persister/store.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace perpwire::persister {

/// A batch that is in the store for good.
struct CommittedBatch {
  std::size_t source = 0;
  std::string stream;
  std::uint64_t next_sequence = 1;
};

/// One page's batch on its way to the store, with the reader that waits for it.
struct PendingBatch {
  std::size_t source = 0;
  Batch batch;
};

struct StoreWriterOptions {
  /// Batches waiting. The readers stop asking before it is full (policy: block the reader, never
  /// the journal's owner).
  std::size_t queue_capacity = 64;
  /// A transaction takes what is waiting, up to this many events.
  std::size_t max_events_per_transaction = 8'000;
  BackoffOptions retry{.base = std::chrono::milliseconds(50), .cap = std::chrono::seconds(2)};
};

/// The one thread that writes to the store. A store that is locked, full or gone only delays: the
/// same batches are tried again until they are in.
///
/// Threads: all members on the owner's thread; the handlers run on the writer's thread and must
/// only
///          hand their arguments over.
class StoreWriter {
 public:
  using OpenStore = std::function<Result<std::unique_ptr<Store>>()>;
  struct Handlers {
    /// The store is open for the first time: where reading begins.
    std::function<void(std::vector<StreamCursor>)> on_opened;
    /// One transaction, with its batches in their order.
    std::function<void(std::vector<CommittedBatch>, ApplyCounts, Nanos took)> on_committed;
    /// Not empty: delayed, and why. Empty: well again.
    std::function<void(std::string reason)> on_delayed;
    /// Trying again does not help (a newer schema, a hole): the writer has ended.
    std::function<void(Error)> on_fatal;
  };

  StoreWriter(OpenStore open, Handlers handlers, const StoreWriterOptions& options = {});
  /// Ends the transaction that is running, not the queue: what waits is read again from its
  /// journal.
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// False when full: the batch is untouched.
  [[nodiscard]] bool try_push(PendingBatch&& batch);
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::size_t capacity() const { return queue_.capacity(); }

 private:
  void run();
  bool open_store();
  bool apply_until_done(const std::vector<Batch>& batches, std::vector<CommittedBatch> committed);
  /// True if retrying makes sense; then it has waited.
  bool retry_after(const Error& error);
  void well_again();

  OpenStore open_;
  Handlers handlers_;
  StoreWriterOptions options_;
  BoundedQueue<PendingBatch> queue_;
  std::atomic<bool> stopping_{false};
  Backoff backoff_;
  bool delayed_ = false;
  bool opened_before_ = false;
  std::unique_ptr<Store> store_;  // the writer's thread only
  std::thread thread_;
};

}  // namespace perpwire::persister
