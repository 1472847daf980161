#include "libs/journal/journal.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/protobuf_log.hpp"
#include "libs/common/utf8.hpp"
#include "libs/journal/record_format.hpp"
#include "perpwire/v1/journal.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::journal {
namespace {

constexpr std::size_t kChunkBytes = 256u << 10;
/// One entry of the sparse index for each so many bytes of segment.
constexpr std::uint64_t kIndexEvery = 64u << 10;

/// Reads records of a file one after the other.
class SegmentScanner {
 public:
  /// `end`: about where the file ends, so that little is read of a small one.
  SegmentScanner(const StorageFile& file, std::uint64_t offset, std::uint64_t end)
      : file_(file), buffer_offset_(offset), end_(end) {}

  /// True with a record; false at the end of the whole records: then `fault()` is kNone if the file
  /// ends there, too.
  Result<bool> next(ParsedRecord& record) {
    position_ += taken_;
    taken_ = 0;
    for (;;) {
      const auto rest = std::string_view(buffer_).substr(position_);
      fault_ = parse_record(rest, record);
      if (fault_ == RecordFault::kNone) {
        taken_ = record.bytes;
        return true;
      }
      if (fault_ == RecordFault::kDamaged) return false;
      if (at_end_) {
        if (rest.empty()) fault_ = RecordFault::kNone;
        return false;
      }
      if (auto more = refill(); !more) return tl::unexpected(more.error());
    }
  }
  /// Of the record that next() gave, or the end of the whole records.
  [[nodiscard]] std::uint64_t offset() const { return buffer_offset_ + position_; }
  [[nodiscard]] RecordFault fault() const { return fault_; }

 private:
  Status refill() {
    buffer_.erase(0, position_);
    buffer_offset_ += position_;
    position_ = 0;
    const std::size_t had = buffer_.size();
    // A record longer than a chunk doubles the buffer until it fits. One byte more than is there
    // shows the end at once.
    const std::uint64_t from = buffer_offset_ + had;
    const std::uint64_t left = end_ > from ? end_ - from + 1 : kChunkBytes;
    buffer_.resize(had + std::min<std::uint64_t>(left, std::max(kChunkBytes, had)));
    const auto got = file_.read(buffer_offset_ + had, std::span(buffer_).subspan(had));
    if (!got) return tl::unexpected(got.error());
    at_end_ = had + *got < buffer_.size();
    buffer_.resize(had + *got);
    return {};
  }

  const StorageFile& file_;
  std::string buffer_;
  std::uint64_t buffer_offset_;
  std::uint64_t end_;
  std::size_t position_ = 0;
  std::size_t taken_ = 0;
  bool at_end_ = false;
  RecordFault fault_ = RecordFault::kNone;
};

/// The index of a whole record somewhere in `bytes` that says that record `damaged` was durable;
/// 0 if there is none.
std::uint64_t witness_of_durability(std::string_view bytes, std::uint64_t damaged) {
  // Every record's protobuf begins with its index: tag 0x08.
  constexpr char kIndexTag = 0x08;
  for (std::size_t at = 0; at + kRecordHeaderBytes < bytes.size(); ++at) {
    if (bytes[at + kRecordHeaderBytes] != kIndexTag) continue;
    ParsedRecord record;
    if (parse_record(bytes.substr(at), record) != RecordFault::kNone) continue;
    if (record.durable_index < damaged) continue;
    const auto peek = peek_record(record.payload);
    if (peek && peek->index > damaged) return peek->index;
  }
  return 0;
}

struct SparseEntry {
  std::uint64_t index = 0;
  std::uint64_t offset = 0;
};

struct Segment {
  std::string name;
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // first - 1 if empty
  std::uint64_t bytes = 0;
  std::shared_ptr<StorageFile> file;
  std::vector<SparseEntry> sparse;

  void count(std::uint64_t offset, std::uint64_t record_bytes) {
    ++last;
    if (sparse.empty() || offset - sparse.back().offset >= kIndexEvery) {
      sparse.push_back({.index = last, .offset = offset});
    }
    bytes = offset + record_bytes;
  }
};

}  // namespace

