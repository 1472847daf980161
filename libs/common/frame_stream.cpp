#include "libs/common/frame_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace perpwire {
namespace {

namespace asio = boost::asio;
using Failure = boost::system::error_code;

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kFirstBufferBytes = 16 * 1024;
constexpr std::string_view kScheme = "unix://";
constexpr std::size_t kMaxPath = 107;  // sun_path of Linux, less its terminator

}  // namespace

bool is_stream_endpoint(std::string_view endpoint) { return endpoint.starts_with(kScheme); }

std::string_view stream_path(std::string_view endpoint) {
  return endpoint.substr(std::min(endpoint.size(), kScheme.size()));
}

Status check_stream_endpoint(std::string_view endpoint) {
  const auto path = stream_path(endpoint);
  if (is_stream_endpoint(endpoint) && !path.empty() && path.size() <= kMaxPath) return {};
  return fail(ErrorCode::kMalformed,
              fmt::format("endpoint {}: expected unix:// and a path of 1 to {} bytes, found {}",
                          endpoint, kMaxPath, path.size()));
}

struct FrameStream::State : std::enable_shared_from_this<State> {
  State(Socket with, const Limits& most) : socket(std::move(with)), limits(most) {
    socket.non_blocking(true);
    incoming.resize(kFirstBufferBytes);
  }

  void close() {
    closed = true;
    Failure ignored;
    socket.close(ignored);
  }

  /// Tells it once, from the loop.
  void end(std::string_view why) {
    if (closed) return;
    close();
    if (on_closed) on_closed(why);
  }

  void read() {
    if (filled == incoming.size()) incoming.resize(incoming.size() * 2);
    socket.async_read_some(asio::buffer(incoming.data() + filled, incoming.size() - filled),
                           [self = shared_from_this()](const Failure& failure, std::size_t bytes) {
                             if (self->closed) return;
                             if (failure) return self->end(failure.message());
                             self->filled += bytes;
                             if (self->hand_out()) self->read();
                           });
  }

  /// False: the stream has ended.
  bool hand_out() {
    std::size_t at = 0;
    while (filled - at >= kHeaderBytes) {
      const std::size_t length = boost::endian::load_big_u32(incoming.data() + at);
      if (length > limits.max_frame_bytes) {
        end(fmt::format("expected a frame of at most {} bytes, found {}", limits.max_frame_bytes,
                        length));
        return false;
      }
      if (filled - at - kHeaderBytes < length) break;
      // What the callback sends may not move what it reads: only read() resizes.
      on_frame({reinterpret_cast<const char*>(incoming.data() + at + kHeaderBytes), length});
      if (closed) return false;
      at += kHeaderBytes + length;
    }
    if (at > 0) {
      filled -= at;
      std::memmove(incoming.data(), incoming.data() + at, filled);
    }
    return true;
  }

  bool send(std::string_view payload) {
    const std::size_t bytes = kHeaderBytes + payload.size();
    if (closed || waiting.size() + bytes > limits.max_queued_bytes) return false;
    std::array<unsigned char, kHeaderBytes> header{};
    boost::endian::store_big_u32(header.data(), static_cast<std::uint32_t>(payload.size()));
    std::size_t written = 0;
    if (!writing) {
      const std::array<asio::const_buffer, 2> parts{asio::buffer(header), asio::buffer(payload)};
      Failure failure;
      written = socket.write_some(parts, failure);
      if (failure) written = 0;  // would block; a peer that is gone shows in what is read
    }
    if (written == bytes) return true;
    if (written < kHeaderBytes) {
      waiting.append(reinterpret_cast<const char*>(header.data()) + written,
                     kHeaderBytes - written);
      written = kHeaderBytes;
    }
    waiting.append(payload.substr(written - kHeaderBytes));
    write_rest();
    return true;
  }

  void write_rest() {
    if (writing || waiting.empty()) return;
    writing = true;
    leaving.swap(waiting);
    asio::async_write(socket, asio::buffer(leaving),
                      [self = shared_from_this()](const Failure& failure, std::size_t) {
                        self->writing = false;
                        self->leaving.clear();
                        if (self->closed) return;
                        if (failure) return self->end(failure.message());
                        self->write_rest();
                      });
  }

  Socket socket;
  Limits limits;
  OnFrame on_frame;
  OnClosed on_closed;
  std::vector<unsigned char> incoming;
  std::size_t filled = 0;
  std::string waiting;  // not given to the kernel yet
  std::string leaving;  // in its hands
  bool writing = false;
  bool closed = false;
};

FrameStream::FrameStream(Socket socket, const Limits& limits)
    : state_(std::make_shared<State>(std::move(socket), limits)) {}

FrameStream::~FrameStream() {
  if (!state_->closed) state_->close();
}

void FrameStream::start(OnFrame on_frame, OnClosed on_closed) {
  state_->on_frame = std::move(on_frame);
  state_->on_closed = std::move(on_closed);
  state_->read();
}

bool FrameStream::send(std::string_view payload) { return state_->send(payload); }

}  // namespace perpwire
