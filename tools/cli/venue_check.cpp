#include "tools/cli/venue_check.hpp"

#include "libs/net/http_client.hpp"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <simdjson.h>

namespace perpwire::cli {
namespace {

/// `time` of exchangeStatus, in ms. Source: hyperliquid.md, "exchangeStatus".
std::optional<UnixNanos> time_of(const std::string& body) {
  simdjson::dom::parser parser;
  std::int64_t millis = 0;
  if (parser.parse(body)["time"].get(millis) != simdjson::SUCCESS) return std::nullopt;
  return UnixNanos::from_millis(millis);
}

}  // namespace

VenueSight look_at_venue(const VenueSettings& venue, Nanos timeout) {
  VenueSight sight;
  boost::asio::io_context io{1};
  net::HttpClientOptions options;
  options.proxy_url = venue.proxy;
  options.connect_timeout = timeout;
  options.tls = std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = venue.ca_file});
  net::HttpClient client(io, options);
  const std::string url = venue.rest_url + "/info";
  sight.text = fmt::format("{}: expected an answer within {} ms, found none", url,
                           timeout.count() / 1'000'000);
  client.post(
      url, R"({"type":"exchangeStatus"})", {{"Content-Type", "application/json"}}, timeout,
      [&](net::HttpResult result) {
        if (!result) {
          sight.text = fmt::format("{}: {}", url, result.error().error.text);
        } else if (result->status != 200) {
          sight.text = fmt::format("{}: expected status 200, found {}", url, result->status);
        } else {
          sight.reachable = true;
          const Nanos took = result->received - result->sent;
          sight.text = fmt::format("{} answers in {} ms", venue.rest_url, took.count() / 1'000'000);
          if (const auto theirs = time_of(result->body)) {
            sight.clock_offset = *theirs - (result->sent + took / 2);
          }
        }
        io.stop();
      });
  io.run_for(timeout + std::chrono::milliseconds(500));
  client.close();
  return sight;
}

}  // namespace perpwire::cli
