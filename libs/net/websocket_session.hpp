#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/net/connection_policy.hpp"
#include "libs/net/tls_context.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace perpwire::net {

struct WebSocketOptions {
  /// ws:// only to this machine, wss:// anywhere.
  std::string url;
  /// Further headers of the handshake. Host, Upgrade and User-Agent are set by the session.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// HTTP proxy "http://[user:password@]host:port", asked by CONNECT; empty = none. Never used
  /// towards this machine.
  std::string proxy_url = {};
  /// Null: a context of its own with the system's trust anchors.
  std::shared_ptr<TlsContext> tls = nullptr;
  /// When to ping, when to give up, when to come again: see connection_policy.hpp.
  ConnectionPolicyOptions policy = {};
  /// Which text frames answer a ping; asked only while policy.keep_alive.life is kPongOnly and kind
  /// is kText.
  std::function<bool(std::string_view)> is_pong = {};
  /// Larger frames (or messages of many frames) end the connection.
  std::size_t max_message_bytes = std::size_t{16} << 20;
  /// Messages accepted by send_text and not yet handed to the kernel, the one being written
  /// included. Policy when full: refuse the new one.
  std::size_t send_queue_capacity = 256;
  std::size_t send_queue_bytes = std::size_t{4} << 20;
};

enum class SessionState {
  kIdle,        // before start()
  kConnecting,  // resolving, connecting, TLS or WebSocket handshake
  kOpen,        // frames may be sent. Says nothing about data: see readiness.hpp
  kWaiting,     // backoff before the next attempt
  kClosed,      // after close(): for ever
};
std::string_view to_string(SessionState state);

/// Why a connection, or an attempt at one, ended.
struct CloseReason {
  enum class Kind {
    kRequested,      // close() or reconnect() of ours
    kConnectFailed,  // never opened: resolve, connect, proxy, TLS, handshake, or a deadline of
                     // these
    kRemote,         // the other side closed: websocket_code, or 1006 without a closing handshake
    kDead,           // nothing came within the deadline
    kProtocol,       // a frame that breaks the protocol or is too large
    kIo,             // the socket failed
  };
  Kind kind = Kind::kIo;
  std::uint16_t websocket_code = 0;  // 0 = none was seen
  std::string text;                  // for people; names host and phase
};
std::string_view to_string(CloseReason::Kind kind);

/// What became of one accepted send_text.
enum class SendFate {
  kWritten,    // handed to the kernel whole. The venue may or may not have it
  kNeverLeft,  // provably not one byte of it left: it was still queued when the connection ended
  kUnknown,    // the connection ended while it was being written
};

struct WebSocketCallbacks {
  /// The handshake is done: send logins and subscriptions now.
  std::function<void()> on_open = {};
  /// One whole text message (binary ones too). `received` is the wall clock when the read of its
  /// last bytes completed on the io_context thread. The view dies with the call.
  std::function<void(std::string_view text, UnixNanos received)> on_text = {};
  /// Once for each on_open, and once for each attempt that failed before it.
  std::function<void(const CloseReason&)> on_close = {};
  std::function<void(SessionState)> on_state = {};
};

/// A ws or wss client connection that comes back by itself: one implementation for all venues.
///
/// Deciding (pings, deadlines, backoff, connects per minute) is ConnectionPolicy's; this class is
/// the I/O.
///
/// Thread:   everything, construction included, on the thread that runs `io`. Callbacks run there;
///           from inside a call only close() and reconnect() call them (on_state, then the fates of
///           what was queued, then on_close).
/// Lifetime: the session may be destroyed at any time, in its own callbacks too; no callback and no
///           completion comes after that. `io` must outlive it.
class WebSocketSession {
 public:
  struct Counters {
    std::uint64_t connects_tried = 0;
    std::uint64_t connects_done = 0;
    std::uint64_t messages_in = 0;
    std::uint64_t bytes_in = 0;  // of messages
    std::uint64_t messages_out = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t sends_refused = 0;  // queue full or not open
    std::uint64_t sends_lost = 0;     // accepted, then never left or unknown
    std::uint64_t pings = 0;
  };

  /// Throws: ConfigError for a bad url or proxy_url, or plain ws to another machine.
  WebSocketSession(boost::asio::io_context& io, WebSocketOptions options,
                   WebSocketCallbacks callbacks);
  ~WebSocketSession();
  WebSocketSession(const WebSocketSession&) = delete;
  WebSocketSession& operator=(const WebSocketSession&) = delete;

  /// Begins to connect, and connects again for ever until close(). Returns at once. Only once.
  void start();
  /// Ends for good. Never blocks: the closing handshake is tried for a moment in the background.
  /// Everything still queued never left.
  void close();
  /// Drops the connection, if there is one, and makes the next one under the usual backoff.
  void reconnect(std::string reason);

  /// Sends one text message, in order of the calls.
  ///
  /// Errors:  kClosed while not open, kWouldBlock while the queue is full: nothing of it left and
  ///          `done` is never called.
  /// Returns: ok, then `done` is called exactly once, later, unless the session is destroyed first.
  ///          A queue never outlives its connection: what was not written is not carried over to
  ///          the next one.
  using SendDone = std::function<void(SendFate)>;
  Status send_text(std::string text, SendDone done = {});

  [[nodiscard]] SessionState state() const;
  [[nodiscard]] bool is_open() const { return state() == SessionState::kOpen; }
  /// Messages in the send queue now (the one being written included) and their bytes.
  [[nodiscard]] std::size_t queued_messages() const;
  [[nodiscard]] std::size_t queued_bytes() const;
  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] const ConnectionPolicy& policy() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace perpwire::net
