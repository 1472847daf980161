// One rule of hyperliquid.md a test; texts are the venue's own.
#include "tests/unit/tools/venue-sim/core/sim_fixture.hpp"

namespace perpwire::sim::testing {
namespace {

struct StaticCase {
  std::string_view name;
  OrderSpec order;
  std::string_view text;
};

class StaticChecks : public ::testing::TestWithParam<StaticCase> {};

TEST_P(StaticChecks, RefuseInTheVenuesWordsAndLeaveNoRecord) {
  Venue venue;
  const auto next = venue->state().next_oid;
  EXPECT_EQ(only<Refused>(venue.place(kAlice, GetParam().order)).text,
            std::string(GetParam().text) + " asset=" + std::to_string(GetParam().order.asset));
  EXPECT_EQ(venue->state().next_oid, next);
  EXPECT_TRUE(venue.updates(kAlice).empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, StaticChecks,
    ::testing::Values(
        StaticCase{"Tick", {.price = "98000.5", .size = "0.001"}, "Order has invalid price."},
        StaticCase{"FiveFigures",
                   {.asset = 1, .price = "3245.67", .size = "0.1"},
                   "Order has invalid price."},
        StaticCase{"Zero", {.price = "98000", .size = "0"}, "Order has zero size."},
        StaticCase{"Lot", {.price = "98000", .size = "0.000001"}, "Order has invalid size."},
        StaticCase{"Minimum",
                   {.price = "98000", .size = "0.0001"},
                   "Order must have minimum value of $10."},
        StaticCase{"Band",
                   {.price = "1", .size = "100"},
                   "Order price cannot be more than 95% away from the reference price"},
        StaticCase{"Large",
                   {.asset = 2, .price = "2.65", .size = "4000000"},
                   "Order value too large. Max is $5000000."}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Orders, ThatCrossAreFilledAndAnnouncedOpenThenFilled) {
  Venue venue;
  venue.updates(kAlice);
  const auto result = venue.place(
      kAlice, {.price = "98200", .size = "0.001", .tif = TimeInForce::kIoc, .cloid = "0x01"});
  const auto filled = only<Filled>(result);
  EXPECT_EQ(filled.size, Lots{100});
  EXPECT_EQ(filled.cloid, "0x01");
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"open", "filled"}));
  EXPECT_EQ(venue.position(kAlice), Lots{100});
}

TEST(Orders, PostOnlyThatWouldMatchIsRefusedWithTheBbo) {
  Venue venue;
  const auto refused = only<Refused>(
      venue.place(kAlice, {.price = "98200", .size = "0.001", .tif = TimeInForce::kAlo}));
  EXPECT_EQ(refused.text,
            "Post only order would have immediately matched, bbo was 98122.0@98124.0. asset=0");
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"badAloPxRejected"}));
}

TEST(Orders, ImmediateOnesWithoutCounterpartAreRefused) {
  Venue venue;
  venue.empty(0);
  EXPECT_EQ(only<Refused>(
                venue.place(kAlice, {.price = "98000", .size = "0.001", .tif = TimeInForce::kIoc}))
                .text,
            "Order could not immediately match against any resting orders. asset=0");
  EXPECT_EQ(only<Refused>(venue.place(kAlice, {.price = "98000",
                                               .size = "0.001",
                                               .tif = TimeInForce::kFrontendMarket}))
                .text,
            "No liquidity available for market order. asset=0");
}

TEST(Orders, OfTheSameLevelAreFilledInTheOrderOfTheirArrival) {
  Venue venue;
  venue.empty(0);
  const auto first = only<Resting>(venue.place(kAlice, {.price = "98000", .size = "0.001"})).oid;
  const auto second = only<Resting>(venue.place(kAlice, {.price = "98000", .size = "0.002"})).oid;
  venue.place(kBob,
              {.side = Side::kSell, .price = "98000", .size = "0.0015", .tif = TimeInForce::kIoc});
  const auto& accounts = venue->state().accounts;
  EXPECT_EQ(accounts.order(first)->status, OrderStatus::kFilled);
  EXPECT_EQ(accounts.order(second)->remaining, Lots{150});
  EXPECT_EQ(venue->state().markets[0].book.levels(Side::kBuy, 5).at(0).size, Lots{150});
}

