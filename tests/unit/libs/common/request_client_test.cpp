#include "libs/common/request_client.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/frame_stream.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/stream_server.hpp"
#include "perpwire/v1/orders.pb.h"
#include "perpwire/v1/requests.pb.h"
#include "tests/unit/libs/common/bus_fixture.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <zmq.hpp>

#include <array>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace perpwire {
namespace {

using namespace std::chrono_literals;

std::string request(std::string_view id) {
  return fmt::format(R"({{"type":"get_positions","request_id":"{}"}})", id);
}
std::string ok(std::string_view id) {
  return fmt::format(R"({{"request_id":"{}","status":"OK"}})", id);
}

class RequestClientTest : public BusTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("perpwire-requests-{}-{}", getpid(), ++made_);
    std::filesystem::create_directories(folder_);
    use_scheme("ipc://");
  }
  void use_scheme(const std::string& scheme) { endpoint = scheme + (folder_ / "s.sock").string(); }
  void TearDown() override {
    client.reset();
    kill_server();
    std::filesystem::remove_all(folder_);
  }

  void start_server() {
    if (is_stream_endpoint(endpoint)) {
      stream_server =
          std::make_unique<StreamServer>(io, StreamServerConfig{.endpoint = endpoint},
                                         [this](const IncomingRequest& in) { on_request(in); });
      return;
    }
    server_context = std::make_unique<zmq::context_t>();
    server = std::make_unique<RequestServer>(io, *server_context,
                                             RequestServerConfig{.endpoint = endpoint},
                                             [this](const IncomingRequest& in) { on_request(in); });
  }
  void on_request(const IncomingRequest& in) {
    const auto id = reply_request_id(in.payload, ReplyKind::kPage).value_or("none");
    seen.push_back(id);
    EXPECT_EQ(in.peer ? in.peer->uid : 0, ::getuid());
    EXPECT_EQ(in.peer ? in.peer->pid : 0, ::getpid());
    if (id == "hello") {
      reply(in.reply_to, ok(id));
      return;
    }
    to_answer.push_back({in.reply_to, id});
    if (answer_at_once) answer(0);
  }
  void reply(const ReplyAddress& to, const std::string& text) {
    if (server) server->reply(to, text);
    if (stream_server) stream_server->reply(to, text);
  }
  /// As a process dies: its sockets are gone when this returns.
  void kill_server() {
    server.reset();
    server_context.reset();
    stream_server.reset();
  }
  void answer(std::size_t index) {
    const auto [to, id] = to_answer[index];
    to_answer.erase(to_answer.begin() + static_cast<std::ptrdiff_t>(index));
    reply(to, ok(id));
  }
  void start_client(RequestClientConfig config = {}) {
    config.endpoint = endpoint;
    client = std::make_unique<RequestClient>(io, context, std::move(config));
  }
  void ask(const std::string& id, Nanos timeout = 5s) {
    client->request(id, request(id), timeout, [this, id](Result<RequestClient::Reply> result) {
      EXPECT_EQ(results.count(id), 0U);
      results.emplace(id, result ? result->front() : std::string(word(result.error().code)));
    });
  }
  static std::string_view word(ErrorCode code) {
    if (code == ErrorCode::kClosed) return "never left";
    if (code == ErrorCode::kTimeout) return "maybe";
    if (code == ErrorCode::kWouldBlock) return "full";
    return to_string(code);
  }

  std::string endpoint;
  std::unique_ptr<zmq::context_t> server_context;
  std::unique_ptr<RequestServer> server;
  std::unique_ptr<StreamServer> stream_server;
  std::unique_ptr<RequestClient> client;
  std::vector<std::string> seen;
  std::deque<std::pair<ReplyAddress, std::string>> to_answer;
  bool answer_at_once = true;
  std::map<std::string, std::string> results;

 private:
  static inline int made_ = 0;
  std::filesystem::path folder_;
};

/// What holds over ZeroMQ holds over a plain unix stream.
class RequestClientOverBoth : public RequestClientTest,
                              public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    RequestClientTest::SetUp();
    use_scheme(GetParam());
  }
};
INSTANTIATE_TEST_SUITE_P(Transports, RequestClientOverBoth, testing::Values("ipc://", "unix://"),
                         [](const auto& one) { return one.param.substr(0, 3); });

