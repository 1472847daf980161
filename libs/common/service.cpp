#include "libs/common/service.hpp"

#include "libs/common/build_info.hpp"
#include "libs/common/config_table.hpp"
#include "libs/common/folder_lock.hpp"
#include "libs/common/logging.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/metrics_server.hpp"
#include "libs/common/protobuf_log.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <zmq.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>

namespace perpwire {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr int kExitStopped = 0;
constexpr int kExitConfiguration = 1;
constexpr int kExitRunTime = 2;
constexpr auto kStopDeadline = 1500ms;
constexpr auto kTick = 100ms;
constexpr mode_t kDataFolderMode = 0750;
constexpr mode_t kRunFolderMode = 02750;  // setgid: sockets belong to the folder's group

class Runner final : public ServiceContext {
 public:
  Runner(Settings settings, std::string instance, const ServiceOptions& options)
      : settings_(std::move(settings)),
        instance_(std::move(instance)),
        data_folder_(settings_.data_dir / process_folder(options.process, instance_)),
        run_folder_(settings_.run_dir / process_folder(options.process, instance_)),
        data_lock_(data_folder_, kDataFolderMode),
        run_lock_(run_folder_, kRunFolderMode) {
    health_.last_tick_ns = monotonic_now().count();
    metrics_.before_collect(
        [gauge = metrics_.gauge("perpwire_protobuf_complaints",
                                "Messages of which libprotobuf had something to say")]() mutable {
          gauge.set(static_cast<double>(protobuf_words()));  // not money: a metric
        });
    if (options.serve_http && settings_.metrics.enabled) {
      const auto base = settings_.metrics.base_port;
      server_.emplace(
          static_cast<std::uint16_t>(base == 0 ? 0 : base + options.metrics_port_offset), metrics_,
          health_);
      spdlog::info("metrics address=127.0.0.1:{}", server_->port());
    }
    tick();
    wait_for_signal();
  }

  [[nodiscard]] const Settings& settings() const override { return settings_; }
  [[nodiscard]] const std::string& instance() const override { return instance_; }
  asio::io_context& io() override { return io_; }
  zmq::context_t& zmq() override { return zmq_; }
  Metrics& metrics() override { return metrics_; }
  [[nodiscard]] const std::filesystem::path& data_folder() const override { return data_folder_; }
  [[nodiscard]] const std::filesystem::path& run_folder() const override { return run_folder_; }
  void on_stop(std::function<void(std::function<void()>)> handler) override {
    stop_handlers_.push_back(std::move(handler));
  }
  void on_reload(std::function<void(const Settings&)> handler) override {
    reload_handlers_.push_back(std::move(handler));
  }
  void set_health(std::function<std::string()> reason) override {
    health_reason_ = std::move(reason);
  }
  void fail_at_run_time(const std::string& reason) override {
    spdlog::error("failed at run time reason=\"{}\"", reason);
    exit_code_ = kExitRunTime;
    io_.stop();
  }
  void run() override { io_.run(); }

  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  void tick() {
    health_.last_tick_ns = monotonic_now().count();
    if (health_reason_) {
      const auto reason = health_reason_();
      if (reason.empty() != health_.well.load()) {
        health_.well = reason.empty();
        if (reason.empty()) {
          spdlog::info("health=well");
        } else {
          spdlog::warn("health=unwell reason=\"{}\"", reason);
        }
      }
    }
    ticker_.expires_after(kTick);
    ticker_.async_wait([this](const boost::system::error_code& error) {
      if (!error) tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else {
        stop(signal);
      }
      wait_for_signal();
    });
  }

