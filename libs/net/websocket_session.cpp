#include "libs/net/websocket_session.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/build_info.hpp"
#include "libs/net/dialer.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <fmt/format.h>

#include <deque>
#include <optional>

namespace perpwire::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

// How long a closing handshake may take in the background before the socket is closed without it.
constexpr auto kLinger = std::chrono::milliseconds{500};
// RFC 6455, section 7.1.5: the connection ended without a closing handshake.
constexpr std::uint16_t kAbnormalClosure = 1006;

bool is_end_of_stream(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::error::connection_reset ||
         ec == asio::error::broken_pipe || ec == asio::ssl::error::stream_truncated;
}

bool breaks_protocol(const error_code& ec) {
  return ec.category() == make_error_code(websocket::error::bad_opcode).category();
}

}  // namespace

std::string_view to_string(SessionState state) {
  switch (state) {
    case SessionState::kIdle:
      return "IDLE";
    case SessionState::kConnecting:
      return "CONNECTING";
    case SessionState::kOpen:
      return "OPEN";
    case SessionState::kWaiting:
      return "WAITING";
    case SessionState::kClosed:
      return "CLOSED";
  }
  return "?";
}

std::string_view to_string(CloseReason::Kind kind) {
  switch (kind) {
    case CloseReason::Kind::kRequested:
      return "requested";
    case CloseReason::Kind::kConnectFailed:
      return "connect_failed";
    case CloseReason::Kind::kRemote:
      return "remote";
    case CloseReason::Kind::kDead:
      return "dead";
    case CloseReason::Kind::kProtocol:
      return "protocol";
    case CloseReason::Kind::kIo:
      return "io";
  }
  return "?";
}

namespace {

struct Outgoing {
  std::string text;
  WebSocketSession::SendDone done;
};

// One connection from the end of its dialling on. Operations under way keep it alive after the
// session let go of it.
struct Link {
  explicit Link(Transport transport)
      : executor(transport.get_executor()), ws(std::move(transport)), linger(executor) {}

  void abort() { beast::get_lowest_layer(ws).close(); }

  Transport::executor_type executor;
  websocket::stream<Transport, false> ws;
  beast::flat_buffer buffer;
  websocket::response_type handshake_answer;
  std::deque<Outgoing> queue;  // the front is being written while `writing`
  std::size_t queued_bytes = 0;
  bool writing = false;
  bool pinging = false;
  asio::steady_timer linger;
};

}  // namespace

