#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace perpwire::net {

/// An http, https, ws or wss URL, taken apart. Lower-case scheme and host; an IPv6 host without its
/// brackets.
struct Url {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;  // the scheme's own (80, 443) where the text has none
  std::string target;      // path and query, begins with '/'
  std::string user_info;   // "user:password" of a proxy URL; empty everywhere else

  [[nodiscard]] bool is_tls() const { return scheme == "https" || scheme == "wss"; }
  [[nodiscard]] bool is_websocket() const { return scheme == "ws" || scheme == "wss"; }
  /// For the Host header: the port only where it is not the scheme's own, IPv6 in brackets.
  [[nodiscard]] std::string authority() const;
  /// "host:port", always with the port: the key of a connection pool and the target of CONNECT.
  [[nodiscard]] std::string host_port() const;
  /// As it would be written again, without user_info.
  [[nodiscard]] std::string text() const;
};

/// Errors: kMalformed naming the part: no scheme, another scheme, empty host, a port that is no
///         number of 1 to 65535, white space or control characters, a fragment.
Result<Url> parse_url(std::string_view text);

/// Whether `host` is this machine by its very text: "localhost", 127.0.0.0/8 or ::1. Names are not
/// resolved.
bool is_loopback_host(std::string_view host);

/// Plain text is for this machine only: ws and http are refused towards any other host.
///
/// Errors: kUnsupported naming the URL and the scheme to use instead. The sessions check it
///         themselves, and check the resolved address too; configuration readers call it early for
///         a better message.
Status check_transport(const Url& url);

/// parse_url and check_transport for a configuration value.
///
/// Throws: ConfigError "KEY: expected ..., found ...".
Url require_url(std::string_view key, std::string_view text);

}  // namespace perpwire::net
