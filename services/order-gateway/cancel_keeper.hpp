#pragma once

#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/executor.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Sees every wanted cancel through: an order leaves this list only when nothing of it can be live.
/// A cancel may be sent again under a new nonce: it can do no harm twice.
///
/// Cancels leave at once; with a coalescing window those that come within it after the last action
/// share the next one.
/// Pure; owned by AccountEngine.
class CancelKeeper {
 public:
  CancelKeeper(EngineCore& core, Executor& executor) : core_(core), executor_(executor) {}

  void want(const ClientOrderId& id);
  /// Orders of others on the account, once each second while they are there.
  void want_foreign(const std::vector<VenueOrderId>& ids);
  /// The answer to a cancel left the order's state open: ask it, then try again.
  void on_doubt(const ClientOrderId& id);
  /// What was wanted since the last call, and what had to wait for its order's own answer.
  void leave();
  /// All of it: what was not answered, or could not leave, is tried again.
  void on_timer();
  /// Nothing waits for company any more.
  void hurry() { not_before_ = Nanos{0}; }
  /// When `leave` is wanted; nothing while no cancel waits for company.
  [[nodiscard]] std::optional<Nanos> next_due() const;
  [[nodiscard]] bool wants(const ClientOrderId& id) const { return wanted_.contains(id); }
  [[nodiscard]] std::size_t size() const { return wanted_.size() + foreign_.size(); }

 private:
  using Wanted = std::map<ClientOrderId, Nanos>;
  enum class Now { kGone, kTooEarly, kReady, kUnderWay };
  [[nodiscard]] Now look(const Wanted::value_type& wanted) const;
  /// Whether so many must wait for the window's end.
  [[nodiscard]] bool must_wait(std::size_t ready) const;
  void send(const std::vector<ClientOrderId>& ready);
  void send_foreign();

  EngineCore& core_;
  Executor& executor_;
  Wanted wanted_;                     // with the moment of the next try
  std::vector<ClientOrderId> fresh_;  // not looked at, too early, or waiting for company
  bool company_wanted_ = false;
  bool foreign_fresh_ = false;
  Nanos not_before_{0};
  std::map<VenueOrderId, Nanos> foreign_;
};

}  // namespace perpwire::gateway
