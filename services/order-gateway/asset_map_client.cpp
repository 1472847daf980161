#include "services/order-gateway/asset_map_client.hpp"

#include "libs/venues/hyperliquid/endpoints.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr auto kRefresh = std::chrono::seconds{60};
constexpr auto kRetry = std::chrono::seconds{1};
constexpr Nanos kTimeout = std::chrono::seconds{10};
const std::string kDexs = "perpDexs";
const std::string kSpot = "spotMeta";

}  // namespace

struct AssetMapClient::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

AssetMapClient::AssetMapClient(boost::asio::io_context& io, net::HttpClient& http,
                               std::string rest_url, std::vector<std::string> dexs, Loaded loaded)
    : http_(http),
      rest_url_(std::move(rest_url)),
      dexs_(std::move(dexs)),
      loaded_(std::move(loaded)),
      timer_(std::make_unique<Timer>(io)) {}

AssetMapClient::~AssetMapClient() = default;

void AssetMapClient::load() {
  answers_.clear();
  failed_ = false;
  waiting_for_ = 2 + dexs_.size();
  ask(kDexs, R"({"type":"perpDexs"})");
  ask(kSpot, R"({"type":"spotMeta"})");
  for (const std::string& dex : dexs_) {
    ask("meta:" + dex, dex.empty() ? std::string(R"({"type":"meta"})")
                                   : R"({"type":"meta","dex":")" + dex + "\"}");
  }
}

void AssetMapClient::ask(const std::string& name, const std::string& body) {
  http_.post(rest_url_ + std::string(hyperliquid::kInfoPath), body,
             {{"Content-Type", "application/json"}}, kTimeout,
             [this, name](net::HttpResult result) {
               if (result && result->status == 200) {
                 answers_[name] = std::move(result->body);
               } else {
                 failed_ = true;
                 spdlog::warn(
                     "asset map: {} failed: {}", name,
                     result ? "HTTP " + std::to_string(result->status) : result.error().error.text);
               }
               if (--waiting_for_ == 0) finish();
             });
}

void AssetMapClient::finish() {
  bool again = failed_;
  if (!failed_) {
    hyperliquid::InstrumentSources sources;
    sources.perp_dexs = answers_[kDexs];
    sources.spot_meta = answers_[kSpot];
    for (const std::string& dex : dexs_) sources.metas.push_back({dex, answers_["meta:" + dex]});
    auto instruments = hyperliquid::Instruments::build(sources);
    if (instruments) {
      loaded_(std::move(*instruments));
    } else {
      spdlog::error("asset map: {}", instruments.error().text);
      again = true;
    }
  }
  timer_->timer.expires_after(again ? kRetry : kRefresh);
  timer_->timer.async_wait([this](const boost::system::error_code& error) {
    if (!error) load();
  });
}

}  // namespace perpwire::gateway
