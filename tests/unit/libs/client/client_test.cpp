#include "libs/client/client.hpp"

#include "libs/client/quote.hpp"
#include "libs/common/bus_publisher.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/request_server.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <zmq.hpp>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace perpwire::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kStream = "order-gateway.main.7f3a";

// Stands for gateway and marketstream: publishes and may lose what it published, answers commands
// and pages. Runs on the test's thread, the client on its own.
class Suite {
 public:
  Suite() {
    gateway_.follow_stream(kStream, 0);
    config.market_events = market.endpoint();
    config.order_events = gateway_.endpoint();
    config.commands = commands_.endpoint();
    config.replay = replay_.endpoint();
    config.market_requests = replay_.endpoint();
    config.request_timeout = milliseconds{500};
  }

  bool run_until(const std::function<bool()>& done, milliseconds limit = seconds{5}) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      io_.restart();
      io_.run_for(milliseconds{2});
    }
    return true;
  }

  void publish(const std::string& topic, const std::string& kind,
               const std::function<void(v1::Envelope&)>& fill, bool lose = false) {
    v1::Envelope event;
    event.set_event_type(kind);
    event.set_timestamp(wall_clock_now().value());
    event.set_stream(kStream);
    event.set_sequence(journal_.size() + 1);
    event.set_topic_sequence(++topics_[topic]);
    fill(event);
    journal_.emplace_back(topic, event);
    gateway_.follow_stream(kStream, journal_.size());
    if (!lose) gateway_.publish_numbered(topic, event);
  }
  void publish_order(const std::string& id, bool lose = false) {
    publish(
        "orders.hyperliquid.created", "order_created",
        [&](v1::Envelope& event) { event.mutable_order()->set_client_order_id(id); }, lose);
  }
  bool subscribed() {
    return run_until([&] { return gateway_.has_subscriber("orders.x.y"); });
  }

  std::vector<v1::Command> commands;
  std::function<void(const v1::Command&, v1::Reply&)> answer =
      [](const v1::Command&, v1::Reply& r) { r.set_status("ACCEPTED"); };
  bool silent = false;
  ClientConfig config;

 private:
  void on_command(const IncomingRequest& request) {
    v1::Command command;
    ASSERT_TRUE(parse_payload(request.payload, command));
    commands.push_back(command);
    if (silent) return;
    v1::Reply reply;
    reply.set_request_id(command.request_id());
    answer(command, reply);
    commands_.reply(request.reply_to, reply.SerializeAsString());
  }
  void on_page(const IncomingRequest& request) {
    v1::PageRequest page;
    ASSERT_TRUE(parse_payload(request.payload, page));
    v1::PageReply head;
    head.set_type("replay_page");
    head.set_request_id(page.request_id());
    head.set_stream(kStream);
    std::vector<std::string> parts(1);
    std::uint64_t next = page.from_sequence();
    for (; next <= journal_.size() && parts.size() < 5; ++next) {
      parts.push_back(journal_[next - 1].first);
      parts.push_back(journal_[next - 1].second.SerializeAsString());
    }
    head.set_next_sequence(next);
    head.set_last_sequence(journal_.size());
    parts[0] = head.SerializeAsString();
    replay_.reply(request.reply_to, parts);
  }

  boost::asio::io_context io_;
  zmq::context_t zmq_;
  std::vector<std::pair<std::string, v1::Envelope>> journal_;
  std::map<std::string, std::uint64_t> topics_;
  BusPublisher gateway_{io_,
                        zmq_,
                        {.endpoint = "tcp://127.0.0.1:0",
                         .process = "order-gateway",
                         .instance = "main",
                         .pace = {},
                         .heartbeat_interval = milliseconds{50}}};
  RequestServer commands_{
      io_, zmq_, {.endpoint = "tcp://127.0.0.1:0"}, [this](const IncomingRequest& request) {
        on_command(request);
      }};
  RequestServer replay_{
      io_, zmq_, {.endpoint = "tcp://127.0.0.1:0"}, [this](const IncomingRequest& request) {
        on_page(request);
      }};

 public:
  BusPublisher market{
      io_,
      zmq_,
      {.endpoint = "tcp://127.0.0.1:0", .process = "marketstream", .instance = "main", .pace = {}}};
};

