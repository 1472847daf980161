#pragma once

#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"
#include "tools/cli/failure.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace perpwire::cli {

/// What every command is told: the options before or after it that are not its own.
struct GlobalOptions {
  std::string config = "perpwire.toml";
  std::string output = "table";
  std::string instance = "main";  // of the order gateway
  std::string curve_key;          // file, in place of [curve] key
  std::string account;
  std::string dex;
  unsigned timeout_ms = 5'000;
  bool yes = false;
};

/// One run of one command.
class Session {
 public:
  GlobalOptions options;

  [[nodiscard]] bool json() const { return options.output == "json"; }
  [[nodiscard]] Nanos timeout() const { return std::chrono::milliseconds(options.timeout_ms); }

  /// The configuration, read once. kUsage with file, key, expected and found.
  Outcome<const Settings*> settings();
  /// --account, or the only one that is configured.
  Outcome<std::string> account();
  /// The pair with --dex in front of it, aliases resolved: "BTC-USD" and hyena -> "hyna:BTC-USD".
  Outcome<std::string> pair(const std::string& text);
  /// The venue's own name of a DEX or an alias; "main" is "".
  std::string dex_name(const std::string& dex_or_alias);
  /// The venue of this build.
  static constexpr const char* kVenue = "hyperliquid";

  /// Asks on the terminal unless --yes; without a terminal --yes is needed. `question` ends with
  /// what the person must type.
  Outcome<void> confirm(const std::string& what, const std::string& word = "yes");

 private:
  std::optional<Settings> settings_;
};

/// What a parsed command line comes to; set by exactly one command.
using Command = std::function<Outcome<void>(Session&)>;

/// Where command groups hang their commands.
struct Registry {
  CLI::App& root;
  Command& chosen;

  /// Adds a command that runs `command` when parsed.
  CLI::App& add(CLI::App& group, const std::string& name, const std::string& help, Command command);
  CLI::App& group(const std::string& name, const std::string& help);
};

/// A time of this machine in UTC: "2024-01-20T10:40:00.123Z".
std::string utc(UnixNanos time);

}  // namespace perpwire::cli
