#include "libs/common/stream_server.hpp"

#include "libs/common/frame_stream.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace perpwire {
namespace {

namespace asio = boost::asio;
using Failure = boost::system::error_code;
using Unix = asio::local::stream_protocol;

/// After an accept that failed (no descriptors left): the next try.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::optional<PeerCredentials> peer_of(const Unix::socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  auto& handle = const_cast<Unix::socket&>(socket);
  if (::getsockopt(handle.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  return PeerCredentials{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

}  // namespace

struct StreamServer::State : std::enable_shared_from_this<State> {
  struct Peer {
    Peer(Unix::socket socket, const FrameStream::Limits& limits, std::string with)
        : credentials(peer_of(socket)), name(std::move(with)), stream(std::move(socket), limits) {}
    std::optional<PeerCredentials> credentials;
    std::string name;
    FrameStream stream;
  };

  State(asio::io_context& io, StreamServerConfig with, Handler to)
      : config(std::move(with)), handler(std::move(to)), acceptor(io), pause(io) {}

  void bind() {
    if (auto checked = check_stream_endpoint(config.endpoint); !checked) {
      throw ConfigError(checked.error().text);
    }
    const std::string path(stream_path(config.endpoint));
    ::unlink(path.c_str());
    Failure failure;
    acceptor.open(Unix(), failure);
    const mode_t before = ::umask(0117);  // owner and group only
    if (!failure) acceptor.bind(Unix::endpoint(path), failure);
    ::umask(before);
    if (!failure) acceptor.listen(Unix::acceptor::max_listen_connections, failure);
    if (failure) {
      throw ConfigError(fmt::format("bind {}: {}", config.endpoint, failure.message()));
    }
  }

  void accept() {
    acceptor.async_accept([self = shared_from_this()](const Failure& failure, Unix::socket socket) {
      if (self->closed) return;
      if (!failure) {
        self->take(std::move(socket));
        self->accept();
        return;
      }
      ++self->counters.accept_failures;
      self->pause.expires_after(kAcceptPause);
      self->pause.async_wait([self](const Failure& stopped) {
        if (!stopped && !self->closed) self->accept();
      });
    });
  }

  void take(Unix::socket socket) {
    if (peers.size() >= config.max_connections) {
      ++counters.refused_connections;
      return;  // closes it
    }
    ++counters.connections;
    const std::uint64_t number = ++last_peer;
    const FrameStream::Limits limits{.max_frame_bytes = config.max_message_bytes,
                                     .max_queued_bytes = config.max_queued_bytes};
    auto& peer = *peers
                      .emplace(number, std::make_unique<Peer>(std::move(socket), limits,
                                                              fmt::format("stream|{}", number)))
                      .first->second;
    peer.stream.start(
        [self = shared_from_this(), number](std::string_view payload) {
          const auto at = self->peers.find(number);
          if (at == self->peers.end()) return;
          ++self->counters.requests;
          self->handler({.payload = payload,
                         .reply_to = {.routing_id = std::to_string(number)},
                         .connection = at->second->name,
                         .peer = at->second->credentials});
        },
        [self = shared_from_this(), number](std::string_view) { self->peers.erase(number); });
  }

  StreamServerConfig config;
  Handler handler;
  Unix::acceptor acceptor;
  asio::steady_timer pause;
  std::map<std::uint64_t, std::unique_ptr<Peer>> peers;
  std::uint64_t last_peer = 0;
  StreamServerCounters counters;
  bool closed = false;
};

StreamServer::StreamServer(asio::io_context& io, const StreamServerConfig& config, Handler handler)
    : state_(std::make_shared<State>(io, config, std::move(handler))) {
  state_->bind();
  state_->accept();
}

StreamServer::~StreamServer() {
  state_->closed = true;
  Failure ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  state_->peers.clear();
}

bool StreamServer::reply(const ReplyAddress& to, std::string_view part) {
  const auto at = state_->peers.find(std::strtoull(to.routing_id.c_str(), nullptr, 10));
  if (at == state_->peers.end()) {
    ++state_->counters.replies_dropped;
    return false;
  }
  if (at->second->stream.send(part)) {
    ++state_->counters.replies;
    return true;
  }
  // It does not read: what it asked goes on being answered into nothing.
  ++state_->counters.replies_dropped;
  state_->peers.erase(at);
  return false;
}

const StreamServerCounters& StreamServer::counters() const { return state_->counters; }

}  // namespace perpwire
