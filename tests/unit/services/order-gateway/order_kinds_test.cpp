#include "libs/common/contract_json.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

void set(v1::Decimal* out, const std::string& text) { set_decimal(*Decimal::parse(text), *out); }

std::string text(const v1::Decimal& value) { return to_decimal(value)->to_string(); }

auto trigger(const std::string& type, const std::string& at) {
  return [type, at](v1::OrderRequest& order) {
    order.set_order_type(type);
    set(order.mutable_trigger_price(), at);
    order.set_reduce_only(true);
  };
}

v1::OrderRequest order_of(const std::string& id, const std::string& side, const std::string& type,
                          const std::string& price, const std::string& at,
                          const std::string& amount = "0.01") {
  v1::OrderRequest order;
  order.set_client_order_id(id);
  order.set_trading_pair("BTC-USD");
  order.set_trade_type(side);
  order.set_order_type(type);
  if (!price.empty()) set(order.mutable_price(), price);
  if (!at.empty()) {
    set(order.mutable_trigger_price(), at);
    order.set_reduce_only(true);
  }
  set(order.mutable_amount(), amount);
  return order;
}

class Ready : public testing::Test {
 protected:
  explicit Ready(const EngineSettings& settings = EngineBench::default_settings())
      : bench(settings) {
    bench.start();
  }
  const EngineBench::Sent& last() { return bench.sent.back(); }
  EngineBench bench;
};

// ---------------------------------------------------------------- trigger orders

class TriggerOrders : public Ready {};

TEST_F(TriggerOrders, AStopLimitGoesOutWithItsTriggerAndItsPrice) {
  ASSERT_EQ(bench.place("s", "SELL", "47900", "0.01", trigger("STOP_LIMIT", "48000")).status(),
            "ACCEPTED");
  const v1::WireOrder& wire = last().request.order().orders(0);
  EXPECT_EQ(text(wire.price()), "47900");
  EXPECT_TRUE(wire.has_trigger());
  EXPECT_FALSE(wire.trigger().is_market());
  EXPECT_EQ(text(wire.trigger().trigger_price()), "48000");
  EXPECT_EQ(wire.trigger().kind(), "sl");
  EXPECT_TRUE(wire.time_in_force().empty());
  EXPECT_EQ(last().request.order().grouping(), "na");
}

TEST_F(TriggerOrders, AMarketOneGoesOutWithAValidPriceTenPercentBeyondItsTrigger) {
  bench.place("s", "SELL", "", "0.01", trigger("STOP_MARKET", "48001"));
  EXPECT_EQ(text(last().request.order().orders(0).price()), "43201") << "43200.9, rounded inward";
  bench.place("t", "BUY", "", "0.01", trigger("TAKE_PROFIT_MARKET", "48001"));
  EXPECT_EQ(text(last().request.order().orders(0).price()), "52801") << "52801.1, rounded inward";
  EXPECT_EQ(last().request.order().orders(0).trigger().kind(), "tp");
  EXPECT_TRUE(last().request.order().orders(0).trigger().is_market());
}

TEST_F(TriggerOrders, WaitsFiresAndFillsAsOneOrderWhicheverReadingTheVenueHas) {
  for (const bool child : {false, true}) {
    const std::string id = child ? "child" : "same";
    const std::uint64_t oid = child ? 200 : 100;
    bench.place(id, "BUY", "51000", "0.01", trigger("STOP_LIMIT", "50900"));
    bench.answer_statuses(last(), R"("waitingForTrigger")");
    EXPECT_EQ(bench.state(id), OrderState::kOpen);
    bench.update(bench.cloid(id), oid, "open", "51000", "0.01");
    bench.update(bench.cloid(id), oid, "triggered", "51000", "0.01");
    const std::uint64_t fired = child ? oid + 1 : oid;
    if (child) bench.update(bench.cloid(id), fired, "open", "51000", "0.01");
    bench.fill(bench.cloid(id), fired, "B", "51000", "0.01", child ? "0.01" : "0.0", oid);
    bench.update(bench.cloid(id), fired, "filled", "51000", "0.0");
    EXPECT_EQ(bench.state(id), OrderState::kFilled) << id;
  }
  EXPECT_EQ(bench.events("order_created").size(), 2U);
  EXPECT_EQ(bench.events("order_filled").size(), 2U);
  const auto created = bench.events("order_created")[0].order();
  EXPECT_FALSE(created.has_exchange_order_id()) << "not known when it was created";
  EXPECT_EQ(created.order_type(), "STOP_LIMIT");
  EXPECT_EQ(text(created.trigger_price()), "50900");
}

