#include "tools/cli/session.hpp"

#include "libs/common/result.hpp"

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <unistd.h>
#include <vector>

namespace perpwire::cli {

Outcome<const Settings*> Session::settings() {
  if (!settings_) {
    try {
      settings_ = load_settings(options.config, "order-gateway", options.instance);
      if (!options.curve_key.empty()) settings_->curve.key_file = options.curve_key;
    } catch (const ConfigError& error) {
      return fail_with(Exit::kUsage, error.what());
    }
  }
  return &*settings_;
}

Outcome<std::string> Session::account() {
  const auto found = settings();
  if (!found) return tl::unexpected(found.error());
  const auto& accounts = (*found)->accounts;
  std::vector<std::string> names;
  for (const auto& [name, account] : accounts) names.push_back(name);
  if (!options.account.empty()) {
    if (accounts.contains(options.account)) return options.account;
    return fail_with(Exit::kUsage, fmt::format("--account: expected one of {}, found {}",
                                               fmt::join(names, ", "), options.account));
  }
  if (names.size() == 1) return names.front();
  if (names.empty()) {
    return fail_with(Exit::kUsage, fmt::format("{}: expected a table [accounts.NAME], found none",
                                               options.config));
  }
  return fail_with(Exit::kUsage, fmt::format("--account: expected one of {}, found none",
                                             fmt::join(names, ", ")));
}

std::string Session::dex_name(const std::string& dex_or_alias) {
  if (dex_or_alias == "main") return "";
  if (const auto found = settings(); found) {
    const auto venue = (*found)->venues.find(kVenue);
    if (venue != (*found)->venues.end()) {
      const auto alias = venue->second.dex_aliases.find(dex_or_alias);
      if (alias != venue->second.dex_aliases.end()) return alias->second;
    }
  }
  return dex_or_alias;
}

Outcome<std::string> Session::pair(const std::string& text) {
  const auto wrong = [&] {
    return fail_with(
        Exit::kUsage,
        fmt::format("trading pair: expected BASE-QUOTE or DEX:BASE-QUOTE, found '{}'", text));
  };
  const auto colon = text.find(':');
  std::string dex = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string plain = colon == std::string::npos ? text : text.substr(colon + 1);
  if (colon == 0 || (plain.find('-') == std::string::npos && plain.rfind('@', 0) != 0))
    return wrong();
  if (plain.empty() || plain.front() == '-' || plain.back() == '-' ||
      plain.find_first_of(" \t\n.:") != std::string::npos) {
    return wrong();
  }
  if (!options.dex.empty()) {
    if (!dex.empty() && dex_name(dex) != dex_name(options.dex)) {
      return fail_with(Exit::kUsage, fmt::format("--dex: expected {}, the DEX of {}, found {}", dex,
                                                 text, options.dex));
    }
    dex = options.dex;
  }
  dex = dex_name(dex);
  return dex.empty() ? plain : dex + ":" + plain;
}

Outcome<void> Session::confirm(const std::string& what, const std::string& word) {
  if (options.yes) return {};
  if (isatty(STDIN_FILENO) == 0) {
    return fail_with(Exit::kUsage,
                     fmt::format("{}: expected --yes (no terminal to ask), found none", what));
  }
  std::cerr << what << ": type " << word << " to go on: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == word) return {};
  return fail_with(Exit::kUsage, fmt::format("{}: expected '{}', found '{}'", what, word, answer));
}

CLI::App& Registry::add(CLI::App& group, const std::string& name, const std::string& help,
                        Command command) {
  auto* sub = group.add_subcommand(name, help);
  sub->callback([&to = chosen, command = std::move(command)] { to = command; });
  return *sub;
}

CLI::App& Registry::group(const std::string& name, const std::string& help) {
  auto* sub = root.add_subcommand(name, help);
  sub->require_subcommand(1);
  return *sub;
}

std::string utc(UnixNanos time) {
  const std::time_t seconds = time.value() / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, time.millis() % 1000);
}

}  // namespace perpwire::cli
