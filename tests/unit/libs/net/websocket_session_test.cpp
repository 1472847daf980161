#include "libs/net/websocket_session.hpp"

#include "libs/net/subscription_set.hpp"

#include "test_server.hpp"
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

namespace perpwire::net {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Peer;
using test::TestServer;
using PeerPtr = std::shared_ptr<Peer>;

// What a session told, in order.
struct Log {
  std::vector<std::string> texts;
  std::vector<UnixNanos> received;
  std::vector<CloseReason> closes;
  std::vector<SessionState> states;
  int opens = 0;

  [[nodiscard]] std::string last_close() const { return closes.empty() ? "" : closes.back().text; }
};

class WebSocketSessionTest : public testing::Test {
 protected:
  // Quick deadlines: the policy's own tests check the shipped ones.
  static WebSocketOptions options(const std::string& url) {
    return {.url = url,
            .policy = {.resolve_timeout = milliseconds{300},
                       .connect_timeout = milliseconds{300},
                       .tls_timeout = milliseconds{300},
                       .handshake_timeout = milliseconds{300},
                       .backoff_base = milliseconds{1},
                       .backoff_cap = milliseconds{5},
                       .max_connects_per_minute = 1'000'000}};
  }

  WebSocketCallbacks callbacks() {
    return {.on_open = [this] { ++log.opens; },
            .on_text =
                [this](std::string_view text, UnixNanos received) {
                  log.texts.emplace_back(text);
                  log.received.push_back(received);
                },
            .on_close = [this](const CloseReason& reason) { log.closes.push_back(reason); },
            .on_state = [this](SessionState state) { log.states.push_back(state); }};
  }

  void start(WebSocketOptions session_options) {
    session = std::make_unique<WebSocketSession>(io, std::move(session_options), callbacks());
    session->start();
  }
  bool wait_open() {
    return test::run_until(io, [this] { return session->is_open(); });
  }
  bool wait_closes(std::size_t count) {
    return test::run_until(io, [this, count] { return log.closes.size() >= count; });
  }

  asio::io_context io;
  Log log;
  std::unique_ptr<WebSocketSession> session;
};

void accept(const PeerPtr& peer) { peer->accept_websocket(); }
void echo(const PeerPtr& peer) {
  peer->on_text = [raw = peer.get()](const std::string& text) { raw->send_text(text); };
  peer->accept_websocket();
}

TEST_F(WebSocketSessionTest, CarriesTextBothWaysWithTheReceiveTime) {
  TestServer server(io, echo);
  start(options(server.url("ws", "/ws")));
  ASSERT_TRUE(wait_open());
  const UnixNanos before = wall_clock_now();
  ASSERT_TRUE(session->send_text("hello"));
  ASSERT_TRUE(test::run_until(io, [&] { return !log.texts.empty(); }));
  EXPECT_EQ(log.texts.front(), "hello");
  EXPECT_GE(log.received.front(), before);
  EXPECT_LE(log.received.front(), wall_clock_now());
  EXPECT_EQ(log.states, (std::vector{SessionState::kConnecting, SessionState::kOpen}));
}

TEST_F(WebSocketSessionTest, SendsOneMessageAsOneFrameInOrder) {
  TestServer server(io, accept);
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_open());
  std::vector<SendFate> fates;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(session->send_text(std::to_string(i) + std::string(10'000, 'x'),
                                   [&](SendFate fate) { fates.push_back(fate); }));
  }
  ASSERT_TRUE(test::run_until(io, [&] { return server.peers.at(0)->texts.size() == 100; }));
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(server.peers[0]->texts[i], std::to_string(i) + std::string(10'000, 'x'));
  }
  EXPECT_EQ(fates, std::vector<SendFate>(100, SendFate::kWritten));
  EXPECT_EQ(session->queued_messages(), 0U);
  EXPECT_EQ(session->queued_bytes(), 0U);
  EXPECT_EQ(session->counters().messages_out, 100U);
}

TEST_F(WebSocketSessionTest, RefusesPlainTextToAnotherMachine) {
  EXPECT_THROW(WebSocketSession(io, options("ws://api.hyperliquid.xyz/ws"), {}), ConfigError);
  EXPECT_THROW(WebSocketSession(io, options("http://127.0.0.1/"), {}), ConfigError);
  EXPECT_THROW(WebSocketSession(io, options("nonsense"), {}), ConfigError);
}

TEST_F(WebSocketSessionTest, ComesBackAfterARefusedHandshakeAndNamesTheStatus) {
  TestServer server(io, [&](const PeerPtr& peer) {
    if (server.accepted > 2) return peer->accept_websocket();
    peer->read_request([peer](const std::string&, const std::string&) {
      peer->write("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
    });
  });
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_open());
  ASSERT_EQ(log.closes.size(), 2U);
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kConnectFailed);
  EXPECT_NE(log.closes[0].text.find("429 Too Many Requests"), std::string::npos)
      << log.closes[0].text;
  EXPECT_EQ(log.opens, 1);
}