TEST_F(TriggerOrders, AChildThatIsHeardOfFirstIsStillTheLaterLeg) {
  bench.place("s", "BUY", "51000", "0.01", trigger("STOP_LIMIT", "50900"));
  bench.answer_statuses(last(), R"("waitingForTrigger")");
  bench.update(bench.cloid("s"), 301, "open", "51000", "0.01");
  bench.update(bench.cloid("s"), 300, "triggered", "51000", "0.01");
  ASSERT_EQ(bench.order("s")->legs().size(), 2U);
  EXPECT_EQ(bench.order("s")->venue_order_id(), VenueOrderId{"301"});
}

TEST_F(TriggerOrders, OneThatWaitsIsCancelledByItsCloidAndNeverModified) {
  bench.place("s", "SELL", "47900", "0.01", trigger("STOP_LIMIT", "48000"));
  bench.answer_statuses(last(), R"("waitingForTrigger")");
  v1::Command modify;
  modify.set_type("modify");
  modify.set_client_order_id("s");
  set(modify.mutable_price(), "47000");
  EXPECT_EQ(bench.command(modify).code(), "UNSUPPORTED");
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("s");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
  ASSERT_TRUE(last().request.has_cancel_by_cloid());
  EXPECT_FALSE(last().request.cancel_by_cloid().fast()) << "the venue refuses it for triggers";
  bench.answer_statuses(last(), R"("success")");
  EXPECT_EQ(bench.state("s"), OrderState::kCancelled);
}

