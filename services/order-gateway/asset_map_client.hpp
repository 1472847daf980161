#pragma once

#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "services/order-gateway/asset_map_questions.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// The venue's asset map from its own REST answers: the gateway must be able to cancel while
/// marketstream is down. Asked again until it is there, then every minute: assets are only added.
/// Thread: the io_context's. Owned by GatewayApp; `http` outlives it.
class AssetMapClient {
 public:
  using Loaded = std::function<void(hyperliquid::Instruments)>;

  /// Takes that much of the venue's budget, or not: then the question counts as not answered.
  using Spend = std::function<bool(std::uint32_t weight)>;

  AssetMapClient(boost::asio::io_context& io, net::HttpClient& http, const std::string& rest_url,
                 const std::vector<std::string>& dexs, Spend spend, Loaded loaded);
  ~AssetMapClient();

  void load();
  /// Rounds that brought no map.
  [[nodiscard]] std::uint64_t failed_rounds() const { return failed_rounds_; }

 private:
  struct Timer;
  void ask(const AssetMapQuestions::Question& question);
  void finish();

  net::HttpClient& http_;
  std::string url_;
  Spend spend_;
  Loaded loaded_;
  AssetMapQuestions questions_;
  std::uint64_t failed_rounds_ = 0;
  std::unique_ptr<Timer> timer_;
};

}  // namespace perpwire::gateway
