#pragma once

#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/executor.hpp"

#include <map>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Sees every wanted cancel through: an order leaves this list only when nothing of it can be live.
/// A cancel may be sent again under a new nonce: it can do no harm twice.
/// Pure; owned by AccountEngine.
class CancelKeeper {
 public:
  CancelKeeper(EngineCore& core, Executor& executor) : core_(core), executor_(executor) {}

  void want(const ClientOrderId& id);
  /// Orders of others on the account, once each second while they are there.
  void want_foreign(const std::vector<VenueOrderId>& ids);
  /// The answer to a cancel left the order's state open: ask it, then try again.
  void on_doubt(const ClientOrderId& id);
  void on_timer();
  [[nodiscard]] bool wants(const ClientOrderId& id) const { return wanted_.contains(id); }
  [[nodiscard]] std::size_t size() const { return wanted_.size() + foreign_.size(); }

 private:
  EngineCore& core_;
  Executor& executor_;
  std::map<ClientOrderId, Nanos> wanted_;  // with the moment of the next try
  std::map<VenueOrderId, Nanos> foreign_;
};

}  // namespace perpwire::gateway
