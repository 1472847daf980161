#include "libs/net/http_client.hpp"

#include "test_server.hpp"
#include <gtest/gtest.h>

#include <optional>
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
using Fate = HttpError::Fate;

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// Answers every request of a connection with `text`, for ever.
void serve(const PeerPtr& peer, const std::string& text) {
  peer->read_request([peer, text](const std::string&, const std::string&) {
    peer->write(text, [peer, text] { serve(peer, text); });
  });
}

class HttpClientTest : public testing::Test {
 protected:
  void SetUp() override { make_client({}); }
  void make_client(HttpClientOptions options) {
    client = std::make_unique<HttpClient>(io, std::move(options));
  }
  // Sends and waits for the callback.
  HttpResult post(const std::string& url, const std::string& body = "{}",
                  Nanos timeout = seconds{2}) {
    std::optional<HttpResult> result;
    client->post(url, body, {{"Content-Type", "application/json"}}, timeout,
                 [&](HttpResult got) { result = std::move(got); });
    EXPECT_FALSE(result) << "the callback came from inside the call";
    EXPECT_TRUE(test::run_until(io, [&] { return result.has_value(); }));
    return result
               ? *result
               : tl::unexpected(HttpError{Fate::kUnknown, {ErrorCode::kInternal, "no callback"}});
  }
  static std::string text_of(const HttpResult& result) {
    return result ? "answered " + std::to_string(result->status) : result.error().error.text;
  }

  asio::io_context io;
  std::unique_ptr<HttpClient> client;
};

TEST_F(HttpClientTest, PostsAndGivesStatusHeadersBodyAndTimes) {
  std::string head;
  std::string body;
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([&, peer](const std::string& h, const std::string& b) {
      head = h;
      body = b;
      peer->write("HTTP/1.1 200 OK\r\nX-Weight: 20\r\nContent-Length: 2\r\n\r\n[]");
    });
  });
  const UnixNanos before = wall_clock_now();
  const auto result = post(server.url("http", "/info?x=1"), R"({"type":"meta"})");
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(result->status, 200U);
  EXPECT_EQ(result->body, "[]");
  EXPECT_EQ(result->header("x-weight"), "20");
  EXPECT_EQ(result->header("absent"), "");
  EXPECT_LE(before, result->sent);
  EXPECT_LE(result->sent, result->received);
  EXPECT_EQ(head.find("POST /info?x=1 HTTP/1.1"), 0U) << head;
  EXPECT_NE(head.find("Content-Type: application/json"), std::string::npos) << head;
  EXPECT_EQ(body, R"({"type":"meta"})");
}

TEST_F(HttpClientTest, GetsWithoutABody) {
  std::string head;
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([&, peer](const std::string& h, const std::string&) {
      head = h;
      peer->write(answer("200 OK", "yes"));
    });
  });
  std::optional<HttpResult> result;
  client->get(server.url("http", "/a"), {}, seconds{2}, [&](HttpResult r) { result = r; });
  ASSERT_TRUE(test::run_until(io, [&] { return result.has_value(); }));
  ASSERT_TRUE(*result) << text_of(*result);
  EXPECT_EQ(head.find("GET /a HTTP/1.1"), 0U) << head;
  EXPECT_EQ(head.find("Content-Length"), std::string::npos) << head;
}

