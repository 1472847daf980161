#include "services/risk/halt_procedure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perpwire::risk {

HaltProcedure::HaltProcedure(HaltConfig config)
    : config_(std::move(config)), budget_(config_.weight_per_minute) {
  for (std::size_t account = 0; account < config_.accounts.size(); ++account) {
    for (std::size_t dex = 0; dex < config_.dexs.size(); ++dex) {
      Target one;
      one.account = account;
      one.dex = dex;
      targets_.push_back(std::move(one));
    }
  }
}

void HaltProcedure::start(RiskLevel level, std::uint64_t version, std::string reason, Nanos now,
                          HaltActions& out) {
  const bool first = !demands_cancel(level_);
  level_ = level;
  version_ = version;
  reason_ = std::move(reason);
  acknowledged_ = false;
  confirmed_ = false;
  started_ = now;
  if (first || !demands_cancel(level)) own_path_ = false;
  if (demands_cancel(level)) {
    for (auto& one : targets_) {
      // What was said before this moment does not count.
      one.open.reset();
      one.positions.reset();
      one.asking = one.asking_positions = one.cancelling = 0;
      one.ask_at = now + config_.gateway_ack_deadline;
      one.failures = 0;
    }
    report("requested", "", reason_, out);
  }
  tell_gateway(now, out);
}

void HaltProcedure::stop() {
  level_ = RiskLevel::kRunning;
  own_path_ = confirmed_ = false;
  for (auto& one : targets_) {
    one.open.reset();
    one.positions.reset();
    one.asking = one.asking_positions = one.cancelling = 0;
  }
}

bool HaltProcedure::is_ours(const HaltAccount& account, const VenueOrder& order) const {
  if (account.foreign_orders == ForeignOrders::kAll) return true;
  return !account.cloid_prefix.empty() && order.cloid.starts_with(account.cloid_prefix);
}

HaltProcedure::Target& HaltProcedure::target(std::size_t account, std::size_t dex) {
  return targets_[account * config_.dexs.size() + dex];
}

std::uint64_t HaltProcedure::open_orders() const {
  std::uint64_t sum = 0;
  for (const auto& one : targets_) {
    if (one.open) sum += one.open->size();
  }
  return sum;
}

void HaltProcedure::report(std::string stage, std::string account, std::string reason,
                           HaltActions& out) const {
  out.push_back(Report{.stage = std::move(stage),
                       .path = own_path_ ? "risk" : "gateway",
                       .account = std::move(account),
                       .open_orders = open_orders(),
                       .reason = std::move(reason)});
}

void HaltProcedure::tell_gateway(Nanos now, HaltActions& out) {
  tell_at_ = now + config_.gateway_retry;
  out.push_back(TellGateway{.level = level_, .version = version_});
}

void HaltProcedure::on_gateway_answer(std::uint64_t version, const Status& answer, Nanos now,
                                      HaltActions& out) {
  if (!active() || version != version_ || acknowledged_) return;
  if (!answer) return;  // told again by the timer
  acknowledged_ = true;
  if (!demands_cancel(level_)) return;
  report("gateway_acknowledged", "", reason_, out);
  if (own_path_) return;
  for (auto& one : targets_) one.ask_at = now + config_.first_question_after;
}

void HaltProcedure::take_own_path(std::string reason, Nanos now, HaltActions& out) {
  own_path_ = true;
  report("own_path", "", std::move(reason), out);
  for (auto& one : targets_) {
    if (one.asking == 0) one.ask_at = now;
    if (one.open && !one.open->empty()) cancel(one, now, out);
  }
}

Nanos HaltProcedure::pause(const Target& target) const {
  if (confirmed_) return config_.watch_interval;
  // A venue that fails is asked less and less often, down to every eighth interval.
  return config_.confirm_interval * (std::int64_t{1} << std::min(target.failures, 3));
}

void HaltProcedure::ask(Nanos now, HaltActions& out) {
  const bool watching = now - started_ < config_.late_orders || !acknowledged_;
  const bool positions_next = level_ == RiskLevel::kFlatten && !confirmed_;
  for (auto& one : targets_) {
    const bool wanted = !confirmed_ || watching;
    if (wanted && one.asking == 0 && one.cancelling == 0 && now >= one.ask_at &&
        budget_.try_spend(kOpenOrdersWeight, now)) {
      one.asking = ++last_id_;
      out.push_back(AskOpenOrders{.id = one.asking, .account = one.account, .dex = one.dex});
    }
    const bool orders_gone = one.open && one.open->empty();
    if (positions_next && orders_gone && one.asking_positions == 0 && now >= one.ask_positions_at &&
        budget_.try_spend(kPositionsWeight, now)) {
      one.asking_positions = ++last_id_;
      out.push_back(
          AskPositions{.id = one.asking_positions, .account = one.account, .dex = one.dex});
    }
  }
}