TEST_P(RequestClientOverBoth, RepliesFindTheirRequestsInAnyOrder) {
  answer_at_once = false;
  start_server();
  start_client();
  ask("a");
  ask("b");
  ask("c");
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 3; }));
  answer(2);
  answer(0);
  answer(0);
  ASSERT_TRUE(run_until([&] { return results.size() == 3; }));
  for (const std::string id : {"a", "b", "c"}) EXPECT_EQ(results[id], ok(id));
}

TEST_P(RequestClientOverBoth, ARequestWaitsForTheServerToComeUp) {
  start_client();
  ask("early");
  run_for(30ms);
  EXPECT_TRUE(results.empty());
  start_server();
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["early"], ok("early"));
}

TEST_P(RequestClientOverBoth, WithoutAServerItNeverLeft) {
  start_client();
  ask("a", 30ms);
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], "never left");
  // And it does not leave later.
  start_server();
  ask("b");
  ASSERT_TRUE(run_until([&] { return results.size() == 2; }));
  EXPECT_EQ(seen, (std::vector<std::string>{"b"}));
}

TEST_P(RequestClientOverBoth, WithoutAnAnswerItMayHaveBeenDone) {
  answer_at_once = false;
  start_server();
  start_client();
  ASSERT_TRUE(run_until([&] { return client->ready(); }));  // however slow the machine is
  ask("a", 30ms);
  ASSERT_TRUE(run_until([&] { return results.size() == 1 && seen.size() == 1; }));
  EXPECT_EQ(results["a"], "maybe");
  answer(0);  // too late
  ask("b");
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 1; }));
  answer(0);
  ASSERT_TRUE(run_until([&] { return results.size() == 2; }));
  EXPECT_EQ(client->counters().unmatched, 1U);
}

TEST_P(RequestClientOverBoth, AServerThatDiesLosesWhatWasSentAndNothingReachesTheNextOneTwice) {
  answer_at_once = false;
  start_server();
  start_client({.hello = request("hello"), .hello_request_id = "hello"});
  ask("sent");
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 1; }));
  kill_server();
  to_answer.clear();
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["sent"], "maybe");
  EXPECT_FALSE(client->ready());

  seen.clear();
  answer_at_once = true;
  start_server();
  ask("next");
  ASSERT_TRUE(run_until([&] { return results.size() == 2; }));
  EXPECT_EQ(results["next"], ok("next"));
  EXPECT_EQ(seen, (std::vector<std::string>{"hello", "next"}));  // hello again, first
  EXPECT_EQ(client->counters().connections, 2U);
}

TEST_P(RequestClientOverBoth, AnAnswerGivenJustBeforeTheServerDiedCounts) {
  answer_at_once = false;
  start_server();
  start_client();
  ask("a");
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 1; }));
  answer(0);
  kill_server();
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], ok("a"));
}

TEST_P(RequestClientOverBoth, AnotherContractIsRefusedToEveryWaitingRequest) {
  start_server();
  start_client({.hello = request("hello"),
                .hello_request_id = "hello",
                .accept_hello = [](const std::vector<std::string>&) -> Status {
                  return fail(ErrorCode::kVersionMismatch, "contract a, contract b");
                }});
  ask("a");
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], "VERSION_MISMATCH");
  EXPECT_EQ(seen, (std::vector<std::string>{"hello"}));
}

TEST_P(RequestClientOverBoth, OutstandingRequestsAreBounded) {
  start_client({.max_outstanding = 2});
  ask("a", 50ms);
  ask("b", 50ms);
  ask("c", 50ms);
  EXPECT_TRUE(results.empty());  // never from inside request()
  ASSERT_TRUE(run_until([&] { return results.size() == 3; }));
  EXPECT_EQ(results["a"], "never left");
  EXPECT_EQ(results["c"], "full");
}