TEST_F(HttpClientTest, AsksForPlainAnswersAndTakesNoOther) {
  std::string head;
  std::string coding = "gzip";
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([&, peer](const std::string& h, const std::string&) {
      head = h;
      peer->write("HTTP/1.1 200 OK\r\ncontent-encoding: " + coding +
                  "\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    });
  });
  const auto compressed = post(server.url("http"));
  EXPECT_NE(head.find("Accept-Encoding: identity"), std::string::npos) << head;
  ASSERT_FALSE(compressed);
  EXPECT_EQ(compressed.error().fate, HttpError::Fate::kUnknown);
  EXPECT_EQ(compressed.error().error.code, ErrorCode::kMalformed);
  EXPECT_NE(text_of(compressed).find("found gzip"), std::string::npos) << text_of(compressed);
  coding = "Identity";
  EXPECT_TRUE(post(server.url("http")));
}

class HttpStatus : public HttpClientTest, public testing::WithParamInterface<const char*> {};

TEST_P(HttpStatus, IsAnAnswerAndNoError) {
  TestServer server(io, [&](const PeerPtr& peer) {
    serve(peer, answer(GetParam(), "<html>venue is busy</html>"));
  });
  const auto result = post(server.url("http"));
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(std::to_string(result->status), std::string(GetParam()).substr(0, 3));
  EXPECT_EQ(result->body, "<html>venue is busy</html>");
}

INSTANTIATE_TEST_SUITE_P(Errors, HttpStatus,
                         testing::Values("400 Bad Request", "422 Unprocessable Entity",
                                         "429 Too Many Requests", "500 Internal Server Error",
                                         "502 Bad Gateway"));

TEST_F(HttpClientTest, ReadsChunkedAnswersArrivingBitByBit) {
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([peer](const std::string&, const std::string&) {
      peer->write("HTTP/1.1 200 OK\r\nTransfer-Enc", [peer] {
        peer->write("oding: chunked\r\n\r\n5\r\nhel",
                    [peer] { peer->write("lo\r\n6\r\n world\r\n0\r\n\r\n"); });
      });
    });
  });
  const auto result = post(server.url("http"));
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(result->body, "hello world");
}

TEST_F(HttpClientTest, AnInterimAnswerIsNotTheAnswer) {
  TestServer server(io, [&](const PeerPtr& peer) {
    serve(peer, "HTTP/1.1 100 Continue\r\n\r\n" + answer("200 OK", "final"));
  });
  const auto result = post(server.url("http"));
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(result->body, "final");
}

TEST_F(HttpClientTest, AnAnswerWithoutALengthEndsWithItsConnection) {
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([peer](const std::string&, const std::string&) {
      peer->write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it",
                  [peer] { peer->close(); });
    });
  });
  const auto result = post(server.url("http"));
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(result->body, "all of it");
  EXPECT_EQ(client->open_connections(), 0U);
}

struct BrokenCase {
  const char* name;
  const char* bytes;
  ErrorCode code;
};
class BrokenAnswer : public HttpClientTest, public testing::WithParamInterface<BrokenCase> {};

