#include "libs/venues/hyperliquid/market_protocol.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace perpwire::hyperliquid {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kStartMs = 1'763'600'000'000;

const Subscription kBook{.stream = Stream::kL2Book, .coin = "BTC"};
const Subscription kBbo{.stream = Stream::kBbo, .coin = "BTC"};
const Subscription kTrades{.stream = Stream::kTrades, .coin = "BTC"};
const Subscription kCandle{.stream = Stream::kCandle, .coin = "BTC", .interval = "1m"};
const Subscription kContext{.stream = Stream::kActiveAssetCtx, .coin = "BTC"};
const Subscription kMids{.stream = Stream::kAllMids};
const Subscription kMidsHyna{.stream = Stream::kAllMids, .dex = "hyna"};

struct SeenTrade {
  std::uint64_t id;
  bool backfilled;
  friend auto operator<=>(const SeenTrade&, const SeenTrade&) = default;
};

/// Drives a protocol by hand. Spans die with the next call, so what tests look at is copied out.
class Driver {
 public:
  explicit Driver(MarketProtocolOptions options = {}) {
    instruments.put({.coin = "BTC",
                     .pair = "BTC-USD",
                     .dex = "",
                     .grid = {.max_decimals = 1, .size_decimals = 5}});
    instruments.put({.coin = "ETH",
                     .pair = "ETH-USD",
                     .dex = "",
                     .grid = {.max_decimals = 2, .size_decimals = 4}});
    instruments.put({.coin = "hyna:BTC",
                     .pair = "hyna:BTC-USD",
                     .dex = "hyna",
                     .grid = {.max_decimals = 1, .size_decimals = 5}});
    protocol.emplace(options, instruments);
  }
  void take() {
    for (auto& action : actions) {
      if (auto* send = std::get_if<SendText>(&action)) sent.push_back(send->text);
      if (auto* status = std::get_if<FeedStatusEvent>(&action)) {
        statuses.push_back(fmt::format("{} {} {}", to_string(status->stream), status->pair,
                                       to_string(status->state)));
        reasons.push_back(status->reason);
      }
      if (auto* status = std::get_if<ConnectionStatusEvent>(&action)) {
        connection.emplace_back(to_string(status->state));
      }
      if (auto* book = std::get_if<BookEvent>(&action)) {
        ++books;
        book_bids.assign(book->bids.begin(), book->bids.end());
        book_asks.assign(book->asks.begin(), book->asks.end());
      }
      if (auto* delta = std::get_if<DeltaEvent>(&action)) {
        ++deltas;
        snapshots += delta->snapshot ? 1 : 0;
        apply(*delta);
      }
      if (auto* trade = std::get_if<TradeEvent>(&action))
        trades.push_back({trade->trade_id, trade->backfilled});
      if (auto* candle = std::get_if<CandleEvent>(&action)) candles.push_back(*candle);
      if (auto* bbo = std::get_if<BboEvent>(&action)) bbos.push_back(*bbo);
      if (auto* ticker = std::get_if<TickerEvent>(&action)) tickers.push_back(*ticker);
      if (auto* mids = std::get_if<MidsEvent>(&action)) {
        for (const auto& item : mids->mids) {
          mid_prices[fmt::format("{}|{}", mids->dex, item.coin)] = item.price.to_string();
        }
      }
      if (auto* fetch = std::get_if<FetchTrades>(&action)) fetches.push_back(fetch->coin);
      if (auto* reconnect = std::get_if<Reconnect>(&action))
        reconnects.push_back(reconnect->reason);
      if (auto* notice = std::get_if<Notice>(&action)) {
        notices.push_back(fmt::format("{}: {}", to_string(notice->kind), notice->text));
      }
    }
    actions.clear();
  }
  void apply(const DeltaEvent& delta) {
    const auto side = [&](auto levels, std::map<Price, Quantity>& into) {
      if (delta.snapshot) into.clear();
      for (const auto& level : levels) {
        if (level.quantity.is_zero()) {
          into.erase(level.price);
        } else {
          into[level.price] = level.quantity;
        }
      }
    };
    side(delta.bids, rebuilt_bids);
    side(delta.asks, rebuilt_asks);
  }
  void add(std::initializer_list<Subscription> all) {
    for (const auto& subscription : all) protocol->add(subscription, actions);
    take();
  }
  void connect() {
    protocol->on_connected(now, actions);
    take();
  }
  void disconnect(const std::string& reason = "closed") {
    protocol->on_disconnected(reason, actions);
    take();
  }
  void text(const std::string& frame) {
    protocol->on_text(frame, now, actions);
    take();
  }
  void pass(Nanos time, Nanos step = 250ms) {
    for (const Nanos end = now.monotonic + time; now.monotonic < end;) {
      now.monotonic += step;
      now.wall = now.wall + step;
      protocol->on_timer(now, actions);
      take();
    }
  }
  void acknowledge_all() {
    const auto texts = std::exchange(sent, {});
    for (const auto& line : texts) acknowledge(line);
  }
  void acknowledge(const std::string& line) {
    text(R"({"channel":"subscriptionResponse","data":)" + line + "}");
  }
  void answer(const std::string& body) {
    protocol->on_recent_trades("BTC", std::string_view{body}, actions);
    take();
  }
  std::int64_t venue_ms() const { return now.wall.millis(); }
  void book(double bid = 100.5, double ask = 101, const std::string& coin = "BTC") {
    text(fmt::format(
        R"({{"channel":"l2Book","data":{{"coin":"{}","time":{},"levels":[[{{"px":"{}","sz":"1","n":1}}],[{{"px":"{}","sz":"2","n":1}}]]}}}})",
        coin, venue_ms(), bid, ask));
  }
  void bbo(double bid = 100.5, double ask = 101) {
    text(fmt::format(
        R"({{"channel":"bbo","data":{{"coin":"BTC","time":{},"bbo":[{{"px":"{}","sz":"1","n":1}},{{"px":"{}","sz":"2","n":1}}]}}}})",
        venue_ms(), bid, ask));
  }
  static std::string trade_list(const std::vector<std::pair<std::int64_t, std::uint64_t>>& items) {
    std::string list = "[";
    for (const auto& [time, id] : items) {
      if (list.size() > 1) list += ',';
      list += fmt::format(
          R"({{"coin":"BTC","side":"B","px":"100","sz":"1","time":{},"tid":{},"hash":"0x","users":[]}})",
          time, id);
    }
    return list + "]";
  }
  void trade_frame(const std::vector<std::pair<std::int64_t, std::uint64_t>>& items) {
    text(R"({"channel":"trades","data":)" + trade_list(items) + "}");
  }
  void candle_frame(std::int64_t open_ms, const std::string& close, int count = 1) {
    text(fmt::format(
        R"({{"channel":"candle","data":{{"t":{},"T":{},"s":"BTC","i":"1m","o":"1","c":"{}","h":"9","l":"1","v":"3","n":{}}}}})",
        open_ms, open_ms + 59'999, close, count));
  }

  MarketInstruments instruments;
  std::optional<MarketProtocol> protocol;
  Moment now{1000s, UnixNanos::from_millis(kStartMs)};
  std::vector<MarketAction> actions;
  std::vector<std::string> sent, statuses, reasons, connection, fetches, reconnects, notices;
  std::vector<SeenTrade> trades;
  std::vector<CandleEvent> candles;
  std::vector<BboEvent> bbos;
  std::vector<TickerEvent> tickers;
  std::map<std::string, std::string> mid_prices;
  std::vector<BookLevel> book_bids, book_asks;
  std::map<Price, Quantity> rebuilt_bids, rebuilt_asks;
  int books = 0, deltas = 0, snapshots = 0;
};

TEST(MarketProtocol, SubscribesEverythingAndAgainAfterAReconnect) {
  Driver d;
  d.add({kBook, kBbo, kMidsHyna});
  EXPECT_THAT(d.sent, IsEmpty());
  d.connect();
  EXPECT_THAT(d.sent, UnorderedElementsAre(subscribe_text(kBook), subscribe_text(kBbo),
                                           subscribe_text(kMidsHyna)));
  d.acknowledge_all();
  d.pass(6s);
  EXPECT_THAT(d.sent, IsEmpty());
  d.disconnect();
  d.connect();
  EXPECT_THAT(d.sent, UnorderedElementsAre(subscribe_text(kBook), subscribe_text(kBbo),
                                           subscribe_text(kMidsHyna)));
}

TEST(MarketProtocol, AnUnansweredSubscriptionIsSentAgainUnlessDataProveIt) {
  Driver d;
  d.add({kBook, kBbo});
  d.connect();
  d.sent.clear();
  d.book();
  d.pass(5500ms);
  EXPECT_THAT(d.sent, ElementsAre(subscribe_text(kBbo)));
}

TEST(MarketProtocol, AFeedIsLiveFromItsFirstDataAndDownWithoutConnection) {
  Driver d;
  d.add({kBook, kBbo});
  EXPECT_THAT(d.statuses, ElementsAre("l2Book BTC-USD DOWN", "bbo BTC-USD DOWN"));
  EXPECT_THAT(d.connection, ElementsAre("DOWN"));
  d.statuses.clear();
  d.connect();
  d.acknowledge_all();
  EXPECT_THAT(d.statuses, IsEmpty());  // an acknowledgement has shown nothing yet
  d.book();
  EXPECT_THAT(d.statuses, ElementsAre("l2Book BTC-USD LIVE"));
  EXPECT_THAT(d.connection, ElementsAre("DOWN", "LIVE"));
  d.book();
  EXPECT_EQ(d.statuses.size(), 1u);
  d.disconnect("closed by the venue: Expired");
  EXPECT_THAT(d.statuses,
              ElementsAre("l2Book BTC-USD LIVE", "l2Book BTC-USD DOWN", "bbo BTC-USD DOWN"));
  EXPECT_EQ(d.reasons.back(), "closed by the venue: Expired");
  EXPECT_EQ(d.connection.back(), "DOWN");
}

TEST(MarketProtocol, ASilentBookIsStaleThenSubscribedAnewAndLiveWithItsNextData) {
  Driver d;
  d.add({kBook, kContext});
  d.connect();
  d.acknowledge_all();
  d.book();
  const auto ticker =
      R"({"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"markPx":"100"}}})";
  for (int i = 0; i < 39; ++i) {
    d.text(ticker);
    d.pass(250ms);
  }
  EXPECT_EQ(d.protocol->state(kBook), FeedState::kLive);
  d.text(ticker);
  d.pass(500ms);
  EXPECT_EQ(d.protocol->state(kBook), FeedState::kStale);
  EXPECT_EQ(d.protocol->state(kContext), FeedState::kLive);  // per channel
  EXPECT_THAT(d.sent, ElementsAre(unsubscribe_text(kBook)));
  d.acknowledge_all();
  EXPECT_THAT(d.sent, ElementsAre(subscribe_text(kBook)));
  d.book();
  EXPECT_EQ(d.protocol->state(kBook), FeedState::kLive);
}

