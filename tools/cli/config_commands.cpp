#include "libs/common/config_table.hpp"
#include "libs/common/result.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/config_reference.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

namespace perpwire::cli {
namespace {

Outcome<void> check(Session& session) {
  const auto found = session.settings();
  if (!found) return tl::unexpected(found.error());
  const Settings& settings = **found;
  // Each instance's overlay must be right too, not only the one that was asked for.
  try {
    for (const auto& [process, names] : settings.instances) {
      for (const auto& name : names) {
        ignore(load_settings(settings.file, process, name), "only its errors count");
      }
    }
  } catch (const ConfigError& error) {
    return fail_with(Exit::kUsage, error.what());
  }
  if (session.json()) {
    std::cout << fmt::format(R"({{"file":{},"status":"OK","mode":"{}","venues":{},"accounts":{}}})",
                             json_text(settings.file.string()), to_string(settings.mode),
                             settings.venues.size(), settings.accounts.size())
              << "\n";
  } else {
    std::cout << fmt::format("{}: well (mode {}, {} venue{}, {} account{})\n",
                             settings.file.string(), to_string(settings.mode),
                             settings.venues.size(), settings.venues.size() == 1 ? "" : "s",
                             settings.accounts.size(), settings.accounts.size() == 1 ? "" : "s");
  }
  return {};
}

using Flat = std::map<std::string, std::string>;

Outcome<Flat> flat(const std::string& file) {
  try {
    const auto leaves = flatten_config(file);
    return Flat(leaves.begin(), leaves.end());
  } catch (const ConfigError& error) {
    return fail_with(Exit::kUsage, error.what());
  }
}

Outcome<void> diff(Session& session, const std::string& other) {
  const auto ours = flat(session.options.config);
  if (!ours) return tl::unexpected(ours.error());
  const auto theirs = flat(other);
  if (!theirs) return tl::unexpected(theirs.error());
  Flat keys = *ours;
  keys.insert(theirs->begin(), theirs->end());
  Table table({"key", session.options.config, other});
  std::string json = "[";
  const auto value = [](const Flat& in, const std::string& key) {
    const auto found = in.find(key);
    return found == in.end() ? std::string() : found->second;
  };
  for (const auto& [key, unused] : keys) {
    const auto left = value(*ours, key);
    const auto right = value(*theirs, key);
    if (left == right) continue;
    table.add({key, cell(left), cell(right)});
    json += fmt::format(R"({}{{"key":{},"left":{},"right":{}}})", json.size() > 1 ? ",\n " : "",
                        json_text(key), left.empty() ? "null" : json_text(left),
                        right.empty() ? "null" : json_text(right));
  }
  const bool same = table.empty();
  if (session.json()) {
    std::cout << json << "]\n";
  } else if (!same) {
    std::cout << table.text();
  }
  if (same) return {};
  return fail_with(Exit::kDifference, "");
}

}  // namespace

void add_config_commands(Registry& registry) {
  auto& group = registry.group("config", "check and compare configurations");
  registry.add(group, "check", "read and check the whole file", check);
  registry.add(group, "reference", "every key, type, default and meaning, as docs/configuration.md",
               [](Session&) -> Outcome<void> {
                 std::cout << config_reference();
                 return {};
               });
  auto other = std::make_shared<std::string>();
  auto& compare = registry.add(group, "diff", "keys that another file sets differently",
                               [other](Session& session) { return diff(session, *other); });
  compare.add_option("file", *other, "the other file")->required();
}

}  // namespace perpwire::cli
