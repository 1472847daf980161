#include "tests/simulation/world.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace perpwire::simulation {
namespace {

/// Where two texts first differ, for people.
std::string first_difference(const std::string& a, const std::string& b) {
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  const std::size_t line = a.rfind('\n', at) + 1;
  return "at " + std::to_string(at) + ":\n" + a.substr(line, 300) + "\n---\n" + b.substr(line, 300);
}

TEST(Simulation, TheSameSeedGivesTheSameRunByteForByte) {
  for (const std::uint64_t seed : {3U, 19U, 75U, 159U, 272U}) {
    const Outcome first = run_seed(seed, true);
    const Outcome second = run_seed(seed, true);
    ASSERT_GT(first.trace.size(), 10'000U) << "seed " << seed << " did nothing";
    ASSERT_EQ(first.trace.size(), second.trace.size())
        << "seed " << seed << " " << first_difference(first.trace, second.trace);
    ASSERT_TRUE(first.trace == second.trace)
        << "seed " << seed << " " << first_difference(first.trace, second.trace);
  }
}

TEST(Simulation, AnotherSeedGivesAnotherRun) {
  EXPECT_NE(run_seed(11, true).trace, run_seed(12, true).trace);
}

TEST(Simulation, WritingTheScheduleDownChangesNothing) {
  const Outcome silent = run_seed(21, false);
  const Outcome traced = run_seed(21, true);
  EXPECT_TRUE(silent.trace.empty());
  EXPECT_EQ(silent.statistics.events, traced.statistics.events);
  EXPECT_EQ(silent.statistics.fills, traced.statistics.fills);
  EXPECT_EQ(silent.findings, traced.findings);
}

TEST(Simulation, TheWorldIsBusy) {
  Statistics sum;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Outcome outcome = run_seed(seed, false);
    ASSERT_TRUE(outcome.findings.empty()) << "seed " << seed << ": " << outcome.findings.front();
    sum.add(outcome.statistics);
  }
  // What never happens here is not tested here.
  EXPECT_GT(sum.accepted, 200U);
  EXPECT_GT(sum.fills, 200U);
  EXPECT_GT(sum.unknown, 20U);
  EXPECT_GT(sum.fences_held, 2U);
  EXPECT_GT(sum.rounds, 0U);
  EXPECT_GT(sum.fallbacks, 10U);
  EXPECT_GT(sum.repaired, 2U);
  EXPECT_GT(sum.gateway_lives, 60U);
  EXPECT_GT(sum.power_cuts, 0U);
}

}  // namespace
}  // namespace perpwire::simulation
