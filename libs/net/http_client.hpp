#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/net/tls_context.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace perpwire::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  enum class Method { kGet, kPost };
  Method method = Method::kGet;
  /// http:// only to this machine, https:// anywhere.
  std::string url = {};
  std::string body = {};
  /// Host, Content-Length, Connection, User-Agent and Accept-Encoding are set by the client.
  HttpHeaders headers = {};
  /// From the call to the last byte of the answer, the wait for a free connection included.
  Nanos timeout = std::chrono::seconds{10};
};

/// Any complete answer, whatever its status: 4xx and 5xx are answers, not errors.
struct HttpResponse {
  unsigned status = 0;
  std::string body = {};
  HttpHeaders headers = {};
  UnixNanos sent = {};      // wall clock when the write of the request was begun
  UnixNanos received = {};  // wall clock when the last byte was read

  /// The first header of that name (any case); empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// No complete answer came. `fate` is what decides whether an order may be signed anew.
struct HttpError {
  enum class Fate {
    kNeverLeft,  // provably not one byte of the request was written: no connection, queue full, bad
                 // url, a kept-alive connection found dead beforehand
    kUnknown,    // the write had begun: the server may have acted on it
  };
  Fate fate = Fate::kUnknown;
  /// kTimeout, kClosed (the connection ended), kIo, kMalformed (not HTTP, truncated, too large,
  /// compressed although only plain was asked for),
  /// kWouldBlock (queue full), kUnsupported (plain http to another machine). The text names host
  /// and phase.
  Error error;
};

using HttpResult = tl::expected<HttpResponse, HttpError>;
using HttpCallback = std::function<void(HttpResult)>;

struct HttpClientOptions {
  /// "http://[user:password@]host:port", asked by CONNECT for https; empty = none. Never used
  /// towards this machine.
  std::string proxy_url = {};
  /// Null: a context of its own with the system's trust anchors.
  std::shared_ptr<TlsContext> tls = nullptr;
  /// Open connections to one host and port, busy and idle together.
  std::size_t max_connections_per_host = 8;
  /// Requests waiting for a connection to one host and port. Policy when full: refuse the new one
  /// (kWouldBlock).
  std::size_t max_waiting_per_host = 256;
  /// Resolve, TCP connect, proxy and TLS together; the request's own timeout may end them earlier.
  Nanos connect_timeout = std::chrono::seconds{5};
  /// An idle connection older than this is closed. Venues drop long idle ones, and a request on
  /// such a one is lost with unknown fate (hyperliquid.md 12.3).
  Nanos max_idle = std::chrono::seconds{20};
  std::size_t max_response_bytes = std::size_t{32} << 20;
};

/// HTTP/1.1 over TLS (or in plain text to this machine) with a bounded pool of kept-alive
/// connections.
///
/// Never sends a request twice. A kept-alive connection that is found dead before the first byte is
/// written is replaced without the caller noticing; after that byte every failure is kUnknown.
/// Redirects are not followed. No pipelining.
///
/// Thread:   everything on the thread that runs `io`; callbacks run there, never from inside
///           send().
/// Lifetime: `io` must outlive it. Destroying it ends all requests without their callbacks.
class HttpClient {
 public:
  struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t responses = 0;
    std::uint64_t never_left = 0;
    std::uint64_t unknown = 0;
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_reused = 0;
    std::uint64_t idle_closed_by_peer = 0;  // found dead while idle, or at the moment of use
    std::uint64_t idle_closed_by_age = 0;
  };

  /// Throws: ConfigError for a bad proxy_url.
  explicit HttpClient(boost::asio::io_context& io, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// `callback` is called exactly once, later, unless the client is destroyed first.
  void send(HttpRequest request, HttpCallback callback);
  void post(std::string url, std::string body, HttpHeaders headers, Nanos timeout,
            HttpCallback callback);
  void get(std::string url, HttpHeaders headers, Nanos timeout, HttpCallback callback);
  /// Opens a connection to the url's host, if the pool has none idle, so that the next request
  /// finds it warm.
  void warm_up(const std::string& url);
  /// Ends everything: callbacks of what is unfinished come, with the fate that is true; later sends
  /// are refused. Never blocks.
  void close();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t open_connections() const;
  [[nodiscard]] std::size_t idle_connections() const;
  [[nodiscard]] const Counters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace perpwire::net