TEST(SelfTrade, CancelsTheRestingOrderWithoutAFill) {
  Venue venue;
  venue.empty(0);
  venue.place(kAlice, {.price = "98000", .size = "0.001"});
  venue.updates(kAlice);
  venue.place(kAlice, {.side = Side::kSell, .price = "98000", .size = "0.001"});
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"open", "selfTradeCanceled"}));
  EXPECT_TRUE(venue.position(kAlice).is_zero());
}

TEST(Margin, RefusesWhatTheAccountCannotCarry) {
  Venue venue;
  EXPECT_EQ(only<Refused>(venue.place(kAlice, {.price = "97000", .size = "25"})).text,
            "Insufficient margin to place order. asset=0");
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"perpMarginRejected"}));
  // 100,000 USD at 20x carry about 20.3 BTC at this mark; resting orders count.
  only<Resting>(venue.place(kAlice, {.price = "97000", .size = "15"}));
  only<Refused>(venue.place(kAlice, {.price = "97000", .size = "6"}));
}

TEST(Margin, IsCheckedAgainForTheRestingSideAtEachMatch) {
  Venue venue;
  venue.empty(0);
  only<Resting>(venue.place(kAlice, {.price = "98000", .size = "20"}));
  venue->state().accounts[venue->state().accounts.find(kAlice).value()].perp_usd[0] =
      whole_money(10);
  venue.updates(kAlice);
  venue.place(kBob,
              {.side = Side::kSell, .price = "98000", .size = "0.1", .tif = TimeInForce::kIoc});
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"marginCanceled"}));
  EXPECT_TRUE(venue.position(kAlice).is_zero());
}

TEST(ReduceOnly, WithoutPositionIsRefusedAndLargerOnesAreCut) {
  Venue venue;
  EXPECT_EQ(only<Refused>(
                venue.place(
                    kAlice,
                    {.side = Side::kSell, .price = "99000", .size = "0.001", .reduce_only = true}))
                .text,
            "Reduce only order would increase position. asset=0");
  venue.place(kAlice, {.price = "98200", .size = "0.001", .tif = TimeInForce::kIoc});
  const auto oid = only<Resting>(venue.place(kAlice, {.side = Side::kSell,
                                                      .price = "99000",
                                                      .size = "0.005",
                                                      .reduce_only = true}))
                       .oid;
  EXPECT_EQ(venue->state().accounts.order(oid)->remaining, Lots{100});
}

TEST(ReduceOnly, ARestingOneShrinksWithThePosition) {
  Venue venue;
  venue.place(kAlice, {.price = "98200", .size = "0.002", .tif = TimeInForce::kIoc});
  const auto resting = venue.place(
      kAlice, {.side = Side::kSell, .price = "99000", .size = "0.002", .reduce_only = true});
  const auto oid = only<Resting>(resting).oid;
  venue.place(kAlice,
              {.side = Side::kSell, .price = "98000", .size = "0.0015", .tif = TimeInForce::kIoc});
  const Order* order = venue->state().accounts.order(oid);
  EXPECT_EQ(order->remaining, Lots{50});
  EXPECT_EQ(order->original, Lots{50});
  EXPECT_EQ(order->status, OrderStatus::kOpen);
}

TEST(ReduceOnly, EndsInTheFrameOfTheClosingFill) {
  Venue venue;
  venue.place(kAlice, {.price = "98200", .size = "0.001", .tif = TimeInForce::kIoc});
  venue.place(kAlice,
              {.side = Side::kSell, .price = "99000", .size = "0.001", .reduce_only = true});
  venue.updates(kAlice);
  venue.place(kAlice,
              {.side = Side::kSell, .price = "98000", .size = "0.001", .tif = TimeInForce::kIoc});
  const auto updates = venue.updates(kAlice);
  EXPECT_EQ(std::count(updates.begin(), updates.end(), "reduceOnlyCanceled"), 1);
}

