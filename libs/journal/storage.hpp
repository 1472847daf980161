#pragma once

#include "libs/common/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::journal {

/// One append-only file. Used by the journal's thread; sync() alone is also called from the sync
/// thread, at the same time as anything else.
class StorageFile {
 public:
  virtual ~StorageFile() = default;

  /// One write at the end. Errors: kIo (ENOSPC, EIO, ...) with the text of the system; some of the
  /// bytes may then stand in the file (a short write).
  virtual Status append(std::string_view bytes) = 0;
  /// Makes all bytes appended before the call durable (fdatasync).
  virtual Status sync() = 0;
  /// Cuts the file to `size` bytes.
  virtual Status truncate(std::uint64_t size) = 0;
  /// Reads up to `out.size()` bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> out) const = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};

/// A folder of such files: the one thing under a journal that a simulator replaces, to tear writes,
/// cut them short, lie about sync or run out of space.
class Storage {
 public:
  virtual ~Storage() = default;

  /// File names, in order.
  virtual Result<std::vector<std::string>> list() = 0;
  /// Creates it empty if it does not exist; the name is then durable (the folder is synced).
  virtual Result<std::shared_ptr<StorageFile>> open(const std::string& name) = 0;
  virtual Status remove(const std::string& name) = 0;
  /// For messages to people.
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// Files in one folder of the disk, which is created (mode 0750) if missing. Throws ConfigError if
/// that fails.
std::unique_ptr<Storage> open_posix_storage(const std::string& folder);

/// When appended bytes become durable. The journal says what is dirty, the syncer when it is done.
class Syncer {
 public:
  virtual ~Syncer() = default;
  /// `file` has bytes up to record `index` that are not durable. Cheap; called after each append.
  virtual void dirty(const std::shared_ptr<StorageFile>& file, std::uint64_t index) = 0;
  /// Newest record known to be durable; 0 = none.
  [[nodiscard]] virtual std::uint64_t synced_index() const = 0;
  /// The first sync that failed, if any. The kernel may have dropped the pages: from then on the
  /// journal refuses to append until a restart has read what is really there.
  [[nodiscard]] virtual bool failed() const = 0;
  /// Returns when everything said dirty so far is durable, or failed.
  virtual void flush() = 0;
};

/// A thread of its own: fdatasync begins half of `interval` after the first dirty byte, so that it
/// is done within the whole.
std::unique_ptr<Syncer> make_thread_syncer(
    std::chrono::milliseconds interval = std::chrono::milliseconds(50));
/// Syncs only in flush(): for tests, simulators and tools.
std::unique_ptr<Syncer> make_manual_syncer();

}  // namespace perpwire::journal
