#include "libs/common/contract_json.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

const TradingPair kPair{"BTC-USD"};
constexpr std::string_view kResting = R"({"resting":{"oid":77}})";

std::string clearinghouse(const std::string& size, const std::string& entry = "50000.0") {
  return R"({"marginSummary":{"accountValue":"1000.0"},"withdrawable":"900.0","assetPositions":[)" +
         (size.empty()
              ? std::string()
              : R"({"type":"oneWay","position":{"coin":"BTC","szi":")" + size +
                    R"(","leverage":{"type":"cross","value":20},"entryPx":")" + entry + R"("}})") +
         R"(]})";
}

// ---------------------------------------------------------------- a signer that is silent

// The bench's clock begins at 2023-11-14T22:13:20Z.

TEST(SilentSigner, AStartSaysThatItDoesNotAnswerSinceWhenAndWhatWasTried) {
  EngineBench bench;
  bench.signer_down = true;
  bench.connect();
  bench.advance(5'000);
  EXPECT_EQ(bench.engine->state(), EngineState::kStarting);
  EXPECT_EQ(bench.engine->reason(),
            "the signer does not answer since 2023-11-14T22:13:20Z: no answer of the signer");
  const auto said = bench.events("gateway_status").size();
  bench.advance(20'000);
  EXPECT_EQ(bench.events("gateway_status").size(), said) << "once, not with every attempt";
  bench.signer_down = false;
  bench.start();
}

TEST(SilentSigner, AnOrderIsRefusedWithTheSameWordsWhenItDiesLater) {
  EngineBench bench;
  bench.start();
  bench.advance(60'000);
  bench.signer_down = true;
  bench.advance(5'000);
  const auto reply = bench.place("a", "BUY", "49000", "0.01");
  EXPECT_EQ(reply.code(), "SIGNER_UNAVAILABLE");
  EXPECT_EQ(reply.reason().find("the signer does not answer since 2023-11-14T22:14:2"), 0U)
      << reply.reason();
  bench.signer_down = false;
  bench.advance(5'000);
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").status(), "ACCEPTED");
}

// ---------------------------------------------------------------- stamps

TEST(Stamps, EachStageHasItsOwnMoment) {
  EngineBench bench;
  bench.start();
  bench.signing_ms = 7;
  v1::Command command;
  command.set_type("place");
  const std::int64_t received = bench.wall_ms();
  bench.place("a", "BUY", "49000", "0.01");
  const auto at = [](std::int64_t ms) { return ms * 1'000'000; };
  bench.advance(20);
  const std::int64_t answered = bench.wall_ms();
  bench.answer_statuses(bench.sent.at(0), std::string(kResting));
  const Stamps& stamps = bench.engine->tracker().find(ClientOrderId{"a"})->view({}).stamps;
  EXPECT_EQ(stamps.command_received, at(received));
  EXPECT_EQ(stamps.decided, at(received));
  EXPECT_EQ(stamps.signed_at, at(received + 7)) << "the signer took 7 ms";
  EXPECT_EQ(stamps.sent, at(received + 7));
  EXPECT_EQ(stamps.acked, at(answered));
  const auto created = bench.events("order_created");
  ASSERT_EQ(created.size(), 1U);
  EXPECT_EQ(created[0].order().stamps().signed_(), at(received + 7));
}

TEST(Stamps, DecidedIsWhenTheDecisionLeftNotWhenTheCommandCame) {
  EngineBench bench;
  bench.start();
  const Now came = bench.now();
  v1::Command command;
  command.set_type("place");
  v1::OrderRequest& order = *command.mutable_order();
  order.set_client_order_id("a");
  order.set_trading_pair("BTC-USD");
  order.set_trade_type("BUY");
  set_decimal(Decimal{49'000}, *order.mutable_price());
  set_decimal(Decimal::of(1, -2), *order.mutable_amount());
  bench.engine->on_command(command, came);
  Now handed = came;
  handed.wall = handed.wall + std::chrono::microseconds{40};
  for (EngineOut& out : bench.engine->take_out()) {
    if (auto* sign = std::get_if<SignOut>(&out))
      bench.engine->on_handed_to_signer(sign->id, handed);
  }
  const Stamps stamps = bench.order("a")->view({}).stamps;
  EXPECT_EQ(stamps.command_received, came.wall.value());
  EXPECT_EQ(stamps.decided, handed.wall.value());
}

// ---------------------------------------------------------------- a lost journal

/// The journal of the life that placed "a" is gone; what the venue still shows is told by `open`
/// and `history`.
class LostJournal : public testing::Test {
 protected:
  LostJournal() {
    bench.start();
    bench.place("a", "BUY", "49000", "0.01");
    bench.answer_statuses(bench.sent.at(0), std::string(kResting));
    cloid = bench.cloid("a");
  }
  [[nodiscard]] std::string row(int oid) const {
    return R"({"coin":"BTC","side":"B","limitPx":"49000","sz":"0.01","origSz":"0.01","oid":)" +
           std::to_string(oid) + R"(,"timestamp":1,"cloid":")" + cloid + "\"}";
  }
  [[nodiscard]] std::string change(int oid, const std::string& status, int at) const {
    return R"({"order":)" + row(oid) + R"(,"status":")" + status + R"(","statusTimestamp":)" +
           std::to_string(at) + "}";
  }
  void lose(const std::string& open, const std::string& history) {
    bench.info["frontendOpenOrders"] = "[" + open + "]";
    bench.info["historicalOrders"] = "[" + history + "]";
    bench.settings.journal_may_be_behind = true;
    before = bench.writer.records.size();
    bench.restart_from({});
    bench.connect();
    bench.advance(30'000);
    ASSERT_EQ(bench.engine->state(), EngineState::kReady) << bench.engine->reason();
  }
  EngineBench bench;
  std::string cloid;
  std::size_t before = 0;
};

TEST_F(LostJournal, ItsFinishedOrdersAreNeverPlacedAgainWhateverChangesHistoryShows) {
  lose("", change(77, "filled", 2) + "," + change(77, "open", 1));
  bench.place("a", "BUY", "49000", "0.01");
  EXPECT_TRUE(std::none_of(bench.sent.begin(), bench.sent.end(),
                           [](const auto& sent) { return sent.request.has_order(); }));
}

TEST_F(LostJournal, AModifiedOrderThatIsLiveIsKnownInTheNextLifeToo) {
  lose(row(78), change(77, "canceled", 2));
  const ClientOrderId adopted{"cloid:" + cloid};
  ASSERT_NE(bench.engine->tracker().find(adopted), nullptr);
  const auto created = bench.events("order_created").size();
  bench.settings.journal_may_be_behind = false;
  bench.restart_from({bench.writer.records.begin() + static_cast<std::ptrdiff_t>(before),
                      bench.writer.records.end()});
  EXPECT_NE(bench.engine->tracker().find(adopted), nullptr);
  bench.start();
  EXPECT_EQ(bench.events("order_created").size(), created) << "it is not adopted anew";
}

TEST_F(LostJournal, TheLegOfALostModifyHasItsOwnPriceAlsoWhereAFillToldOfItFirst) {
  bench.fill(cloid, 78, "B", "49500", "0.004", "0", 1);
  EXPECT_EQ(bench.order("a")->venue_order_id(), VenueOrderId{"78"});
  bench.update(cloid, 78, "open", "49500", "0.01");
  ASSERT_TRUE(bench.order("a")->price());
  EXPECT_EQ(bench.order("a")->price()->to_string(), "49500");
  bench.update(cloid, 77, "canceled", "49000", "0.01");
  EXPECT_EQ(bench.order("a")->price()->to_string(), "49500");
  EXPECT_EQ(bench.events("order_update").back().order().price().mantissa(), 495);
}

// ---------------------------------------------------------------- clocks

TEST(Clocks, OursBehindTheVenuesEndsNoOrderWhoseFillsAreStillToCome) {
  EngineBench bench;
  bench.start();
  bench.venue_offset_ms = 15'000;
  bench.advance(10'000);
  bench.place("a", "BUY", "50010", "0.01",
              [](v1::OrderRequest& order) { order.set_time_in_force("IOC"); });
  bench.answer_statuses(bench.sent.at(0),
                        R"({"filled":{"oid":77,"totalSz":"0.01","avgPx":"50001.0"}})");
  bench.advance(2'500);
  EXPECT_FALSE(is_final(bench.state("a"))) << "the venue has said that it was filled";
  bench.fill(bench.cloid("a"), 77, "B", "50001", "0.01", "0.0", 1);
  EXPECT_EQ(bench.state("a"), OrderState::kFilled);
  EXPECT_TRUE(bench.events("order_cancelled").empty());
}

// ---------------------------------------------------------------- positions

TEST(Positions, TheEventAfterAFillHasTheEntryPrice) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "50000", "0.03");
  bench.answer_statuses(bench.sent.at(0), std::string(kResting));
  bench.fill(bench.cloid("a"), 77, "B", "50000", "0.01", "0.0", 1);
  bench.fill(bench.cloid("a"), 77, "B", "49990", "0.02", "0.01", 2);
  const auto events = bench.events("position");
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(to_contract_json(events.back().position().entry_price()), "49993.333333333333");
  bench.info["clearinghouseState"] = clearinghouse("0.03", "49993.3");
  bench.advance(1'000);
  EXPECT_EQ(to_contract_json(bench.events("position").back().position().entry_price()), "49993.3")
      << "the venue's own word replaces ours";
}

TEST(Positions, AFillThatTheStreamLostIsAskedForAsSoonAsALaterOneShowsIt) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "50000", "0.03");
  bench.answer_statuses(bench.sent.at(0), std::string(kResting));
  const auto asked = [&] {
    return std::count_if(bench.asked.begin(), bench.asked.end(), [](const std::string& body) {
      return body.find("userFillsByTime") != std::string::npos;
    });
  };
  bench.advance(10'100);  // a sweep has just been
  const auto before = asked();
  bench.info["clearinghouseState"] = clearinghouse("0.01");
  bench.fill(bench.cloid("a"), 77, "B", "50000", "0.01", "0.0", 1);
  bench.advance(2'000);
  EXPECT_EQ(asked(), before) << "nothing is missing";
  bench.info["clearinghouseState"] = clearinghouse("0.03");
  bench.fill(bench.cloid("a"), 77, "B", "50000", "0.01", "0.02", 3);
  bench.advance(2'000);
  EXPECT_EQ(asked(), before + 1);
}

TEST(Positions, AnAnswerOlderThanTheNewestFillIsNoDifference) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "50000", "0.03");
  bench.answer_statuses(bench.sent.at(0), std::string(kResting));
  bench.fill(bench.cloid("a"), 77, "B", "50000", "0.01", "0.0", 1);
  const std::string old = clearinghouse("");
  bench.info["clearinghouseState"] =
      old.substr(0, old.size() - 1) + R"(,"time":)" + std::to_string(bench.venue_ms() - 1) + "}";
  bench.advance(60'000);
  EXPECT_TRUE(bench.events("position_adjusted").empty());
  EXPECT_EQ(bench.engine->positions().quantity(kPair), Quantity{Decimal::of(1, -2)});
}

TEST(Positions, ASnapshotThatBeginsWithTheNewestLeadsToTheSamePosition) {
  EngineBench bench;
  bench.start();
  const auto one = [&](int tid, const std::string& start) {
    return R"({"coin":"BTC","px":"50000","sz":"0.01","side":"B","time":)" +
           std::to_string(bench.venue_ms()) + R"(,"startPosition":")" + start +
           R"(","dir":"x","closedPnl":"0.0","hash":"0x0","oid":9,"crossed":false,"fee":"0.01",)"
           R"("tid":)" +
           std::to_string(tid) + R"(,"feeToken":"USDC"})";
  };
  bench.frame(R"({"channel":"userFills","data":{"user":")" + bench.settings.address +
              R"(","isSnapshot":true,"fills":[)" + one(3, "0.02") + "," + one(2, "0.01") + "," +
              one(1, "0.0") + "]}}");
  EXPECT_EQ(bench.engine->positions().quantity(kPair), Quantity{Decimal::of(3, -2)});
}

TEST(Positions, AFillOfASpotPairIsNoPosition) {
  EngineBench bench;
  bench.start();
  const auto before = bench.events("position").size();
  bench.frame(
      R"({"channel":"userFills","data":{"user":"0x1111111111111111111111111111111111111111",)"
      R"("fills":[{"coin":"PURR/USDC","px":"0.2","sz":"100","side":"B","time":1700000000000,)"
      R"("startPosition":"0.0","dir":"Buy","closedPnl":"0","hash":"0x0","oid":5,"crossed":true,)"
      R"("fee":"0.01","tid":9,"feeToken":"PURR"}]}})");
  EXPECT_EQ(bench.events("fill").size(), 1U);
  EXPECT_EQ(bench.events("position").size(), before);
}

// ---------------------------------------------------------------- adjustments

class Adjusted : public testing::Test {
 protected:
  explicit Adjusted(const EngineSettings& settings = EngineBench::default_settings())
      : bench(settings) {
    bench.start();
    bench.place("a", "BUY", "49000", "0.03");
    bench.answer_statuses(bench.sent.at(0), std::string(kResting));
    bench.info["clearinghouseState"] = clearinghouse("0.5");
    bench.info["frontendOpenOrders"] =
        R"([{"coin":"BTC","side":"B","limitPx":"49000","sz":"0.03","oid":77,"timestamp":1,)"
        R"("origSz":"0.03","cloid":")" +
        bench.cloid("a") + R"("}])";
    bench.advance(15'000);
  }
  EngineBench bench;
};

TEST_F(Adjusted, ItsPairTakesNoNewOrdersUntilAnOperatorAcceptsIt) {
  ASSERT_EQ(bench.events("position_adjusted").size(), 1U);
  const auto refused = bench.place("b", "BUY", "49000", "0.01");
  EXPECT_EQ(refused.code(), "RISK_POSITION_ADJUSTED");
  EXPECT_NE(refused.reason().find("BTC-USD is stopped: the position was 0 by our fills and is 0.5"),
            std::string::npos)
      << refused.reason();
  EXPECT_EQ(bench.events("gateway_status").back().gateway_status().stopped_pairs(0), "BTC-USD");
  v1::Command modify;
  modify.set_type("modify");
  modify.set_client_order_id("a");
  set_decimal(Decimal{48'000}, *modify.mutable_price());
  EXPECT_EQ(bench.command(modify).code(), "RISK_POSITION_ADJUSTED");

  v1::Command accept;
  accept.set_type("accept_adjustment");
  accept.set_trading_pair("BTC-USD");
  EXPECT_EQ(bench.command(accept).status(), "ACCEPTED");
  EXPECT_EQ(bench.events("gateway_status").back().gateway_status().stopped_pairs_size(), 0);
  EXPECT_EQ(bench.place("c", "BUY", "49000", "0.01").status(), "ACCEPTED");
  EXPECT_EQ(bench.command(accept).code(), "POSITION_NOT_FOUND") << "nothing is left to accept";
}

TEST_F(Adjusted, OtherPairsCancelsAndReduceOnlyGoOn) {
  EXPECT_EQ(bench
                .place("eth", "BUY", "2900", "0.1",
                       [](auto& order) { order.set_trading_pair("ETH-USD"); })
                .status(),
            "ACCEPTED");
  EXPECT_EQ(
      bench.place("r", "SELL", "51000", "0.5", [](auto& order) { order.set_reduce_only(true); })
          .status(),
      "ACCEPTED");
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("a");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
  EXPECT_TRUE(bench.sent.back().request.has_cancel_by_cloid());
}

TEST_F(Adjusted, ARestartDoesNotStartItAgain) {
  bench.restart();
  bench.start();
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").code(), "RISK_POSITION_ADJUSTED");
}

EngineSettings that_go_on() {
  EngineSettings settings = EngineBench::default_settings();
  settings.stop_after_adjustment = false;
  return settings;
}
class AdjustedButContinued : public Adjusted {
 protected:
  AdjustedButContinued() : Adjusted(that_go_on()) {}
};

TEST_F(AdjustedButContinued, TheConfiguredRuleLetsThePairGoOn) {
  EXPECT_EQ(bench.events("position_adjusted").size(), 1U);
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").status(), "ACCEPTED");
}

TEST(Adjustments, WhatTheAccountHeldBeforeTheFirstStartStopsNothing) {
  EngineBench bench;
  bench.info["clearinghouseState"] = clearinghouse("0.5");
  bench.start();
  ASSERT_EQ(bench.events("position_adjusted").size(), 1U);
  EXPECT_EQ(bench.events("position_adjusted")[0].position_adjusted().cause(), "first start");
  EXPECT_EQ(bench.place("b", "BUY", "49000", "0.01").status(), "ACCEPTED");
}

TEST(Adjustments, FillsThatNeverKnowTheNewestOneHoldADifferenceOpenForAMinuteAndNoLonger) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "50000", "0.03");
  bench.answer_statuses(bench.sent.at(0), std::string(kResting));
  bench.fill(bench.cloid("a"), 77, "B", "50000", "0.01", "0.0", 1);
  bench.info["userFillsByTime"] = "[]";
  bench.info["clearinghouseState"] = clearinghouse("0.5");
  bench.advance(50'000);
  EXPECT_TRUE(bench.events("position_adjusted").empty()) << "an old answer explains nothing";
  bench.advance(40'000);
  ASSERT_EQ(bench.events("position_adjusted").size(), 1U);
  EXPECT_EQ(to_contract_json(bench.events("position_adjusted")[0].position_adjusted().after()),
            "0.5");
}

// ---------------------------------------------------------------- others' orders

EngineSettings with_foreign(ForeignOrders policy) {
  EngineSettings settings = EngineBench::default_settings();
  settings.foreign_orders = policy;
  return settings;
}

void foreign_life(EngineBench& bench) {
  bench.start();
  bench.update("", 500, "open", "48000", "0.02");
  bench.fill("", 500, "B", "48000", "0.005", "0.0", 31);
  bench.update("", 500, "canceled", "48000", "0.015");
}

TEST(ForeignOrders, ReportTellsTheirLifeAsEvents) {
  EngineBench bench{with_foreign(ForeignOrders::kReport)};
  foreign_life(bench);
  const auto created = bench.events("order_created");
  ASSERT_EQ(created.size(), 1U);
  EXPECT_EQ(created[0].order().client_order_id(), "foreign:500");
  EXPECT_EQ(created[0].order().exchange_order_id(), "500");
  ASSERT_EQ(bench.events("order_partial_fill").size(), 1U);
  ASSERT_EQ(bench.events("order_cancelled").size(), 1U);
  EXPECT_EQ(to_contract_json(bench.events("order_cancelled")[0].order().filled_amount()), "0.005");
  ASSERT_EQ(bench.events("fill").size(), 1U);
  EXPECT_FALSE(bench.events("fill")[0].fill().has_client_order_id()) << "it is nobody's of ours";
}

TEST(ForeignOrders, MineAndAllTellNothing) {
  for (const auto policy : {ForeignOrders::kMine, ForeignOrders::kAll}) {
    EngineBench bench{with_foreign(policy)};
    foreign_life(bench);
    EXPECT_TRUE(bench.events("order_created").empty());
    EXPECT_EQ(bench.events("fill").size(), 1U);
  }
}

TEST(ForeignOrders, OnlyAllCancelsThem) {
  for (const auto policy : {ForeignOrders::kMine, ForeignOrders::kReport, ForeignOrders::kAll}) {
    EngineBench bench{with_foreign(policy)};
    bench.start();
    bench.update("", 500, "open", "48000", "0.02");
    v1::Command cancel;
    cancel.set_type("cancel_all");
    bench.command(cancel);
    EXPECT_EQ(bench.sent.size(), policy == ForeignOrders::kAll ? 1U : 0U);
  }
}

TEST(ForeignOrders, ARestartTellsNothingTwiceAndGoesOn) {
  EngineBench bench{with_foreign(ForeignOrders::kReport)};
  bench.start();
  bench.update("", 500, "open", "48000", "0.02");
  bench.fill("", 500, "B", "48000", "0.005", "0.0", 31);
  bench.restart();
  bench.info["frontendOpenOrders"] =
      R"([{"coin":"BTC","side":"B","limitPx":"48000","sz":"0.015","oid":500,"timestamp":1,)"
      R"("origSz":"0.02"}])";
  bench.start();
  EXPECT_EQ(bench.events("order_created").size(), 1U);
  EXPECT_EQ(bench.events("order_partial_fill").size(), 1U);
  bench.update("", 500, "canceled", "48000", "0.015");
  EXPECT_EQ(bench.events("order_cancelled").size(), 1U);
}

TEST(ForeignOrders, OneThatEndedUnheardIsAskedForAndEnds) {
  EngineBench bench{with_foreign(ForeignOrders::kReport)};
  bench.start();
  bench.update("", 500, "open", "48000", "0.02");
  bench.info["orderStatus"] =
      R"({"status":"order","order":{"order":{"coin":"BTC","side":"B","limitPx":"48000","sz":"0.02",)"
      R"("oid":500,"timestamp":1,"origSz":"0.02"},"status":"canceled","statusTimestamp":5}})";
  bench.advance(12'000);
  EXPECT_EQ(bench.events("order_cancelled").size(), 1U);
  EXPECT_TRUE(bench.engine->tracker().foreign().empty());
}

TEST(ForeignOrders, OneThatTheQueriesDoNotKnowYetIsNotForgotten) {
  EngineBench bench{with_foreign(ForeignOrders::kReport)};
  bench.start();
  bench.advance(9'000);
  bench.update("", 500, "open", "48000", "0.02");
  bench.advance(5'000);  // with a sweep that is told unknownOid
  EXPECT_EQ(bench.engine->tracker().foreign().size(), 1U);
  bench.advance(30'000);
  EXPECT_TRUE(bench.engine->tracker().foreign().empty()) << "by then it would be known";
}

TEST(ForeignOrders, TheirNamesAreNotForClients) {
  EngineBench bench;
  bench.start();
  EXPECT_EQ(bench.place("foreign:1", "BUY", "49000", "0.01").code(), "INVALID_COMMAND");
  EXPECT_EQ(bench.place("cloid:0x1", "BUY", "49000", "0.01").code(), "INVALID_COMMAND");
}

// ---------------------------------------------------------------- budget

TEST(VenueBudget, AccountsOfOneProcessShareIt) {
  EngineSettings settings = EngineBench::default_settings();
  settings.documented_limits = true;
  VenueBudget budget{settings};
  RiskGate risk;
  ReferencePrices references{std::chrono::seconds{5}};
  EngineBench::Writer writer;
  const AccountEngine one{settings, writer, risk, references, &budget};
  const auto whole = budget.weight.available();
  EXPECT_EQ(whole, 237U) << "a third of 60 % of 1,200 may be used at once";
  budget.weight.take(100, TokenBudget::Urgency::kOrdinary, std::chrono::seconds{1});
  EXPECT_EQ(budget.weight.available(), whole - 100);
}

TEST(VenueBudget, WhatDoesNotFitIsRefusedAtOnceAndCancelsGoOn) {
  EngineSettings settings = EngineBench::default_settings();
  settings.documented_limits = true;
  EngineBench bench{settings};
  bench.start();
  v1::Reply last;
  int accepted = 0;
  for (; accepted < 5'000; ++accepted) {
    last = bench.place("o-" + std::to_string(accepted), "BUY", "49000", "0.001");
    if (last.status() != "ACCEPTED") break;
    const auto oid = std::to_string(1'000 + accepted);
    bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":)" + oid + "}}");
  }
  EXPECT_EQ(last.code(), "RATE_LIMITED") << last.reason();
  EXPECT_GT(accepted, 400) << "half of our share of a minute's messages, less the reserve";
  EXPECT_EQ(bench.events("order_failed").size(), 0U) << "no order that was taken is refused later";
  const auto sent = bench.sent.size();
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("o-0");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
  EXPECT_EQ(bench.sent.size(), sent + 1);
  bench.advance(4'000);
  last = bench.place("later", "BUY", "49000", "0.001");
  EXPECT_EQ(last.status(), "ACCEPTED") << last.reason();
}

TEST(VenueBudget, ASweepLeavesOrdersByRestTheirRoomButNotForEver) {
  EngineSettings settings = EngineBench::default_settings();
  settings.documented_limits = true;
  settings.ws_post.enabled = false;
  EngineBench bench{settings};
  bench.start();
  int orders = 0;
  const auto flood = [&](std::int64_t ms) {
    for (std::int64_t at = 0; at < ms; at += 500) {
      while (bench.place("o-" + std::to_string(orders), "BUY", "49000", "0.001").status() ==
             "ACCEPTED") {
        ++orders;  // each refused: nothing is left to ask for
        bench.answer_statuses(bench.sent.back(), R"({"error":"Insufficient margin"})");
      }
      bench.advance(500);
    }
  };
  const auto sweeps = [&] {
    return std::count_if(bench.asked.begin(), bench.asked.end(), [](const std::string& body) {
      return body.find("clearinghouseState") != std::string::npos;
    });
  };
  flood(1'000);
  bench.asked.clear();
  const auto due = std::chrono::duration_cast<std::chrono::milliseconds>(
      bench.engine->settings().reconcile_interval);
  flood(due.count() + 15'000);
  EXPECT_EQ(sweeps(), 0) << "orders want all there is";
  EXPECT_GT(orders, 100);
  flood(10'000);
  EXPECT_GE(sweeps(), 1) << "a silently lost word is found all the same";
}

TEST(VenueBudget, OrdersThatAreStillAtTheSignerCount) {
  EngineSettings settings = EngineBench::default_settings();
  settings.documented_limits = true;
  EngineBench bench{settings};
  bench.start();
  bench.signing_ms = 200;
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto reply = bench.place("o-" + std::to_string(i), "BUY", "49000", "0.001");
    ++(reply.status() == "ACCEPTED" ? accepted : refused);
    if (i % 20 == 19) {
      bench.advance(250);
      for (const auto& sent : bench.sent) {
        if (sent.request.has_order()) bench.answer_statuses(sent, R"({"resting":{"oid":7}})");
      }
      bench.sent.clear();
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(bench.events("order_failed").size(), 0U);
}

}  // namespace
}  // namespace perpwire::gateway