TEST_F(RequestClientTest, AServerThatReadsNothingIsLeftAndFoundAgainWhenItIsWell) {
  zmq::context_t stuck_context;
  auto stuck = std::make_unique<zmq::socket_t>(stuck_context, zmq::socket_type::router);
  stuck->set(zmq::sockopt::rcvhwm, 1);
  stuck->bind(endpoint);
  start_client({.max_outstanding = 2});
  ASSERT_TRUE(run_until([&] { return client->ready(); }));
  // Every request times out and stays in libzmq's queue, until that is full.
  const std::string large(256 * 1024, ' ');
  for (int i = 0; i < 40 && client->counters().connections < 2; ++i) {
    const auto id = fmt::format("r-{}", i);
    client->request(id, request(id) + large, 10ms,
                    [&results = results, id](Result<RequestClient::Reply>) { results[id] = ""; });
    ASSERT_TRUE(run_until([&] { return results.contains(id); }));
    run_for(150ms);
  }
  EXPECT_GE(client->counters().connections, 2U) << "a full queue is not waited on for ever";
  stuck.reset();
  stuck_context.close();
  ASSERT_TRUE(run_until([&] { return !client->ready(); }));
  start_server();
  ask("after");
  ASSERT_TRUE(run_until([&] { return results.contains("after"); }));
  EXPECT_EQ(results["after"], ok("after"));
  EXPECT_EQ(seen, (std::vector<std::string>{"after"})) << "nothing that timed out is done later";
}

TEST_F(RequestClientTest, AServerThatAcceptsAndSaysNothingIsLeft) {
  // As a stopped process does: the kernel accepts for it.
  boost::asio::io_context other;
  using Unix = boost::asio::local::stream_protocol;
  auto mute = std::make_unique<Unix::acceptor>(
      other, Unix::endpoint(endpoint.substr(std::string_view("ipc://").size())));
  start_client({.connect_timeout = 200ms});
  run_for(100ms);
  EXPECT_FALSE(client->ready());
  std::filesystem::remove(endpoint.substr(std::string_view("ipc://").size()));
  start_server();  // the first connection, to the mute one, is still open
  ask("a", 3s);
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], ok("a"));
}

TEST_P(RequestClientOverBoth, AnIdThatIsOutstandingIsRefused) {
  start_client();
  ask("a", 50ms);
  bool refused = false;
  client->request("a", request("a"), 1s, [&](Result<RequestClient::Reply> result) {
    refused = !result && result.error().code == ErrorCode::kInvalidCommand;
  });
  ASSERT_TRUE(run_until([&] { return refused && results.size() == 1; }));
}

// A server that hangs without dying (stopped, or its disk does not answer) reads nothing: what we
// send fills both queues, and no disconnection ever tells us.
TEST_F(RequestClientTest, AServerThatHungUntilItsQueueWasFullIsAskedAgainOnceItReads) {
  zmq::context_t other;
  SocketOptions narrow;
  narrow.receive_high_water_mark = 1;
  ZmqSocket hung{io, other, SocketType::kRouter, narrow};
  ASSERT_TRUE(hung.bind(endpoint).has_value());
  start_client({.max_outstanding = 1});
  ASSERT_TRUE(run_until([&] { return client->ready(); }));
  const auto ask_much = [&](const std::string& id, Nanos timeout) {
    auto payload = request(id);
    payload.append(300'000, ' ');
    client->request(
        id, std::move(payload), timeout, [this, id](Result<RequestClient::Reply> result) {
          results[id] = result ? result->front() : std::string(word(result.error().code));
        });
    return run_until([&] { return results.contains(id); });
  };
  std::string last;
  for (int n = 0; n < 50 && last != "never left"; ++n) {
    const auto id = "full-" + std::to_string(n);
    ASSERT_TRUE(ask_much(id, 10ms));
    last = results[id];
  }
  ASSERT_EQ(last, "never left") << "the queues did not fill";

  hung.start([&](ZmqSocket::Message& message) {
    const auto id = reply_request_id(message.back().view(), ReplyKind::kPage).value_or("none");
    const std::string text = ok(id);
    const std::array<std::string_view, 2> parts{message.front().view(), text};
    ignore(hung.send(parts), "the one that asked may be gone");
  });
  ASSERT_TRUE(ask_much("after", 3s));
  EXPECT_EQ(results["after"], ok("after"));
}

TEST_P(RequestClientOverBoth, WhoHearsThatItIsReadyMayDestroyTheClient) {
  start_server();
  start_client();
  int told = 0;
  const auto much = std::make_shared<std::string>(100, 'x');  // the handler's own
  client->on_ready([this, much, &told](bool) {
    client.reset();
    told += much->size() == 100 ? 1 : 100;
  });
  ask("a");
  ASSERT_TRUE(run_until([&] { return told > 0; }));
  run_for(20ms);
  EXPECT_EQ(told, 1);
}

TEST_P(RequestClientOverBoth, AClientThatIsDestroyedWhileItLosesItsServerSaysNothingMore) {
  answer_at_once = false;
  start_server();
  start_client();
  ASSERT_TRUE(run_until([&] { return client->ready(); }));
  int told = 0;
  client->on_ready([&](bool) { ++told; });
  int answered = 0;
  for (const char* id : {"a", "b"}) {
    client->request(id, request(id), 5s, [&](Result<RequestClient::Reply>) {
      client.reset();
      ++answered;
    });
  }
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 2; }));
  kill_server();
  ASSERT_TRUE(run_until([&] { return answered > 0; }));
  run_for(20ms);
  EXPECT_EQ(told, 0);
  EXPECT_EQ(answered, 1);
}