TEST_F(WebSocketSessionTest, ComesBackAfterARefusedConnection) {
  std::uint16_t port = 0;
  {
    TestServer gone(io, accept);
    port = gone.port();
    gone.stop_listening();
    test::run_for(io, milliseconds{5});
  }
  start(options("ws://127.0.0.1:" + std::to_string(port)));
  ASSERT_TRUE(wait_closes(3));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kConnectFailed);
  EXPECT_NE(log.last_close().find("refused"), std::string::npos) << log.last_close();
}

TEST_F(WebSocketSessionTest, GivesUpAServerThatNeverAnswersTheHandshake) {
  TestServer server(io, [](const PeerPtr&) {});
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_closes(1));
  EXPECT_NE(log.last_close().find("WebSocket handshake took longer than 300 ms"), std::string::npos)
      << log.last_close();
}

TEST_F(WebSocketSessionTest, GivesUpAServerThatNeverAnswersTls) {
  TestServer server(io, [](const PeerPtr&) {});
  start(options(server.url("wss")));
  ASSERT_TRUE(wait_closes(1));
  EXPECT_NE(log.last_close().find("TLS handshake took longer"), std::string::npos)
      << log.last_close();
}

TEST_F(WebSocketSessionTest, AnswersFromGarbageAreAFailedAttempt) {
  TestServer server(io, [](const PeerPtr& peer) { peer->write("\x01\x02 nonsense\r\n\r\n"); });
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_closes(2));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kConnectFailed);
  EXPECT_EQ(log.opens, 0);
}

TEST_F(WebSocketSessionTest, TlsWorksByNameAndByAddressWithATrustedCa) {
  const test::TestCa ca;
  TestServer server(io, echo, ca.issue({"localhost", "127.0.0.1"}));
  const auto tls = std::make_shared<TlsContext>(TlsOptions{.ca_file = ca.file()});
  for (const char* host : {"localhost", "127.0.0.1"}) {
    auto with_ca = options(server.url("wss", "/", host));
    with_ca.tls = tls;
    start(with_ca);
    ASSERT_TRUE(wait_open()) << host << ": " << log.last_close();
    ASSERT_TRUE(session->send_text("over TLS"));
    ASSERT_TRUE(test::run_until(io, [&] { return !log.texts.empty(); }));
    EXPECT_EQ(log.texts.front(), "over TLS");
    log = {};
  }
}

TEST_F(WebSocketSessionTest, RefusesACertificateOfAnUnknownCa) {
  const test::TestCa ca;
  TestServer server(io, accept, ca.issue({"localhost"}));
  start(options(server.url("wss", "/", "localhost")));
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.opens, 0);
  EXPECT_NE(log.last_close().find("certificate refused"), std::string::npos) << log.last_close();
}

TEST_F(WebSocketSessionTest, RefusesACertificateForAnotherHost) {
  const test::TestCa ca;
  TestServer server(io, accept, ca.issue({"api.example.org"}));
  auto with_ca = options(server.url("wss", "/", "localhost"));
  with_ca.tls = std::make_shared<TlsContext>(TlsOptions{.ca_file = ca.file()});
  start(with_ca);
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.opens, 0);
  EXPECT_NE(log.last_close().find("certificate refused"), std::string::npos) << log.last_close();
}

TEST_F(WebSocketSessionTest, ACaFileThatIsNoneIsAConfigurationError) {
  EXPECT_THROW(TlsContext(TlsOptions{.ca_file = "/dev/null"}), ConfigError);
  EXPECT_THROW(TlsContext(TlsOptions{.ca_file = "/nonexistent/ca.pem"}), ConfigError);
}

