#pragma once

#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"

#include <functional>
#include <map>
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

  AssetMapClient(boost::asio::io_context& io, net::HttpClient& http, std::string rest_url,
                 std::vector<std::string> dexs, Loaded loaded);
  ~AssetMapClient();

  void load();

 private:
  struct Timer;
  void ask(const std::string& name, const std::string& body);
  void finish();

  net::HttpClient& http_;
  std::string rest_url_;
  std::vector<std::string> dexs_;
  Loaded loaded_;
  std::map<std::string, std::string> answers_;
  std::size_t waiting_for_ = 0;
  bool failed_ = false;
  std::unique_ptr<Timer> timer_;
};

}  // namespace perpwire::gateway
