#include "libs/net/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace perpwire::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "https" || scheme == "wss" ? 443 : 80;
}

bool is_known_scheme(std::string_view scheme) {
  constexpr std::array<std::string_view, 4> kSchemes{"http", "https", "ws", "wss"};
  return std::find(kSchemes.begin(), kSchemes.end(), scheme) != kSchemes.end();
}

Result<std::uint16_t> parse_port(std::string_view digits, std::string_view whole) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value == 0 || value > 65535) {
    return fail(ErrorCode::kMalformed,
                fmt::format("expected a port of 1 to 65535, found '{}' in {}", digits, whole));
  }
  return static_cast<std::uint16_t>(value);
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == ':';
}

// A dotted quad in plain decimal, as inet_pton takes it: "127.1" and "0177.0.0.1" are names, not
// addresses.
bool is_loopback_quad(std::string_view host) {
  int parts = 0;
  bool first_is_127 = false;
  while (true) {
    const auto dot = host.find('.');
    const auto part = host.substr(0, dot);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || part.size() > 3 || (part.size() > 1 && part.front() == '0') ||
        error != std::errc{} || end != part.data() + part.size() || value > 255) {
      return false;
    }
    if (parts == 0) first_is_127 = value == 127;
    ++parts;
    if (dot == std::string_view::npos) return parts == 4 && first_is_127;
    host.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string out = v6 ? "[" + host + "]" : host;
  if (port != default_port(scheme)) out += fmt::format(":{}", port);
  return out;
}

std::string Url::host_port() const {
  return host.find(':') != std::string::npos ? fmt::format("[{}]:{}", host, port)
                                             : fmt::format("{}:{}", host, port);
}

std::string Url::text() const { return scheme + "://" + authority() + target; }

Result<Url> parse_url(std::string_view text) {
  const auto bad = [text](std::string_view what) {
    return fail(ErrorCode::kMalformed, fmt::format("{} in URL '{}'", what, text));
  };
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      return fail(ErrorCode::kMalformed, "white space or a control character in a URL");
    }
  }
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad("expected scheme://host, found no '://'");
  Url url;
  url.scheme = to_lower(text.substr(0, scheme_end));
  if (!is_known_scheme(url.scheme)) return bad("expected http, https, ws or wss");
  std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find('#') != std::string_view::npos) return bad("a fragment");

  const auto target_at = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, target_at);
  if (target_at != std::string_view::npos) url.target = std::string(rest.substr(target_at));
  if (url.target.empty() || url.target.front() != '/') url.target.insert(0, "/");

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  bool has_port = false;
  if (!authority.empty() && authority.front() == '[') {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return bad("expected ']' after an IPv6 address");
    url.host = to_lower(authority.substr(1, close - 1));
    const auto after = authority.substr(close + 1);
    if (!after.empty() && after.front() != ':') return bad("expected ':' after ']'");
    has_port = !after.empty();
    if (has_port) port = after.substr(1);
  } else {
    const auto colon = authority.rfind(':');
    url.host = to_lower(authority.substr(0, colon));
    has_port = colon != std::string_view::npos;
    if (has_port) port = authority.substr(colon + 1);
    if (url.host.find(':') != std::string::npos) return bad("an IPv6 address without brackets");
  }
  if (url.host.empty()) return bad("an empty host");
  if (!std::all_of(url.host.begin(), url.host.end(), is_host_character)) {
    return bad("a host with other than letters, digits, '-', '.' and '_'");
  }
  url.port = default_port(url.scheme);
  if (has_port) {
    auto parsed = parse_port(port, text);
    if (!parsed) return tl::unexpected(parsed.error());
    url.port = *parsed;
  }
  return url;
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "::1" || is_loopback_quad(host);
}

Status check_transport(const Url& url) {
  if (url.is_tls() || is_loopback_host(url.host)) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("plain {} is for this machine only: expected {}s://, found {}",
                          url.scheme, url.scheme, url.text()));
}

Url require_url(std::string_view key, std::string_view text) {
  auto url = parse_url(text);
  if (!url) throw ConfigError(fmt::format("{}: {}", key, url.error().text));
  if (!url->user_info.empty()) {
    throw ConfigError(fmt::format("{}: expected no user or password, found some", key));
  }
  if (const auto allowed = check_transport(*url); !allowed) {
    throw ConfigError(fmt::format("{}: {}", key, allowed.error().text));
  }
  return *url;
}

}  // namespace perpwire::net
