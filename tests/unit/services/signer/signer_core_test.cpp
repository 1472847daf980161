#include "services/signer/signer_core.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/result.hpp"
#include "libs/venues/hyperliquid/exchange_request.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"

#include <gtest/gtest.h>

namespace perpwire::signer {
namespace {

using namespace std::chrono_literals;
namespace hl = hyperliquid;

constexpr std::string_view kKey =
    "0123456789012345678901234567890123456789012345678901234567890123";
constexpr std::string_view kNewKey =
    "3333333333333333333333333333333333333333333333333333333333333333";
constexpr std::string_view kVault = "0x1719884eb866cb12b2287399b15f7db5e7d775ea";

/// Keeps what was saved; can fail.
class MemoryStore final : public SignerStore {
 public:
  SignerState state;
  bool broken = false;
  int pin_writes = 0;
  bool audit_broken = false;
  bool audit_unsynced = false;
  journal::AuditChain chain;
  std::vector<std::string> audit;

  Status save_nonce_mark(const std::string& key, std::uint64_t mark) override {
    return keep([&] { state.nonce_marks[key] = mark; });
  }
  Status save_lease(const std::string& account, const LeaseRecord& record) override {
    return keep([&] { state.leases[account] = record; });
  }
  Status save_pins(const std::vector<AssetEntry>& pins) override {
    return keep([&] {
      state.pins = pins;
      ++pin_writes;
    });
  }
  Status save_locks(const std::set<KeyLock>& locks) override {
    return keep([&] { state.locks = locks; });
  }
  Status save_key_plan(const KeyPlan& plan) override {
    return keep([&] { state.plan = plan; });
  }
  Result<std::uint64_t> nonce_mark(const std::string& key, ClockReading /*now*/) override {
    if (broken) return fail(ErrorCode::kIo, "disk full");
    return state.nonce_marks[key];
  }
  Status append_audit(const journal::AuditRecord& record) override {
    if (audit_broken) return fail(ErrorCode::kIo, "disk full");
    const auto line = chain.line(record, audit.empty());
    return keep([&] {
      chain.accept();
      audit.push_back(line);
    });
  }
  [[nodiscard]] Status audit_health() const override {
    return audit_unsynced ? Status{fail(ErrorCode::kIo, "cannot be synced")} : Status{};
  }
  Status append_issued(const IssuedNonce& issued, std::uint64_t /*wall_ms*/) override {
    return keep([&] { state.issued.push_back(issued); });
  }

 private:
  template <class Change>
  Status keep(Change change) {
    if (broken) {
      return fail(ErrorCode::kIo, "disk full");
    }
    change();
    return {};
  }
};

class SignerCoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.state.issued_may_be_incomplete = false;
    restart();
  }

  void restart() {
    SignerConfig config;
    config.accounts["main"] = {"agent-1", Address{}, false};
    config.accounts["sub"] = {"agent-1", Address::parse(kVault).value(), true};
    config.accounts["other"] = {"agent-2", Address{}, false};
    config.policy = Policy::parse(policy_, "policy.toml");
    KeyRing keys;
    if (!store_.state.plan.retired.contains("agent-1")) {
      keys.add("agent-1", SigningKey::from_hex(kKey).value());
    }
    if (KeyRotation({{"main", "agent-1"}}, store_.state.plan).needed().contains("agent-3")) {
      keys.add("agent-3", SigningKey::from_hex(kNewKey).value());
    }
    core_.emplace(std::move(config), std::move(keys), store_.state, store_, now_);
    tell_assets(R"({"trading_pair":"BTC-USD","asset":0,"network":"testnet"},
                   {"trading_pair":"hyna:BTC-USD","asset":130001},
                   {"trading_pair":"ETH-USD","asset":1,"network":"mainnet"})");
  }

  std::vector<std::string> tell_assets(const std::string& entries) {
    v1::SignRequest hello;
    EXPECT_TRUE(parse_contract_json(R"({"type":"hello","assets":[)" + entries + "]}", hello));
    return core_->hear_assets(hello);
  }

  v1::SignReply ask(const std::string& json) {
    v1::SignRequest request;
    const auto parsed = parse_contract_json(json, request);
    EXPECT_TRUE(parsed) << parsed.error().text << " in " << json;
    return core_->handle(request, now_);
  }

  static constexpr std::uint32_t kRisk = 101;
  static constexpr std::uint32_t kGateway = 102;

  v1::SignReply operate(const std::string& json, bool is_operator, std::uint32_t uid = 0) {
    v1::SignRequest request;
    EXPECT_TRUE(parse_contract_json(json, request)) << json;
    return core_->operate(request, {.uid = uid, .is_operator = is_operator}, now_);
  }

  v1::SignReply sign(const std::string& action, const std::string& more = "") {
    return ask(R"({"type":"sign","key":"agent-1","account":"main","network":"testnet",)" + action +
               more + "}");
  }
  v1::SignReply sign_order(const std::string& more = R"(,"lease_epoch":1,"expires_after_ms":8000)",
                           const std::string& order = kOrder) {
    return sign(R"("order":{"orders":[)" + order + R"(],"grouping":"na"})", more);
  }
  v1::SignReply lease(const std::string& holder, const std::string& more = "") {
    return ask(R"({"type":"lease","account":"main","lease":{"holder":")" + holder +
               R"(","boot_id":"b1")" + more + "}}");
  }
  /// What was signed, read as the venue reads it; the signer must be the key.
  static hl::ExchangeRequest verified(const v1::SignReply& reply) {
    EXPECT_EQ(reply.status(), "OK") << reply.reason();
    const auto request = hl::parse_exchange_request(reply.body());
    EXPECT_TRUE(request) << reply.body();
    const auto action = hl::parse_action(request->action_json);
    EXPECT_TRUE(action);
    EXPECT_EQ(
        hl::recover_signer(hl::Network::kTestnet, *action, request->envelope, request->signature)
            ->to_string(),
        "0x14791697260e4c9a71f18484c9f997b308e59325");
    return *request;
  }
  static std::string refusal(const v1::SignReply& reply) {
    return reply.code() + " " + reply.reason();
  }

  static inline const std::string kOrder =
      R"({"asset":0,"trading_pair":"BTC-USD","is_buy":true,"price":"50000","quantity":"0.001",)"
      R"("time_in_force":"GTC","cloid":"0xf1a50001000000000000000000000001"})";

  std::string policy_ = R"([keys.agent-1]
