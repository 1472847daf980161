#include "libs/venues/hyperliquid/market_messages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

namespace perpwire::hyperliquid {
namespace {

using ::testing::HasSubstr;

Price price(std::string_view text) { return Price{*Decimal::parse(text)}; }
Quantity quantity(std::string_view text) { return Quantity{*Decimal::parse(text)}; }

template <class Message>
Message read(MarketMessageParser& parser, std::string_view text) {
  auto frame = parser.parse(text);
  EXPECT_TRUE(frame.has_value()) << (frame ? "" : frame.error().text);
  if (!frame || !std::holds_alternative<Message>(*frame)) {
    ADD_FAILURE() << "another kind of frame: " << text;
    std::abort();
  }
  return std::get<Message>(*frame);
}

std::string error_of(std::string_view text) {
  MarketMessageParser parser;
  const auto frame = parser.parse(text);
  EXPECT_FALSE(frame.has_value()) << text;
  if (frame) return "";
  EXPECT_EQ(frame.error().code, ErrorCode::kMalformed);
  return frame.error().text;
}

// The frames marked [R] in the venue reference, section 8.3.
constexpr std::string_view kBbo =
    R"({"channel":"bbo","data":{"coin":"SOL","time":1765887848009,"bbo":[{"px":"128.5","sz":"36.93","n":2},{"px":"128.54","sz":"18.7","n":2}]}})";
constexpr std::string_view kContext =
    R"({"channel":"activeAssetCtx","data":{"coin":"SOL","ctx":{"funding":"0.0000125","openInterest":"5259.34","prevDayPx":"132.32","dayNtlVlm":"965843.7286000003","premium":"0.0003761389","oraclePx":"128.41","markPx":"128.45","midPx":"128.48","impactPxs":["128.4583","128.5099"],"dayBaseVlm":"7543.61"}}})";
constexpr std::string_view kCandle =
    R"({"channel":"candle","data":{"t":1764806400000,"T":1764892799999,"s":"HYPE","i":"1d","o":"34.668","c":"34.868","h":"36.219","l":"34.251","v":"3495670.83","n":102895}})";
constexpr std::string_view kBook =
    R"({"channel":"l2Book","data":{"coin":"BTC","time":1763600000058,"levels":[[{"px":"96113.0","sz":"1.5","n":3},{"px":"96110.0","sz":"0.00001","n":1}],[{"px":"96114.0","sz":"2","n":7}]]}})";
constexpr std::string_view kTrades =
    R"({"channel":"trades","data":[{"coin":"hyna:BTC","side":"B","px":"96113.0","sz":"0.5","hash":"0x00","time":1763600000058,"tid":118906512037719,"users":["0x01","0x02"]},{"coin":"hyna:BTC","side":"A","px":"96112.0","sz":"1","hash":"0x00","time":1763600000059,"tid":9007199254740991,"users":["0x01","0x02"]}]})";

TEST(MarketMessages, BookIsReadToTheDigitOnBothSides) {
  MarketMessageParser parser;
  const auto* book = read<const BookMessage*>(parser, kBook);
  EXPECT_EQ(book->coin, "BTC");
  EXPECT_EQ(book->time, UnixNanos::from_millis(1763600000058));
  ASSERT_EQ(book->bids.size(), 2u);
  ASSERT_EQ(book->asks.size(), 1u);
  EXPECT_EQ(book->bids[0], (BookLevel{price("96113"), quantity("1.5"), 3}));
  EXPECT_EQ(book->bids[1].quantity, quantity("0.00001"));
  EXPECT_EQ(book->asks[0], (BookLevel{price("96114"), quantity("2"), 7}));
  EXPECT_FALSE(book->aggregated);
}

TEST(MarketMessages, TheBookOfOneFrameDoesNotLeakIntoTheNext) {
  MarketMessageParser parser;
  read<const BookMessage*>(parser, kBook);
  const auto* empty = read<const BookMessage*>(
      parser, R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[],[]]}})");
  EXPECT_TRUE(empty->bids.empty());
  EXPECT_TRUE(empty->asks.empty());
}

