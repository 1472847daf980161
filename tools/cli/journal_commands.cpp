#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/journal_check.hpp"
#include "tools/cli/table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <memory>

namespace perpwire::cli {
namespace {

namespace fs = std::filesystem;

std::string json_of_report(const JournalReport& report) {
  std::string streams;
  for (const auto& [name, stream] : report.streams) {
    streams += fmt::format(R"({}{{"stream":{},"first":{},"last":{},"events":{}}})",
                           streams.empty() ? "" : ",", json_text(name), stream.first, stream.last,
                           stream.events);
  }
  std::string faults;
  for (const auto& fault : report.faults) faults += (faults.empty() ? "" : ",") + json_text(fault);
  return fmt::format(
      R"({{"folder":{},"segments":{},"bytes":{},"records":{},"tail_bytes":{},"streams":[{}],"faults":[{}]}})",
      json_text(report.folder.string()), report.segments, report.bytes, report.records,
      report.tail_bytes, streams, faults);
}

void print_text(const JournalReport& report) {
  std::cout << fmt::format(
      "{}: {} segments, {} bytes, {} records{}\n", report.folder.string(), report.segments,
      report.bytes, report.records,
      report.tail_bytes == 0
          ? ""
          : fmt::format(", {} bytes of an unfinished record at the end", report.tail_bytes));
  Table table({"stream", "first", "last", "events"});
  for (const auto& [name, stream] : report.streams) {
    table.add({name, std::to_string(stream.first), std::to_string(stream.last),
               std::to_string(stream.events)});
  }
  if (!table.empty()) std::cout << table.text();
  for (const auto& fault : report.faults) std::cout << "DAMAGED " << fault << "\n";
}

Outcome<void> verify(Session& session, const std::string& folder) {
  std::vector<fs::path> folders;
  if (folder.empty()) {
    const auto settings = session.settings();
    if (!settings) return tl::unexpected(settings.error());
    folders = journal_folders((*settings)->data_dir);
    if (folders.empty()) {
      return fail_with(Exit::kFailed, fmt::format("{}: expected journals below it, found none",
                                                  (*settings)->data_dir.string()));
    }
  } else {
    if (!fs::is_directory(folder)) {
      return fail_with(Exit::kUsage, fmt::format("{}: expected a folder, found none", folder));
    }
    folders = journal_folders(folder);
    if (folders.empty()) {
      return fail_with(Exit::kUsage,
                       fmt::format("{}: expected journal segments, found none", folder));
    }
  }
  std::size_t damaged = 0;
  std::string json = "[";
  for (const auto& each : folders) {
    const auto report = check_journal(each);
    if (!report.faults.empty()) ++damaged;
    if (session.json()) {
      json += (json.size() > 1 ? ",\n " : "") + json_of_report(report);
    } else {
      print_text(report);
    }
  }
  if (session.json()) std::cout << json << "]\n";
  if (damaged == 0) return {};
  return fail_with(Exit::kDifference,
                   fmt::format("expected whole journals, found {} damaged", damaged));
}

}  // namespace

void add_journal_commands(Registry& registry) {
  auto& group = registry.group("journal", "the files behind gateway and risk");
  const auto folder = std::make_shared<std::string>();
  auto& app = registry.add(group, "verify", "read every record and change nothing",
                           [folder](Session& session) { return verify(session, *folder); });
  app.add_option("folder", *folder, "all journals below data_dir by default");
}

}  // namespace perpwire::cli
