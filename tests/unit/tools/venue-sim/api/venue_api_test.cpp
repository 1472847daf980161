// The API over HTTP and WebSocket, without sockets: streams, posts, limits, faults.
#include "tests/unit/tools/venue-sim/api/client.hpp"

#include <cstdlib>

namespace perpwire::sim::testing {
namespace {

std::uint64_t resting_oid(const Document& answer) {
  const auto& status = answer.at("response").at("data").at("statuses").at(0);
  EXPECT_TRUE(status.contains("resting")) << answer;
  return status.at("resting").at("oid").get<std::uint64_t>();
}

TEST(Http, ErrorsHaveTheDocumentedStatusesAndBodies) {
  Client client;
  EXPECT_EQ(client.http("/info", "{").status, 400);
  EXPECT_EQ(client.http("/info", "{").body, "Failed to parse the request body as JSON");
  EXPECT_EQ(client.http("/info", R"({"type":"meta"})", "text/plain").status, 415);
  EXPECT_EQ(client.http("/info", R"({"type":"nothing"})").status, 422);
  EXPECT_EQ(client.http("/info", R"({"type":"l2Book"})").status, 422);
  EXPECT_EQ(
      client.http("/info", R"({"type":"l2Book","coin":"BTC","nSigFigs":5,"mantissa":1})").status,
      500);
  EXPECT_EQ(client.http("/info", R"({"type":"l2Book","coin":"NOPE"})").body, "null");
}

TEST(Http, IpWeightAbove1200AMinuteIs429AndExecutesNothing) {
  ExchangeConfig config = Client::instant();
  config.documented_limits = true;
  Client client{{}, config};
  int answered = 0;
  while (client.http("/info", R"({"type":"meta"})").status == 200) {
    ASSERT_LT(++answered, 100);
  }
  EXPECT_EQ(answered, 60);  // 20 each
  const auto refused = client.act(Client::order("97000", "0.001"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body, "null");
  client.advance(60'000);
  EXPECT_TRUE(client.info({{"type", "openOrders"}, {"user", client.user()}}).empty());
}

TEST(WebSocket, GreetsEchoesNormalisedAndSendsFirstData) {
  Client client;
  const auto ws = client.connect();
  EXPECT_EQ(client.frames().size(), 1U);  // the greeting, no JSON
  client.subscribe(ws, {{"type", "l2Book"}, {"coin", "BTC"}});
  const auto acks = client.frames("subscriptionResponse");
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0]["data"], Document::parse(R"({"method":"subscribe","subscription":
      {"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null}})"));
  const auto books = client.frames("l2Book");
  ASSERT_EQ(books.size(), 1U);
  EXPECT_EQ(books[0]["data"]["levels"][0].size(), 20U);
}

TEST(WebSocket, SaysWhatIsWrongOnTheErrorChannel) {
  Client client;
  const auto ws = client.connect();
  client.frames();
  const auto error_of = [&](const Document& message) {
    client.say(ws, message);
    const auto errors = client.frames("error");
    return errors.empty() ? std::string() : errors[0]["data"].get<std::string>();
  };
  const Document bbo = {{"method", "subscribe"},
                        {"subscription", {{"type", "bbo"}, {"coin", "BTC"}}}};
  EXPECT_EQ(error_of(bbo), "");
  EXPECT_TRUE(error_of(bbo).starts_with("Already subscribed: {\"type\":\"bbo\""));
  EXPECT_TRUE(
      error_of({{"method", "unsubscribe"}, {"subscription", {{"type", "bbo"}, {"coin", "ETH"}}}})
          .starts_with("Already unsubscribed: "));
  EXPECT_TRUE(error_of({{"method", "subscribe"}, {"subscription", {{"type", "nope"}}}})
                  .starts_with("Invalid subscription "));
  EXPECT_TRUE(error_of({{"method", "nonsense"}})
                  .starts_with("Error parsing JSON into valid websocket request: "));
  client.say(ws, {{"method", "ping"}});
  EXPECT_EQ(client.frames("pong").size(), 1U);
}

// A binary message need not be UTF-8, and what a client nests need not end.
TEST(WebSocket, BytesThatAreNoTextAndEndlessNestingAreAnsweredAndSurvived) {
  Client client;
  const auto ws = client.connect();
  client.frames();
  client.say_bytes(ws, "\xff\xfe");
  EXPECT_EQ(client.frames("error").size(), 1U);
  const std::string deep(500'000, '[');
  const std::string closed = deep + std::string(deep.size(), ']');
  for (const std::string& nested : {deep, closed}) {
    client.say_bytes(ws, R"({"method":"subscribe","subscription":)" + nested + "}");
    EXPECT_EQ(client.frames("error").size(), 1U);
    EXPECT_EQ(client.http("/info", R"({"type":"meta","dex":)" + nested + "}").status, 400);
    EXPECT_EQ(
        control(client.api(), "POST", "/price", R"({"coin":)" + nested + "}", client.now).status,
        400);
  }
  EXPECT_EQ(control(client.api(), "POST", "/price", R"({"coin":"[[\"{"})", client.now).status, 400);
  EXPECT_EQ(client.http("/info", R"({"type":"meta","x":"[[[[]]{"})").status, 200);
}

TEST(WebSocket, BookSnapshotsComeAtMostEveryHalfSecondAndBboOnlyOnChange) {
  ExchangeConfig config;
  config.block_ms = 70;
  config.seed = 3;
  Client client{{}, config};
  const auto ws = client.connect();
  client.subscribe(ws, {{"type", "l2Book"}, {"coin", "BTC"}});
  client.subscribe(ws, {{"type", "bbo"}, {"coin", "BTC"}});
  client.frames();
  client.advance(5'000);
  const auto books = client.frames("l2Book");
  EXPECT_GE(books.size(), 8U);
  EXPECT_LE(books.size(), 10U);
  const auto best = client.frames("bbo");
  EXPECT_GE(best.size(), 3U);
  for (std::size_t i = 1; i < best.size(); ++i) {
    EXPECT_NE(best[i]["data"]["bbo"], best[i - 1]["data"]["bbo"]);
  }
}

TEST(WebSocket, ACrossingOrderIsOpenAndFilledInOneFrameAndItsFillsFollow) {
  Client client;
  const auto ws = client.connect();
  for (const char* type : {"orderUpdates", "userEvents", "userFills"}) {
    client.subscribe(ws, {{"type", type}, {"user", client.user()}});
  }
  client.frames();
  const auto answer = client.act(Client::order("98200", "0.3", true, hl::WireTif::kIoc)).json();
  const auto& filled = answer["response"]["data"]["statuses"][0]["filled"];
  ASSERT_TRUE(filled.is_object()) << answer;
  const auto updates = client.frames("orderUpdates");
  ASSERT_EQ(updates.size(), 1U);
  ASSERT_EQ(updates[0]["data"].size(), 2U);
  EXPECT_EQ(updates[0]["data"][0]["status"], "open");
  EXPECT_EQ(updates[0]["data"][0]["order"]["sz"], "0.3");
  EXPECT_EQ(updates[0]["data"][1]["status"], "filled");
  EXPECT_EQ(updates[0]["data"][1]["order"]["sz"], "0.0");
  const auto fills = client.frames("userFills");
  ASSERT_EQ(fills.size(), 1U);
  Decimal total;
  for (const auto& fill : fills[0]["data"]["fills"]) {
    total = add(total, number(fill["sz"].get<std::string>())).value();
    EXPECT_EQ(fill["oid"], filled["oid"]);
  }
  EXPECT_EQ(total, number("0.3"));
  const auto events = client.frames("user");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["data"]["fills"], fills[0]["data"]["fills"]);
  const auto again = client.info({{"type", "userFills"}, {"user", client.user()}});
  EXPECT_EQ(again.size(), fills[0]["data"]["fills"].size());
}

TEST(WebSocket, PostsAnswerWithTheirIdForActionsAndQuestions) {
  Client client;
  const auto ws = client.connect();
  client.frames();
  client.say(
      ws, {{"method", "post"},
           {"id", 7},
           {"request",
            {{"type", "action"},
             {"payload", Document::parse(client.signed_body(Client::order("97000", "0.001")))}}}});
  auto posts = client.frames("post");
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0]["data"]["id"], 7);
  EXPECT_EQ(posts[0]["data"]["response"]["type"], "action");
  resting_oid(posts[0]["data"]["response"]["payload"]);
  client.say(ws,
             {{"method", "post"},
              {"id", 8},
              {"request", {{"type", "info"}, {"payload", {{"type", "l2Book"}, {"coin", "BTC"}}}}}});
  posts = client.frames("post");
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0]["data"]["response"]["payload"]["type"], "l2Book");
  EXPECT_TRUE(posts[0]["data"]["response"]["payload"]["data"].contains("levels"));
  client.say(ws, {{"method", "post"},
                  {"id", 9},
                  {"request", {{"type", "info"}, {"payload", {{"type", "nope"}}}}}});
  posts = client.frames("post");
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0]["data"]["response"]["type"], "error");
  EXPECT_TRUE(posts[0]["data"]["response"]["payload"].get<std::string>().starts_with(
      "422 Unprocessable Entity"));
}

TEST(WebSocket, MoreThan100PostsInFlightAreRefusedOnTheErrorChannel) {
  ExchangeConfig config;
  config.block_ms = 1'000;
  Client client{{}, config};
  const auto ws = client.connect();
  client.frames();
  for (int i = 0; i <= 100; ++i) {
    client.say(ws, {{"method", "post"},
                    {"id", i},
                    {"request",
                     {{"type", "action"},
                      {"payload", Document::parse(client.signed_body(hl::NoopAction{}))}}}});
  }
  const auto errors = client.frames("error");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0]["data"], "too many pending post requests id=100");
  client.advance(1'100);
  EXPECT_EQ(client.frames("post").size(), 100U);
}

TEST(WebSocket, IsClosedAfterAMinuteInWhichNothingWasSentToIt) {
  Client client;
  client.connect();
  client.advance(59'000);
  EXPECT_TRUE(client.closes.empty());
  client.advance(1'100);
  EXPECT_FALSE(client.closes.empty());
}

TEST(WebSocket, TheEleventhConnectionIsRefused) {
  ExchangeConfig config = Client::instant();
  config.documented_limits = true;
  Client client{{}, config};
  for (int i = 0; i < 10; ++i) {
    client.connect();
  }
  EXPECT_FALSE(client.api().open_connection("127.0.0.1", client.now).has_value());
  EXPECT_TRUE(client.api().open_connection("127.0.0.2", client.now).has_value());
}

TEST(Faults, ALostRequestIsExecutedOrNotAsAsked) {
  Client client;
  client.command("/faults/request", {{"kind", "lose_before"}, {"match", "order"}});
  EXPECT_EQ(client.act(Client::order("97000", "0.001")).status, 0);
  EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}}).size(), 0U);
  client.command("/faults/request", {{"kind", "lose_after"}, {"match", "order"}});
  EXPECT_EQ(client.act(Client::order("97000", "0.001")).status, 0);
  EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}}).size(), 1U);
  resting_oid(client.act(Client::order("97001", "0.001")).json());  // used up
}

