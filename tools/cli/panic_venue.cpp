#include "tools/cli/panic_venue.hpp"

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace perpwire::cli {
namespace {

namespace hl = hyperliquid;

// A cancel or a closing order that is older than this when the venue sees it does nothing.
constexpr std::uint64_t kExpiresAfterMs = 8'000;

net::HttpClientOptions http_options(const VenueSettings& venue, Nanos timeout) {
  net::HttpClientOptions options;
  options.proxy_url = venue.proxy;
  options.connect_timeout = timeout;
  options.tls = std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = venue.ca_file});
  return options;
}

/// Entries of `twapHistory` whose newest state is "activated". Source: hyperliquid.md section 7.
Result<std::vector<RunningTwap>> parse_running_twaps(const std::string& body) {
  struct Newest {
    std::int64_t time = 0;
    bool running = false;
    std::string coin;
  };
  std::map<std::uint64_t, Newest> newest;
  simdjson::dom::parser parser;
  simdjson::dom::array entries;
  if (parser.parse(body).get(entries) != simdjson::SUCCESS) {
    return fail(ErrorCode::kMalformed, "twapHistory: expected a list, found something else");
  }
  for (const auto entry : entries) {
    std::uint64_t id = 0;
    std::int64_t time = 0;
    std::string_view status;
    std::string_view coin;
    if (entry["twapId"].get(id) != simdjson::SUCCESS) continue;  // an error: it never ran
    if (entry["time"].get(time) != simdjson::SUCCESS ||
        entry["status"]["status"].get(status) != simdjson::SUCCESS ||
        entry["state"]["coin"].get(coin) != simdjson::SUCCESS) {
      return fail(ErrorCode::kMalformed,
                  fmt::format("twapHistory: expected time, status and coin of TWAP {}", id));
    }
    auto& known = newest[id];
    // Equal times: whatever ended it came after what began it.
    const bool running = status == "activated";
    if (time > known.time || (time == known.time && !running)) {
      known = {time, running, std::string(coin)};
    }
  }
  std::vector<RunningTwap> out;
  for (const auto& [id, known] : newest) {
    if (known.running) out.push_back({known.coin, id});
  }
  return out;
}

}  // namespace

PanicVenue::PanicVenue(const VenueSettings& venue, const AccountSettings& account,
                       std::string_view network, SigningKey key, Nanos timeout)
    : venue_(venue),
      account_(account),
      network_(hl::parse_network(network).value_or(hl::Network::kTestnet)),
      key_(std::move(key)),
      timeout_(timeout),
      http_(io_, http_options(venue, timeout)) {}

Result<std::string> PanicVenue::post(std::string_view path, const std::string& body) {
  std::optional<net::HttpResult> answer;
  http_.post(venue_.rest_url + std::string(path), body, {{"Content-Type", "application/json"}},
             timeout_, [&](net::HttpResult result) {
               answer = std::move(result);
               io_.stop();
             });
  io_.restart();
  io_.run_for(timeout_ + std::chrono::seconds(1));
  if (!answer) {
    return fail(ErrorCode::kTimeout,
                fmt::format("{}{}: expected an answer, found none", venue_.rest_url, path));
  }
  if (!*answer) {
    return fail(answer->error().error.code,
                fmt::format("{}{}: {}", venue_.rest_url, path, answer->error().error.text));
  }
  if ((*answer)->status != 200) {
    return fail(ErrorCode::kVenueUnavailable,
                fmt::format("{}{}: expected status 200, found {} {}", venue_.rest_url, path,
                            (*answer)->status, (*answer)->body.substr(0, 200)));
  }
  return std::move((*answer)->body);
}

Result<std::string> PanicVenue::info(const std::string& body) { return post(hl::kInfoPath, body); }

Status PanicVenue::load_instruments() {
  hl::InstrumentSources sources;
  const auto take = [&](const std::string& body, std::string& out) -> Status {
    auto answer = info(body);
    if (!answer) return tl::unexpected(answer.error());
    out = std::move(*answer);
    return {};
  };
  if (auto read = take(R"({"type":"perpDexs"})", sources.perp_dexs); !read) return read;
  for (const auto& dex : venue_.dexs) {
    auto& meta = sources.metas.emplace_back();
    meta.dex = dex;
    const auto body =
        dex.empty() ? R"({"type":"meta"})" : fmt::format(R"({{"type":"meta","dex":"{}"}})", dex);
    if (auto read = take(body, meta.answer); !read) return read;
  }
  if (auto read = take(R"({"type":"spotMeta"})", sources.spot_meta); !read) return read;
  auto built = hl::Instruments::build(sources);
  if (!built) return tl::unexpected(built.error());
  instruments_ = std::move(*built);
  return {};
}

Result<std::vector<venues::OrderWord>> PanicVenue::open_orders() {
  std::vector<venues::OrderWord> all;
  for (const auto& dex : venue_.dexs) {
    const auto body = info(hl::open_orders_request(account_.address, dex));
    if (!body) return tl::unexpected(body.error());
    auto parsed = hl::parse_open_orders(*body);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!parsed->problems.empty()) {
      return fail(ErrorCode::kMalformed, "open orders: " + parsed->problems.front());
    }
    all.insert(all.end(), std::make_move_iterator(parsed->items.begin()),
               std::make_move_iterator(parsed->items.end()));
  }
  return all;
}

Result<std::vector<RunningTwap>> PanicVenue::running_twaps() {
  const auto body = info(fmt::format(R"({{"type":"twapHistory","user":"{}"}})", account_.address));
  if (!body) return tl::unexpected(body.error());
  return parse_running_twaps(*body);
}

Result<std::vector<venues::PositionWord>> PanicVenue::positions() {
  std::vector<venues::PositionWord> held;
  for (const auto& dex : venue_.dexs) {
    const auto body = info(hl::clearinghouse_request(account_.address, dex));
    if (!body) return tl::unexpected(body.error());
    const auto parsed = hl::parse_clearinghouse_state(*body);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!parsed->positions.problems.empty()) {
      return fail(ErrorCode::kMalformed, "positions: " + parsed->positions.problems.front());
    }
    std::copy_if(parsed->positions.items.begin(), parsed->positions.items.end(),
                 std::back_inserter(held),
                 [](const auto& word) { return !word.quantity.is_zero(); });
  }
  return held;
}

Result<hl::ExchangeReply> PanicVenue::act(const hl::Action& action) {
  if (auto fits = hl::check_encodable(action); !fits) return tl::unexpected(fits.error());
  const auto now = static_cast<std::uint64_t>(wall_clock_now().millis());
  hl::ActionEnvelope envelope;
  // The signer may hand out nonces beside us: one that it used is refused, and the next round asks
  // with a later one.
  envelope.nonce = last_nonce_ = std::max(now, last_nonce_ + 1);
  envelope.expires_after_ms = now + kExpiresAfterMs;
  if (account_.vault) {
    const auto address = Address::parse(account_.address);
    if (!address) return tl::unexpected(address.error());
    envelope.vault_address = *address;
  }
  const auto made = hl::sign_action(key_, network_, action, envelope);
  const auto body = post(hl::kExchangePath, hl::exchange_body(action, envelope, made.signature));
  if (!body) return tl::unexpected(body.error());
  return hl::parse_exchange_reply(*body);
}

}  // namespace perpwire::cli