TEST_P(BrokenAnswer, IsAnUnknownFateAndNeverSentAgain) {
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([peer](const std::string&, const std::string&) {
      peer->write(GetParam().bytes, [peer] { peer->close(); });
    });
  });
  const auto result = post(server.url("http"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kUnknown) << text_of(result);
  EXPECT_EQ(result.error().error.code, GetParam().code) << text_of(result);
  test::run_for(io, milliseconds{50});
  EXPECT_EQ(server.accepted, 1U);
  EXPECT_EQ(client->open_connections(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BrokenAnswer,
    testing::Values(BrokenCase{"Truncated", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
                               ErrorCode::kMalformed},
                    BrokenCase{"TruncatedHead", "HTTP/1.1 200 OK\r\nContent-Le",
                               ErrorCode::kMalformed},
                    BrokenCase{"TruncatedChunk",
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel",
                               ErrorCode::kMalformed},
                    BrokenCase{"Nothing", "", ErrorCode::kClosed},
                    BrokenCase{"Garbage", "\x01\x02\x03 garbage\r\n\r\n", ErrorCode::kMalformed},
                    BrokenCase{"BadLength", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                               ErrorCode::kMalformed}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(HttpClientTest, AnAnswerLargerThanAllowedIsAnError) {
  TestServer server(
      io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", std::string(1001, 'x'))); });
  make_client({.max_response_bytes = 1000});
  const auto result = post(server.url("http"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kUnknown);
  EXPECT_EQ(result.error().error.code, ErrorCode::kMalformed);
  make_client({.max_response_bytes = 1001});
  EXPECT_TRUE(post(server.url("http")));
}

TEST_F(HttpClientTest, UsesOneConnectionForRequestsInTurn) {
  TestServer server(io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); });
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(post(server.url("http")));
  EXPECT_EQ(server.accepted, 1U);
  EXPECT_EQ(client->counters().connections_reused, 9U);
  EXPECT_EQ(client->idle_connections(), 1U);
}

TEST_F(HttpClientTest, BoundsItsConnectionsAndItsQueue) {
  TestServer server(io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); });
  make_client({.max_connections_per_host = 2, .max_waiting_per_host = 5});
  int answered = 0;
  int refused = 0;
  for (int i = 0; i < 10; ++i) {
    client->get(server.url("http"), {}, seconds{2}, [&](HttpResult result) {
      if (result) {
        ++answered;
      } else {
        EXPECT_EQ(result.error().fate, Fate::kNeverLeft);
        EXPECT_EQ(result.error().error.code, ErrorCode::kWouldBlock);
        ++refused;
      }
    });
  }
  EXPECT_EQ(client->waiting(), 5U);
  ASSERT_TRUE(test::run_until(io, [&] { return answered + refused == 10; }));
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(server.accepted, 2U);
}

TEST_F(HttpClientTest, AKeptAliveConnectionThatTheServerClosedIsReplacedUnnoticed) {
  std::size_t requests = 0;
  TestServer server(io, [&](const PeerPtr& peer) {
    peer->read_request([&, peer](const std::string&, const std::string&) {
      ++requests;
      peer->write(answer("200 OK", "x"));
    });
  });
  ASSERT_TRUE(post(server.url("http")));
  ASSERT_EQ(client->idle_connections(), 1U);
  server.peers[0]->close();
  // At once: the loop has not run since, only the look at the socket can tell.
  const auto second = post(server.url("http"));
  ASSERT_TRUE(second) << text_of(second);
  EXPECT_EQ(requests, 2U);
  EXPECT_EQ(client->counters().idle_closed_by_peer, 1U);
  // And noticed while idle.
  server.peers[1]->close();
  ASSERT_TRUE(test::run_until(io, [&] { return client->open_connections() == 0; }));
  EXPECT_EQ(client->counters().idle_closed_by_peer, 2U);
}

TEST_F(HttpClientTest, UnaskedBytesOnAnIdleConnectionAreNotTakenForAnAnswer) {
  TestServer server(io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "right")); });
  ASSERT_TRUE(post(server.url("http")));
  bool written = false;
  server.peers[0]->write(answer("200 OK", "wrong"), [&] { written = true; });
  ASSERT_TRUE(test::run_until(io, [&] { return written; }));
  const auto result = post(server.url("http"));
  ASSERT_TRUE(result) << text_of(result);
  EXPECT_EQ(result->body, "right");
}

TEST_F(HttpClientTest, IdleConnectionsAreClosedByAge) {
  TestServer server(io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); });
  make_client({.max_idle = milliseconds{30}});
  ASSERT_TRUE(post(server.url("http")));
  ASSERT_EQ(client->idle_connections(), 1U);
  ASSERT_TRUE(test::run_until(io, [&] { return client->open_connections() == 0; }));
  EXPECT_EQ(client->counters().idle_closed_by_age, 1U);
  EXPECT_TRUE(post(server.url("http")));
}

TEST_F(HttpClientTest, TimeoutBeforeTheHeadersIsUnknown) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->read_request([](const std::string&, const std::string&) {});
  });
  const auto result = post(server.url("http"), "{}", milliseconds{50});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kUnknown);
  EXPECT_EQ(result.error().error.code, ErrorCode::kTimeout);
  EXPECT_EQ(client->open_connections(), 0U);
}

TEST_F(HttpClientTest, TimeoutWithinTheBodyIsUnknown) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->read_request([peer](const std::string&, const std::string&) {
      peer->write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
  });
  const auto result = post(server.url("http"), "{}", milliseconds{50});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kUnknown);
  EXPECT_EQ(result.error().error.code, ErrorCode::kTimeout);
}

TEST_F(HttpClientTest, TimeoutWhileWaitingForAConnectionNeverLeft) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->read_request([](const std::string&, const std::string&) {});
  });
  make_client({.max_connections_per_host = 1});
  std::optional<HttpResult> first;
  client->get(server.url("http"), {}, seconds{5}, [&](HttpResult r) { first = r; });
  const auto second = post(server.url("http"), "{}", milliseconds{50});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fate, Fate::kNeverLeft);
  EXPECT_EQ(second.error().error.code, ErrorCode::kTimeout);
  EXPECT_FALSE(first);
}

