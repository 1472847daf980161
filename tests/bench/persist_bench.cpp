#include "tests/bench/persist_bench.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/time.hpp"
#include "services/persister/sqlite_store.hpp"
#include "tests/support/temp_dir.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace perpwire::bench {
namespace {

using namespace persister;

constexpr const char* kStream = "order-gateway.main.bench";

void set(v1::Decimal* out, std::int64_t mantissa, int exponent) {
  set_decimal(Decimal::of(mantissa, exponent), *out);
}

struct Ids {
  bool random = false;
  std::mt19937_64 source{7};
  std::string next(std::uint64_t order) {
    return random ? fmt::format("{:016x}{:016x}", source(), source())
                  : fmt::format("LS-{}-{:06}", 1'705'747'200 + order / 100, order);
  }
};

StoredEvent fill(std::uint64_t sequence, std::uint64_t order, const std::string& id) {
  StoredEvent event;
  event.topic = "fills.hyperliquid.BTC-USD";
  event.envelope.set_event_type("fill");
  auto& out = *event.envelope.mutable_fill();
  out.set_venue("hyperliquid");
  out.set_account("main");
  out.set_trade_id(std::to_string(900'000'000 + sequence));
  out.set_client_order_id(id);
  out.set_exchange_order_id(std::to_string(123'000'000 + order));
  out.set_trading_pair("BTC-USD");
  out.set_trade_type("BUY");
  set(out.mutable_price(), 50'000, 0);
  set(out.mutable_amount(), 1, -3);
  out.set_liquidity("MAKER");
  set(out.mutable_fee_paid(), 75, -4);
  out.set_fee_asset("USDC");
  return event;
}

StoredEvent order_event(std::uint64_t step, std::uint64_t order, const std::string& id) {
  static constexpr const char* kTypes[] = {"order_created", "order_update", "order_filled"};
  static constexpr const char* kStates[] = {"OPEN", "OPEN", "FILLED"};
  StoredEvent event;
  event.topic = "orders.hyperliquid.update";
  event.envelope.set_event_type(kTypes[step]);
  auto& out = *event.envelope.mutable_order();
  out.set_client_order_id(id);
  out.set_exchange_order_id(std::to_string(123'000'000 + order));
  out.set_trading_pair("BTC-USD");
  out.set_account("main");
  out.set_venue("hyperliquid");
  out.set_order_type("LIMIT");
  out.set_trade_type("BUY");
  out.set_time_in_force("GTC");
  out.set_order_state(kStates[step]);
  set(out.mutable_price(), 500'001 + static_cast<std::int64_t>(order % 999), -1);
  set(out.mutable_amount(), 1, -3);
  set(out.mutable_filled_amount(), step == 2 ? 1 : 0, -3);
  set(out.mutable_fee_paid(), 75, -4);
  return event;
}

/// Events 1 to `count`: each order is created, updated, has a fill, is filled.
std::vector<Batch> batches_of(std::size_t size, std::size_t count, bool random_ids) {
  std::vector<Batch> batches;
  Ids ids{.random = random_ids};
  std::string id;
  for (std::uint64_t sequence = 1; sequence <= count; ++sequence) {
    if ((sequence - 1) % size == 0) {
      batches.emplace_back();
      batches.back().stream = kStream;
      batches.back().from_sequence = sequence;
    }
    const std::uint64_t order = (sequence - 1) / 4;
    const std::uint64_t step = (sequence - 1) % 4;
    if (step == 0) id = ids.next(order);
    StoredEvent event = step == 2   ? fill(sequence, order, id)
                        : step == 3 ? order_event(2, order, id)
                                    : order_event(step, order, id);
    event.envelope.set_stream(kStream);
    event.envelope.set_sequence(sequence);
    event.envelope.set_topic_sequence(sequence);
    event.envelope.set_timestamp(1'705'747'200'000'000'000 + static_cast<std::int64_t>(sequence));
    batches.back().events.push_back(std::move(event));
    batches.back().next_sequence = sequence + 1;
  }
  return batches;
}

void run(std::ostream& out, const std::string& name, std::size_t size, std::size_t count,
         bool random_ids, bool full_sync) {
  const TempDir dir;
  auto store = SqliteStore::open({.path = dir.file("bench.db"), .full_sync = full_sync});
  if (!store) {
    out << "persist bench: " << store.error().text << "\n";
    return;
  }
  const auto batches = batches_of(size, count, random_ids);
  std::vector<std::int64_t> took;
  const Nanos begun = monotonic_now();
  for (const auto& batch : batches) {
    const Nanos before = monotonic_now();
    const auto counts = (*store)->apply(std::span(&batch, 1), wall_clock_now());
    took.push_back((monotonic_now() - before).count());
    if (!counts || counts->events != batch.events.size()) {
      out << "persist bench: expected every event to be stored\n";
      return;
    }
  }
  const auto nanos = (monotonic_now() - begun).count();
  out << fmt::format("RESULT persist.{}.product events_per_s {}\n", name,
                     static_cast<std::int64_t>(count) * 1'000'000'000 / nanos);
  if (size != 100) return;
  std::sort(took.begin(), took.end());
  out << fmt::format("RESULT persist.{}_transaction_p50.product us {}\n", name,
                     took[took.size() / 2] / 1'000)
      << fmt::format("RESULT persist.{}_transaction_p99.product us {}\n", name,
                     took[took.size() * 99 / 100] / 1'000);
}

}  // namespace

void run_persist_bench(std::ostream& out) {
  run(out, "batch1", 1, 10'000, false, false);
  run(out, "batch100", 100, 100'000, false, false);
  run(out, "batch1000", 1'000, 200'000, false, false);
  run(out, "batch1000_random_ids", 1'000, 200'000, true, false);
  run(out, "batch1000_full_sync", 1'000, 100'000, false, true);
}

}  // namespace perpwire::bench
