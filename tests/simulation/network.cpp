#include "tests/simulation/network.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace perpwire::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Frames that the venue's servers may lose, double or reorder without a word.
bool is_user_stream(std::string_view text) {
  constexpr std::string_view kHead = R"({"channel":")";
  if (!text.starts_with(kHead)) return false;
  text.remove_prefix(kHead.size());
  return text.starts_with("orderUpdates\"") || text.starts_with("user\"") ||
         (text.starts_with("userFills\"") && text.find("isSnapshot") == std::string_view::npos);
}

bool is_post_answer(std::string_view text) { return text.starts_with(R"({"channel":"post")"); }
bool is_action_answer(std::string_view text) {
  return is_post_answer(text) && text.find(R"("type":"action")") != std::string_view::npos;
}

}  // namespace

Network::Network(Scheduler& scheduler, VenueHost& venue, const Plan& plan, Faults& faults,
                 Trace& trace)
    : scheduler_(scheduler),
      venue_(venue),
      plan_(plan),
      faults_(faults),
      trace_(trace),
      random_(plan.seed, "network") {
  venue_.on_frame = [this](sim::ConnectionId connection, const std::string& text) {
    frame(connection, text);
  };
  venue_.on_close = [this](sim::ConnectionId connection) { venue_closed(connection); };
  venue_.on_reply = [this](sim::RequestId request, const std::optional<sim::HttpReply>& reply) {
    const auto found = waiting_.find(request);
    if (found == waiting_.end()) return;
    const auto done = std::move(found->second);
    waiting_.erase(found);
    done(reply);
  };
}

Nanos Network::delay() {
  const auto most = plan_.latency_most / microseconds{1};
  // Mostly the usual way, sometimes a long one.
  const std::int64_t low = most / 10 + 50;
  return microseconds{random_.percent(85) ? random_.between(low, low + most / 2)
                                          : random_.between(low, 2 * most + low)};
}

