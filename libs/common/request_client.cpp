#include "libs/common/request_client.hpp"

#include "libs/common/bus_numbers.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/protobuf_wire.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <deque>

namespace perpwire {
namespace {

namespace asio = boost::asio;

/// Between two connections of ours: a server that drops each at once is not asked in a circle.
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kPauseAfterRefusal{1};

std::optional<std::string> json_request_id(std::string_view part) {
  thread_local simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(part);
  simdjson::ondemand::document document;
  std::string_view id;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document["request_id"].get_string().get(id) != simdjson::SUCCESS) return std::nullopt;
  return std::string(id);
}

}  // namespace

std::optional<std::string> reply_request_id(std::string_view part, ReplyKind kind) {
  if (is_json(part)) return json_request_id(part);
  const std::uint64_t wanted = kind == ReplyKind::kPage ? 2 : 1;
  wire::FieldWalker fields(part);
  while (fields.next()) {
    if (fields.field() == wanted) return std::string(fields.bytes());
  }
  return std::nullopt;
}

struct RequestClient::Impl : std::enable_shared_from_this<RequestClient::Impl> {
  struct Pending {
    std::string request_id;
    std::string payload;  // empty once sent
    Callback callback;
    bool sent = false;
    asio::steady_timer timer;
  };
  enum class Link { kDown, kGreeting, kReady };

  Impl(asio::io_context& context, zmq::context_t& zmq_context, RequestClientConfig with)
      : io(context), zmq(zmq_context), config(std::move(with)), pause_timer(io), link_timer(io) {
    if (auto checked = check_endpoint(config.endpoint, config.curve.has_value()); !checked) {
      throw ConfigError(checked.error().text);
    }
  }

  // ---- connection ----

