#pragma once

#include "libs/common/bus_subscriber.hpp"
#include "libs/common/hello.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/result.hpp"
#include "libs/limits/risk_level.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class Command;
class Envelope;
class Hello;
class Reply;
}  // namespace perpwire::v1

namespace perpwire::risk {

struct GatewayLinkConfig {
  std::string events;  // endpoints of the gateway
  std::string commands;
  std::string replay;
  std::string instance;  // ours
  std::optional<CurveClient> commands_curve = {};
  std::optional<CurveClient> replay_curve = {};
  HelloPolicy hello_policy;
  Nanos command_timeout = std::chrono::milliseconds{800};
};

/// What the gateway said to a command. The version is of `halt` only.
struct GatewayAnswer {
  Status status;
  std::optional<std::uint64_t> level_version;
};

/// The order gateway as risk sees it: its events, complete and in order, and its commands. I/O.
///
/// On the very first start (no position) the gateway's current stream is asked for and read from
/// its beginning, or from the oldest event that it keeps.
/// Threads: the io_context's; callbacks too. Lifetime: `io` and `context` outlive it.
class GatewayLink {
 public:
  struct Handlers {
    std::function<void(std::string_view topic, const v1::Envelope&)> on_event;
    std::function<void(std::string_view stream, std::uint64_t count)> on_lost;
    std::function<void(bool stale)> on_stale;
  };

  GatewayLink(boost::asio::io_context& io, zmq::context_t& context, GatewayLinkConfig config,
              std::optional<StreamPosition> start, Handlers handlers);
  ~GatewayLink();

  void halt(limits::RiskLevel level, std::uint64_t version, const std::string& reason,
            std::function<void(GatewayAnswer)> done);
  void close_position(const std::string& account, const std::string& trading_pair,
                      const std::string& client_order_id, std::function<void(GatewayAnswer)> done);

  /// Nothing of its events is known to be missing.
  [[nodiscard]] bool in_step() const;
  /// Its heartbeats are over 2 s old, or never came.
  [[nodiscard]] bool stale() const;
  [[nodiscard]] std::optional<StreamPosition> position() const;

 private:
  void find_stream();
  void on_first_page(const Result<RequestClient::Reply>& reply);
  void subscribe(std::optional<StreamPosition> start);
  void ask(v1::Command command, std::function<void(GatewayAnswer)> done);

  boost::asio::io_context& io_;
  zmq::context_t& context_;
  GatewayLinkConfig config_;
  Handlers handlers_;
  std::uint64_t last_request_ = 0;
  RequestClient commands_;
  std::unique_ptr<RequestClient> pages_;  // until the stream is known
  std::unique_ptr<BusSubscriber> events_;
};

}  // namespace perpwire::risk