TEST(Cloid, IsUniqueAmongLiveOrdersOnly) {
  Venue venue;
  const OrderSpec spec{.price = "97000", .size = "0.001", .cloid = "0xab"};
  const auto oid = only<Resting>(venue.place(kAlice, spec)).oid;
  EXPECT_EQ(only<Refused>(venue.place(kAlice, spec)).text, "Duplicate client order id. asset=0");
  CancelOrders cancel;
  cancel.cancels.push_back({0, oid});
  only<Success>(venue.act(kAlice, cancel));
  only<Resting>(venue.place(kAlice, spec));
}

TEST(Cancel, OfAFinishedOrderSaysSo) {
  Venue venue;
  CancelOrders cancel;
  cancel.cancels.push_back({0, std::string("0xnothing")});
  EXPECT_EQ(only<Refused>(venue.act(kAlice, cancel)).text,
            "Order was never placed, already canceled, or filled. asset=0");
}

TEST(Modify, GivesANewOidKeepsTheCloidAndAnswersDefault) {
  Venue venue;
  const auto old =
      only<Resting>(venue.place(kAlice, {.price = "97000", .size = "0.001", .cloid = "0xab"})).oid;
  venue.updates(kAlice);
  ModifyOrders modify;
  modify.modifies.push_back({old, request({.price = "97001", .size = "0.002"})});
  const auto result = venue.act(kAlice, modify);
  EXPECT_EQ(result.kind, ActionResult::Kind::kDefault);
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"canceled", "open"}));
  const auto account = venue->state().accounts.find(kAlice).value();
  const OrderNumber now = venue->state().accounts[account].live_cloids.at("0xab");
  EXPECT_NE(now, old);
  EXPECT_EQ(venue->state().accounts.order(now)->remaining, Lots{200});
}

TEST(Modify, ThatWouldCrossIsRefusedAndTheOldOrderLivesOn) {
  Venue venue;
  const auto old = only<Resting>(venue.place(kAlice, {.price = "97000", .size = "0.001"})).oid;
  ModifyOrders modify;
  modify.is_batch = true;
  modify.modifies.push_back({old, request({.price = "98200", .size = "0.001"})});
  EXPECT_EQ(only<Refused>(venue.act(kAlice, modify)).text,
            "Attempted to modify to invalid new order asset=0");
  EXPECT_EQ(venue->state().accounts.order(old)->status, OrderStatus::kOpen);
}

OrderRequest stop(std::string_view trigger, Side side, std::string_view size) {
  OrderRequest result =
      request({.side = side, .price = trigger, .size = size, .reduce_only = true});
  result.trigger = OrderRequest::TriggerRequest{true, number(trigger), false};
  return result;
}

TEST(Trigger, FiresOnTheMarkAndClosesThePosition) {
  Venue venue;
  venue.place(kAlice, {.price = "98200", .size = "0.001", .tif = TimeInForce::kIoc});
  only<WaitingForTrigger>(
      venue.act(kAlice, PlaceOrders{{stop("97000", Side::kSell, "0.001")}, Grouping::kNone, {}}));
  venue.updates(kAlice);
  venue->move_price(0, Ticks{969000});
  EXPECT_EQ(venue.updates(kAlice), (std::vector<std::string>{"triggered", "filled"}));
  EXPECT_TRUE(venue.position(kAlice).is_zero());
}

TEST(Trigger, ThatWouldFireAtOnceIsRefused) {
  Venue venue;
  EXPECT_EQ(only<Refused>(
                venue.act(kAlice,
                          PlaceOrders{{stop("99000", Side::kSell, "0.001")}, Grouping::kNone, {}}))
                .text,
            "Invalid TP/SL price. asset=0");
}

