#pragma once

#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::cli {

/// What one process shows of itself from outside.
struct ProcessView {
  std::string process;
  bool well = false;
  std::string state;  // its own word, or DOWN
  std::string version{};
  std::string build{};
  std::string contract{};
  std::string stream{};
  std::uint64_t newest_sequence = 0;
  std::optional<Nanos> heartbeat_age{};
  std::string note{};  // why not well, or risk's level
};

/// Looks at all five services: heartbeats where they publish, else their socket or health page.
/// Takes at most `timeout` a process that hangs; one that is down is seen at once.
std::vector<ProcessView> look_at_processes(const Settings& settings, Nanos timeout);

}  // namespace perpwire::cli
