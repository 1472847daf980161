#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace perpwire {

class Metrics;

/// What the deciding thread last said of itself; read by the server's thread.
struct Health {
  std::atomic<std::int64_t> last_tick_ns{0};  // CLOCK_MONOTONIC
  std::atomic<bool> well{true};
};

/// GET /metrics and GET /healthz on 127.0.0.1, on a thread of its own: a scraper never slows
/// trading. /healthz is 200 only if the deciding loop ticked within the last second and calls
/// itself well; else 503. Bounds: one request a connection, 8 KiB of request, 2 s a connection, 16
/// connections at a time.
class MetricsServer {
 public:
  /// port 0: any free port. Errors: ConfigError if the port cannot be bound.
  MetricsServer(std::uint16_t port, Metrics& metrics, const Health& health);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace perpwire
