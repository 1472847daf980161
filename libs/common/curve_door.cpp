#include "libs/common/curve_door.hpp"

#include "libs/common/metrics.hpp"
#include "libs/common/result.hpp"
#include "libs/common/service.hpp"
#include "libs/common/time.hpp"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <chrono>

namespace perpwire {
namespace {

/// Where libzmq looks for it (RFC 27).
constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr std::string_view kVersion = "1.0";
constexpr std::size_t kKeySize = 32;

std::string z85(std::string_view key) {
  std::array<char, 41> text{};
  return key.size() == kKeySize &&
                 zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()),
                                key.size()) != nullptr
             ? std::string(text.data())
             : std::string("?");
}

const CurvePeer* find_peer(const Settings& settings, const std::string& key,
                           std::string_view endpoint) {
  for (const auto& [name, peer] : settings.curve.clients) {
    if (peer.public_key == key) {
      return peer.may.contains(std::string(endpoint)) ? &peer : nullptr;
    }
  }
  return nullptr;
}

}  // namespace

CurveDoor::CurveDoor(ServiceContext& context, const CurveIdentity& own, std::string table)
    : context_(context), own_(own), table_(std::move(table)) {}

CurveDoor::~CurveDoor() = default;

std::optional<CurveServer> CurveDoor::of(const std::string& endpoint, std::string_view word) {
  if (!endpoint.starts_with("tcp://")) return std::nullopt;
  if (!keys_) {
    auto keys = CurveKeys::load(own_.key_file);
    if (!keys) throw ConfigError(fmt::format("{}.curve_key: {}", table_, keys.error().text));
    if (keys->public_key() != own_.public_key) {
      throw ConfigError(fmt::format("{}.curve_public_key: expected {}, which {} has, found {}",
                                    table_, keys->public_key(), own_.key_file.string(),
                                    own_.public_key));
    }
    keys_ = std::make_shared<const CurveKeys>(std::move(*keys));
  }
  const auto& clients = context_.settings().curve.clients;
  if (std::none_of(clients.begin(), clients.end(), [&](const auto& client) {
        return client.second.may.contains(std::string(word));
      })) {
    throw ConfigError(
        fmt::format("curve.clients: expected a client that may connect to {} (may = [\"{}\"]), "
                    "found none",
                    endpoint, word));
  }
  if (!zap_) {
    zap_ = std::make_unique<ZmqSocket>(context_.io(), context_.zmq(), SocketType::kRouter);
    if (auto bound = zap_->bind(kZapEndpoint); !bound) throw ConfigError(bound.error().text);
    zap_->start([this](ZmqSocket::Message& message) { on_question(message); });
  }
  return CurveServer{keys_, std::string(word)};
}

/// [id][][version][request id][domain][address][routing id][mechanism][key] (RFC 27).
void CurveDoor::on_question(ZmqSocket::Message& message) {
  constexpr std::size_t kParts = 9;
  if (message.size() < 4) return;
  const bool is_curve =
      message.size() == kParts && message[2].view() == kVersion && message[7].view() == "CURVE";
  const auto key = is_curve ? z85(message[8].view()) : std::string("?");
  const auto domain = message.size() > 4 ? std::string(message[4].view()) : std::string();
  const auto address = message.size() > 5 ? std::string(message[5].view()) : std::string();
  const auto* peer = is_curve ? find_peer(context_.settings(), key, domain) : nullptr;
  context_.metrics()
      .counter("perpwire_curve_handshakes_total", "Connections over TCP by endpoint and outcome",
               {{"endpoint", domain}, {"outcome", peer != nullptr ? "accepted" : "refused"}})
      .increment();
  if (peer != nullptr) {
    spdlog::info("curve accepted endpoint={} client={} address={}", domain, peer->name, address);
  } else if (const auto now = monotonic_now(); now - last_told_ >= std::chrono::seconds(1)) {
    last_told_ = now;
    spdlog::warn(
        "curve refused endpoint={} public_key={} address={}: not in curve.clients, or it "
        "may not",
        domain, key, address);
  }
  const std::array<std::string_view, 8> reply{message[0].view(),
                                              std::string_view{},
                                              kVersion,
                                              message[3].view(),
                                              peer != nullptr ? "200" : "400",
                                              peer != nullptr ? "OK" : "not allowed",
                                              peer != nullptr ? peer->name : std::string_view{},
                                              std::string_view{}};
  ignore(zap_->send(reply), "a handshake without an answer fails");
}

}  // namespace perpwire
