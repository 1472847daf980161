#include "tests/bench/limits_bench.hpp"

#include "libs/limits/order_check.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::bench {
namespace {

using namespace limits;

constexpr UnixNanos kNow{1'705'747'200'000'000'000};

LimitTable make_table() {
  std::vector<LimitEntry> entries;
  const auto add_entry = [&](std::string account, std::string pair) {
    LimitEntry entry;
    entry.account = AccountName{std::move(account)};
    entry.trading_pair = TradingPair{std::move(pair)};
    entry.max_order_notional = Notional{WideDecimal{Int128{100'000}}};
    entry.max_position = Quantity{Decimal{5}};
    entry.max_position_notional = Notional{WideDecimal{Int128{500'000}}};
    entry.max_open_orders = 200;
    entry.price_collar_bps = 300;
    if (entry.trading_pair.value() == kEveryPair) {
      entry.max_daily_loss = Notional{WideDecimal{Int128{2'500}}};
    }
    entries.push_back(std::move(entry));
  };
  for (const char* account : {"main", "second", "third"}) {
    add_entry(account, "*");
    for (int i = 0; i < 100; ++i) add_entry(account, "PAIR" + std::to_string(i) + "-USD");
  }
  return *LimitTable::make(std::move(entries));
}

}  // namespace

void run_limits_bench(std::ostream& out) {
  const LimitTable table = make_table();
  std::array<std::string, 4> pairs{"PAIR7-USD", "PAIR42-USD", "BTC-USD", "hyna:BTC-USD"};
  const Exposure exposure{.position = Quantity{Decimal::of(-12345, -5)},
                          .working_buys = Quantity{Decimal::of(31, -3)},
                          .working_sells = Quantity{Decimal::of(2001, -3)},
                          .reduce_only_buys = Quantity{Decimal::of(1, -1)},
                          .reduce_only_sells = {},
                          .open_orders = 17,
                          .account_open_orders = 80,
                          .day_pnl = Notional{WideDecimal::of(Int128{-123456789}, -6)}};
  const Reference reference{.price = Price{Decimal::of(6'512'345, -2)}, .at = kNow};

  constexpr int kRounds = 200'000;
  std::vector<std::int64_t> nanos;
  nanos.reserve(kRounds);
  int refused = 0;
  for (int i = 0; i < kRounds; ++i) {
    const OrderToCheck order{.account = "main",
                             .trading_pair = pairs[static_cast<std::size_t>(i) % pairs.size()],
                             .side = i % 2 == 0 ? Side::kBuy : Side::kSell,
                             .quantity = Quantity{Decimal::of(1 + i % 97, -4)},
                             .price = Price{Decimal::of(651'000 + i % 500, -1)},
                             .trigger_price = std::nullopt};
    const Nanos before = monotonic_now();
    const auto status =
        check_order(order, exposure, reference, table.find(order.account, order.trading_pair),
                    RiskLevel::kRunning, kNow);
    nanos.push_back((monotonic_now() - before).count());
    if (!status) ++refused;
  }
  if (refused != 0) {
    out << "limits bench: expected every order to pass, found " << refused << " refused\n";
    return;
  }
  std::sort(nanos.begin(), nanos.end());
  const auto at = [&](std::size_t per_mille) { return nanos[nanos.size() * per_mille / 1000]; };
  out << "RESULT limits.check_p50.product ns " << at(500) << '\n'
      << "RESULT limits.check_p99.product ns " << at(990) << '\n'
      << "RESULT limits.check_p999.product ns " << at(999) << '\n';
}

}  // namespace perpwire::bench
