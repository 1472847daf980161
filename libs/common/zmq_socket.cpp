#include "libs/common/zmq_socket.hpp"

#include "libs/common/assert.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <zmq.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sys/stat.h>

namespace perpwire {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxIpcPath = 107;  // sun_path of Linux, less its terminator
/// A replay page has 1 + 2 x 1,000 parts; more is nobody of ours.
constexpr std::size_t kMaxParts = 4'096;

int zmq_type(SocketType type) {
  switch (type) {
    case SocketType::kXPub:
      return ZMQ_XPUB;
    case SocketType::kSub:
      return ZMQ_SUB;
    case SocketType::kRouter:
      return ZMQ_ROUTER;
    case SocketType::kDealer:
      return ZMQ_DEALER;
    case SocketType::kPair:
      return ZMQ_PAIR;
  }
  PW_ASSERT(false);
}

void set_option(void* socket, int option, int value) {
  PW_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

void set_bytes(void* socket, int option, ByteView bytes) {
  PW_ASSERT(zmq_setsockopt(socket, option, bytes.data(), bytes.size()) == 0);
}

void set_curve_keys(void* socket, const CurveKeys& keys) {
  set_bytes(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key());
  // Z85, with its terminating zero (zmq_setsockopt(3)).
  PW_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key().c_str(),
                           keys.public_key().size() + 1) == 0);
}

void set_curve(void* socket, const SocketOptions& options) {
  if (const auto& server = options.curve_server) {
    set_option(socket, ZMQ_CURVE_SERVER, 1);
    set_curve_keys(socket, *server->own);
    // Where the process has no ZAP handler libzmq 4.3.4 lets in whoever has any key (the option
    // that forbids it is of its draft interface): RequestServer hears nobody without a name.
    set_bytes(socket, ZMQ_ZAP_DOMAIN, as_bytes(server->domain));
  }
  if (const auto& client = options.curve_client) {
    set_curve_keys(socket, *client->own);
    PW_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, client->server_key.c_str(),
                             client->server_key.size() + 1) == 0);
  }
}

/// A signal may end any call of libzmq (EINTR), between two parts of a message too. Tried again it
/// goes on where it was: nothing of the part was taken.
template <class Call>
int uninterrupted(const Call& call) {
  for (;;) {
    const int result = call();
    if (result >= 0 || zmq_errno() != EINTR) return result;
  }
}

tl::unexpected<Error> zmq_failure(ErrorCode code, std::string_view what) {
  return fail(code, fmt::format("{}: {}", what, zmq_strerror(zmq_errno())));
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// Reads a whole decimal number off the front, up to `end` (':' or the end of the text).
template <class Number>
bool take_number(std::string_view& text, char end, Number& out) {
  const auto* last = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), last, out);
  if (error != std::errc{}) return false;
  if (end == '\0') return at == last;
  if (at == last || *at != end) return false;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()) + 1);
  return true;
}

/// The mode of a unix socket is the umask's; libzmq has no option for it.
class OwnerAndGroupOnly {
 public:
  OwnerAndGroupOnly() : before_(umask(0117)) {}
  ~OwnerAndGroupOnly() { umask(before_); }
  OwnerAndGroupOnly(const OwnerAndGroupOnly&) = delete;
  OwnerAndGroupOnly& operator=(const OwnerAndGroupOnly&) = delete;

 private:
  mode_t before_;
};

}  // namespace

