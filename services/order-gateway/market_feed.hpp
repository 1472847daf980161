#pragma once

#include "libs/common/bus_subscriber.hpp"
#include "services/order-gateway/reference_prices.hpp"
#include "services/order-gateway/risk_gate.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Reference prices from marketstream over the bus: no public WebSocket of our own.
/// Thread: the io_context's. `references` outlives it.
class MarketFeed {
 public:
  MarketFeed(boost::asio::io_context& io, zmq::context_t& zmq, const std::string& endpoint,
             ReferencePrices& references);

 private:
  void on_event(std::string_view topic, const v1::Envelope& envelope);

  ReferencePrices& references_;
  std::unique_ptr<BusSubscriber> bus_;
};

/// Risk's level and limits over the bus.
/// Thread: the io_context's. `gate` outlives it.
class RiskFeed {
 public:
  struct Config {
    std::string endpoint;
    std::string instance;
    std::vector<std::string> allow_builds;
  };
  /// on_change: the level is a new one, to be journaled and obeyed.
  RiskFeed(boost::asio::io_context& io, zmq::context_t& zmq, const Config& config, RiskGate& gate,
           std::function<void(const RiskGate::Change&)> on_change);

 private:
  void on_event(const v1::Envelope& envelope);
  void on_heartbeat(const v1::Heartbeat& heartbeat, UnixNanos sent);

  Config config_;
  RiskGate& gate_;
  std::function<void(const RiskGate::Change&)> on_change_;
  std::string refused_build_;
  std::unique_ptr<BusSubscriber> bus_;
};

}  // namespace perpwire::gateway