  void stop(int signal) {
    if (stopping_) return;
    stopping_ = true;
    spdlog::info("stopping signal={}", signal);
    stop_timer_.expires_after(kStopDeadline);
    stop_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      spdlog::warn("stopping without waiting further handlers_pending={}", pending_stops_);
      io_.stop();
    });
    pending_stops_ = stop_handlers_.size() + 1;
    const auto done = [this] {
      if (--pending_stops_ == 0) io_.stop();
    };
    for (const auto& handler : stop_handlers_) handler(done);
    done();
  }

  /// A bad file leaves the old configuration running; a good one applies the safe subset and names
  /// the rest.
  void reload() {
    try {
      const auto fresh = load_settings(settings_.file, "", "main");
      const auto now = flatten_config(settings_.file);
      std::map<std::string, std::string> before(running_file_.begin(), running_file_.end());
      for (const auto& [key, value] : now) {
        const auto found = before.find(key);
        const bool changed = found == before.end() || found->second != value;
        if (found != before.end()) before.erase(found);
        if (changed && !is_reloadable_key(key)) spdlog::warn("reload key={} needs a restart", key);
      }
      for (const auto& [key, value] : before)
        spdlog::warn("reload key={} was removed, needs a restart", key);
      set_log_level(fresh.logging.level);
      settings_.logging.level = fresh.logging.level;
      for (const auto& handler : reload_handlers_) handler(fresh);
      spdlog::info("reload done file={}", settings_.file.string());
    } catch (const ConfigError& error) {
      spdlog::error("reload refused, the old configuration goes on: {}", error.what());
    }
  }

  Settings settings_;
  std::string instance_;
  std::filesystem::path data_folder_;
  std::filesystem::path run_folder_;
  FolderLock data_lock_;
  FolderLock run_lock_;
  std::vector<std::pair<std::string, std::string>> running_file_ = flatten_config(settings_.file);
  Metrics metrics_;
  Health health_;
  zmq::context_t zmq_{1};
  asio::io_context io_{1};
  asio::steady_timer ticker_{io_};
  asio::steady_timer stop_timer_{io_};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  std::optional<MetricsServer> server_;
  std::function<std::string()> health_reason_;
  std::vector<std::function<void(std::function<void()>)>> stop_handlers_;
  std::vector<std::function<void(const Settings&)>> reload_handlers_;
  std::size_t pending_stops_ = 0;
  bool stopping_ = false;
  int exit_code_ = kExitStopped;
};

int run_parsed(const std::string& config, const std::string& instance,
               const ServiceOptions& options, const std::function<void(ServiceContext&)>& body) {
  bool logging = false;
  try {
    auto settings = load_settings(config, options.process, instance);
    if (options.before_threads) options.before_threads(settings);
    start_logging(settings.logging, options.process, instance);
    logging = true;
    int exit_code = kExitStopped;
    {
      Runner runner(std::move(settings), instance, options);
      spdlog::info("starting version={} build={} mode={} config={}", version(), build_id(),
                   to_string(runner.settings().mode), config);
      body(runner);
      exit_code = runner.exit_code();
    }
    spdlog::info("stopped exit_code={}", exit_code);
    stop_logging();
    return exit_code;
  } catch (const ConfigError& error) {
    if (logging) stop_logging();
    std::fprintf(stderr, "%s\n", error.what());
    return kExitConfiguration;
  } catch (const std::exception& error) {
    // Nothing throws on purpose beside ConfigError; a library did.
    if (logging) stop_logging();
    std::fprintf(stderr, "failed at run time: %s\n", error.what());
    return kExitRunTime;
  }
}

}  // namespace

int run_service(int argc, char** argv, const ServiceOptions& options,
                const std::function<void(ServiceContext&)>& body) {
  CLI::App app{fmt::format("perpwire-{}", options.process)};
  std::string config = "perpwire.toml";
  std::string instance = "main";
  app.add_option("--config", config, "perpwire.toml")->capture_default_str();
  app.add_option("--instance", instance, "reads [<process>.NAME]")->capture_default_str();
  app.set_version_flag(
      "--version", fmt::format("{} build {} contract {}", version(), build_id(), contract_hash()));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitStopped : kExitConfiguration;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return run_parsed(config, instance, options, body);
}

}  // namespace perpwire
