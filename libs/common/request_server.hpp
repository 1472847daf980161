#pragma once

#include "libs/common/result.hpp"
#include "libs/common/zmq_socket.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {

/// Where a reply goes. Copyable; may be kept and answered later (by then the peer may be gone: the
/// reply is dropped and counted).
struct ReplyAddress {
  std::string routing_id;  // of the ROUTER
  bool delimiter = false;  // the request had the empty frame: the reply mirrors it
};

struct IncomingRequest {
  /// The request's bytes: JSON if the first is '{', else protobuf. Valid during the call.
  std::string_view payload;
  ReplyAddress reply_to;
  /// Names the connection (routing id, peer, descriptor): another one after a reconnect, unless the
  /// same process chose its own routing id and got the same descriptor again. `hello` belongs to
  /// it.
  std::string connection;
  /// Of an ipc peer, from the kernel; nothing on TCP.
  std::optional<PeerCredentials> peer;
  /// On a CURVE socket: the client's name in the allow-list. Empty on every other socket, whatever
  /// a peer says of itself. Valid during the call.
  std::string_view user = {};
};

struct RequestServerConfig {
  std::string endpoint = {};         // ipc://... or tcp://127.0.0.1:0
  int send_high_water_mark = 1'000;  // whole messages for one peer; 4 on replay sockets
  int receive_high_water_mark = 1'000;
  std::int64_t max_message_bytes = 1 << 20;
  std::optional<CurveServer> curve = {};  // CurveDoor::of(endpoint, ...)
};

struct RequestServerCounters {
  std::uint64_t requests = 0;
  std::uint64_t malformed = 0;      // not [id][""?][payload]
  std::uint64_t unknown_users = 0;  // on a CURVE socket, of nobody that the ZAP handler named
  std::uint64_t replies = 0;
  std::uint64_t replies_unreachable = 0;  // the peer was gone
  std::uint64_t replies_full = 0;         // the peer's queue was full
};

/// A ROUTER socket of the suite.
///
/// Takes requests with or without the empty delimiter frame, so plain REQ sockets work. Never
/// blocks on a peer: a reply that cannot be queued at once is dropped and counted.
/// Threads: the io_context's. Lifetime: `io` and `context` outlive it.
class RequestServer {
 public:
  using Handler = std::function<void(const IncomingRequest&)>;

  /// Throws ConfigError if the endpoint breaks the contract (check_endpoint) or cannot be bound.
  RequestServer(boost::asio::io_context& io, zmq::context_t& context,
                const RequestServerConfig& config, Handler handler);
  ~RequestServer();
  RequestServer(const RequestServer&) = delete;
  RequestServer& operator=(const RequestServer&) = delete;

  /// One reply of one or many parts, now or later. False if it was dropped (counted).
  bool reply(const ReplyAddress& to, std::span<const std::string> parts);
  bool reply(const ReplyAddress& to, std::string_view part);

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] const RequestServerCounters& counters() const { return counters_; }

 private:
  void on_message(ZmqSocket::Message& message);
  bool send(std::span<const std::string_view> parts);

  Handler handler_;
  bool is_curve_;
  RequestServerCounters counters_;
  ZmqSocket socket_;
  std::string endpoint_;
};

}  // namespace perpwire
