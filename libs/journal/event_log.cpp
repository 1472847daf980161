#include "libs/journal/event_log.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/protobuf_log.hpp"
#include "libs/common/utf8.hpp"
#include "libs/journal/record_format.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

namespace perpwire::journal {
namespace {

constexpr std::uint32_t kMaxPageEvents = 1'000;
constexpr std::size_t kMaxPageBytes = 4u << 20;
/// One mark for each so many events of a stream.
constexpr std::uint64_t kMarkEvery = 32;

/// Where an event stands in the journal.
struct Mark {
  std::uint64_t sequence = 0;
  std::uint64_t record = 0;
};

struct Stream {
  std::string id;
  std::string boot_id = {};
  std::uint64_t first_kept = 1;
  std::uint64_t last = 0;
  std::uint64_t record = 0;  // from which on its events stand
  std::vector<Mark> marks = {};

  void saw(std::uint64_t sequence, std::uint64_t at) {
    if (marks.empty() || sequence >= marks.back().sequence + kMarkEvery) {
      marks.push_back({.sequence = sequence, .record = at});
    }
    last = sequence;
  }
  /// A record at or before the event.
  [[nodiscard]] std::uint64_t record_before(std::uint64_t sequence) const {
    auto mark = std::upper_bound(marks.begin(), marks.end(), sequence,
                                 [](std::uint64_t s, const Mark& m) { return s < m.sequence; });
    return mark == marks.begin() ? record : (--mark)->record;
  }
};

bool wanted(std::string_view topic, const google::protobuf::RepeatedPtrField<std::string>& topics) {
  return topics.empty() || std::any_of(topics.begin(), topics.end(), [&](const auto& prefix) {
           return topic.substr(0, prefix.size()) == prefix;
         });
}

}  // namespace

std::string_view to_string(StreamDecision decision) {
  switch (decision) {
    case StreamDecision::kContinue:
      return "continued";
    case StreamDecision::kFirst:
      return "no stream yet";
    case StreamDecision::kOtherBoot:
      return "the machine was restarted";
    case StreamDecision::kWatermarkMissing:
      return "the watermark in run_dir is missing";
    case StreamDecision::kBehindWatermark:
      return "the journal is behind the watermark";
    case StreamDecision::kOtherStream:
      return "the watermark is another stream's";
  }
  PW_ASSERT(false);
}

StreamDecision decide_stream(const std::optional<RecoveredStream>& recovered,
                             std::string_view boot_id, const std::optional<Watermark>& watermark) {
  if (!recovered) return watermark ? StreamDecision::kBehindWatermark : StreamDecision::kFirst;
  if (recovered->boot_id != boot_id) return StreamDecision::kOtherBoot;
  if (!watermark) return StreamDecision::kWatermarkMissing;
  if (watermark->stream != recovered->stream) return StreamDecision::kOtherStream;
  if (recovered->last_sequence < watermark->written.sequence ||
      recovered->last_record < watermark->written.record) {
    return StreamDecision::kBehindWatermark;
  }
  return StreamDecision::kContinue;
}

struct EventLog::Impl {
  Impl(WatermarkStore& mark, const EventLogConfig& with) : watermark(mark), config(with) {}

  Status open(Storage& storage, Syncer& syncer, const JournalConfig& journal_config,
              const Recovery& recovery, UnixNanos now);
  void recover(const RecordView& view, const Recovery& recovery);
  Status begin_stream(UnixNanos now);
  Status append_opened(UnixNanos now);
  void write_checkpoint(v1::JournalRecord& record) const;
  Result<EventNumbers> append(std::string_view topic, v1::Envelope& envelope, UnixNanos now);
  void forget_before(std::uint64_t first_record);
  [[nodiscard]] const Stream* find(std::string_view id) const {
    const auto at = std::find_if(streams.begin(), streams.end(),
                                 [&](const Stream& stream) { return stream.id == id; });
    return at == streams.end() ? nullptr : &*at;
  }
  [[nodiscard]] std::string opened_topic() const {
    return fmt::format("stream.{}.{}", config.process, config.instance);
  }

