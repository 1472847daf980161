#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/journal/storage.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class JournalRecord;
}

namespace perpwire::journal {

struct JournalConfig {
  std::uint64_t segment_bytes = 64ull << 20;
  /// All segments together. Trimming keeps below it if it may; otherwise `over_cap()` is true and
  /// the owner refuses new orders.
  std::uint64_t cap_bytes = 4ull << 30;
};

/// What opening found besides whole records.
struct OpenReport {
  std::uint64_t records = 0;
  std::uint64_t torn_bytes = 0;  // cut from the end of the newest segment
  std::string torn_file;
  std::uint64_t torn_offset = 0;  // where the whole records ended
};

/// One record as it stands in the journal.
struct RecordView {
  std::uint64_t index = 0;   // from 1, without holes
  std::string_view payload;  // a serialised v1::JournalRecord; valid during the call
};

/// An append-only log of v1::JournalRecord in segments.
///
/// File: 32 bytes of header, then records: length (4 bytes, little endian), CRC32C of everything
///       else of the record (4), index of the newest record known durable when it was written (8),
///       payload. The file's name is the index of its first record.
/// Promise: append() makes exactly one write before it returns, so a killed process loses nothing
///          that was appended; the syncer makes it durable at most 50 ms later.
/// Opening: what is not whole at the end of the newest segment is what a crash leaves: it is cut
///          away and reported, with whole records after it if none of them says that the damaged
///          one was durable (a power cut may keep later pages and lose earlier ones). Any other
///          damage is an error that names file and offset.
/// Threads: one. Lifetime: `storage` and `syncer` outlive it.
class Journal {
 public:
  using RecordHandler = std::function<void(const RecordView&)>;

  /// Opens and checks every record; `each` (may be empty) sees them all, in order.
  ///
  /// Errors: kIo; kMalformed = damage not at the tail, naming file and offset.
  static Result<std::unique_ptr<Journal>> open(Storage& storage, Syncer& syncer,
                                               const JournalConfig& config,
                                               const RecordHandler& each = {});
  ~Journal();

  /// Sets the record's index and timestamp and appends it. Returns the index.
  ///
  /// Errors: kIo = nothing was appended (a short write was cut away again): the caller refuses what
  ///         it was about to do. The next append may succeed, unless `broken()`.
  Result<std::uint64_t> append(v1::JournalRecord& record, UnixNanos now);
  /// As append, of a published event whose Envelope is serialised already.
  Result<std::uint64_t> append_event(std::string_view topic, std::string_view envelope,
                                     UnixNanos now);

  /// Reads records from `index` on (the oldest kept one if that is gone) until `each` returns false
  /// or the newest is reached.
  Status read(std::uint64_t index, const std::function<bool(const RecordView&)>& each) const;

  [[nodiscard]] std::uint64_t first_index() const;  // oldest kept; newest + 1 if empty
  [[nodiscard]] std::uint64_t last_index() const;   // 0 if nothing was ever appended
  [[nodiscard]] std::uint64_t synced_index() const;
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] bool over_cap() const;
  /// A sync failed, or a short write could not be cut away: nothing can be appended until a
  /// restart.
  [[nodiscard]] bool broken() const;
  [[nodiscard]] const OpenReport& open_report() const;
  /// Called at the start of each further segment: what it fills in (if it sets a kind) is written
  /// as the segment's first record.
  void on_new_segment(std::function<void(v1::JournalRecord&)> checkpoint);

  /// Removes whole segments whose records all lie below `keep_from`, never the newest, and only as
  /// many as bring the size under `cap_bytes` / 2. Returns how many.
  Result<std::size_t> trim(std::uint64_t keep_from);

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace perpwire::journal
