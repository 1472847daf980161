#pragma once

#include "libs/common/request_server.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace perpwire {

struct StreamServerConfig {
  std::string endpoint = {};  // unix:///PATH
  std::size_t max_message_bytes = 1 << 20;
  std::size_t max_queued_bytes = 4 << 20;  // answers that one peer does not read; then it is left
  std::size_t max_connections = 64;        // further ones are closed at once, counted
};

struct StreamServerCounters {
  std::uint64_t connections = 0;
  std::uint64_t refused_connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
  std::uint64_t replies_dropped = 0;  // the peer was gone, or does not read
  std::uint64_t accept_failures = 0;
};

/// Requests over a unix stream socket without ZeroMQ between (FrameStream), mode 0660; each message
/// is one request or one answer, in either encoding. For who sits on the same machine and cannot
/// afford the wake-ups of ZeroMQ's threads: RequestClient speaks it at an endpoint `unix:///PATH`.
///
/// The peer of each request is what the kernel said of it when it connected (SO_PEERCRED).
/// Threads: the io_context's. Lifetime: `io` outlives it.
class StreamServer {
 public:
  using Handler = RequestServer::Handler;

  /// Replaces a socket file that a dead process left: its caller holds the folder's lock.
  /// Throws ConfigError if the endpoint breaks the contract or cannot be bound.
  StreamServer(boost::asio::io_context& io, const StreamServerConfig& config, Handler handler);
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  /// False if it was dropped (counted).
  bool reply(const ReplyAddress& to, std::string_view part);

  [[nodiscard]] const StreamServerCounters& counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace perpwire