accounts = ["main", "sub"]
trading_pairs = ["*"]
)";
  ClockReading now_{UnixNanos{1'700'000'000'000'000'000}, 1'000s};
  MemoryStore store_;
  std::optional<SignerCore> core_;
};

TEST_F(SignerCoreTest, SignsWhatWasAskedAndNothingElse) {
  ASSERT_EQ(lease("gw.a").lease().epoch(), 1U);
  const auto reply = sign_order();
  const auto request = verified(reply);
  EXPECT_EQ(request.action_json,
            R"({"type":"order","orders":[{"a":0,"b":true,"p":"50000","s":"0.001","r":false,)"
            R"("t":{"limit":{"tif":"Gtc"}},"c":"0xf1a50001000000000000000000000001"}],)"
            R"("grouping":"na"})");
  EXPECT_EQ(request.envelope.nonce, 1'700'000'000'000U);
  EXPECT_EQ(request.envelope.expires_after_ms, 1'700'000'008'000U);
  EXPECT_FALSE(request.envelope.vault_address);
  EXPECT_EQ(reply.nonce(), request.envelope.nonce);
  EXPECT_EQ(sign_order().nonce(), request.envelope.nonce + 1);
}

TEST_F(SignerCoreTest, EveryActionOfTheContractIsSignedAsTheVenueReadsIt) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const std::string order = kOrder;
  const std::string cloid = R"("cloid":"0xf1a50001000000000000000000000001")";
  const std::pair<std::string, std::string> cases[] = {
      {R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD","venue_order_id":5000000000}],"fast":true})",
       R"({"type":"cancel","cancels":[{"a":0,"o":5000000000}],"f":true})"},
      {R"("cancel_by_cloid":{"cancels":[{"asset":0,"trading_pair":"BTC-USD",)" + cloid + "}]}",
       R"({"type":"cancelByCloid","cancels":[{"asset":0,)" + cloid + "}]}"},
      {R"("schedule_cancel":{"time_ms":1700000009000})",
       R"({"type":"scheduleCancel","time":1700000009000})"},
      {R"("schedule_cancel":{})", R"({"type":"scheduleCancel"})"},
      {R"("update_leverage":{"asset":130001,"trading_pair":"hyna:BTC-USD","is_cross":false,"leverage":5})",
       R"({"type":"updateLeverage","asset":130001,"isCross":false,"leverage":5})"},
      {R"("update_isolated_margin":{"asset":0,"trading_pair":"BTC-USD","is_buy":true,"usd_micros":-1000000})",
       R"({"type":"updateIsolatedMargin","asset":0,"isBuy":true,"ntli":-1000000})"},
      {R"("twap_order":{"asset":0,"trading_pair":"BTC-USD","is_buy":true,"quantity":"1","minutes":30,"randomize":true})",
       R"({"type":"twapOrder","twap":{"a":0,"b":true,"s":"1","r":false,"m":30,"t":true}})"},
      {R"("twap_cancel":{"asset":0,"trading_pair":"BTC-USD","twap_id":7})",
       R"({"type":"twapCancel","a":0,"t":7})"},
      {R"("noop":{})", R"({"type":"noop"})"},
      {R"("modify":{"modify":{"venue_order_id":9,"order":)" + order + "}}",
       R"({"type":"modify","oid":9,"order":{"a":0,"b":true,"p":"50000","s":"0.001","r":false,)"
       R"("t":{"limit":{"tif":"Gtc"}},"c":"0xf1a50001000000000000000000000001"}})"},
      {R"("batch_modify":{"modifies":[{)" + cloid +
           R"(,"order":{"asset":0,"trading_pair":"BTC-USD","is_buy":false,"price":"1","quantity":"2",)"
           R"("reduce_only":true,"trigger":{"is_market":true,"trigger_price":"1.5","kind":"sl"}}}]})",
       R"({"type":"batchModify","modifies":[{"oid":"0xf1a50001000000000000000000000001","order":)"
       R"({"a":0,"b":false,"p":"1","s":"2","r":true,"t":{"trigger":{"isMarket":true,)"
       R"("triggerPx":"1.5","tpsl":"sl"}}}}]})"},
  };
  for (const auto& [asked, expected] : cases) {
    const auto reply = sign(asked, R"(,"lease_epoch":1,"expires_after_ms":8000)");
    EXPECT_EQ(verified(reply).action_json, expected);
  }
}

struct Refused {
  std::string_view name;
  std::string_view more;   // beside the order
  std::string_view order;  // empty = a good one
  std::string_view text;
};
class SignerRefuses : public SignerCoreTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(SignerRefuses, NamingTheRule) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto& row = GetParam();
  const auto reply =
      sign_order(std::string(row.more), row.order.empty() ? kOrder : std::string(row.order));
  EXPECT_EQ(refusal(reply), row.text);
  EXPECT_TRUE(reply.body().empty());
  EXPECT_TRUE(store_.state.issued.empty());  // no nonce was used
}

constexpr std::string_view kGood = R"(,"lease_epoch":1,"expires_after_ms":8000)";