TEST(MarketProtocol, AQuietBboIsAliveWhileTheBookShowsTheSameTop) {
  Driver d;
  d.add({kBook, kBbo});
  d.connect();
  d.acknowledge_all();
  d.bbo(100.5, 101);
  for (int i = 0; i < 60; ++i) {
    d.book(100.5, 101);
    d.pass(500ms);
  }
  EXPECT_EQ(d.protocol->state(kBbo), FeedState::kLive);
  for (int i = 0; i < 24; ++i) {  // the top moves and bbo says nothing
    d.book(100.4, 101);
    d.pass(500ms);
  }
  EXPECT_EQ(d.protocol->state(kBbo), FeedState::kStale);
  EXPECT_EQ(d.protocol->state(kBook), FeedState::kLive);
  d.book(100.5, 101);
  d.pass(250ms);
  EXPECT_EQ(d.protocol->state(kBbo), FeedState::kLive);
}

TEST(MarketProtocol, TradesAndCandlesAreJudgedByTheConnection) {
  Driver d;
  d.add({kBook, kTrades, kCandle});
  d.connect();
  d.acknowledge_all();
  d.book();
  d.pass(250ms);
  EXPECT_EQ(d.protocol->state(kTrades),
            FeedState::kLive);  // acknowledged, and the connection speaks
  for (int i = 0; i < 60; ++i) {
    d.book();
    d.pass(500ms);
  }
  EXPECT_EQ(d.protocol->state(kTrades), FeedState::kLive);
  d.pass(10s);
  EXPECT_EQ(d.protocol->state(kTrades), FeedState::kStale);
  EXPECT_EQ(d.protocol->state(kCandle), FeedState::kStale);
  EXPECT_EQ(d.connection.back(), "STALE");
}

