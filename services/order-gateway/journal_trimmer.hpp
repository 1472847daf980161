#pragma once

#include "libs/journal/event_log.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/id_file.hpp"
#include "services/order-gateway/risk_gate.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Keeps the journal under half its cap: what a restart needs is written again at its end, a little
/// at a time, then whole segments go that every durable consumer has stored.
///
/// Where a consumer lags nothing is removed; over the cap new orders are refused, cancels go on.
/// Thread: the deciding one. Owned by GatewayApp; everything given outlives it.
class JournalTrimmer {
 public:
  struct Config {
    std::vector<std::string> durable_consumers;
    std::uint64_t cap_bytes = 0;
    Nanos id_retention{};
  };

  JournalTrimmer(journal::EventLog& log, IdFile& ids, std::vector<AccountEngine*> engines,
                 const RiskGate& risk, Config config);

  /// Once a second.
  void step(Now now);
  [[nodiscard]] std::uint64_t segments_removed() const { return removed_; }

 private:
  std::uint64_t release(std::uint64_t index, Now now);

  journal::EventLog& log_;
  IdFile& ids_;
  std::vector<AccountEngine*> engines_;
  const RiskGate& risk_;
  Config config_;
  std::uint64_t level_record_ = 0;  // where risk's level stands in the journal
  std::uint64_t removed_ = 0;
  Nanos next_warning_{0};
};

}  // namespace perpwire::gateway
