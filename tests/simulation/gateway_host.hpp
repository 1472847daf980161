#pragma once

#include "libs/net/connection_policy.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/killed.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/signer_host.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// One event as it left the gateway's publisher.
struct BusEvent {
  Nanos at{0};
  std::string topic;
  std::string encoded;  // v1::Envelope
};

/// The gateway's process: the real engine over the real journal, driven as GatewayApp and VenueLink
/// drive it; killed at any of its steps and started again.
class GatewayHost {
 public:
  struct World {
    Scheduler& scheduler;
    Machine& machine;
    const Plan& plan;
    Trace& trace;
    VenueHost& venue;
    Network& network;
    SignerHost& signer;
    std::string instance = "main";
  };
  explicit GatewayHost(const World& world);

  void start();
  void kill(const char* why);
  /// It dies at its n-th step from now on: a write to the journal, a thing put out, an input.
  void kill_at_step(int n) { kill_at_step_ = n; }
  [[nodiscard]] bool alive() const { return life_ != nullptr; }
  [[nodiscard]] Disk& disk() { return disk_; }
  /// Called after each death, however it came.
  std::function<void()> on_death;

  /// Nothing: it is down, or died over it.
  std::optional<v1::Reply> command(const v1::Command& command);
  void hear_risk(limits::RiskLevel level, std::uint64_t level_version,
                 std::uint64_t limits_version);
  void hear_limits(const limits::LimitTable& table, std::uint64_t limits_version);
  void hear_prices();

  [[nodiscard]] const gateway::AccountEngine& engine() const { return *life_->engine; }
  [[nodiscard]] const journal::EventLog& log() const { return *life_->log; }
  [[nodiscard]] const std::vector<BusEvent>& bus() const { return bus_; }
  /// What the counters of all lives add up to.
  [[nodiscard]] gateway::EngineCounters totals() const;
  [[nodiscard]] std::uint64_t lives() const { return lives_; }
  /// Of no other life of any gateway.
  [[nodiscard]] std::string life() const { return world_.instance + "." + std::to_string(lives_); }
  [[nodiscard]] const std::string& instance() const { return world_.instance; }
  [[nodiscard]] bool ready() const {
    return alive() && engine().state() == gateway::EngineState::kReady;
  }
  /// A start that the journal refused for good.
  [[nodiscard]] const std::string& broken() const { return broken_; }
  /// What it must never do, seen while it ran.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  class Writer;
  struct Life {
    std::uint64_t number = 0;
    std::unique_ptr<journal::Syncer> syncer;
    std::unique_ptr<journal::EventLog> log;
    std::unique_ptr<gateway::EventWriter> writer;  // over the log, once it is open
    std::unique_ptr<gateway::EventWriter> late;    // what the engine holds from the beginning
    gateway::RiskGate risk;
    std::unique_ptr<gateway::ReferencePrices> references;
    std::unique_ptr<gateway::AccountEngine> engine;
    std::unique_ptr<net::ConnectionPolicy> policy;
    Network::LinkId link = 0;
    bool draining = false;
    bool connected = false;
    std::uint64_t reconciled_at_open = 0;
    std::optional<Nanos> wakes_at;
  };

  [[nodiscard]] gateway::EngineSettings settings() const;
  [[nodiscard]] gateway::Now now() const { return {world_.machine.wall(), world_.machine.mono()}; }
  /// Runs something of this life; a kill inside it ends the life.
  void enter(const std::function<void()>& run);
  /// For callbacks that come later: nothing if this life has ended by then.
  template <class Run>
  auto in_this_life(Run run);
  void step();
  bool open_journal();
  void tick();
  void run(const std::function<void(gateway::AccountEngine&)>& input);
  void drain();
  void perform(gateway::EngineOut& out);
  void perform(gateway::SignOut& out);
  void perform(gateway::SendWs& out);
  void perform(gateway::SendRest& out);
  void perform(gateway::AskOut& out);
  void mind_connection();
  void connect();
  void connection_lost();
  void obey(const gateway::RiskGate::Change& change);

  World world_;
  Disk disk_;
  Random random_;
  const hyperliquid::Instruments& instruments_;
  v1::SignRequest hello_;
  std::unique_ptr<Life> life_;
  std::uint64_t lives_ = 0;
  int kill_at_step_ = 0;
  int depth_ = 0;
  std::vector<BusEvent> bus_;
  gateway::EngineCounters ended_;
  std::string broken_;
  std::vector<std::string> findings_;
};

}  // namespace perpwire::simulation