TEST(MarketMessages, KeysMayComeInAnyOrderAndUnknownOnesAreSurvived) {
  MarketMessageParser parser;
  const auto* book = read<const BookMessage*>(
      parser,
      R"( {"new":[1,{"data":2}],"data":{"levels":[[{"n":1,"x":null,"sz":"3","px":"0.5"}],[]],"later":{},"time":7,"coin":"k"},"channel":"l2Book"} )");
  EXPECT_EQ(book->coin, "k");
  ASSERT_EQ(book->bids.size(), 1u);
  EXPECT_EQ(book->bids[0].price, price("0.5"));
}

TEST(MarketMessages, BboSidesMayBeNull) {
  MarketMessageParser parser;
  const auto* full = read<const BboMessage*>(parser, kBbo);
  ASSERT_TRUE(full->bid && full->ask);
  EXPECT_EQ(full->bid->price, price("128.5"));
  EXPECT_EQ(full->ask->quantity, quantity("18.7"));
  const auto* half = read<const BboMessage*>(
      parser,
      R"({"channel":"bbo","data":{"coin":"SOL","time":5,"bbo":[null,{"px":"1","sz":"2","n":1}]}})");
  EXPECT_FALSE(half->bid);
  ASSERT_TRUE(half->ask);
  EXPECT_EQ(half->ask->price, price("1"));
}

TEST(MarketMessages, TradesKeepIdsOf53BitsAndTheAggressor) {
  MarketMessageParser parser;
  const auto* trades = read<const TradesMessage*>(parser, kTrades);
  ASSERT_EQ(trades->trades.size(), 2u);
  EXPECT_EQ(trades->trades[0].coin, "hyna:BTC");
  EXPECT_EQ(trades->trades[0].side, Side::kBuy);
  EXPECT_EQ(trades->trades[1].side, Side::kSell);
  EXPECT_EQ(trades->trades[1].trade_id, 9007199254740991u);
}

TEST(MarketMessages, CandleComesAsOneObjectOrAsAnArray) {
  MarketMessageParser parser;
  const auto* one = read<const CandlesMessage*>(parser, kCandle);
  ASSERT_EQ(one->candles.size(), 1u);
  EXPECT_EQ(one->candles[0].coin, "HYPE");
  EXPECT_EQ(one->candles[0].interval, "1d");
  EXPECT_EQ(one->candles[0].close_time, UnixNanos::from_millis(1764892800000));
  EXPECT_EQ(one->candles[0].low, price("34.251"));
  EXPECT_EQ(one->candles[0].trades, 102895u);

  std::string array{kCandle};
  const auto at = array.find("\"data\":") + 7;
  const auto object = array.substr(at, array.size() - at - 1);
  array = array.substr(0, at) + "[" + object + "," + object + "]}";
  EXPECT_EQ(read<const CandlesMessage*>(parser, array)->candles.size(), 2u);
}

TEST(MarketMessages, ContextKeepsWhatIsThereAndLeavesNullOut) {
  MarketMessageParser parser;
  const auto* full = read<const AssetContextMessage*>(parser, kContext);
  EXPECT_FALSE(full->spot);
  EXPECT_EQ(full->context.mark_price, price("128.45"));
  EXPECT_EQ(full->context.oracle_price, price("128.41"));
  EXPECT_EQ(full->context.funding_rate, *Decimal::parse("0.0000125"));
  EXPECT_EQ(full->context.open_interest, quantity("5259.34"));
  const auto* spot = read<const AssetContextMessage*>(
      parser,
      R"({"channel":"activeSpotAssetCtx","data":{"coin":"@107","ctx":{"markPx":"35.1","midPx":null}}})");
  EXPECT_TRUE(spot->spot);
  EXPECT_EQ(spot->context.mark_price, price("35.1"));
  EXPECT_FALSE(spot->context.mid_price);
  EXPECT_FALSE(spot->context.funding_rate);
}

TEST(MarketMessages, AllMidsWithAndWithoutDex) {
  MarketMessageParser parser;
  const auto* main = read<const MidsMessage*>(
      parser, R"({"channel":"allMids","data":{"mids":{"0G":"1.2017","2Z":"0.129165"}}})");
  EXPECT_EQ(main->dex, "");
  ASSERT_EQ(main->mids.size(), 2u);
  EXPECT_EQ(main->mids[1].coin, "2Z");
  EXPECT_EQ(main->mids[1].price, price("0.129165"));
  const auto* builder = read<const MidsMessage*>(
      parser, R"({"channel":"allMids","data":{"mids":{"hyna:BTC":"1"},"dex":"hyna"}})");
  EXPECT_EQ(builder->dex, "hyna");
}

