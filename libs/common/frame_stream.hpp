#pragma once

#include "libs/common/result.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace perpwire {

/// `unix:///PATH`.
bool is_stream_endpoint(std::string_view endpoint);
/// The path in it.
std::string_view stream_path(std::string_view endpoint);
/// Errors: kMalformed naming it: another scheme, or a path of more than 107 bytes.
Status check_stream_endpoint(std::string_view endpoint);

/// Whole messages over one unix stream socket: four bytes of length (big-endian), then the payload.
///
/// For the one hop where ZeroMQ's own threads would be most of the time: sender and receiver are
/// the io_context's threads of both processes and nobody between them. Threads: the io_context's.
/// Destroying it inside its own callback is allowed.
class FrameStream {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  struct Limits {
    std::size_t max_frame_bytes = 1 << 20;   // of an incoming payload; a larger one ends the stream
    std::size_t max_queued_bytes = 4 << 20;  // outgoing bytes that the peer does not read
  };
  /// One payload, valid during the call.
  using OnFrame = std::function<void(std::string_view)>;
  /// Once, after the last frame; never from inside send().
  using OnClosed = std::function<void(std::string_view why)>;

  FrameStream(Socket socket, const Limits& limits);
  ~FrameStream();
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  void start(OnFrame on_frame, OnClosed on_closed);

  /// Writes at once what the kernel takes and keeps the rest. False, and nothing of it leaves: more
  /// than `max_queued_bytes` wait already, or the stream has ended.
  bool send(std::string_view payload);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace perpwire