class WebSocketSession::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, WebSocketOptions options, WebSocketCallbacks callbacks)
      : io_(io),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        url_(require_url("ws_url", options_.url)),
        proxy_(require_proxy("proxy_url", options_.proxy_url)),
        policy_(options_.policy),
        timer_(io) {
    if (!url_.is_websocket()) {
      throw ConfigError(fmt::format("ws_url: expected ws:// or wss://, found {}", url_.text()));
    }
    if (url_.is_tls() && !options_.tls) options_.tls = std::make_shared<TlsContext>();
  }

  void start() {
    policy_.start(monotonic_now());
    asio::post(io_, [self = shared_from_this()] { self->drive(); });
  }

  void close() {
    if (state_ == SessionState::kClosed) return;
    const bool was_open = state_ == SessionState::kOpen;
    policy_.close();
    timer_.cancel();
    end_attempt({.kind = CloseReason::Kind::kRequested, .text = "closed by us"},
                SessionState::kClosed, was_open);
  }

  // The owner is gone: no callback any more.
  void detach() {
    detached_ = true;
    close();
  }

  void reconnect(std::string reason) {
    if (state_ != SessionState::kOpen && state_ != SessionState::kConnecting) return;
    down({.kind = CloseReason::Kind::kRequested, .text = std::move(reason)});
  }

  Status send_text(std::string text, SendDone done) {
    if (state_ != SessionState::kOpen) {
      ++counters_.sends_refused;
      return fail(ErrorCode::kClosed,
                  fmt::format("{} is not open but {}", url_.host_port(), to_string(state_)));
    }
    if (link_->queue.size() >= options_.send_queue_capacity ||
        link_->queued_bytes + text.size() > options_.send_queue_bytes) {
      ++counters_.sends_refused;
      return fail(ErrorCode::kWouldBlock,
                  fmt::format("send queue of {} is full: {} messages of {}, {} bytes of {}",
                              url_.host_port(), link_->queue.size(), options_.send_queue_capacity,
                              link_->queued_bytes, options_.send_queue_bytes));
    }
    link_->queued_bytes += text.size();
    link_->queue.push_back({std::move(text), std::move(done)});
    write_next(link_);
    return {};
  }

  [[nodiscard]] SessionState state() const { return state_; }
  [[nodiscard]] std::size_t queued_messages() const { return link_ ? link_->queue.size() : 0; }
  [[nodiscard]] std::size_t queued_bytes() const { return link_ ? link_->queued_bytes : 0; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const ConnectionPolicy& policy() const { return policy_; }

 private:
  using LinkPtr = std::shared_ptr<Link>;

  // Does what the policy says, then sleeps until it has more to say. Frames that come in only put
  // that moment off, so the timer is not set anew for each.
  void drive() {
    while (true) {
      const auto step = policy_.step(monotonic_now());
      switch (step.kind) {
        case ConnectionPolicy::Step::Kind::kNone:
          return sleep();
        case ConnectionPolicy::Step::Kind::kConnect:
          connect();
          break;
        case ConnectionPolicy::Step::Kind::kPing:
          ping();
          break;
        case ConnectionPolicy::Step::Kind::kDrop: {
          const bool open = state_ == SessionState::kOpen;
          return down({.kind = open ? CloseReason::Kind::kDead : CloseReason::Kind::kConnectFailed,
                       .text = fmt::format("{}: {}", url_.host_port(), step.reason)});
        }
      }
    }
  }

  void sleep() {
    const auto wake = policy_.next_wake();
    if (!wake) return;
    timer_.expires_at(asio::steady_timer::time_point{*wake});
    timer_.async_wait([self = shared_from_this()](const error_code& ec) {
      if (!ec) self->drive();
    });
  }

  void connect() {
    ++counters_.connects_tried;
    const auto self = shared_from_this();
    dialer_ = Dialer::dial(
        io_, {.url = url_, .proxy = proxy_, .tls = options_.tls},
        [self](Dialer::Phase phase) {
          self->enter(phase == Dialer::Phase::kResolve   ? ConnectionPolicy::Phase::kResolve
                      : phase == Dialer::Phase::kConnect ? ConnectionPolicy::Phase::kConnect
                                                         : ConnectionPolicy::Phase::kTls);
        },
        [self](Result<Transport> transport) {
          self->dialer_.reset();
          if (!transport) {
            return self->down({.kind = CloseReason::Kind::kConnectFailed,
                               .text = std::move(transport.error().text)});
          }
          self->handshake(std::make_shared<Link>(std::move(*transport)));
        });
    set_state(SessionState::kConnecting);
  }

  void enter(ConnectionPolicy::Phase phase) {
    policy_.on_phase(phase, monotonic_now());
    sleep();
  }

  void handshake(const LinkPtr& link) {
    link_ = link;
    enter(ConnectionPolicy::Phase::kHandshake);
    auto& ws = link->ws;
    ws.text(true);
    ws.auto_fragment(false);  // one message, one frame: what venues' own clients send
    ws.write_buffer_bytes(64 * 1024);
    ws.read_message_max(options_.max_message_bytes);
    ws.set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
      request.set(beast::http::field::user_agent, fmt::format("perpwire/{}", version()));
      for (const auto& [name, value] : options_.headers) request.set(name, value);
    }));
    ws.async_handshake(link->handshake_answer, url_.authority(), url_.target,
                       [self = shared_from_this(), link](const error_code& ec) {
                         if (self->link_ != link) return;
                         if (ec) return self->handshake_failed(*link, ec);
                         self->opened(link);
                       });
  }

  void handshake_failed(const Link& link, const error_code& ec) {
    std::string text = fmt::format("WebSocket handshake {}: {}", url_.host_port(), ec.message());
    if (ec == websocket::error::upgrade_declined) {
      text = fmt::format("WebSocket handshake {}: expected 101, found {} {}", url_.host_port(),
                         link.handshake_answer.result_int(),
                         std::string(link.handshake_answer.reason()));
    }
    down({.kind = CloseReason::Kind::kConnectFailed, .text = std::move(text)});
  }

  void opened(const LinkPtr& link) {
    ++counters_.connects_done;
    policy_.on_open(monotonic_now());
    link->ws.control_callback([weak = weak_from_this(), raw = link.get()](
                                  websocket::frame_type kind, beast::string_view) {
      const auto self = weak.lock();
      if (!self || self->link_.get() != raw) return;
      self->policy_.on_control(monotonic_now(), kind == websocket::frame_type::pong);
    });
    sleep();
    set_state(SessionState::kOpen);
    if (link_ == link && callbacks_.on_open && !detached_) callbacks_.on_open();
    if (link_ == link) read_next(link);
  }

  void read_next(const LinkPtr& link) {
    link->ws.async_read(link->buffer,
                        [self = shared_from_this(), link](const error_code& ec, std::size_t bytes) {
                          if (self->link_ != link) return;
                          if (ec) return self->read_failed(*link, ec);
                          self->message_came(link, bytes);
                        });
  }

  void message_came(const LinkPtr& link, std::size_t bytes) {
    const UnixNanos received = wall_clock_now();
    ++counters_.messages_in;
    counters_.bytes_in += bytes;
    const std::string_view text{static_cast<const char*>(link->buffer.data().data()), bytes};
    policy_.on_message(monotonic_now(), is_pong(text));
    if (callbacks_.on_text && !detached_) callbacks_.on_text(text, received);
    if (link_ != link) return;
    link->buffer.consume(bytes);
    read_next(link);
  }

  [[nodiscard]] bool is_pong(std::string_view text) const {
    const auto& keep = options_.policy.keep_alive;
    return keep.kind == KeepAliveOptions::Kind::kText &&
           keep.life == KeepAliveOptions::Life::kPongOnly && options_.is_pong &&
           options_.is_pong(text);
  }

  void read_failed(const Link& link, const error_code& ec) {
    CloseReason reason;
    reason.text = fmt::format("{}: {}", url_.host_port(), ec.message());
    if (ec == websocket::error::closed) {
      const auto& said = link.ws.reason();
      reason.kind = CloseReason::Kind::kRemote;
      reason.websocket_code = said.code;
      reason.text =
          fmt::format("{} closed: {} {}", url_.host_port(), static_cast<unsigned>(said.code),
                      std::string_view{said.reason.data(), said.reason.size()});
    } else if (is_end_of_stream(ec)) {
      reason.kind = CloseReason::Kind::kRemote;
      reason.websocket_code = kAbnormalClosure;
    } else if (breaks_protocol(ec)) {
      reason.kind = CloseReason::Kind::kProtocol;
    }
    down(std::move(reason));
  }

  void write_next(const LinkPtr& link) {
    if (link->writing || link->queue.empty()) return;
    link->writing = true;
    // The front stays where it is until its write ended: a deque does not move its elements when it
    // grows.
    link->ws.async_write(asio::buffer(link->queue.front().text),
                         [self = shared_from_this(), link](const error_code& ec, std::size_t) {
                           if (self->link_ != link) return;
                           self->written(link, ec);
                         });
  }

  void written(const LinkPtr& link, const error_code& ec) {
    if (ec) {
      return down(
          {.kind = is_end_of_stream(ec) ? CloseReason::Kind::kRemote : CloseReason::Kind::kIo,
           .websocket_code = is_end_of_stream(ec) ? kAbnormalClosure : std::uint16_t{0},
           .text = fmt::format("{}: write: {}", url_.host_port(), ec.message())});
    }
    Outgoing sent = std::move(link->queue.front());
    link->queue.pop_front();
    link->writing = false;
    link->queued_bytes -= sent.text.size();
    ++counters_.messages_out;
    counters_.bytes_out += sent.text.size();
    write_next(link);
    if (sent.done && !detached_) sent.done(SendFate::kWritten);
  }

  // A ping that cannot be sent is no error here: its deadline runs all the same.
  void ping() {
    ++counters_.pings;
    if (options_.policy.keep_alive.kind == KeepAliveOptions::Kind::kText) {
      ignore(send_text(options_.policy.keep_alive.text, {}), "its deadline runs all the same");
      return;
    }
    if (link_->pinging) return;
    link_->pinging = true;
    link_->ws.async_ping({}, [link = link_](const error_code&) { link->pinging = false; });
  }

  // The connection or attempt is over and, unless we are closed, the next one is due after the
  // backoff.
  void down(CloseReason reason) {
    const bool was_open = state_ == SessionState::kOpen;
    policy_.on_down(monotonic_now());
    end_attempt(std::move(reason), SessionState::kWaiting, was_open);
    if (state_ == SessionState::kWaiting) sleep();
  }

  void end_attempt(CloseReason reason, SessionState next, bool was_open) {
    const auto self = shared_from_this();  // a callback may destroy the session
    const bool was_attempt = was_open || state_ == SessionState::kConnecting;
    const LinkPtr link = std::move(link_);
    link_ = nullptr;
    if (const auto dialer = std::move(dialer_)) dialer->cancel();
    dialer_ = nullptr;
    if (link && was_open && reason.kind == CloseReason::Kind::kRequested) {
      say_goodbye(link);
    } else if (link) {
      link->abort();
    }
    set_state(next);
    if (link) tell_fates(*link);
    if (was_attempt && callbacks_.on_close && !detached_) callbacks_.on_close(reason);
  }

  // The closing handshake in the background; the link dies with its last operation.
  static void say_goodbye(const LinkPtr& link) {
    link->linger.expires_after(kLinger);
    link->linger.async_wait([link](const error_code& ec) {
      if (!ec) link->abort();
    });
    link->ws.async_close(websocket::close_code::normal, [link](const error_code&) {
      link->linger.cancel();
      link->abort();
    });
  }

  void tell_fates(Link& link) {
    // The front may still be under way: its text stays where the operation reads it.
    const bool front_is_unknown = link.writing;
    std::vector<SendDone> dones;
    for (auto& item : link.queue) dones.push_back(std::move(item.done));
    counters_.sends_lost += dones.size();
    for (std::size_t i = 0; i < dones.size() && !detached_; ++i) {
      if (!dones[i]) continue;
      dones[i](i == 0 && front_is_unknown ? SendFate::kUnknown : SendFate::kNeverLeft);
    }
  }

  void set_state(SessionState state) {
    if (state_ == state) return;
    state_ = state;
    if (callbacks_.on_state && !detached_) callbacks_.on_state(state);
  }

  asio::io_context& io_;
  WebSocketOptions options_;
  WebSocketCallbacks callbacks_;
  Url url_;
  std::optional<Url> proxy_;
  ConnectionPolicy policy_;
  asio::steady_timer timer_;
  SessionState state_ = SessionState::kIdle;
  std::shared_ptr<Dialer> dialer_;
  LinkPtr link_;
  Counters counters_;
  bool detached_ = false;
};

WebSocketSession::WebSocketSession(asio::io_context& io, WebSocketOptions options,
                                   WebSocketCallbacks callbacks)
    : impl_(std::make_shared<Impl>(io, std::move(options), std::move(callbacks))) {}

WebSocketSession::~WebSocketSession() { impl_->detach(); }

void WebSocketSession::start() { impl_->start(); }
// The copies keep the implementation alive if a callback destroys the session.
void WebSocketSession::close() {
  const auto keep = impl_;
  keep->close();
}
void WebSocketSession::reconnect(std::string reason) {
  const auto keep = impl_;
  keep->reconnect(std::move(reason));
}
Status WebSocketSession::send_text(std::string text, SendDone done) {
  return impl_->send_text(std::move(text), std::move(done));
}
SessionState WebSocketSession::state() const { return impl_->state(); }
std::size_t WebSocketSession::queued_messages() const { return impl_->queued_messages(); }
std::size_t WebSocketSession::queued_bytes() const { return impl_->queued_bytes(); }
const WebSocketSession::Counters& WebSocketSession::counters() const { return impl_->counters(); }
const ConnectionPolicy& WebSocketSession::policy() const { return impl_->policy(); }

}  // namespace perpwire::net
