#include "services/order-gateway/account_engine.hpp"

#include "libs/common/contract_json.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

class NullWriter : public EventWriter {
 public:
  bool publish(const std::string& /*topic*/, v1::Envelope& /*envelope*/) override { return true; }
  bool note(v1::JournalRecord& /*record*/) override { return true; }
};

const Now kNow{.wall = UnixNanos::from_millis(1'700'000'000'000), .mono = std::chrono::hours{1}};

class AccountEngineTest : public testing::Test {
 protected:
  static EngineSettings settings() {
    EngineSettings made;
    made.account = "main";
    made.address = "0x1111111111111111111111111111111111111111";
    made.network = "testnet";
    made.cloid_prefix = "0xf1a50001";
    made.need_risk = false;
    return made;
  }

  static v1::OrderRequest order(const std::string& id) {
    v1::OrderRequest made;
    made.set_client_order_id(id);
    made.set_account("main");
    made.set_trading_pair("BTC-USD");
    made.set_trade_type("BUY");
    made.set_order_type("LIMIT");
    made.set_time_in_force("GTC");
    set_decimal(Decimal{50'000}, *made.mutable_price());
    set_decimal(Decimal{1}, *made.mutable_amount());
    return made;
  }

  /// As an earlier life left it: placed, and open at the venue.
  void restore_open(const std::string& id) {
    v1::JournalRecord intent;
    *intent.mutable_order_intent()->mutable_order() = order(id);
    intent.mutable_order_intent()->set_cloid("0xf1a50001aa");
    engine_.restore(intent);
    OrderEvent created{.kind = OrderEventKind::kCreated,
                       .order = engine_.tracker().find(ClientOrderId{id})->view(kNow.wall),
                       .failure = std::nullopt,
                       .trade_id = std::nullopt};
    created.order.venue_order_id = VenueOrderId{"1001"};
    created.order.state = OrderState::kOpen;
    v1::JournalRecord event;
    event.mutable_event()->set_topic(topic_of(created));
    *event.mutable_event()->mutable_envelope() = envelope_of(created);
    engine_.restore(event);
  }

  NullWriter writer_;
  RiskGate risk_;
  ReferencePrices references_{std::chrono::seconds{5}};
  AccountEngine engine_{settings(), writer_, risk_, references_};
};

// After a restart clients are back before the venue's asset map is: an order of an earlier life is
// there to be modified, its instrument is not.
TEST_F(AccountEngineTest, BeforeTheAssetMapIsLoadedEveryCommandHasAnAnswer) {
  restore_open("o-1");
  engine_.finish_restore(kNow);
  ASSERT_EQ(engine_.tracker().find(ClientOrderId{"o-1"})->state(), OrderState::kOpen);
  for (const char* type :
       {"place", "place_batch", "cancel", "cancel_batch", "cancel_all", "modify", "modify_batch",
        "close_position", "get_order", "get_open_orders", "get_positions", "get_balances"}) {
    v1::Command command;
    command.set_type(type);
    command.set_request_id("r");
    command.set_client_order_id("o-1");
    *command.mutable_order() = order("o-2");
    *command.add_orders() = order("o-3");
    command.add_modifies()->set_client_order_id("o-1");
    command.add_cancels()->set_client_order_id("o-1");
    set_decimal(Decimal{49'000}, *command.mutable_price());
    const v1::Reply reply = engine_.on_command(command, kNow);
    EXPECT_EQ(reply.request_id(), "r") << type;
    if (std::string(type) == "modify") {
      EXPECT_EQ(reply.code(), "NOT_READY") << reply.reason();
    }
  }
}

}  // namespace
}  // namespace perpwire::gateway
