#include "services/persister/store_writer.hpp"

#include <chrono>
#include <utility>

namespace perpwire::persister {

StoreWriter::StoreWriter(OpenStore open, Handlers handlers, const StoreWriterOptions& options)
    : open_(std::move(open)),
      handlers_(std::move(handlers)),
      options_(options),
      queue_(options.queue_capacity),
      backoff_(options.retry),
      thread_([this] { run(); }) {}

StoreWriter::~StoreWriter() {
  stopping_ = true;
  queue_.close();
  thread_.join();
}

bool StoreWriter::try_push(PendingBatch&& batch) { return queue_.try_push(std::move(batch)); }

void StoreWriter::run() {
  if (!open_store()) return;
  std::vector<Batch> batches;
  std::vector<CommittedBatch> committed;
  while (auto pending = queue_.wait_pop()) {
    if (stopping_) return;
    batches.clear();
    committed.clear();
    std::size_t events = 0;
    do {
      events += pending->batch.events.size();
      committed.push_back({.source = pending->source,
                           .stream = pending->batch.stream,
                           .next_sequence = pending->batch.next_sequence});
      batches.push_back(std::move(pending->batch));
      if (events >= options_.max_events_per_transaction) break;
      pending = queue_.try_pop();
    } while (pending);
    if (!apply_until_done(batches, std::move(committed))) return;
  }
}

bool StoreWriter::open_store() {
  for (;;) {
    if (stopping_) return false;
    auto opened = open_();
    if (opened) {
      store_ = std::move(*opened);
      if (opened_before_) return true;
      auto cursors = store_->cursors();
      if (cursors) {
        opened_before_ = true;
        well_again();
        handlers_.on_opened(std::move(*cursors));
        return true;
      }
      store_.reset();
      if (!retry_after(cursors.error())) return false;
      continue;
    }
    if (!retry_after(opened.error())) return false;
  }
}

bool StoreWriter::apply_until_done(const std::vector<Batch>& batches,
                                   std::vector<CommittedBatch> committed) {
  for (;;) {
    if (stopping_) return false;
    const Nanos begun = monotonic_now();
    auto counts = store_->apply(batches, wall_clock_now());
    if (counts) {
      well_again();
      handlers_.on_committed(std::move(committed), *counts, monotonic_now() - begun);
      return true;
    }
    if (!retry_after(counts.error())) return false;
    // The file may have been moved away or its disk remounted: look at it anew.
    if (counts.error().code == ErrorCode::kIo && !open_store()) return false;
  }
}

bool StoreWriter::retry_after(const Error& error) {
  if (error.code != ErrorCode::kWouldBlock && error.code != ErrorCode::kIo) {
    handlers_.on_fatal(error);
    return false;
  }
  if (!delayed_) handlers_.on_delayed(error.text);
  delayed_ = true;
  // In slices, so that a stop does not wait.
  constexpr Nanos kSlice = std::chrono::milliseconds(20);
  for (Nanos left = backoff_.next(); left > Nanos{0} && !stopping_; left -= kSlice) {
    std::this_thread::sleep_for(std::min(left, kSlice));
  }
  return true;
}

void StoreWriter::well_again() {
  backoff_.reset();
  if (delayed_) handlers_.on_delayed({});
  delayed_ = false;
}

}  // namespace perpwire::persister
