#pragma once

#include "libs/common/bus_numbers.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/journal/journal.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class Envelope;
class JournalRecord;
class PageRequest;
}  // namespace perpwire::v1

namespace perpwire::journal {

/// How far a journal had come.
struct Written {
  std::uint64_t sequence = 0;  // of its newest stream: the last number given out
  std::uint64_t record = 0;    // its newest record, notes included: they have no number
};
/// The same, kept where a power cut does not keep it.
struct Watermark {
  std::string stream;
  Written written;
};

/// The file in run_dir (tmpfs) that says how far the journal had come under this boot.
class WatermarkStore {
 public:
  virtual ~WatermarkStore() = default;
  /// Nothing if the file is missing, new or not whole.
  [[nodiscard]] virtual std::optional<Watermark> read() const = 0;
  virtual void write(std::string_view stream, Written written) = 0;
};

/// Memory-mapped. Throws ConfigError if it cannot be created.
std::unique_ptr<WatermarkStore> open_watermark(const std::string& file);
std::unique_ptr<WatermarkStore> make_memory_watermark();
/// /proc/sys/kernel/random/boot_id
std::string kernel_boot_id();

/// Why a log opens the stream that it opens.
enum class StreamDecision {
  kContinue,          // same boot, journal not behind the watermark
  kFirst,             // there was none
  kOtherBoot,         // the machine was restarted since
  kWatermarkMissing,  // run_dir was emptied
  kBehindWatermark,   // numbers were given out, or records written, that the journal does not have
  kOtherStream,       // the watermark is another stream's: a restored or exchanged journal
};
std::string_view to_string(StreamDecision decision);

/// What a journal says of its newest stream.
struct RecoveredStream {
  std::string stream;
  std::string boot_id;
  std::uint64_t last_sequence = 0;
  std::uint64_t last_record = 0;
};
/// Pure. Whether numbering may go on: only if no (stream, sequence) can be given twice,
/// and no record is missing.
StreamDecision decide_stream(const std::optional<RecoveredStream>& recovered,
                             std::string_view boot_id, const std::optional<Watermark>& watermark);

struct EventLogConfig {
  std::string process = {};        // "order-gateway"
  std::string instance = {};       // "main"
  std::string boot_id = {};        // kernel_boot_id()
  std::string new_stream_id = {};  // make_stream_id(): taken if a new stream is opened
};

/// Numbers the events of one process and keeps them: number, journal, watermark, then publish.
///
/// Promise: no (stream, sequence) is ever given to two events, whatever is killed, cut or restored.
/// Threads: one. Lifetime: `storage`, `syncer`, `watermark` outlive it.
class EventLog {
 public:
  /// Gets each event after it is journaled: usually BusPublisher::publish_numbered. `encoded` are
  /// the envelope's protobuf bytes.
  using Sink =
      std::function<void(std::string_view topic, const v1::Envelope&, std::string_view encoded)>;
  /// Sees every kept record at open, in order: the owner rebuilds its state from it.
  using Recovery = std::function<void(const v1::JournalRecord&)>;

  /// Errors: as Journal::open, and kIo. If a new stream is opened, its first event (stream_opened)
  /// is
  ///         journaled here and published by start_publishing().
  static Result<std::unique_ptr<EventLog>> open(Storage& storage, Syncer& syncer,
                                                WatermarkStore& watermark,
                                                const EventLogConfig& config,
                                                const JournalConfig& journal_config,
                                                const Recovery& recovery, UnixNanos now);
  ~EventLog();

  /// From now on events go to `sink`; publishes stream_opened if open() began a stream.
  void start_publishing(Sink sink);

  /// Gives stream, sequence, topic_sequence and timestamp, journals, then hands to the sink.
  ///
  /// Errors: kIo: nothing was numbered nor published (the number is free again).
  Result<EventNumbers> append(std::string_view topic, v1::Envelope& envelope, UnixNanos now);
  /// Journals without number and without publishing: order intents, actions sent, notes.
  Result<std::uint64_t> append_note(v1::JournalRecord& record, UnixNanos now);

  [[nodiscard]] const std::string& stream() const;
  [[nodiscard]] std::uint64_t last_sequence() const;
  [[nodiscard]] StreamDecision decision() const;
  /// The stream before this one, if open() began a new one: GatewayStatus and recovery rules hang
  /// on it.
  [[nodiscard]] std::optional<RecoveredStream> previous() const;
  [[nodiscard]] Journal& journal();
  [[nodiscard]] const Journal& journal() const;

  /// Answers a `replay` request: all parts of the reply. JSON or protobuf as `json` says.
  ///
  /// Limits: at most 1,000 events (request.limit), 4 MiB of payload, 4 MiB of journal read: a page
  ///         may be short or empty; next_sequence then still advances.
  [[nodiscard]] std::vector<std::string> replay_page(const v1::PageRequest& request,
                                                     bool json) const;

  /// `consumer` (named in durable_consumers) has everything below `next_sequence` of `stream`.
  /// Whole segments that all of them have are removed when the journal is over half its cap; never
  /// what `keep_from_index` (the owner's oldest record still needed) forbids.
  void acknowledge(std::string_view consumer, std::string_view stream, std::uint64_t next_sequence);
  Result<std::size_t> trim(const std::vector<std::string>& durable_consumers,
                           std::uint64_t keep_from_index);

 private:
  struct Impl;
  explicit EventLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace perpwire::journal