TEST(Faults, AnswersOfAProxyComeWithOrWithoutExecution) {
  Client client;
  client.command("/faults/request", {{"kind", "reply"}, {"status", 502}, {"match", "exchange"}});
  EXPECT_EQ(client.act(Client::order("97000", "0.001")).status, 502);
  EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}}).size(), 0U);
  client.command("/faults/request", {{"kind", "reply"},
                                     {"status", 200},
                                     {"body", "<html>"},
                                     {"execute", true},
                                     {"match", "order"}});
  EXPECT_EQ(client.act(Client::order("97000", "0.001")).body, "<html>");
  EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}}).size(), 1U);
}

TEST(Faults, UserFramesAreDroppedDuplicatedDelayed) {
  Client client;
  const auto ws = client.connect();
  client.subscribe(ws, {{"type", "orderUpdates"}, {"user", client.user()}});
  client.frames();
  client.command("/faults/frames", {{"kind", "drop"}, {"channel", "orderUpdates"}});
  client.act(Client::order("97000", "0.001"));
  EXPECT_EQ(client.frames("orderUpdates").size(), 0U);
  client.command("/faults/frames", {{"kind", "duplicate"}});
  client.act(Client::order("97001", "0.001"));
  EXPECT_EQ(client.frames("orderUpdates").size(), 2U);
  client.command("/faults/frames", {{"kind", "delay"}, {"delay_ms", 300}});
  client.act(Client::order("97002", "0.001"));
  EXPECT_EQ(client.frames("orderUpdates").size(), 0U);
  client.advance(310);
  EXPECT_EQ(client.frames("orderUpdates").size(), 1U);
}

