#pragma once

#include "libs/common/curve.hpp"
#include "libs/common/result.hpp"

#include <zmq.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}
namespace zmq {
class context_t;
}

namespace perpwire {

/// One received message part. Move-only; owns its bytes.
class ZmqFrame {
 public:
  ZmqFrame() { zmq_msg_init(&message_); }
  ~ZmqFrame() { zmq_msg_close(&message_); }
  ZmqFrame(ZmqFrame&& other) noexcept {
    zmq_msg_init(&message_);
    zmq_msg_move(&message_, &other.message_);
  }
  ZmqFrame& operator=(ZmqFrame&& other) noexcept {
    if (this != &other) zmq_msg_move(&message_, &other.message_);
    return *this;
  }
  ZmqFrame(const ZmqFrame&) = delete;
  ZmqFrame& operator=(const ZmqFrame&) = delete;

  [[nodiscard]] std::string_view view() const {
    auto* message = const_cast<zmq_msg_t*>(&message_);
    return {static_cast<const char*>(zmq_msg_data(message)), zmq_msg_size(message)};
  }
  /// The text of a message property ("Peer-Address", ...), or empty.
  [[nodiscard]] std::string_view property(const char* name) const;
  /// The number of the connection's file descriptor; reused after it closes.
  [[nodiscard]] int source_fd() const;

  [[nodiscard]] zmq_msg_t* raw() { return &message_; }

 private:
  zmq_msg_t message_{};  // zmq_msg_init makes it a message
};

/// The unix peer of an ipc message. libzmq 4.3.4 gives the kernel's SO_PEERCRED of the connection
/// in the property `Peer-Address` as "localhost:<uid>:<gid>:<pid>" (tried here, and src/
/// stream_engine_base.cpp: the engine's own value is inserted first and a peer's metadata of the
/// same name does not replace it). On tcp it is the numeric address alone.
struct PeerCredentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
};
/// Nothing for a tcp peer or anything that does not parse to the last byte.
std::optional<PeerCredentials> parse_peer_address(std::string_view peer_address);

enum class SocketType { kXPub, kSub, kRouter, kDealer, kPair };

struct SocketOptions {
  int send_high_water_mark = 1'000;
  int receive_high_water_mark = 1'000;
  /// Of one incoming part; a peer that sends more is disconnected. -1 = unlimited.
  std::int64_t max_message_bytes = -1;
  /// How long close keeps unsent messages, in milliseconds.
  int linger_ms = 0;
  bool xpub_verbose = false;      // every subscription is reported, also one already known
  bool router_mandatory = false;  // a send to a peer that is gone or full fails
  int reconnect_ms = 100;
  /// One of them makes the socket a CURVE one: it talks to nobody who does not speak it.
  std::optional<CurveClient> curve_client = {};
  std::optional<CurveServer> curve_server = {};
};

/// Checks what the contract says of an endpoint before anything is bound or connected.
///
/// Errors: kMalformed naming the endpoint: a socket path longer than 107 bytes (sun_path of Linux),
///         TCP beyond loopback without CURVE, or neither ipc://, tcp:// nor inproc://.
Status check_endpoint(std::string_view endpoint, bool is_curve = false);

/// One ZeroMQ socket on an io_context.
///
/// ZMQ_FD is edge-triggered: ZMQ_EVENTS is checked after every wake, before every receive, and once
/// after all the sends of a turn of the io_context; at most `kDrainLimit` messages are handed out
/// in one turn, then the rest is posted so that nobody starves. Threads: made, used and destroyed
/// on the io_context's thread only. Lifetime: `io` and `context` outlive it; destroying it inside
/// its own callback is allowed.
class ZmqSocket {
 public:
  static constexpr int kDrainLimit = 64;
  using Message = std::vector<ZmqFrame>;
  /// One whole message, all parts. The handler may move parts out.
  using OnMessage = std::function<void(Message&)>;

  ZmqSocket(boost::asio::io_context& io, zmq::context_t& context, SocketType type,
            const SocketOptions& options = {});
  ~ZmqSocket();
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  /// From now on incoming messages go to `handler`. A socket without a handler reads nothing.
  void start(OnMessage handler);

  /// Binds; returns the endpoint as bound (port 0 becomes the port that was given). ipc sockets
  /// are created under umask 0117: mode 0660.
  Result<std::string> bind(const std::string& endpoint);
  Status connect(const std::string& endpoint);
  /// SUB only.
  Status subscribe(std::string_view prefix);
  Status unsubscribe(std::string_view prefix);

  /// Sends one message without blocking, all parts or none.
  ///
  /// Errors: kWouldBlock if the peer's queue is full; kClosed if a ROUTER's peer is gone; kIo
  ///         otherwise.
  Status send(std::span<const std::string_view> parts);

  /// Hands out all that has arrived already, now.
  void receive_now();

  /// The raw handle, for zmq_socket_monitor and the like.
  [[nodiscard]] void* handle() const;
  /// zmq_socket_monitor on a PAIR socket of the same context; `handler` gets (ZMQ_EVENT_*, value).
  void monitor(int events, std::function<void(std::uint16_t event, std::uint32_t value)> handler);

 private:
  struct State;
  zmq::context_t& context_;
  bool is_curve_;
  std::shared_ptr<State> state_;
};

}  // namespace perpwire
