#include "libs/net/http_client.hpp"

#include "libs/common/build_info.hpp"
#include "libs/net/dialer.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

namespace perpwire::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kReadChunk = 64 * 1024;
constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;

tl::unexpected<HttpError> http_error(HttpError::Fate fate, ErrorCode code, std::string text) {
  return tl::unexpected(HttpError{fate, {code, std::move(text)}});
}

bool equals_any_case(std::string_view a, std::string_view b) { return beast::iequals(a, b); }

// One request from send() to its callback.
struct Job {
  Job(asio::io_context& io, HttpRequest r, HttpCallback c)
      : request(std::move(r)), callback(std::move(c)), timer(io) {}

  HttpRequest request;
  HttpCallback callback;
  asio::steady_timer timer;
  UnixNanos sent;
};
using JobPtr = std::shared_ptr<Job>;

// One connection from dialling to its end. A read is always pending on an open one: an idle
// connection that the server closes is noticed at once.
struct Connection {
  enum class State { kDialling, kIdle, kBusy, kOver };

  explicit Connection(asio::io_context& io) : timer(io) {}

  State state = State::kDialling;
  std::shared_ptr<Dialer> dialer;
  std::optional<Transport> transport;
  beast::flat_buffer buffer;
  http::request<http::string_body> request;
  std::optional<http::response_parser<http::string_body>> parser;
  JobPtr job;
  bool writing = false;
  bool reused = false;
  asio::steady_timer timer;  // of dialling, then of being idle
};
using ConnectionPtr = std::shared_ptr<Connection>;

struct Host {
  Url url;
  std::deque<JobPtr> waiting;
  std::vector<ConnectionPtr> connections;  // the one that became idle last stands last
};

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equals_any_case(key, name)) return value;
  }
  return {};
}

class HttpClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, HttpClientOptions options)
      : io_(io),
        options_(std::move(options)),
        proxy_(require_proxy("proxy_url", options_.proxy_url)) {}

  void send(HttpRequest request, HttpCallback callback) {
    ++counters_.requests;
    const auto url = checked(request.url);
    const auto job = std::make_shared<Job>(io_, std::move(request), std::move(callback));
    if (!url) {
      return finish_later(
          job, http_error(HttpError::Fate::kNeverLeft, url.error().code, url.error().text));
    }
    if (closed_) {
      return finish_later(job, http_error(HttpError::Fate::kNeverLeft, ErrorCode::kClosed,
                                          "the HTTP client is closed"));
    }
    Host& host = host_of(*url);
    if (host.waiting.size() >= options_.max_waiting_per_host) {
      return finish_later(job, http_error(HttpError::Fate::kNeverLeft, ErrorCode::kWouldBlock,
                                          fmt::format("{} requests wait for {} already",
                                                      host.waiting.size(), host.url.host_port())));
    }
    start_deadline(host, job);
    host.waiting.push_back(job);
    dispatch(host);
  }

  void warm_up(const std::string& text) {
    const auto url = checked(text);
    if (!url || closed_) return;
    Host& host = host_of(*url);
    const bool warm =
        std::any_of(host.connections.begin(), host.connections.end(),
                    [](const auto& c) { return c->state != Connection::State::kBusy; });
    if (!warm && host.connections.size() < options_.max_connections_per_host) dial(host);
  }

  void close() {
    closed_ = true;
    for (auto& [key, host] : hosts_) {
      for (const auto& job : std::exchange(host.waiting, {})) {
        finish_later(job, http_error(HttpError::Fate::kNeverLeft, ErrorCode::kClosed,
                                     "the HTTP client was closed"));
      }
      for (const auto& connection : std::exchange(host.connections, {})) {
        const JobPtr job = std::exchange(connection->job, nullptr);
        end(*connection);
        if (!job) continue;
        finish_later(job, http_error(HttpError::Fate::kUnknown, ErrorCode::kClosed,
                                     "the HTTP client was closed before the answer"));
      }
    }
  }

  void detach() {
    detached_ = true;
    close();
  }

  [[nodiscard]] std::size_t waiting() const {
    std::size_t sum = 0;
    for (const auto& [key, host] : hosts_) sum += host.waiting.size();
    return sum;
  }
  [[nodiscard]] std::size_t count_connections(bool idle_only) const {
    std::size_t sum = 0;
    for (const auto& [key, host] : hosts_) {
      sum += static_cast<std::size_t>(std::count_if(
          host.connections.begin(), host.connections.end(), [idle_only](const auto& c) {
            return !idle_only || c->state == Connection::State::kIdle;
          }));
    }
    return sum;
  }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  static Result<Url> checked(const std::string& text) {
    auto url = parse_url(text);
    if (!url) return url;
    if (url->is_websocket()) {
      return fail(ErrorCode::kMalformed, "expected http:// or https://, found " + url->text());
    }
    if (auto allowed = check_transport(*url); !allowed) return tl::unexpected(allowed.error());
    return url;
  }

  // References into the map stay good: hosts are never taken out.
  Host& host_of(const Url& url) {
    Host& host = hosts_[url.scheme + "://" + url.host_port()];
    if (host.url.host.empty()) host.url = url;
    return host;
  }

  void finish_later(const JobPtr& job, HttpResult result) {
    job->timer.cancel();
    if (result) {
      ++counters_.responses;
    } else if (result.error().fate == HttpError::Fate::kNeverLeft) {
      ++counters_.never_left;
    } else {
      ++counters_.unknown;
    }
    asio::post(io_, [self = shared_from_this(), job, result = std::move(result)]() mutable {
      if (!self->detached_ && job->callback) std::exchange(job->callback, {})(std::move(result));
    });
  }

  void start_deadline(Host& host, const JobPtr& job) {
    job->timer.expires_after(job->request.timeout);
    job->timer.async_wait(
        [self = shared_from_this(), &host, weak = std::weak_ptr(job)](const error_code& ec) {
          const auto late = weak.lock();
          if (!ec && late) self->timed_out(host, late);
        });
  }

  void timed_out(Host& host, const JobPtr& job) {
    const auto millis = job->request.timeout.count() / 1'000'000;
    if (const auto it = std::find(host.waiting.begin(), host.waiting.end(), job);
        it != host.waiting.end()) {
      host.waiting.erase(it);
      return finish_later(job, http_error(HttpError::Fate::kNeverLeft, ErrorCode::kTimeout,
                                          fmt::format("no connection to {} within {} ms",
                                                      host.url.host_port(), millis)));
    }
    for (const auto& connection : host.connections) {
      if (connection->job != job) continue;
      return lost(host, ConnectionPtr{connection}, ErrorCode::kTimeout,
                  fmt::format("no complete answer within {} ms", millis));
    }
  }

  // Gives waiting requests to idle connections, and opens new ones as far as there are too few.
  void dispatch(Host& host) {
    while (!host.waiting.empty()) {
      const ConnectionPtr idle = newest_idle(host);
      if (!idle) break;
      const auto quiet = idle->transport->peek();
      if (quiet == Transport::Peek::kQuiet || (!idle->reused && quiet == Transport::Peek::kBytes)) {
        const JobPtr job = host.waiting.front();
        host.waiting.pop_front();
        begin(host, idle, job);
        continue;
      }
      if (quiet == Transport::Peek::kBytes && idle->transport->is_tls()) {
        // A session ticket or the alert that goes before the end: the pending read will tell, in a
        // moment.
        asio::post(io_, [self = shared_from_this(), &host] {
          if (!self->closed_) self->dispatch(host);
        });
        return;
      }
      if (!idle->reused) {
        return dial_failed(host, idle,
                           {ErrorCode::kClosed, "connect " + host.url.host_port() +
                                                    ": the connection was ended at once"});
      }
      ++counters_.idle_closed_by_peer;
      remove(host, idle);
    }
    const auto dialling = static_cast<std::size_t>(
        std::count_if(host.connections.begin(), host.connections.end(),
                      [](const auto& c) { return c->state == Connection::State::kDialling; }));
    for (std::size_t i = dialling;
         i < host.waiting.size() && host.connections.size() < options_.max_connections_per_host;
         ++i) {
      dial(host);
    }
  }

  static ConnectionPtr newest_idle(const Host& host) {
    const auto it =
        std::find_if(host.connections.rbegin(), host.connections.rend(),
                     [](const auto& c) { return c->state == Connection::State::kIdle; });
    return it == host.connections.rend() ? nullptr : *it;
  }

  void dial(Host& host) {
    if (host.url.is_tls() && !options_.tls) options_.tls = std::make_shared<TlsContext>();
    const auto connection = std::make_shared<Connection>(io_);
    host.connections.push_back(connection);
    connection->dialer = Dialer::dial(
        io_, {.url = host.url, .proxy = proxy_, .tls = options_.tls}, [](Dialer::Phase) {},
        [self = shared_from_this(), &host, connection](Result<Transport> transport) {
          connection->dialer.reset();
          if (connection->state == Connection::State::kOver) return;
          if (!transport) return self->dial_failed(host, connection, transport.error());
          ++self->counters_.connections_opened;
          connection->transport.emplace(std::move(*transport));
          self->read_more(host, connection);
          self->rest(host, connection);
        });
    connection->timer.expires_after(options_.connect_timeout);
    connection->timer.async_wait(
        [self = shared_from_this(), &host, connection](const error_code& ec) {
          if (ec || connection->state != Connection::State::kDialling) return;
          self->dial_failed(host, connection,
                            {ErrorCode::kTimeout,
                             fmt::format("connect {}: took longer than {} ms", host.url.host_port(),
                                         self->options_.connect_timeout.count() / 1'000'000)});
        });
  }

  // The oldest waiting request pays for it: provably not one byte of it left.
  void dial_failed(Host& host, const ConnectionPtr& connection, const Error& error) {
    remove(host, connection);
    if (!host.waiting.empty()) {
      const JobPtr job = host.waiting.front();
      host.waiting.pop_front();
      finish_later(job, http_error(HttpError::Fate::kNeverLeft, error.code, error.text));
    }
    dispatch(host);
  }

  // The connection is idle now: the next waiting request has it, or its age begins to run.
  void rest(Host& host, const ConnectionPtr& connection) {
    connection->state = Connection::State::kIdle;
    const auto it = std::find(host.connections.begin(), host.connections.end(), connection);
    if (it != host.connections.end()) std::rotate(it, it + 1, host.connections.end());
    connection->timer.expires_after(options_.max_idle);
    connection->timer.async_wait(
        [self = shared_from_this(), &host, connection](const error_code& ec) {
          if (ec || connection->state != Connection::State::kIdle) return;
          ++self->counters_.idle_closed_by_age;
          self->remove(host, connection);
        });
    dispatch(host);
  }

  void begin(Host& host, const ConnectionPtr& connection, const JobPtr& job) {
    connection->state = Connection::State::kBusy;
    connection->timer.cancel();
    if (connection->reused) ++counters_.connections_reused;
    connection->reused = true;
    connection->job = job;
    new_parser(*connection);
    auto& request = connection->request;
    request = {};
    request.version(11);
    request.method(job->request.method == HttpRequest::Method::kPost ? http::verb::post
                                                                     : http::verb::get);
    request.target(parse_url(job->request.url)->target);
    for (const auto& [name, value] : job->request.headers) request.set(name, value);
    request.set(http::field::host, host.url.authority());
    request.set(http::field::user_agent, fmt::format("perpwire/{}", version()));
    // Without it any coding would be acceptable to us (RFC 9110, section 12.5.3).
    request.set(http::field::accept_encoding, "identity");
    request.keep_alive(true);
    if (job->request.method == HttpRequest::Method::kPost) {
      request.body() = job->request.body;
      request.prepare_payload();
    }
    job->sent = wall_clock_now();
    connection->writing = true;
    http::async_write(
        *connection->transport, request,
        [self = shared_from_this(), &host, connection](const error_code& ec, std::size_t) {
          connection->writing = false;
          if (connection->state != Connection::State::kBusy) return;
          if (ec) self->lost(host, connection, ErrorCode::kIo, "write: " + ec.message());
        });
  }

  void new_parser(Connection& connection) const {
    connection.parser.emplace();
    connection.parser->eager(true);
    connection.parser->header_limit(kMaxHeaderBytes);
    connection.parser->body_limit(options_.max_response_bytes);
  }

  void read_more(Host& host, const ConnectionPtr& connection) {
    connection->transport->async_read_some(
        connection->buffer.prepare(kReadChunk),
        [self = shared_from_this(), &host, connection](const error_code& ec, std::size_t bytes) {
          if (connection->state == Connection::State::kOver) return;
          connection->buffer.commit(bytes);
          self->bytes_came(host, connection, ec);
        });
  }

  void bytes_came(Host& host, const ConnectionPtr& connection, const error_code& read_ec) {
    if (connection->state == Connection::State::kIdle) {
      // Its end, or something that nobody asked for.
      ++counters_.idle_closed_by_peer;
      return remove(host, connection);
    }
    error_code ec;
    while (connection->buffer.size() > 0 && !connection->parser->is_done()) {
      const std::size_t used = connection->parser->put(connection->buffer.data(), ec);
      connection->buffer.consume(used);
      if (ec == http::error::need_more) {
        ec = {};
        break;
      }
      if (ec) return lost(host, connection, ErrorCode::kMalformed, ec.message());
      if (connection->parser->is_done() && is_interim(connection->parser->get().result_int())) {
        new_parser(*connection);
      }
    }
    // An answer without a length ends with the connection; TLS must say so itself, else it may have
    // been cut short.
    if (read_ec == asio::error::eof && connection->parser->got_some() &&
        !connection->parser->is_done()) {
      connection->parser->put_eof(ec);
    }
    if (!ec && connection->parser->is_done()) return answered(host, connection, read_ec);
    if (read_ec || ec) {
      const bool cut = connection->parser->got_some();
      return lost(
          host, connection,
          cut && read_ec == asio::error::eof ? ErrorCode::kMalformed : ErrorCode::kClosed,
          fmt::format("{}: {}", cut ? "the answer was cut short" : "closed without an answer",
                      ec ? ec.message() : read_ec.message()));
    }
    read_more(host, connection);
  }

  // 1xx are not yet the answer (RFC 9110, section 15.2).
  static bool is_interim(unsigned status) { return status / 100 == 1; }

  void answered(Host& host, const ConnectionPtr& connection, const error_code& read_ec) {
    auto message = connection->parser->release();
    HttpResponse response;
    response.status = message.result_int();
    response.received = wall_clock_now();
    response.sent = connection->job->sent;
    for (const auto& field : message) {
      response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    const JobPtr job = std::exchange(connection->job, nullptr);
    const auto coding = response.header("Content-Encoding");
    if (coding.empty() || equals_any_case(coding, "identity")) {
      finish_later(job, std::move(response));
    } else {
      finish_later(job, http_error(HttpError::Fate::kUnknown, ErrorCode::kMalformed,
                                   fmt::format("{}: expected no Content-Encoding, found {}",
                                               host.url.host_port(), coding)));
    }
    const bool reusable =
        message.keep_alive() && !read_ec && !connection->writing && connection->buffer.size() == 0;
    if (!reusable) {
      remove(host, connection);
      return dispatch(host);
    }
    read_more(host, connection);
    rest(host, connection);
  }

  // The connection of a request whose write had begun is gone.
  void lost(Host& host, const ConnectionPtr& connection, ErrorCode code, const std::string& text) {
    const JobPtr job = std::exchange(connection->job, nullptr);
    remove(host, connection);
    finish_later(job, http_error(HttpError::Fate::kUnknown, code,
                                 fmt::format("{}: {}", host.url.host_port(), text)));
    dispatch(host);
  }

  static void end(Connection& connection) {
    connection.state = Connection::State::kOver;
    connection.timer.cancel();
    if (const auto dialer = std::exchange(connection.dialer, nullptr)) dialer->cancel();
    if (connection.transport) connection.transport->close();
  }

  static void remove(Host& host, const ConnectionPtr& connection) {
    const ConnectionPtr keep = connection;  // the argument may be the vector's own
    std::erase(host.connections, keep);
    end(*keep);
  }

  asio::io_context& io_;
  HttpClientOptions options_;
  std::optional<Url> proxy_;
  std::map<std::string, Host> hosts_;
  Counters counters_;
  bool closed_ = false;
  bool detached_ = false;
};

