// Requests to the signer's core, in both encodings: whatever they say, a reply comes, and a body
// only where the status is OK and the action is one of the signer's.
#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/exchange_request.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"
#include "services/signer/signer_core.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace perpwire;

class NoStore final : public signer::SignerStore {
 public:
  Status save_nonce_mark(const std::string&, std::uint64_t) override { return {}; }
  Status save_lease(const std::string&, const signer::LeaseRecord&) override { return {}; }
  Status save_pins(const std::vector<signer::AssetEntry>&) override { return {}; }
  Status save_locks(const std::set<signer::KeyLock>&) override { return {}; }
  Status append_issued(const signer::IssuedNonce&, std::uint64_t) override { return {}; }
  Status append_audit(const journal::AuditRecord&) override { return {}; }
};

constexpr signer::ClockReading kNow{UnixNanos{1'700'000'000'000'000'000}, Nanos{}};

signer::SignerCore make_core(signer::SignerStore& store) {
  signer::SignerConfig config;
  config.accounts["main"] = {"agent-1", Address{}, false};
  signer::KeyRules rules;
  rules.accounts = {"main"};
  rules.actions = signer::all_actions();
  rules.trading_pairs = {"*"};
  config.policy = signer::Policy{{{"agent-1", rules}}};
  signer::KeyRing keys;
  keys.add("agent-1", SigningKey::from_hex(std::string(64, '1')).value());
  signer::SignerState state;
  state.leases["main"] = {1, "fuzz", "boot"};
  state.pins = {{TradingPair{"BTC-USD"}, 0}};
  return {std::move(config), std::move(keys), state, store, kNow};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static NoStore store;
  static auto core = make_core(store);
  v1::SignRequest request;
  if (!parse_payload({reinterpret_cast<const char*>(data), size}, request)) {
    return 0;
  }
  if (request.type() == "hello") {
    core.hear_assets(request);
    return 0;
  }
  if (request.type() == "lock" || request.type() == "unlock" || request.type() == "accept_asset") {
    // Not an operator: at most locked, which the next input undoes.
    core.operate(request, {.uid = 7, .is_operator = false}, kNow);
    v1::SignRequest unlock;
    unlock.set_type("unlock");
    core.operate(unlock, {.uid = 0, .is_operator = true}, kNow);
    return 0;
  }
  const auto reply = core.handle(request, kNow);
  if (reply.body().empty() == (reply.status() == "OK" && !reply.has_lease())) {
    std::abort();
  }
  if (!reply.body().empty()) {
    const auto body = hyperliquid::parse_exchange_request(reply.body());
    if (!body || !hyperliquid::parse_action(body->action_json)) {
      std::abort();
    }
  }
  while (core.has_deferred()) {
    if (!core.run_deferred().empty()) {
      std::abort();
    }
  }
  return 0;
}