struct Refused {
  const char* name;
  const char* type;
  const char* price;
  const char* trigger;
  const char* field;
};
class TriggerWords : public testing::TestWithParam<Refused> {};
TEST_P(TriggerWords, AreCheckedByName) {
  EngineBench bench;
  bench.start();
  const Refused& row = GetParam();
  const auto reply = bench.place("x", "SELL", row.price, "0.01", [&](v1::OrderRequest& order) {
    order.set_order_type(row.type);
    if (*row.trigger != 0) set(order.mutable_trigger_price(), row.trigger);
  });
  EXPECT_EQ(reply.status(), "REJECTED");
  EXPECT_NE(reply.reason().find(row.field), std::string::npos) << reply.reason();
  EXPECT_TRUE(bench.sent.empty());
}
INSTANTIATE_TEST_SUITE_P(
    Rows, TriggerWords,
    testing::Values(Refused{"NoTrigger", "STOP_LIMIT", "48000", "", "trigger_price"},
                    Refused{"NoPrice", "TAKE_PROFIT_LIMIT", "", "52000", "price"},
                    Refused{"PriceOfMarket", "STOP_MARKET", "48000", "48000", "price"},
                    Refused{"TriggerOfLimit", "LIMIT", "48000", "48000", "trigger_price"},
                    Refused{"OffTick", "STOP_MARKET", "", "48000.5", "48000.5"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---------------------------------------------------------------- groups

class Groups : public Ready {
 protected:
  v1::Reply place(const std::string& grouping, const std::vector<v1::OrderRequest>& orders) {
    v1::Command command;
    command.set_type("place_batch");
    command.set_grouping(grouping);
    for (const auto& order : orders) *command.add_orders() = order;
    return bench.command(command);
  }
  std::vector<v1::OrderRequest> family() {
    return {order_of("p", "BUY", "LIMIT", "49000", ""),
            order_of("tp", "SELL", "TAKE_PROFIT_LIMIT", "52000", "52000"),
            order_of("sl", "SELL", "STOP_MARKET", "", "48000")};
  }
};

TEST_F(Groups, AParentAndItsChildrenGoOutInOneAction) {
  const auto reply = place("normalTpsl", family());
  for (const auto& result : reply.results()) EXPECT_EQ(result.status(), "ACCEPTED");
  ASSERT_EQ(bench.sent.size(), 1U);
  EXPECT_EQ(last().request.order().grouping(), "normalTpsl");
  EXPECT_EQ(last().request.order().orders_size(), 3);
  EXPECT_EQ(last().request.order().orders(0).cloid(), bench.cloid("p"));
  bench.answer_statuses(last(), R"({"resting":{"oid":1}},"waitingForFill","waitingForFill")");
  for (const auto* id : {"p", "tp", "sl"}) EXPECT_EQ(bench.state(id), OrderState::kOpen) << id;
  // The parent fills, the children wake, one fills, the other goes.
  bench.fill(bench.cloid("p"), 1, "B", "49000", "0.01", "0.0", 5);
  bench.update(bench.cloid("tp"), 2, "open", "52000", "0.01");
  bench.update(bench.cloid("sl"), 3, "open", "43200", "0.01");
  bench.update(bench.cloid("sl"), 3, "siblingFilledCanceled", "43200", "0.01");
  EXPECT_EQ(bench.state("p"), OrderState::kFilled);
  EXPECT_EQ(bench.state("tp"), OrderState::kOpen);
  EXPECT_EQ(bench.state("sl"), OrderState::kCancelled);
}

TEST_F(Groups, OneRefusalForAllRefusesAll) {
  place("normalTpsl", family());
  bench.answer_statuses(last(), R"({"error":"Insufficient margin to place order. asset=0"})");
  for (const auto* id : {"p", "tp", "sl"}) EXPECT_EQ(bench.state(id), OrderState::kFailed) << id;
}

TEST_F(Groups, WhatDoesNotFitIsRefusedWholeAndNothingIsTracked) {
  auto orders = family();
  orders[2].set_reduce_only(false);
  const auto reply = place("normalTpsl", orders);
  ASSERT_EQ(reply.results_size(), 3);
  for (const auto& result : reply.results()) {
    EXPECT_EQ(result.code(), "INVALID_COMMAND");
    EXPECT_NE(result.reason().find("sl: expected reduce_only"), std::string::npos);
  }
  EXPECT_TRUE(bench.sent.empty());
  EXPECT_EQ(bench.order("p"), nullptr);
}

TEST_F(Groups, ShapesAreChecked) {
  EXPECT_EQ(place("normal", family()).results(0).code(), "INVALID_COMMAND");
  EXPECT_EQ(place("normalTpsl", {order_of("p", "BUY", "LIMIT", "49000", "")}).results(0).code(),
            "INVALID_COMMAND");
  auto wrong_side = family();
  wrong_side[1].set_trade_type("BUY");
  EXPECT_EQ(place("normalTpsl", wrong_side).results(1).code(), "INVALID_COMMAND");
  auto two_stops = family();
  two_stops[1] = order_of("sl2", "SELL", "STOP_MARKET", "", "47000");
  EXPECT_EQ(place("normalTpsl", two_stops).results(0).code(), "INVALID_COMMAND");
  EXPECT_TRUE(bench.sent.empty());
}

TEST_F(Groups, TheSameAgainIsAnsweredTheSameAndPlacedOnce) {
  place("normalTpsl", family());
  const auto again = place("normalTpsl", family());
  EXPECT_EQ(again.results(2).status(), "ACCEPTED");
  EXPECT_EQ(bench.sent.size(), 1U);
}

TEST_F(Groups, OneIdTwiceIsRefused) {
  auto orders = family();
  orders[2].set_client_order_id("tp");
  EXPECT_EQ(place("normalTpsl", orders).results(0).code(), "DUPLICATE_CLIENT_ORDER_ID");
  EXPECT_TRUE(bench.sent.empty());
}

TEST_F(Groups, StopsOfThePositionNeedNoParent) {
  const auto reply =
      place("positionTpsl", {order_of("tp", "SELL", "TAKE_PROFIT_MARKET", "", "52000"),
                             order_of("sl", "SELL", "STOP_MARKET", "", "48000")});
  EXPECT_EQ(reply.results(0).status(), "ACCEPTED") << reply.results(0).reason();
  EXPECT_EQ(last().request.order().grouping(), "positionTpsl");
  EXPECT_EQ(place("positionTpsl", family()).results(0).code(), "INVALID_COMMAND")
      << "a parent has no place in it";
}

// ---------------------------------------------------------------- TWAP

class Twaps : public Ready {
 protected:
  v1::Reply start(const std::string& id, std::uint32_t minutes = 30) {
    return bench.place(id, "BUY", "", "0.1", [minutes](v1::OrderRequest& order) {
      order.set_order_type("TWAP");
      order.set_twap_minutes(minutes);
      order.set_twap_randomize(true);
    });
  }
  std::string history(const std::string& status, const std::string& executed, int id = 7) {
    return R"({"time":1700000000,"state":{"coin":"BTC","user":"0x1","side":"B","sz":"0.1",)"
           R"("executedSz":")" +
           executed + R"(","executedNtl":"0","minutes":30,"reduceOnly":false,"randomize":true,)" +
           R"("timestamp":)" + std::to_string(bench.wall_ms()) + R"(},"status":{"status":")" +
           status + R"("},"twapId":)" + std::to_string(id) + "}";
  }
  void tell(const std::string& status, const std::string& executed) {
    bench.frame(R"({"channel":"user","data":{"twapHistory":[)" + history(status, executed) + "]}}");
  }
  void slice(std::uint64_t oid, const std::string& size, const std::string& start_position) {
    bench.fill("", oid, "B", "50001", size, start_position, oid, R"(,"twapId":7)");
  }
  static constexpr auto kRunning =
      R"({"status":"ok","response":{"type":"twapOrder","data":{"status":{"running":{"twapId":7}}}}})";
};

