#include "tools/cli/venue_check.hpp"

#include "libs/net/http_client.hpp"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace perpwire::cli {
namespace {

/// `time` of exchangeStatus, in ms. Source: hyperliquid.md, "exchangeStatus".
std::optional<UnixNanos> time_of(const std::string& body) {
  simdjson::dom::parser parser;
  std::int64_t millis = 0;
  if (parser.parse(body)["time"].get(millis) != simdjson::SUCCESS) return std::nullopt;
  return UnixNanos::from_millis(millis);
}

/// One question to /info. Errors: in words, naming the address.
Result<net::HttpResponse> ask_info(const VenueSettings& venue, std::string body, Nanos timeout) {
  boost::asio::io_context io{1};
  net::HttpClientOptions options;
  options.proxy_url = venue.proxy;
  options.connect_timeout = timeout;
  options.tls = std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = venue.ca_file});
  net::HttpClient client(io, options);
  const std::string url = venue.rest_url + "/info";
  Result<net::HttpResponse> answer =
      fail(ErrorCode::kTimeout, fmt::format("{}: expected an answer within {} ms, found none", url,
                                            timeout.count() / 1'000'000));
  client.post(url, std::move(body), {{"Content-Type", "application/json"}}, timeout,
              [&](net::HttpResult result) {
                if (!result) {
                  answer = fail(result.error().error.code,
                                fmt::format("{}: {}", url, result.error().error.text));
                } else if (result->status != 200) {
                  answer =
                      fail(ErrorCode::kVenueUnavailable,
                           fmt::format("{}: expected status 200, found {}", url, result->status));
                } else {
                  answer = std::move(*result);
                }
                io.stop();
              });
  io.run_for(timeout + std::chrono::milliseconds(500));
  client.close();
  return answer;
}

}  // namespace

Outcome<VenueRole> ask_role(const VenueSettings& venue, const std::string& address, Nanos timeout) {
  const auto answer =
      ask_info(venue, fmt::format(R"({{"type":"userRole","user":"{}"}})", address), timeout);
  if (!answer) return fail_with(Exit::kFailed, answer.error().text);
  // Source: hyperliquid.md, "userRole": {"role":"agent","data":{"user":"0x..."}}.
  simdjson::dom::parser parser;
  simdjson::dom::element read;
  std::string_view role;
  if (parser.parse(answer->body).get(read) != simdjson::SUCCESS ||
      read["role"].get(role) != simdjson::SUCCESS) {
    return fail_with(Exit::kFailed,
                     fmt::format("{}: expected a role of {}, found {}", venue.rest_url, address,
                                 answer->body.substr(0, 200)));
  }
  VenueRole out{.role = std::string(role), .owner = {}};
  std::string_view owner;
  if (read["data"]["user"].get(owner) == simdjson::SUCCESS) out.owner = owner;
  std::transform(out.owner.begin(), out.owner.end(), out.owner.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

VenueSight look_at_venue(const VenueSettings& venue, Nanos timeout) {
  VenueSight sight;
  const auto answer = ask_info(venue, R"({"type":"exchangeStatus"})", timeout);
  if (!answer) {
    sight.text = answer.error().text;
    return sight;
  }
  sight.reachable = true;
  const Nanos took = answer->received - answer->sent;
  sight.text = fmt::format("{} answers in {} ms", venue.rest_url, took.count() / 1'000'000);
  if (const auto theirs = time_of(answer->body)) {
    sight.clock_offset = *theirs - (answer->sent + took / 2);
  }
  return sight;
}

}  // namespace perpwire::cli
