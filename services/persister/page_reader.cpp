#include "services/persister/page_reader.hpp"

#include "libs/common/contract_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perpwire::persister {
namespace {

/// `process.instance` of `process.instance.id`.
std::string_view source_of(std::string_view stream) {
  const auto dot = stream.rfind('.');
  return dot == std::string_view::npos ? stream : stream.substr(0, dot);
}

/// The page's stream, by its header or else by its first readable event.
std::string stream_of(const Page& page) {
  if (!page.stream.empty()) return page.stream;
  v1::Envelope envelope;
  for (const auto& event : page.events) {
    if (parse_payload(event.payload, envelope)) return envelope.stream();
  }
  return {};
}

}  // namespace

PageReader::PageReader(const PageReaderSettings& settings, const std::vector<StreamCursor>& known)
    : settings_(settings), backoff_(settings.backoff) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    known_[known[i].stream] = {
        .next_sequence = known[i].next_sequence, .closed = known[i].closed, .order = i};
  }
}

void PageReader::start(ReaderActions& out) { go_on(out); }

void PageReader::on_hint(std::string_view stream, std::uint64_t newest_sequence,
                         ReaderActions& out) {
  if (current_.empty()) {
    retry_at_.reset();  // it lives: ask at once
    go_on(out);
    return;
  }
  if (stream == current_) {
    newest_ = std::max(newest_, newest_sequence);
    if (newest_ < next_) return;
    drained_ = false;
  } else if (stream != live_) {
    const auto known = known_.find(stream);
    const bool late = known != known_.end() && known->second.closed;
    if (late || source_of(stream) != source_of(current_)) return;
    poll_now_ = true;  // a late word of an older stream, or a new one: only a page tells
  }
  go_on(out);
}

void PageReader::on_timer(Nanos now, ReaderActions& out) {
  if (retry_at_ && now >= *retry_at_) retry_at_.reset();
  if (gather_until_ && now >= *gather_until_) gather_until_.reset();
  // Asked by no name a page tells of a new stream too, if no heartbeat does.
  if (drained_ && now - last_answer_ >= settings_.poll_interval) poll_now_ = true;
  go_on(out);
}

void PageReader::on_committed(ReaderActions& out) {
  if (in_flight_ > 0) --in_flight_;
  go_on(out);
}

void PageReader::ask(AskPage request, ReaderActions& out) {
  asked_ = request;
  out.emplace_back(std::move(request));
}

/// Asks whatever comes next, unless something is open, full, resting or not needed.
void PageReader::go_on(ReaderActions& out) {
  if (asked_ || retry_at_ || gather_until_ || in_flight_ >= settings_.max_in_flight) return;
  if (current_.empty()) {
    ask({.stream = "", .from_sequence = discover_from_, .limit = 1}, out);
  } else if (poll_now_ && current_ == live_) {
    poll_now_ = false;
    ask({.stream = "", .from_sequence = next_, .limit = settings_.page_limit}, out);
  } else if (!drained_) {
    ask({.stream = current_, .from_sequence = next_, .limit = settings_.page_limit}, out);
  }
}

void PageReader::on_failed(Nanos now) {
  asked_.reset();
  retry_later(now);
}

void PageReader::retry_later(Nanos now) {
  ++counters_.failures;
  reachable_ = false;
  retry_at_ = now + backoff_.next();
}

void PageReader::on_page(const Page& page, Nanos now, ReaderActions& out) {
  if (!asked_) return;
  const AskPage asked = *std::exchange(asked_, std::nullopt);
  last_answer_ = now;
  ++counters_.pages;
  const std::string stream = stream_of(page);
  if (current_.empty()) {
    if (stream.empty()) {  // a process without any event yet
      retry_at_ = now + settings_.poll_interval;
      return;
    }
    discovered(stream, out);
    return;
  }
  if (!stream.empty() && stream != current_) {
    if (!asked.stream.empty()) {
      out.emplace_back(
          Alarm{fmt::format("asked for stream {}, got a page of {}", current_, stream)});
      retry_later(now);
      return;
    }
    live_ = stream;  // the current one has ended: read what is left of it, by its name
    drained_ = false;
    go_on(out);
    return;
  }
  accept(page, asked, now, out);
}