INSTANTIATE_TEST_SUITE_P(
    Rows, SignerRefuses,
    ::testing::Values(
        Refused{"old_epoch", R"(,"lease_epoch":0,"expires_after_ms":8000)", "",
                "LEASE_LOST account main is held by gw.a with epoch 1, the request has 0"},
        Refused{"no_expiry", R"(,"lease_epoch":1)", "",
                "SIGNER_REFUSED rule expires_after: order needs expires_after_ms"},
        Refused{"long_expiry", R"(,"lease_epoch":1,"expires_after_ms":60001)", "",
                "SIGNER_REFUSED rule max_expires_after_ms: 60001 ms exceeds 60000"},
        Refused{"vault_of_another",
                R"(,"lease_epoch":1,"expires_after_ms":8000,"vault_address":)"
                R"("0x1719884eb866cb12b2287399b15f7db5e7d775ea")",
                "", "SIGNER_REFUSED rule vault_address: account main is no vault"},
        Refused{"named_nonce", R"(,"lease_epoch":1,"expires_after_ms":8000,"nonce":5)", "",
                "SIGNER_REFUSED rule nonce: a nonce may be named for a noop only, not for order"},
        Refused{
            "wrong_asset", kGood,
            R"({"asset":1,"trading_pair":"BTC-USD","price":"1","quantity":"1","time_in_force":"GTC"})",
            "SIGNER_REFUSED rule asset_map: BTC-USD is asset 0, the action has 1"},
        Refused{
            "asset_of_another_network", kGood,
            R"({"asset":1,"trading_pair":"ETH-USD","price":"1","quantity":"1","time_in_force":"GTC"})",
            "SIGNER_REFUSED rule asset_map: pair \"ETH-USD\" is not known: tell the asset map "
            "at hello"},
        Refused{
            "no_pair", kGood, R"({"asset":0,"price":"1","quantity":"1","time_in_force":"GTC"})",
            "INVALID_COMMAND order.orders[0]: trading_pair is required beside the asset number"},
        Refused{"no_price", kGood,
                R"({"asset":0,"trading_pair":"BTC-USD","quantity":"1","time_in_force":"GTC"})",
                "INVALID_COMMAND order.orders[0].price: is required"},
        Refused{
            "nine_decimals", kGood,
            R"({"asset":0,"trading_pair":"BTC-USD","price":"0.123456789","quantity":"1","time_in_force":"GTC"})",
            "INVALID_COMMAND price 0.123456789: the venue takes at most 8 decimals and nothing "
            "negative"},
        Refused{
            "no_time_in_force", kGood,
            R"({"asset":0,"trading_pair":"BTC-USD","price":"1","quantity":"1"})",
            "INVALID_COMMAND order.orders[0].time_in_force: expected GTC, IOC or ALO, found \"\""},
        Refused{
            "bad_cloid", kGood,
            R"({"asset":0,"trading_pair":"BTC-USD","price":"1","quantity":"1","time_in_force":"GTC","cloid":"1"})",
            "INVALID_COMMAND order.orders[0].cloid: cloid: expected 0x and 32 hex digits"},
        Refused{
            "trigger_with_tif", kGood,
            R"({"asset":0,"trading_pair":"BTC-USD","price":"1","quantity":"1","time_in_force":"GTC","trigger":{"trigger_price":"1","kind":"tp"}})",
            "INVALID_COMMAND order.orders[0].time_in_force: a trigger order has none"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(SignerCoreTest, RequestsThatNameNoOrSeveralActionsAreInvalid) {
  EXPECT_EQ(refusal(ask(R"({"type":"sign","key":"agent-1","account":"main","network":"testnet"})")),
            "INVALID_COMMAND sign: expected one action, found 0");
  EXPECT_EQ(refusal(sign(R"("noop":{},"schedule_cancel":{})")),
            "INVALID_COMMAND sign: expected one action, found 2");
  EXPECT_EQ(refusal(sign(R"("order":{"orders":[]})")),
            "INVALID_COMMAND order.orders: expected 1 to 200 elements, found 0");
}

TEST_F(SignerCoreTest, AccountsKeysAndNetworksMustBeTheConfiguredOnes) {
  const auto noop = [&](const std::string& key, const std::string& account,
                        const std::string& network) {
    return refusal(ask(R"({"type":"sign","key":")" + key + R"(","account":")" + account +
                       R"(","network":")" + network + R"(","noop":{}})"));
  };
  EXPECT_EQ(noop("agent-1", "main", "mainnet"),
            "SIGNER_REFUSED rule network: this signer signs for testnet, the request names "
            "\"mainnet\"");
  EXPECT_EQ(noop("agent-1", "none", "testnet"),
            "SIGNER_REFUSED rule accounts: no account named \"none\"");
  EXPECT_EQ(noop("agent-1", "other", "testnet"),
            "SIGNER_REFUSED rule accounts: account other is signed by key agent-2, the request "
            "names \"agent-1\"");
  EXPECT_EQ(noop("agent-2", "other", "testnet"),
            "SIGNER_REFUSED rule key: no key named \"agent-2\"");
}

TEST_F(SignerCoreTest, AVaultsActionsCarryItsAddress) {
  const auto noop = [&](const std::string& vault) {
    return ask(R"({"type":"sign","key":"agent-1","account":"sub","network":"testnet","noop":{})" +
               vault + "}");
  };
  EXPECT_EQ(refusal(noop("")),
            "SIGNER_REFUSED rule vault_address: account sub is the vault or sub-account " +
                std::string(kVault));
  EXPECT_EQ(refusal(noop(R"(,"vault_address":"0x12")")),
            "INVALID_COMMAND vault_address: address: expected 40 hex digits, found 2 characters");
  const auto request = verified(noop(R"(,"vault_address":")" + std::string(kVault) + "\""));
  EXPECT_EQ(request.envelope.vault_address->to_string(), kVault);
}

TEST_F(SignerCoreTest, PolicyLimitsSizeValueLeveragePairsAndActions) {
  policy_ = R"([keys.agent-1]
accounts = ["main"]
actions = ["order", "cancel", "twapOrder", "updateLeverage"]
trading_pairs = ["BTC-USD"]
max_order_notional = "100"
max_leverage = 3
[keys.agent-1.max_order_amount]
"BTC-USD" = "0.01"
)";
  restart();
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto order = [&](const std::string& pair, int asset, const std::string& price,
                         const std::string& quantity) {
    return sign_order(std::string(kGood), R"({"asset":)" + std::to_string(asset) +
                                              R"(,"trading_pair":")" + pair + R"(","price":")" +
                                              price + R"(","quantity":")" + quantity +
                                              R"(","time_in_force":"GTC"})");
  };
  EXPECT_EQ(order("BTC-USD", 0, "10000", "0.01").status(), "OK");
  EXPECT_EQ(refusal(order("BTC-USD", 0, "10001", "0.01")),
            "SIGNER_REFUSED rule max_order_notional: order of 100.01 on BTC-USD exceeds 100");
  EXPECT_EQ(refusal(order("BTC-USD", 0, "1", "0.02")),
            "SIGNER_REFUSED rule max_order_amount: amount 0.02 of BTC-USD exceeds 0.01");
  EXPECT_EQ(refusal(order("hyna:BTC-USD", 130'001, "1", "1")),
            "SIGNER_REFUSED rule trading_pairs: key agent-1 may not trade hyna:BTC-USD");
  EXPECT_EQ(refusal(sign(R"("noop":{})")),
            "SIGNER_REFUSED rule actions: key agent-1 may not sign noop");
  EXPECT_EQ(refusal(sign(R"("update_leverage":{"asset":0,"trading_pair":"BTC-USD","leverage":4})",
                         std::string(kGood))),
            "SIGNER_REFUSED rule max_leverage: leverage 4 of BTC-USD exceeds 3");
  EXPECT_EQ(refusal(sign(R"("twap_order":{"asset":0,"trading_pair":"BTC-USD","quantity":"0.01"})",
                         std::string(kGood))),
            "SIGNER_REFUSED rule max_order_notional: a TWAP has no price to check: limit it by "
            "max_order_amount alone");
  // A cancel is never refused for its pair.
  EXPECT_EQ(sign(R"("cancel":{"cancels":[{"asset":130001,"trading_pair":"hyna:BTC-USD",)"
                 R"("venue_order_id":1}]})")
                .status(),
            "OK");
  EXPECT_EQ(refusal(ask(R"({"type":"sign","key":"agent-1","account":"sub","network":"testnet",)"
                        R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD"}]}})")),
            "SIGNER_REFUSED rule accounts: key agent-1 may not sign for account \"sub\"");
}

TEST_F(SignerCoreTest, CancelsAndNoopsNeedNoLease) {
  EXPECT_EQ(refusal(sign_order()),
            "LEASE_LOST account main has no holder: ask for the lease first");
  EXPECT_EQ(
      sign(R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD","venue_order_id":1}]})")
          .status(),
      "OK");
  EXPECT_EQ(sign(R"("schedule_cancel":{})").status(), "OK");
  EXPECT_EQ(sign(R"("noop":{})").status(), "OK");
}

TEST_F(SignerCoreTest, ANoopMayBurnOnlyANonceOfItsOwnKeyAndAccountWithinTwoMinutes) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto nonce = sign_order().nonce();
  const auto burn = [&](std::uint64_t named) {
    return sign(R"("noop":{})", R"(,"nonce":)" + std::to_string(named));
  };
  EXPECT_EQ(verified(burn(nonce)).envelope.nonce, nonce);
  EXPECT_EQ(verified(burn(nonce)).envelope.nonce, nonce);
  EXPECT_EQ(refusal(burn(nonce + 1)),
            "SIGNER_REFUSED rule nonce: nonce " + std::to_string(nonce + 1) +
                " was not issued to key agent-1 and account main within 2 minutes");
  now_.boot += 121s;
  now_.wall = now_.wall + Nanos(121s);
  EXPECT_EQ(burn(nonce).status(), "REJECTED");
}

