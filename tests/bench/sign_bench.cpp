#include "tests/bench/sign_bench.hpp"

#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"
#include "services/signer/signer_core.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace perpwire::bench {
namespace {

namespace hl = hyperliquid;

constexpr int kRounds = 31;
constexpr int kPerRound = 100;
constexpr std::string_view kKey =
    "0123456789012345678901234567890123456789012345678901234567890123";
constexpr std::uint64_t kNowMs = 1'705'747'200'000;

hl::OrderAction make_order(int i) {
  hl::OrderAction action;
  hl::WireOrder order;
  order.asset = 0;
  order.is_buy = true;
  order.price = Price{Decimal::of(500'000 + i, -1)};
  order.quantity = Quantity{Decimal::of(1, -3)};
  order.type = hl::LimitType{hl::WireTif::kGtc};
  order.cloid = hl::Cloid{{0xf1, 0xa5, 0x00, 0x01}};
  action.orders.push_back(order);
  return action;
}

/// The signer's memory, forgotten: what the disk costs is not measured here.
class NoStore final : public signer::SignerStore {
 public:
  Status save_nonce_mark(const std::string&, std::uint64_t) override { return {}; }
  Status save_lease(const std::string&, const signer::LeaseRecord&) override { return {}; }
  Status save_pins(const std::vector<signer::AssetEntry>&) override { return {}; }
  Status save_locks(const std::set<signer::KeyLock>&) override { return {}; }
  Status append_issued(const signer::IssuedNonce&, std::uint64_t) override { return {}; }
  Status append_audit(const journal::AuditRecord&) override { return {}; }
};

signer::SignerCore make_core(NoStore& store) {
  signer::SignerConfig config;
  config.accounts["main"] = {"agent-1", Address{}, false};
  signer::KeyRules rules;
  rules.accounts = {"main"};
  rules.actions = signer::all_actions();
  rules.trading_pairs = {"*"};
  config.policy = signer::Policy{{{"agent-1", rules}}};
  signer::KeyRing keys;
  keys.add("agent-1", SigningKey::from_hex(kKey).value());
  signer::SignerState state;
  state.leases["main"] = {1, "bench", "boot"};
  state.pins = {{TradingPair{"BTC-USD"}, 0}};
  return {
      std::move(config), std::move(keys), state, store, {UnixNanos::from_millis(kNowMs), Nanos{}}};
}

std::string make_request() {
  v1::SignRequest request;
  request.set_type("sign");
  request.set_key("agent-1");
  request.set_account("main");
  request.set_network("testnet");
  request.set_expires_after_ms(8'000);
  request.set_lease_epoch(1);
  auto& order = *request.mutable_order()->add_orders();
  order.set_trading_pair("BTC-USD");
  order.set_is_buy(true);
  order.mutable_price()->set_mantissa(500'001);
  order.mutable_price()->set_exponent(-1);
  order.mutable_quantity()->set_mantissa(1);
  order.mutable_quantity()->set_exponent(-3);
  order.set_time_in_force("GTC");
  order.set_cloid("0xf1a50001000000000000000000000001");
  return request.SerializeAsString();
}

template <class Operation>
std::int64_t nanos_each(Operation operation) {
  const auto before = monotonic_now();
  for (int i = 0; i < kPerRound; ++i) {
    operation(i);
  }
  return (monotonic_now() - before).count() / kPerRound;
}

std::int64_t median(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void run_sign_bench(std::ostream& out) {
  const auto key = SigningKey::from_hex(kKey).value();
  NoStore store;
  auto core = make_core(store);
  const auto request_bytes = make_request();
  std::array<std::vector<std::int64_t>, 3> nanos;
  std::size_t bytes = 0;  // printed: keeps the work from being left out
  std::int64_t refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    Hash256 digest{};
    digest[0] = static_cast<std::uint8_t>(round);
    nanos[0].push_back(nanos_each([&](int) {
      const auto signature = key.sign(digest);
      digest = signature.r;
    }));
    nanos[1].push_back(nanos_each([&](int i) {
      const hl::Action action = make_order(i);
      const hl::ActionEnvelope envelope{.nonce = kNowMs + static_cast<std::uint64_t>(i),
                                        .expires_after_ms = kNowMs + 8'000};
      const auto result = hl::sign_action(key, hl::Network::kTestnet, action, envelope);
      bytes += hl::exchange_body(action, envelope, result.signature).size();
    }));
    nanos[2].push_back(nanos_each([&](int) {
      v1::SignRequest request;
      request.ParseFromString(request_bytes);
      const auto reply = core.handle(request, {UnixNanos::from_millis(kNowMs), Nanos{}});
      bytes += reply.SerializeAsString().size();
      refused += reply.status() == "OK" ? 0 : 1;
    }));
    while (core.has_deferred()) {
      core.run_deferred();  // after release, off the path: not counted
    }
  }
  if (refused != 0 || bytes == 0) {
    out << "sign bench: expected every request to be signed, found " << refused << " refused\n";
    return;
  }
  const auto curve = median(nanos[0]);
  const auto order = median(nanos[1]);
  out << "RESULT sign.order.product ns " << order << '\n'
      << "RESULT sign.curve.product ns " << curve << '\n'
      << "RESULT sign.order_by_curve.product permille " << order * 1'000 / curve << '\n'
      << "RESULT sign.request.product ns " << median(nanos[2]) << '\n';
}

}  // namespace perpwire::bench
