#include "tests/simulation/plan.hpp"
#include "tests/simulation/planted.hpp"
#include "tests/simulation/world.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace perpwire::simulation {
namespace {

struct Options {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  unsigned jobs = 0;
  bool trace = false;
  bool keep_going = false;
  std::size_t enough = 0;  // planted bugs that must be found; 0 = all
};

/// Runs every `jobs`-th seed from `first` on; prints the failing ones to `out`, one a line.
int work(const Options& options, std::uint64_t first, int out) {
  Statistics sum;
  std::uint64_t done = 0;
  std::string lines;
  for (std::uint64_t seed = first; seed < options.from + options.seeds; seed += options.jobs) {
    const Outcome outcome = run_seed(seed, false);
    sum.add(outcome.statistics);
    ++done;
    if (!outcome.findings.empty()) {
      lines += fmt::format("F {} {}\n", seed, outcome.findings.front());
      if (!options.keep_going) break;
    }
  }
  lines +=
      fmt::format("S {} {} {} {} {} {} {} {} {} {} {} {} {} {}\n", done, sum.events, sum.commands,
                  sum.accepted, sum.placed, sum.fills, sum.unknown, sum.fences_held, sum.rounds,
                  sum.fallbacks, sum.repaired, sum.gateway_lives, sum.power_cuts, sum.simulated_ms);
  for (std::size_t at = 0; at < lines.size();) {
    const auto written = ::write(out, lines.data() + at, lines.size() - at);
    if (written <= 0) return 1;
    at += static_cast<std::size_t>(written);
  }
  return 0;
}

int show(std::uint64_t seed) {
  const Outcome outcome = run_seed(seed, true);
  std::cout << outcome.trace;
  for (const std::string& finding : outcome.findings) std::cout << "FOUND " << finding << "\n";
  return outcome.findings.empty() ? 0 : 4;
}

/// Seeds that have found something before.
int run_these(const std::vector<std::uint64_t>& seeds) {
  std::size_t failed = 0;
  for (const std::uint64_t seed : seeds) {
    const Outcome outcome = run_seed(seed, false);
    if (outcome.findings.empty()) continue;
    ++failed;
    std::cout << "seed " << seed << ": " << outcome.findings.front() << "\n";
  }
  std::cout << seeds.size() << " seeds, " << failed << " with a broken promise\n";
  return failed == 0 ? 0 : 4;
}

int run(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<int> pipes;
  std::vector<pid_t> workers;
  for (unsigned i = 0; i < options.jobs; ++i) {
    int ends[2];
    if (::pipe(ends) != 0) return 2;
    const pid_t child = ::fork();
    if (child < 0) return 2;
    if (child == 0) {
      ::close(ends[0]);
      std::_Exit(work(options, options.from + i, ends[1]));
    }
    ::close(ends[1]);
    pipes.push_back(ends[0]);
    workers.push_back(child);
  }
  std::string text;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(pipes[i], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    int status = 0;
    ::waitpid(workers[i], &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      std::cerr << "a worker died (status " << status << ")\n";
      return 2;
    }
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - begin)
                        .count();
  std::uint64_t done = 0;
  Statistics sum;
  std::vector<std::pair<std::uint64_t, std::string>> failed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string kind;
    in >> kind;
    if (kind == "F") {
      std::uint64_t seed = 0;
      in >> seed;
      std::string why;
      std::getline(in, why);
      failed.emplace_back(seed, why);
    } else if (kind == "S") {
      std::uint64_t count = 0;
      Statistics s;
      in >> count >> s.events >> s.commands >> s.accepted >> s.placed >> s.fills >> s.unknown >>
          s.fences_held >> s.rounds >> s.fallbacks >> s.repaired >> s.gateway_lives >>
          s.power_cuts >> s.simulated_ms;
      done += count;
      sum.add(s);
    }
  }
  std::sort(failed.begin(), failed.end());
  std::cout << fmt::format(
      "{} seeds in {} ms: {:.1f} seeds/s; {} events, {} commands, {} orders accepted, {} sent, {} "
      "fills, {} unknown, {} fences held, {} proven by rounds, {} fallbacks, {} repaired, {} "
      "gateway lives, {} power cuts, {} s simulated\n",
      done, took, static_cast<double>(done) * 1000.0 / static_cast<double>(std::max<long>(took, 1)),
      sum.events, sum.commands, sum.accepted, sum.placed, sum.fills, sum.unknown, sum.fences_held,
      sum.rounds, sum.fallbacks, sum.repaired, sum.gateway_lives, sum.power_cuts,
      sum.simulated_ms / 1'000);
  if (failed.empty()) {
    std::cout << "no promise broken\n";
    return 0;
  }
  for (const auto& [seed, why] : failed) std::cout << "seed " << seed << ":" << why << "\n";
  if (options.trace) return show(failed.front().first);
  std::cout << "first failing seed " << failed.front().first
            << "; its schedule: perpwire-sim --seed " << failed.front().first << "\n";
  return 4;
}

// ---------------------------------------------------------------- planted bugs

// A run takes some 20 ms; one that a planted bug sends round in circles is found by this.
constexpr unsigned kSecondsForOneRun = 20;

struct PlantResult {
  int plant = 0;
  bool found = false;
  std::uint64_t seed = 0;
  std::string finding;
};

/// Runs seeds with one bug awake until one finds it; in a process of its own, since a bug may well
/// end it.
class PlantHunt {
 public:
  PlantHunt(const Options& options, int plant) : options_(options) {
    result.plant = plant;
    seed_ = options.from;
  }

