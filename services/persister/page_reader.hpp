#pragma once

#include "libs/common/backoff.hpp"
#include "libs/common/error_code.hpp"
#include "libs/common/time.hpp"
#include "services/persister/batch.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace perpwire::persister {

/// A replay page as it came; payloads are not parsed yet.
struct Page {
  struct Event {
    std::string topic;
    std::string payload;
  };
  std::string stream{};  // empty where the server did not say
  std::uint64_t next_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::vector<Event> events{};
};

/// The server said no.
struct PageRefusal {
  ErrorCode code = ErrorCode::kInternal;
  std::uint64_t first_sequence = 0;  // of kNotKept
  std::string reason{};
};

/// Ask `replay`; answer with on_page, on_refused or on_failed. At most one is open.
struct AskPage {
  std::string stream;  // empty: the current one
  std::uint64_t from_sequence = 1;
  std::uint32_t limit = 1'000;
};
/// Hand it to the store; report it with on_committed once its transaction is done.
struct StoreBatch {
  Batch batch;
};
/// Something that an operator should know.
struct Alarm {
  std::string text;
};
using ReaderAction = std::variant<AskPage, StoreBatch, Alarm>;
using ReaderActions = std::vector<ReaderAction>;

struct PageReaderSettings {
  /// How often to ask for a page when nothing hints at news: the bus may be silent or lossy.
  Nanos poll_interval = std::chrono::milliseconds(250);
  /// After a page that reached the end, news are let gather for so long before the next question:
  /// under load a page and a transaction then hold many events, not one. 0 = ask at once.
  Nanos gather{0};
  BackoffOptions backoff{};
  /// Batches handed out and not yet committed before reading pauses.
  std::size_t max_in_flight = 16;
  std::uint32_t page_limit = 1'000;

  /// What the store's queue must hold: the last page of a stream that has ended is two batches, its
  /// events and its end.
  [[nodiscard]] std::size_t most_uncommitted() const { return max_in_flight + 1; }
};

struct PageReaderCounters {
  std::uint64_t pages = 0;
  std::uint64_t failures = 0;  // no answer, or one that contradicts itself
  std::uint64_t duplicates = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_events = 0;  // inside gaps of known length
};

/// Reads one event-keeping process (gateway, risk) from its replay pages, from where the store
/// stands, for ever. Pure: sockets and clocks are the driver's.
///
/// Promise: handed out in order, each sequence of each stream lies in exactly one batch as an
/// event,
///          as an unreadable payload or inside a gap. Streams that a newer one names
///          (stream_opened) or that the store knows are read to their end first. The bus only wakes
///          it: a hint that lies costs one question, one that never comes costs the poll interval.
class PageReader {
 public:
  /// `known`: the store's cursors, oldest first; those of other processes do no harm.
  PageReader(const PageReaderSettings& settings, const std::vector<StreamCursor>& known);

  void start(ReaderActions& out);
  /// A heartbeat or a live message of the process: `stream` has reached `newest_sequence`.
  void on_hint(std::string_view stream, std::uint64_t newest_sequence, ReaderActions& out);
  void on_page(const Page& page, Nanos now, ReaderActions& out);
  void on_refused(const PageRefusal& refusal, Nanos now, ReaderActions& out);
  /// No answer in time, connection lost, or an answer that is no page.
  void on_failed(Nanos now);
  /// One batch is safe in the store.
  void on_committed(ReaderActions& out);
  /// Call at least every 50 ms.
  void on_timer(Nanos now, ReaderActions& out);

  /// The stream being read, empty before the first page.
  [[nodiscard]] const std::string& stream() const { return current_; }
  [[nodiscard]] std::uint64_t next_sequence() const { return next_; }
  /// Events known to exist in the stream being read that no page has brought yet.
  [[nodiscard]] std::uint64_t behind() const { return newest_ >= next_ ? newest_ - next_ + 1 : 0; }
  /// The process answers: nothing has failed since the last answer.
  [[nodiscard]] bool reachable() const { return reachable_; }
  [[nodiscard]] const PageReaderCounters& counters() const { return counters_; }

 private:
  struct Known {
    std::uint64_t next_sequence = 1;
    bool closed = false;
    std::size_t order = 0;
  };

  void ask(AskPage request, ReaderActions& out);
  void go_on(ReaderActions& out);
  void discovered(const std::string& stream, ReaderActions& out);
  void begin(const std::string& stream);
  void accept(const Page& page, const AskPage& asked, Nanos now, ReaderActions& out);
  /// Whether the page opens a stream whose predecessor must be read first; then turns to that.
  bool turn_to_predecessor(const Batch& batch);
  void finish_current(std::string_view why, ReaderActions& out);
  void hand_out(Batch batch, ReaderActions& out);
  void add_gap(Batch& batch, std::uint64_t from, std::optional<std::uint64_t> to,
               std::string reason, ReaderActions& out);
  void retry_later(Nanos now);
  [[nodiscard]] bool is_resumed_later(std::string_view stream) const;

  PageReaderSettings settings_;
  Backoff backoff_;
  std::map<std::string, Known, std::less<>> known_;
  std::map<std::string, std::uint64_t, std::less<>> named_end_;  // by the successor's stream_opened

  std::string current_;              // being read; empty: not known yet
  std::uint64_t next_ = 1;           // first sequence of it that no batch covers
  std::uint64_t newest_ = 0;         // of it, known to exist
  std::string live_;                 // the stream that the process writes now
  std::vector<std::string> resume_;  // to be read after the current one, the next one last
  std::uint64_t discover_from_ = 1;

  std::optional<AskPage> asked_;
  std::size_t in_flight_ = 0;
  bool drained_ = false;   // the last page reached the end of the stream
  bool poll_now_ = false;  // somebody spoke of another stream: ask which one is live
  bool reachable_ = false;
  std::optional<Nanos> retry_at_;
  std::optional<Nanos> gather_until_;
  Nanos last_answer_{0};
  PageReaderCounters counters_;
};

}  // namespace perpwire::persister