TEST_F(SignerCoreTest, AGrantTellsWhatMayStillLand) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto nonce = sign_order().nonce();
  const auto taken = lease("gw.b", R"(,"take_over":true)");
  EXPECT_EQ(taken.lease().epoch(), 2U);
  EXPECT_EQ(taken.lease().holder(), "gw.b");
  EXPECT_FALSE(taken.lease().same_instance());
  EXPECT_EQ(taken.lease().latest_expires_after(), 1'700'000'008'000U);
  ASSERT_EQ(taken.lease().recent_nonces_size(), 1);
  EXPECT_EQ(taken.lease().recent_nonces(0), nonce);
  EXPECT_EQ(refusal(sign_order()),
            "LEASE_LOST account main is held by gw.b with epoch 2, the request has 1");
}

TEST_F(SignerCoreTest, ARestartKeepsNoncesLeasesPinsAndWhatMayStillLand) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto nonce = sign_order().nonce();
  now_.wall = now_.wall - Nanos(1h);  // and the clock is an hour behind afterwards
  restart();
  const auto again = sign_order();
  EXPECT_GT(again.nonce(), nonce);
  EXPECT_TRUE(lease("gw.a").lease().same_instance());
  EXPECT_EQ(sign(R"("noop":{})", R"(,"nonce":)" + std::to_string(nonce)).status(), "OK");
  EXPECT_EQ(tell_assets(R"({"trading_pair":"BTC-USD","asset":9})"),
            std::vector<std::string>{"BTC-USD is asset 0, told 9"});
  EXPECT_EQ(store_.pin_writes, 1);
  EXPECT_EQ(store_.state.pins.size(), 1U);  // only what was used
}

TEST_F(SignerCoreTest, AfterAnotherBootAGrantNamesTheLatestPossibleExpiry) {
  store_.state.issued_may_be_incomplete = true;
  restart();
  EXPECT_EQ(lease("gw.a").lease().latest_expires_after(), 1'700'000'060'000U);
}

TEST_F(SignerCoreTest, ABrokenDiskRefusesAndReleasesNothing) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  store_.broken = true;
  const auto reply = sign_order();
  EXPECT_EQ(reply.status(), "REJECTED");
  EXPECT_TRUE(reply.body().empty());
  EXPECT_EQ(lease("gw.b", R"(,"take_over":true)").status(), "REJECTED");
  store_.broken = false;
  EXPECT_EQ(sign_order().status(), "OK");  // gw.a kept its lease
}

