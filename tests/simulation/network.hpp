#pragma once

#include "tests/simulation/venue_host.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace perpwire::simulation {

/// What lies between a process and the venue: WebSocket connections that keep the order of their
/// bytes (TCP does) but end, go silent or lose what was under way; requests that arrive late,
/// twice or never; and a venue whose user streams drop, double and reorder single frames.
class Network {
 public:
  using LinkId = std::uint64_t;
  /// Of one connection; never called after close().
  struct Peer {
    std::function<void()> on_open;
    std::function<void(std::string_view text)> on_text;
    std::function<void()> on_close;
  };
  enum class SendFate { kWritten, kNeverLeft, kUnknown };
  struct HttpOutcome {
    enum class Kind { kAnswered, kNeverLeft, kLost } kind = Kind::kLost;
    int status = 0;
    std::string body;
  };

  Network(Scheduler& scheduler, VenueHost& venue, const Plan& plan, Faults& faults, Trace& trace);

  LinkId connect(Peer peer);
  SendFate send(LinkId link, std::string text);
  /// By us, or because our process died: what was written is still delivered.
  void close(LinkId link);
  void post(const std::string& target, std::string body, Nanos timeout,
            std::function<void(const HttpOutcome&)> done);

  // Faults.
  void cut_all();
  void half_open_all();

 private:
  struct Link {
    std::shared_ptr<const Peer> peer;  // shared: a call may end the connection it came by
    sim::ConnectionId venue = 0;
    bool open = false;    // as our side sees it
    bool ours = true;     // our side still listens
    bool cut = false;     // the way is broken
    bool silent = false;  // half-open: neither side is told
    bool up_broken = false;
    bool down_broken = false;
    Nanos up_last{0};
    Nanos down_last{0};
  };

  Nanos delay();
  void frame(sim::ConnectionId connection, const std::string& text);
  void deliver(LinkId id, std::string text, Nanos more);
  void venue_closed(sim::ConnectionId connection);
  void break_link(LinkId id, bool tell_venue);
  /// `only_copy`: it was not doubled on its way, so that what is said about it holds.
  /// Whether the action will be held back.
  bool spoil_request(bool is_post, bool is_action, bool only_copy);
  Link* find(LinkId id);

  Scheduler& scheduler_;
  VenueHost& venue_;
  const Plan& plan_;
  Faults& faults_;
  Trace& trace_;
  Random random_;
  std::map<LinkId, Link> links_;
  std::map<sim::ConnectionId, LinkId> by_venue_;
  std::map<sim::RequestId, std::function<void(const std::optional<sim::HttpReply>&)>> waiting_;
  LinkId next_ = 1;
};

}  // namespace perpwire::simulation
