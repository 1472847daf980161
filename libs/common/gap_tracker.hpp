#pragma once

#include "libs/common/bus_numbers.hpp"
#include "libs/common/time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace perpwire::v1 {
class Envelope;
}

namespace perpwire {

/// One event as it travels through a tracker. Shared because the envelope is immutable once made.
struct BusEvent {
  std::string topic;  // without `pb.`
  std::shared_ptr<const v1::Envelope> envelope;
  std::string stream;
  std::uint64_t sequence = 0;
  std::uint64_t topic_sequence = 0;
};

/// Where a consumer stands: it has everything of `stream` below `next_sequence`.
struct StreamPosition {
  std::string stream;
  std::uint64_t next_sequence = 1;

  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

/// Orders the events of one publisher's streams and finds what is missing: live messages are a
/// hint, pages the truth. Pure; the driver (BusSubscriber) does the asking.
///
/// Promise: every event of the publisher's streams from the start on is delivered exactly once and
///          in order (a stream after the one that its stream_opened names), or reported by Lost;
///          whatever is lost, doubled or delayed on the way. The live subscription must carry all
///          topics of the publisher (`sequence` then has no holes of its own); pages may be
///          filtered, as long as they keep the topics `stream.`.
/// Which stream is live, heartbeats say: last values of an older one may be re-sent at any time.
class StreamGapTracker {
 public:
  struct Deliver {
    BusEvent event;
  };
  /// Ask `replay` for the stream from the sequence. One is open at a time; answer with on_page,
  /// on_not_kept, on_unknown_stream or on_page_failed.
  struct AskPage {
    std::string stream;
    std::uint64_t from_sequence = 1;
    std::uint32_t limit = 1'000;
  };
  /// Events [from, to] of the stream cannot be had any more. to = 0: nobody knows how many, maybe
  /// none.
  struct Lost {
    std::string stream;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  using Action = std::variant<Deliver, AskPage, Lost>;
  using Actions = std::vector<Action>;

  struct Counters {
    std::uint64_t delivered = 0;
    std::uint64_t duplicates = 0;    // delivered before
    std::uint64_t other_stream = 0;  // of a stream that is not (yet) live: pages have them
    std::uint64_t gaps = 0;          // times something was found missing
    std::uint64_t held_dropped = 0;  // not held because the buffer was full: pages have them
    std::uint64_t lost_events = 0;
  };

  /// With a position: everything from there on. Without: from the first heartbeat on, and what came
  /// live without a hole just before it.
  explicit StreamGapTracker(std::optional<StreamPosition> start, std::size_t max_held = 10'000);

  void on_event(BusEvent event, Actions& out);
  void on_heartbeat(std::string_view stream, std::uint64_t newest_sequence, Actions& out);
  /// The driver says that messages may have been lost unseen (start, reconnect, heartbeats over 4 s
  /// apart): asks for a page if it knows a position.
  void on_suspicion(Actions& out);

  /// The answer to the open AskPage: events in order, the page's two numbers.
  void on_page(std::vector<BusEvent> events, std::uint64_t next_sequence,
               std::uint64_t last_sequence, Actions& out);
  void on_not_kept(std::uint64_t first_sequence, Actions& out);
  void on_unknown_stream(Actions& out);
  /// No answer, or one that makes no sense: the driver calls retry() after its backoff.
  void on_page_failed();
  void retry(Actions& out);

  [[nodiscard]] bool page_open() const { return open_ != Open::kNone; }
  /// Waits for retry().
  [[nodiscard]] bool waiting() const { return waiting_; }
  /// The position is known and nothing is known to be missing.
  [[nodiscard]] bool in_step() const;
  [[nodiscard]] std::optional<StreamPosition> position() const { return cursor_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  enum class Open {
    kNone,
    kEvents,  // of the cursor's stream
    kLink,    // the first event of walk_.front(), which names the stream before it
  };

  void begin(std::string_view stream, std::uint64_t newest_sequence, Actions& out);
  void deliver(BusEvent event, Actions& out);
  void drain_held(Actions& out);
  void advance(Actions& out);
  void ask(Open kind, Actions& out);
  void on_link(const std::vector<BusEvent>& events, Actions& out);
  void link_broken(Actions& out);
  [[nodiscard]] bool link_wanted() const;
  void end_walk();
  void lost(std::uint64_t from, std::uint64_t to, Actions& out);
  [[nodiscard]] bool following() const { return cursor_->stream == live_; }

  std::optional<StreamPosition> cursor_;
  std::string live_;                        // the publisher's stream
  std::uint64_t known_ = 0;                 // its newest sequence that is known to exist
  std::map<std::uint64_t, BusEvent> held_;  // its events beyond the cursor
  std::size_t max_held_;
  bool finished_ = false;          // the cursor's stream is not live and has no more events
  std::deque<std::string> chain_;  // streams after the cursor's, as their links say, oldest first
  std::deque<std::string> walk_;   // being asked for links, from the live stream back
  Open open_ = Open::kNone;
  std::string open_stream_;
  std::uint64_t open_from_ = 0;
  bool open_final_ = false;  // its stream was not live when it was asked
  bool waiting_ = false;
  bool suspicion_ = false;
  bool gap_counted_ = false;
  Counters counters_;
};

/// Tracks topics one by one by topic_sequence, for channels where the newest message is what counts
/// (md.*): drops what was seen, says how many were missed. Pure.
class TopicGapTracker {
 public:
  struct Verdict {
    enum class Kind { kDeliver, kDuplicate } kind = Kind::kDeliver;
    std::uint64_t missed = 0;  // messages of the topic lost just before this one
    bool new_stream = false;   // the publisher started anew (or first message of the topic)
  };
  Verdict on_event(std::string_view topic, std::string_view stream, std::uint64_t topic_sequence);
  /// Topics seen whose newest number in a heartbeat is beyond ours: their newest messages were
  /// lost.
  std::vector<std::string> behind(std::string_view stream,
                                  const std::map<std::string, std::uint64_t>& newest) const;

  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }

 private:
  struct Seen {
    std::string stream;
    std::uint64_t topic_sequence = 0;
  };
  StringMap<Seen> topics_;
  std::uint64_t missed_ = 0;
  std::uint64_t duplicates_ = 0;
};

/// Whether a peer is alive, from its heartbeats. Pure.
class HeartbeatMonitor {
 public:
  static constexpr Nanos kStaleAfter = std::chrono::seconds(2);
  static constexpr Nanos kSilence = std::chrono::seconds(4);

  /// `timestamp` of the heartbeat; both of our clocks at its arrival. Returns true if it is the
  /// first, or over 4 s after the one before by `timestamp`: ask for pages.
  bool on_heartbeat(UnixNanos timestamp, Nanos monotonic_now);
  /// The newest heartbeat is over 2 s old by its timestamp or by our monotonic clock; also before
  /// the first.
  [[nodiscard]] bool stale(UnixNanos wall_now, Nanos monotonic_now) const;

 private:
  std::optional<UnixNanos> newest_;
  Nanos arrived_{0};
};

}  // namespace perpwire