  WatermarkStore& watermark;
  EventLogConfig config;
  std::unique_ptr<Journal> journal;
  std::deque<Stream> streams;  // oldest kept first; the last is the current one
  StringMap<std::uint64_t> topics;
  StreamDecision decision = StreamDecision::kFirst;
  std::optional<RecoveredStream> previous;
  std::unique_ptr<v1::Envelope> opened;  // journaled by open(), published by start_publishing()
  Sink sink;
  std::string encoded;
  std::map<std::string, std::pair<std::string, std::uint64_t>, std::less<>> acknowledged;
};

// ---- opening ----

void EventLog::Impl::recover(const RecordView& view, const Recovery& recovery) {
  const auto peek = peek_record(view.payload);
  PW_ASSERT(peek.has_value());  // the journal has looked at it already
  v1::JournalRecord record;
  const bool decode = recovery || peek->kind == v1::JournalRecord::kStreamStart ||
                      peek->kind == v1::JournalRecord::kCheckpoint;
  const bool reads =
      !decode || record.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
  // An event that does not read has its number all the same: it is not given a second time.
  if (!reads && !peek->event) return;
  if (peek->event) {
    const auto& event = *peek->event;
    if (streams.empty() || streams.back().id != event.stream) {
      // Never written so; its boot is then unknown, which begins a new stream.
      streams.push_back(
          {.id = std::string(event.stream), .first_kept = event.sequence, .record = view.index});
      topics.clear();
    }
    streams.back().saw(event.sequence, view.index);
    topics.insert_or_assign(std::string(event.topic), event.topic_sequence);
  } else if (record.has_stream_start()) {
    streams.push_back({.id = record.stream_start().stream(),
                       .boot_id = record.stream_start().boot_id(),
                       .record = view.index});
    topics.clear();
  } else if (record.has_checkpoint() && streams.empty()) {
    const auto& checkpoint = record.checkpoint();
    streams.push_back({.id = checkpoint.stream(),
                       .boot_id = checkpoint.boot_id(),
                       .first_kept = checkpoint.sequence() + 1,
                       .last = checkpoint.sequence(),
                       .record = view.index});
    for (const auto& [topic, sequence] : checkpoint.topics()) topics.emplace(topic, sequence);
  }
  if (recovery && reads) recovery(record);
}

Status EventLog::Impl::open(Storage& storage, Syncer& syncer, const JournalConfig& journal_config,
                            const Recovery& recovery, UnixNanos now) {
  auto opened_journal = Journal::open(storage, syncer, journal_config,
                                      [&](const RecordView& view) { recover(view, recovery); });
  if (!opened_journal) return tl::unexpected(opened_journal.error());
  journal = std::move(*opened_journal);
  journal->on_new_segment([this](v1::JournalRecord& record) { write_checkpoint(record); });

  std::optional<RecoveredStream> recovered;
  if (!streams.empty()) {
    const auto& newest = streams.back();
    recovered = {.stream = newest.id,
                 .boot_id = newest.boot_id,
                 .last_sequence = newest.last,
                 .last_record = journal->last_index()};
  }
  const auto mark = watermark.read();
  decision = decide_stream(recovered, config.boot_id, mark);
  if (decision == StreamDecision::kContinue) {
    if (streams.back().last > 0) return {};
    // Killed between the stream's start and its first event.
    if (streams.size() > 1) {
      const auto& before = streams[streams.size() - 2];
      previous = {.stream = before.id,
                  .boot_id = before.boot_id,
                  .last_sequence = before.last,
                  .last_record = 0};
    }
    return append_opened(now);
  }
  previous = recovered;
  if (!previous && mark) {
    previous = {.stream = mark->stream, .boot_id = {}, .last_sequence = 0, .last_record = 0};
  }
  return begin_stream(now);
}

Status EventLog::Impl::begin_stream(UnixNanos now) {
  v1::JournalRecord record;
  record.mutable_stream_start()->set_stream(config.new_stream_id);
  record.mutable_stream_start()->set_boot_id(config.boot_id);
  const auto index = journal->append(record, now);
  if (!index) return tl::unexpected(index.error());
  streams.push_back({.id = config.new_stream_id, .boot_id = config.boot_id, .record = *index});
  topics.clear();
  watermark.write(config.new_stream_id, {.sequence = 0, .record = *index});
  return append_opened(now);
}

Status EventLog::Impl::append_opened(UnixNanos now) {
  opened = std::make_unique<v1::Envelope>();
  opened->set_event_type("stream_opened");
  auto& event = *opened->mutable_stream_opened();
  if (previous) {
    event.set_previous_stream(previous->stream);
    event.set_last_sequence(previous->last_sequence);
  }
  const auto numbers = append(opened_topic(), *opened, now);
  if (!numbers) return tl::unexpected(numbers.error());
  PW_ASSERT(numbers->sequence == 1);
  return {};
}

void EventLog::Impl::write_checkpoint(v1::JournalRecord& record) const {
  if (streams.empty()) return;
  auto& checkpoint = *record.mutable_checkpoint();
  checkpoint.set_stream(streams.back().id);
  checkpoint.set_boot_id(streams.back().boot_id);
  checkpoint.set_sequence(streams.back().last);
  for (const auto& [topic, sequence] : topics) (*checkpoint.mutable_topics())[topic] = sequence;
}

// ---- appending ----

Result<EventNumbers> EventLog::Impl::append(std::string_view topic, v1::Envelope& envelope,
                                            UnixNanos now) {
  Stream& stream = streams.back();
  auto known = topics.find(topic);
  const EventNumbers numbers{.sequence = stream.last + 1,
                             .topic_sequence = known == topics.end() ? 1 : known->second + 1};
  envelope.set_stream(stream.id);
  envelope.set_sequence(numbers.sequence);
  envelope.set_topic_sequence(numbers.topic_sequence);
  envelope.set_timestamp(now.value());
  {
    const ProtobufWords words;
    envelope.SerializeToString(&encoded);
    if (!words.text().empty()) {  // whoever reads it would refuse it whole, ourselves too
      make_readable(envelope);
      envelope.SerializeToString(&encoded);
    }
  }
  const auto index = journal->append_event(topic, encoded, now);
  if (!index) return tl::unexpected(index.error());
  watermark.write(stream.id, {.sequence = numbers.sequence, .record = *index});
  stream.saw(numbers.sequence, *index);
  if (known == topics.end()) {
    topics.emplace(std::string(topic), numbers.topic_sequence);
  } else {
    known->second = numbers.topic_sequence;
  }
  if (sink) sink(topic, envelope, encoded);
  return numbers;
}

// ---- trimming ----

void EventLog::Impl::forget_before(std::uint64_t first_record) {
  // The first event that is still there says which streams are gone.
  std::optional<std::string> stream;
  std::uint64_t sequence = 0;
  const auto found = journal->read(first_record, [&](const RecordView& view) {
    const auto peek = peek_record(view.payload);
    if (!peek || !peek->event) return true;
    stream = std::string(peek->event->stream);
    sequence = peek->event->sequence;
    return false;
  });
  if (!found) return;
  while (streams.size() > 1 && stream && streams.front().id != *stream) streams.pop_front();
  Stream& oldest = streams.front();
  if (!stream) sequence = oldest.last + 1;
  if (sequence <= oldest.first_kept) return;
  oldest.first_kept = sequence;
  oldest.record = first_record;
  const auto gone = std::find_if(oldest.marks.begin(), oldest.marks.end(),
                                 [&](const Mark& mark) { return mark.record >= first_record; });
  oldest.marks.erase(oldest.marks.begin(), gone);
}

// ---- EventLog ----

EventLog::EventLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLog::~EventLog() = default;

Result<std::unique_ptr<EventLog>> EventLog::open(Storage& storage, Syncer& syncer,
                                                 WatermarkStore& watermark,
                                                 const EventLogConfig& config,
                                                 const JournalConfig& journal_config,
                                                 const Recovery& recovery, UnixNanos now) {
  auto impl = std::make_unique<Impl>(watermark, config);
  if (auto opened = impl->open(storage, syncer, journal_config, recovery, now); !opened) {
    return tl::unexpected(opened.error());
  }
  return std::unique_ptr<EventLog>(new EventLog(std::move(impl)));
}

void EventLog::start_publishing(Sink sink) {
  impl_->sink = std::move(sink);
  if (impl_->opened == nullptr) return;
  const auto opened = std::move(impl_->opened);
  impl_->sink(impl_->opened_topic(), *opened, opened->SerializeAsString());
}

Result<EventNumbers> EventLog::append(std::string_view topic, v1::Envelope& envelope,
                                      UnixNanos now) {
  PW_ASSERT(envelope.payload_case() != v1::Envelope::PAYLOAD_NOT_SET);
  return impl_->append(topic, envelope, now);
}

Result<std::uint64_t> EventLog::append_note(v1::JournalRecord& record, UnixNanos now) {
  PW_ASSERT(!record.has_event() && !record.has_stream_start() && !record.has_checkpoint());
  const auto index = impl_->journal->append(record, now);
  if (index) {
    const Stream& stream = impl_->streams.back();
    impl_->watermark.write(stream.id, {.sequence = stream.last, .record = *index});
  }
  return index;
}

const std::string& EventLog::stream() const { return impl_->streams.back().id; }
std::uint64_t EventLog::last_sequence() const { return impl_->streams.back().last; }
StreamDecision EventLog::decision() const { return impl_->decision; }
std::optional<RecoveredStream> EventLog::previous() const { return impl_->previous; }
Journal& EventLog::journal() { return *impl_->journal; }
const Journal& EventLog::journal() const { return *impl_->journal; }

std::vector<std::string> EventLog::replay_page(const v1::PageRequest& request, bool json) const {
  if (auto checked = check_replay(request); !checked) {
    return page_error(request, json, checked.error().code, checked.error().text);
  }
  const Stream* stream =
      request.stream().empty() ? &impl_->streams.back() : impl_->find(request.stream());
  if (stream == nullptr) {
    return page_error(request, json, ErrorCode::kUnknownStream,
                      fmt::format("stream {} is not kept here", request.stream()));
  }
  const std::uint64_t from = std::max<std::uint64_t>(
      request.has_from_sequence() ? request.from_sequence() : stream->first_kept, 1);
  if (from < stream->first_kept) return not_kept(request, json, stream->id, stream->first_kept);

  v1::PageReply head;
  head.set_type("replay_page");
  head.set_request_id(request.request_id());
  head.set_stream(stream->id);
  head.set_last_sequence(stream->last);
  std::vector<std::string> parts(1);
  std::uint64_t next = from;
  std::size_t page_bytes = 0;
  std::size_t journal_bytes = 0;
  const std::uint32_t limit =
      std::min(request.has_limit() ? request.limit() : kMaxPageEvents, kMaxPageEvents);
  const auto each = [&](const RecordView& view) {
    const auto peek = peek_record(view.payload);
    if (!peek || !peek->event) {
      // Once past the first event, records of other kinds count for what a request may read.
      if (next > from) journal_bytes += view.payload.size();
      return journal_bytes < kMaxPageBytes;
    }
    const auto& event = *peek->event;
    if (event.stream != stream->id) return next == from;  // after its last event: the next stream
    if (event.sequence < from) return true;
    journal_bytes += view.payload.size();
    if (wanted(event.topic, request.topics())) {
      std::string payload;
      if (json) {
        v1::Envelope envelope;
        envelope.ParseFromArray(event.envelope.data(), static_cast<int>(event.envelope.size()));
        append_contract_json(envelope, payload);
      } else {
        payload = event.envelope;
      }
      if (parts.size() > 1 && page_bytes + payload.size() > kMaxPageBytes) return false;
      page_bytes += payload.size();
      parts.emplace_back(event.topic);
      parts.push_back(std::move(payload));
    }
    next = event.sequence + 1;
    return next <= stream->last && parts.size() < 1 + 2 * std::size_t{limit} &&
           page_bytes < kMaxPageBytes && journal_bytes < kMaxPageBytes;
  };
  if (from <= stream->last) {
    if (auto read = impl_->journal->read(stream->record_before(from), each); !read) {
      return page_error(request, json, ErrorCode::kInternal, read.error().text);
    }
  }
  head.set_next_sequence(next);
  parts.front() = encode_message(head, json);
  return parts;
}

void EventLog::acknowledge(std::string_view consumer, std::string_view stream,
                           std::uint64_t next_sequence) {
  impl_->acknowledged.insert_or_assign(std::string(consumer),
                                       std::pair{std::string(stream), next_sequence});
}

Result<std::size_t> EventLog::trim(const std::vector<std::string>& durable_consumers,
                                   std::uint64_t keep_from_index) {
  std::uint64_t keep = keep_from_index;
  for (const auto& consumer : durable_consumers) {
    const auto at = impl_->acknowledged.find(consumer);
    const Stream* stream =
        at == impl_->acknowledged.end() ? nullptr : impl_->find(at->second.first);
    if (stream == nullptr) return 0;  // it has not said how far it is
    const auto next = at->second.second;
    const bool has_all = stream == &impl_->streams.back() && next > stream->last;
    if (!has_all) keep = std::min(keep, stream->record_before(next));
  }
  auto removed = impl_->journal->trim(keep);
  if (removed && *removed > 0) impl_->forget_before(impl_->journal->first_index());
  return removed;
}

}  // namespace perpwire::journal
