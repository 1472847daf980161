#pragma once

#include "tests/simulation/plan.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/scheduler.hpp"
#include "tests/simulation/trace.hpp"
#include "tools/venue-sim/api/venue_api.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace perpwire::simulation {

/// The real core of perpwire-venue-sim and its API layer on the run's clock, and what its other
/// traders and its operators do. What it knows is the truth that the checker compares with.
class VenueHost {
 public:
  static constexpr std::string_view kAccount = "0x1111111111111111111111111111111111111111";
  /// Of every private key of a run; the agent's address follows from it.
  static constexpr std::string_view kAgentKey =
      "0123456789012345678901234567890123456789012345678901234567890123";
  static constexpr std::string_view kAgent = "0x14791697260e4c9a71f18484c9f997b308e59325";

  VenueHost(Scheduler& scheduler, const Plan& plan, Trace& trace);

  // ---- its sockets, on the other side of the network
  std::function<void(sim::ConnectionId, const std::string& text)> on_frame;
  std::function<void(sim::RequestId, const std::optional<sim::HttpReply>&)> on_reply;
  std::function<void(sim::ConnectionId)> on_close;
  std::optional<sim::ConnectionId> open();
  void text(sim::ConnectionId connection, const std::string& text);
  void closed(sim::ConnectionId connection);
  sim::RequestId request(const std::string& target, const std::string& body);
  /// An answer of /info outside the run's network: for what a run takes as given.
  [[nodiscard]] std::string info(const std::string& body) const;
  /// The next request meets this.
  void spoil_next(sim::RequestFault fault) { api_->faults().add(std::move(fault)); }

  // ---- what happens to it
  void stall(bool on);
  void lag(sim::Millis ms);
  void lag_clock(sim::Millis ms);
  void refuse_connections(bool on) { api_->faults().refuse_connections = on; }
  [[nodiscard]] bool refuses_connections() const { return api_->faults().refuse_connections; }
  void post_only(bool on);
  void halt_market(const std::string& pair, bool on);
  /// A fill of one of our resting orders, a cancel by hand, a move of the price, ...
  void disturb(Random& random);
  void calm();

  // ---- the truth
  [[nodiscard]] const sim::Exchange& exchange() const { return *exchange_; }
  [[nodiscard]] const sim::VenueApi& api() const { return *api_; }
  [[nodiscard]] const sim::Account& account() const;
  [[nodiscard]] const sim::Market& market(const std::string& pair) const;
  [[nodiscard]] std::vector<const sim::Order*> orders() const;  // of the account, all kept
  /// How often an `order` action with this cloid came to rest or fill.
  [[nodiscard]] const std::map<std::string, int>& placements() const { return placements_; }
  /// Cancels that the account's owner made by hand, positions that he opened.
  /// Grows with everything that changes orders, fills and positions there.
  [[nodiscard]] std::uint64_t changes() const { return changes_ + account().fills.size(); }
  [[nodiscard]] bool had_foreign_orders() const { return foreign_orders_ > 0; }
  [[nodiscard]] sim::Millis now() const {
    return start_ + scheduler_.now() / std::chrono::milliseconds{1};
  }
  [[nodiscard]] UnixNanos time() const { return UnixNanos::from_millis(start_) + scheduler_.now(); }
  /// Answers with HTTP 429 that nobody had injected: our own budgets failed.
  [[nodiscard]] std::uint64_t budget_refusals() const;
  [[nodiscard]] std::uint64_t injected_429() const { return injected_429_; }
  void count_injected_429() { ++injected_429_; }

 private:
  void tick();
  void pump();
  void executed(const sim::Action& action, const sim::ActionResult& result);
  std::vector<const sim::Order*> resting() const;

  Scheduler& scheduler_;
  Trace& trace_;
  sim::Millis start_;
  std::vector<std::string> pairs_;
  std::unique_ptr<sim::Exchange> exchange_;
  std::unique_ptr<sim::VenueApi> api_;
  std::map<std::string, int> placements_;
  std::uint64_t injected_429_ = 0;
  int foreign_orders_ = 0;
  std::uint64_t changes_ = 0;
  bool owner_trades_ = false;
  bool pumping_ = false;
};

/// "BTC-USD" is the venue's BTC, "hyna:BTC-USD" its hyna:BTC.
std::string coin_of(const std::string& pair);

}  // namespace perpwire::simulation
