#include "libs/common/request_client.hpp"

#include "libs/common/bus_numbers.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/frame_stream.hpp"
#include "libs/common/protobuf_wire.hpp"
#include "libs/common/request_transport.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <simdjson.h>

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
    const bool direct = is_stream_endpoint(config.endpoint);
    if (auto checked = direct ? check_stream_endpoint(config.endpoint)
                              : check_endpoint(config.endpoint, config.curve.has_value());
        !checked) {
      throw ConfigError(checked.error().text);
    }
  }

  // ---- connection ----

  void connect() {
    const auto weak = weak_from_this();
    // What is told may destroy the client: it is kept until the call is over.
    const auto tell = [weak](auto member) {
      return [weak, member] {
        if (const auto self = weak.lock()) (self.get()->*member)();
      };
    };
    transport = connect_transport(io, zmq,
                                  {.endpoint = config.endpoint,
                                   .max_outstanding = config.max_outstanding,
                                   .max_message_bytes = config.max_message_bytes,
                                   .curve = config.curve},
                                  {.up = tell(&Impl::on_up),
                                   .down = tell(&Impl::on_down),
                                   .unreachable = tell(&Impl::on_unreachable),
                                   .refused = tell(&Impl::on_refused),
                                   .reply = [weak](Reply parts) {
                                     if (const auto self = weak.lock()) {
                                       self->on_reply(std::move(parts));
                                     }
                                   }});
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

  /// Nobody there, and the transport would wait: we do not.
  void on_unreachable() {
    if (link == Link::kDown) start_anew(kPause);
  }

  /// CURVE: it does not let us in. Asked again, but not at once.
  void on_refused() { start_anew(kPauseAfterRefusal); }

  void on_down() {
    if (transport == nullptr) return;
    transport->receive_now();  // what the server still answered counts
    if (ended) return;
    ++counters.disconnects;
    start_anew(kPause);
  }

  /// Leaves the connection and everything queued for it behind.
  void start_anew(std::chrono::milliseconds pause) {
    const bool was_ready = link == Link::kReady;
    link = Link::kDown;
    link_timer.cancel();
    transport.reset();
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

  bool send(const std::string& payload) { return transport->send(payload); }

  void send_request(Pending& request) {
    if (!send(request.payload)) {
      // Not in the transport's hands: it waits for the next connection, or its time. The queue is
      // full of what the server does not read, mostly requests that timed out: they must not reach
      // it when it wakes, so this connection is over. Not from inside request().
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

  void on_reply(Reply reply) {
    if (ended || reply.empty()) return;
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
  std::unique_ptr<RequestTransport> transport;
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
  impl_->transport.reset();
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