TEST_F(Twaps, ItsSlicesAreItsFillsAndItsEndIsTheVenuesWord) {
  ASSERT_EQ(start("t").status(), "ACCEPTED");
  const v1::TwapOrderAction& wire = last().request.twap_order();
  EXPECT_EQ(text(wire.quantity()), "0.1");
  EXPECT_EQ(wire.minutes(), 30U);
  EXPECT_TRUE(wire.randomize());
  bench.answer(last(), kRunning);
  EXPECT_EQ(bench.state("t"), OrderState::kOpen);
  EXPECT_EQ(bench.events("order_created")[0].order().exchange_order_id(), "twap:7");
  tell("activated", "0");
  slice(501, "0.04", "0.0");
  slice(502, "0.06", "0.04");
  tell("finished", "0.1");
  EXPECT_EQ(bench.state("t"), OrderState::kFilled);
  EXPECT_EQ(bench.events("order_partial_fill").size(), 1U);
  EXPECT_EQ(bench.events("order_filled").size(), 1U);
  EXPECT_EQ(bench.events("fill")[0].fill().client_order_id(), "t");
}

TEST_F(Twaps, OneThatEndsShortIsCancelledWithWhatItFilled) {
  start("t");
  bench.answer(last(), kRunning);
  slice(501, "0.04", "0.0");
  tell("finished", "0.04");
  EXPECT_EQ(bench.state("t"), OrderState::kCancelled);
  EXPECT_EQ(text(bench.events("order_cancelled")[0].order().filled_amount()), "0.04");
}

TEST_F(Twaps, ItsCancelNamesItsNumber) {
  start("t");
  bench.answer(last(), kRunning);
  v1::Command cancel;
  cancel.set_type("cancel_all");
  bench.command(cancel);
  ASSERT_TRUE(last().request.has_twap_cancel());
  EXPECT_EQ(last().request.twap_cancel().twap_id(), 7U);
  bench.answer(last(),
               R"({"status":"ok","response":{"type":"twapCancel","data":{"status":"success"}}})");
  EXPECT_EQ(bench.state("t"), OrderState::kCancelled);
}

TEST_F(Twaps, TheVenuesRefusalFailsIt) {
  start("t");
  bench.answer(
      last(),
      R"({"status":"ok","response":{"type":"twapOrder","data":{"status":{"error":"TWAP order value too small. Min is $100."}}}})");
  EXPECT_EQ(bench.state("t"), OrderState::kFailed);
  EXPECT_EQ(bench.events("order_failed")[0].order().failure().code(), "MIN_NOTIONAL");
}