std::string_view ZmqFrame::property(const char* name) const {
  const char* value = zmq_msg_gets(&message_, name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

int ZmqFrame::source_fd() const { return zmq_msg_get(&message_, ZMQ_SRCFD); }

std::optional<PeerCredentials> parse_peer_address(std::string_view peer_address) {
  constexpr std::string_view kUnix = "localhost:";
  if (!starts_with(peer_address, kUnix)) return std::nullopt;
  peer_address.remove_prefix(kUnix.size());
  PeerCredentials peer;
  if (!take_number(peer_address, ':', peer.uid)) return std::nullopt;
  if (!take_number(peer_address, ':', peer.gid)) return std::nullopt;
  if (!take_number(peer_address, '\0', peer.pid)) return std::nullopt;
  return peer;
}

Status check_endpoint(std::string_view endpoint, bool is_curve) {
  constexpr std::string_view kIpc = "ipc://";
  constexpr std::string_view kTcp = "tcp://";
  if (starts_with(endpoint, "inproc://")) return {};
  if (starts_with(endpoint, kIpc)) {
    const auto length = endpoint.size() - kIpc.size();
    if (length == 0 || length > kMaxIpcPath) {
      return fail(ErrorCode::kMalformed,
                  fmt::format("endpoint {}: expected a socket path of 1 to {} bytes, found {}",
                              endpoint, kMaxIpcPath, length));
    }
    return {};
  }
  if (starts_with(endpoint, kTcp)) {
    const auto address = endpoint.substr(kTcp.size());
    if (is_curve || starts_with(address, "127.") || starts_with(address, "localhost:") ||
        starts_with(address, "[::1]:")) {
      return {};
    }
  }
  return fail(
      ErrorCode::kMalformed,
      fmt::format("endpoint {}: expected ipc://PATH, TCP on loopback, or TCP with CURVE keys",
                  endpoint));
}

struct ZmqSocket::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, void* zmq_socket)
      : io(context), socket(zmq_socket), descriptor(context) {
    int fd = -1;
    std::size_t size = sizeof fd;
    PW_ASSERT(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    descriptor.assign(fd);
  }

  void close() {
    closed = true;
    if (monitor != nullptr) {
      // First stop, then close the reader: libzmq's I/O thread blocks on a monitor nobody reads.
      zmq_socket_monitor(socket, nullptr, 0);
      monitor.reset();
    }
    descriptor.release();  // the descriptor is libzmq's
    zmq_close(socket);
    socket = nullptr;
  }

  void arm() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& error) {
                            if (error || self->closed) return;
                            self->drain();
                            if (!self->closed) self->arm();
                          });
  }

  /// One check of ZMQ_EVENTS after all the sends of this turn.
  void check_later() {
    if (!handler || check_posted || closed) return;
    check_posted = true;
    asio::post(io, [self = shared_from_this()] {
      self->check_posted = false;
      if (!self->closed) self->drain();
    });
  }

  [[nodiscard]] bool readable() const {
    int events = 0;
    std::size_t size = sizeof events;
    const int asked =
        uninterrupted([&] { return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size); });
    return asked == 0 && (events & ZMQ_POLLIN) != 0;
  }

  void drain() {
    for (int handed = 0; handed < kDrainLimit;) {
      if (!readable()) return;
      if (!receive()) continue;  // dropped, or gone meanwhile: ask again
      ++handed;
      handler(parts);
      if (closed) return;
      parts.clear();
    }
    check_later();
  }

  /// False if nothing whole came.
  bool receive() {
    parts.clear();
    bool too_many = false;
    for (;;) {
      ZmqFrame frame;
      const int received =
          uninterrupted([&] { return zmq_msg_recv(frame.raw(), socket, ZMQ_DONTWAIT); });
      if (received < 0) return false;
      const bool more = zmq_msg_more(frame.raw()) != 0;
      if (parts.size() < kMaxParts) {
        parts.push_back(std::move(frame));
      } else {
        too_many = true;
      }
      if (!more) return !too_many;
    }
  }

  asio::io_context& io;
  void* socket;
  asio::posix::stream_descriptor descriptor;
  OnMessage handler;
  Message parts;
  std::unique_ptr<ZmqSocket> monitor;
  bool check_posted = false;
  bool closed = false;
};

ZmqSocket::ZmqSocket(asio::io_context& io, zmq::context_t& context, SocketType type,
                     const SocketOptions& options)
    : context_(context), is_curve_(options.curve_client || options.curve_server) {
  void* socket = zmq_socket(context.handle(), zmq_type(type));
  PW_ASSERT(socket != nullptr);
  set_option(socket, ZMQ_LINGER, options.linger_ms);
  set_option(socket, ZMQ_SNDHWM, options.send_high_water_mark);
  set_option(socket, ZMQ_RCVHWM, options.receive_high_water_mark);
  set_option(socket, ZMQ_RECONNECT_IVL, options.reconnect_ms);
  PW_ASSERT(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &options.max_message_bytes,
                           sizeof options.max_message_bytes) == 0);
  if (options.xpub_verbose) set_option(socket, ZMQ_XPUB_VERBOSE, 1);
  if (options.router_mandatory) set_option(socket, ZMQ_ROUTER_MANDATORY, 1);
  set_curve(socket, options);
  state_ = std::make_shared<State>(io, socket);
}