TEST(Faults, APostCanBeAnsweredTwiceAndAnyTextCanBeSaid) {
  Client client;
  const auto ws = client.connect();
  client.frames();
  client.command("/faults/request", {{"kind", "duplicate"}, {"match", "noop"}});
  client.say(
      ws,
      {{"method", "post"},
       {"id", 3},
       {"request",
        {{"type", "action"}, {"payload", Document::parse(client.signed_body(hl::NoopAction{}))}}}});
  EXPECT_EQ(client.frames("post").size(), 2U);
  client.command("/connections/say", {{"frame", {{"channel", "orderUpdates"}, {"data", 1}}}});
  EXPECT_EQ(client.frames("orderUpdates").size(), 1U);
}

TEST(Faults, AHaltCancelsEveryOrderOfTheMarketAndRefusesNewOnes) {
  Client client;
  const auto oid = resting_oid(client.act(Client::order("97000", "0.001")).json());
  const auto other =
      resting_oid(client.act(Client::order("3000", "0.1", true, hl::WireTif::kGtc, 1)).json());
  client.command("/markets/halt", {{"coin", "BTC"}});
  const auto status_of = [&](std::uint64_t number_) {
    return client.info({{"type", "orderStatus"}, {"user", client.user()}, {"oid", number_}})
        .at("order")
        .at("status");
  };
  EXPECT_EQ(status_of(oid), "delistedCanceled");
  EXPECT_EQ(status_of(other), "open");
  EXPECT_TRUE(client.info({{"type", "l2Book"}, {"coin", "BTC"}})["levels"][0].empty());
  const auto refused = client.act(Client::order("97000", "0.001")).json();
  EXPECT_TRUE(refused["response"]["data"]["statuses"][0].contains("error")) << refused;
}

