#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The bytes of a segment file. Pure.
namespace perpwire::journal {

constexpr std::size_t kSegmentHeaderBytes = 32;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kMaxRecordBytes = 16u << 20;

std::string segment_name(std::uint64_t first_index);
/// Nothing for a file that is no segment.
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

std::string segment_header(std::uint64_t first_index);
/// The first index; nothing if the bytes are no whole header.
std::optional<std::uint64_t> parse_segment_header(std::string_view bytes);

/// Appends one record's bytes to `out`.
void append_record(std::string_view payload, std::uint64_t durable_index, std::string& out);

struct ParsedRecord {
  std::string_view payload;
  std::uint64_t durable_index = 0;
  std::size_t bytes = 0;  // header included
};
enum class RecordFault {
  kNone,
  kShort,    // the bytes end before the record does: read on, or torn
  kDamaged,  // length out of range or checksum wrong
};
/// Reads the record at the front of `bytes`.
RecordFault parse_record(std::string_view bytes, ParsedRecord& out);

/// What the event log needs to know of a record without decoding it.
struct EventPeek {
  std::string_view topic;
  std::string_view envelope;  // serialised
  std::string_view stream;
  std::uint64_t sequence = 0;
  std::uint64_t topic_sequence = 0;
};
struct RecordPeek {
  std::uint64_t index = 0;
  std::uint64_t kind = 0;          // field number of the oneof, v1::JournalRecord::KindCase
  std::optional<EventPeek> event;  // the record is a published event
};
/// Walks the protobuf of a v1::JournalRecord; nothing if it is not well formed.
std::optional<RecordPeek> peek_record(std::string_view payload);

/// Appends the protobuf of a v1::JournalRecord that holds a published event.
void append_event_record(std::uint64_t index, std::int64_t timestamp, std::string_view topic,
                         std::string_view envelope, std::string& out);

}  // namespace perpwire::journal
