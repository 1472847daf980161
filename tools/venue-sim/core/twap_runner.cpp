#include "tools/venue-sim/core/twap_runner.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr Millis kSliceInterval = 30'000;

std::size_t slice_count(const Twap& twap) { return static_cast<std::size_t>(twap.minutes) * 2 + 1; }

ActionResult twap_error(std::string text) {
  ActionResult result;
  result.kind = ActionResult::Kind::kTwap;
  result.type = "twapOrder";
  result.text = std::move(text);
  return result;
}

}  // namespace

ActionResult TwapRunner::place(AccountIndex account, const PlaceTwap& action) {
  const Market* market = state_.universe.by_asset(action.asset);
  if (market == nullptr) {
    return twap_error("Unknown asset.");
  }
  if (action.minutes < 5 || action.minutes > 7 * 24 * 60) {
    return twap_error("Invalid TWAP duration: " + std::to_string(action.minutes) + " min(s)");
  }
  const auto size = to_units(action.size, market->sz_decimals);
  if (!size || *size <= 0) {
    return twap_error("Order has invalid size.");
  }
  if (market->notional(state_.markets[market->index].mark, Lots{*size}) < whole_money(100)) {
    return twap_error("TWAP order value too small. Min is $100.");
  }
  Twap twap;
  twap.id = state_.next_twap++;
  twap.market = market->index;
  twap.side = action.side;
  twap.size = Lots{*size};
  twap.minutes = static_cast<int>(action.minutes);
  twap.reduce_only = action.reduce_only;
  twap.randomize = action.randomize;
  twap.started = twap.next_slice = state_.now;
  state_.accounts[account].twaps.emplace(twap.id, twap);
  state_.emit(account, TwapChange{twap, state_.now});
  ActionResult result;
  result.kind = ActionResult::Kind::kTwap;
  result.type = "twapOrder";
  result.twap = twap.id;
  return result;
}

ActionResult TwapRunner::cancel(AccountIndex account, const CancelTwap& action) {
  ActionResult result;
  result.kind = ActionResult::Kind::kTwap;
  result.type = "twapCancel";
  auto& twaps = state_.accounts[account].twaps;
  const auto found = twaps.find(action.twap);
  const Market* market = state_.universe.by_asset(action.asset);
  if (found == twaps.end() || found->second.status != TwapStatus::kActivated || market == nullptr ||
      found->second.market != market->index) {
    result.text = "TWAP was never placed, already canceled, or filled.";
    return result;
  }
  result.twap = action.twap;
  end(account, found->second, TwapStatus::kTerminated);
  return result;
}

void TwapRunner::end(AccountIndex account, Twap& twap, TwapStatus status) {
  twap.status = status;
  state_.emit(account, TwapChange{twap, state_.now});
}

void TwapRunner::run() {
  for (AccountIndex account = 0; account < state_.accounts.size(); ++account) {
    for (auto& [id, twap] : state_.accounts[account].twaps) {
      if (twap.status == TwapStatus::kActivated && state_.now >= twap.next_slice &&
          !state_.post_only_window) {
        slice(account, twap);
      }
    }
  }
}

void TwapRunner::slice(AccountIndex account, Twap& twap) {
  const Market& market = state_.market(twap.market);
  const Ticks mark = state_.markets[twap.market].mark;
  const std::size_t count = slice_count(twap);
  const std::int64_t normal =
      std::max<std::int64_t>(twap.size.value / static_cast<std::int64_t>(count), 1);
  ++twap.slices_done;
  const std::int64_t due = normal * static_cast<std::int64_t>(twap.slices_done);
  std::int64_t size = std::clamp<std::int64_t>(due - twap.executed.value, 0, normal * 3);
  if (twap.randomize) {
    size += state_.rng.between(-normal / 5, normal / 5);
  }
  const Lots left = twap.size - twap.executed;
  if (twap.slices_done >= count) {
    size = std::min(left.value, normal * 3);
  }
  Order order;
  order.account = account;
  order.market = twap.market;
  order.side = twap.side;
  order.price = twap.side == Side::kBuy ? market.round_down(Ticks{mark.value / 100 * 103})
                                        : market.round_up(Ticks{mark.value / 100 * 97});
  order.remaining = order.original = Lots{std::clamp<std::int64_t>(size, 0, left.value)};
  order.tif = TimeInForce::kIoc;
  order.kind = OrderKind::kTwapSlice;
  order.reduce_only = twap.reduce_only;
  order.twap = twap.id;
  if (order.original.is_positive()) {
    state_.start_transaction();
    const auto result = entry_.place_twap_slice(std::move(order));
    twap.executed += result.filled;
    twap.executed_notional +=
        Money{result.cost * power_of_ten(kMoneyDecimals - market.max_decimals())};
  }
  twap.next_slice += kSliceInterval;
  if (twap.executed >= twap.size || twap.slices_done >= count) {
    end(account, twap, TwapStatus::kFinished);
  }
}

}  // namespace perpwire::sim