TEST_F(Twaps, AnUnansweredOneIsFoundInTheHistoryByItsTerms) {
  start("t");
  bench.info["twapHistory"] = "[" + history("activated", "0") + "]";
  bench.http_status(last(), 502);
  ASSERT_EQ(bench.state("t"), OrderState::kUnknown);
  bench.advance(1'500);
  EXPECT_EQ(bench.state("t"), OrderState::kOpen);
  EXPECT_EQ(bench.order("t")->venue_order_id(), VenueOrderId{"twap:7"});
}

TEST_F(Twaps, AnUnansweredOneThatTheHistoryDoesNotKnowIsNeverPlacedAfterItsExpiryAlone) {
  start("t");
  bench.http_status(last(), 502);
  const auto expires = static_cast<std::int64_t>(bench.sent.at(0).expires_after_ms);
  bench.advance(expires + 1'900 - bench.wall_ms());
  EXPECT_EQ(bench.state("t"), OrderState::kUnknown);
  bench.advance(6'000);
  EXPECT_EQ(bench.state("t"), OrderState::kFailed);
}

TEST_F(Twaps, ARestartKnowsItAndItsFills) {
  start("t");
  bench.answer(last(), kRunning);
  slice(501, "0.04", "0.0");
  bench.restart();
  EXPECT_EQ(bench.order("t")->filled().to_string(), "0.04");
  EXPECT_EQ(bench.order("t")->legs().size(), 1U);
  bench.start();
  slice(502, "0.06", "0.04");
  EXPECT_EQ(bench.state("t"), OrderState::kFilled);
}

TEST_F(Twaps, TermsAreChecked) {
  EXPECT_EQ(start("a", 4).code(), "INVALID_COMMAND");
  EXPECT_EQ(start("b", 10'081).code(), "INVALID_COMMAND");
  EXPECT_EQ(bench
                .place("c", "BUY", "", "0.001",
                       [](v1::OrderRequest& order) {
                         order.set_order_type("TWAP");
                         order.set_twap_minutes(5);
                       })
                .code(),
            "MIN_NOTIONAL");
  EXPECT_TRUE(bench.sent.empty());
}

// ---------------------------------------------------------------- leverage and margin

class Terms : public Ready {
 protected:
  v1::Command leverage(std::uint32_t value, const std::string& mode) {
    v1::Command command;
    command.set_type("set_leverage");
    command.set_request_id("r1");
    command.set_trading_pair("BTC-USD");
    command.set_leverage(value);
    command.set_margin_mode(mode);
    return command;
  }
  v1::Command margin(const std::string& amount) {
    v1::Command command;
    command.set_type("set_isolated_margin");
    command.set_request_id("r2");
    command.set_trading_pair("BTC-USD");
    set(command.mutable_amount(), amount);
    return command;
  }
  static constexpr auto kDone = R"({"status":"ok","response":{"type":"default"}})";
};

TEST_F(Terms, LeverageIsSetOnceAndARepeatIsAnsweredTheSame) {
  EXPECT_EQ(bench.command(leverage(10, "ISOLATED")).status(), "ACCEPTED");
  const v1::UpdateLeverageAction& wire = last().request.update_leverage();
  EXPECT_EQ(wire.leverage(), 10U);
  EXPECT_FALSE(wire.is_cross());
  EXPECT_EQ(last().request.lease_epoch(), 1U);
  bench.asked.clear();
  bench.answer(last(), kDone);
  EXPECT_EQ(bench.command(leverage(10, "ISOLATED")).status(), "ACCEPTED");
  EXPECT_EQ(bench.sent.size(), 1U);
  ASSERT_FALSE(bench.asked.empty()) << "the venue's own view follows";
  EXPECT_NE(bench.asked.back().find("clearinghouseState"), std::string::npos);
}

TEST_F(Terms, TheVenuesRefusalIsWhatARepeatHears) {
  bench.command(leverage(10, "ISOLATED"));
  bench.answer(last(),
               R"({"status":"err","response":"Cannot switch leverage type with open position."})");
  const auto again = bench.command(leverage(10, "ISOLATED"));
  EXPECT_EQ(again.status(), "REJECTED");
  EXPECT_EQ(again.reason(), "Cannot switch leverage type with open position.");
  EXPECT_EQ(bench.sent.size(), 1U);
}

TEST_F(Terms, WordsAreChecked) {
  EXPECT_EQ(bench.command(leverage(41, "CROSS")).code(), "INVALID_COMMAND");
  EXPECT_EQ(bench.command(leverage(0, "CROSS")).code(), "INVALID_COMMAND");
  EXPECT_EQ(bench.command(leverage(5, "BOTH")).code(), "INVALID_COMMAND");
  EXPECT_EQ(bench.command(margin("5")).code(), "POSITION_NOT_FOUND");
  EXPECT_TRUE(bench.sent.empty());
}

TEST_F(Terms, IsolatedMarginIsSignedInMillionths) {
  bench.place("a", "SELL", "51000", "0.01");
  bench.answer_statuses(last(), R"({"resting":{"oid":1}})");
  bench.fill(bench.cloid("a"), 1, "A", "51000", "0.01", "0.0", 1);
  EXPECT_EQ(bench.command(margin("-12.5")).status(), "ACCEPTED");
  const v1::UpdateIsolatedMarginAction& wire = last().request.update_isolated_margin();
  EXPECT_EQ(wire.usd_micros(), -12'500'000);
  EXPECT_FALSE(wire.is_buy());
  auto too_fine = margin("0.0000001");
  too_fine.set_request_id("r3");
  EXPECT_EQ(bench.command(too_fine).code(), "INVALID_COMMAND");
}

// ---------------------------------------------------------------- sessions

class SessionsOfClients : public Ready {
 protected:
  v1::Reply heartbeat(const std::string& policy, std::uint32_t ms, const std::string& name = "mm") {
    v1::Command command;
    command.set_type("session");
    command.mutable_session()->set_name(name);
    command.mutable_session()->set_cancel_on_disconnect(policy);
    command.mutable_session()->set_heartbeat_timeout_ms(ms);
    return bench.command(command);
  }
  void two_orders() {
    bench.place("mine", "BUY", "49000", "0.01",
                [](v1::OrderRequest& order) { order.set_strategy("mm"); });
    bench.answer_statuses(last(), R"({"resting":{"oid":1}})");
    bench.place("other", "BUY", "48000", "0.01");
    bench.answer_statuses(last(), R"({"resting":{"oid":2}})");
    bench.sent.clear();
  }
  int cancels() {
    int count = 0;
    for (const auto& sent : bench.sent) count += sent.request.cancel_by_cloid().cancels_size();
    return count;
  }
};

TEST_F(SessionsOfClients, SilenceCancelsTheStrategysOrdersAlone) {
  two_orders();
  ASSERT_EQ(heartbeat("strategy", 1'000).status(), "ACCEPTED");
  bench.advance(900);
  heartbeat("strategy", 1'000);
  bench.advance(900);
  EXPECT_EQ(cancels(), 0) << "it was heard in time";
  bench.advance(200);
  EXPECT_EQ(cancels(), 1);
  EXPECT_EQ(bench.state("mine"), OrderState::kPendingCancel);
  EXPECT_EQ(bench.state("other"), OrderState::kOpen);
}

TEST_F(SessionsOfClients, AccountCancelsAllAndNoneNothing) {
  two_orders();
  heartbeat("none", 500);
  bench.advance(600);
  EXPECT_EQ(cancels(), 0);
  heartbeat("account", 500);
  bench.advance(600);
  EXPECT_EQ(cancels(), 2);
}

TEST_F(SessionsOfClients, AnEndedSessionCancelsNothing) {
  two_orders();
  heartbeat("account", 500);
  EXPECT_EQ(heartbeat("account", 0).status(), "ACCEPTED");
  bench.advance(1'000);
  EXPECT_EQ(cancels(), 0);
}

TEST_F(SessionsOfClients, ARestartStillWaitsForItsClient) {
  two_orders();
  heartbeat("account", 2'000);
  bench.restart();
  bench.info["frontendOpenOrders"] = "[]";
  bench.start();
  bench.advance(2'100);
  EXPECT_EQ(cancels(), 2);
}

TEST_F(SessionsOfClients, WordsAreChecked) {
  EXPECT_EQ(heartbeat("sometimes", 1'000).code(), "INVALID_COMMAND");
  EXPECT_EQ(heartbeat("none", 10).code(), "INVALID_COMMAND");
  EXPECT_EQ(heartbeat("none", 1'000, "").code(), "INVALID_COMMAND");
}

// ---------------------------------------------------------------- scheduled cancel

EngineSettings with_switch() {
  EngineSettings settings = EngineBench::default_settings();
  settings.schedule_cancel = true;
  return settings;
}

class DeadMansSwitch : public Ready {
 protected:
  DeadMansSwitch() : Ready(with_switch()) {}
  std::vector<const EngineBench::Sent*> schedules() {
    std::vector<const EngineBench::Sent*> found;
    for (const auto& sent : bench.sent) {
      if (sent.request.has_schedule_cancel()) found.push_back(&sent);
    }
    return found;
  }
  void rest_one() {
    bench.place("a", "BUY", "49000", "0.01");
    bench.answer_statuses(last(), R"({"resting":{"oid":1}})");
    bench.info["frontendOpenOrders"] =
        R"([{"coin":"BTC","side":"B","limitPx":"49000","sz":"0.01","oid":1,"timestamp":1,)"
        R"("origSz":"0.01","cloid":")" +
        bench.cloid("a") + R"("}])";
    bench.advance(100);
  }
  static constexpr auto kDone = R"({"status":"ok","response":{"type":"default"}})";
};

TEST_F(DeadMansSwitch, IsArmedWhileOrdersAreLiveAndRenewed) {
  bench.advance(60'000);
  EXPECT_TRUE(schedules().empty()) << "nothing to cancel, nothing armed";
  rest_one();
  ASSERT_EQ(schedules().size(), 1U);
  const auto first = schedules()[0]->request.schedule_cancel().time_ms();
  const auto at = static_cast<std::int64_t>(first) - bench.wall_ms();
  EXPECT_GE(at, 59'800);
  EXPECT_LE(at, 60'000);
  bench.answer(*schedules()[0], kDone);
  EXPECT_TRUE(
      bench.events("gateway_status").back().gateway_status().has_scheduled_cancel_timestamp());
  bench.advance(19'000);
  EXPECT_EQ(schedules().size(), 1U);
  bench.advance(2'000);
  ASSERT_EQ(schedules().size(), 2U);
  EXPECT_GT(schedules()[1]->request.schedule_cancel().time_ms(), first + 19'000);
}

TEST_F(DeadMansSwitch, IsClearedWhenTheLastOrderIsGone) {
  rest_one();
  bench.answer(*schedules()[0], kDone);
  bench.info["frontendOpenOrders"] = "[]";
  bench.update(bench.cloid("a"), 1, "canceled", "49000", "0.01");
  bench.advance(11'000);
  ASSERT_EQ(schedules().size(), 2U);
  EXPECT_FALSE(schedules()[1]->request.schedule_cancel().has_time_ms()) << "cleared";
}

TEST_F(DeadMansSwitch, AnAccountThatMayNotUseItSaysWhyAndIsNotAskedAgainSoon) {
  rest_one();
  const std::string words =
      "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: "
      "$167.22.";
  bench.answer(*schedules()[0], R"({"status":"err","response":")" + words + "\"}");
  const auto status = bench.events("gateway_status").back().gateway_status();
  EXPECT_EQ(status.scheduled_cancel_reason(), words);
  EXPECT_FALSE(status.has_scheduled_cancel_timestamp());
  bench.advance(120'000);
  EXPECT_EQ(schedules().size(), 1U);
}

TEST_F(DeadMansSwitch, AStopThatLeavesTheOrdersClearsIt) {
  rest_one();
  bench.answer(*schedules()[0], kDone);
  bench.engine->on_stop(bench.now(), true);
  bench.pump();
  ASSERT_EQ(schedules().size(), 2U);
  EXPECT_FALSE(schedules()[1]->request.schedule_cancel().has_time_ms());
}

// ---------------------------------------------------------------- self-trade

EngineSettings that_refuse() {
  EngineSettings settings = EngineBench::default_settings();
  settings.refuse_self_trade = true;
  return settings;
}
class SelfTrade : public Ready {
 protected:
  SelfTrade() : Ready(that_refuse()) {}
};

TEST_F(SelfTrade, AnOrderThatWouldMeetOurOwnIsRefusedByName) {
  bench.place("ask", "SELL", "50500", "0.01",
              [](v1::OrderRequest& order) { order.set_strategy("maker"); });
  const auto refused = bench.place("bid", "BUY", "50500", "0.01");
  EXPECT_EQ(refused.code(), "RISK_SELF_TRADE");
  EXPECT_NE(refused.reason().find("our own order ask at 50500 of strategy maker"),
            std::string::npos)
      << refused.reason();
  EXPECT_EQ(bench.place("below", "BUY", "50499", "0.01").status(), "ACCEPTED");
  EXPECT_EQ(bench
                .place("closes", "BUY", "50600", "0.01",
                       [](v1::OrderRequest& order) { order.set_reduce_only(true); })
                .status(),
            "ACCEPTED")
      << "what reduces risk is never held up";
}

TEST_F(SelfTrade, AModifyIsCheckedToo) {
  bench.place("ask", "SELL", "49500", "0.01",
              [](v1::OrderRequest& order) { order.set_time_in_force("GTC"); });
  bench.answer_statuses(last(), R"({"resting":{"oid":1}})");
  bench.place("bid", "BUY", "49000", "0.01");
  bench.answer_statuses(last(), R"({"resting":{"oid":2}})");
  v1::Command modify;
  modify.set_type("modify");
  modify.set_client_order_id("bid");
  set(modify.mutable_price(), "49500");
  EXPECT_EQ(bench.command(modify).code(), "RISK_SELF_TRADE");
}

class SelfTradeAllowed : public Ready {};
TEST_F(SelfTradeAllowed, TheConfiguredRuleLetsItPass) {
  bench.place("ask", "SELL", "50500", "0.01");
  EXPECT_EQ(bench.place("bid", "BUY", "50500", "0.01").status(), "ACCEPTED");
}

// ---------------------------------------------------------------- clock

TEST(ClockSkew, NewOrdersAreRefusedAndCancelsGoOn) {
  EngineBench bench;
  bench.venue_offset_ms = -700;  // our clock is ahead
  bench.start();
  const auto refused = bench.place("a", "BUY", "49000", "0.01");
  EXPECT_EQ(refused.code(), "CLOCK_SKEW") << refused.reason();
  bench.venue_offset_ms = -300;
  bench.advance(6'000);
  ASSERT_EQ(bench.place("a", "BUY", "49000", "0.01").status(), "ACCEPTED");
  bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":1}})");
  bench.venue_offset_ms = -900;
  bench.advance(70'000);
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").code(), "CLOCK_SKEW");
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("a");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
}

// ---------------------------------------------------------------- vaults and accounts

TEST(Vaults, EveryActionCarriesItsAddress) {
  EngineSettings settings = EngineBench::default_settings();
  settings.vault = true;
  EngineBench bench{settings};
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":1}})");
  v1::Command cancel;
  cancel.set_type("cancel_all");
  bench.command(cancel);
  ASSERT_GE(bench.sent.size(), 2U);
  for (const auto& sent : bench.sent) EXPECT_EQ(sent.request.vault_address(), settings.address);
}

TEST(Accounts, OneJournalKeepsThemApart) {
  EngineBench one;
  one.start();
  one.place("a", "BUY", "49000", "0.01");
  one.answer_statuses(one.sent.back(), R"({"resting":{"oid":1}})");
  one.fill(one.cloid("a"), 1, "B", "49000", "0.004", "0.0", 1);
  EngineSettings settings = EngineBench::default_settings();
  settings.account = "second";
  settings.address = "0x2222222222222222222222222222222222222222";
  EngineBench two{settings};
  two.restart_from(one.writer.records);
  EXPECT_EQ(two.engine->tracker().size(), 0U);
  EXPECT_TRUE(two.engine->positions().quantity(TradingPair{"BTC-USD"}).is_zero());
  one.restart();
  EXPECT_EQ(one.engine->tracker().size(), 1U);
}

}  // namespace
}  // namespace perpwire::gateway
