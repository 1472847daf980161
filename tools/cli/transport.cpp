#include "tools/cli/transport.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/curve.hpp"

#include <fmt/format.h>
#include <zmq_addon.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace perpwire::cli {
namespace {

/// One for the process. Never destroyed: a command ends by leaving, and sockets do not linger.
zmq::context_t& context() {
  static auto* only = new zmq::context_t(1);
  return *only;
}

int millis(Nanos time) {
  return static_cast<int>(std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(time).count()));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string why_connect_failed(int error) {
  switch (error) {
    case ENOENT:
      return "no such socket";
    case ECONNREFUSED:
      return "nobody listens";
    case EACCES:
      return "permission denied (is your user in the socket's group?)";
    default:
      return std::strerror(error);
  }
}

std::string try_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return "socket path too long";
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // The conversion is what the socket interface asks for.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return {};
  return why_connect_failed(errno);
}

std::string try_tcp(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return {};
  return why_connect_failed(errno);
}

}  // namespace

std::string why_not_listening(const std::string& endpoint) {
  constexpr std::string_view kIpc = "ipc://";
  if (endpoint.rfind(kIpc, 0) == 0) return try_unix(endpoint.substr(kIpc.size()));
  const auto colon = endpoint.rfind(':');
  int port = 0;
  const char* begin = endpoint.data() + colon + 1;
  std::from_chars(begin, endpoint.data() + endpoint.size(), port);
  if (endpoint.find("127.0.0.1") == std::string::npos) return {};  // left to ZeroMQ
  return try_tcp(port);
}

Caller::Caller(std::string process, std::string endpoint, Nanos timeout, CurveTarget curve)
    : process_(std::move(process)),
      endpoint_(std::move(endpoint)),
      timeout_(timeout),
      curve_(std::move(curve)) {}

Outcome<void> Caller::connect() {
  if (const auto why = why_not_listening(endpoint_); !why.empty()) {
    return fail_with(Exit::kFailed, fmt::format("{}: expected it to listen at {}, found: {}",
                                                process_, endpoint_, why));
  }
  std::optional<CurveClient> curve;
  try {
    curve = curve_client(endpoint_, curve_.server_key, curve_.key_file, "curve.key");
  } catch (const ConfigError& error) {
    return fail_with(Exit::kUsage, error.what());
  }
  socket_.emplace(context(), zmq::socket_type::dealer);
  socket_->set(zmq::sockopt::linger, 0);
  socket_->set(zmq::sockopt::immediate, true);  // nothing is queued for a peer that is not there
  if (curve) {
    socket_->set(zmq::sockopt::curve_serverkey, curve->server_key);
    socket_->set(zmq::sockopt::curve_publickey, curve->own->public_key());
    const auto secret = curve->own->secret_key();
    socket_->set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), secret.size()));
  }
  socket_->connect(endpoint_);
  return {};
}

Outcome<std::vector<std::string>> Caller::ask(std::string_view payload, Exit if_no_answer) {
  const Nanos end = monotonic_now() + timeout_;
  if (!socket_) {
    if (auto connected = connect(); !connected) return tl::unexpected(connected.error());
  }
  std::array<zmq::pollitem_t, 1> items{{{socket_->handle(), 0, ZMQ_POLLOUT, 0}}};
  zmq::poll(items.data(), items.size(), std::chrono::milliseconds(millis(timeout_)));
  if ((items[0].revents & ZMQ_POLLOUT) == 0 ||
      !socket_->send(zmq::buffer(payload), zmq::send_flags::dontwait)) {
    return fail_with(Exit::kFailed,
                     fmt::format("{}: expected a connection to {} within {} ms, found none{}",
                                 process_, endpoint_, millis(timeout_),
                                 curve_.server_key.empty()
                                     ? ""
                                     : ": is our key in its curve.clients, and is its own key the "
                                       "configured one?"));
  }
  items[0].events = ZMQ_POLLIN;
  zmq::poll(items.data(), items.size(), std::chrono::milliseconds(millis(end - monotonic_now())));
  std::vector<zmq::message_t> parts;
  if ((items[0].revents & ZMQ_POLLIN) == 0 ||
      !zmq::recv_multipart(*socket_, std::back_inserter(parts), zmq::recv_flags::dontwait)) {
    socket_.reset();  // a late answer must not be taken for the next one's
    return fail_with(
        if_no_answer,
        fmt::format("{}: expected an answer within {} ms, found none{}", process_, millis(timeout_),
                    if_no_answer == Exit::kOutcomeUnknown ? ": it may have been done" : ""));
  }
  std::vector<std::string> texts;
  for (const auto& part : parts) texts.push_back(part.to_string());
  if (texts.size() > 1 && texts.front().empty()) texts.erase(texts.begin());
  return texts;
}