TEST(Tpsl, ChildrenWaitForTheParentAndOneCancelsTheOther) {
  Venue venue;
  OrderRequest take_profit = stop("98500", Side::kSell, "0.001");
  take_profit.trigger->is_take_profit = true;
  const auto placed =
      venue.act(kAlice, PlaceOrders{{request({.price = "98000", .size = "0.001"}), take_profit,
                                     stop("97000", Side::kSell, "0.001")},
                                    Grouping::kNormalTpsl,
                                    {}});
  ASSERT_EQ(placed.statuses.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<WaitingForFill>(placed.statuses[1]));
  venue->move_price(0, Ticks{979000});  // the maker takes the parent
  EXPECT_EQ(venue.position(kAlice), Lots{100});
  venue.updates(kAlice);
  venue->move_price(0, Ticks{986000});
  EXPECT_TRUE(venue.position(kAlice).is_zero());
  const auto updates = venue.updates(kAlice);
  EXPECT_EQ(std::count(updates.begin(), updates.end(), "siblingFilledCanceled"), 1);
}

TEST(Nonce, IsUsedOnceAndANoopBurnsIt) {
  Venue venue;
  const auto submit = [&](ActionBody body) {
    Action action;
    action.body = std::move(body);
    action.signer = kAlice;
    action.nonce = static_cast<std::uint64_t>(kStart);
    venue->submit(std::move(action), kStart);
    return venue->take_answers().at(0).result;
  };
  EXPECT_EQ(submit(Noop{}).kind, ActionResult::Kind::kDefault);
  const auto second =
      submit(PlaceOrders{{request({.price = "97000", .size = "0.001"})}, Grouping::kNone, {}});
  EXPECT_EQ(second.text, "Invalid nonce: duplicate nonce " + std::to_string(kStart));
}

TEST(Nonce, BelowAFullSetIsTooLow) {
  NonceSet nonces;
  const auto base = static_cast<std::uint64_t>(kStart);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(nonces.check(base + i, kStart), "");
    nonces.use(base + i);
  }
  EXPECT_EQ(
      nonces.check(base - 1, kStart),
      "Invalid nonce: nonce too low " + std::to_string(base - 1) + " < " + std::to_string(base));
  EXPECT_NE(nonces.check(base + 50, kStart), "");
  EXPECT_EQ(nonces.check(base + 200, kStart), "");
  EXPECT_NE(nonces.check(base + 86'400'000, kStart), "");
  EXPECT_NE(nonces.check(base - 2 * 86'400'000, kStart), "");
}

TEST(Agent, SignsForItsMasterAndUnknownSignersAreNamed) {
  Venue venue;
  const Address agent{"0x00000000000000000000000000000000000000a9"};
  Action action;
  action.body = Noop{};
  action.signer = agent;
  action.nonce = static_cast<std::uint64_t>(kStart);
  venue->submit(action, kStart);
  EXPECT_EQ(venue->take_answers().at(0).result.text,
            "User or API Wallet " + agent.value() + " does not exist.");
  ASSERT_TRUE(venue->approve_agent(kAlice, agent, ""));
  venue->submit(action, kStart);
  EXPECT_EQ(venue->take_answers().at(0).result.kind, ActionResult::Kind::kDefault);
}

TEST(Expiry, RefusesStaleActionsAndUsesTheirNonce) {
  Venue venue;
  Action action;
  action.body = Noop{};
  action.signer = kAlice;
  action.nonce = static_cast<std::uint64_t>(kStart);
  action.expires_after = static_cast<std::uint64_t>(kStart - 1);
  venue->submit(action, kStart);
  EXPECT_EQ(venue->take_answers().at(0).result.text, "Action already expired");
  venue->submit(action, kStart);
  EXPECT_EQ(venue->take_answers().at(0).result.text,
            "Invalid nonce: duplicate nonce " + std::to_string(kStart));
}