TEST_F(SignerCoreTest, CancelsGoOnWhileTheDiskIsFullAsLongAsDurableNoncesLast) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  ASSERT_EQ(sign_order().status(), "OK");
  const auto mark = store_.state.nonce_marks.at("agent-1");
  now_.wall = now_.wall + Nanos(4'990ms);  // near the end of the block
  now_.boot += 4'990ms;
  auto last = sign_order().nonce();
  ASSERT_EQ(last + 10, mark);
  store_.broken = true;
  now_.wall = now_.wall + Nanos(10s);  // beyond the mark
  now_.boot += 10s;
  const std::string cancel =
      R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD","venue_order_id":1}]})";
  for (; last < mark; ++last) {
    const auto reply = sign(cancel);
    ASSERT_EQ(reply.nonce(), last + 1) << reply.reason();
  }
  EXPECT_EQ(sign(cancel).reason(), "disk full");
  EXPECT_EQ(sign_order().reason(), "disk full");
  store_.broken = false;
  EXPECT_GT(sign(cancel).nonce(), mark);
}

TEST_F(SignerCoreTest, NothingIsSignedWhileTheClockHasLeapt) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  ASSERT_EQ(sign_order().status(), "OK");
  now_.wall = now_.wall + Nanos(2min);
  EXPECT_EQ(refusal(sign_order()), "SIGNER_REFUSED rule clock_leap: the wall clock leapt by 120 s");
  now_.wall = now_.wall - Nanos(2min);
  EXPECT_EQ(sign_order().status(), "OK");
}

TEST_F(SignerCoreTest, ADamagedSignatureIsNotReleased) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  core_->keys().damage_next_signature();
  const auto reply = sign_order();
  EXPECT_EQ(refusal(reply),
            "SIGNER_REFUSED rule sealed: key agent-1 made a signature that is not its own");
  EXPECT_TRUE(reply.body().empty());
}

TEST(Policy, RefusesUnknownWordsInItsFile) {
  const auto text = [](std::string_view policy) {
    try {
      Policy::parse(policy, "policy.toml");
      return std::string("read");
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(text("[keys.a]\naccounts = [\"main\"]"), "read");
  EXPECT_NE(text("[keys.a]\nactions = [\"withdraw3\"]").find("withdraw3"), std::string::npos);
  EXPECT_NE(text("[keys.a]\nmax_notional = \"5\"").find("max_notional"), std::string::npos);
  EXPECT_NE(text("[keys.a]\nmax_order_notional = 5.5"), "read");
  EXPECT_NE(text("[keys.a.max_order_amount]\n\"BTC-USD\" = \"-1\"").find("-1"), std::string::npos);
}

TEST(Policy, AKeyWithoutRulesSignsNothing) {
  const ActionRequest request{hl::NoopAction{}, {}};
  EXPECT_EQ(Policy{}.check("agent-1", "main", request).error().text,
            "rule key: key \"agent-1\" has no policy");
}

TEST(Policy, PairsAreNamedByThemselvesByDexOrAll) {
  const auto allows = [](const std::string& pattern, const std::string& pair) {
    KeyRules rules;
    rules.accounts = {"main"};
    rules.actions = all_actions();
    rules.trading_pairs = {pattern};
    const Policy policy{{{"k", rules}}};
    hl::OrderAction action;
    action.orders.emplace_back();
    return policy.check("k", "main", {action, {{TradingPair{pair}, 0}}}).has_value();
  };
  EXPECT_TRUE(allows("*", "hyna:BTC-USD"));
  EXPECT_TRUE(allows("hyna:*", "hyna:BTC-USD"));
  EXPECT_FALSE(allows("hyna:*", "BTC-USD"));
  EXPECT_FALSE(allows("hyna:*", "hyn:BTC-USD"));
  EXPECT_TRUE(allows("BTC-USD", "BTC-USD"));
  EXPECT_FALSE(allows("BTC-USD", "BTC-USDT"));
}

// ---------------------------------------------------------------- locks, velocity, audit log

TEST_F(SignerCoreTest, ALockedKeySignsCancelsAloneAcrossRestartsUntilAnOperatorUnlocks) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  EXPECT_EQ(operate(R"({"type":"lock","key":"agent-1"})", false).status(), "OK");
  const auto locked =
      "SIGNER_REFUSED rule cancel_only: key agent-1 is locked: it signs cancels alone";
  EXPECT_EQ(refusal(sign_order()), locked);
  EXPECT_EQ(refusal(sign(R"("update_leverage":{"asset":0,"trading_pair":"BTC-USD","leverage":4})",
                         std::string(kGood))),
            locked);
  const auto cancel =
      R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD","venue_order_id":1}]})";
  EXPECT_EQ(sign(cancel).status(), "OK");
  EXPECT_EQ(sign(R"("noop":{})").status(), "OK");
  restart();
  EXPECT_EQ(refusal(sign_order()), locked);
  EXPECT_EQ(
      refusal(operate(R"({"type":"unlock"})", false, kGateway)),
      "SIGNER_REFUSED rule operator: unlock of what another user locked is for operators alone");
  EXPECT_EQ(refusal(sign_order()), locked);
  EXPECT_EQ(operate(R"({"type":"unlock"})", true).status(), "OK");
  EXPECT_EQ(sign_order().status(), "OK");
  EXPECT_TRUE(store_.state.locks.empty());
}

TEST_F(SignerCoreTest, AKeyStaysLockedWhileAnybodyWantsItSo) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto by_risk = R"(,"lease":{"holder":"risk.main"}})";
  ASSERT_EQ(operate(R"({"type":"lock")" + std::string(by_risk), false).status(), "OK");
  ASSERT_EQ(operate(R"({"type":"lock"})", false).status(), "OK");
  ASSERT_EQ(operate(R"({"type":"unlock")" + std::string(by_risk), true).status(), "OK");
  EXPECT_TRUE(core_->is_locked("agent-1"));  // the operator's own stays
  ASSERT_EQ(operate(R"({"type":"lock")" + std::string(by_risk), false).status(), "OK");
  ASSERT_EQ(operate(R"({"type":"unlock"})", true).status(), "OK");  // everybody's
  EXPECT_EQ(sign_order().status(), "OK");
  EXPECT_EQ(refusal(operate(R"({"type":"lock","lease":{"holder":"a b"}})", true)),
            "INVALID_COMMAND lease.holder: expected up to 64 of [A-Za-z0-9._-]");
}

