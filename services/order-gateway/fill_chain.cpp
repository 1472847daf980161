#include "services/order-gateway/fill_chain.hpp"

#include <algorithm>
#include <map>

namespace perpwire::gateway {
namespace {

Quantity after(const FillChain::Step& step) {
  return perpwire::add(step.start, step.change).value_or(step.start);
}

}  // namespace

void FillChain::begin(std::optional<Quantity> before) {
  before_ = before;
  steps_.clear();
}

std::optional<Quantity> FillChain::end(const Quantity& ours) const {
  // Where more fills arrive than leave, the way ends. A way with a gap has several ends.
  std::map<Quantity, int> arrivals;
  for (const Step& step : steps_) {
    --arrivals[step.start];
    ++arrivals[after(step)];
  }
  std::optional<Quantity> found;
  for (const auto& [position, surplus] : arrivals) {
    if (surplus <= 0) continue;
    if (surplus > 1 || found) return std::nullopt;
    found = position;
  }
  if (found) return found;
  // It leads back to where it began.
  if (before_ && arrivals.contains(*before_)) return before_;
  if (arrivals.contains(ours)) return ours;
  return std::nullopt;
}

std::vector<FillChain::Step> FillChain::walk(Quantity ours) {
  std::vector<Step> way;
  for (;;) {
    const auto next = std::find_if(steps_.begin(), steps_.end(), [&](const Step& step) {
      return !step.passed && step.start == ours;
    });
    if (next == steps_.end()) return way;
    next->passed = true;
    ours = after(*next);
    way.push_back(*next);
  }
}

void FillChain::pass_all() {
  for (Step& step : steps_) {
    step.passed = true;
    step.doubtful = false;
  }
}

Quantity FillChain::beyond(Side side) const {
  Quantity sum;
  for (const Step& step : steps_) {
    const bool buy = !step.change.is_negative();
    if ((step.passed && !step.doubtful) || buy != (side == Side::kBuy)) continue;
    sum = perpwire::add(sum, step.change).value_or(sum);
  }
  return sum;
}

}  // namespace perpwire::gateway