HttpClient::HttpClient(asio::io_context& io, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}

HttpClient::~HttpClient() { impl_->detach(); }

void HttpClient::send(HttpRequest request, HttpCallback callback) {
  impl_->send(std::move(request), std::move(callback));
}

void HttpClient::post(std::string url, std::string body, HttpHeaders headers, Nanos timeout,
                      HttpCallback callback) {
  send({.method = HttpRequest::Method::kPost,
        .url = std::move(url),
        .body = std::move(body),
        .headers = std::move(headers),
        .timeout = timeout},
       std::move(callback));
}

void HttpClient::get(std::string url, HttpHeaders headers, Nanos timeout, HttpCallback callback) {
  send({.method = HttpRequest::Method::kGet,
        .url = std::move(url),
        .headers = std::move(headers),
        .timeout = timeout},
       std::move(callback));
}

void HttpClient::warm_up(const std::string& url) { impl_->warm_up(url); }
void HttpClient::close() { impl_->close(); }
std::size_t HttpClient::waiting() const { return impl_->waiting(); }
std::size_t HttpClient::open_connections() const { return impl_->count_connections(false); }
std::size_t HttpClient::idle_connections() const { return impl_->count_connections(true); }
const HttpClient::Counters& HttpClient::counters() const { return impl_->counters(); }

}  // namespace perpwire::net
