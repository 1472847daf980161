#include "libs/net/dialer.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace perpwire::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// While a host has further addresses, one that swallows packets may not use up the whole connect
// timeout.
constexpr auto kEachAddress = std::chrono::milliseconds{1500};
// Sent bytes that nobody acknowledges for so long end the connection (tcp(7), TCP_USER_TIMEOUT):
// the half of a half-open connection that pings cannot see while data still come in.
constexpr unsigned kUnacknowledgedMillis = 12'000;

void set_socket_options(Transport::Socket& socket) {
  error_code ignored;  // options are an improvement, not a condition
  socket.set_option(asio::ip::tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMillis,
               sizeof kUnacknowledgedMillis);
}

bool is_address(const std::string& host) {
  error_code ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

std::string basic_credentials(const std::string& user_info) {
  std::string out(beast::detail::base64::encoded_size(user_info.size()), '\0');
  out.resize(beast::detail::base64::encode(out.data(), user_info.data(), user_info.size()));
  return "Basic " + out;
}

// SSL_set_tlsext_host_name without the old-style cast of its macro.
bool set_server_name(Transport::TlsStream& stream, std::string host) {
  return ::SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    host.data()) == 1;
}

std::string tls_error_text(const error_code& ec, Transport::TlsStream& stream) {
  const long verify = ::SSL_get_verify_result(stream.native_handle());
  if (verify == X509_V_OK) return ec.message();
  return fmt::format("certificate refused: {}", ::X509_verify_cert_error_string(verify));
}

}  // namespace

std::optional<Url> require_proxy(std::string_view key, std::string_view text) {
  if (text.empty()) return std::nullopt;
  auto url = parse_url(text);
  if (!url) throw ConfigError(fmt::format("{}: {}", key, url.error().text));
  if (url->scheme != "http") {
    throw ConfigError(fmt::format("{}: expected http://host:port, found {}", key, url->text()));
  }
  return *url;
}

std::shared_ptr<Dialer> Dialer::dial(asio::io_context& io, DialTarget target, OnPhase on_phase,
                                     Done done) {
  auto dialer =
      std::make_shared<Dialer>(io, std::move(target), std::move(on_phase), std::move(done));
  asio::post(io, [dialer] {
    if (!dialer->over_) dialer->start();
  });
  return dialer;
}

Dialer::Dialer(asio::io_context& io, DialTarget target, OnPhase on_phase, Done done)
    : io_(io),
      target_(std::move(target)),
      on_phase_(std::move(on_phase)),
      done_(std::move(done)),
      endpoint_timer_(io) {
  // This machine is reached directly, whatever the proxy.
  if (is_loopback_host(target_.url.host)) target_.proxy.reset();
}

void Dialer::cancel() {
  if (over_) return;
  over_ = true;
  resolver_.cancel();
  endpoint_timer_.cancel();
  error_code ignored;
  if (socket_) socket_->close(ignored);
}

void Dialer::start() {
  if (auto allowed = check_transport(target_.url); !allowed) {
    return finish(tl::unexpected(allowed.error()));
  }
  const Url& next_hop = target_.proxy ? *target_.proxy : target_.url;
  on_phase_(Phase::kResolve);
  if (over_) return;
  error_code not_an_address;
  if (const auto address = asio::ip::make_address(next_hop.host, not_an_address); !not_an_address) {
    return resolved({tcp::endpoint{address, next_hop.port}});
  }
  resolver_.start(io_, next_hop.host, next_hop.port,
                  [self = shared_from_this()](Result<Endpoints> found) {
                    if (self->over_) return;
                    if (!found) {
                      return self->fail_with(found.error().code, "resolve", found.error().text);
                    }
                    self->resolved(std::move(*found));
                  });
}

void Dialer::resolved(Endpoints endpoints) {
  // A plain name ("localhost") counts by what it resolves to.
  if (!target_.url.is_tls() && !target_.proxy) {
    for (const auto& endpoint : endpoints) {
      if (endpoint.address().is_loopback()) continue;
      return fail_with(ErrorCode::kUnsupported, "resolve",
                       "plain text is for this machine only, found the address " +
                           endpoint.address().to_string());
    }
  }
  // IPv4 first: a network that swallows IPv6 is the commoner fault. The next one to try stands
  // last.
  std::stable_partition(endpoints.begin(), endpoints.end(),
                        [](const tcp::endpoint& e) { return e.address().is_v4(); });
  std::reverse(endpoints.begin(), endpoints.end());
  endpoints_ = std::move(endpoints);
  on_phase_(Phase::kConnect);
  if (!over_) connect_next(asio::error::host_not_found);
}

