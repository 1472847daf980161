#include "libs/common/gap_tracker.hpp"

#include "libs/common/assert.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <algorithm>

namespace perpwire {
namespace {

/// Streams that opened one after the other while a consumer was away; more is a fault somewhere.
constexpr std::size_t kMaxWalk = 64;

}  // namespace

// ---- StreamGapTracker ----

StreamGapTracker::StreamGapTracker(std::optional<StreamPosition> start, std::size_t max_held)
    : cursor_(std::move(start)), max_held_(max_held) {
  if (!cursor_) return;
  live_ = cursor_->stream;  // until a heartbeat says otherwise
  known_ = cursor_->next_sequence - 1;
}

void StreamGapTracker::on_event(BusEvent event, Actions& out) {
  if (!cursor_ && event.stream != live_) {
    // Nobody has said yet which stream is live: the newest seen is the best guess.
    held_.clear();
    live_ = event.stream;
    known_ = 0;
  }
  if (event.stream != live_) {
    ++counters_.other_stream;
    return;
  }
  const std::uint64_t sequence = event.sequence;
  if (cursor_ && following()) {
    if (sequence < cursor_->next_sequence) {
      ++counters_.duplicates;
      return;
    }
    if (sequence == cursor_->next_sequence) {
      known_ = std::max(known_, sequence);
      deliver(std::move(event), out);
      advance(out);
      return;
    }
  }
  known_ = std::max(known_, sequence);
  if (held_.count(sequence) != 0) {
    ++counters_.duplicates;
  } else if (held_.size() >= max_held_) {
    ++counters_.held_dropped;
  } else {
    held_.emplace(sequence, std::move(event));
  }
  if (cursor_) advance(out);
}

void StreamGapTracker::begin(std::string_view stream, std::uint64_t newest_sequence, Actions& out) {
  if (stream != live_) held_.clear();
  live_ = stream;
  known_ = newest_sequence;
  // What came without a hole up to the heartbeat was sent after we subscribed, or might have been.
  std::uint64_t next = newest_sequence + 1;
  while (held_.count(next - 1) != 0) --next;
  cursor_ = StreamPosition{.stream = live_, .next_sequence = next};
  held_.erase(held_.begin(), held_.lower_bound(next));
  if (!held_.empty()) known_ = std::max(known_, held_.rbegin()->first);
  advance(out);
}

void StreamGapTracker::on_heartbeat(std::string_view stream, std::uint64_t newest_sequence,
                                    Actions& out) {
  if (!cursor_) {
    begin(stream, newest_sequence, out);
    return;
  }
  if (stream == live_) {
    known_ = std::max(known_, newest_sequence);
  } else {
    live_ = stream;
    known_ = newest_sequence;
    held_.clear();
    walk_.clear();  // it led back from a stream that is live no more
    finished_ = false;
  }
  advance(out);
}

void StreamGapTracker::on_suspicion(Actions& out) {
  if (!cursor_) return;
  suspicion_ = true;
  advance(out);
}

void StreamGapTracker::deliver(BusEvent event, Actions& out) {
  cursor_->next_sequence = event.sequence + 1;
  ++counters_.delivered;
  out.push_back(Deliver{std::move(event)});
}

void StreamGapTracker::drain_held(Actions& out) {
  while (!held_.empty() && held_.begin()->first <= cursor_->next_sequence) {
    auto node = held_.extract(held_.begin());
    if (node.key() < cursor_->next_sequence) {
      ++counters_.duplicates;
    } else {
      deliver(std::move(node.mapped()), out);
    }
  }
}

/// Does whatever can be done now, and asks for what is missing.
void StreamGapTracker::advance(Actions& out) {
  while (!following()) {
    if (!finished_) return ask(Open::kEvents, out);
    if (chain_.empty()) {
      if (walk_.empty()) walk_.push_front(live_);
      return ask(Open::kLink, out);
    }
    cursor_ = StreamPosition{.stream = chain_.front(), .next_sequence = 1};
    chain_.pop_front();
    finished_ = false;
  }
  drain_held(out);
  const bool missing = known_ >= cursor_->next_sequence;
  if (missing && !gap_counted_) ++counters_.gaps;
  gap_counted_ = missing;
  if (missing || suspicion_) ask(Open::kEvents, out);
}

void StreamGapTracker::ask(Open kind, Actions& out) {
  if (open_ != Open::kNone || waiting_) return;
  open_ = kind;
  open_final_ = !following();
  open_stream_ = kind == Open::kLink ? walk_.front() : cursor_->stream;
  open_from_ = kind == Open::kLink ? 1 : cursor_->next_sequence;
  if (kind == Open::kEvents) suspicion_ = false;
  out.push_back(AskPage{.stream = open_stream_,
                        .from_sequence = open_from_,
                        .limit = kind == Open::kLink ? 1U : 1'000U});
}

void StreamGapTracker::on_page(std::vector<BusEvent> events, std::uint64_t next_sequence,
                               std::uint64_t last_sequence, Actions& out) {
  if (open_ == Open::kLink) {
    on_link(events, out);
    return;
  }
  if (open_ == Open::kNone) return;
  if (next_sequence <= open_from_ && next_sequence <= last_sequence) {
    on_page_failed();  // no progress: asking at once again would be a storm
    return;
  }
  open_ = Open::kNone;
  for (auto& event : events) {
    if (event.stream != cursor_->stream) continue;
    if (event.sequence < cursor_->next_sequence) {
      ++counters_.duplicates;
    } else {
      deliver(std::move(event), out);
    }
  }
  cursor_->next_sequence = std::max(cursor_->next_sequence, next_sequence);
  if (following()) {
    known_ = std::max(known_, last_sequence);
  } else if (next_sequence > last_sequence && open_final_) {
    finished_ = true;  // asked when its publisher was gone already: this is all there will ever be
  }
  advance(out);
}

void StreamGapTracker::on_link(const std::vector<BusEvent>& events, Actions& out) {
  open_ = Open::kNone;
  if (!link_wanted()) return advance(out);
  const bool is_first = !events.empty() && events.front().stream == walk_.front() &&
                        events.front().sequence == 1 && events.front().envelope != nullptr &&
                        events.front().envelope->has_stream_opened();
  if (!is_first || walk_.size() >= kMaxWalk) return link_broken(out);
  const auto& before = events.front().envelope->stream_opened().previous_stream();
  if (before == cursor_->stream) {
    end_walk();
  } else if (before.empty() || std::find(walk_.begin(), walk_.end(), before) != walk_.end()) {
    return link_broken(out);
  } else {
    walk_.push_front(before);
  }
  advance(out);
}

/// Between the cursor's stream and the oldest one reached there may have been others.
void StreamGapTracker::link_broken(Actions& out) {
  open_ = Open::kNone;
  lost(cursor_->next_sequence, 0, out);
  end_walk();
  advance(out);
}

/// Not if another stream became live since the link was asked for.
bool StreamGapTracker::link_wanted() const {
  return !walk_.empty() && walk_.front() == open_stream_;
}

void StreamGapTracker::end_walk() {
  chain_ = std::move(walk_);
  walk_.clear();
}

void StreamGapTracker::lost(std::uint64_t from, std::uint64_t to, Actions& out) {
  if (to >= from) counters_.lost_events += to - from + 1;
  out.push_back(Lost{.stream = cursor_->stream, .from = from, .to = to});
}

void StreamGapTracker::on_not_kept(std::uint64_t first_sequence, Actions& out) {
  if (open_ == Open::kLink) {
    open_ = Open::kNone;
    return link_wanted() ? link_broken(out) : advance(out);
  }
  if (open_ == Open::kNone) return;
  if (first_sequence <= cursor_->next_sequence) {
    // Live events overtook the question, or the answer makes no sense: ask again, not at once.
    on_page_failed();
    return;
  }
  open_ = Open::kNone;
  lost(cursor_->next_sequence, first_sequence - 1, out);
  cursor_->next_sequence = first_sequence;
  if (following()) known_ = std::max(known_, first_sequence - 1);
  suspicion_ = true;  // what is kept is still to be fetched
  advance(out);
}

void StreamGapTracker::on_unknown_stream(Actions& out) {
  if (open_ == Open::kLink) {
    open_ = Open::kNone;
    return link_wanted() ? link_broken(out) : advance(out);
  }
  if (open_ == Open::kNone) return;
  if (following()) {
    on_page_failed();  // a heartbeat will name the stream that took its place
    return;
  }
  open_ = Open::kNone;
  lost(cursor_->next_sequence, 0, out);
  finished_ = true;
  advance(out);
}

void StreamGapTracker::on_page_failed() {
  open_ = Open::kNone;
  waiting_ = true;
  suspicion_ = true;  // whatever it was asked for is still not known
}

void StreamGapTracker::retry(Actions& out) {
  waiting_ = false;
  if (cursor_) advance(out);
}

bool StreamGapTracker::in_step() const {
  return cursor_ && following() && known_ < cursor_->next_sequence && !suspicion_ &&
         open_ == Open::kNone && !waiting_;
}

// ---- TopicGapTracker ----

TopicGapTracker::Verdict TopicGapTracker::on_event(std::string_view topic, std::string_view stream,
                                                   std::uint64_t topic_sequence) {
  auto at = topics_.find(topic);
  if (at == topics_.end() || at->second.stream != stream) {
    if (at == topics_.end()) at = topics_.emplace(std::string(topic), Seen{}).first;
    at->second = {.stream = std::string(stream), .topic_sequence = topic_sequence};
    return {.kind = Verdict::Kind::kDeliver, .missed = 0, .new_stream = true};
  }
  Seen& seen = at->second;
  if (topic_sequence <= seen.topic_sequence) {
    ++duplicates_;
    return {.kind = Verdict::Kind::kDuplicate};
  }
  const std::uint64_t missed = topic_sequence - seen.topic_sequence - 1;
  missed_ += missed;
  seen.topic_sequence = topic_sequence;
  return {.kind = Verdict::Kind::kDeliver, .missed = missed};
}

std::vector<std::string> TopicGapTracker::behind(
    std::string_view stream, const std::map<std::string, std::uint64_t>& newest) const {
  std::vector<std::string> topics;
  for (const auto& [topic, sequence] : newest) {
    const auto seen = topics_.find(topic);
    if (seen != topics_.end() && seen->second.stream == stream &&
        seen->second.topic_sequence < sequence) {
      topics.push_back(topic);
    }
  }
  return topics;
}

// ---- HeartbeatMonitor ----

bool HeartbeatMonitor::on_heartbeat(UnixNanos timestamp, Nanos monotonic_now) {
  const bool silent = !newest_ || timestamp - *newest_ > kSilence;
  newest_ = timestamp;  // also if it is lower: a clock was set back
  arrived_ = monotonic_now;
  return silent;
}

bool HeartbeatMonitor::stale(UnixNanos wall_now, Nanos monotonic_now) const {
  return !newest_ || wall_now - *newest_ > kStaleAfter || monotonic_now - arrived_ > kStaleAfter;
}

}  // namespace perpwire
