#include "tools/venue-sim/server/http_session.hpp"

#include "tools/venue-sim/server/websocket_stream.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace perpwire::sim {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr std::uint64_t kMostBodyBytes = 8U << 20U;

class Session : public HttpSession {
 public:
  Session(asio::ip::tcp::socket socket, const Callbacks& callbacks)
      : stream_(std::move(socket)), callbacks_(callbacks) {
    beast::error_code error;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), error);
    const auto peer = stream_.socket().remote_endpoint(error);
    ip_ = error ? "" : peer.address().to_string();
  }

  void start() override { read(); }

  void stop() override {
    beast::error_code error;
    stream_.socket().close(error);
  }

 private:
  std::shared_ptr<Session> self() { return std::static_pointer_cast<Session>(shared_from_this()); }

  void read() {
    parser_.emplace();
    parser_->body_limit(kMostBodyBytes);
    http::async_read(stream_, buffer_, *parser_,
                     [me = self()](beast::error_code error, std::size_t) {
                       if (error) {
                         me->stop();
                         return;
                       }
                       me->handle();
                     });
  }

  void handle() {
    auto request = parser_->release();
    keep_alive_ = request.keep_alive();
    version_ = request.version();
    if (beast::websocket::is_upgrade(request)) {
      const std::string target(request.target());
      if (!callbacks_.may_upgrade || !callbacks_.may_upgrade(target, ip_)) {
        write({429, "null"});
        return;
      }
      callbacks_.on_upgrade(
          std::make_shared<WebSocketStream>(std::move(stream_), std::move(request)), ip_);
      return;
    }
    HttpRequest plain;
    plain.method = std::string(request.method_string());
    plain.target = std::string(request.target());
    plain.content_type = std::string(request[http::field::content_type]);
    plain.body = std::move(request.body());
    plain.ip = ip_;
    // Alive while its request is being executed: by whoever will answer.
    callbacks_.on_request(std::move(plain), [me = self()](std::optional<HttpReply> reply) {
      if (!reply) {
        me->stop();
        return;
      }
      me->write(std::move(*reply));
    });
  }

  void write(HttpReply reply) {
    response_ = {};
    response_.version(version_);
    response_.result(static_cast<unsigned>(reply.status));
    response_.keep_alive(keep_alive_);
    response_.set(http::field::content_type, reply.content_type);
    response_.set(http::field::access_control_allow_origin, "*");
    response_.body() = std::move(reply.body);
    response_.prepare_payload();
    http::async_write(stream_, response_, [me = self()](beast::error_code error, std::size_t) {
      if (error || !me->keep_alive_) {
        me->stop();
        return;
      }
      me->read();
    });
  }

  beast::tcp_stream stream_;
  Callbacks callbacks_;
  std::string ip_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  bool keep_alive_ = true;
  unsigned version_ = 11;
};

}  // namespace

std::shared_ptr<HttpSession> HttpSession::make(asio::ip::tcp::socket socket,
                                               const Callbacks& callbacks) {
  return std::make_shared<Session>(std::move(socket), callbacks);
}

}  // namespace perpwire::sim