// What the callbacks told, from the client's thread to the test's.
class Log {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t size() { return lines().size(); }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class ClientTest : public testing::Test {
 protected:
  Callbacks callbacks() {
    return {
        .on_order = [this](const v1::OrderEvent& order,
                           const v1::Envelope&) { log.add(order.client_order_id()); },
        .on_position = [this](const v1::Position& position,
                              const v1::Envelope&) { log.add("at " + position.trading_pair()); },
        .on_order_rejected =
            [this](const ClientOrderId& id, const Error& error) {
              log.add("rejected " + id.value() + " " + std::string(to_string(error.code)));
            },
        .on_order_unknown = [this](const ClientOrderId& id,
                                   const Error&) { log.add("unknown " + id.value()); }};
  }
  void start() {
    client = std::make_unique<Client>(suite.config);
    client->start(callbacks());
    ASSERT_TRUE(suite.subscribed());
  }
  // Waits for a future while the suite goes on.
  template <class T>
  T wait(std::future<T> future) {
    EXPECT_TRUE(
        suite.run_until([&] { return future.wait_for(seconds{0}) == std::future_status::ready; }));
    return future.get();
  }
  static OrderSpec limit_order() {
    return {.trading_pair = TradingPair{"BTC-USD"},
            .amount = *parse_as<Quantity>("0.001", "amount"),
            .price = *parse_as<Price>("50000", "price"),
            .time_in_force = "ALO"};
  }

  Suite suite;
  Log log;
  std::unique_ptr<Client> client;
};

TEST_F(ClientTest, LostOrderEventsAreFetchedAndComeOnceAndInOrder) {
  start();
  suite.run_until([] { return false; }, milliseconds{150});  // a heartbeat tells where to begin
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back("order" + std::to_string(i));
    suite.publish_order(expected.back(), i % 3 > 0);
  }
  EXPECT_TRUE(suite.run_until([&] { return log.size() >= 20; })) << log.size();
  EXPECT_EQ(log.lines(), expected);
}

TEST_F(ClientTest, ARestartDeliversWhatHappenedMeanwhile) {
  for (int i = 1; i <= 5; ++i) suite.publish_order("order" + std::to_string(i));
  suite.config.start = StreamPosition{kStream, 3};
  start();
  EXPECT_TRUE(suite.run_until([&] { return log.size() >= 3; })) << log.size();
  EXPECT_EQ(log.lines(), (std::vector<std::string>{"order3", "order4", "order5"}));
}

TEST_F(ClientTest, ALastValueFromBeforeOurBeginningIsDelivered) {
  suite.publish("positions.hyperliquid.main.BTC-USD", "position",
                [](v1::Envelope& e) { e.mutable_position()->set_trading_pair("BTC-USD"); });
  suite.publish_order("before");
  start();
  EXPECT_TRUE(suite.run_until([&] { return log.size() >= 1; }));
  EXPECT_EQ(log.lines().front(), "at BTC-USD");
}

TEST_F(ClientTest, BuyReturnsTheIdAtOnceAndSendsTheWholeOrder) {
  suite.config.strategy = "mm";
  start();
  const auto id = client->buy(limit_order());
  EXPECT_TRUE(parse_client_order_id(id.value()));
  ASSERT_TRUE(suite.run_until([&] { return !suite.commands.empty(); }));
  const auto& command = suite.commands.front();
  EXPECT_EQ(command.type(), "place");
  EXPECT_EQ(command.order().client_order_id(), id.value());
  EXPECT_EQ(command.order().account(), "main");
  EXPECT_EQ(command.order().trade_type(), "BUY");
  EXPECT_EQ(command.order().order_type(), "LIMIT");
  EXPECT_EQ(command.order().time_in_force(), "ALO");
  EXPECT_EQ(command.order().strategy(), "mm");
  EXPECT_EQ(to_decimal(command.order().price())->to_string(), "50000");
  EXPECT_EQ(to_decimal(command.order().amount())->to_string(), "0.001");
  auto market_order = limit_order();
  market_order.price.reset();
  client->sell(market_order);
  ASSERT_TRUE(suite.run_until([&] { return suite.commands.size() == 2; }));
  EXPECT_EQ(suite.commands.back().order().order_type(), "MARKET");
  EXPECT_FALSE(suite.commands.back().order().has_price());
}

TEST_F(ClientTest, ARefusalIsAnEventForAnOrderAndAnErrorForACancel) {
  suite.answer = [](const v1::Command&, v1::Reply& reply) {
    reply.set_status("REJECTED");
    reply.set_code("PRICE_TICK");
    reply.set_reason("off its tick");
  };
  start();
  const auto id = client->buy(limit_order());
  ASSERT_TRUE(suite.run_until([&] { return log.size() == 1; }));
  EXPECT_EQ(log.lines().front(), "rejected " + id.value() + " PRICE_TICK");
  const auto cancelled = wait(client->cancel(id));
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kPriceTick);
  EXPECT_NE(cancelled.error().text.find("off its tick"), std::string::npos);
}