struct Journal::Impl {
  Impl(Storage& in, Syncer& by, const JournalConfig& with)
      : storage(in), syncer(by), config(with) {}

  Status open(const RecordHandler& each);
  Status open_segment(Segment& segment, bool newest, const RecordHandler& each);
  Status repair_tail(Segment& segment, std::uint64_t offset, bool header);
  Status start_segment(std::uint64_t first);
  Status rotate(UnixNanos now);
  Result<std::uint64_t> append(std::string_view payload);
  Status make_room(std::size_t payload_bytes, UnixNanos now);
  [[nodiscard]] std::uint64_t last_index() const {
    return segments.empty() ? 0 : segments.back().last;
  }
  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : segments) sum += segment.bytes;
    return sum;
  }
  tl::unexpected<Error> damage(const Segment& segment, std::uint64_t offset,
                               std::string_view what) const {
    return fail(ErrorCode::kMalformed,
                fmt::format("journal {}/{}: {} at offset {} (record {})", storage.describe(),
                            segment.name, what, offset, segment.last + 1));
  }

  Storage& storage;
  Syncer& syncer;
  JournalConfig config;
  std::vector<Segment> segments;
  std::function<void(v1::JournalRecord&)> checkpoint;
  OpenReport report;
  bool broken = false;
  std::string payload_buffer;
  std::string write_buffer;
};

// ---- opening ----

Status Journal::Impl::open(const RecordHandler& each) {
  auto names = storage.list();
  if (!names) return tl::unexpected(names.error());
  for (const auto& name : *names) {
    const auto first = parse_segment_name(name);
    if (!first) continue;
    Segment segment;
    segment.name = name;
    segment.first = *first;
    segment.last = *first - 1;
    auto file = storage.open(name);
    if (!file) return tl::unexpected(file.error());
    segment.file = *file;
    segments.push_back(std::move(segment));
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = segments[i];
    if (i > 0 && segments[i - 1].last + 1 != segment.first) {
      return fail(
          ErrorCode::kMalformed,
          fmt::format("journal {}: {} ends with record {}, but {} follows", storage.describe(),
                      segments[i - 1].name, segments[i - 1].last, segment.name));
    }
    if (auto opened = open_segment(segment, i + 1 == segments.size(), each); !opened) return opened;
    report.records += segment.last + 1 - segment.first;
  }
  if (segments.empty()) return start_segment(1);
  if (segments.size() > 1 && segments.back().last < segments.back().first) {
    // Killed between a segment's header and its checkpoint: it is begun anew with the next append.
    if (auto removed = storage.remove(segments.back().name); !removed) return removed;
    segments.pop_back();
  }
  // A process that was killed may have left the newest records to nobody's sync.
  if (last_index() > 0) syncer.dirty(segments.back().file, last_index());
  return {};
}

Status Journal::Impl::open_segment(Segment& segment, bool newest, const RecordHandler& each) {
  std::string header(kSegmentHeaderBytes, '\0');
  const auto got = segment.file->read(0, header);
  if (!got) return tl::unexpected(got.error());
  header.resize(*got);
  if (parse_segment_header(header) != segment.first) {
    if (!newest) return damage(segment, 0, "damaged header");
    return repair_tail(segment, 0, true);
  }
  segment.bytes = kSegmentHeaderBytes;
  const auto size = segment.file->size();
  if (!size) return tl::unexpected(size.error());
  SegmentScanner scanner(*segment.file, kSegmentHeaderBytes, *size);
  ParsedRecord record;
  for (;;) {
    const auto more = scanner.next(record);
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
    const auto peek = peek_record(record.payload);
    if (!peek || peek->index != segment.last + 1) {
      return damage(segment, scanner.offset(), "wrong record");
    }
    segment.count(scanner.offset(), record.bytes);
    if (each) each({.index = segment.last, .payload = record.payload});
  }
  if (scanner.fault() == RecordFault::kNone) return {};
  if (!newest) return damage(segment, scanner.offset(), "damaged record");
  return repair_tail(segment, scanner.offset(), false);
}

