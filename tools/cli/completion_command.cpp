#include "tools/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <memory>
#include <vector>

namespace perpwire::cli {
namespace {

/// One case a command path: what may follow it.
void add_cases(const CLI::App& app, const std::string& path,
               const std::vector<std::string>& inherited, std::string& cases) {
  std::vector<std::string> words = inherited;
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(sub->get_name());
  }
  for (const auto* option : app.get_options()) {
    if (app.get_parent() == nullptr) break;  // the root's are inherited
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    add_cases(*sub, path + " " + sub->get_name(), inherited, cases);
  }
  cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, fmt::join(words, " "));
}

Outcome<void> bash(const CLI::App& root) {
  std::vector<std::string> everywhere;
  for (const auto* option : root.get_options()) {
    for (const auto& name : option->get_lnames()) everywhere.push_back("--" + name);
  }
  std::string cases;
  add_cases(root, "perpwire", everywhere, cases);
  std::cout << "# source <(perpwire completion bash)\n"
               "_perpwire() {\n"
               "  local path=perpwire words word i\n"
               "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
               "    word=${COMP_WORDS[i]}\n"
               "    case $word in -*) ;; *) path+=\" $word\" ;; esac\n"
               "  done\n"
               "  case $path in\n"
            << cases
            << "  esac\n"
               "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
               "}\n"
               "complete -o default -F _perpwire perpwire\n";
  return {};
}

}  // namespace

void add_completion_command(Registry& registry) {
  auto& group = registry.group("completion", "shell completion");
  const CLI::App* root = &registry.root;
  registry.add(group, "bash", "a script to be sourced", [root](Session&) { return bash(*root); });
}

}  // namespace perpwire::cli
