#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "services/persister/batch.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace perpwire::persister {

/// What one transaction did, for metrics.
struct ApplyCounts {
  std::uint64_t events = 0;          // stored now
  std::uint64_t duplicates = 0;      // already stored, left as they were
  std::uint64_t fill_repeats = 0;    // another event for an execution that is already counted
  std::uint64_t fill_conflicts = 0;  // of these: with another price, amount or side
  std::uint64_t unreadable = 0;
  std::uint64_t gaps = 0;

  ApplyCounts& operator+=(const ApplyCounts& other);
};

/// Where events rest. One implementation a database; one object is used by one thread at a time.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// Every stream ever stored, in the order in which they were first seen.
  virtual Result<std::vector<StreamCursor>> cursors() = 0;

  /// Stores the batches in their order, and moves their cursors, in one transaction: all or
  /// nothing. Events below a stream's cursor are left out and counted, so applying twice changes
  /// nothing.
  ///
  /// Errors: kWouldBlock (another process holds the database) and kIo (disk full, unreadable,
  /// gone):
  ///         nothing is stored, try again later. kInternal: a batch begins beyond its stream's
  ///         cursor; a defect, and trying again does not help.
  virtual Result<ApplyCounts> apply(std::span<const Batch> batches, UnixNanos now) = 0;
};

}  // namespace perpwire::persister