Listener::Listener(std::string process, std::string endpoint, std::vector<std::string> topics)
    : process_(std::move(process)),
      endpoint_(std::move(endpoint)),
      topics_(std::move(topics)),
      socket_(context(), zmq::socket_type::sub) {
  socket_.set(zmq::sockopt::linger, 0);
  for (const auto& topic : topics_) socket_.set(zmq::sockopt::subscribe, "pb." + topic);
  socket_.set(zmq::sockopt::subscribe, "pb.hb.");
  socket_.connect(endpoint_);
}

bool Listener::wanted(std::string_view topic) const {
  return std::any_of(topics_.begin(), topics_.end(), [&](const std::string& each) {
    return !each.empty() && each.back() == '.' ? topic.substr(0, each.size()) == each
                                               : topic == each;
  });
}

Outcome<void> Listener::wait_until_joined(Nanos timeout) {
  if (const auto why = why_not_listening(endpoint_); !why.empty()) {
    return fail_with(Exit::kFailed, fmt::format("{}: expected it to publish at {}, found: {}",
                                                process_, endpoint_, why));
  }
  const Nanos end = monotonic_now() + timeout;
  while (monotonic_now() < end) {
    const auto message = next(end - monotonic_now(), true);
    if (message && message->topic.rfind("hb.", 0) == 0) return {};
  }
  return fail_with(Exit::kFailed,
                   fmt::format("{}: expected a heartbeat at {} within {} ms, found none", process_,
                               endpoint_, millis(timeout)));
}

std::optional<BusMessage> Listener::next(Nanos timeout, bool heartbeats) {
  const Nanos end = monotonic_now() + timeout;
  for (;;) {
    std::array<zmq::pollitem_t, 1> items{{{socket_.handle(), 0, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(millis(end - monotonic_now())));
    std::vector<zmq::message_t> parts;
    if ((items[0].revents & ZMQ_POLLIN) == 0 ||
        !zmq::recv_multipart(socket_, std::back_inserter(parts), zmq::recv_flags::dontwait)) {
      return std::nullopt;
    }
    BusMessage message;
    message.arrived = wall_clock_now();
    if (parts.size() != 2) continue;
    message.topic = parts[0].to_string().substr(3);
    const bool heartbeat = message.topic.rfind("hb.", 0) == 0;
    if (heartbeat ? !heartbeats : !wanted(message.topic)) continue;
    if (!parse_payload(parts[1].to_string_view(), message.envelope)) continue;
    return message;
  }
}

Outcome<int> http_status(int port, std::string_view path, Nanos timeout) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_with(Exit::kFailed,
                     fmt::format("127.0.0.1:{}: {}", port, why_connect_failed(errno)));
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", path, port);
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail_with(Exit::kFailed, fmt::format("127.0.0.1:{}: cannot write", port));
  }
  pollfd wait{.fd = fd.get(), .events = POLLIN, .revents = 0};
  std::array<char, 64> answer{};
  if (::poll(&wait, 1, millis(timeout)) != 1 ||
      ::recv(fd.get(), answer.data(), answer.size() - 1, 0) < 12) {
    return fail_with(Exit::kFailed,
                     fmt::format("127.0.0.1:{}: no answer within {} ms", port, millis(timeout)));
  }
  const std::string_view line(answer.data());
  int code = 0;
  if (line.rfind("HTTP/1.", 0) == 0) std::from_chars(line.data() + 9, line.data() + 12, code);
  return code;
}

}  // namespace perpwire::cli