TEST(MarketProtocol, AConnectionThatOnlyAnswersPingsIsGivenUp) {
  Driver d;
  d.add({kBook});
  d.connect();
  d.book();
  for (int i = 0; i < 29; ++i) {
    d.text(R"({"channel":"pong"})");
    d.pass(1s);
  }
  EXPECT_THAT(d.reconnects, IsEmpty());
  d.pass(1s);
  EXPECT_THAT(d.reconnects, ElementsAre(HasSubstr("no data for 30 s")));
}

struct Doubtful {
  std::string_view name;
  std::string_view levels;
  std::string_view says;
};
class MarketProtocolDoubtful : public ::testing::TestWithParam<Doubtful> {};
TEST_P(MarketProtocolDoubtful, IsNotPublishedAndTheBookIsSubscribedAnew) {
  Driver d;
  d.add({kBook});
  d.connect();
  d.acknowledge_all();
  d.book();
  ASSERT_EQ(d.books, 1);
  d.text(fmt::format(R"({{"channel":"l2Book","data":{{"coin":"BTC","time":{},"levels":{}}}}})",
                     d.venue_ms(), GetParam().levels));
  EXPECT_EQ(d.books, 1);
  EXPECT_EQ(d.deltas, 1);
  EXPECT_EQ(d.statuses.back(), "l2Book BTC-USD RESYNCING");
  EXPECT_THAT(d.reasons.back(), HasSubstr(std::string{GetParam().says}));
  EXPECT_THAT(d.sent, ElementsAre(unsubscribe_text(kBook)));
  const auto asked = d.protocol->book("BTC");
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, ErrorCode::kResyncing);
  EXPECT_EQ(d.protocol->counters().resyncs, 1u);
  d.book();
  EXPECT_EQ(d.statuses.back(), "l2Book BTC-USD LIVE");
  EXPECT_EQ(d.snapshots, 2);  // the chain starts anew
}
INSTANTIATE_TEST_SUITE_P(
    All, MarketProtocolDoubtful,
    ::testing::Values(
        Doubtful{"Crossed", R"([[{"px":"101","sz":"1"}],[{"px":"100","sz":"1"}]])",
                 "crossed: bid 101, ask 100"},
        Doubtful{"Locked", R"([[{"px":"101","sz":"1"}],[{"px":"101","sz":"1"}]])", "crossed"},
        Doubtful{"BidsUnsorted", R"([[{"px":"99","sz":"1"},{"px":"100","sz":"1"}],[]])",
                 "bid 100 follows 99"},
        Doubtful{"AsksRepeated", R"([[],[{"px":"99","sz":"1"},{"px":"99","sz":"1"}]])",
                 "ask 99 follows 99"},
        Doubtful{"SixFigures", R"([[{"px":"12345.6","sz":"1"}],[]])", "off the grid"},
        Doubtful{"Decimals", R"([[{"px":"1.25","sz":"1"}],[]])", "off the grid"},
        Doubtful{"Lot", R"([[{"px":"1.2","sz":"0.000001"}],[]])", "off the lot"},
        Doubtful{"EmptyLevel", R"([[{"px":"1.2","sz":"0"}],[]])", "is empty"}),
    [](const auto& doubtful) { return std::string{doubtful.param.name}; });