KeepAliveOptions quick_pings() {
  return {.ping_after_silence = milliseconds{50}, .pong_deadline = milliseconds{100}};
}

TEST_F(WebSocketSessionTest, AHalfOpenConnectionIsFoundDeadAndReplaced) {
  TestServer server(io, [&](const PeerPtr& peer) {
    if (server.accepted == 1) peer->stop_reading();
    peer->accept_websocket();
  });
  auto quick = options(server.url("ws"));
  quick.policy.keep_alive = quick_pings();
  start(quick);
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kDead);
  EXPECT_NE(log.last_close().find("no answer to a ping"), std::string::npos) << log.last_close();
  ASSERT_TRUE(wait_open());
  EXPECT_EQ(log.opens, 2);
}

TEST_F(WebSocketSessionTest, WebSocketPongsKeepASilentConnectionAlive) {
  TestServer server(io, accept);  // Beast answers pings by itself
  auto quick = options(server.url("ws"));
  quick.policy.keep_alive = quick_pings();
  quick.policy.keep_alive.life = KeepAliveOptions::Life::kPongOnly;
  start(quick);
  ASSERT_TRUE(wait_open());
  test::run_for(io, milliseconds{600});
  EXPECT_TRUE(log.closes.empty()) << log.last_close();
  EXPECT_GE(session->counters().pings, 4U);
}

TEST_F(WebSocketSessionTest, VenuePingsAreTextAndOnlyTheirPongCountsIfSoAsked) {
  for (const bool answers : {true, false}) {
    TestServer server(io, [answers](const PeerPtr& peer) {
      peer->on_text = [raw = peer.get(), answers](const std::string& text) {
        if (text == R"({"method":"ping"})") {
          raw->send_text(answers ? R"({"channel":"pong"})" : R"({"channel":"trades"})");
        }
      };
      peer->accept_websocket();
    });
    auto quick = options(server.url("ws"));
    quick.policy.keep_alive = quick_pings();
    quick.policy.keep_alive.kind = KeepAliveOptions::Kind::kText;
    quick.policy.keep_alive.text = R"({"method":"ping"})";
    quick.policy.keep_alive.life = KeepAliveOptions::Life::kPongOnly;
    quick.is_pong = [](std::string_view text) { return text == R"({"channel":"pong"})"; };
    log = {};
    start(quick);
    ASSERT_TRUE(wait_open());
    test::run_for(io, milliseconds{500});
    EXPECT_EQ(log.closes.empty(), answers) << log.last_close();
    session.reset();
  }
}

TEST_F(WebSocketSessionTest, GarbageFramesEndTheConnectionNotTheSession) {
  TestServer server(io, [&](const PeerPtr& peer) {
    const bool first = server.accepted == 1;
    peer->accept_websocket([peer, first] {
      if (first) peer->write(std::string(64, '\xff'));
    });
  });
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kProtocol) << log.last_close();
  EXPECT_TRUE(wait_open());
}

TEST_F(WebSocketSessionTest, AMessageLargerThanAllowedEndsTheConnection) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->accept_websocket([raw = peer.get()] { raw->send_text(std::string(5000, 'x')); });
  });
  auto small = options(server.url("ws"));
  small.max_message_bytes = 4999;
  start(small);
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kProtocol) << log.last_close();
  EXPECT_TRUE(log.texts.empty());
  log = {};
  small.max_message_bytes = 5000;
  start(small);
  ASSERT_TRUE(test::run_until(io, [&] { return !log.texts.empty(); })) << log.last_close();
}

// hyperliquid.md 8.1: routine closures with code 1000, reason "Expired".
TEST_F(WebSocketSessionTest, ComesBackAfterCloseOneThousand) {
  TestServer server(io, [&](const PeerPtr& peer) {
    const bool first = server.accepted == 1;
    peer->accept_websocket([peer, first] {
      if (first) peer->close_websocket(1000, "Expired");
    });
  });
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_closes(1));
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kRemote);
  EXPECT_EQ(log.closes[0].websocket_code, 1000);
  EXPECT_NE(log.last_close().find("Expired"), std::string::npos);
  ASSERT_TRUE(wait_open());
  EXPECT_EQ(log.opens, 2);
}