TEST_F(HttpClientTest, ARefusedConnectionNeverLeft) {
  std::string url;
  {
    TestServer gone(io, [](const PeerPtr&) {});
    url = gone.url("http");
    gone.stop_listening();
    test::run_for(io, milliseconds{5});
  }
  const auto result = post(url);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kNeverLeft);
  EXPECT_NE(text_of(result).find("connect 127.0.0.1:"), std::string::npos) << text_of(result);
}

TEST_F(HttpClientTest, AServerThatNeverAnswersTlsNeverGotTheRequest) {
  TestServer server(io, [](const PeerPtr&) {});
  make_client({.connect_timeout = milliseconds{100}});
  const auto result = post(server.url("https"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fate, Fate::kNeverLeft);
  EXPECT_EQ(result.error().error.code, ErrorCode::kTimeout);
}

TEST_F(HttpClientTest, BadUrlsAndPlainTextToAnotherMachineNeverLeft) {
  for (const char* url : {"nonsense", "ws://127.0.0.1/", "http://api.hyperliquid.xyz/info"}) {
    const auto result = post(url);
    ASSERT_FALSE(result) << url;
    EXPECT_EQ(result.error().fate, Fate::kNeverLeft) << url;
  }
  EXPECT_THROW(HttpClient(io, {.proxy_url = "https://proxy/"}), ConfigError);
}

TEST_F(HttpClientTest, TlsIsCheckedAgainstCaAndHost) {
  const test::TestCa ca;
  TestServer server(
      io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "secret")); },
      ca.issue({"localhost"}));
  const auto trusted = std::make_shared<TlsContext>(TlsOptions{.ca_file = ca.file()});

  const auto unknown_ca = post(server.url("https", "/", "localhost"));
  ASSERT_FALSE(unknown_ca);
  EXPECT_EQ(unknown_ca.error().fate, Fate::kNeverLeft);
  EXPECT_NE(text_of(unknown_ca).find("certificate refused"), std::string::npos);

  make_client({.tls = trusted});
  const auto wrong_host = post(server.url("https", "/", "127.0.0.1"));
  ASSERT_FALSE(wrong_host);
  EXPECT_EQ(wrong_host.error().fate, Fate::kNeverLeft);

  for (int i = 0; i < 3; ++i) {
    const auto good = post(server.url("https", "/", "localhost"));
    ASSERT_TRUE(good) << text_of(good);
    EXPECT_EQ(good->body, "secret");
  }
  EXPECT_EQ(client->counters().connections_reused, 2U);
}

TEST_F(HttpClientTest, ATlsConnectionClosedWhileIdleIsReplacedUnnoticed) {
  const test::TestCa ca;
  TestServer server(
      io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); },
      ca.issue({"localhost"}));
  make_client({.tls = std::make_shared<TlsContext>(TlsOptions{.ca_file = ca.file()})});
  const std::string url = server.url("https", "/", "localhost");
  ASSERT_TRUE(post(url));
  server.peers[0]->close();
  const auto second = post(url);
  ASSERT_TRUE(second) << text_of(second);
  EXPECT_EQ(server.accepted, 2U);
}

TEST_F(HttpClientTest, WarmUpOpensTheConnectionThatTheNextRequestUses) {
  const test::TestCa ca;
  TestServer server(
      io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); },
      ca.issue({"localhost"}));
  make_client({.tls = std::make_shared<TlsContext>(TlsOptions{.ca_file = ca.file()})});
  const std::string url = server.url("https", "/", "localhost");
  client->warm_up(url);
  client->warm_up(url);
  ASSERT_TRUE(test::run_until(io, [&] { return client->idle_connections() == 1; }));
  // Session tickets (TLS 1.3) arrive meanwhile and are no reason to give it up.
  test::run_for(io, milliseconds{20});
  ASSERT_TRUE(post(url));
  EXPECT_EQ(server.accepted, 1U);
}

