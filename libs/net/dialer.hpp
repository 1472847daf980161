#pragma once

// For the sessions' .cpp files only: pulls in asio.

#include "libs/common/result.hpp"
#include "libs/net/resolver.hpp"
#include "libs/net/tls_context.hpp"
#include "libs/net/transport.hpp"
#include "libs/net/url.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace perpwire::net {

struct DialTarget {
  Url url;
  std::optional<Url> proxy;
  std::shared_ptr<TlsContext> tls;  // needed for a TLS url
};

/// Parses and checks a proxy setting.
/// Returns: nothing for an empty text.
/// Throws:  ConfigError "KEY: expected ..., found ...".
std::optional<Url> require_proxy(std::string_view key, std::string_view text);

/// One attempt to reach a host: resolve, TCP connect, CONNECT through a proxy, TLS handshake with
/// the certificate checked against the host name. Knows no deadlines: its owner has them, and calls
/// cancel().
///
/// Lifetime: lives by shared_ptr until its last operation ended.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  enum class Phase { kResolve, kConnect, kTls };
  /// Errors: kIo, kClosed, kUnsupported (a plain name that resolves to another machine), kMalformed
  ///         (proxy answer). The text names host and phase.
  using Done = std::function<void(Result<Transport>)>;
  using OnPhase = std::function<void(Phase)>;

  static std::shared_ptr<Dialer> dial(boost::asio::io_context& io, DialTarget target,
                                      OnPhase on_phase, Done done);
  /// No callback comes after this.
  void cancel();

  Dialer(boost::asio::io_context& io, DialTarget target, OnPhase on_phase, Done done);

 private:
  using tcp = boost::asio::ip::tcp;
  void start();
  void resolved(Endpoints endpoints);
  void connect_next(const boost::system::error_code& last);
  void connected();
  void ask_proxy();
  void start_tls();
  void finish(Result<Transport> result);
  void fail_with(ErrorCode code, const char* phase, const std::string& text);

  boost::asio::io_context& io_;
  DialTarget target_;
  OnPhase on_phase_;
  Done done_;
  Resolver resolver_;
  boost::asio::steady_timer endpoint_timer_;
  Endpoints endpoints_;  // still to try, the next one last
  std::unique_ptr<Transport::Socket> socket_;
  Transport::Socket* connecting_ = nullptr;  // the socket whose connect is under way
  std::unique_ptr<Transport::TlsStream> tls_;
  bool over_ = false;
};

}  // namespace perpwire::net
