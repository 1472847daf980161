#include "libs/common/request_transport.hpp"

#include "libs/common/frame_stream.hpp"
#include "libs/common/zmq_socket.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <optional>
#include <utility>

namespace perpwire {
namespace {

namespace asio = boost::asio;
using Unix = asio::local::stream_protocol;

SocketOptions dealer_options(const TransportConfig& config) {
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
  return options;
}

class ZmqTransport : public RequestTransport {
 public:
  ZmqTransport(asio::io_context& io, zmq::context_t& context, const TransportConfig& config,
               Events events)
      : socket_(io, context, SocketType::kDealer, dealer_options(config)) {
    const auto told = std::make_shared<const Events>(std::move(events));
    socket_.monitor(ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED,
                    [told](std::uint16_t event, std::uint32_t) {
                      const auto keep = told;  // what is told may destroy the transport
                      if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) keep->up();
                      if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) keep->refused();
                      if (event == ZMQ_EVENT_DISCONNECTED) keep->down();
                      if (event == ZMQ_EVENT_CONNECT_RETRIED) keep->unreachable();
                    });
    socket_.start([told](ZmqSocket::Message& message) {
      const auto keep = told;
      std::vector<std::string> parts;
      for (std::size_t i = 0; i < message.size(); ++i) {
        if (i == 0 && message.size() > 1 && message[0].view().empty()) continue;  // the delimiter
        parts.emplace_back(message[i].view());
      }
      keep->reply(std::move(parts));
    });
    ignore(socket_.connect(config.endpoint),
           "the endpoint was checked; a later attempt may succeed");
  }

  bool send(std::string_view payload) override {
    const std::array<std::string_view, 1> parts{payload};
    return socket_.send(parts).has_value();
  }
  void receive_now() override { socket_.receive_now(); }

 private:
  ZmqSocket socket_;
};

class StreamTransport : public RequestTransport {
 public:
  StreamTransport(asio::io_context& io, const TransportConfig& config, Events events)
      : link_(std::make_shared<Link>(io)) {
    const auto told = std::make_shared<const Events>(std::move(events));
    const FrameStream::Limits limits{.max_frame_bytes =
                                         static_cast<std::size_t>(config.max_message_bytes)};
    // A unix socket answers at once: a server takes the connection or none is there. Only one whose
    // backlog is full makes us wait, and the client's own deadline ends that.
    link_->connecting.async_connect(
        Unix::endpoint(std::string(stream_path(config.endpoint))),
        [link = link_, told, limits](const boost::system::error_code& error) {
          if (link->gone) return;
          if (error) return told->unreachable();
          link->stream.emplace(std::move(link->connecting), limits);
          link->stream->start(
              [told](std::string_view payload) { told->reply({std::string(payload)}); },
              [told](std::string_view) { told->down(); });
          told->up();
        });
  }
  ~StreamTransport() override {
    link_->gone = true;
    boost::system::error_code ignored;
    link_->connecting.close(ignored);
    link_->stream.reset();
  }
  StreamTransport(const StreamTransport&) = delete;
  StreamTransport& operator=(const StreamTransport&) = delete;

  bool send(std::string_view payload) override {
    return link_->stream && link_->stream->send(payload);
  }
  void receive_now() override {}  // the end of a stream comes after all that was in it

 private:
  struct Link {
    explicit Link(asio::io_context& io) : connecting(io) {}
    Unix::socket connecting;
    std::optional<FrameStream> stream;
    bool gone = false;
  };
  std::shared_ptr<Link> link_;
};

}  // namespace

std::unique_ptr<RequestTransport> connect_transport(asio::io_context& io, zmq::context_t& context,
                                                    const TransportConfig& config,
                                                    RequestTransport::Events events) {
  if (is_stream_endpoint(config.endpoint)) {
    return std::make_unique<StreamTransport>(io, config, std::move(events));
  }
  return std::make_unique<ZmqTransport>(io, context, config, std::move(events));
}

}  // namespace perpwire