TEST(MarketMessages, FiguresOfMoreThan64BitsAreRoundedAndCountedWhereTheyAreNoPrice) {
  MarketMessageParser parser;
  read<const AssetContextMessage*>(
      parser,
      R"({"channel":"activeAssetCtx","data":{"coin":"X","ctx":{"openInterest":"1516669192.19538974761"}}})");
  EXPECT_EQ(parser.rounded_figures(), 1u);
  EXPECT_THAT(
      error_of(
          R"({"channel":"bbo","data":{"coin":"X","time":1,"bbo":[{"px":"1516669192.19538974761","sz":"1","n":1},null]}})"),
      HasSubstr("px: expected a decimal number of at most 64 bits"));
}

TEST(MarketMessages, SubscriptionEchoIsMatchedOnTheFieldsThatWeSend) {
  MarketMessageParser parser;
  const auto reply = read<SubscriptionReply>(
      parser,
      R"({"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"coin":"HYPE","type":"l2Book","nSigFigs":null,"mantissa":null}}})");
  EXPECT_TRUE(reply.subscribed);
  ASSERT_TRUE(reply.subscription);
  EXPECT_EQ(*reply.subscription, (Subscription{.stream = Stream::kL2Book, .coin = "HYPE"}));
  const auto foreign = read<SubscriptionReply>(
      parser,
      R"({"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":{"type":"orderUpdates","user":"0x1"}}})");
  EXPECT_FALSE(foreign.subscribed);
  EXPECT_FALSE(foreign.subscription);
}

TEST(MarketMessages, SubscriptionsReadBackAsTheyWereWritten) {
  const Subscription all[] = {{.stream = Stream::kL2Book, .coin = "hyna:BTC"},
                              {.stream = Stream::kCandle, .coin = "BTC", .interval = "1m"},
                              {.stream = Stream::kAllMids},
                              {.stream = Stream::kAllMids, .dex = "hyna"},
                              {.stream = Stream::kTrades, .coin = "odd\"\\coin"}};
  for (const auto& subscription : all) {
    const auto back = parse_subscription(to_json(subscription));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, subscription);
  }
  EXPECT_EQ(subscribe_text(all[0]),
            R"({"method":"subscribe","subscription":{"type":"l2Book","coin":"hyna:BTC"}})");
}

TEST(MarketMessages, ErrorTextsNameTheirSubscription) {
  MarketMessageParser parser;
  const auto already = read<VenueError>(
      parser,
      R"({"channel":"error","data":"Already subscribed: {\"type\":\"bbo\",\"coin\":\"SOL\"}"})");
  EXPECT_EQ(already.kind, VenueError::Kind::kAlreadySubscribed);
  ASSERT_TRUE(already.subscription);
  EXPECT_EQ(already.subscription->coin, "SOL");
  const auto invalid = read<VenueError>(
      parser,
      R"({"channel":"error","data":"Invalid subscription {\"type\":\"bbo\",\"coin\":\"NOPE\"}"})");
  EXPECT_EQ(invalid.kind, VenueError::Kind::kInvalidSubscription);
  ASSERT_TRUE(invalid.subscription);
  EXPECT_EQ(invalid.subscription->coin, "NOPE");
  const auto whole = read<VenueError>(
      parser,
      R"({"channel":"error","data":"Error parsing JSON into valid websocket request: {\"method\":\"subscribe\",\"subscription\":{\"type\":\"bbo\",\"coin\":\"Q\"}}"})");
  EXPECT_EQ(whole.kind, VenueError::Kind::kUnparsableRequest);
  ASSERT_TRUE(whole.subscription);
  EXPECT_EQ(whole.subscription->coin, "Q");
  const auto other = read<VenueError>(parser, R"({"channel":"error","data":"a new text"})");
  EXPECT_EQ(other.kind, VenueError::Kind::kUnrecognised);
  EXPECT_EQ(other.text, "a new text");
}

