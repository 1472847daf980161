#include "libs/limits/order_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace perpwire::limits {
namespace {

constexpr UnixNanos kNow{1'705'747'200'000'000'000};

/// Everything in thousandths of a unit, so that the model's own sums are plain integers and no code
/// under test computes what it is judged by.
struct Working {
  Side side;
  std::int64_t remaining;
  bool reduce_only;
};

/// A venue that fills, cancels and loses messages at random, and a trader that sends what the check
/// lets through.
class World {
 public:
  /// `late`: news of fills come in any order. Then a reduce-only fill not yet heard of can have
  /// made room that a plain order seems to have, and the limit can be passed, by less than one
  /// order.
  World(unsigned seed, std::int64_t max_position, std::uint32_t max_open_orders, bool late)
      : random_(seed), max_position_(max_position), max_open_orders_(max_open_orders), late_(late) {
    limits_.max_order_notional = Notional{WideDecimal{Int128{1'000'000'000}}};
    limits_.max_position = Quantity{Decimal::of(max_position, -3)};
    limits_.max_open_orders = max_open_orders;
    limits_.max_account_open_orders = max_open_orders;
    limits_.price_collar_bps = 100;
    limits_.max_daily_loss = Notional{WideDecimal{Int128{1'000}}};
  }

  void step() {
    switch (pick(4)) {
      case 0:
      case 1:
        try_to_place();
        break;
      case 2:
        fill_one();
        break;
      case 3:
        hear_news();
        break;
    }
    largest_ = std::max(largest_, std::abs(position_));
    const auto live = std::count_if(orders_.begin(), orders_.end(),
                                    [](const auto& o) { return o.remaining > 0; });
    ASSERT_LE(static_cast<std::uint32_t>(live), max_open_orders_);
    // Not even if every order of one side filled now.
    const std::int64_t slack = late_ ? largest_order_ : 0;
    ASSERT_LE(position_ + live_sum(Side::kBuy), max_position_ + slack);
    ASSERT_GE(position_ - live_sum(Side::kSell), -max_position_ - slack);
  }

  [[nodiscard]] std::int64_t largest() const { return largest_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  std::int64_t pick(std::int64_t n) {
    return std::uniform_int_distribution<std::int64_t>{0, n - 1}(random_);
  }

  [[nodiscard]] std::int64_t live_sum(Side side) const {
    std::int64_t sum = 0;
    for (const auto& order : orders_) {
      if (order.side == side && !order.reduce_only) sum += order.remaining;
    }
    return sum;
  }

  void try_to_place() {
    const Side side = pick(2) == 0 ? Side::kBuy : Side::kSell;
    const std::int64_t size = 1 + pick(max_position_ / 2 + 1);
    const bool reduce_only = pick(5) == 0;
    const OrderToCheck order{.account = "main",
                             .trading_pair = "BTC-USD",
                             .side = side,
                             .quantity = Quantity{Decimal::of(size, -3)},
                             .price = Price{Decimal{100}},
                             .trigger_price = std::nullopt,
                             .reduce_only = reduce_only};
    // What we know: heard fills only; what was not heard still counts as working.
    const Exposure exposure{.position = Quantity{Decimal::of(heard_position_, -3)},
                            .working_buys = heard_sum(Side::kBuy, false),
                            .working_sells = heard_sum(Side::kSell, false),
                            .reduce_only_buys = heard_sum(Side::kBuy, true),
                            .reduce_only_sells = heard_sum(Side::kSell, true),
                            .open_orders = static_cast<std::uint32_t>(heard_.size()),
                            .account_open_orders = static_cast<std::uint32_t>(heard_.size()),
                            .day_pnl = std::nullopt};
    const Reference reference{.price = Price{Decimal{100}}, .at = kNow};
    if (!check_order(order, exposure, reference, &limits_, RiskLevel::kRunning, kNow)) return;
    ++accepted_;
    largest_order_ = std::max(largest_order_, size);
    orders_.push_back({side, size, reduce_only});
    heard_.push_back({side, size, reduce_only});
  }

  [[nodiscard]] Quantity heard_sum(Side side, bool reduce_only) const {
    std::int64_t sum = 0;
    for (const auto& order : heard_) {
      if (order.side == side && order.reduce_only == reduce_only) sum += order.remaining;
    }
    return Quantity{Decimal::of(sum, -3)};
  }

  void fill_one() {
    if (orders_.empty()) return;
    auto& order =
        orders_[static_cast<std::size_t>(pick(static_cast<std::int64_t>(orders_.size())))];
    if (order.remaining == 0) return;
    std::int64_t most = order.remaining;
    if (order.reduce_only) {  // the venue cuts it to the position
      const std::int64_t reducible = order.side == Side::kBuy ? -position_ : position_;
      most = std::min(most, std::max<std::int64_t>(reducible, 0));
      if (most == 0) return;
    }
    const std::int64_t size = 1 + pick(most);
    order.remaining -= size;
    position_ += order.side == Side::kBuy ? size : -size;
    if (!late_) hear_all();
  }

  void hear_all() {
    heard_ = orders_;
    heard_position_ = position_;
  }

  /// The fills of one order arrive, all at once and late.
  void hear_news() {
    if (orders_.empty()) return;
    const auto i = static_cast<std::size_t>(pick(static_cast<std::int64_t>(orders_.size())));
    const std::int64_t filled = heard_[i].remaining - orders_[i].remaining;
    heard_position_ += orders_[i].side == Side::kBuy ? filled : -filled;
    heard_[i].remaining = orders_[i].remaining;
    if (pick(3) == 0) orders_[i].remaining = heard_[i].remaining = 0;  // cancelled
    if (heard_[i].remaining == 0) {
      orders_.erase(orders_.begin() + static_cast<std::ptrdiff_t>(i));
      heard_.erase(heard_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::mt19937 random_;
  std::int64_t max_position_;
  std::uint32_t max_open_orders_;
  bool late_;
  PairLimits limits_;
  std::vector<Working> orders_;  // the venue's truth
  std::vector<Working> heard_;   // the same orders as far as we know
  std::int64_t position_ = 0;
  std::int64_t heard_position_ = 0;
  std::int64_t largest_ = 0;
  std::int64_t largest_order_ = 0;
  int accepted_ = 0;
};

struct Totals {
  std::int64_t largest = 0;
  int accepted = 0;
};

Totals run_worlds(bool late) {
  const auto first_seed = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  Totals totals;
  for (unsigned seed = first_seed; seed < first_seed + 1000; ++seed) {
    World world{seed, 10 + static_cast<std::int64_t>(seed % 50), 1 + seed % 8, late};
    for (int i = 0; i < 200 && !testing::Test::HasFatalFailure(); ++i) {
      world.step();
      if (testing::Test::HasFatalFailure()) ADD_FAILURE() << "seed " << seed << " step " << i;
    }
    if (testing::Test::HasFatalFailure()) break;
    totals.largest = std::max(totals.largest, world.largest());
    totals.accepted += world.accepted();
  }
  return totals;
}

TEST(OrderCheckProperty, NoStreamOfOrdersAndFillsBreaksPositionOrOrderCount) {
  const Totals totals = run_worlds(false);
  // The streams did trade, up to the limits.
  EXPECT_GT(totals.accepted, 5'000);
  EXPECT_GT(totals.largest, 30);
}

TEST(OrderCheckProperty, WithFillsHeardLateAndOutOfOrderALimitIsPassedByLessThanOneOrder) {
  const Totals totals = run_worlds(true);
  EXPECT_GT(totals.accepted, 5'000);
  EXPECT_GT(totals.largest, 30);
}

}  // namespace
}  // namespace perpwire::limits