TEST_F(SignerCoreTest, AUserTakesBackItsOwnLockAndNobodyElses) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const std::string by_risk = R"(,"lease":{"holder":"risk.main"}})";
  const auto forbidden =
      "SIGNER_REFUSED rule operator: unlock of what another user locked is for operators alone";
  ASSERT_EQ(operate(R"({"type":"lock")" + by_risk, false, kRisk).status(), "OK");
  // Not by risk's name, and not by having locked under it as well.
  EXPECT_EQ(refusal(operate(R"({"type":"unlock")" + by_risk, false, kGateway)), forbidden);
  ASSERT_EQ(operate(R"({"type":"lock")" + by_risk, false, kGateway).status(), "OK");
  EXPECT_EQ(refusal(operate(R"({"type":"unlock")" + by_risk, false, kGateway)), forbidden);
  EXPECT_EQ(operate(R"({"type":"unlock")" + by_risk, true).status(), "OK");
  EXPECT_FALSE(core_->is_locked("agent-1"));

  ASSERT_EQ(operate(R"({"type":"lock")" + by_risk, false, kRisk).status(), "OK");
  restart();
  EXPECT_EQ(operate(R"({"type":"unlock")" + by_risk, false, kRisk).status(), "OK");
  EXPECT_EQ(sign_order().status(), "OK");
}

TEST_F(SignerCoreTest, ALockHoldsEvenWhenTheDiskDoesNotTakeItAndIsSavedWhenAskedAgain) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  store_.broken = true;
  EXPECT_EQ(operate(R"({"type":"lock"})", false).status(), "REJECTED");
  EXPECT_EQ(operate(R"({"type":"lock"})", false).status(), "REJECTED") << "still not durable";
  store_.broken = false;
  EXPECT_TRUE(core_->is_locked("agent-1"));
  EXPECT_EQ(sign_order().status(), "REJECTED");
  EXPECT_EQ(operate(R"({"type":"lock"})", false).status(), "OK");
  restart();
  EXPECT_TRUE(core_->is_locked("agent-1"));
}

TEST_F(SignerCoreTest, AnUnknownKeyCannotBeLocked) {
  EXPECT_EQ(refusal(operate(R"({"type":"lock","key":"nobody"})", true)),
            "SIGNER_REFUSED rule key: no key named \"nobody\"");
}

TEST_F(SignerCoreTest, AnOperatorMayAcceptAnotherNumberOfAPairButNotOneOfAnotherPair) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  ASSERT_EQ(sign_order().status(), "OK");  // pins BTC-USD = 0
  const auto accept = [&](const std::string& pair, int asset, bool is_operator) {
    return operate(R"({"type":"accept_asset","assets":[{"trading_pair":")" + pair +
                       R"(","asset":)" + std::to_string(asset) + "}]}",
                   is_operator);
  };
  EXPECT_EQ(refusal(accept("BTC-USD", 7, false)),
            "SIGNER_REFUSED rule operator: accept_asset is for operators alone");
  EXPECT_EQ(refusal(accept("BTC-USD", 130'001, true)),
            "SIGNER_REFUSED rule asset_map: asset 130001 is hyna:BTC-USD, not BTC-USD");
  EXPECT_EQ(accept("BTC-USD", 7, true).status(), "OK");
  EXPECT_EQ(refusal(sign_order()),
            "SIGNER_REFUSED rule asset_map: BTC-USD is asset 7, the action has 0");
  restart();
  EXPECT_EQ(sign_order(std::string(kGood),
                       R"({"asset":7,"trading_pair":"BTC-USD","price":"1","quantity":"1",)"
                       R"("time_in_force":"GTC"})")
                .status(),
            "OK");
}

TEST_F(SignerCoreTest, VelocityLimitsCountOrdersNotCancels) {
  policy_ += "max_orders_per_second = 2\nmax_notional_per_minute = \"120\"\n";
  restart();
  ASSERT_EQ(lease("gw.a").status(), "OK");
  EXPECT_EQ(sign_order().status(), "OK");  // 50 each
  EXPECT_EQ(sign_order().status(), "OK");
  EXPECT_EQ(refusal(sign_order()),
            "SIGNER_REFUSED rule max_orders_per_second: 1 more after 2 within the last second "
            "exceed 2");
  EXPECT_EQ(sign(R"("noop":{})").status(), "OK");
  now_.boot += 1s;
  EXPECT_EQ(refusal(sign_order()),
            "SIGNER_REFUSED rule max_notional_per_minute: 50 more after 100 within the last minute "
            "exceed 120");
  EXPECT_EQ(refusal(sign(R"("twap_order":{"asset":0,"trading_pair":"BTC-USD","quantity":"0.01",)"
                         R"("minutes":30})",
                         std::string(kGood))),
            "SIGNER_REFUSED rule max_notional_per_minute: a TWAP has no price to count");
  now_.boot += 61s;
  now_.wall = now_.wall + Nanos(61s);
  EXPECT_EQ(sign_order().status(), "OK");
}

TEST_F(SignerCoreTest, TheAuditLogHoldsEverySignatureAndRefusalInAnUnbrokenChain) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  const auto reply = sign_order();
  ASSERT_EQ(sign_order(R"(,"lease_epoch":1)").status(), "REJECTED");
  ASSERT_EQ(operate(R"({"type":"lock"})", false).status(), "OK");
  ASSERT_EQ(store_.audit.size(), 4U);
  journal::AuditChain chain;
  for (const auto& line : store_.audit) {
    const auto next = chain.follow(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(next) << next.error().text;
  }
  const auto& line = store_.audit[1];
  EXPECT_EQ(journal::audit_field(line, "what"), "signed");
  EXPECT_EQ(journal::audit_field(line, "key"), "agent-1");
  EXPECT_EQ(journal::audit_field(line, "nonce"), std::to_string(reply.nonce()));
  EXPECT_EQ(journal::audit_field(line, "action"), verified(reply).action_json);
  EXPECT_EQ(journal::audit_field(store_.audit[2], "text"),
            "rule expires_after: order needs expires_after_ms");
  EXPECT_EQ(journal::audit_field(store_.audit[3], "what"), "locked");
}

TEST_F(SignerCoreTest, WithoutItsAuditRecordNothingThatAddsRiskIsReleased) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  store_.audit_broken = true;
  const auto reply = sign_order();
  EXPECT_EQ(reply.status(), "REJECTED");
  EXPECT_TRUE(reply.body().empty());
  EXPECT_EQ(sign(R"("noop":{})").status(), "OK");  // cancels and fences go on
  EXPECT_GT(core_->audit_failures(), 0U);
  store_.audit_broken = false;
  ASSERT_EQ(sign_order().status(), "OK");
  EXPECT_EQ(journal::audit_field(store_.audit.back(), "text"),
            "3 records before this one were lost");
}

