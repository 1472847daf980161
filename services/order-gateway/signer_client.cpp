#include "services/order-gateway/signer_client.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

// Signing takes well under a millisecond; a signer that is silent for so long is down.
constexpr Nanos kTimeout = std::chrono::milliseconds{1'500};

Result<v1::SignReply> parse_reply(const Result<RequestClient::Reply>& parts) {
  if (!parts) return tl::unexpected(parts.error());
  v1::SignReply reply;
  if (parts->empty() || !parse_payload(parts->front(), reply)) {
    return fail(ErrorCode::kSignerUnavailable, "the signer's answer does not read");
  }
  return reply;
}

}  // namespace

SignerClient::SignerClient(boost::asio::io_context& io, zmq::context_t& zmq,
                           const std::string& endpoint, const std::string& instance,
                           const std::vector<std::string>& allow_builds, const std::string& network,
                           const hyperliquid::Instruments& instruments,
                           const std::optional<CurveClient>& curve) {
  v1::SignRequest hello;
  hello.set_type("hello");
  hello.set_request_id("hello");
  *hello.mutable_hello() = own_hello("order-gateway", instance);
  for (const auto& instrument : instruments.all()) {
    v1::AssetEntry& entry = *hello.add_assets();
    entry.set_trading_pair(instrument.trading_pair.value());
    entry.set_asset(instrument.asset);
    entry.set_network(network);
  }
  RequestClientConfig config;
  config.endpoint = endpoint;
  config.curve = curve;
  config.hello = hello.SerializeAsString();
  config.hello_request_id = "hello";
  config.accept_hello = [instance, allow_builds](const RequestClient::Reply& parts) -> Status {
    const auto reply = parse_reply(parts);
    if (!reply) return tl::unexpected(reply.error());
    if (reply->status() != "OK") {
      spdlog::error("signer refuses us: code={} reason={}", reply->code(), reply->reason());
      return fail(error_code_from_string(reply->code()).value_or(ErrorCode::kSignerRefused),
                  reply->reason());
    }
    const Status same = check_hello(reply->hello(), own_hello("order-gateway", instance),
                                    {.same_build = true, .allow_builds = allow_builds});
    if (!same) {
      spdlog::error("signer is another build: {}", same.error().text);
    } else {
      spdlog::info("signer connected version={}", reply->hello().version());
    }
    return same;
  };
  client_ = std::make_unique<RequestClient>(io, zmq, config);
}

void SignerClient::request(v1::SignRequest request, Callback callback) {
  const std::string id = "g" + std::to_string(++next_id_);
  request.set_request_id(id);
  client_->request(id, request.SerializeAsString(), kTimeout,
                   [callback = std::move(callback)](const Result<RequestClient::Reply>& parts) {
                     callback(parse_reply(parts));
                   });
}

}  // namespace perpwire::gateway
