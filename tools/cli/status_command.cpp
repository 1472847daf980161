#include "libs/common/build_info.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/signing.pb.h"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/process_view.hpp"
#include "tools/cli/table.hpp"

#include <fmt/format.h>

#include <iostream>

namespace perpwire::cli {
namespace {

Outcome<void> status(Session& session) {
  const auto found = session.settings();
  if (!found) return tl::unexpected(found.error());
  const auto views = look_at_processes(**found, session.timeout());
  Table table({"process", "state", "build", "stream", "newest", "heartbeat", "note"});
  std::string json = "[";
  std::string wrong;
  for (const auto& view : views) {
    const bool age_known = view.heartbeat_age.has_value();
    const auto age =
        age_known
            ? std::chrono::duration_cast<std::chrono::milliseconds>(*view.heartbeat_age).count()
            : 0;
    table.add({view.process, view.state, cell(view.build), cell(view.stream),
               view.stream.empty() ? kNothing : std::to_string(view.newest_sequence),
               age_known ? fmt::format("{} ms", age) : kNothing, cell(view.note)});
    json += fmt::format(
        R"({}{{"process":{},"state":{},"well":{},"version":{},"build":{},"contract":{},"stream":{},"newest_sequence":{},"heartbeat_age_ms":{},"note":{}}})",
        json.size() > 1 ? ",\n " : "", json_text(view.process), json_text(view.state), view.well,
        json_text(view.version), json_text(view.build), json_text(view.contract),
        json_text(view.stream), view.newest_sequence, age_known ? std::to_string(age) : "null",
        json_text(view.note));
    if (!view.well) wrong += (wrong.empty() ? "" : ", ") + view.process + " " + view.state;
  }
  if (session.json()) {
    std::cout << json << "]\n";
  } else {
    std::cout << table.text();
  }
  if (wrong.empty()) return {};
  return fail_with(Exit::kFailed, "expected every process up and well, found " + wrong);
}

}  // namespace

void add_status_command(Registry& registry) {
  registry.add(registry.root, "status", "every process: up or not, state, build, stream", status);
}

}  // namespace perpwire::cli