TEST_F(SignerCoreTest, WhileTheAuditLogCannotBeSyncedOnlyCancelsAreReleased) {
  ASSERT_EQ(lease("gw.a").status(), "OK");
  ASSERT_EQ(sign_order().status(), "OK");
  store_.audit_unsynced = true;
  const auto refused = sign_order();
  EXPECT_EQ(refused.reason(), "cannot be synced");
  EXPECT_TRUE(refused.body().empty());
  EXPECT_EQ(sign(R"("noop":{})").status(), "OK");
}

TEST_F(SignerCoreTest, ARefusedFloodDoesNotFillTheAuditLog) {
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(sign_order().status(), "REJECTED");
  EXPECT_EQ(store_.audit.size(), 20U);
  now_.boot += 1s;
  ASSERT_EQ(lease("gw.a").status(), "OK");
  EXPECT_NE(store_.audit.back().find("980 refusals before this one are not listed"),
            std::string::npos);
}

// ---------------------------------------------------------------- a change of keys

class Rotation : public SignerCoreTest {
 protected:
  void SetUp() override {
    policy_ += R"([keys.agent-3]
accounts = ["main"]
trading_pairs = ["*"]
)";
    SignerCoreTest::SetUp();
    ASSERT_EQ(lease("gw.a").status(), "OK");
  }
  v1::SignReply change(const std::string& type, const std::string& key, bool is_operator = true) {
    v1::SignRequest request;
    EXPECT_TRUE(parse_contract_json(
        R"({"type":")" + type + R"(","account":"main","key":")" + key + "\"}", request));
    return core_->change_keys(request, {.uid = 0, .is_operator = is_operator}, now_);
  }
  std::string may_add(const std::string& key, bool is_operator = true,
                      const std::string& account = "main") {
    v1::SignRequest request;
    EXPECT_TRUE(parse_contract_json(
        R"({"type":"add_key","account":")" + account + R"(","key":")" + key + "\"}", request));
    const auto may = core_->may_add(request, {.uid = 0, .is_operator = is_operator}, now_);
    return may ? "" : may.error().text;
  }
  void add() {
    ASSERT_EQ(may_add("agent-3"), "");
    ASSERT_TRUE(core_->add_key("agent-3", SigningKey::from_hex(kNewKey).value(), now_));
  }
  /// The other account of agent-1 was rotated before.
  void rotate_sub() {
    store_.state.plan.accounts["sub"] = {"agent-1", "agent-3", {}};
    restart();
  }
  void rotate() {
    pass(1s);
    add();
    ASSERT_EQ(change("use_key", "agent-3").reason(), "");
  }
  /// Without a key's name, as the gateway asks.
  v1::SignReply sign_unnamed(const std::string& action, const std::string& more = "") {
    return ask(R"({"type":"sign","account":"main","network":"testnet",)" + action + more + "}");
  }
  v1::SignReply order_unnamed() {
    return sign_unnamed(R"("order":{"orders":[)" + kOrder + R"(],"grouping":"na"})",
                        R"(,"lease_epoch":1,"expires_after_ms":8000)");
  }
  void pass(std::chrono::seconds time) {
    now_.wall = now_.wall + Nanos(time);
    now_.boot += time;
  }
  const std::string new_address_ = SigningKey::from_hex(kNewKey).value().address().to_string();
};

TEST_F(Rotation, AKeyThatStandsBySignsNothing) {
  add();
  EXPECT_EQ(order_unnamed().key(), "agent-1");
  const auto by_name =
      ask(R"({"type":"sign","key":"agent-3","account":"main","network":"testnet","noop":{}})");
  EXPECT_EQ(by_name.reason(),
            "rule accounts: account main is signed by key agent-1, the request names \"agent-3\"");
}

TEST_F(Rotation, OrdersGoToTheNewKeyAndTheOldOneSignsWhatItOwesAlone) {
  const auto before = order_unnamed();
  ASSERT_EQ(before.key(), "agent-1");
  rotate();
  const auto after = order_unnamed();
  EXPECT_EQ(after.key(), "agent-3");
  EXPECT_EQ(after.signer_address(), new_address_);
  EXPECT_EQ(sign_order().reason(),
            "rule draining: key agent-1 is being retired: key agent-3 signs for account main");
  // The fence of what the old key signed is the old key's, whether the request says so or not.
  const auto nonce = std::to_string(before.nonce());
  const auto fence = sign_unnamed(R"("noop":{})", ",\"nonce\":" + nonce);
  EXPECT_EQ(fence.key(), "agent-1") << fence.reason();
  EXPECT_EQ(fence.nonce(), before.nonce());
  EXPECT_EQ(sign(R"("noop":{})", ",\"nonce\":" + nonce).signer_address(), before.signer_address());
  // Cancels of the account go out under either.
  const std::string cancel =
      R"("cancel":{"cancels":[{"asset":0,"trading_pair":"BTC-USD","venue_order_id":1}]})";
  EXPECT_EQ(sign_unnamed(cancel).key(), "agent-3");
  EXPECT_EQ(sign(cancel).key(), "agent-1");
}

