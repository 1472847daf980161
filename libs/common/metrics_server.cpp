#include "libs/common/metrics_server.hpp"

#include "libs/common/metrics.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <chrono>

namespace perpwire {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr int kMaxConnections = 16;

struct Answerer {
  Metrics& metrics;
  const Health& health;

  [[nodiscard]] http::response<http::string_body> operator()(http::verb method,
                                                             std::string_view target) const {
    http::response<http::string_body> response{http::status::ok, 11};
    response.set(http::field::content_type, "text/plain; version=0.0.4");
    response.keep_alive(false);
    const auto refuse = [&](http::status status, std::string body) {
      response.result(status);
      response.body() = std::move(body);
    };
    if (method != http::verb::get) {
      refuse(http::status::method_not_allowed, "expected GET\n");
    } else if (target == "/metrics") {
      response.body() = metrics.text();
    } else if (target == "/healthz") {
      const auto age = monotonic_now().count() - health.last_tick_ns.load();
      if (age > 1'000'000'000) {
        refuse(http::status::service_unavailable,
               fmt::format("the deciding loop ticked {} ms ago\n", age / 1'000'000));
      } else if (!health.well.load()) {
        refuse(http::status::service_unavailable, "not well; the log says why\n");
      } else {
        response.body() = "ok\n";
      }
    } else {
      refuse(http::status::not_found, "expected /metrics or /healthz\n");
    }
    response.prepare_payload();
    return response;
  }
};

/// One connection, one request. Keeps itself alive while an operation is pending.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const Answerer& answer, int& count)
      : stream_(std::move(socket)), answer_(answer), count_(count) {
    ++count_;
    parser_.header_limit(8192);
    parser_.body_limit(0);
  }
  ~Connection() { --count_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    stream_.expires_after(std::chrono::seconds(2));
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (!error) self->answer();
                     });
  }

 private:
  void answer() {
    response_ = answer_(parser_.get().method(), parser_.get().target());
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code, std::size_t) {
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{16384};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
  const Answerer& answer_;
  int& count_;
};

}  // namespace

struct MetricsServer::Impl {
  Impl(Metrics& metrics, const Health& health) : answerer{metrics, health} {}

  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && connections < kMaxConnections) {
        std::make_shared<Connection>(std::move(socket), answerer, connections)->start();
      }
      accept();
    });
  }

  Answerer answerer;
  int connections = 0;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;
};

MetricsServer::MetricsServer(std::uint16_t port, Metrics& metrics, const Health& health)
    : impl_(std::make_unique<Impl>(metrics, health)) {
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  beast::error_code error;
  impl_->acceptor.open(endpoint.protocol(), error);
  if (!error) impl_->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) impl_->acceptor.bind(endpoint, error);
  if (!error) impl_->acceptor.listen(kMaxConnections, error);
  if (error) {
    throw ConfigError(fmt::format("metrics.base_port: expected to bind 127.0.0.1:{}, found: {}",
                                  port, error.message()));
  }
  impl_->accept();
  impl_->thread = std::thread([this] { impl_->io.run(); });
}

MetricsServer::~MetricsServer() {
  impl_->io.stop();
  impl_->thread.join();
}

std::uint16_t MetricsServer::port() const { return impl_->acceptor.local_endpoint().port(); }

}  // namespace perpwire
