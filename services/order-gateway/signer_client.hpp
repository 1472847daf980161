#pragma once

#include "libs/common/request_client.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "perpwire/v1/signing.pb.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// The signer's ipc socket. At hello it gets our asset map, which it checks against its own.
/// Thread: the io_context's. Owned by GatewayApp.
class SignerClient {
 public:
  using Callback = std::function<void(Result<v1::SignReply>)>;

  SignerClient(boost::asio::io_context& io, zmq::context_t& zmq, const std::string& endpoint,
               const std::string& instance, const std::vector<std::string>& allow_builds,
               const std::string& network, const hyperliquid::Instruments& instruments,
               const std::optional<CurveClient>& curve = {});

  void request(v1::SignRequest request, Callback callback);
  [[nodiscard]] bool ready() const { return client_->ready(); }

 private:
  std::unique_ptr<RequestClient> client_;
  std::uint64_t next_id_ = 0;
};

}  // namespace perpwire::gateway
