#pragma once

#include "services/order-gateway/engine_ports.hpp"
#include "services/order-gateway/question_turns.hpp"
#include "services/order-gateway/token_budget.hpp"

namespace perpwire::gateway {

/// This process's share of what the venue allows one IP address: all its accounts and the asset map
/// take from the same. Pure; one thread.
struct VenueBudget {
  explicit VenueBudget(const EngineSettings& settings);

  TokenBudget weight;    // REST
  TokenBudget messages;  // WebSocket
  QuestionTurns turns;   // of questions that wait for weight
};

}  // namespace perpwire::gateway