TEST_F(Rotation, AFenceThatTwoKeysMayBeMeantByMustNameOne) {
  const auto before = order_unnamed();
  add();
  ASSERT_EQ(change("use_key", "agent-3").reason(), "");
  const auto after = order_unnamed();
  ASSERT_EQ(after.key(), "agent-3");
  ASSERT_EQ(after.nonce(), before.nonce()) << "the clock stood: each key has its own nonces";
  const auto nonce = ",\"nonce\":" + std::to_string(before.nonce());
  EXPECT_EQ(sign_unnamed(R"("noop":{})", nonce).reason().find("rule nonce: nonce "), 0U);
  EXPECT_EQ(sign(R"("noop":{})", nonce).key(), "agent-1");
}

TEST_F(Rotation, TheOldKeyIsRetiredOnceAllThatItSignedHasExpired) {
  rotate_sub();
  ASSERT_EQ(order_unnamed().key(), "agent-1");  // expires in 8 s
  rotate();
  EXPECT_EQ(change("retire_key", "agent-1").reason(),
            "rule draining: what key agent-1 signed may still land: ask again in 9 s");
  pass(8s);
  EXPECT_EQ(change("retire_key", "agent-1").reason(),
            "rule draining: what key agent-1 signed may still land: ask again in 1 s");
  pass(1s);
  EXPECT_EQ(change("retire_key", "agent-1").reason(), "");
}

TEST_F(Rotation, AKeyThatAnotherAccountUsesIsNotRetired) {
  rotate();
  pass(60s);
  EXPECT_EQ(change("retire_key", "agent-1").reason(),
            "rule key: key agent-1 signs for account sub: rotate it first");
}

TEST_F(Rotation, ARetiredKeyIsGoneFromMemoryRefusedByNameAndNeverAddedAgain) {
  rotate_sub();
  ASSERT_EQ(order_unnamed().key(), "agent-1");
  rotate();
  pass(10s);
  ASSERT_EQ(change("retire_key", "agent-1").reason(), "");
  EXPECT_FALSE(core_->keys().has("agent-1"));
  EXPECT_EQ(sign(R"("noop":{})").reason(), "rule retired: key agent-1 was retired");
  EXPECT_EQ(may_add("agent-1"), "rule retired: key agent-1 was retired: make a new one");
  EXPECT_EQ(change("use_key", "agent-1").reason(),
            "rule retired: key agent-1 was retired: make a new one");
  EXPECT_EQ(order_unnamed().key(), "agent-3");
  restart();
  EXPECT_EQ(order_unnamed().key(), "agent-3");
  EXPECT_EQ(sign(R"("noop":{})").reason(), "rule retired: key agent-1 was retired");
}

TEST_F(Rotation, ARestartGoesOnWithTheNewKeyAndStillDrainsTheOldOne) {
  rotate_sub();
  const auto before = order_unnamed();
  rotate();
  restart();
  EXPECT_EQ(order_unnamed().key(), "agent-3");
  EXPECT_EQ(sign_unnamed(R"("noop":{})", ",\"nonce\":" + std::to_string(before.nonce())).key(),
            "agent-1");
  EXPECT_EQ(change("retire_key", "agent-1").reason().find("rule draining:"), 0U);
}

TEST_F(Rotation, TheWayBackIsTheSame) {
  rotate();
  ASSERT_EQ(change("use_key", "agent-1").reason(), "");
  EXPECT_EQ(order_unnamed().key(), "agent-1");
  EXPECT_TRUE(core_->rotation().is_draining("agent-3"));
}

TEST_F(Rotation, ALockedKeyIsNotUnlockedByRotatingIt) {
  ASSERT_EQ(
      operate(R"({"type":"lock","key":"agent-1","lease":{"holder":"risk.main"}})", false).status(),
      "OK");
  rotate();
  EXPECT_EQ(order_unnamed().reason(),
            "rule cancel_only: key agent-3 is locked: it signs cancels alone");
  restart();
  EXPECT_EQ(order_unnamed().reason(),
            "rule cancel_only: key agent-3 is locked: it signs cancels alone");
}

TEST_F(Rotation, OperatorsAloneChangeKeysAndThePolicyMustKnowTheNewOne) {
  EXPECT_EQ(may_add("agent-3", false), "rule operator: add_key is for operators alone");
  EXPECT_EQ(may_add("agent-9").find("rule policy: key agent-9 has no table for account main"), 0U);
  EXPECT_EQ(may_add("agent-3", true, "nobody"), "rule accounts: no account named \"nobody\"");
  EXPECT_EQ(change("use_key", "agent-3").reason(),
            "rule key: key agent-3 is not loaded: add_key comes first");
  add();
  EXPECT_EQ(change("use_key", "agent-3", false).reason(),
            "rule operator: use_key is for operators alone");
  EXPECT_EQ(change("retire_key", "agent-3", false).reason(),
            "rule operator: retire_key is for operators alone");
  EXPECT_EQ(change("retire_key", "agent-9").reason(),
            "rule key: no key named \"agent-9\" is draining");
}

TEST_F(Rotation, WhatTheDiskDoesNotTakeDidNotHappen) {
  add();
  store_.broken = true;
  EXPECT_EQ(change("use_key", "agent-3").reason(), "disk full");
  store_.broken = false;
  EXPECT_EQ(order_unnamed().key(), "agent-1");
}

TEST(KeyRotationPlan, AnotherWordOfTheConfigurationWinsOverAnOldPlan) {
  const KeyPlan plan{.accounts = {{"main", {"agent-1", "agent-2", {"agent-1"}}}}, .retired = {}};
  const auto current = [&](const std::string& configured) {
    return KeyRotation({{"main", configured}}, plan).current("main");
  };
  EXPECT_EQ(current("agent-1"), "agent-2");
  EXPECT_EQ(current("agent-2"), "agent-2");
  EXPECT_EQ(current("agent-5"), "agent-5");
  EXPECT_TRUE(KeyRotation({{"main", "agent-2"}}, plan).is_draining("agent-1"));
  EXPECT_FALSE(KeyRotation({{"main", "agent-5"}}, plan).is_draining("agent-1"));
}

}  // namespace
}  // namespace perpwire::signer
