#pragma once

#include "libs/common/gap_tracker.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <variant>
#include <vector>

namespace perpwire {

/// Keeps one `delta` topic whole: each delta follows its predecessor (topic_sequence), or a
/// snapshot replaces them all. Pure.
///
/// A snapshot is a delta with `snapshot` true that carries the topic_sequence of the last delta it
/// contains: deltas at or below it are dropped.
class DeltaRepair {
 public:
  struct Deliver {
    BusEvent event;
  };
  struct AskSnapshot {};
  using Action = std::variant<Deliver, AskSnapshot>;
  using Actions = std::vector<Action>;

  /// Beyond it the oldest held delta goes: the snapshot that comes will be newer, or asked for
  /// again.
  static constexpr std::size_t kMaxHeld = 1'000;

  /// At the subscription: there is no book yet.
  void start(Actions& out);
  /// Returns how many deltas were lost just before this one.
  std::uint64_t on_delta(BusEvent event, Actions& out);
  void on_snapshot(BusEvent snapshot, Actions& out);
  void on_snapshot_failed() { asked_ = false; }
  /// After the driver's backoff.
  void retry(Actions& out);

  [[nodiscard]] bool in_step() const { return in_step_; }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }

 private:
  void ask(Actions& out);

  std::string stream_;
  std::uint64_t seen_ = 0;  // newest topic_sequence that came
  bool in_step_ = false;
  bool asked_ = false;
  std::deque<BusEvent> held_;
  std::uint64_t duplicates_ = 0;
};

}  // namespace perpwire
