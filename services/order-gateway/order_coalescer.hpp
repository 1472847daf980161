#pragma once

#include "libs/common/time.hpp"
#include "services/order-gateway/executor.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace perpwire::gateway {

/// Orders that come shortly after one another leave in one action: one signature, one message, and
/// one weight of the venue's for up to 39 of them (hyperliquid.md sections 4 and 9.1).
///
/// The first leaves at once. What comes within `window` after that leaves together when the window
/// ends, or as soon as an action is full. Post-only orders have a queue of their own: the venue
/// works off actions without any other order in an earlier class of its block (section 11.1). So do
/// reduce-only ones: a level that comes between the check and the signature and forbids what opens
/// refuses an action whole, and must not take along what closes.
/// Pure; owned by AccountEngine. A window of zero gathers nothing.
class OrderCoalescer {
 public:
  using Batch = std::vector<Executor::NewOrder>;

  /// The most that weigh one.
  static constexpr std::size_t kFull = 39;

  explicit OrderCoalescer(Nanos window) : window_(window) {}

  /// Who shares actions with whom.
  struct Kind {
    bool post_only = false;
    bool reduce_only = false;
  };
  /// Returns what must leave now; nothing: it waits.
  Batch add(Executor::NewOrder order, Kind kind, Nanos now);
  /// Returns what has waited long enough, an action each.
  std::vector<Batch> due(Nanos now);
  /// All of it.
  std::vector<Batch> all(Nanos now);
  /// Actions that wait.
  [[nodiscard]] std::size_t size() const;
  /// When the next one leaves; nothing while none waits.
  [[nodiscard]] std::optional<Nanos> next_due() const;

 private:
  struct Queue {
    Batch waiting;
    Nanos not_before{0};  // the end of the window that the last action opened
  };
  Batch leave(Queue& queue, Nanos now);

  Nanos window_;
  std::array<Queue, 4> queues_;  // by kind
};

}  // namespace perpwire::gateway
