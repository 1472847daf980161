#include "libs/common/delta_repair.hpp"

#include "perpwire/v1/envelope.pb.h"

#include <utility>

namespace perpwire {

void DeltaRepair::start(Actions& out) {
  if (!in_step_) ask(out);
}

std::uint64_t DeltaRepair::on_delta(BusEvent event, Actions& out) {
  std::uint64_t missed = 0;
  if (event.stream != stream_) {
    stream_ = event.stream;
    seen_ = event.topic_sequence - 1;
    in_step_ = false;
    held_.clear();
  }
  if (event.topic_sequence <= seen_) {
    ++duplicates_;
    return 0;
  }
  if (event.topic_sequence > seen_ + 1) {
    missed = event.topic_sequence - seen_ - 1;
    in_step_ = false;
    held_.clear();
  }
  seen_ = event.topic_sequence;
  if (event.envelope->delta().snapshot()) {  // replaces the book by itself
    held_.clear();
    out.push_back(Deliver{std::move(event)});
    in_step_ = true;
    return missed;
  }
  if (in_step_) {
    out.push_back(Deliver{std::move(event)});
    return missed;
  }
  if (held_.size() >= kMaxHeld) held_.pop_front();
  held_.push_back(std::move(event));
  ask(out);
  return missed;
}

void DeltaRepair::on_snapshot(BusEvent snapshot, Actions& out) {
  asked_ = false;
  if (in_step_) return;  // a snapshot on the bus came first
  if (snapshot.stream != stream_) {
    // The publisher started anew and has published no delta since.
    stream_ = snapshot.stream;
    seen_ = 0;
    held_.clear();
  }
  const bool joins = held_.empty() ? snapshot.topic_sequence >= seen_
                                   : snapshot.topic_sequence + 1 >= held_.front().topic_sequence;
  if (!joins) {  // older than what was lost: the next one will not be
    ask(out);
    return;
  }
  const auto contained = snapshot.topic_sequence;
  if (contained > seen_) seen_ = contained;
  out.push_back(Deliver{std::move(snapshot)});
  in_step_ = true;
  while (!held_.empty()) {
    auto next = std::move(held_.front());
    held_.pop_front();
    if (next.topic_sequence > contained) out.push_back(Deliver{std::move(next)});
  }
}

void DeltaRepair::retry(Actions& out) {
  if (!in_step_) ask(out);
}

void DeltaRepair::ask(Actions& out) {
  if (asked_) return;
  asked_ = true;
  out.emplace_back(std::in_place_type<AskSnapshot>);  // g++ 12 warns of a temporary
}

}  // namespace perpwire