Status Journal::Impl::repair_tail(Segment& segment, std::uint64_t offset, bool header) {
  const auto size = segment.file->size();
  if (!size) return tl::unexpected(size.error());
  std::string rest(*size - offset, '\0');
  const auto got = segment.file->read(offset, rest);
  if (!got) return tl::unexpected(got.error());
  rest.resize(*got);
  if (const auto witness = witness_of_durability(rest, segment.last + 1); witness != 0) {
    return damage(segment, offset,
                  fmt::format("{}, which record {} says was durable,",
                              header ? "damaged header" : "damaged record", witness));
  }
  if (auto cut = segment.file->truncate(offset); !cut) return cut;
  report.torn_bytes = rest.size();
  report.torn_file = segment.name;
  report.torn_offset = offset;
  if (!header) return {};
  if (auto written = segment.file->append(segment_header(segment.first)); !written) return written;
  segment.bytes = kSegmentHeaderBytes;
  return {};
}

// ---- appending ----

Status Journal::Impl::start_segment(std::uint64_t first) {
  Segment segment;
  segment.name = segment_name(first);
  segment.first = first;
  segment.last = first - 1;
  auto file = storage.open(segment.name);
  if (!file) return tl::unexpected(file.error());
  segment.file = *file;
  // An earlier attempt may have left a piece of a header.
  if (auto cut = segment.file->truncate(0); !cut) return cut;
  if (auto written = segment.file->append(segment_header(first)); !written) return written;
  segment.bytes = kSegmentHeaderBytes;
  segments.push_back(std::move(segment));
  return {};
}

Status Journal::Impl::rotate(UnixNanos now) {
  // Before a further segment exists, this one is durable: only the newest may ever end torn.
  syncer.flush();
  if (syncer.failed()) {
    broken = true;
    return fail(ErrorCode::kIo, "journal: sync failed");
  }
  const std::uint64_t next = last_index() + 1;
  if (auto started = start_segment(next); !started) return started;
  if (!checkpoint) return {};
  v1::JournalRecord record;
  checkpoint(record);
  if (record.kind_case() == v1::JournalRecord::KIND_NOT_SET) return {};
  record.set_index(next);
  record.set_timestamp(now.value());
  const auto appended = append(record.SerializeAsString());
  if (appended) return {};
  // Without its checkpoint the segment must not stay: the next append tries again.
  const auto& error = appended.error();
  const auto name = segments.back().name;
  segments.pop_back();
  if (auto removed = storage.remove(name); !removed) broken = true;
  return tl::unexpected(error);
}

Status Journal::Impl::make_room(std::size_t payload_bytes, UnixNanos now) {
  if (broken || syncer.failed()) {
    broken = true;
    return fail(ErrorCode::kIo,
                fmt::format("journal {}: a sync failed or a short write could not be "
                            "undone; restart to read what is there",
                            storage.describe()));
  }
  if (payload_bytes > kMaxRecordBytes) {
    return fail(ErrorCode::kIo,
                fmt::format("journal: expected a record of at most {} bytes, found {}",
                            kMaxRecordBytes, payload_bytes));
  }
  const Segment& newest = segments.back();
  const bool empty = newest.last < newest.first;
  if (empty || newest.bytes + kRecordHeaderBytes + payload_bytes <= config.segment_bytes) return {};
  return rotate(now);
}

Result<std::uint64_t> Journal::Impl::append(std::string_view payload) {
  Segment& segment = segments.back();
  write_buffer.clear();
  append_record(payload, syncer.synced_index(), write_buffer);
  if (auto written = segment.file->append(write_buffer); !written) {
    if (!segment.file->truncate(segment.bytes)) broken = true;
    return tl::unexpected(written.error());
  }
  segment.count(segment.bytes, write_buffer.size());
  syncer.dirty(segment.file, segment.last);
  return segment.last;
}

