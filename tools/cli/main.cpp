// perpwire: one command line for the whole suite. Says what it did on standard output, and in one
// line on standard error why not.

#include "libs/common/build_info.hpp"
#include "tools/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

using namespace perpwire;

/// CLI11 explains itself in several lines; a script reads one.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// The command as far as it was understood.
const CLI::App& deepest(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

/// "perpwire order place"
std::string command_path(const CLI::App& root) {
  std::string path;
  for (const CLI::App* app = &deepest(root); app != &root; app = app->get_parent()) {
    path.insert(0, " " + app->get_name());
  }
  return "perpwire" + path;
}

std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  const auto& app = deepest(root);
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  auto rest = root.remaining(true);
  rest.erase(std::remove(rest.begin(), rest.end(), "--"), rest.end());
  const std::string found = rest.empty() ? "none" : fmt::format("'{}'", rest.front());
  if (!commands.empty()) {
    std::string names;
    for (const auto* command : commands) {
      names += (names.empty() ? "" : ", ") + command->get_name();
    }
    return fmt::format("expected one of {}, found {}", names, found);
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    return fmt::format("expected options that it has (see --help), found {}", found);
  }
  return one_line(error.what());
}

void add_global_options(CLI::App& app, cli::GlobalOptions& options) {
  if (const char* file = std::getenv("PERPWIRE_CONFIG")) options.config = file;
  app.add_option("--config", options.config, "perpwire.toml (or PERPWIRE_CONFIG)")
      ->capture_default_str();
  app.add_option("-o,--output", options.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--account", options.account, "name of [accounts.NAME]; the only one by default");
  app.add_option("--dex", options.dex, "builder DEX or alias (hyena, felix); main by default");
  app.add_option("--instance", options.instance, "of the order gateway")->capture_default_str();
  app.add_option("--curve-key", options.curve_key,
                 "key pair for processes on TCP, in place of [curve] key");
  app.add_option("--timeout", options.timeout_ms, "ms for each request")
      ->check(CLI::Range(1U, 600'000U))
      ->capture_default_str();
  app.add_flag("-y,--yes", options.yes, "do not ask");
}

int run(int argc, char** argv) {
  cli::Session session;
  cli::Command command;
  CLI::App app{"perpwire: trade, watch and operate the suite"};
  app.fallthrough();  // global options stand anywhere
  app.require_subcommand(1);
  app.set_version_flag(
      "--version", fmt::format("{} build {} contract {}", version(), build_id(), contract_hash()));
  add_global_options(app, session.options);
  cli::Registry registry{app, command};
  cli::add_status_command(registry);
  cli::add_md_commands(registry);
  cli::add_order_commands(registry);
  cli::add_account_commands(registry);
  cli::add_risk_commands(registry);
  cli::add_dex_commands(registry);
  cli::add_config_commands(registry);
  cli::add_doctor_command(registry);
  cli::add_keys_commands(registry);
  cli::add_journal_commands(registry);
  cli::add_signer_commands(registry);
  cli::add_panic_command(registry);
  cli::add_sign_command(registry);
  cli::add_decode_command(registry);
  cli::add_completion_command(registry);
  registry.add(app, "version", "version, build and contract", [](cli::Session& one) {
    std::cout << (one.json() ? fmt::format(R"({{"version":"{}","build":"{}","contract":"{}"}})",
                                           version(), build_id(), contract_hash())
                             : fmt::format("{} build {} contract {}", version(), build_id(),
                                           contract_hash()))
              << "\n";
    return cli::Outcome<void>{};
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::cerr << command_path(app) << ": " << explain(app, error) << "\n";
    return static_cast<int>(cli::Exit::kUsage);
  }
  const auto done = command(session);
  std::cout.flush();
  if (done) return static_cast<int>(cli::Exit::kDone);
  if (!done.error().text.empty()) {
    std::cerr << command_path(app) << ": " << one_line(done.error().text) << "\n";
  }
  return static_cast<int>(done.error().exit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Nothing throws on purpose beside ConfigError, which is handled where the file is read.
    std::cerr << "perpwire: failed: " << one_line(error.what()) << "\n";
    return static_cast<int>(cli::Exit::kFailed);
  }
}
