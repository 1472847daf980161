#pragma once

#include "perpwire/v1/orders.pb.h"
#include "tests/simulation/gateway_host.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// A strategy: places, modifies, cancels, repeats what was not answered under the same id, and
/// remembers what it was told.
class Client {
 public:
  struct Intent {
    v1::OrderRequest order;
    bool accepted = false;
    std::string by;  // which gateway's instance accepted it
  };

  Client(Scheduler& scheduler, const Plan& plan, Trace& trace, VenueHost& venue,
         GatewayHost& gateway);

  void act();
  /// Whom it talks to from now on.
  void use(GatewayHost& gateway) { gateway_ = &gateway; }
  /// Nothing more, not even repeats.
  void stop() { stopped_ = true; }
  /// After its machine lost what it had not synced, an id may be new to the gateway again.
  void journal_may_have_lost();
  /// Its newest orders once more, under their ids: it has not heard what became of them.
  void repeat_newest();

  [[nodiscard]] const std::map<std::string, Intent>& intents() const { return intents_; }
  /// Orders whose cancel was accepted, with the gateway's life that accepted it.
  [[nodiscard]] const std::map<std::string, std::string>& cancels() const { return cancels_; }
  /// What risk said last, and when: an order accepted against it is a finding.
  void risk_says(const GatewayHost& to, limits::RiskLevel level) {
    risk_[to.instance()] = {.level = level, .at = scheduler_.now()};
  }
  /// Answers that broke the contract.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }
  [[nodiscard]] std::uint64_t accepted() const;

 private:
  v1::OrderRequest new_order();
  void place(const v1::OrderRequest& order, int tries);
  void place_batch();
  void send(v1::Command command);
  void check_risk(const v1::OrderRequest& order);
  const Intent* some_intent();

  Scheduler& scheduler_;
  const Plan& plan_;
  Trace& trace_;
  VenueHost& venue_;
  GatewayHost* gateway_;
  Random random_;
  std::map<std::string, Intent> intents_;
  std::vector<std::string> ids_;
  std::vector<std::string> findings_;
  std::map<std::string, std::string> cancels_;
  struct Heard {
    limits::RiskLevel level = limits::RiskLevel::kRunning;
    Nanos at{0};
  };
  std::map<std::string, Heard> risk_;  // by whom it spoke to
  std::uint64_t request_ = 0;
  bool journal_lost_ = false;
  bool stopped_ = false;
};

}  // namespace perpwire::simulation