  void connect() {
    SocketOptions options;
    // libzmq must not reconnect by itself: what it still holds for a server that died would reach
    // the next one. Neither way that it offers keeps answers that are already here (tried
    // with 4.3.4: ZMQ_IMMEDIATE and an interval of -1 both drop them), so its interval is beyond
    // our patience.
    options.reconnect_ms = 3'600'000;
    options.send_high_water_mark = static_cast<int>(config.max_outstanding) + 1;
    options.receive_high_water_mark = static_cast<int>(config.max_outstanding) + 1;
    options.max_message_bytes = config.max_message_bytes;
    options.curve_client = config.curve;
    socket = std::make_unique<ZmqSocket>(io, zmq, SocketType::kDealer, options);
    socket->monitor(ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED,
                    [this](std::uint16_t event, std::uint32_t) {
                      const auto keep = shared_from_this();  // what is told may destroy the client
                      if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) on_up();
                      // CURVE: it does not let us in. Asked again, but not at once.
                      if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) start_anew(kPauseAfterRefusal);
                      if (event == ZMQ_EVENT_DISCONNECTED) on_down();
                      // Nobody there, and libzmq would wait: we do not.
                      if (event == ZMQ_EVENT_CONNECT_RETRIED && link == Link::kDown)
                        start_anew(kPause);
                    });
    socket->start([this](ZmqSocket::Message& message) { on_message(message); });
    ignore(socket->connect(config.endpoint),
           "the endpoint was checked; a later attempt may succeed");
    expect_progress(Link::kDown, config.connect_timeout);
  }

  /// Whatever is lost on the way (a peer that stops, an event of libzmq), the link does not stay as
  /// it is.
  void expect_progress(Link from, Nanos within) {
    link_timer.expires_after(within);
    link_timer.async_wait([weak = weak_from_this(), from](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr || self->link != from) return;
      ++self->counters.timeouts;
      self->start_anew(kPause);
    });
  }

  void on_up() {
    if (link != Link::kDown) return;
    ++counters.connections;
    if (config.hello.empty()) {
      become_ready();
      return;
    }
    link = Link::kGreeting;
    expect_progress(Link::kGreeting, config.hello_timeout);
    ignore(send(config.hello), "the deadline of the answer tells");
  }

  void on_down() {
    if (socket == nullptr) return;
    socket->receive_now();  // what the server still answered counts
    if (ended) return;
    ++counters.disconnects;
    start_anew(kPause);
  }

  /// Leaves the connection and everything queued for it behind.
  void start_anew(std::chrono::milliseconds pause) {
    const bool was_ready = link == Link::kReady;
    link = Link::kDown;
    link_timer.cancel();
    socket.reset();
    pause_timer.expires_after(pause);
    pause_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->connect();
    });
    std::vector<std::string> sent;
    for (const auto& [id, request] : pending) {
      if (request->sent) sent.push_back(id);
    }
    for (const auto& id : sent) {
      finish(id, fail(ErrorCode::kTimeout,
                      fmt::format("{}: connection lost after sending", config.endpoint)));
    }
    if (was_ready) tell_ready(false);
  }

  void tell_ready(bool ready) {
    const auto handler = ready_handler;  // it may destroy the client, and itself with it
    if (handler) handler(ready);
  }

  void become_ready() {
    link = Link::kReady;
    link_timer.cancel();
    while (!unsent.empty() && link == Link::kReady) {
      const auto at = pending.find(unsent.front());
      unsent.pop_front();
      if (at != pending.end() && !at->second->sent) send_request(*at->second);
    }
    if (link == Link::kReady) tell_ready(true);
  }

  // ---- requests ----

  bool send(const std::string& payload) {
    const std::array<std::string_view, 1> parts{payload};
    return socket->send(parts).has_value();
  }

  void send_request(Pending& request) {
    if (!send(request.payload)) {
      // Not in libzmq's hands: it waits for the next connection, or its time. The queue is full of
      // what the server does not read, mostly requests that timed out: they must not reach it when
      // it wakes, so this connection is over. Not from inside request().
      unsent.push_back(request.request_id);
      link = Link::kDown;
      expect_progress(Link::kDown, Nanos::zero());
      return;
    }
    request.sent = true;
    request.payload.clear();
  }

  void add(std::string_view request_id, std::string payload, Nanos timeout, Callback callback) {
    ++counters.requests;
    if (pending.find(request_id) != pending.end()) {
      refuse(std::move(callback), ErrorCode::kInvalidCommand,
             fmt::format("request_id {} is outstanding", request_id));
      return;
    }
    if (pending.size() >= config.max_outstanding) {
      refuse(std::move(callback), ErrorCode::kWouldBlock,
             fmt::format("{}: {} requests are outstanding", config.endpoint, pending.size()));
      return;
    }
    auto made = std::make_unique<Pending>(Pending{.request_id = std::string(request_id),
                                                  .payload = std::move(payload),
                                                  .callback = std::move(callback),
                                                  .timer = asio::steady_timer(io)});
    Pending& request = *made;
    pending.emplace(request.request_id, std::move(made));
    request.timer.expires_after(timeout);
    request.timer.async_wait(
        [weak = weak_from_this(), id = request.request_id](const boost::system::error_code& error) {
          const auto self = weak.lock();
          if (!error && self != nullptr) self->time_out(id);
        });
    if (link == Link::kReady) {
      send_request(request);
    } else {
      unsent.push_back(request.request_id);
    }
  }

  void refuse(Callback callback, ErrorCode code, std::string text) {
    asio::post(io, [weak = weak_from_this(), callback = std::move(callback), code,
                    text = std::move(text)] {
      if (weak.lock() != nullptr) callback(fail(code, text));
    });
  }

  void time_out(const std::string& id) {
    const auto at = pending.find(id);
    if (at == pending.end()) return;
    ++counters.timeouts;
    if (at->second->sent) {
      finish(id, fail(ErrorCode::kTimeout, fmt::format("{}: no answer in time", config.endpoint)));
    } else {
      finish(id, fail(ErrorCode::kClosed, fmt::format("{}: not connected", config.endpoint)));
    }
  }

  void finish(const std::string& id, Result<Reply> result) {
    auto node = pending.extract(id);
    if (node.empty()) return;
    if (!node.mapped()->sent) std::erase(unsent, id);
    node.mapped()->timer.cancel();
    node.mapped()->callback(std::move(result));
  }

  void on_message(ZmqSocket::Message& message) {
    Reply reply;
    for (std::size_t i = 0; i < message.size(); ++i) {
      if (i == 0 && message.size() > 1 && message[0].view().empty()) continue;  // the delimiter
      reply.emplace_back(message[i].view());
    }
    const auto id = reply_request_id(reply.front(), config.reply_kind);
    if (link == Link::kGreeting && id == config.hello_request_id) {
      on_hello(reply);
      return;
    }
    if (!id || pending.find(*id) == pending.end()) {
      ++counters.unmatched;
      return;
    }
    ++counters.replies;
    const auto keep = shared_from_this();
    finish(*id, std::move(reply));
  }

  void on_hello(const Reply& reply) {
    const auto keep = shared_from_this();
    link_timer.cancel();
    const auto accepted = config.accept_hello ? config.accept_hello(reply) : Status{};
    if (accepted) {
      become_ready();
      return;
    }
    std::vector<std::string> waiting(unsent.begin(), unsent.end());
    start_anew(kPauseAfterRefusal);
    for (const auto& id : waiting) finish(id, tl::unexpected(accepted.error()));
  }

  asio::io_context& io;
  zmq::context_t& zmq;
  RequestClientConfig config;
  std::unique_ptr<ZmqSocket> socket;
  Link link = Link::kDown;
  bool ended = false;  // the client is gone; this is kept by a call that is still under way
  StringMap<std::unique_ptr<Pending>> pending;
  std::deque<std::string> unsent;
  asio::steady_timer pause_timer;
  asio::steady_timer link_timer;  // of connecting, then of the hello's answer
  std::function<void(bool)> ready_handler;
  RequestClientCounters counters;
};

RequestClient::RequestClient(asio::io_context& io, zmq::context_t& context,
                             RequestClientConfig config)
    : impl_(std::make_shared<Impl>(io, context, std::move(config))) {
  impl_->connect();
}

RequestClient::~RequestClient() {
  impl_->ended = true;
  impl_->socket.reset();
  impl_->link_timer.cancel();
  impl_->ready_handler = nullptr;
  // What a callback owns may look here while it is destroyed: not while the map is changed.
  const auto dropped = std::move(impl_->pending);
  impl_->pending.clear();
  impl_->unsent.clear();
}

void RequestClient::request(std::string_view request_id, std::string payload, Nanos timeout,
                            Callback callback) {
  impl_->add(request_id, std::move(payload), timeout, std::move(callback));
}

void RequestClient::on_ready(std::function<void(bool)> handler) {
  impl_->ready_handler = std::move(handler);
}

bool RequestClient::ready() const { return impl_->link == Impl::Link::kReady; }
const RequestClientCounters& RequestClient::counters() const { return impl_->counters; }

}  // namespace perpwire
