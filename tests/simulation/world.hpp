#pragma once

#include "tests/simulation/client.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// What a run did, for the sums over many.
struct Statistics {
  std::uint64_t events = 0;
  std::uint64_t commands = 0;
  std::uint64_t accepted = 0;
  std::uint64_t placed = 0;
  std::uint64_t fills = 0;
  std::uint64_t unknown = 0;
  std::uint64_t fences_held = 0;
  std::uint64_t rounds = 0;
  std::uint64_t fallbacks = 0;
  std::uint64_t repaired = 0;
  std::uint64_t gateway_lives = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t simulated_ms = 0;

  void add(const Statistics& more);
};

struct Outcome {
  std::vector<std::string> findings;  // empty: all promises held
  std::string trace;                  // if it was asked for
  Statistics statistics;
};

/// One run of the world in a box: everything that `seed` says, then rest, then the checker.
/// The same seed gives the same run.
class World {
 public:
  World(std::uint64_t seed, bool trace);
  Outcome run();

  // For the checker.
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const VenueHost& venue() const { return *venue_; }
  [[nodiscard]] const GatewayHost& gateway() const { return *gateway_; }
  [[nodiscard]] const std::vector<std::unique_ptr<GatewayHost>>& gateways() const {
    return gateways_;
  }
  [[nodiscard]] const SignerHost& signer() const { return *signer_; }
  [[nodiscard]] const Client& client() const { return *client_; }
  /// A power cut or an old backup: the journal may have lost its newest records.
  [[nodiscard]] bool journal_lost() const { return journal_lost_; }
  [[nodiscard]] limits::RiskLevel level() const { return level_; }
  /// The gateway's life that came to rest first.

 private:
  void misbehave();
  void heartbeat();
  void cut_power();
  void restart_later(GatewayHost& gateway);
  GatewayHost& add_gateway(const std::string& instance);
  GatewayHost& some_gateway();
  void choose_gateway();
  void somebody_takes_the_lease();
  void calm();
  void changed_now();
  [[nodiscard]] bool at_rest();
  bool run_until_rest(Nanos deadline, std::vector<std::string>& findings);

  Plan plan_;
  Faults faults_;
  Scheduler scheduler_;
  Trace trace_;
  Random random_;
  Machine machine_;
  std::unique_ptr<VenueHost> venue_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<SignerHost> signer_;
  std::vector<std::unique_ptr<GatewayHost>> gateways_;
  GatewayHost* gateway_ = nullptr;  // the one that trades, or did last
  std::unique_ptr<Client> client_;

  limits::LimitTable limits_;
  limits::RiskLevel level_ = limits::RiskLevel::kRunning;
  std::uint64_t level_version_ = 1;
  Nanos risk_silent_until_{0};
  Nanos feed_stale_until_{0};
  bool journal_lost_ = false;
  bool calm_ = false;
  std::uint64_t power_cuts_ = 0;
  std::uint64_t rounds_at_change_ = 0;
  std::uint64_t changes_ = 0;  // of the venue, when last looked at
  Nanos changed_{0};
  Nanos journal_broken_until_{0};
};

/// Runs a seed. With `trace` the outcome holds every event.
Outcome run_seed(std::uint64_t seed, bool trace);

}  // namespace perpwire::simulation