TEST(MarketProtocol, WholePricesOfAnyLengthAreOnTheGrid) {
  EXPECT_TRUE(is_on_grid(Price{Decimal{1234567}}, PriceGrid{.max_decimals = 0}));
  EXPECT_TRUE(is_on_grid(Price{Decimal::of(12345, -1)}, PriceGrid{.max_decimals = 1}));
  EXPECT_FALSE(is_on_grid(Price{Decimal::of(123456, -1)}, PriceGrid{.max_decimals = 1}));
}

TEST(MarketProtocol, DeltasRebuildEveryBook) {
  Driver d;
  d.add({kBook});
  d.connect();
  std::mt19937_64 random{
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed())};
  for (int round = 0; round < 300; ++round) {
    if (round % 100 == 50) {
      d.disconnect();
      d.connect();
    }
    const auto side = [&](int from, int step) {
      std::string levels;
      int at = from;
      for (std::uint64_t n = random() % 21; n > 0; --n) {
        levels += fmt::format(R"({}{{"px":"{}","sz":"{}","n":1}})", levels.empty() ? "" : ",", at,
                              1 + random() % 3);
        at += step * static_cast<int>(1 + random() % 2);
      }
      return "[" + levels + "]";
    };
    d.now.wall = d.now.wall + 1ms;
    d.text(
        fmt::format(R"({{"channel":"l2Book","data":{{"coin":"BTC","time":{},"levels":[{},{}]}}}})",
                    d.venue_ms(), side(1000, -1), side(1001, 1)));
    std::map<Price, Quantity> bids;
    std::map<Price, Quantity> asks;
    for (const auto& level : d.book_bids) bids[level.price] = level.quantity;
    for (const auto& level : d.book_asks) asks[level.price] = level.quantity;
    ASSERT_EQ(d.rebuilt_bids, bids) << "round " << round;
    ASSERT_EQ(d.rebuilt_asks, asks) << "round " << round;
  }
  EXPECT_EQ(d.books, 300);
  EXPECT_EQ(d.snapshots, 4);
}

