#pragma once

#include "libs/common/request_server.hpp"
#include "perpwire/v1/orders.pb.h"
#include "services/order-gateway/engine_ports.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace perpwire::gateway {

/// The ROUTER socket that clients command the gateway on: JSON or protobuf, with or without hello.
/// Thread: the io_context's. Owned by GatewayApp.
class CommandEndpoint {
 public:
  struct Config {
    std::string endpoint;
    std::string instance;
    std::vector<std::string> allow_builds;
    std::optional<CurveServer> curve = {};
  };
  /// Answers every command of clients.
  using Handler = std::function<v1::Reply(const v1::Command&, Now received)>;
  /// Risk's `halt`; only from a connection that said hello as risk.
  using HaltHandler = std::function<v1::Reply(const v1::Command&)>;

  struct Counters {
    std::uint64_t malformed = 0;
    std::uint64_t refused_hellos = 0;
    std::uint64_t refused_halts = 0;
  };

  CommandEndpoint(boost::asio::io_context& io, zmq::context_t& zmq, const Config& config,
                  Handler handler, HaltHandler halt);

  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  void on_request(const IncomingRequest& request);
  v1::Reply answer(const v1::Command& command, const IncomingRequest& request, Now received);
  v1::Reply hello(const v1::Command& command, const IncomingRequest& request);

  Config config_;
  Handler handler_;
  HaltHandler halt_;
  Counters counters_;
  std::unordered_map<std::string, std::string> peers_;  // connection to process
  std::unique_ptr<RequestServer> server_;
};

}  // namespace perpwire::gateway
