#pragma once

#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/executor.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Finds out what became of actions whose fate is unknown. There are three ways out of UNKNOWN
/// (ARCHITECTURE.md section 4) and no other:
///   (a) the venue's word about the order, from the stream or a status query;
///   (b) a signed noop with the action's own nonce answered ok: the action never was;
///   (c) the venue's time past expiresAfter + 2 s, then two status queries at least 2 s of that
///       time apart and one round of open orders, historical orders and fills, none of which know
///       it, all on one connection. Any failed question begins (c) again.
/// Our clock decides nothing here; it only paces questions.
/// Pure; owned by AccountEngine.
class UnknownResolver {
 public:
  UnknownResolver(EngineCore& core, Executor& executor);

  void add(const UnknownAction& action);
  void on_timer();
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Of the journal's records of these actions.
  [[nodiscard]] std::uint64_t oldest_record() const;

 private:
  enum class Stage { kWaiting, kFirstStatus, kBetween, kSecondStatus, kRound };
  struct Entry {
    UnknownAction action;
    Stage stage = Stage::kWaiting;
    std::uint64_t generation = 0;  // answers of an abandoned stage are void
    std::uint64_t epoch = 0;       // of the connection that the proof runs on
    std::size_t waiting_for = 0;   // answers of this stage
    UnixNanos first_status_at;     // venue time
    Nanos first_status_mono{0};
    Nanos next_look{0};
    Nanos next_fence{0};
    int fences_left = 3;
    bool fencing = false;
  };

  [[nodiscard]] std::vector<ClientOrderId> unresolved(const Entry& entry) const;
  void step(Entry& entry);
  void look(Entry& entry);
  void try_fence(Entry& entry);
  void ask_statuses(Entry& entry, Stage stage);
  void ask_round(Entry& entry);
  void ask(Entry& entry, std::string body, std::function<Status(const std::string&)> take);
  void restart(Entry& entry);
  void conclude(Entry& entry, const std::string& proof);
  Entry* find(ActionId action, std::uint64_t generation);

  EngineCore& core_;
  Executor& executor_;
  std::map<ActionId, Entry> entries_;
};

}  // namespace perpwire::gateway