ZmqSocket::~ZmqSocket() { state_->close(); }

void ZmqSocket::start(OnMessage handler) {
  PW_ASSERT(!state_->handler);
  state_->handler = std::move(handler);
  state_->arm();
  state_->check_later();
}

Result<std::string> ZmqSocket::bind(const std::string& endpoint) {
  if (auto checked = check_endpoint(endpoint, is_curve_); !checked) {
    return tl::unexpected(checked.error());
  }
  const bool is_ipc = starts_with(endpoint, "ipc://");
  {
    std::optional<OwnerAndGroupOnly> mode;
    if (is_ipc) mode.emplace();
    if (uninterrupted([&] { return zmq_bind(state_->socket, endpoint.c_str()); }) != 0) {
      return zmq_failure(ErrorCode::kIo, "bind " + endpoint);
    }
  }
  std::array<char, 512> bound{};
  std::size_t size = bound.size();
  PW_ASSERT(zmq_getsockopt(state_->socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0);
  state_->check_later();
  return std::string(bound.data());
}

Status ZmqSocket::connect(const std::string& endpoint) {
  if (auto checked = check_endpoint(endpoint, is_curve_); !checked) return checked;
  if (uninterrupted([&] { return zmq_connect(state_->socket, endpoint.c_str()); }) != 0) {
    return zmq_failure(ErrorCode::kIo, "connect " + endpoint);
  }
  state_->check_later();
  return {};
}

Status ZmqSocket::subscribe(std::string_view prefix) {
  if (zmq_setsockopt(state_->socket, ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) != 0) {
    return zmq_failure(ErrorCode::kIo, "subscribe");
  }
  state_->check_later();
  return {};
}

Status ZmqSocket::unsubscribe(std::string_view prefix) {
  if (zmq_setsockopt(state_->socket, ZMQ_UNSUBSCRIBE, prefix.data(), prefix.size()) != 0) {
    return zmq_failure(ErrorCode::kIo, "unsubscribe");
  }
  state_->check_later();
  return {};
}

Status ZmqSocket::send(std::span<const std::string_view> parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int more = i + 1 < parts.size() ? ZMQ_SNDMORE : 0;
    const int sent = uninterrupted([&] {
      return zmq_send(state_->socket, parts[i].data(), parts[i].size(), ZMQ_DONTWAIT | more);
    });
    if (sent >= 0) continue;
    state_->check_later();
    switch (zmq_errno()) {
      case EAGAIN:
        return fail(ErrorCode::kWouldBlock, "the peer's queue is full");
      case EHOSTUNREACH:
        return fail(ErrorCode::kClosed, "the peer is gone");
      default:
        return zmq_failure(ErrorCode::kIo, "send");
    }
  }
  state_->check_later();
  return {};
}

void ZmqSocket::receive_now() {
  const auto state = state_;  // the handler may destroy this
  while (!state->closed && state->readable()) state->drain();
}

void* ZmqSocket::handle() const { return state_->socket; }

void ZmqSocket::monitor(int events, std::function<void(std::uint16_t, std::uint32_t)> handler) {
  PW_ASSERT(state_->monitor == nullptr);
  static std::atomic<std::uint64_t> made{0};
  const auto endpoint = fmt::format("inproc://perpwire-monitor-{}", ++made);
  PW_ASSERT(zmq_socket_monitor(state_->socket, endpoint.c_str(), events) == 0);
  state_->monitor = std::make_unique<ZmqSocket>(state_->io, context_, SocketType::kPair);
  PW_ASSERT(state_->monitor->connect(endpoint).has_value());
  state_->monitor->start([handler = std::move(handler)](Message& message) {
    // First part: 16 bits of event, 32 bits of value, in the machine's order
    // (zmq_socket_monitor(3)).
    const auto frame = message.front().view();
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    if (frame.size() < sizeof event + sizeof value) return;
    std::memcpy(&event, frame.data(), sizeof event);
    std::memcpy(&value, frame.data() + sizeof event, sizeof value);
    handler(event, value);
  });
}

}  // namespace perpwire
