#pragma once

#include "libs/venues/hyperliquid/signing.hpp"
#include "tools/venue-sim/api/faults.hpp"
#include "tools/venue-sim/api/http_reply.hpp"
#include "tools/venue-sim/api/info.hpp"
#include "tools/venue-sim/api/ip_limits.hpp"
#include "tools/venue-sim/api/stream_hub.hpp"
#include "tools/venue-sim/core/exchange.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace perpwire::sim {

using RequestId = std::uint64_t;

struct HttpRequest {
  std::string method;
  std::string target;
  std::string content_type;
  std::string body;
  std::string ip;
};

/// What the sockets are to do.
struct ApiOutput {
  struct Reply {
    RequestId request = 0;
    std::optional<HttpReply> reply;  // nothing: close the connection without an answer
  };
  struct Close {
    ConnectionId connection = 0;
    bool is_abrupt = false;  // no closing handshake
    std::uint16_t code = 1000;
    std::string reason;
  };
  struct Stall {
    ConnectionId connection = 0;
    Millis duration = 0;   // 0 = for good
    bool reads_on = true;  // half-open: takes what the client sends, answers nothing
  };
  std::vector<Reply> replies;
  std::vector<OutgoingFrame> frames;
  std::vector<Close> closes;
  std::vector<Stall> stalls;
};

/// Counters for tests.
struct ApiCounters {
  std::map<std::string, std::uint64_t>
      requests;                           // by "info.<type>", "exchange.<type>", "post.<type>"
  std::map<int, std::uint64_t> statuses;  // HTTP
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t unknown_signers = 0;
};

/// The venue's whole API without sockets and clocks: HTTP requests and WebSocket texts in, replies,
/// frames and closings out. A server or an in-process test drives it. Not thread-safe.
class VenueApi {
 public:
  VenueApi(Exchange& exchange, hyperliquid::Network network);

  /// Nothing if the venue refuses the connection (limits, fault).
  std::optional<ConnectionId> open_connection(const std::string& ip, Millis now);
  /// Whether an upgrade is accepted at all; a refused one may also be accepted and closed.
  [[nodiscard]] bool may_open_connection(const std::string& ip, Millis now);
  void on_text(ConnectionId connection, const std::string& text, Millis now);
  void on_closed(ConnectionId connection);
  /// The reply comes with take(), now or after the block that executes it.
  RequestId on_request(const HttpRequest& request, Millis now);
  /// Advances the venue; call it at next_due() or earlier.
  void on_timer(Millis now);
  [[nodiscard]] Millis next_due() const;
  ApiOutput take(Millis now);

  // For the control endpoint.
  [[nodiscard]] Exchange& exchange() { return exchange_; }
  [[nodiscard]] FaultPlan& faults() { return faults_; }
  [[nodiscard]] const ApiCounters& counters() const { return counters_; }
  [[nodiscard]] std::vector<ConnectionId> connections() const;
  void close_connections(const ApiOutput::Close& how);
  /// Any text to one connection, or to all (0).
  void say(ConnectionId connection, const std::string& text);
  void stall_connections(const ApiOutput::Stall& how);
  /// After the state was changed from outside: sends what that produced.
  void flush(Millis now);

 private:
  struct Origin {  // where the answer of an action goes
    RequestId request = 0;
    ConnectionId connection = 0;  // 0: HTTP
    std::uint64_t post = 0;
    bool is_lost = false;
    bool is_doubled = false;
    Millis delay = 0;
    std::optional<HttpReply> instead;
  };
  struct Connection {
    std::string ip;
    Millis last_sent = 0;
    std::set<std::uint64_t> posts;
  };
  struct Later {
    Millis due = 0;
    Origin origin;
    HttpReply reply;
    bool is_action = false;
  };
  struct Held {  // an action that arrives late
    Millis due = 0;
    Origin origin;
    std::string body;
    bool is_post = false;
  };
  struct Snapshot {
    Millis time = 0;
    std::shared_ptr<const Accounts> accounts;
  };

  void post(ConnectionId connection, const Json& message, Millis now);
  void handle_info(const Origin& origin, const Json& request, Millis now);
  void handle_action(const Origin& origin, const Json& request, Millis now);
  void deliver(const Origin& origin, HttpReply reply, bool is_action, Millis now);
  void send_answer(const Origin& origin, const HttpReply& reply, bool is_action);
  void forward_answers(Millis now);
  [[nodiscard]] const Accounts& known_accounts(Millis now) const;
  void keep_snapshot(Millis now);
  Millis venue_time(Millis now) const { return now + faults_.clock_shift; }

  Exchange& exchange_;
  hyperliquid::Network network_;
  FaultPlan faults_;
  StreamHub hub_;
  IpLimits limits_;
  ApiCounters counters_;
  ApiOutput output_;
  std::map<ConnectionId, Connection> connections_;
  std::unordered_map<Exchange::Ticket, Origin> waiting_;
  std::vector<Later> later_;
  std::vector<Held> held_;
  std::deque<Snapshot> snapshots_;
  std::unordered_map<RequestId, std::string> request_ips_;
  RequestId next_request_ = 1;
  ConnectionId next_connection_ = 1;
};

}  // namespace perpwire::sim
