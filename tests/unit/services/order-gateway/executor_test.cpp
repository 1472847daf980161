#include "services/order-gateway/executor.hpp"

#include "libs/common/contract_json.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

const TradingPair kPair{"BTC-USD"};
const ClientOrderId kId{"a-client-order-id-that-no-string-keeps-inside-itself"};
// The longest there is: long enough that its digits lie on the heap.
constexpr std::uint64_t kVenueId = 18'446'744'073'709'551'615U;

class KeepingWriter : public EventWriter {
 public:
  std::vector<v1::Envelope> events;
  bool publish(const std::string& /*topic*/, v1::Envelope& envelope) override {
    events.push_back(envelope);
    return true;
  }
  bool note(v1::JournalRecord& /*record*/) override { return true; }
};

hyperliquid::Instruments instruments() {
  hyperliquid::InstrumentSources sources;
  sources.perp_dexs = "[null]";
  sources.metas.push_back(
      {"", R"({"universe":[{"szDecimals":3,"name":"BTC","maxLeverage":40,"marginTableId":40}],)"
           R"("marginTables":[],"collateralToken":0})"});
  auto built = hyperliquid::Instruments::build(sources);
  EXPECT_TRUE(built.has_value());
  return std::move(*built);
}

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    core_.instruments = &instruments_;
    core_.now = {.wall = UnixNanos::from_millis(1'700'000'000'000), .mono = std::chrono::hours{1}};
  }

  InFlightOrder& track_an_order() {
    OrderContent content;
    content.client_order_id = kId;
    content.account = AccountName{"main"};
    content.trading_pair = kPair;
    content.side = Side::kSell;
    content.price = Price{Decimal{50'000}};
    content.amount = Quantity{Decimal{2}};
    std::vector<TrackerEvent> events;
    return *core_.tracker.place(content, "0xf1a50001aa", core_.now.wall, events).order;
  }
  /// An order that rests at the venue as `kVenueId`.
  void rest_an_order() {
    std::vector<TrackerEvent> events;
    InFlightOrder& order = track_an_order();
    order.create_fate(Fate::kAccepted, {.venue_order_id = VenueOrderId{std::to_string(kVenueId)},
                                        .executed = {},
                                        .time = core_.now.wall});
    core_.tracker.settle(order, core_.now.wall, events);
  }

  static EngineSettings settings() {
    EngineSettings made;
    made.account = "main";
    made.address = "0x1111111111111111111111111111111111111111";
    made.network = "testnet";
    made.cloid_prefix = "0xf1a50001";
    return made;
  }

  const hyperliquid::Instruments instruments_ = instruments();
  KeepingWriter writer_;
  EngineCore core_{settings(), writer_};
  Executor executor_{core_};
};

TEST_F(ExecutorTest, AModifyNamesTheLegByTheVenuesOwnIdAndAsksForAPostOnlyOne) {
  rest_an_order();
  executor_.modify(kId, {.action = 0,
                         .price = Price{Decimal{51'000}},
                         .amount = Quantity{Decimal{3}},
                         .quantity = Quantity{Decimal{3}}});
  ASSERT_EQ(core_.out.size(), 1U);
  const auto* sign = std::get_if<SignOut>(&core_.out.front());
  ASSERT_NE(sign, nullptr);
  ASSERT_EQ(sign->request.batch_modify().modifies_size(), 1);
  const v1::WireModify& wire = sign->request.batch_modify().modifies(0);
  EXPECT_EQ(wire.venue_order_id(), kVenueId);
  EXPECT_EQ(wire.order().time_in_force(), "ALO");
  EXPECT_FALSE(wire.order().is_buy());
  EXPECT_EQ(to_decimal(wire.order().price())->to_string(), "51000");
  EXPECT_EQ(to_decimal(wire.order().quantity())->to_string(), "3");
  EXPECT_EQ(wire.order().cloid(), "0xf1a50001aa");
}

TEST_F(ExecutorTest, AForeignOrderIsCancelledByTheVenuesOwnId) {
  Orphan foreign;
  foreign.word.venue_order_id = VenueOrderId{std::to_string(kVenueId)};
  foreign.trading_pair = kPair;
  executor_.cancel_foreign({foreign});
  ASSERT_EQ(core_.out.size(), 1U);
  const auto& request = std::get<SignOut>(core_.out.front()).request;
  ASSERT_EQ(request.cancel().cancels_size(), 1);
  EXPECT_EQ(request.cancel().cancels(0).venue_order_id(), kVenueId);
}

// What a proxy answers in the venue's place need not be text at all.
TEST_F(ExecutorTest, WordsThatAreNoTextDoNotMakeTheEventUnreadable) {
  track_an_order();
  executor_.place({{kId, Price{Decimal{50'000}}}});
  const SignId sign = std::get<SignOut>(core_.out.back()).id;
  core_.out.clear();
  v1::SignReply reply;
  reply.set_status("OK");
  reply.set_nonce(1);
  reply.set_body("{}");
  core_.on_signed(sign, reply);
  ASSERT_TRUE(std::holds_alternative<SendRest>(core_.out.back()));
  std::string page(199, 'x');
  page += "\xe2\x82\xac and so on";  // the character that the excerpt ends in
  executor_.on_answer(
      std::get<SendRest>(core_.out.back()).action, false,
      {.kind = CopyAnswer::Kind::kHttpStatus, .body = page, .status = 422, .reason = {}});
  ASSERT_FALSE(writer_.events.empty());
  const auto& order = writer_.events.back().order();
  EXPECT_EQ(order.order_state(), "FAILED");
  EXPECT_EQ(order.failure().reason(), std::string(199, 'x'));
}

// A fence that is refused may ask for the next one at once: the callback runs while its own action
// is being ended.
TEST_F(ExecutorTest, AFenceMayBeFollowedByAnotherFromInsideItsCallback) {
  int told = 0;
  executor_.fence(7, "agent-1", [&](bool held) {
    EXPECT_FALSE(held);
    ++told;
    executor_.fence(7, "agent-1", [&](bool again) {
      EXPECT_FALSE(again);
      ++told;
    });
  });
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(core_.out.size(), 1U);
    const SignId id = std::get<SignOut>(core_.out.front()).id;
    core_.out.clear();
    core_.on_signed(id, fail(ErrorCode::kTimeout, "no answer"));
  }
  EXPECT_EQ(told, 2);
  EXPECT_EQ(executor_.unanswered(), 0U);
}

}  // namespace
}  // namespace perpwire::gateway
