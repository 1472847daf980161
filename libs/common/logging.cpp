#include "libs/common/logging.hpp"

#include "libs/common/protobuf_log.hpp"
#include "libs/common/result.hpp"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

namespace perpwire {
namespace {

/// One JSON object a line; the message is escaped, so that a log line can never forge another.
class JsonFormatter final : public spdlog::formatter {
 public:
  JsonFormatter(std::string process, std::string instance)
      : process_(std::move(process)), instance_(std::move(instance)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto nanos =
        std::chrono::duration_cast<std::chrono::nanoseconds>(message.time.time_since_epoch())
            .count();
    const auto level = spdlog::level::to_string_view(message.level);
    fmt::format_to(std::back_inserter(out),
                   R"({{"timestamp":{},"level":"{}","process":"{}","instance":"{}","message":")",
                   nanos, fmt::string_view(level.data(), level.size()), process_, instance_);
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (byte < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
      } else {
        out.push_back(c);
      }
    }
    fmt::format_to(std::back_inserter(out), "\"}}\n");
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(process_, instance_);
  }

 private:
  std::string process_;
  std::string instance_;
};

}  // namespace

void start_logging(const LoggingSettings& settings, std::string_view process,
                   std::string_view instance) {
  constexpr std::size_t kQueueLines = 8192;
  spdlog::init_thread_pool(kQueueLines, 1);
  spdlog::sink_ptr sink;
  if (settings.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file.string());
    } catch (const spdlog::spdlog_ex& error) {
      throw ConfigError("logging.file: expected a file that can be written, found: " +
                        std::string(error.what()));
    }
  }
  auto logger = std::make_shared<spdlog::async_logger>(
      std::string(process), std::move(sink), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  if (settings.format == "json") {
    logger->set_formatter(
        std::make_unique<JsonFormatter>(std::string(process), std::string(instance)));
  } else {
    logger->set_pattern(
        "%Y-%m-%dT%H:%M:%S.%fZ %l " + std::string(process) + "." + std::string(instance) + " %v",
        spdlog::pattern_time_type::utc);
  }
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  set_log_level(settings.level);
  set_protobuf_sink([](std::string_view text) { spdlog::warn("protobuf {}", text); });
}

void stop_logging() {
  set_protobuf_sink(nullptr);
  spdlog::shutdown();
}

void set_log_level(const std::string& level) { spdlog::set_level(spdlog::level::from_str(level)); }

}  // namespace perpwire