TEST(MarketMessages, PostAnswersKeepTheirPayloadAsText) {
  MarketMessageParser parser;
  const auto info = read<PostReply>(
      parser,
      R"({"channel":"post","data":{"id":123,"response":{"type":"info","payload":{"type":"l2Book","data":{}}}}})");
  EXPECT_EQ(info.id, 123u);
  EXPECT_EQ(info.type, "info");
  EXPECT_EQ(info.payload, R"({"type":"l2Book","data":{}})");
  const auto error = read<PostReply>(
      parser,
      R"({"channel":"post","data":{"id":256,"response":{"type":"error","payload":"422 Unprocessable Entity"}}})");
  EXPECT_EQ(error.type, "error");
  EXPECT_EQ(error.payload, "422 Unprocessable Entity");
}

TEST(MarketMessages, FramesThatAreNoMarketDataAreNamed) {
  MarketMessageParser parser;
  read<Pong>(parser, R"({"channel":"pong"})");
  read<Greeting>(parser, "Websocket connection established.");
  const auto user = read<IgnoredFrame>(parser, R"({"channel":"user","data":{"fills":[]}})");
  EXPECT_TRUE(user.known);
  EXPECT_THAT(std::string{user.reason}, HasSubstr("account stream"));
  const auto unknown = read<IgnoredFrame>(parser, R"({"data":{"fills":[]},"channel":"brandNew"})");
  EXPECT_FALSE(unknown.known);
  EXPECT_EQ(unknown.channel, "brandNew");
}

struct Broken {
  std::string_view name;
  std::string_view text;
  std::string_view says;
};
class MarketMessagesBroken : public ::testing::TestWithParam<Broken> {};
TEST_P(MarketMessagesBroken, IsOnePreciseError) {
  EXPECT_THAT(error_of(GetParam().text), HasSubstr(std::string{GetParam().says}));
}
INSTANTIATE_TEST_SUITE_P(
    All, MarketMessagesBroken,
    ::testing::Values(
        Broken{"Empty", "", "hyperliquid frame"},
        Broken{"Text", "upstream request timeout", "hyperliquid frame"},
        Broken{"Html", "<html><body>502 Bad Gateway</body></html>", "502 Bad Gateway"},
        Broken{"Array", "[1,2]", "expected an object"},
        Broken{"NoChannel", R"({"data":{}})", "no channel"},
        Broken{"NoData", R"({"channel":"bbo"})", "no data"},
        Broken{"ChannelNumber", R"({"channel":7,"data":{}})",
               "channel: expected a text, found a number"},
        Broken{"NoCoin", R"({"channel":"l2Book","data":{"time":1,"levels":[[],[]]}})",
               "coin: expected a value"},
        Broken{"NoTime", R"({"channel":"l2Book","data":{"coin":"X","levels":[[],[]]}})",
               "time: expected a value"},
        Broken{"OneSide", R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[]]}})",
               "two sides"},
        Broken{"ThreeSides",
               R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[],[],[]]}})",
               "two sides"},
        Broken{"NegativeTime",
               R"({"channel":"l2Book","data":{"coin":"X","time":-1,"levels":[[],[]]}})",
               "unix milliseconds"},
        Broken{
            "HugeTime",
            R"({"channel":"l2Book","data":{"coin":"X","time":99999999999999999,"levels":[[],[]]}})",
            "unix milliseconds"},
        Broken{
            "PriceWord",
            R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":"NaN","sz":"1"}],[]]}})",
            "px: expected a decimal number"},
        Broken{
            "PriceExponent",
            R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":"1e5","sz":"1"}],[]]}})",
            "px: expected a decimal number"},
        Broken{
            "PriceBarePoint",
            R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":"1.","sz":"1"}],[]]}})",
            "px: expected a decimal number"},
        Broken{
            "PriceNegative",
            R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":"-1","sz":"1"}],[]]}})",
            "px: expected a price"},
        Broken{
            "PriceNull",
            R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":null,"sz":"1"}],[]]}})",
            "px: expected a decimal number, found null"},
        Broken{"NoSize",
               R"({"channel":"l2Book","data":{"coin":"X","time":1,"levels":[[{"px":"1"}],[]]}})",
               "sz: expected a value"},
        Broken{
            "TradeSide",
            R"({"channel":"trades","data":[{"coin":"X","side":"C","px":"1","sz":"1","time":1,"tid":1}]})",
            "side: expected A or B"},
        Broken{
            "TradeIdText",
            R"({"channel":"trades","data":[{"coin":"X","side":"A","px":"1","sz":"1","time":1,"tid":"1"}]})",
            "tid: expected a whole number"},
        Broken{"TradesObject", R"({"channel":"trades","data":{}})",
               "expected an array, found an object"},
        Broken{"Truncated", R"({"channel":"l2Book","data":{"coin":"BTC","time":1763600000058,"lev)",
               "hyperliquid"},
        Broken{"Twice", R"({"channel":"pong"}{"channel":"pong"})", "behind the frame"},
        Broken{
            "Method",
            R"({"channel":"subscriptionResponse","data":{"method":"x","subscription":{"type":"bbo"}}})",
            "subscribe or unsubscribe"}),
    [](const auto& broken) { return std::string{broken.param.name}; });

