#include "libs/journal/record_format.hpp"

#include "libs/common/protobuf_wire.hpp"
#include "libs/journal/crc32c.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

namespace perpwire::journal {
namespace {

using wire::FieldWalker;
using wire::put_tag;
using wire::put_varint;
using wire::Type;
using wire::varint_bytes;

static_assert(std::endian::native == std::endian::little, "segment files are little endian");

constexpr std::string_view kMagic{"PWJRNL\0\1", 8};
constexpr std::string_view kSuffix = ".journal";
constexpr std::size_t kNameDigits = 20;

template <class Number>
void put(Number value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Number>
Number get(std::string_view bytes, std::size_t offset) {
  Number value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool peek_envelope(std::string_view bytes, EventPeek& out) {
  FieldWalker fields(bytes);
  while (fields.next()) {
    switch (fields.field()) {
      case 3:
        out.stream = fields.bytes();
        break;
      case 4:
        out.sequence = fields.number();
        break;
      case 5:
        out.topic_sequence = fields.number();
        break;
      default:
        break;
    }
    // Fields come in the order of their numbers: the payload, which is the bulk, need not be read.
    if (fields.field() >= 5) return true;
  }
  return fields.ok();
}

bool peek_event(std::string_view bytes, EventPeek& out) {
  FieldWalker fields(bytes);
  while (fields.next()) {
    if (fields.field() == 1) out.topic = fields.bytes();
    if (fields.field() == 2) out.envelope = fields.bytes();
  }
  return fields.ok() && peek_envelope(out.envelope, out);
}

}  // namespace

std::string segment_name(std::uint64_t first_index) {
  return fmt::format("{:020}{}", first_index, kSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || name.substr(kNameDigits) != kSuffix) {
    return std::nullopt;
  }
  std::uint64_t index = 0;
  const auto* end = name.data() + kNameDigits;
  const auto [at, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc{} || at != end || index == 0) return std::nullopt;
  return index;
}

std::string segment_header(std::uint64_t first_index) {
  std::string out(kMagic);
  put(first_index, out);
  put(crc32c(out), out);
  out.resize(kSegmentHeaderBytes, '\0');
  return out;
}

std::optional<std::uint64_t> parse_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return std::nullopt;
  const auto index = get<std::uint64_t>(bytes, kMagic.size());
  if (bytes.substr(0, kSegmentHeaderBytes) != segment_header(index)) return std::nullopt;
  return index;
}

void append_record(std::string_view payload, std::uint64_t durable_index, std::string& out) {
  std::string covered;
  covered.reserve(12);
  put(static_cast<std::uint32_t>(payload.size()), covered);
  put(durable_index, covered);
  put(static_cast<std::uint32_t>(payload.size()), out);
  put(crc32c(covered, payload), out);
  put(durable_index, out);
  out.append(payload);
}

RecordFault parse_record(std::string_view bytes, ParsedRecord& out) {
  if (bytes.size() < kRecordHeaderBytes) return RecordFault::kShort;
  const auto length = get<std::uint32_t>(bytes, 0);
  // An empty record is never written; zeros are what a file system leaves where data never arrived.
  if (length == 0 || length > kMaxRecordBytes) return RecordFault::kDamaged;
  if (bytes.size() - kRecordHeaderBytes < length) return RecordFault::kShort;
  out.payload = bytes.substr(kRecordHeaderBytes, length);
  out.durable_index = get<std::uint64_t>(bytes, 8);
  out.bytes = kRecordHeaderBytes + length;
  std::string covered;
  covered.reserve(12);
  covered.append(bytes.substr(0, 4));
  covered.append(bytes.substr(8, 8));
  if (crc32c(covered, out.payload) != get<std::uint32_t>(bytes, 4)) return RecordFault::kDamaged;
  return RecordFault::kNone;
}

std::optional<RecordPeek> peek_record(std::string_view payload) {
  RecordPeek peek;
  FieldWalker fields(payload);
  while (fields.next()) {
    if (fields.field() == 1) peek.index = fields.number();
    if (fields.field() > 2) peek.kind = fields.field();
    if (fields.field() == 3) {
      if (!peek_event(fields.bytes(), peek.event.emplace())) return std::nullopt;
    }
  }
  if (!fields.ok()) return std::nullopt;
  return peek;
}

void append_event_record(std::uint64_t index, std::int64_t timestamp, std::string_view topic,
                         std::string_view envelope, std::string& out) {
  // JournalRecord { index = 1, timestamp = 2, event = 3 { topic = 1, envelope = 2 } }
  const std::size_t event_bytes = 1 + varint_bytes(topic.size()) + topic.size() + 1 +
                                  varint_bytes(envelope.size()) + envelope.size();
  put_tag(1, Type::kVarint, out);
  put_varint(index, out);
  put_tag(2, Type::kVarint, out);
  put_varint(static_cast<std::uint64_t>(timestamp), out);
  put_tag(3, Type::kBytes, out);
  put_varint(event_bytes, out);
  put_tag(1, Type::kBytes, out);
  put_varint(topic.size(), out);
  out.append(topic);
  put_tag(2, Type::kBytes, out);
  put_varint(envelope.size(), out);
  out.append(envelope);
}

}  // namespace perpwire::journal