  void begin() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      hunt(ends[1]);
      std::_Exit(0);
    }
    ::close(ends[1]);
    out_ = ends[0];
  }
  void finish() {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(out_, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(out_);
    int status = 0;
    ::waitpid(child_, &status, 0);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream in(line);
      std::string kind;
      in >> kind >> result.seed;
      if (kind != "F") continue;
      result.found = true;
      std::getline(in, result.finding);
    }
    if (!result.found && WIFSIGNALED(status)) {
      result.found = true;
      result.finding = WTERMSIG(status) == SIGALRM
                           ? " the run never ends"
                           : " an assertion of the product stops the process";
    }
  }
  PlantResult result;

 private:
  void hunt(int out) const {
    planted = result.plant;
    // An assertion's words would only be in the way.
    if (std::freopen("/dev/null", "w", stderr) == nullptr) return;
    for (std::uint64_t seed = seed_; seed < seed_ + options_.seeds; ++seed) {
      say(out, fmt::format("R {}\n", seed));
      ::alarm(kSecondsForOneRun);
      const Outcome outcome = run_seed(seed, false);
      if (outcome.findings.empty()) continue;
      say(out, fmt::format("F {} {}\n", seed, outcome.findings.front()));
      return;
    }
  }
  static void say(int out, const std::string& line) {
    if (::write(out, line.data(), line.size()) < 0) std::_Exit(1);
  }

  const Options& options_;
  std::uint64_t seed_ = 0;
  pid_t child_ = 0;
  int out_ = -1;
};

int number_of(const std::string& name) {
  for (std::size_t i = 0; i < plants().size(); ++i) {
    if (plants()[i].name == name) return static_cast<int>(i) + 1;
  }
  return 0;
}

/// Every planted bug, and the first seed that finds it, as a table in Markdown.
int run_plants(const Options& options) {
  std::vector<PlantHunt> hunts;
  for (std::size_t i = 0; i < plants().size(); ++i)
    hunts.emplace_back(options, static_cast<int>(i) + 1);
  int missed = 0;
  std::cout << "| bug | lesson | what it does | seed | what the checker says |\n"
               "| --- | --- | --- | --- | --- |\n";
  for (std::size_t at = 0; at < hunts.size(); at += options.jobs) {
    const std::size_t end = std::min<std::size_t>(hunts.size(), at + options.jobs);
    for (std::size_t i = at; i < end; ++i) hunts[i].begin();
    for (std::size_t i = at; i < end; ++i) {
      hunts[i].finish();
      const Plant& plant = plants()[i];
      const PlantResult& result = hunts[i].result;
      if (!result.found) ++missed;
      std::cout << fmt::format("| {} | {} | {} | {} |{} |\n", plant.name, plant.lesson, plant.what,
                               result.found ? std::to_string(result.seed) : "not found",
                               result.finding)
                << std::flush;
    }
  }
  std::cout << fmt::format("\n{} of {} planted bugs found within {} seeds each, from seed {}\n",
                           plants().size() - static_cast<std::size_t>(missed), plants().size(),
                           options.seeds, options.from);
  const std::size_t found = plants().size() - static_cast<std::size_t>(missed);
  return found >= (options.enough == 0 ? plants().size() : options.enough) ? 0 : 4;
}

}  // namespace
}  // namespace perpwire::simulation

int main(int argc, char** argv) {
  namespace sim = perpwire::simulation;
  CLI::App app{"The world in a box: gateway, signer, risk and venue in one process, by seed."};
  sim::Options options;
  std::uint64_t one = 0;
  app.add_option("--seeds", options.seeds, "how many");
  app.add_option("--from", options.from, "the first");
  app.add_option("--jobs", options.jobs, "processes; default: one for each core");
  app.add_flag("--keep-going", options.keep_going, "do not stop at the first failing seed");
  app.add_flag("!--no-trace", options.trace, "without the schedule of the first failing seed")
      ->default_val(true);
  std::string plant;
  app.add_option("--plant", plant, "wakes one planted bug (plants.py)");
  bool all = false;
  app.add_flag("--plants", all, "each planted bug: the first seed that finds it");
  app.add_option("--enough", options.enough, "with --plants: how many must be found; default all");
  const auto* single = app.add_option("--seed", one, "one seed, with its schedule");
  std::vector<std::uint64_t> these;
  app.add_option("--these", these, "these seeds alone, without their schedules")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  if (!plant.empty()) {
    sim::planted = sim::number_of(plant);
    if (sim::planted == 0) {
      std::cerr << "--plant: expected a name of plants.py, found " << plant << "\n";
      return 1;
    }
  }
  if (single->count() > 0) return sim::show(one);
  if (!these.empty()) return sim::run_these(these);
  if (options.jobs == 0) {
    options.jobs = static_cast<unsigned>(std::max<long>(::sysconf(_SC_NPROCESSORS_ONLN), 1));
  }
  return all ? sim::run_plants(options) : sim::run(options);
}