TEST(MarketProtocol, BookIsAsDeepAsConfiguredAndTheDeltaIsWhole) {
  Driver d{MarketProtocolOptions{.depth = 1}};
  d.add({kBook});
  d.connect();
  d.text(fmt::format(
      R"({{"channel":"l2Book","data":{{"coin":"BTC","time":{},"levels":[[{{"px":"5","sz":"1"}},{{"px":"4","sz":"1"}}],[]]}}}})",
      d.venue_ms()));
  EXPECT_EQ(d.book_bids.size(), 1u);
  EXPECT_EQ(d.rebuilt_bids.size(), 2u);
}

TEST(MarketProtocol, AnOlderBookIsLeftAside) {
  Driver d;
  d.add({kBook});
  d.connect();
  d.book(100, 101);
  d.now.wall = d.now.wall - 1s;
  d.book(90, 91);
  EXPECT_EQ(d.books, 1);
  EXPECT_EQ(d.protocol->counters().out_of_order, 1u);
}

TEST(MarketProtocol, OldTradesOfTheFirstMessageAreNotPublished) {
  Driver d;
  d.add({kTrades});
  d.connect();
  d.trade_frame({{kStartMs - 5000, 1}, {kStartMs - 3000, 2}});
  EXPECT_THAT(d.trades, IsEmpty());
  d.pass(1s);
  d.trade_frame({{kStartMs + 900, 3}});
  d.trade_frame({{kStartMs + 900, 3}, {kStartMs + 950, 4}, {kStartMs + 950, 5}});
  EXPECT_THAT(d.trades, ElementsAre(SeenTrade{3, false}, SeenTrade{4, false}, SeenTrade{5, false}));
  EXPECT_EQ(d.protocol->counters().duplicate_trades, 1u);
}