TEST_F(ClientTest, SilenceIsUnknownAndResendingSendsTheVerySameOrder) {
  start();
  suite.silent = true;
  const auto id = client->buy(limit_order());
  ASSERT_TRUE(suite.run_until([&] { return log.size() == 1; }));
  EXPECT_EQ(log.lines().front(), "unknown " + id.value());
  suite.silent = false;
  client->resend(id);
  ASSERT_TRUE(suite.run_until([&] { return suite.commands.size() == 2; }));
  EXPECT_EQ(suite.commands[0].order().SerializeAsString(),
            suite.commands[1].order().SerializeAsString());
  EXPECT_NE(suite.commands[0].request_id(), suite.commands[1].request_id());
  EXPECT_TRUE(wait(client->cancel(id)));  // the answer to the order came before this one's
  client->resend(id);                     // answered meanwhile: nothing to send
  EXPECT_TRUE(wait(client->cancel(id)));
  EXPECT_EQ(suite.commands.size(), 4U);
}

TEST_F(ClientTest, QueriesAndModifySpeakTheContract) {
  suite.answer = [](const v1::Command&, v1::Reply& reply) {
    reply.set_status("OK");
    auto& order = *reply.add_orders();
    order.set_client_order_id("x");
    set_decimal(*Decimal::parse("50000.1"), *order.mutable_price());
  };
  start();
  const auto order = wait(client->get_order(ClientOrderId{"x"}));
  ASSERT_TRUE(order);
  EXPECT_EQ(to_decimal(order->price())->to_string(), "50000.1");
  const auto open = wait(client->get_open_orders(TradingPair{"BTC-USD"}));
  ASSERT_TRUE(open);
  EXPECT_EQ(open->size(), 1U);
  EXPECT_EQ(suite.commands.back().trading_pair(), "BTC-USD");
  EXPECT_TRUE(wait(client->modify(ClientOrderId{"x"}, parse_as<Price>("49000", "price").value())));
  EXPECT_EQ(suite.commands.back().modify().client_order_id(), "x");
  EXPECT_FALSE(suite.commands.back().modify().has_amount());
}

TEST_F(ClientTest, CancelAndModifyTellAFunctionOnTheClientsThread) {
  suite.answer = [](const v1::Command& command, v1::Reply& reply) {
    reply.set_status(command.type() == "cancel" ? "ACCEPTED" : "REJECTED");
    reply.set_code("POST_ONLY");
  };
  start();
  const auto note = [this](const Status& status) {
    log.add(status ? "taken" : std::string(to_string(status.error().code)));
  };
  client->cancel(ClientOrderId{"x"}, note);
  client->modify(ClientOrderId{"x"}, std::nullopt, parse_as<Quantity>("1", "amount").value(), note);
  ASSERT_TRUE(suite.run_until([&] { return log.size() == 2; }));
  EXPECT_EQ(log.lines(), (std::vector<std::string>{"taken", "POST_ONLY"}));
}

TEST_F(ClientTest, CancelAndWaitAsksUntilTheOrderHasEnded) {
  int asked = 0;
  suite.answer = [&](const v1::Command& command, v1::Reply& reply) {
    reply.set_status("OK");
    if (command.type() == "get_order") {
      reply.add_orders()->set_order_state(++asked < 3 ? "OPEN" : "CANCELLED");
    }
  };
  start();
  auto left = std::async(std::launch::async, [&] {
    return client->cancel_and_wait({ClientOrderId{"x"}, ClientOrderId{}});
  });
  EXPECT_TRUE(wait(std::move(left)).empty());
  EXPECT_EQ(suite.commands.size(), 5U);  // get, cancel, get, cancel, get
}

TEST_F(ClientTest, ASlowCallbackGetsTheNewestAndTheRestIsCounted) {
  client = std::make_unique<Client>(suite.config);
  std::atomic<int> calls = 0;
  std::atomic<std::uint64_t> newest = 0;
  client->start({.on_bbo = [&](const v1::Bbo&, const v1::Envelope& event) {
    ++calls;
    newest = event.sequence();
    std::this_thread::sleep_for(milliseconds{50});  // the slowness that this test is about
  }});
  client->subscribe({"bbo"}, {TradingPair{"BTC-USD"}});
  const std::string topic = "md.hyperliquid.bbo.BTC-USD";
  ASSERT_TRUE(suite.run_until([&] { return suite.market.has_subscriber(topic); }));
  for (int i = 0; i < 100; ++i) {
    v1::Envelope event;
    event.set_event_type("bbo");
    event.mutable_bbo()->set_venue("hyperliquid");
    suite.market.publish(topic, event);
  }
  EXPECT_TRUE(suite.run_until([&] { return newest == 100; })) << newest;
  EXPECT_LT(calls, 20);
  EXPECT_EQ(client->counters().conflated, 100U - static_cast<unsigned>(calls));
}