TEST_P(RequestClientOverBoth, ACallbackMayDestroyTheClient) {
  start_server();
  start_client();
  bool done = false;
  client->request("a", request("a"), 5s, [&](Result<RequestClient::Reply>) {
    client.reset();
    done = true;
  });
  ask("b");
  ASSERT_TRUE(run_until([&] { return done; }));
  run_for(20ms);
}

class StreamRequestTest : public RequestClientTest {
 protected:
  using Unix = boost::asio::local::stream_protocol;
  void SetUp() override {
    RequestClientTest::SetUp();
    use_scheme("unix://");
  }
  [[nodiscard]] Unix::endpoint address() const {
    return Unix::endpoint(std::string(stream_path(endpoint)));
  }
};

TEST_F(StreamRequestTest, ItsSocketIsForOwnerAndGroupAlone) {
  start_server();
  EXPECT_EQ(std::filesystem::status(std::string(stream_path(endpoint))).permissions() &
                std::filesystem::perms::all,
            std::filesystem::perms(0660));
}

// As a stopped process does: the kernel accepts for it, and it says nothing.
TEST_F(StreamRequestTest, AServerThatSaysNothingIsLeftAndTheNextOneFound) {
  boost::asio::io_context other;
  auto mute = std::make_unique<Unix::acceptor>(other, address());
  start_client({.hello = request("hello"), .hello_request_id = "hello", .hello_timeout = 100ms});
  run_for(50ms);
  EXPECT_FALSE(client->ready());
  start_server();  // in its place; the connection to the mute one is still open
  ask("a", 3s);
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], ok("a"));
  EXPECT_GE(client->counters().timeouts, 1U);
}

TEST_F(StreamRequestTest, WhatAServerDoesNotReadIsBoundedAndNothingOfItReachesTheNextOne) {
  boost::asio::io_context other;
  auto deaf = std::make_unique<Unix::acceptor>(other, address());
  start_client();
  ASSERT_TRUE(run_until([&] { return client->ready(); }));
  const std::string large(512 * 1024, ' ');
  bool full = false;
  for (int i = 0; i < 30 && !full; ++i) {
    const auto id = fmt::format("r-{}", i);
    client->request(id, request(id) + large, 10ms, [&](Result<RequestClient::Reply> result) {
      full = full || (!result && result.error().code == ErrorCode::kClosed);
      results[id] = "";
    });
    ASSERT_TRUE(run_until([&] { return results.contains(id); }));
  }
  EXPECT_TRUE(full) << "a queue that nobody reads is not waited on for ever";
  start_server();
  deaf.reset();
  ask("after");
  ASSERT_TRUE(run_until([&] { return results.contains("after"); }));
  EXPECT_EQ(results["after"], ok("after"));
  EXPECT_EQ(seen, (std::vector<std::string>{"after"}));
}

