#pragma once

#include "libs/common/settings.hpp"

#include <string>
#include <string_view>

namespace perpwire {

/// Sets up spdlog's default logger: asynchronous on one thread of its own, bounded queue (8,192
/// lines; when it is full the oldest line is dropped and counted), text or JSON lines.
///
/// Lines:    write them with spdlog::info("... key=value", ...): always venue, account and
/// client_order_id where there is
///           one. Per-message lines at trace.
/// Errors:   ConfigError if the log file cannot be opened.
void start_logging(const LoggingSettings& settings, std::string_view process,
                   std::string_view instance);
/// Writes what is queued and stops the thread.
void stop_logging();
void set_log_level(const std::string& level);

}  // namespace perpwire