TEST_F(HttpClientTest, CloseTellsEachRequestItsTrueFate) {
  TestServer server(io, [](const PeerPtr& peer) {
    peer->read_request([](const std::string&, const std::string&) {});
  });
  make_client({.max_connections_per_host = 1});
  std::vector<Fate> fates;
  const auto note = [&](HttpResult result) { fates.push_back(result.error().fate); };
  client->get(server.url("http"), {}, seconds{5}, note);
  client->get(server.url("http"), {}, seconds{5}, note);
  ASSERT_TRUE(test::run_until(io, [&] { return client->waiting() == 1; }));
  client->close();
  client->get(server.url("http"), {}, seconds{5}, note);
  ASSERT_TRUE(test::run_until(io, [&] { return fates.size() == 3; }));
  EXPECT_EQ(fates[0], Fate::kNeverLeft);  // it waited
  EXPECT_EQ(fates[1], Fate::kUnknown);    // it was on its way
  EXPECT_EQ(fates[2], Fate::kNeverLeft);  // it came too late
}

TEST_F(HttpClientTest, DestroyedInACallbackItCallsNoFurther) {
  TestServer server(io, [&](const PeerPtr& peer) { serve(peer, answer("200 OK", "x")); });
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    client->get(server.url("http"), {}, seconds{5}, [&](const HttpResult&) {
      ++calls;
      client.reset();
    });
  }
  ASSERT_TRUE(test::run_until(io, [&] { return calls == 1; }));
  test::run_for(io, milliseconds{30});
  EXPECT_EQ(calls, 1);
}

constexpr Nanos kPatience = milliseconds{250};  // of a busy machine

// A server that does to each connection and request what a seed says, and a client with fewer
// connections than requests.
class HttpStorm : public HttpClientTest, public testing::WithParamInterface<unsigned> {
 protected:
  void misbehave(const PeerPtr& peer) {
    switch (random() % 5) {
      case 0:
        return peer->close();
      case 1:
        return peer->reset();
      default:
        serve_one(peer);
    }
  }
  void serve_one(const PeerPtr& peer) {
    peer->read_request([this, peer](const std::string&, const std::string& body) {
      seen.insert(body);
      switch (random() % 8) {
        case 0:
          return;  // never answers
        case 1:
          return peer->reset();
        case 2:
          return peer->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        case 3:
          return peer->write("<html>not HTTP</html>", [peer] { peer->close(); });
        case 4:  // ends the connection that the client means to keep
          return peer->write(answer("200 OK", body), [peer] { peer->close(); });
        case 5:
          return peer->write("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nlater",
                             [peer] { peer->close(); });
        default:
          return peer->write(answer("200 OK", body), [this, peer] { serve_one(peer); });
      }
    });
  }

  std::mt19937 random{GetParam()};
  std::set<std::string> seen;
};

TEST_P(HttpStorm, EveryRequestHasItsCallbackOnceInTimeAndWithItsTrueFate) {
  make_client({.max_connections_per_host = 3, .connect_timeout = milliseconds{80}});
  TestServer server(io, [this](const PeerPtr& peer) { misbehave(peer); });
  constexpr int kRequests = 60;
  int done = 0;
  for (int i = 0; i < kRequests; ++i) {
    const std::string body = "request " + std::to_string(i);
    const Nanos timeout = milliseconds{20 + static_cast<int>(random() % 150)};
    const Nanos sent = monotonic_now();
    client->post(server.url("http"), body, {}, timeout,
                 [this, &done, body, timeout, sent, called = 0](const HttpResult& result) mutable {
                   ++done;
                   EXPECT_EQ(++called, 1) << body;
                   EXPECT_LT(monotonic_now() - sent, timeout + kPatience) << body;
                   if (result && result->status == 200) {
                     EXPECT_EQ(result->body, body) << "the answer of another request";
                   }
                   if (!result && result.error().fate == Fate::kNeverLeft) {
                     EXPECT_FALSE(seen.contains(body)) << body << " reached the server";
                   }
                 });
    if (random() % 4 == 0) test::run_for(io, milliseconds{random() % 8});
  }
  EXPECT_TRUE(test::run_until(
      io, [&] { return done == kRequests; }, seconds{3}));
  EXPECT_EQ(client->waiting(), 0U);
  test::run_for(io, milliseconds{20});
  EXPECT_EQ(done, kRequests);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HttpStorm, testing::Range(1U, 9U));

}  // namespace
}  // namespace perpwire::net