TEST_F(StreamRequestTest, LongRequestsAndAnswersArriveWhole) {
  start_server();
  start_client();
  answer_at_once = false;
  const std::string large(900'000, 'x');
  std::map<std::string, std::size_t> sizes;
  for (const std::string id : {"a", "b", "c"}) {
    client->request(id, request(id) + std::string(900'000, ' '), 5s,
                    [&, id](Result<RequestClient::Reply> result) {
                      sizes[id] = result ? result->front().size() : 0;
                    });
  }
  ASSERT_TRUE(run_until([&] { return to_answer.size() == 3; }));
  for (const auto& [to, id] : to_answer) {
    reply(to, fmt::format(R"({{"request_id":"{}","status":"{}"}})", id, large));
  }
  ASSERT_TRUE(run_until([&] { return sizes.size() == 3; }));
  for (const auto& [id, size] : sizes) EXPECT_GT(size, large.size()) << id;
}

TEST_F(StreamRequestTest, AFrameThatIsTooLongEndsTheConnectionAndNoOther) {
  start_server();
  start_client();
  Unix::socket rude(io);
  rude.connect(address());
  const std::array<unsigned char, 8> length{0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4};
  boost::asio::write(rude, boost::asio::buffer(length));
  bool ended = false;
  std::array<char, 1> byte{};
  rude.async_read_some(boost::asio::buffer(byte),
                       [&](const boost::system::error_code& error, std::size_t) {
                         ended = static_cast<bool>(error);
                       });
  ASSERT_TRUE(run_until([&] { return ended; }));
  ask("a");
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  EXPECT_EQ(results["a"], ok("a"));
  EXPECT_EQ(seen, (std::vector<std::string>{"a"}));
}

TEST_F(StreamRequestTest, ConnectionsAreBounded) {
  stream_server = std::make_unique<StreamServer>(
      io, StreamServerConfig{.endpoint = endpoint, .max_connections = 1},
      [this](const IncomingRequest& in) { on_request(in); });
  start_client();
  ask("a");
  ASSERT_TRUE(run_until([&] { return results.size() == 1; }));
  Unix::socket second(io);
  second.connect(address());
  ASSERT_TRUE(run_until([&] { return stream_server->counters().refused_connections == 1; }));
  ask("b");
  ASSERT_TRUE(run_until([&] { return results.size() == 2; }));
  EXPECT_EQ(results["b"], ok("b"));
}

TEST_F(StreamRequestTest, APeerThatDoesNotReadItsAnswersIsLeft) {
  stream_server = std::make_unique<StreamServer>(
      io, StreamServerConfig{.endpoint = endpoint, .max_queued_bytes = 1 << 20},
      [this](const IncomingRequest& in) { reply(in.reply_to, std::string(300'000, 'x')); });
  Unix::socket hog(io);
  hog.connect(address());
  const std::array<unsigned char, 5> frame{0, 0, 0, 1, 'r'};
  for (int i = 0; i < 20; ++i) boost::asio::write(hog, boost::asio::buffer(frame));
  EXPECT_TRUE(run_until([&] { return stream_server->counters().replies_dropped > 0; }));
  EXPECT_LT(stream_server->counters().replies, 20U);
}

TEST_F(StreamRequestTest, AnEndpointOfAnotherSchemeOrTooLongIsRefusedByName) {
  EXPECT_THROW(StreamServer(io, {.endpoint = "ipc:///tmp/x.sock"}, {}), ConfigError);
  const auto path = "unix:///" + std::string(107, 'x');
  const auto checked = check_stream_endpoint(path);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().text.find("1 to 107 bytes, found 108"), std::string::npos)
      << checked.error().text;
}

TEST(ReplyRequestId, IsFoundInEitherEncoding) {
  v1::Reply reply;
  reply.set_request_id("r-1");
  reply.set_client_order_id("c-1");
  reply.set_status("OK");
  v1::PageReply page;
  page.set_type("replay_page");
  page.set_request_id("r-2");
  EXPECT_EQ(reply_request_id(reply.SerializeAsString(), ReplyKind::kReply), "r-1");
  EXPECT_EQ(reply_request_id(page.SerializeAsString(), ReplyKind::kPage), "r-2");
  EXPECT_EQ(reply_request_id(to_contract_json(reply), ReplyKind::kReply), "r-1");
  EXPECT_EQ(reply_request_id(to_contract_json(page), ReplyKind::kPage), "r-2");
  EXPECT_EQ(reply_request_id(R"({"status":"OK"})", ReplyKind::kReply), std::nullopt);
  EXPECT_EQ(reply_request_id(R"({"request_id":7})", ReplyKind::kReply), std::nullopt);
  EXPECT_EQ(reply_request_id("{", ReplyKind::kReply), std::nullopt);
  EXPECT_EQ(reply_request_id("\xff\xff\xff", ReplyKind::kReply), std::nullopt);
  EXPECT_EQ(reply_request_id("", ReplyKind::kReply), std::nullopt);
}

}  // namespace
}  // namespace perpwire