TEST_F(ClientTest, OnlySubscribedTopicsAreDelivered) {
  client = std::make_unique<Client>(suite.config);
  client->start({.on_trade = [this](const v1::Trade& trade, const v1::Envelope&) {
    log.add(trade.trading_pair());
  }});
  client->subscribe({"trade"}, {TradingPair{"BTC-USD"}});
  ASSERT_TRUE(
      suite.run_until([&] { return suite.market.has_subscriber("md.hyperliquid.trade.BTC-USD"); }));
  for (const char* pair : {"ETH-USD", "BTC-USDT", "BTC-USD"}) {
    v1::Envelope event;
    event.set_event_type("trade");
    event.mutable_trade()->set_trading_pair(pair);
    suite.market.publish(std::string("md.hyperliquid.trade.") + pair, event);
  }
  ASSERT_TRUE(suite.run_until([&] { return log.size() > 0; }));
  EXPECT_EQ(log.lines(), std::vector<std::string>{"BTC-USD"});
}

TEST_F(ClientTest, FuturesOfAClientThatEndsAreClosed) {
  start();
  suite.silent = true;
  auto future = client->cancel(ClientOrderId{"x"});
  client.reset();
  const auto status = future.get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kClosed);
}

// Places, waits for the venue, follows by modify, and replaces where a modify is refused.
TEST_F(ClientTest, AQuoteFollowsItsPriceAndIsReplacedWhereAModifyIsRefused) {
  suite.answer = [](const v1::Command& command, v1::Reply& reply) {
    reply.set_status(command.type() == "modify" ? "REJECTED" : "ACCEPTED");
    reply.set_code("POST_ONLY");
  };
  client = std::make_unique<Client>(suite.config);
  Quote quote(*client, TradingPair{"BTC-USD"}, Side::kBuy, *parse_as<Quantity>("1", "amount"));
  Callbacks all;
  all.on_order = [&](const v1::OrderEvent& order, const v1::Envelope&) { quote.on_order(order); };
  client->start(all);
  ASSERT_TRUE(suite.subscribed());
  suite.run_until([] { return false; }, milliseconds{150});  // a heartbeat tells where to begin
  const auto want = [&](const char* price, int second) {
    client->run([&] { quote.want(parse_as<Price>(price, "price").value(), seconds{second}); });
  };
  const auto tell = [&](const std::string& state) {
    const std::string id = suite.commands.front().order().client_order_id();
    suite.publish("orders.hyperliquid.update", "order_update", [&](v1::Envelope& event) {
      event.mutable_order()->set_client_order_id(id);
      event.mutable_order()->set_order_state(state);
      set_decimal(*Decimal::parse("50000"), *event.mutable_order()->mutable_price());
    });
  };
  const auto asked = [&] {
    std::string types;
    for (const auto& command : suite.commands) types += command.type() + " ";
    return types;
  };

  want("50000", 10);
  want("50100", 12);  // not yet acknowledged: nothing to modify
  ASSERT_TRUE(suite.run_until([&] { return asked() == "place "; })) << asked();
  tell("OPEN");
  suite.run_until([] { return false; }, milliseconds{100});
  want("50004.9", 14);  // less than a basis point
  want("50005", 16);
  ASSERT_TRUE(suite.run_until([&] { return asked() == "place modify cancel "; })) << asked();
  tell("CANCELLED");
  suite.run_until([] { return false; }, milliseconds{100});
  want("50005", 16);  // within the pause
  want("50005", 18);
  EXPECT_TRUE(suite.run_until([&] { return asked() == "place modify cancel place "; })) << asked();
}

TEST(Client, BadConfigurationIsNamed) {
  EXPECT_THROW(Client(ClientConfig{.id_prefix = "no spaces please"}), ConfigError);
  ClientConfig far;
  far.commands = "tcp://10.0.0.1:5557";
  EXPECT_THROW(Client{far}, ConfigError);
}

}  // namespace
}  // namespace perpwire::client