TEST(MarketProtocol, AFirstMessageThatReachesBackFillsTheGapOfAReconnectByItself) {
  Driver d;
  d.add({kTrades});
  d.connect();
  d.trade_frame({{kStartMs - 3000, 1}});
  d.pass(1s);
  d.trade_frame({{kStartMs + 900, 2}});
  d.disconnect();
  d.pass(0s);
  d.now.monotonic += 5s;
  d.now.wall = d.now.wall + 5s;
  d.connect();
  d.trade_frame({{kStartMs + 5000, 4},
                 {kStartMs + 3000, 3},
                 {kStartMs + 900, 2},
                 {kStartMs - 3000, 1}});  // newest first
  EXPECT_THAT(d.trades, ElementsAre(SeenTrade{2, false}, SeenTrade{3, true}, SeenTrade{4, true}));
  d.pass(10s);
  EXPECT_THAT(d.fetches, IsEmpty());
}

TEST(MarketProtocol, AGapThatTheFirstMessageLeavesIsFilledFromRestEachTradeOnce) {
  std::vector<std::pair<std::int64_t, std::uint64_t>> missed;
  for (int i = 0; i < 20; ++i) missed.emplace_back(kStartMs + 1000 + 100 * i, 100 + i);
  std::mt19937_64 random{
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed())};
  for (int round = 0; round < 50; ++round) {
    Driver d;
    d.add({kTrades});
    d.connect();
    d.trade_frame({{kStartMs - 3000, 1}});
    d.pass(1s);
    d.trade_frame({{kStartMs + 900, 2}});
    d.disconnect();
    d.now.monotonic += 5s;
    d.now.wall = d.now.wall + 5s;
    d.connect();
    const auto cut = static_cast<std::ptrdiff_t>(1 + random() % 19);
    d.trade_frame({missed.begin() + cut, missed.end()});
    ASSERT_THAT(d.fetches, ElementsAre("BTC"));
    d.trade_frame({{kStartMs + 6000, 200}});  // live goes on meanwhile
    auto answer = missed;
    answer.insert(answer.begin(), {kStartMs + 900, 2});
    answer.emplace_back(kStartMs + 6000, 200);
    if (random() % 2 == 0) std::reverse(answer.begin(), answer.end());
    d.answer(Driver::trade_list(answer));
    std::set<SeenTrade> seen{d.trades.begin(), d.trades.end()};
    EXPECT_EQ(seen.size(), d.trades.size()) << "each once";
    EXPECT_EQ(seen.size(), 22u);
    for (int i = 0; i < 20; ++i)
      EXPECT_TRUE(seen.contains({static_cast<std::uint64_t>(100 + i), true}));
    EXPECT_TRUE(seen.contains({200, false}));
    EXPECT_EQ(d.protocol->counters().trade_gaps, 0u);
  }
}

TEST(MarketProtocol, AMissingFirstMessageIsAskedForAndAGapThatNobodyFillsIsCounted) {
  Driver d;
  d.add({kTrades, kBook});
  d.connect();
  d.trade_frame({{kStartMs - 3000, 1}});
  d.disconnect();
  d.connect();
  d.acknowledge_all();
  for (int i = 0; i < 100 && d.protocol->counters().trade_gaps == 0; ++i) {
    d.book();
    d.pass(500ms);
    if (!d.fetches.empty()) {
      d.fetches.clear();
      d.protocol->on_recent_trades("BTC", fail(ErrorCode::kTimeout, "no answer"), d.actions);
      d.take();
    }
  }
  EXPECT_EQ(d.protocol->counters().trade_gaps, 1u);
  EXPECT_THAT(d.notices.back(), HasSubstr("trade_gap: trades BTC-USD: no answer"));
  d.pass(10s);
  EXPECT_THAT(d.fetches, IsEmpty());
}

