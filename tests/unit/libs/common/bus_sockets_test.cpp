#include "libs/common/bus_publisher.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/zmq_socket.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "tests/unit/libs/common/bus_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <vector>

namespace perpwire {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> texts(const ZmqSocket::Message& message) {
  std::vector<std::string> out;
  for (const auto& frame : message) out.emplace_back(frame.view());
  return out;
}

v1::Envelope bbo(std::int64_t bid) {
  v1::Envelope envelope;
  envelope.set_event_type("bbo");
  set_decimal(Decimal{bid}, *envelope.mutable_bbo()->mutable_bid_price());
  return envelope;
}

class BusSockets : public BusTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("perpwire-bus-" + std::to_string(getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string ipc(std::string_view name) const {
    return "ipc://" + (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

TEST_F(BusSockets, SubscriberGetsLastValueLiveEventsAndHeartbeats) {
  BusPublisherConfig config;
  config.endpoint = "tcp://127.0.0.1:0";
  config.process = "marketstream";
  config.instance = "main";
  config.heartbeat_interval = 20ms;
  BusPublisher publisher(io, context, config);
  auto before = bbo(1);
  publisher.publish("md.x.bbo.BTC-USD", before);

  std::vector<std::vector<std::string>> got;
  ZmqSocket sub(io, context, SocketType::kSub);
  ASSERT_TRUE(sub.connect(publisher.endpoint()));
  ASSERT_TRUE(sub.subscribe("md."));
  ASSERT_TRUE(sub.subscribe("hb."));
  sub.start([&](ZmqSocket::Message& message) { got.push_back(texts(message)); });
  ASSERT_TRUE(run_until([&] { return !got.empty() && got[0][0] == "md.x.bbo.BTC-USD"; }));
  auto after = bbo(2);
  publisher.publish("md.x.bbo.BTC-USD", after);
  const auto count = [&](std::string_view topic) {
    return std::count_if(got.begin(), got.end(), [&](const auto& m) { return m[0] == topic; });
  };
  ASSERT_TRUE(run_until(
      [&] { return count("md.x.bbo.BTC-USD") >= 2 && count("hb.marketstream.main") >= 2; }));

  std::vector<std::uint64_t> sequences;
  std::size_t beats = 0;
  for (const auto& message : got) {
    v1::Envelope envelope;
    ASSERT_TRUE(parse_payload(message.at(1), envelope));
    if (message[0] == "hb.marketstream.main") {
      ++beats;
      EXPECT_EQ(envelope.heartbeat().stream(), publisher.stream());
    } else {
      sequences.push_back(envelope.sequence());
    }
  }
  EXPECT_EQ(sequences, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_GE(beats, 2U);
}

TEST_F(BusSockets, PaceSendsTheNewestWhenItsTimeComes) {
  BusPublisherConfig config;
  config.endpoint = "tcp://127.0.0.1:0";
  config.pace = {{"bbo", 20}};
  BusPublisher publisher(io, context, config);
  std::vector<std::uint64_t> bids;
  ZmqSocket sub(io, context, SocketType::kSub);
  ASSERT_TRUE(sub.connect(publisher.endpoint()));
  ASSERT_TRUE(sub.subscribe("md."));
  sub.start([&](ZmqSocket::Message& message) {
    v1::Envelope envelope;
    ASSERT_TRUE(parse_payload(message[1].view(), envelope));
    bids.push_back(static_cast<std::uint64_t>(envelope.bbo().bid_price().mantissa()));
  });
  ASSERT_TRUE(run_until([&] { return publisher.has_subscriber("md.x.bbo.BTC-USD"); }));
  for (std::int64_t i = 1; i <= 9; ++i) {
    auto event = bbo(i);
    publisher.publish("md.x.bbo.BTC-USD", event);
  }
  ASSERT_TRUE(run_until([&] { return bids.size() == 2; }));
  EXPECT_EQ(bids, (std::vector<std::uint64_t>{1, 9}));
  EXPECT_EQ(publisher.counters().conflated, 7U);
  EXPECT_EQ(publisher.newest_sequence(), 2U);
}

TEST_F(BusSockets, ManyMessagesInOneWakeAllArrive) {
  // More than one drain's worth, sent before the receiver first looks: the edge must not be lost.
  constexpr int kMessages = ZmqSocket::kDrainLimit * 5 + 3;
  int got = 0;
  RequestServer server(io, context, {.endpoint = "tcp://127.0.0.1:0"},
                       [&](const IncomingRequest&) { ++got; });
  ZmqSocket dealer(io, context, SocketType::kDealer);
  ASSERT_TRUE(dealer.connect(server.endpoint()));
  for (int i = 0; i < kMessages; ++i) {
    const std::vector<std::string_view> parts{"x"};
    ASSERT_TRUE(dealer.send(parts));
  }
  EXPECT_TRUE(run_until([&] { return got == kMessages; })) << got;
}

TEST_F(BusSockets, ServerMirrorsTheDelimiterAndSeesTheIpcPeer) {
  const auto endpoint = ipc("s.sock");
  std::vector<std::optional<PeerCredentials>> peers;
  std::vector<std::string> connections;
  std::unique_ptr<RequestServer> server;
  server = std::make_unique<RequestServer>(
      io, context, RequestServerConfig{.endpoint = endpoint}, [&](const IncomingRequest& request) {
        peers.push_back(request.peer);
        connections.push_back(request.connection);
        EXPECT_TRUE(server->reply(request.reply_to, std::string(request.payload) + "!"));
      });

  struct stat info {};
  ASSERT_EQ(stat((folder_ / "s.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0660U);

  std::vector<std::vector<std::string>> got;
  ZmqSocket dealer(io, context, SocketType::kDealer);
  ASSERT_TRUE(dealer.connect(endpoint));
  dealer.start([&](ZmqSocket::Message& message) { got.push_back(texts(message)); });
  const std::vector<std::string_view> plain{"a"};
  const std::vector<std::string_view> delimited{"", "b"};
  const std::vector<std::string_view> two_parts{"", "c", "d"};
  ASSERT_TRUE(dealer.send(plain));
  ASSERT_TRUE(dealer.send(delimited));
  ASSERT_TRUE(dealer.send(two_parts));
  ASSERT_TRUE(run_until([&] { return got.size() == 3; }));

  EXPECT_EQ(got[0], (std::vector<std::string>{"a!"}));
  EXPECT_EQ(got[1], (std::vector<std::string>{"", "b!"}));
  ASSERT_EQ(got[2].size(), 2U);
  EXPECT_NE(got[2][1].find("INVALID_COMMAND"), std::string::npos);
  EXPECT_EQ(server->counters().malformed, 1U);
  ASSERT_EQ(peers.size(), 2U);
  ASSERT_TRUE(peers[0].has_value());
  EXPECT_EQ(peers[0]->uid, getuid());
  EXPECT_EQ(peers[0]->gid, getgid());
  EXPECT_EQ(peers[0]->pid, getpid());
  EXPECT_EQ(connections[0], connections[1]);
}

TEST_F(BusSockets, TcpPeersHaveNoUid) {
  bool asked = false;
  RequestServer server(io, context, {.endpoint = "tcp://127.0.0.1:0"},
                       [&](const IncomingRequest& request) {
                         asked = true;
                         EXPECT_FALSE(request.peer.has_value());
                       });
  ZmqSocket dealer(io, context, SocketType::kDealer);
  ASSERT_TRUE(dealer.connect(server.endpoint()));
  const std::vector<std::string_view> parts{"x"};
  ASSERT_TRUE(dealer.send(parts));
  EXPECT_TRUE(run_until([&] { return asked; }));
}

TEST_F(BusSockets, AReplyToAPeerThatIsGoneIsDroppedAndCounted) {
  std::vector<ReplyAddress> addresses;
  RequestServer server(
      io, context, {.endpoint = ipc("s.sock")},
      [&](const IncomingRequest& request) { addresses.push_back(request.reply_to); });
  {
    ZmqSocket dealer(io, context, SocketType::kDealer);
    ASSERT_TRUE(dealer.connect(server.endpoint()));
    const std::vector<std::string_view> parts{"x"};
    ASSERT_TRUE(dealer.send(parts));
    ASSERT_TRUE(run_until([&] { return addresses.size() == 1; }));
  }
  // Until the server has noticed, its replies fill the pipe of the peer that is gone.
  ASSERT_TRUE(run_until([&] {
    EXPECT_FALSE(server.reply(addresses[0], "late") && server.counters().replies_unreachable > 0);
    return server.counters().replies_unreachable > 0;
  }));
  EXPECT_FALSE(server.reply({.routing_id = "never seen", .delimiter = false}, "x"));
}

TEST_F(BusSockets, APeerThatDoesNotReadCostsItsRepliesOnly) {
  std::vector<ReplyAddress> addresses;
  RequestServerConfig config{.endpoint = ipc("s.sock"), .send_high_water_mark = 4};
  RequestServer server(io, context, config, [&](const IncomingRequest& request) {
    addresses.push_back(request.reply_to);
  });
  SocketOptions deaf_options;
  deaf_options.receive_high_water_mark = 1;
  ZmqSocket deaf(io, context, SocketType::kDealer, deaf_options);  // never started: reads nothing
  ASSERT_TRUE(deaf.connect(server.endpoint()));
  const std::vector<std::string_view> parts{"x"};
  ASSERT_TRUE(deaf.send(parts));
  ASSERT_TRUE(run_until([&] { return addresses.size() == 1; }));
  const std::string page(1 << 20, 'p');
  int sent = 0;
  while (server.reply(addresses[0], page)) {
    ASSERT_LT(++sent, 64) << "the bound does not hold";
  }
  EXPECT_GE(server.counters().replies_full, 1U);

  // Another peer is served as ever.
  std::vector<std::vector<std::string>> got;
  ZmqSocket well(io, context, SocketType::kDealer);
  ASSERT_TRUE(well.connect(server.endpoint()));
  well.start([&](ZmqSocket::Message& message) { got.push_back(texts(message)); });
  ASSERT_TRUE(well.send(parts));
  ASSERT_TRUE(run_until([&] { return addresses.size() == 2; }));
  EXPECT_TRUE(server.reply(addresses[1], "y"));
  EXPECT_TRUE(run_until([&] { return got.size() == 1; }));
}

TEST_F(BusSockets, ARequestOverTheSizeLimitNeverReachesTheHandler) {
  std::vector<std::size_t> sizes;
  RequestServer server(
      io, context, {.endpoint = ipc("s.sock")},
      [&](const IncomingRequest& request) { sizes.push_back(request.payload.size()); });
  ZmqSocket huge(io, context, SocketType::kDealer);
  ASSERT_TRUE(huge.connect(server.endpoint()));
  const std::string too_big((1 << 20) + 1, 'x');
  const std::vector<std::string_view> big{too_big};
  ASSERT_TRUE(huge.send(big));
  ZmqSocket well(io, context, SocketType::kDealer);
  ASSERT_TRUE(well.connect(server.endpoint()));
  const std::vector<std::string_view> exact{std::string_view(too_big).substr(1)};
  ASSERT_TRUE(well.send(exact));
  ASSERT_TRUE(run_until([&] { return !sizes.empty(); }));
  run_for(100ms);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1 << 20}));
}

// A signal may end any call of libzmq in the middle of a message (EINTR); a part that were left out
// would join what is left to the next message.
TEST_F(BusSockets, AMessageStaysWholeWhateverSignalsComeMeanwhile) {
  struct sigaction on_alarm {};
  struct sigaction before {};
  on_alarm.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGALRM, &on_alarm, &before), 0);
  const itimerval storm{{0, 20}, {0, 20}};
  ZmqSocket server(io, context, SocketType::kRouter, {.send_high_water_mark = 100'000});
  const auto bound = server.bind("tcp://127.0.0.1:0");
  ASSERT_TRUE(bound);
  ZmqSocket client(io, context, SocketType::kDealer, {.send_high_water_mark = 100'000});
  ASSERT_TRUE(client.connect(*bound));
  std::size_t whole = 0;
  std::size_t broken = 0;
  server.start([&](ZmqSocket::Message& message) {
    const bool good = message.size() == 5 && message[1].view() == "1" && message[2].view() == "2" &&
                      message[3].view() == "3" && message[4].view() == "4";
    ++(good ? whole : broken);
  });
  setitimer(ITIMER_REAL, &storm, nullptr);
  std::size_t sent = 0;
  const std::vector<std::string_view> parts{"1", "2", "3", "4"};
  const auto end = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 200; ++i) {
      if (client.send(parts)) ++sent;
    }
    io.run_for(1ms);
    io.restart();
  }
  const itimerval calm{};
  setitimer(ITIMER_REAL, &calm, nullptr);
  EXPECT_TRUE(run_until([&] { return whole + broken >= sent; })) << whole << " of " << sent;
  EXPECT_EQ(broken, 0U);
  EXPECT_EQ(whole, sent);
  sigaction(SIGALRM, &before, nullptr);
}

TEST_F(BusSockets, AHandlerMayDestroyTheSocketThatCalledIt) {
  auto sub = std::make_unique<ZmqSocket>(io, context, SocketType::kPair);
  ASSERT_TRUE(sub->bind("inproc://destroy"));
  bool called = false;
  sub->start([&](ZmqSocket::Message&) {
    called = true;
    sub.reset();
  });
  ZmqSocket other(io, context, SocketType::kPair);
  ASSERT_TRUE(other.connect("inproc://destroy"));
  const std::vector<std::string_view> parts{"x"};
  ASSERT_TRUE(other.send(parts));
  ASSERT_TRUE(other.send(parts));
  EXPECT_TRUE(run_until([&] { return called; }));
  run_for(20ms);
}

TEST(Endpoints, AreCheckedBeforeTheyAreUsed) {
  EXPECT_TRUE(check_endpoint("tcp://127.0.0.1:5555"));
  EXPECT_TRUE(check_endpoint("tcp://[::1]:5555"));
  EXPECT_TRUE(check_endpoint("ipc:///run/perpwire/gateway/commands.sock"));
  EXPECT_TRUE(check_endpoint("ipc://" + std::string(107, 'x')));
  for (const std::string& endpoint :
       {"ipc://" + std::string(108, 'x'), std::string("ipc://"), std::string("tcp://0.0.0.0:1"),
        std::string("tcp://*:5555"), std::string("tcp://10.0.0.1:5555"), std::string("udp://x"),
        std::string("")}) {
    const auto checked = check_endpoint(endpoint);
    ASSERT_FALSE(checked) << endpoint;
    EXPECT_NE(checked.error().text.find(endpoint), std::string::npos);
  }
}

TEST(PeerAddress, IsReadToTheLastByteOrNotAtAll) {
  const auto peer = parse_peer_address("localhost:1000:1001:4242");
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->uid, 1000U);
  EXPECT_EQ(peer->gid, 1001U);
  EXPECT_EQ(peer->pid, 4242);
  for (const std::string_view text :
       {"", "127.0.0.1", "::1", "localhost", "localhost:1000", "localhost:1000:1001",
        "localhost:1000:1001:", "localhost:1000:1001:1x", "localhost:-1:1:1", "localhost::1:1",
        "localhost:4294967296:1:1", "elsewhere:1:1:1", "localhost:1:1:1:1"}) {
    EXPECT_FALSE(parse_peer_address(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace perpwire
