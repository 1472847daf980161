#pragma once

#include "perpwire/v1/envelope.pb.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::persister {

/// One event as a page carried it.
struct StoredEvent {
  std::string topic;
  v1::Envelope envelope;
};

/// A payload that is no envelope. It keeps the number that its place in the page gives it.
struct UnreadableEvent {
  std::uint64_t sequence = 0;
  std::string topic;
  std::string payload;
  std::string error;
};

/// Events that exist (or existed) and that nobody can give us any more: sequences `from` to `to`;
/// nothing = nobody knows how many.
struct Gap {
  std::uint64_t from = 0;
  std::optional<std::uint64_t> to;
  std::string reason;
};

/// What one page of one stream adds. Everything from `from_sequence` to `next_sequence - 1` is
/// accounted for exactly once: as an event, as an unreadable one, or inside a gap.
struct Batch {
  std::string stream;
  std::uint64_t from_sequence = 1;
  std::uint64_t next_sequence = 1;
  std::vector<StoredEvent> events;  // ascending
  std::vector<UnreadableEvent> unreadable;
  std::vector<Gap> gaps;
  std::string previous_stream;  // of a stream's first batch, where its stream_opened names one
  bool closes = false;          // the stream has ended and is read to its end
};

/// How far a stream is read. Written in the same transaction as the rows it covers.
struct StreamCursor {
  std::string stream;
  std::uint64_t next_sequence = 1;
  bool closed = false;
};

}  // namespace perpwire::persister