TEST(MarketProtocol, ACandleIsClosedByItsSuccessorOrByTimeAndNeverAcrossAReconnect) {
  Driver d;
  d.add({kCandle});
  d.connect();
  const std::int64_t open = kStartMs / 60'000 * 60'000;
  d.candle_frame(open, "2");
  EXPECT_FALSE(d.candles.back().closed);
  EXPECT_EQ(d.candles.back().close_time.millis(), open + 60'000);
  d.candle_frame(open + 60'000, "3");
  ASSERT_EQ(d.candles.size(), 3u);
  EXPECT_TRUE(d.candles[1].closed);
  EXPECT_EQ(d.candles[1].open_time.millis(), open);
  EXPECT_FALSE(d.candles[2].closed);
  d.pass(123s);
  ASSERT_EQ(d.candles.size(), 4u);
  EXPECT_TRUE(d.candles[3].closed);
  EXPECT_EQ(d.candles[3].open_time.millis(), open + 60'000);

  d.candle_frame(open + 180'000, "4");
  d.disconnect();
  d.connect();
  d.pass(300s);
  d.candle_frame(open + 480'000, "5");
  EXPECT_EQ(std::count_if(d.candles.begin(), d.candles.end(),
                          [&](const CandleEvent& c) {
                            return c.closed && c.open_time.millis() == open + 180'000;
                          }),
            0);
}

TEST(MarketProtocol, TickerCarriesHourlyFundingAndTheNextFullHour) {
  Driver d;
  d.add({kContext});
  d.connect();
  d.text(
      R"({"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"-0.0000125","openInterest":"5.5","oraclePx":"128.41","markPx":"128.45"}}})");
  ASSERT_EQ(d.tickers.size(), 1u);
  EXPECT_EQ(d.tickers[0].funding_interval, Nanos{1h});
  ASSERT_TRUE(d.tickers[0].next_funding);
  EXPECT_EQ(d.tickers[0].next_funding->millis() % 3'600'000, 0);
  EXPECT_GT(*d.tickers[0].next_funding, d.now.wall);
  EXPECT_LE(*d.tickers[0].next_funding - d.now.wall, Nanos{1h});
  EXPECT_EQ(d.tickers[0].index_price->to_string(), "128.41");
}

TEST(MarketProtocol, MidsGoByDexAndByPair) {
  Driver d;
  d.add({kMids, kMidsHyna});
  d.connect();
  d.text(R"({"channel":"allMids","data":{"mids":{"BTC":"100.5","@107":"3","ETH":"4"}}})");
  d.text(R"({"channel":"allMids","data":{"dex":"hyna","mids":{"hyna:BTC":"99"}}})");
  EXPECT_EQ(d.mid_prices,
            (std::map<std::string, std::string>{
                {"|BTC-USD", "100.5"}, {"|ETH-USD", "4"}, {"hyna|hyna:BTC-USD", "99"}}));
  EXPECT_EQ(d.protocol->state(kMidsHyna), FeedState::kLive);
}

TEST(MarketProtocol, ARefusedSubscriptionIsDownWithTheVenuesWordsAndTriedAgainLater) {
  Driver d;
  d.add({kBook, kBbo});
  d.connect();
  d.sent.clear();
  d.text(
      R"({"channel":"error","data":"Invalid subscription {\"type\":\"bbo\",\"coin\":\"BTC\"}"})");
  EXPECT_EQ(d.statuses.back(), "bbo BTC-USD DOWN");
  EXPECT_THAT(d.reasons.back(), HasSubstr("refused by the venue: Invalid subscription"));
  for (int i = 0; i < 29; ++i) {
    d.book();
    d.pass(1s);
  }
  EXPECT_THAT(d.sent, IsEmpty());
  d.pass(2s);
  EXPECT_THAT(d.sent, ElementsAre(subscribe_text(kBbo)));
}

TEST(MarketProtocol, ADelistedInstrumentIsDownWithThatReasonAndUnsubscribed) {
  Driver d;
  d.add({kBook, kBbo});
  d.connect();
  d.acknowledge_all();
  d.book();
  d.protocol->withdraw("BTC", "delisted", d.actions);
  d.take();
  EXPECT_THAT(d.statuses, ::testing::IsSupersetOf({"l2Book BTC-USD DOWN", "bbo BTC-USD DOWN"}));
  EXPECT_EQ(d.reasons.back(), "delisted");
  d.pass(1s);
  EXPECT_THAT(d.sent, UnorderedElementsAre(unsubscribe_text(kBook), unsubscribe_text(kBbo)));
  d.book();
  EXPECT_EQ(d.books, 1);
  d.disconnect();
  d.connect();
  EXPECT_EQ(d.reasons.back(), "delisted");
}

TEST(MarketProtocol, WhatIsNotUnderstoodIsCountedAndSurvived) {
  Driver d;
  d.add({kBook});
  d.connect();
  d.text("<html>502</html>");
  d.text(R"({"channel":"brandNew","data":{}})");
  d.text(R"({"channel":"l2Book","data":{"coin":"NEWCOIN","time":1,"levels":[[],[]]}})");
  d.text(R"({"channel":"user","data":{"fills":[]}})");
  d.text(R"({"channel":"error","data":"something new"})");
  const auto& counters = d.protocol->counters();
  EXPECT_EQ(counters.malformed, 1u);
  EXPECT_EQ(counters.unknown_channels, 1u);
  EXPECT_EQ(counters.unknown_coins, 1u);
  EXPECT_EQ(counters.ignored, 1u);
  EXPECT_EQ(counters.venue_errors, 1u);
  EXPECT_EQ(d.notices.size(), 4u);
  d.book();
  EXPECT_EQ(d.protocol->state(kBook), FeedState::kLive);
}

TEST(MarketProtocol, UsersOfOneStreamShareItAndTheLastOneEndsIt) {
  Driver d;
  d.add({kBook, kBook});
  d.connect();
  EXPECT_THAT(d.sent, ElementsAre(subscribe_text(kBook)));
  d.acknowledge_all();
  d.protocol->remove(kBook);
  d.pass(1s);
  EXPECT_THAT(d.sent, IsEmpty());
  d.protocol->remove(kBook);
  d.pass(1s);
  EXPECT_THAT(d.sent, ElementsAre(unsubscribe_text(kBook)));
}

TEST(MarketProtocol, NoMinuteHasMoreMessagesThanItsShare) {
  MinuteBudget share{60};
  Driver d{MarketProtocolOptions{.messages = &share}};
  for (int i = 0; i < 200; ++i) {
    d.instruments.put(
        {.coin = fmt::format("C{}", i), .pair = fmt::format("C{}-USD", i), .dex = "", .grid = {}});
    d.add({Subscription{.stream = Stream::kL2Book, .coin = fmt::format("C{}", i)}});
  }
  d.connect();
  std::vector<std::pair<Nanos, std::size_t>> log;
  for (int i = 0; i < 1200; ++i) {
    log.emplace_back(d.now.monotonic, d.sent.size());
    d.acknowledge_all();
    d.pass(250ms);
  }
  std::size_t total = 0;
  for (std::size_t i = 0; i < log.size(); ++i) {
    total += log[i].second;
    std::size_t within = 0;
    for (std::size_t k = i; k < log.size() && log[k].first - log[i].first < 60s; ++k)
      within += log[k].second;
    ASSERT_LE(within, 60u) << "from " << log[i].first.count();
  }
  EXPECT_GE(total, 100u);
}

}  // namespace
}  // namespace perpwire::hyperliquid