TEST_F(WebSocketSessionTest, SendsOnlyWhileOpen) {
  TestServer server(io, accept);
  start(options(server.url("ws")));
  const auto early = session->send_text("too early");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kClosed);
  ASSERT_TRUE(wait_open());
  session->close();
  EXPECT_FALSE(session->send_text("too late"));
  EXPECT_EQ(session->counters().sends_refused, 2U);
}

// A peer that does not read: the kernel's buffers fill, then our queue; the new message is refused,
// and nothing grows.
TEST_F(WebSocketSessionTest, AFullSendQueueRefusesTheNewMessage) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->stop_reading();
    peer->accept_websocket();
  });
  auto small = options(server.url("ws"));
  small.send_queue_capacity = 8;
  start(small);
  ASSERT_TRUE(wait_open());
  std::vector<SendFate> fates;
  Status status;
  for (int i = 0; i < 1000 && status; ++i) {
    status = session->send_text(std::string(200'000, 'x'),
                                [&](SendFate fate) { fates.push_back(fate); });
    io.restart();
    io.poll();
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kWouldBlock);
  EXPECT_EQ(session->queued_messages(), 8U);
  EXPECT_EQ(session->queued_bytes(), 8U * 200'000);
  const std::size_t written = fates.size();
  session->close();
  // The front was being written when the connection ended; the seven behind it never left.
  ASSERT_EQ(fates.size(), written + 8);
  EXPECT_EQ(fates[written], SendFate::kUnknown);
  EXPECT_TRUE(std::all_of(fates.begin() + static_cast<std::ptrdiff_t>(written) + 1, fates.end(),
                          [](SendFate fate) { return fate == SendFate::kNeverLeft; }));
  EXPECT_EQ(session->counters().sends_lost, 8U);
}

TEST_F(WebSocketSessionTest, ABoundOfBytesRefusesToo) {
  TestServer server(io, accept);
  auto small = options(server.url("ws"));
  small.send_queue_bytes = 1000;
  start(small);
  ASSERT_TRUE(wait_open());
  EXPECT_EQ(session->send_text(std::string(1001, 'x')).error().code, ErrorCode::kWouldBlock);
  EXPECT_TRUE(session->send_text(std::string(1000, 'x')));
}

TEST_F(WebSocketSessionTest, CloseSaysGoodbyeAndIsForEver) {
  TestServer server(io, accept);
  start(options(server.url("ws")));
  ASSERT_TRUE(wait_open());
  session->close();
  EXPECT_EQ(session->state(), SessionState::kClosed);
  ASSERT_EQ(log.closes.size(), 1U);
  EXPECT_EQ(log.closes[0].kind, CloseReason::Kind::kRequested);
  ASSERT_TRUE(test::run_until(io, [&] { return server.peers.at(0)->ended(); }));
  test::run_for(io, milliseconds{50});
  EXPECT_EQ(server.accepted, 1U);
}

// The other side never answers the closing handshake: the loop still runs empty within a second.
TEST_F(WebSocketSessionTest, CloseNeverWaitsForASilentPeer) {
  auto server = std::make_unique<TestServer>(io, [](const PeerPtr& peer) {
    peer->stop_reading();
    peer->accept_websocket();
  });
  start(options(server->url("ws")));
  ASSERT_TRUE(wait_open());
  const auto before = std::chrono::steady_clock::now();
  session->close();
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds{50});
  server.reset();
  io.restart();
  io.run_for(seconds{2});
  EXPECT_TRUE(io.stopped()) << "work is left after the goodbye";
}

TEST_F(WebSocketSessionTest, MayBeDestroyedInEachOfItsCallbacks) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->accept_websocket([raw = peer.get()] { raw->send_text("x"); });
  });
  for (const std::string where : {"open", "text", "close", "state", "done"}) {
    bool there = false;
    const auto destroy = [&](const std::string& here) {
      if (here != where) return;
      there = true;
      session.reset();
    };
    WebSocketCallbacks all{
        .on_open =
            [&] {
              destroy("open");
              if (!session) return;
              EXPECT_TRUE(session->send_text("y", [&](SendFate) { destroy("done"); }));
            },
        .on_text =
            [&](std::string_view, UnixNanos) {
              destroy("text");
              if (session && where != "done") session->reconnect("test");
            },
        .on_close = [&](const CloseReason&) { destroy("close"); },
        .on_state =
            [&](SessionState state) {
              if (state == SessionState::kWaiting) destroy("state");
            }};
    session = std::make_unique<WebSocketSession>(io, options(server.url("ws")), all);
    session->start();
    ASSERT_TRUE(test::run_until(io, [&] { return there; })) << where;
    test::run_for(io, milliseconds{5});
  }
}

