// perpwire-bench: one `RESULT <group>.<case>.product <unit> <value>` line a figure. Prints, never
// judges a time.

#include "libs/common/result.hpp"
#include "tests/bench/bus_bench.hpp"
#include "tests/bench/decode_bench.hpp"
#include "tests/bench/limits_bench.hpp"
#include "tests/bench/persist_bench.hpp"
#include "tests/bench/sign_bench.hpp"
#include "tests/bench/suite_bench.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace perpwire;
  std::string corpus;
  bool failed = false;
  const std::map<std::string, std::function<void(std::ostream&)>> groups{
      {"bus", bench::run_bus_bench},
      {"decode",
       [&](std::ostream& out) { failed = !bench::run_decode_bench(corpus, out) || failed; }},
      {"limits", bench::run_limits_bench},
      {"persist", bench::run_persist_bench},
      {"sign", bench::run_sign_bench},
  };

  CLI::App app{"perpwire-bench: groups of figures; with --config a running suite is measured too"};
  std::vector<std::string> wanted;
  std::string config;
  bench::SuiteBenchOptions options;
  app.add_option("groups", wanted, "bus, decode, limits, persist, sign; none = all");
  app.add_option("--corpus", corpus, "of decode: a folder with hl_l2Book.ndjson and others");
  app.add_option("--config", config,
                 "perpwire.toml of a running suite (tests/bench/run.sh starts one)");
  app.add_option("--round-trips", options.round_trips)->capture_default_str();
  app.add_option("--rate", options.rate, "orders a second of the sustained run")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of the sustained run")->capture_default_str();
  app.add_option("--batch", options.batch, "orders in one command of the sustained run")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  for (const auto& name : wanted) {
    if (!groups.contains(name)) {
      std::cerr << "expected a known group, found " << name << "\n";
      return 1;
    }
  }
  if (config.empty() || !wanted.empty()) {
    for (const auto& [name, run] : groups) {
      if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end())
        run(std::cout);
    }
  }
  if (failed) return 4;
  if (config.empty()) return 0;
  try {
    return bench::run_suite_bench(load_settings(config), options, std::cout) ? 0 : 4;
  } catch (const ConfigError& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
