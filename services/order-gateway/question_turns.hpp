#pragma once

#include "services/order-gateway/token_budget.hpp"

#include <chrono>
#include <cstdint>
#include <map>

namespace perpwire::gateway {

/// Whose turn it is among the questions that wait for a budget. A young one lets smaller ones pass;
/// the oldest one that has waited for kTurn is passed by none of its urgency until it has gone:
/// else many small questions would starve a large one. Ordinary ones never hold up those of the
/// reserve. Pure; one thread.
class QuestionTurns {
 public:
  using Ticket = std::uint64_t;
  using Urgency = TokenBudget::Urgency;
  static constexpr Nanos kTurn = std::chrono::seconds{1};

  Ticket join(Urgency urgency, Nanos now) {
    of(urgency).emplace(++newest_, now);
    return newest_;
  }
  /// Whether it may go if the budget has what it costs.
  [[nodiscard]] bool may_go(Ticket ticket, Urgency urgency, Nanos now) const {
    if (blocks(reserve_, ticket, now)) return false;
    return urgency == Urgency::kReserve || !blocks(ordinary_, ticket, now);
  }
  void leave(Ticket ticket) {
    reserve_.erase(ticket);
    ordinary_.erase(ticket);
  }
  [[nodiscard]] std::size_t size() const { return reserve_.size() + ordinary_.size(); }

 private:
  using Waiting = std::map<Ticket, Nanos>;  // since when; the oldest first
  Waiting& of(Urgency urgency) { return urgency == Urgency::kReserve ? reserve_ : ordinary_; }
  static bool blocks(const Waiting& waiting, Ticket ticket, Nanos now) {
    return !waiting.empty() && waiting.begin()->first < ticket &&
           now - waiting.begin()->second >= kTurn;
  }

  Waiting reserve_;
  Waiting ordinary_;
  Ticket newest_ = 0;
};

}  // namespace perpwire::gateway