TEST(Blocks, RunPostOnlyFirstThenCancelsThenTakers) {
  ExchangeConfig config;
  config.block_ms = 100;
  config.background_trading = false;
  auto exchange = Exchange::make(config, {}, kStart).value();
  exchange->fund(kAlice, whole_money(1000));
  std::uint64_t nonce = static_cast<std::uint64_t>(kStart);
  const auto submit = [&](ActionBody body) {
    Action action;
    action.body = std::move(body);
    action.signer = kAlice;
    action.nonce = ++nonce;
    return exchange->submit(std::move(action), kStart);
  };
  const auto taker = submit(PlaceOrders{{request({.price = "97000", .size = "0.001"})}, {}, {}});
  const auto cancel = submit(CancelOrders{{{0, OrderNumber{1}}}, false});
  const auto noop = submit(Noop{});
  EXPECT_TRUE(exchange->take_answers().empty());
  exchange->advance(kStart + 100);
  const auto answers = exchange->take_answers();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].ticket, noop);
  EXPECT_EQ(answers[1].ticket, cancel);
  EXPECT_EQ(answers[2].ticket, taker);
}

TEST(Blocks, ThatStandStillExecuteNothing) {
  Venue venue;
  venue->set_stalled(true);
  Action action;
  action.body = Noop{};
  action.signer = kAlice;
  action.nonce = static_cast<std::uint64_t>(kStart);
  venue->submit(action, kStart);
  venue.advance(10'000);
  EXPECT_TRUE(venue->take_answers().empty());
  EXPECT_EQ(venue->state().now, kStart);
  venue->set_stalled(false);
  venue.advance(10'000);
  EXPECT_EQ(venue->take_answers().size(), 1U);
}

TEST(Liquidation, ClosesAPositionBelowMaintenance) {
  Venue venue;
  venue.place(kAlice, {.price = "98200", .size = "0.2", .tif = TimeInForce::kIoc});
  UpdateLeverage leverage{0, true, 40};
  venue.act(kAlice, leverage);
  venue.place(kAlice, {.price = "98200", .size = "19", .tif = TimeInForce::kIoc});
  const Lots before = venue.position(kAlice);
  ASSERT_TRUE(before.is_positive());
  venue.updates(kAlice);
  venue->move_price(0, Ticks{500000});
  EXPECT_TRUE(venue.position(kAlice).is_zero());
}

TEST(Funding, IsPaidOnTheHourAndSumsToZero) {
  Venue venue;
  venue.place(kAlice, {.price = "98200", .size = "0.1", .tif = TimeInForce::kIoc});
  ignore(venue->take_output(), "not of interest");
  venue.advance(PriceFeed::kHour);
  bool paid = false;
  for (const auto& event : venue->take_output().events) {
    if (const auto* payment = std::get_if<FundingPayment>(&event.body)) {
      paid = true;
      EXPECT_EQ(payment->time % PriceFeed::kHour, 0);
      EXPECT_EQ(payment->usdc.is_negative(), payment->rate > 0);
    }
  }
  EXPECT_TRUE(paid);
}

TEST(AddressLimit, RefusesAboveTheCapInTheVenuesWords) {
  ExchangeConfig config;
  config.block_ms = 0;
  auto exchange = Exchange::make(config, {}, kStart).value();
  exchange->fund(kAlice, whole_money(1000));
  const auto account = exchange->state().accounts.find(kAlice).value();
  exchange->state().accounts[account].requests = 10'000;
  exchange->state().accounts[account].last_over_limit = kStart;
  Action action;
  action.body = Noop{};
  action.signer = kAlice;
  action.nonce = static_cast<std::uint64_t>(kStart);
  exchange->submit(action, kStart);
  EXPECT_EQ(exchange->take_answers().at(0).result.text,
            "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.0. "
            "Place taker orders to free up 1 request per USDC traded.");
}

TEST(Spot, BuyPaysItsFeeInTheBaseToken) {
  Venue venue;
  const auto result =
      venue.place(kAlice, {.asset = 10'107, .price = "36", .size = "1", .tif = TimeInForce::kIoc});
  only<Filled>(result);
  for (const auto& event : venue->take_output().events) {
    if (const auto* fill = std::get_if<Fill>(&event.body)) {
      EXPECT_EQ(fill->fee_token, 150);
      EXPECT_EQ(money_text(fill->fee), "0.0007");
      EXPECT_EQ(fill->direction, "Buy");
    }
  }
}

}  // namespace
}  // namespace perpwire::sim::testing