TEST(MarketMessages, EveryTruncationOfAFrameIsAnErrorAndNeverACrash) {
  MarketMessageParser parser;
  for (const auto text : {kBbo, kContext, kCandle, kBook, kTrades}) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT_FALSE(parser.parse(text.substr(0, size)).has_value()) << text.substr(0, size);
    }
    EXPECT_TRUE(parser.parse(text).has_value());
  }
}

TEST(MarketMessages, EveryLengthOfDecimalReadsAsTheExactParserDoes) {
  MarketMessageParser parser;
  std::mt19937_64 random{
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed())};
  for (int i = 0; i < 3000; ++i) {
    std::string digits =
        std::to_string(random() % 10 + (random() % 3 == 0 ? random() % 1'000'000'000 : 0));
    if (random() % 2 == 0) {
      digits += '.';
      const auto places = 1 + random() % 12;
      for (std::uint64_t k = 0; k < places; ++k) digits += static_cast<char>('0' + random() % 10);
    }
    const auto exact = Decimal::parse(digits);
    const auto frame =
        parser.parse(R"({"channel":"allMids","data":{"mids":{"X":")" + digits + R"("}}})");
    ASSERT_EQ(exact.has_value(), frame.has_value()) << digits;
    if (exact) {
      EXPECT_EQ(std::get<const MidsMessage*>(*frame)->mids.at(0).price.value(), *exact) << digits;
    }
  }
}

TEST(MarketMessages, AnswersOfRestRead) {
  MarketMessageParser parser;
  const auto book = parser.parse_l2_book(
      R"({"coin":"DYDX","levels":[[{"n":1,"px":"2.111","sz":"134.4"}],[]],"time":1683849600048})");
  ASSERT_TRUE(book) << book.error().text;
  EXPECT_EQ((*book)->coin, "DYDX");
  const auto unknown = parser.parse_l2_book("null");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kUnknownPair);
  const auto mids = parser.parse_all_mids(R"({"APE":"1.96595","@107":"28.711"})");
  ASSERT_TRUE(mids) << mids.error().text;
  EXPECT_EQ((*mids)->mids.size(), 2u);
  EXPECT_FALSE(parser.parse_recent_trades("<html>429</html>"));
  const auto contexts = parser.parse_meta_and_contexts(
      R"([{"universe":[{"name":"BTC","szDecimals":5},{"szDecimals":4,"name":"ETH"}]},[{"markPx":"1"},{"markPx":"2"}]])");
  ASSERT_TRUE(contexts) << contexts.error().text;
  ASSERT_EQ((*contexts)->size(), 2u);
  EXPECT_EQ((**contexts)[1].coin, "ETH");
  EXPECT_EQ((**contexts)[1].context.mark_price, price("2"));
  const auto uneven = parser.parse_meta_and_contexts(R"([{"universe":[{"name":"BTC"}]},[]])");
  ASSERT_FALSE(uneven);
  EXPECT_THAT(uneven.error().text, HasSubstr("contexts: expected 1 of them, found 0"));
}

}  // namespace
}  // namespace perpwire::hyperliquid