void HaltProcedure::cancel(Target& target, Nanos now, HaltActions& out) {
  if (target.cancelling != 0) return;
  target.cancelling = ++last_id_;
  CancelOrders order{.id = target.cancelling,
                     .account = target.account,
                     .dex = target.dex,
                     .orders = *target.open};
  if (order.orders.size() > kMostCancels) order.orders.resize(kMostCancels);
  // hyperliquid.md 9.1: an action weighs 1 + n / 40.
  budget_.spend(1 + static_cast<std::int64_t>(order.orders.size() / 40), now);
  out.push_back(std::move(order));
}

void HaltProcedure::report_failure(Target& target, const Error& error, HaltActions& out) {
  ++target.failures;
  // Each the first time and then now and again: somebody must act.
  if (target.failures == 1 || target.failures % 10 == 0) {
    report("failed", config_.accounts[target.account].name, error.text, out);
  }
}

void HaltProcedure::on_open_orders(const AskOpenOrders& question,
                                   const Result<std::vector<VenueOrder>>& answer, Nanos now,
                                   HaltActions& out) {
  auto& one = target(question.account, question.dex);
  if (!demands_cancel(level_) || one.asking != question.id) return;
  one.asking = 0;
  if (!answer) {
    report_failure(one, answer.error(), out);
    one.ask_at = now + pause(one);
    return;
  }
  one.failures = 0;
  one.open.emplace();
  const auto& account = config_.accounts[one.account];
  for (const auto& order : *answer) {
    if (is_ours(account, order)) one.open->push_back(order);
  }
  if (!one.open->empty()) {
    if (confirmed_) {
      confirmed_ = false;
      take_own_path("an order that was under way has appeared", now, out);
    } else if (own_path_) {
      cancel(one, now, out);
    }
  }
  one.ask_at = now + pause(one);
  settle(now, out);
}

void HaltProcedure::on_cancel_done(const CancelOrders& order, const Status& outcome, Nanos now,
                                   HaltActions& out) {
  auto& one = target(order.account, order.dex);
  if (!demands_cancel(level_) || one.cancelling != order.id) return;
  one.cancelling = 0;
  if (!outcome) report_failure(one, outcome.error(), out);
  // Only the venue's list of open orders says what became of them.
  one.ask_at = outcome ? now + config_.first_question_after : now + pause(one);
}

void HaltProcedure::on_positions(const AskPositions& question,
                                 const Result<std::vector<VenuePosition>>& answer, Nanos now,
                                 HaltActions& out) {
  auto& one = target(question.account, question.dex);
  if (level_ != RiskLevel::kFlatten || one.asking_positions != question.id) return;
  one.asking_positions = 0;
  one.ask_positions_at = now + pause(one);
  if (!answer) {
    report_failure(one, answer.error(), out);
    return;
  }
  one.failures = 0;
  one.positions = answer->size();
  for (const auto& position : *answer) {
    out.push_back(ClosePosition{.account = one.account, .coin = position.coin});
  }
  settle(now, out);
}

void HaltProcedure::settle(Nanos now, HaltActions& out) {
  if (confirmed_) return;
  const bool gone = std::all_of(targets_.begin(), targets_.end(), [&](const Target& one) {
    return one.open && one.open->empty() && one.cancelling == 0 &&
           (level_ != RiskLevel::kFlatten || one.positions == 0u);
  });
  if (!gone) return;
  confirmed_ = true;
  for (auto& one : targets_) one.ask_at = now + config_.watch_interval;
  report("confirmed", "", reason_, out);
}

void HaltProcedure::on_timer(Nanos now, HaltActions& out) {
  if (!active()) return;
  if (!acknowledged_ && now >= tell_at_) tell_gateway(now, out);
  if (!demands_cancel(level_)) return;
  const Nanos elapsed = now - started_;
  if (!own_path_ && !confirmed_) {
    if (!acknowledged_ && elapsed >= config_.gateway_ack_deadline) {
      take_own_path(fmt::format("the gateway did not acknowledge within {} ms",
                                config_.gateway_ack_deadline.count() / 1'000'000),
                    now, out);
    } else if (elapsed >= config_.gateway_confirm_deadline && open_orders() > 0) {
      take_own_path(fmt::format("orders are still open {} ms after the halt",
                                config_.gateway_confirm_deadline.count() / 1'000'000),
                    now, out);
    }
  }
  ask(now, out);
}

}  // namespace perpwire::risk