TEST_F(WebSocketSessionTest, GoesThroughAProxyByConnectWithCredentials) {
  const test::TestCa ca;
  std::string head;
  TestServer proxy(io, [&](const PeerPtr& peer) {
    peer->read_request([&head, peer](const std::string& request, const std::string&) {
      head = request;
      peer->write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
  });
  auto through = options("wss://venue.example.org/ws");
  through.proxy_url = "http://user:pass@127.0.0.1:" + std::to_string(proxy.port());
  start(through);
  ASSERT_TRUE(wait_closes(1));
  EXPECT_NE(log.last_close().find("expected 2xx to CONNECT, found 403"), std::string::npos)
      << log.last_close();
  EXPECT_EQ(head.find("CONNECT venue.example.org:443 HTTP/1.1"), 0U) << head;
  EXPECT_NE(head.find("Proxy-Authorization: Basic dXNlcjpwYXNz"), std::string::npos) << head;
  EXPECT_EQ(log.last_close().find("pass"), std::string::npos) << "the password is in an error text";
}

TEST_F(WebSocketSessionTest, ThisMachineIsReachedWithoutTheProxy) {
  TestServer server(io, accept);
  auto with_proxy = options(server.url("ws"));
  with_proxy.proxy_url = "http://127.0.0.1:1";
  start(with_proxy);
  EXPECT_TRUE(wait_open()) << log.last_close();
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// 10^3 forced reconnects of every kind: each time all subscriptions are restored, and nothing is
// left behind.
TEST_F(WebSocketSessionTest, AThousandForcedReconnectsRestoreTheSubscriptionsEachTime) {
  constexpr std::size_t kRounds = 1000;
  const auto seed = static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937_64 random(seed);
  PeerPtr current;
  std::set<std::string> at_venue;
  TestServer server(io, [&](const PeerPtr& peer) {
    current = peer;
    at_venue.clear();
    peer->on_text = [&, raw = peer.get()](const std::string& text) {
      at_venue.insert(text);
      raw->send_text(text);  // the acknowledgement
    };
    peer->accept_websocket();
  });
  server.keep_peers = false;

  SubscriptionSet set({.max_per_second = 1'000'000});
  for (int i = 0; i < 5; ++i) set.add("channel" + std::to_string(i));
  const auto send_due = [&] {
    for (const auto& request : set.due(monotonic_now())) {
      ignore(session->send_text(request.key), "sent again after the deadline");
    }
  };
  WebSocketOptions quick = options(server.url("ws"));
  quick.policy.backoff_cap = milliseconds{1};
  session = std::make_unique<WebSocketSession>(
      io, quick,
      WebSocketCallbacks{.on_open =
                             [&] {
                               ++log.opens;
                               set.on_connected();
                               send_due();
                             },
                         .on_text = [&](std::string_view text,
                                        UnixNanos) { set.on_subscribed(std::string(text)); },
                         .on_close =
                             [&](const CloseReason& reason) {
                               log.closes.push_back(reason);
                               set.on_disconnected();
                             }});
  session->start();
  std::size_t descriptors_early = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    if (round == 100) descriptors_early = open_descriptors();
    ASSERT_TRUE(test::run_until(io, [&] { return set.settled(); }))
        << "seed " << seed << " round " << round << ": " << log.last_close();
    ASSERT_EQ(at_venue.size(), 5U);
    const std::size_t closes = log.closes.size();
    switch (random() % 5) {
      case 0:
        current->close();
        break;
      case 1:
        current->reset();
        break;
      case 2:
        current->close_websocket(1000, "Expired");
        break;
      case 3:
        current->write(std::string(64, '\xff'));
        break;
      default:
        session->reconnect("test");
        break;
    }
    ASSERT_TRUE(wait_closes(closes + 1)) << "seed " << seed << " round " << round;
  }
  EXPECT_GE(session->counters().connects_done, kRounds);
  EXPECT_LE(open_descriptors(), descriptors_early + 20);  // some goodbyes are still under way
}

}  // namespace
}  // namespace perpwire::net