void PageReader::discovered(const std::string& stream, ReaderActions& out) {
  reachable_ = true;
  backoff_.reset();
  live_ = stream;
  begin(stream);
  go_on(out);
}

/// Turns to a stream; streams of the same process that the store has not seen the end of come
/// first.
void PageReader::begin(const std::string& stream) {
  std::string target = stream;
  const Known* oldest = nullptr;
  for (const auto& [name, known] : known_) {
    const bool before = !known.closed && name != stream && name != live_ &&
                        source_of(name) == source_of(stream) && !is_resumed_later(name);
    if (before && (oldest == nullptr || known.order < oldest->order)) {
      oldest = &known;
      target = name;
    }
  }
  if (target != stream) resume_.push_back(stream);
  current_ = target;
  const auto known = known_.find(target);
  next_ = known == known_.end() ? 1 : known->second.next_sequence;
  newest_ = 0;
  drained_ = false;
}

bool PageReader::is_resumed_later(std::string_view stream) const {
  return std::find(resume_.begin(), resume_.end(), stream) != resume_.end();
}

void PageReader::accept(const Page& page, const AskPage& asked, Nanos now, ReaderActions& out) {
  Batch batch;
  batch.stream = current_;
  batch.from_sequence = asked.from_sequence;
  std::uint64_t expected = asked.from_sequence;
  for (const auto& event : page.events) {
    StoredEvent stored;
    stored.topic = event.topic;
    const auto parsed = parse_payload(event.payload, stored.envelope);
    const bool ours = parsed && stored.envelope.stream() == current_;
    if (!ours) {
      batch.unreadable.push_back({.sequence = expected++,
                                  .topic = event.topic,
                                  .payload = event.payload,
                                  .error = parsed ? fmt::format("stream '{}' inside a page of {}",
                                                                stored.envelope.stream(), current_)
                                                  : parsed.error().text});
      continue;
    }
    const auto sequence = stored.envelope.sequence();
    if (sequence < expected) {
      ++counters_.duplicates;
      continue;
    }
    if (sequence > expected) {
      add_gap(batch, expected, sequence - 1, "missing in the replay page", out);
    }
    expected = sequence + 1;
    batch.events.push_back(std::move(stored));
  }
  if (page.next_sequence < expected) {
    // The header contradicts the events (or goes back): nothing of it is taken.
    out.emplace_back(Alarm{fmt::format("page of {}: next_sequence {}, expected {} or more",
                                       current_, page.next_sequence, expected)});
    retry_later(now);
    return;
  }
  if (page.next_sequence == asked.from_sequence && page.last_sequence >= asked.from_sequence) {
    retry_later(now);  // short to the point of being empty: nothing gained
    return;
  }
  if (page.next_sequence > expected) {
    add_gap(batch, expected, page.next_sequence - 1, "missing in the replay page", out);
  }
  batch.next_sequence = page.next_sequence;
  reachable_ = true;
  backoff_.reset();
  counters_.unreadable += batch.unreadable.size();
  newest_ = std::max(newest_, page.last_sequence);
  if (!batch.events.empty() && batch.events.front().envelope.has_stream_opened()) {
    batch.previous_stream = batch.events.front().envelope.stream_opened().previous_stream();
  }
  if (turn_to_predecessor(batch)) {
    go_on(out);
    return;
  }
  const bool empty = batch.next_sequence == batch.from_sequence;
  if (!empty) hand_out(std::move(batch), out);
  // An empty page is the end, whatever a hint claimed: the next hint or poll asks again.
  drained_ = next_ > page.last_sequence && (empty || newest_ < next_);
  if (drained_ && (current_ != live_ || !resume_.empty())) {
    finish_current("", out);
  } else if (drained_ && settings_.gather > Nanos{0}) {
    gather_until_ = now + settings_.gather;
  }
  go_on(out);
}

