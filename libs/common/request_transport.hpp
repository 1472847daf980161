#pragma once

#include "libs/common/result.hpp"
#include "libs/common/zmq_socket.hpp"

#include <zmq.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace perpwire {

/// One connection of a RequestClient: made, used until it breaks, and left with all that it holds.
/// Threads: the io_context's; callbacks too, never from inside send(). Destroying it inside a
/// callback is allowed.
class RequestTransport {
 public:
  struct Events {
    std::function<void()> up;                             // a server is there
    std::function<void()> down;                           // and is no more
    std::function<void()> unreachable;                    // nobody took the connection
    std::function<void()> refused;                        // it does not let us in (CURVE)
    std::function<void(std::vector<std::string>)> reply;  // its parts, without a delimiter
  };
  virtual ~RequestTransport() = default;

  /// False: nothing of it leaves, the peer does not read.
  virtual bool send(std::string_view payload) = 0;
  /// Hands out what has arrived already.
  virtual void receive_now() = 0;
};

struct TransportConfig {
  std::string endpoint;
  std::size_t max_outstanding = 0;
  std::int64_t max_message_bytes = 0;
  std::optional<CurveClient> curve;  // of a DEALER to a server with CURVE
};

/// By the endpoint's scheme: a DEALER socket, or for `unix://` a FrameStream.
std::unique_ptr<RequestTransport> connect_transport(boost::asio::io_context& io,
                                                    zmq::context_t& context,
                                                    const TransportConfig& config,
                                                    RequestTransport::Events events);

}  // namespace perpwire