TEST(Faults, InfoLagsBehindWhileOn) {
  Client client;
  client.command("/info/lag", {{"ms", 500}});
  client.advance(600);
  client.act(Client::order("97000", "0.001"));
  const Document question = {{"type", "openOrders"}, {"user", client.user()}};
  EXPECT_EQ(client.info(question).size(), 0U);
  client.advance(300);
  EXPECT_EQ(client.info(question).size(), 0U);
  client.advance(400);
  EXPECT_EQ(client.info(question).size(), 1U);
}

TEST(Faults, BlockTimeStandsStillAndActionsWait) {
  Client client;
  client.command("/blocks/stall", {{"on", true}});
  const auto before = client.info({{"type", "exchangeStatus"}})["time"];
  const auto id =
      client.api().on_request({"POST", "/exchange", "application/json",
                               client.signed_body(Client::order("97000", "0.001")), "127.0.0.1"},
                              client.now);
  client.advance(3'000);
  EXPECT_EQ(client.answer_to(id).status, -1);
  EXPECT_EQ(client.info({{"type", "exchangeStatus"}})["time"], before);
  client.command("/blocks/stall", {{"on", false}});
  client.advance(200);
  EXPECT_EQ(client.answer_to(id).status, 200);
}

TEST(Faults, AShiftedClockMovesBlockTimeAndConnectionsCanBeRefused) {
  Client client;
  client.command("/clock/shift", {{"ms", 30'000}});
  client.advance(100);
  EXPECT_GE(client.info({{"type", "exchangeStatus"}})["time"].get<Millis>(), client.now + 29'000);
  client.command("/connections/refuse", {{"on", true}});
  EXPECT_FALSE(client.api().open_connection("127.0.0.1", client.now).has_value());
}

TEST(Control, FillsAGivenOrderPlacesForeignOnesAndDumpsEverything) {
  Client client;
  const auto oid = resting_oid(client.act(Client::order("97000", "0.002")).json());
  EXPECT_EQ(client.command("/orders/fill", {{"oid", oid}, {"size", "0.001"}}).status, 200);
  const std::string other = "0x00000000000000000000000000000000000000cc";
  client.command("/accounts/fund", {{"user", other}, {"amount", "5000"}});
  const auto placed = client.command(
      "/orders",
      {{"user", other},
       {"orders",
        Document::parse(
            R"([{"a":0,"b":false,"p":"97000","s":"0.0005","r":false,"t":{"limit":{"tif":"Ioc"}}}])")}});
  ASSERT_EQ(placed.status, 200) << placed.body;
  const auto state = Document::parse(dump_state(client.exchange(), true));
  const auto& mine = state["accounts"][client.user()];
  EXPECT_EQ(mine["fills"].size(), 1U);  // the foreign order met better bids than 97,000
  EXPECT_EQ(mine["positions"]["BTC"]["szi"], "0.001");
  EXPECT_EQ(state["accounts"][other]["positions"]["BTC"]["szi"], "-0.0005");
  EXPECT_EQ(client.command("/orders/fill", {{"oid", 1}}).status, 400);
  EXPECT_EQ(client.command("/price", {{"coin", "NOPE"}, {"price", "1"}}).status, 400);
  EXPECT_EQ(client.command("/nothing", Document::object()).status, 404);
}

TEST(Info, OrderStatusKnowsByOidAndCloidAndPagesOfFillsAreInclusive) {
  Client client;
  const auto oid = resting_oid(client.act(Client::order("97000", "0.002")).json());
  client.command("/orders/fill", {{"oid", oid}, {"size", "0.001"}});
  const auto status = client.info({{"type", "orderStatus"}, {"user", client.user()}, {"oid", oid}});
  EXPECT_EQ(status["status"], "order");
  EXPECT_EQ(status["order"]["status"], "open");
  // Refreshed only when the status changes; openOrders has the truth.
  EXPECT_EQ(status["order"]["order"]["sz"], "0.002");
  EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}})[0]["sz"], "0.001");
  EXPECT_EQ(client.info({{"type", "orderStatus"}, {"user", client.user()}, {"oid", 1}})["status"],
            "unknownOid");
  const auto fills = client.info({{"type", "userFillsByTime"},
                                  {"user", client.user()},
                                  {"startTime", client.now},
                                  {"endTime", client.now}});
  EXPECT_EQ(fills.size(), 1U);
}

TEST(Info, DexsKeepTheirNullsAndAssetNumbersCountFromThem) {
  Client client;
  const auto dexs = client.info({{"type", "perpDexs"}});
  ASSERT_EQ(dexs.size(), 4U);
  EXPECT_TRUE(dexs[0].is_null());
  EXPECT_EQ(dexs[1]["name"], "hyna");
  EXPECT_TRUE(dexs[2].is_null());
  EXPECT_EQ(dexs[3]["name"], "flx");
  EXPECT_EQ(client.exchange().state().universe.by_coin("hyna:ETH")->asset, 110'001U);
  EXPECT_EQ(client.exchange().state().universe.by_coin("flx:GOLD")->asset, 130'001U);
}

// One session under every mix of the open readings: the venue stays consistent with itself.
TEST(Readings, EverySeedGivesAVenueThatAddsUp) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Readings readings = readings_from_seed(seed);
    Client client{readings};
    const auto ws = client.connect();
    client.subscribe(ws, {{"type", "userFills"}, {"user", client.user()}});
    client.frames();
    client.act(Client::order("98200", "0.01", true, hl::WireTif::kIoc));
    client.act(Client::order("97000", "0.01"));
    client.act(Client::order("97000.5", "0.01"));
    client.act(Client::order("98500", "0.005", false));
    client.advance(500);
    Decimal bought;
    for (const auto& frame : client.frames("userFills")) {
      for (const auto& fill : frame["data"]["fills"]) {
        bought = add(bought, number(fill["sz"].get<std::string>())).value();
      }
    }
    EXPECT_EQ(bought, number("0.01"));
    const auto state = client.info({{"type", "clearinghouseState"}, {"user", client.user()}});
    EXPECT_EQ(state["assetPositions"][0]["position"]["szi"], "0.01");
    EXPECT_EQ(client.info({{"type", "openOrders"}, {"user", client.user()}}).size(), 2U);
  }
}

}  // namespace
}  // namespace perpwire::sim::testing