// ---- Journal ----

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(Storage& storage, Syncer& syncer,
                                               const JournalConfig& config,
                                               const RecordHandler& each) {
  auto impl = std::make_unique<Impl>(storage, syncer, config);
  if (auto opened = impl->open(each); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Journal>(new Journal(std::move(impl)));
}

Result<std::uint64_t> Journal::append(v1::JournalRecord& record, UnixNanos now) {
  PW_ASSERT(record.kind_case() != v1::JournalRecord::KIND_NOT_SET);
  for (;;) {
    // The index and timestamp may take 20 bytes more than they do now.
    if (auto room = impl_->make_room(record.ByteSizeLong() + 22, now); !room) {
      return tl::unexpected(room.error());
    }
    record.set_index(impl_->last_index() + 1);
    record.set_timestamp(now.value());
    const ProtobufWords words;
    record.SerializeToString(&impl_->payload_buffer);
    if (words.text().empty()) return impl_->append(impl_->payload_buffer);
    make_readable(record);  // else nobody could read it; it may be longer now
  }
}

Result<std::uint64_t> Journal::append_event(std::string_view topic, std::string_view envelope,
                                            UnixNanos now) {
  constexpr std::size_t kAround = 64;  // tags, lengths, index and timestamp
  if (auto room = impl_->make_room(topic.size() + envelope.size() + kAround, now); !room) {
    return tl::unexpected(room.error());
  }
  impl_->payload_buffer.clear();
  append_event_record(impl_->last_index() + 1, now.value(), topic, envelope, impl_->payload_buffer);
  return impl_->append(impl_->payload_buffer);
}

Status Journal::read(std::uint64_t index,
                     const std::function<bool(const RecordView&)>& each) const {
  const auto& segments = impl_->segments;
  auto segment = std::upper_bound(segments.begin(), segments.end(), index,
                                  [](std::uint64_t i, const Segment& s) { return i < s.first; });
  if (segment != segments.begin()) --segment;
  for (; segment != segments.end(); ++segment) {
    if (segment->last < segment->first || segment->last < index) continue;
    auto entry =
        std::upper_bound(segment->sparse.begin(), segment->sparse.end(), index,
                         [](std::uint64_t i, const SparseEntry& e) { return i < e.index; });
    if (entry != segment->sparse.begin()) --entry;
    SegmentScanner scanner(*segment->file, entry->offset, segment->bytes);
    ParsedRecord record;
    for (std::uint64_t at = entry->index; at <= segment->last; ++at) {
      const auto more = scanner.next(record);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return impl_->damage(*segment, scanner.offset(), "damaged record");
      if (at >= index && !each({.index = at, .payload = record.payload})) return {};
    }
  }
  return {};
}

std::uint64_t Journal::first_index() const { return impl_->segments.front().first; }
std::uint64_t Journal::last_index() const { return impl_->last_index(); }
std::uint64_t Journal::synced_index() const { return impl_->syncer.synced_index(); }
std::uint64_t Journal::bytes() const { return impl_->bytes(); }
bool Journal::over_cap() const { return impl_->bytes() > impl_->config.cap_bytes; }
bool Journal::broken() const { return impl_->broken || impl_->syncer.failed(); }
const OpenReport& Journal::open_report() const { return impl_->report; }

void Journal::on_new_segment(std::function<void(v1::JournalRecord&)> checkpoint) {
  impl_->checkpoint = std::move(checkpoint);
}

Result<std::size_t> Journal::trim(std::uint64_t keep_from) {
  std::size_t removed = 0;
  auto& segments = impl_->segments;
  while (segments.size() > 1 && segments.front().last < keep_from &&
         impl_->bytes() > impl_->config.cap_bytes / 2) {
    if (auto done = impl_->storage.remove(segments.front().name); !done) {
      return tl::unexpected(done.error());
    }
    segments.erase(segments.begin());
    ++removed;
  }
  return removed;
}

}  // namespace perpwire::journal