bool PageReader::turn_to_predecessor(const Batch& batch) {
  const std::string& previous = batch.previous_stream;
  if (previous.empty() || previous == current_ || is_resumed_later(previous)) return false;
  const auto& opened = batch.events.front().envelope.stream_opened();
  if (opened.has_last_sequence()) named_end_[previous] = opened.last_sequence();
  const auto& known = known_.try_emplace(previous, Known{.order = known_.size()}).first->second;
  if (known.closed) return false;
  resume_.push_back(current_);
  current_ = previous;
  next_ = known.next_sequence;
  newest_ = 0;
  drained_ = false;
  return true;
}

/// The current stream will not grow any more. `why`: it cannot be read to its end.
void PageReader::finish_current(std::string_view why, ReaderActions& out) {
  Batch batch;
  batch.stream = current_;
  batch.from_sequence = next_;
  batch.next_sequence = next_;
  batch.closes = true;
  const auto end = named_end_.find(current_);
  if (end != named_end_.end() && end->second >= next_) {
    add_gap(batch, next_, end->second,
            why.empty() ? "beyond the end of the old stream's journal" : std::string(why), out);
    batch.next_sequence = end->second + 1;
  } else if (end == named_end_.end() && !why.empty()) {
    add_gap(batch, next_, std::nullopt, std::string(why), out);
  }
  hand_out(std::move(batch), out);
  known_[current_].closed = true;
  std::string following = live_;
  if (!resume_.empty()) {
    following = resume_.back();
    resume_.pop_back();
  }
  begin(following);
}

void PageReader::add_gap(Batch& batch, std::uint64_t from, std::optional<std::uint64_t> to,
                         std::string reason, ReaderActions& out) {
  ++counters_.gaps;
  if (to) counters_.lost_events += *to - from + 1;
  out.emplace_back(
      Alarm{to ? fmt::format("gap stream={} from={} to={}: {}", batch.stream, from, *to, reason)
               : fmt::format("gap stream={} from={} to=unknown: {}", batch.stream, from, reason)});
  batch.gaps.push_back({.from = from, .to = to, .reason = std::move(reason)});
}

void PageReader::hand_out(Batch batch, ReaderActions& out) {
  next_ = batch.next_sequence;
  known_.try_emplace(batch.stream, Known{.order = known_.size()}).first->second.next_sequence =
      next_;
  ++in_flight_;
  out.emplace_back(StoreBatch{std::move(batch)});
}

void PageReader::on_refused(const PageRefusal& refusal, Nanos now, ReaderActions& out) {
  if (!asked_) return;
  const AskPage asked = *std::exchange(asked_, std::nullopt);
  last_answer_ = now;
  const auto again = [&] {
    out.emplace_back(
        Alarm{fmt::format("replay of {} from {} refused: {} {}",
                          asked.stream.empty() ? "the current stream" : asked.stream,
                          asked.from_sequence, to_string(refusal.code), refusal.reason)});
    retry_later(now);
  };
  if (current_.empty()) {
    if (refusal.code != ErrorCode::kNotKept || refusal.first_sequence <= discover_from_) {
      again();
      return;
    }
    discover_from_ = refusal.first_sequence;
    go_on(out);
    return;
  }
  if (asked.stream.empty()) {  // a poll by no name: the live stream may be another one by now
    current_.clear();
    discover_from_ = 1;
    go_on(out);
    return;
  }
  if (refusal.code == ErrorCode::kNotKept && refusal.first_sequence > next_) {
    Batch batch;
    batch.stream = current_;
    batch.from_sequence = next_;
    batch.next_sequence = refusal.first_sequence;
    add_gap(batch, next_, refusal.first_sequence - 1, "NOT_KEPT", out);
    hand_out(std::move(batch), out);
    go_on(out);
    return;
  }
  if (refusal.code == ErrorCode::kUnknownStream) {
    if (current_ != live_) {
      finish_current("UNKNOWN_STREAM", out);
      go_on(out);
      return;
    }
    current_.clear();  // which stream is live now?
    discover_from_ = 1;
  }
  again();
}

}  // namespace perpwire::persister
