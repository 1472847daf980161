#include "libs/common/build_info.hpp"
#include "libs/limits/limits_file.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/process_view.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/venue_check.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace perpwire::cli {
namespace {

struct Finding {
  std::string what;
  bool well = true;
  std::string text{};  // where not well: expected, found, and what to do
};

Finding check_limits(const Settings& settings) {
  Finding out{.what = "limits file"};
  if (settings.risk.limits.empty()) {
    out.well = false;
    out.text = "[risk] limits: expected a file, found none: without limits nothing is traded";
    return out;
  }
  const auto table = limits::load_limits(settings.risk.limits.string());
  out.well = table.has_value();
  out.text = out.well ? settings.risk.limits.string() : table.error().text;
  return out;
}

Finding check_folder(const std::string& what, const std::filesystem::path& folder) {
  Finding out{.what = what, .well = true, .text = folder.string()};
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    out.well = false;
    out.text = fmt::format(
        "{}: expected a folder, found none (the processes make it at their "
        "first start if they may)",
        folder.string());
  }
  return out;
}

/// The command line may not be allowed to look into the signer's folder; then there is nothing to
/// say.
Finding check_key(const Settings& settings, const AccountSettings& account) {
  Finding out{.what = "key of " + account.name};
  struct stat found {};
  const std::filesystem::path folder = settings.signer.keystore_dir;
  for (const auto& file : {folder / account.key, folder / (account.key + ".json")}) {
    if (::stat(file.c_str(), &found) != 0) {
      if (errno == EACCES) {
        out.text = file.string() + ": not readable by this user, as it should be";
        return out;
      }
      continue;
    }
    out.well = (found.st_mode & 077) == 0;
    out.text = out.well ? file.string()
                        : fmt::format("{}: expected mode 0600, found {:04o}: chmod 600 it",
                                      file.string(), found.st_mode & 07777);
    return out;
  }
  out.well = false;
  out.text = fmt::format("{}: expected a keystore file '{}', found none: perpwire keys new {}",
                         folder.string(), account.key, account.key);
  return out;
}

Finding check_process(const ProcessView& view) {
  Finding out{.what = view.process, .well = view.well, .text = view.state};
  if (!view.note.empty()) out.text += ": " + view.note;
  if (!view.build.empty() && view.build != build_id()) {
    out.text += fmt::format(" (build {}, ours is {})", view.build, build_id());
  }
  if (view.state == "DOWN") out.text += fmt::format(" (start perpwire-{})", view.process);
  return out;
}

std::vector<Finding> look(Session& session, const Settings& settings) {
  std::vector<Finding> findings;
  findings.push_back(
      {.what = "configuration",
       .well = true,
       .text = fmt::format("{} (mode {})", settings.file.string(), to_string(settings.mode))});
  findings.push_back(check_limits(settings));
  findings.push_back(check_folder("run_dir", settings.run_dir));
  findings.push_back(check_folder("data_dir", settings.data_dir));
  for (const auto& [name, account] : settings.accounts) {
    findings.push_back(check_key(settings, account));
  }
  for (const auto& view : look_at_processes(settings, session.timeout())) {
    findings.push_back(check_process(view));
  }
  for (const auto& [name, venue] : settings.venues) {
    const auto seen = look_at_venue(venue, session.timeout());
    findings.push_back({.what = "venue " + name, .well = seen.reachable, .text = seen.text});
    if (!seen.reachable) continue;
    const auto offset = seen.clock_offset.value_or(Nanos{0});
    const bool well = offset < settings.order_gateway.max_clock_skew &&
                      -offset < settings.order_gateway.max_clock_skew;
    findings.push_back(
        {.what = "clock against " + name,
         .well = well,
         .text =
             !seen.clock_offset
                 ? "the venue did not say its time"
                 : fmt::format("{} ms{}", offset.count() / 1'000'000,
                               well ? ""
                                    : fmt::format(": expected less than {} ms: set this "
                                                  "machine's clock (chrony)",
                                                  settings.order_gateway.max_clock_skew.count() /
                                                      1'000'000))});
  }
  return findings;
}

Outcome<void> doctor(Session& session) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto findings = look(session, **settings);
  Table table({"", "what", "found"});
  std::string json = "[";
  std::size_t wrong = 0;
  for (const auto& finding : findings) {
    table.add({finding.well ? "ok" : "WRONG", finding.what, finding.text});
    json += fmt::format(R"({}{{"what":{},"well":{},"found":{}}})", json.size() > 1 ? ",\n " : "",
                        json_text(finding.what), finding.well, json_text(finding.text));
    if (!finding.well) ++wrong;
  }
  std::cout << (session.json() ? json + "]\n" : table.text());
  if (wrong == 0) return {};
  return fail_with(Exit::kFailed, fmt::format("expected everything well, found {} of {} wrong",
                                              wrong, findings.size()));
}

}  // namespace

void add_doctor_command(Registry& registry) {
  registry.add(
      registry.root, "doctor",
      "configuration, limits, keys, processes, venue and clock: what is wrong, a line each",
      doctor);
}

}  // namespace perpwire::cli
