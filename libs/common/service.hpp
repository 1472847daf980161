#pragma once

#include "libs/common/settings.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}
namespace zmq {
class context_t;
}

namespace perpwire {

class Metrics;

struct ServiceOptions {
  std::string_view process;     // "order-gateway"
  int metrics_port_offset = 0;  // added to metrics.base_port
  bool serve_http = true;       // the signer has no network: it answers metrics over its ipc socket
  /// Called once the configuration is read and before any other thread or ZeroMQ context exists:
  /// sandboxes go here.
  std::function<void(const Settings&)> before_threads;
};

/// What a service's body is given. Lives as long as the body.
class ServiceContext {
 public:
  virtual ~ServiceContext() = default;

  [[nodiscard]] virtual const Settings& settings() const = 0;
  [[nodiscard]] virtual const std::string& instance() const = 0;
  /// The one thread that decides runs this; I/O objects are made on it.
  virtual boost::asio::io_context& io() = 0;
  virtual zmq::context_t& zmq() = 0;
  virtual Metrics& metrics() = 0;
  /// <data_dir>/<process>[-instance], made and locked by this process.
  [[nodiscard]] virtual const std::filesystem::path& data_folder() const = 0;
  /// <run_dir>/<process>[-instance], made with mode 2750 and locked by this process.
  [[nodiscard]] virtual const std::filesystem::path& run_folder() const = 0;

  /// Runs when asked to stop (SIGTERM, SIGINT). Call `done` when finished; all handlers together
  /// have 1.5 s.
  virtual void on_stop(std::function<void(std::function<void()> done)> handler) = 0;
  /// Runs after SIGHUP with a file that was read and checked; keys that need a restart have been
  /// named in the log.
  virtual void on_reload(std::function<void(const Settings&)> handler) = 0;
  /// What /healthz says beside the loop's own tick: empty = well, else the reason. Asked on the
  /// deciding thread.
  virtual void set_health(std::function<std::string()> reason) = 0;
  /// Ends the process with exit code 2 and this reason, from a handler on the deciding thread.
  virtual void fail_at_run_time(const std::string& reason) = 0;
  /// The loop: returns when the process is to stop.
  virtual void run() = 0;
};

/// The frame of every service's main: arguments (--config FILE, --instance NAME, --version),
/// configuration, locks, logging, metrics and health over HTTP, signals. `body` makes the objects
/// in dependency order and calls context.run(). Returns the exit code: 0 asked to stop, 1 bad
/// configuration (one line on stderr), 2 failed at run time.
int run_service(int argc, char** argv, const ServiceOptions& options,
                const std::function<void(ServiceContext&)>& body);

}  // namespace perpwire
