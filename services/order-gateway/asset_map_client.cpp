#include "services/order-gateway/asset_map_client.hpp"

#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

// A venue that is well answers within a fraction of a second; a start waits for the slowest.
constexpr Nanos kTimeout = std::chrono::seconds{5};

Result<std::string> body_of(net::HttpResult result) {
  if (!result) return tl::unexpected(result.error().error);
  if (result->status == 200) return std::move(result->body);
  return fail(result->status == 429 ? ErrorCode::kRateLimited : ErrorCode::kVenueUnavailable,
              "HTTP " + std::to_string(result->status));
}

}  // namespace

struct AssetMapClient::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

AssetMapClient::AssetMapClient(boost::asio::io_context& io, net::HttpClient& http,
                               const std::string& rest_url, const std::vector<std::string>& dexs,
                               Spend spend, Loaded loaded)
    : http_(http),
      url_(rest_url + std::string(hyperliquid::kInfoPath)),
      spend_(std::move(spend)),
      loaded_(std::move(loaded)),
      questions_(dexs, static_cast<std::uint64_t>(wall_clock_now().value())),
      timer_(std::make_unique<Timer>(io)) {}

AssetMapClient::~AssetMapClient() = default;

void AssetMapClient::load() {
  for (const auto& question : questions_.begin_round()) ask(question);
}

void AssetMapClient::ask(const AssetMapQuestions::Question& question) {
  // perpDexs, spotMeta and meta all cost the same (hyperliquid.md section 7.1).
  if (!spend_(hyperliquid::info_weight("meta"))) {
    questions_.on_answer(question.id, fail(ErrorCode::kRateLimited, "our share of the budget"));
    if (questions_.round_over()) finish();
    return;
  }
  http_.post(url_, question.body, {{"Content-Type", "application/json"}}, kTimeout,
             [this, id = question.id](net::HttpResult result) {
               questions_.on_answer(id, body_of(std::move(result)));
               if (questions_.round_over()) finish();
             });
}

void AssetMapClient::finish() {
  auto outcome = questions_.finish_round();
  if (outcome.instruments) {
    loaded_(std::move(*outcome.instruments));
  } else {
    ++failed_rounds_;
    spdlog::warn("asset map: not complete, asked again in {} ms: {}",
                 outcome.next.count() / 1'000'000, outcome.problem);
  }
  timer_->timer.expires_after(outcome.next);
  timer_->timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) load();
  });
}

}  // namespace perpwire::gateway