Network::Link* Network::find(LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

// ---------------------------------------------------------------- WebSocket

Network::LinkId Network::connect(Peer peer) {
  const LinkId id = next_++;
  links_[id].peer = std::make_shared<const Peer>(std::move(peer));
  scheduler_.after(delay(), [this, id] {
    Link* link = find(id);
    if (link == nullptr || !link->ours) return;
    const auto venue = venue_.open();
    if (!venue || link->cut) {
      if (venue) venue_.closed(*venue);
      trace_.line("network", "connection refused");
      const auto told = link->peer;
      links_.erase(id);
      told->on_close();
      return;
    }
    link->venue = *venue;
    by_venue_[*venue] = id;
    link->down_last = scheduler_.now() + delay();
    scheduler_.at(link->down_last, [this, id] {
      Link* opened = find(id);
      if (opened == nullptr || !opened->ours || opened->cut) return;
      opened->open = true;
      const auto told = opened->peer;
      told->on_open();
    });
  });
  return id;
}

Network::SendFate Network::send(LinkId id, std::string text) {
  Link* link = find(id);
  if (link == nullptr || !link->open || link->cut) return SendFate::kNeverLeft;
  SendFate fate = SendFate::kWritten;
  if (random_.percent(faults_.torn_write)) {
    trace_.line("network", "the connection ends while a frame is written");
    fate = SendFate::kUnknown;
    const bool arrives = random_.percent(40);
    if (!arrives) link->up_broken = true;
    scheduler_.after(microseconds{10}, [this, id] { break_link(id, true); });
  }
  link->up_last = std::max(link->up_last + microseconds{1}, scheduler_.now() + delay());
  scheduler_.at(link->up_last, [this, id, text = std::move(text)] {
    Link* arrived = find(id);
    if (arrived == nullptr || arrived->up_broken) return;
    if (arrived->silent) return;
    if (arrived->cut && random_.percent(50)) {
      arrived->up_broken = true;  // what follows in the same stream is lost too
      return;
    }
    if (text.find(R"("method":"post")") != std::string::npos) {
      if (random_.percent(faults_.lose_request)) {
        trace_.line("network", "request lost at the venue's door");
        return;
      }
      spoil_request(true, text.find(R"("type":"action")") != std::string::npos, true);
    }
    venue_.text(arrived->venue, text);
  });
  return fate;
}

bool Network::spoil_request(bool is_post, bool is_action, bool only_copy) {
  if (venue_.refuses_connections()) return false;  // it would wait for another request
  sim::RequestFault fault;
  fault.match = "any";
  if (random_.percent(faults_.lose_answer)) {
    fault.kind = sim::RequestFault::Kind::kLoseAfter;
    trace_.line("network", "its answer will be lost");
  } else if (random_.percent(faults_.http_error)) {
    fault.kind = sim::RequestFault::Kind::kReply;
    constexpr int kStatuses[] = {429, 500, 502};
    fault.status = random_.pick(kStatuses);
    // A 429 is documented as not executed. (hyperliquid.md section 6.2)
    fault.execute = fault.status != 429 && random_.percent(50);
    fault.body = "null";
    if (fault.status == 429) venue_.count_injected_429();
    trace_.line("network", "it is answered {} {}", fault.status,
                fault.execute ? "and executed" : "and not executed");
  } else if (is_action && only_copy && random_.percent(faults_.congested)) {
    fault.kind = sim::RequestFault::Kind::kReply;
    fault.match = "exchange";
    fault.status = 200;
    fault.content_type = "application/json";
    fault.body = R"({"status":"err","response":"L1 is congested. Action not sent to L1."})";
    trace_.line("network", "the next action is answered: congested");
  } else if (is_action && random_.percent(faults_.hold_request)) {
    fault.kind = sim::RequestFault::Kind::kHold;
    fault.match = "exchange";
    fault.delay = plan_.hold_most_ms > 0 ? random_.between(plan_.hold_least_ms, plan_.hold_most_ms)
                  : plan_.late_actions   ? random_.between(2'500, 9'500)
                                         : random_.between(50, random_.percent(30) ? 9'000 : 2'000);
    trace_.line("network", "the next action is held back for {} ms", fault.delay);
  } else if (is_post && random_.percent(faults_.double_answer)) {
    fault.kind = sim::RequestFault::Kind::kDuplicate;
  } else {
    return false;
  }
  const bool held = fault.kind == sim::RequestFault::Kind::kHold;
  venue_.spoil_next(std::move(fault));
  return held;
}

void Network::frame(sim::ConnectionId connection, const std::string& text) {
  const auto found = by_venue_.find(connection);
  if (found == by_venue_.end()) return;
  const LinkId id = found->second;
  if (is_user_stream(text)) {
    if (random_.percent(faults_.drop_frame)) {
      trace_.line("network", "drops {}", brief(text));
      return;
    }
    if (random_.percent(faults_.duplicate_frame)) {
      deliver(id, text, random_.percent(50) ? Nanos{0} : random_.millis(1, 800));
    }
    if (random_.percent(faults_.reorder_frame)) {
      trace_.line("network", "late: {}", brief(text));
      deliver(id, text, random_.millis(1, 1'200));
      return;
    }
  } else if (plan_.hold_most_ms > 0 && is_action_answer(text) &&
             random_.percent(faults_.drop_frame)) {
    trace_.line("network", "drops {}", brief(text));
    return;
  } else if (is_post_answer(text) && random_.percent(faults_.reorder_frame)) {
    deliver(id, text, random_.millis(1, 600));  // behind the stream's own words about it
    return;
  }
  deliver(id, text, Nanos{0});
}

void Network::deliver(LinkId id, std::string text, Nanos more) {
  Link* link = find(id);
  if (link == nullptr) return;
  Nanos when = scheduler_.now() + delay() + more;
  if (more == Nanos{0}) {
    link->down_last = std::max(link->down_last + microseconds{1}, when);
    when = link->down_last;
  }
  scheduler_.at(when, [this, id, text = std::move(text)] {
    Link* arrived = find(id);
    if (arrived == nullptr || !arrived->ours || arrived->silent || arrived->cut) return;
    if (!arrived->open) return;
    trace_.line("network", "brings {}", brief(text));
    const auto told = arrived->peer;
    told->on_text(text);
  });
}

void Network::close(LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  link->ours = false;
  link->open = false;
  // The end follows what was written before it.
  link->up_last = std::max(link->up_last + microseconds{1}, scheduler_.now() + delay());
  scheduler_.at(link->up_last, [this, id] {
    const Link* gone = find(id);
    if (gone == nullptr) return;
    if (gone->venue != 0) {
      venue_.closed(gone->venue);
      by_venue_.erase(gone->venue);
    }
    links_.erase(id);
  });
}

void Network::break_link(LinkId id, bool tell_venue) {
  Link* link = find(id);
  if (link == nullptr || link->cut) return;
  link->cut = true;
  link->open = false;
  if (tell_venue && link->venue != 0) {
    const auto venue = link->venue;
    scheduler_.after(delay(), [this, venue] {
      venue_.closed(venue);
      by_venue_.erase(venue);
    });
  }
  if (!link->ours) return;
  scheduler_.after(microseconds{random_.between(1, 2'000)}, [this, id] {
    Link* broken = find(id);
    if (broken == nullptr || !broken->ours) return;
    const auto told = broken->peer;
    broken->ours = false;
    told->on_close();
  });
}

void Network::venue_closed(sim::ConnectionId connection) {
  const auto found = by_venue_.find(connection);
  if (found == by_venue_.end()) return;
  const LinkId id = found->second;
  scheduler_.after(delay(), [this, id] { break_link(id, true); });
}

void Network::cut_all() {
  std::vector<LinkId> all;
  for (const auto& [id, link] : links_) all.push_back(id);
  for (const LinkId id : all) break_link(id, true);
}

void Network::half_open_all() {
  for (auto& [id, link] : links_) {
    if (link.open) {
      trace_.line("network", "connection {} goes silent", id);
      link.silent = true;
    }
  }
}

// ---------------------------------------------------------------- HTTP

void Network::post(const std::string& target, std::string body, Nanos timeout,
                   std::function<void(const HttpOutcome&)> done) {
  // One outcome, whichever comes first.
  auto once = std::make_shared<std::function<void(const HttpOutcome&)>>(std::move(done));
  const auto finish = [this, once](HttpOutcome outcome, Nanos wait) {
    scheduler_.after(wait, [once, outcome = std::move(outcome)] {
      if (!*once) return;
      const auto told = std::move(*once);
      *once = {};
      told(outcome);
    });
  };
  finish({HttpOutcome::Kind::kLost, 0, {}}, timeout);
  if (random_.percent(faults_.torn_write)) {
    const bool left = random_.percent(50);
    trace_.line("network", "a request's connection fails, {}", left ? "after a part" : "unused");
    finish({left ? HttpOutcome::Kind::kLost : HttpOutcome::Kind::kNeverLeft, 0, {}},
           random_.millis(1, 300));
    return;
  }
  if (random_.percent(faults_.lose_request)) {
    trace_.line("network", "a request is lost on its way");
    return;
  }
  const bool twice = random_.percent(faults_.double_request);
  const auto arrive = [this, target, body = std::move(body), finish, twice] {
    const bool held = spoil_request(false, target == "/exchange", !twice);
    const auto request = venue_.request(target, body);
    if (held && plan_.hold_most_ms > 0 && random_.percent(faults_.drop_frame)) return;
    waiting_[request] = [this, finish](const std::optional<sim::HttpReply>& reply) {
      if (!reply) {
        finish({HttpOutcome::Kind::kLost, 0, {}}, random_.millis(1, 100));
        return;
      }
      trace_.line("network", "answers {} {}", reply->status, brief(reply->body));
      finish({HttpOutcome::Kind::kAnswered, reply->status, reply->body}, delay());
    };
  };
  scheduler_.after(delay(), arrive);
  if (twice) {
    trace_.line("network", "doubles a request");
    scheduler_.after(delay() + random_.millis(0, 500), arrive);
  }
}

}  // namespace perpwire::simulation