void Dialer::connect_next(const error_code& last) {
  if (endpoints_.empty()) return fail_with(ErrorCode::kIo, "connect", last.message());
  const tcp::endpoint endpoint = endpoints_.back();
  endpoints_.pop_back();
  socket_ = std::make_unique<Transport::Socket>(io_);
  connecting_ = socket_.get();
  if (!endpoints_.empty()) {
    endpoint_timer_.expires_after(kEachAddress);
    endpoint_timer_.async_wait(
        [self = shared_from_this(), tried = connecting_](const error_code& ec) {
          if (ec || self->over_ || self->connecting_ != tried) return;
          error_code ignored;
          tried->close(ignored);
        });
  }
  socket_->async_connect(endpoint, [self = shared_from_this()](const error_code& ec) {
    self->connecting_ = nullptr;
    self->endpoint_timer_.cancel();
    if (self->over_) return;
    if (ec) {
      return self->connect_next(
          ec == asio::error::operation_aborted ? error_code{asio::error::timed_out} : ec);
    }
    set_socket_options(*self->socket_);
    self->connected();
  });
}

void Dialer::connected() {
  if (target_.proxy) return ask_proxy();
  if (target_.url.is_tls()) return start_tls();
  finish(Transport{std::move(socket_)});
}

void Dialer::ask_proxy() {
  struct Exchange {
    http::request<http::empty_body> request;
    http::response_parser<http::string_body> answer;
    beast::flat_buffer buffer{16 * 1024};
  };
  auto exchange = std::make_shared<Exchange>();
  exchange->request.method(http::verb::connect);
  exchange->request.target(target_.url.host_port());
  exchange->request.set(http::field::host, target_.url.host_port());
  if (!target_.proxy->user_info.empty()) {
    exchange->request.set(http::field::proxy_authorization,
                          basic_credentials(target_.proxy->user_info));
  }
  exchange->answer.skip(true);  // what follows the header of a 2xx answer belongs to the tunnel
  http::async_write(*socket_, exchange->request,
                    [self = shared_from_this(), exchange](const error_code& write_ec, std::size_t) {
                      if (self->over_) return;
                      if (write_ec)
                        return self->fail_with(ErrorCode::kIo, "proxy", write_ec.message());
                      http::async_read_header(
                          *self->socket_, exchange->buffer, exchange->answer,
                          [self, exchange](const error_code& ec, std::size_t) {
                            if (self->over_) return;
                            if (ec) return self->fail_with(ErrorCode::kIo, "proxy", ec.message());
                            const unsigned status = exchange->answer.get().result_int();
                            if (status / 100 != 2) {
                              return self->fail_with(
                                  ErrorCode::kClosed, "proxy",
                                  fmt::format("expected 2xx to CONNECT, found {} {}", status,
                                              std::string(exchange->answer.get().reason())));
                            }
                            if (exchange->buffer.size() > 0) {
                              return self->fail_with(ErrorCode::kMalformed, "proxy",
                                                     "bytes after the answer to CONNECT");
                            }
                            self->start_tls();
                          });
                    });
}

void Dialer::start_tls() {
  on_phase_(Phase::kTls);
  if (over_) return;
  const std::string& host = target_.url.host;
  tls_ = std::make_unique<Transport::TlsStream>(*socket_, target_.tls->native());
  // SNI holds names only (RFC 6066, section 3).
  if (!is_address(host) && !set_server_name(*tls_, host)) {
    return fail_with(ErrorCode::kInternal, "TLS", "the host name was not taken");
  }
  error_code ec;
  tls_->set_verify_mode(asio::ssl::verify_peer, ec);
  if (!ec) tls_->set_verify_callback(asio::ssl::host_name_verification{host}, ec);
  if (ec) return fail_with(ErrorCode::kInternal, "TLS", ec.message());
  tls_->async_handshake(
      asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& handshake_ec) {
        if (self->over_) return;
        if (handshake_ec) {
          return self->fail_with(ErrorCode::kIo, "TLS", tls_error_text(handshake_ec, *self->tls_));
        }
        self->finish(Transport{std::move(self->socket_), std::move(self->tls_)});
      });
}

void Dialer::fail_with(ErrorCode code, const char* phase, const std::string& text) {
  std::string where = target_.url.host_port();
  if (target_.proxy) where += " through proxy " + target_.proxy->host_port();
  finish(fail(code, fmt::format("{} {}: {}", phase, where, text)));
}

void Dialer::finish(Result<Transport> result) {
  over_ = true;
  // The callbacks may hold what holds this dialer: let go of them.
  on_phase_ = nullptr;
  const auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace perpwire::net
