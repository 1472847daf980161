// The real binary over its real socket, with a plain REQ socket as any language has it.
#include "libs/journal/audit_file.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/venues/hyperliquid/exchange_request.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"

#include <boost/endian/conversion.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace perpwire::signer {
namespace {

using Json = nlohmann::json;
constexpr std::string_view kPassphrase = "correct horse battery staple";

class SignerProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "perpwire-proc-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    const auto key = SigningKey::from_hex(std::string(64, '3')).value();
    address_ = key.address().to_string();
    ASSERT_TRUE(keystore::import_key(root_ / "keys", "agent-1", key,
                                     Secret::copy_of(as_bytes(kPassphrase)),
                                     keystore::ScryptCost::kLight));
    std::ofstream(root_ / "perpwire.toml") << "mode = \"sim\"\nrun_dir = \"" << root_.string()
                                           << "/run\"\ndata_dir = \"" << root_.string() << R"(/data"
[venues.hyperliquid]
rest_url = "http://127.0.0.1:4001"
ws_url = "ws://127.0.0.1:4001/ws"
symbols = ["BTC-USD"]
[accounts.main]
venue = "hyperliquid"
address = "0x14791697260e4c9a71f18484c9f997b308e59325"
key = "agent-1"
cloid_prefix = "0xf1a50001"
[signer]
passphrase = "fd:3"
keystore_dir = ")" << (root_ / "keys").string()
                                           << "\"\n";
    std::ofstream(root_ / "pass") << kPassphrase << "\n";
    context_ = zmq_ctx_new();
  }
  void TearDown() override {
    stop(SIGKILL);
    close_socket();
    zmq_ctx_term(context_);
    std::filesystem::remove_all(root_);
  }

  void start(const char* passphrase_file = "pass") {
    pid_ = ::fork();
    if (pid_ == 0) {
      const int file = ::open((root_ / passphrase_file).c_str(), O_RDONLY);
      ::dup2(file, 3);
      const int log = ::open((root_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, 2);
      const auto binary = std::string(PERPWIRE_BIN_DIR) + "/perpwire-signer";
      const auto config = (root_ / "perpwire.toml").string();
      ::execl(binary.c_str(), "perpwire-signer", "--config", config.c_str(), nullptr);
      ::_exit(99);
    }
  }
  int stop(int signal) {
    if (pid_ <= 0) {
      return 0;
    }
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void close_socket() {
    if (socket_ != nullptr) {
      zmq_close(socket_);
      socket_ = nullptr;
    }
  }
  void connect() {
    close_socket();
    socket_ = zmq_socket(context_, ZMQ_REQ);
    const int timeout = 5'000;
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    const auto endpoint = "ipc://" + (root_ / "run/signer/signer.sock").string();
    ASSERT_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
  }
  std::string ask_bytes(const std::string& request) {
    EXPECT_GE(zmq_send(socket_, request.data(), request.size(), 0), 0);
    zmq_msg_t message;
    zmq_msg_init(&message);
    const int size = zmq_msg_recv(&message, socket_, 0);
    std::string reply;
    if (size >= 0) {
      reply.assign(static_cast<const char*>(zmq_msg_data(&message)),
                   static_cast<std::size_t>(size));
    }
    zmq_msg_close(&message);
    return reply;
  }
  /// One question over the direct socket, by hand: its length in four bytes, then itself.
  Json ask_direct(const Json& request) const {
    const auto path = (root_ / "run/signer/direct.sock").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    const int file = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    Json reply;
    if (::connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const auto text = request.dump();
      std::string frame(4, '\0');
      boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(frame.data()),
                                   static_cast<std::uint32_t>(text.size()));
      frame += text;
      EXPECT_EQ(::send(file, frame.data(), frame.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(frame.size()));
      std::array<unsigned char, 4> header{};
      if (::recv(file, header.data(), header.size(), MSG_WAITALL) == 4) {
        std::string body(boost::endian::load_big_u32(header.data()), '\0');
        EXPECT_EQ(::recv(file, body.data(), body.size(), MSG_WAITALL),
                  static_cast<ssize_t>(body.size()));
        reply = Json::parse(body);
      }
    }
    ::close(file);
    return reply;
  }
  Json ask(const Json& request) {
    const auto reply = ask_bytes(request.dump());
    return reply.empty() ? Json{} : Json::parse(reply);
  }
  Json order(std::uint64_t epoch) {
    return {{"type", "sign"},
            {"key", "agent-1"},
            {"account", "main"},
            {"network", "testnet"},
            {"expires_after_ms", 8000},
            {"lease_epoch", epoch},
            {"order",
             {{"orders",
               {{{"asset", 0},
                 {"trading_pair", "BTC-USD"},
                 {"is_buy", true},
                 {"price", "50000"},
                 {"quantity", "0.001"},
                 {"time_in_force", "GTC"}}}}}}};
  }
  /// hello with the asset map, in the name of another program of this build; then the lease.
  std::uint64_t prepare() {
    const auto refused = ask({{"type", "hello"}, {"hello", {{"process", "test"}}}});
    EXPECT_EQ(refused.value("code", ""), "VERSION_MISMATCH");
    auto hello = refused.at("hello");
    hello["process"] = "test";
    const auto greeted = ask({{"type", "hello"},
                              {"hello", hello},
                              {"assets", {{{"trading_pair", "BTC-USD"}, {"asset", 0}}}}});
    EXPECT_EQ(greeted.value("status", ""), "OK") << greeted;
    const auto lease = ask({{"type", "lease"},
                            {"account", "main"},
                            {"lease", {{"holder", "test.main"}, {"boot_id", "b"}}}});
    EXPECT_EQ(lease.value("status", ""), "OK") << lease;
    return lease.value("lease", Json::object()).value("epoch", 0U);
  }

  /// The answer to a process of another user, to whom the socket's file is open.
  Json ask_as_nobody(const Json& request, bool direct = false) {
    constexpr uid_t kNobody = 65534;
    EXPECT_EQ(ask({{"type", "status"}}).value("status", ""), "OK");  // it runs
    for (const auto* folder : {"", "run", "run/signer"}) {
      EXPECT_EQ(::chmod((root_ / folder).c_str(), 0755), 0);
    }
    EXPECT_EQ(::chmod((root_ / "run/signer/signer.sock").c_str(), 0666), 0);
    EXPECT_EQ(::chmod((root_ / "run/signer/direct.sock").c_str(), 0666), 0);
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    const auto child = ::fork();
    if (child == 0) {
      if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
        ::_exit(2);
      }
      context_ = zmq_ctx_new();  // the parent's is left alone
      socket_ = nullptr;
      connect();
      const auto reply = (direct ? ask_direct(request) : ask(request)).dump();
      ::_exit(::write(pipe[1], reply.data(), reply.size()) > 0 ? 0 : 1);
    }
    ::close(pipe[1]);
    std::string text;
    std::array<char, 4096> block{};
    for (ssize_t got = 0; (got = ::read(pipe[0], block.data(), block.size())) > 0;) {
      text.append(block.data(), static_cast<std::size_t>(got));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    return text.empty() ? Json{} : Json::parse(text);
  }

  std::filesystem::path root_;
  std::string address_;
  pid_t pid_ = -1;
  void* context_ = nullptr;
  void* socket_ = nullptr;
};

TEST_F(SignerProcess, SignsOverAPlainReqSocketInBothEncodings) {
  start();
  connect();
  const auto epoch = prepare();
  const auto reply = ask(order(epoch));
  ASSERT_EQ(reply.value("status", ""), "OK") << reply;
  const auto request = hyperliquid::parse_exchange_request(reply.at("body").get<std::string>());
  ASSERT_TRUE(request);
  const auto action = hyperliquid::parse_action(request->action_json);
  EXPECT_EQ(hyperliquid::recover_signer(hyperliquid::Network::kTestnet, *action, request->envelope,
                                        request->signature)
                ->to_string(),
            address_);
  v1::SignRequest noop;
  noop.set_type("sign");
  noop.set_request_id("r-1");
  noop.set_key("agent-1");
  noop.set_account("main");
  noop.set_network("testnet");
  noop.set_nonce(reply.at("nonce").get<std::uint64_t>());
  noop.mutable_noop();
  v1::SignReply answer;
  ASSERT_TRUE(answer.ParseFromString(ask_bytes(noop.SerializeAsString())));
  EXPECT_EQ(answer.status(), "OK") << answer.reason();
  EXPECT_EQ(answer.request_id(), "r-1");
  EXPECT_EQ(stop(SIGTERM), 0);
}

TEST_F(SignerProcess, TheDirectSocketIsTheSameSigner) {
  start();
  connect();
  const auto epoch = prepare();
  const auto first = ask(order(epoch));
  const auto second = ask_direct(order(epoch));
  ASSERT_EQ(second.value("status", ""), "OK") << second;
  EXPECT_GT(second.at("nonce").get<std::uint64_t>(), first.at("nonce").get<std::uint64_t>());
  EXPECT_EQ(ask_direct(order(epoch - 1)).value("code", ""), "LEASE_LOST");
  auto elsewhere = order(epoch);
  elsewhere["order"]["orders"][0]["asset"] = 7;
  EXPECT_EQ(ask_direct(elsewhere).value("code", ""), "SIGNER_REFUSED");
}

TEST_F(SignerProcess, KillsNeverRepeatANonceAndTheLeaseGoesOn) {
  std::set<std::uint64_t> used;
  std::uint64_t epoch = 0;
  for (int round = 0; round < 3; ++round) {
    start();
    connect();
    const auto granted = prepare();
    EXPECT_TRUE(epoch == 0 || granted == epoch);
    epoch = granted;
    for (int i = 0; i < 20; ++i) {
      const auto reply = ask(order(epoch));
      ASSERT_EQ(reply.value("status", ""), "OK") << reply;
      EXPECT_TRUE(used.insert(reply.at("nonce").get<std::uint64_t>()).second);
      EXPECT_EQ(*used.rbegin(), reply.at("nonce").get<std::uint64_t>());
    }
    stop(SIGKILL);
  }
  EXPECT_EQ(used.size(), 60U);
  const auto report = journal::verify_audit_log(root_ / "data/signer/audit", "");
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->signed_actions, 60U);  // each was in the log before its reply
}

TEST_F(SignerProcess, ALockSurvivesAKillAndTheStatusShowsIt) {
  start();
  connect();
  const auto epoch = prepare();
  ASSERT_EQ(ask({{"type", "lock"}, {"key", "agent-1"}}).value("status", ""), "OK");
  stop(SIGKILL);
  start();
  connect();
  EXPECT_EQ(prepare(), epoch);
  EXPECT_EQ(ask(order(epoch)).value("reason", ""),
            "rule cancel_only: key agent-1 is locked: it signs cancels alone");
  EXPECT_NE(ask({{"type", "status"}}).value("text", "").find("CANCEL_ONLY"), std::string::npos);
  ASSERT_EQ(ask({{"type", "unlock"}}).value("status", ""), "OK");  // the signer's own user may
  EXPECT_EQ(ask(order(epoch)).value("status", ""), "OK");
}

TEST_F(SignerProcess, ADamagedAuditLogStopsTheStartNamingTheLine) {
  start();
  connect();
  ASSERT_EQ(ask(order(prepare())).value("status", ""), "OK");
  stop(SIGTERM);
  const auto file = root_ / "data/signer/audit/audit-000000000001.log";
  std::string text;
  {
    std::ifstream in(file, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto at = text.find("50000");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 5, "60000");
  std::ofstream(file, std::ios::binary) << text;
  start();
  EXPECT_EQ(wait(), 1);
  std::ifstream log(root_ / "log");
  const std::string said{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(said.find("audit-000000000001.log: line 3: expected hash"), std::string::npos) << said;
}

TEST_F(SignerProcess, RunsInsideItsSandboxAndTellsNothingOfTheKey) {
  start();
  connect();
  const auto epoch = prepare();
  ASSERT_EQ(ask(order(epoch)).value("status", ""), "OK");
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  const std::string text{std::istreambuf_iterator<char>(status), {}};
  EXPECT_NE(text.find("Seccomp:\t2"), std::string::npos);
  EXPECT_NE(text.find("NoNewPrivs:\t1"), std::string::npos);
  const auto said = ask({{"type", "status"}}).dump() + ask({{"type", "metrics"}}).dump();
  EXPECT_NE(said.find("ARMED"), std::string::npos);
  EXPECT_NE(said.find("perpwire_signer_requests_total"), std::string::npos);
  EXPECT_EQ(stop(SIGTERM), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    if (!entry.is_regular_file() || entry.path().filename() == "pass") {
      continue;
    }
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(bytes.find(std::string(64, '3')), std::string::npos) << entry.path();
    EXPECT_EQ(bytes.find(std::string(32, '\x33')), std::string::npos) << entry.path();
    EXPECT_EQ(bytes.find(kPassphrase), std::string::npos) << entry.path();
  }
  EXPECT_EQ(said.find(std::string(64, '3')), std::string::npos);
}

TEST_F(SignerProcess, AnotherUserIsRefusedEvenWithTheSocketOpenToIt) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to become another user";
  }
  start();
  connect();
  EXPECT_EQ(ask_as_nobody({{"type", "status"}}).value("reason", ""),
            "rule uid: user 65534 may not ask this signer");
  EXPECT_EQ(ask_as_nobody({{"type", "status"}}, true).value("reason", ""),
            "rule uid: user 65534 may not ask this signer");
}

TEST_F(SignerProcess, TheAuditLogIsReadAndVerifiedOverTheSocketPageByPage) {
  start();
  connect();
  const auto epoch = prepare();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(ask(order(epoch)).value("status", ""), "OK");
  journal::AuditCheck check{journal::AuditChain{}};
  std::uint64_t next = 0;
  std::uint64_t last = 0;
  std::string head;
  int pages = 0;
  do {
    const auto reply = ask(
        {{"type", "audit"}, {"request_id", "r"}, {"audit", {{"from", next}, {"max_bytes", 4096}}}});
    ASSERT_EQ(reply.value("status", ""), "OK") << reply;
    const auto& page = reply.at("audit");
    for (const auto& line : page.at("lines")) {
      const auto whole = check.line(line.get<std::string>());
      ASSERT_TRUE(whole) << whole.error().text;
    }
    next = page.at("next").get<std::uint64_t>();
    last = page.at("last").get<std::uint64_t>();
    head = page.at("head").get<std::string>();
    ++pages;
  } while (next <= last);
  const auto report = check.finish("socket");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->signed_actions, 40U);
  EXPECT_EQ(report->head, head);
  EXPECT_GT(pages, 2);
  EXPECT_NE(ask({{"type", "status"}}).value("text", "").find(head), std::string::npos);
}

TEST_F(SignerProcess, PagesOfTheAuditLogAreRefusedPrecisely) {
  start();
  connect();
  const auto refusal = [&](const Json& audit) {
    const auto reply = ask({{"type", "audit"}, {"request_id", "r-7"}, {"audit", audit}});
    EXPECT_EQ(reply.value("status", ""), "REJECTED");
    EXPECT_EQ(reply.value("request_id", ""), "r-7");
    return reply.value("code", "") + ": " + reply.value("reason", "");
  };
  EXPECT_EQ(refusal({{"from", 900}}), "INVALID_COMMAND: audit.from: expected at most 2, found 900");
  EXPECT_EQ(refusal({{"max_bytes", 300'000}}),
            "INVALID_COMMAND: audit.max_bytes: expected at most 262144, found 300000");
}

TEST_F(SignerProcess, WhoIsNoOperatorDoesNotReadTheAuditLog) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to become another user";
  }
  std::ofstream(root_ / "perpwire.toml", std::ios::app) << "allow_users = [\"nobody\"]\n";
  start();
  connect();
  EXPECT_EQ(ask_as_nobody({{"type", "status"}}).value("status", ""), "OK");
  EXPECT_EQ(ask_as_nobody({{"type", "audit"}}).value("reason", ""),
            "rule operator: the audit log is for operators alone");
}

TEST_F(SignerProcess, MalformedRequestsAreAnsweredAndSurvived) {
  start();
  connect();
  for (const std::string bad : {"{", "{\"type\":5}", "{\"type\":\"sign\",\"hash\":\"0x00\"}",
                                "\xff\xff\xff", "{\"type\":\"withdraw3\"}"}) {
    const auto reply = ask_bytes(bad);
    ASSERT_FALSE(reply.empty()) << bad;
    EXPECT_NE(reply.find("INVALID_COMMAND"), std::string::npos) << reply;
  }
  EXPECT_EQ(ask({{"type", "status"}}).value("status", ""), "OK");
}

TEST_F(SignerProcess, AWrongPassphraseIsOneLineAndExitCodeOne) {
  std::ofstream(root_ / "wrong") << "wrong\n";
  start("wrong");
  EXPECT_EQ(wait(), 1);
  std::ifstream log(root_ / "log");
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(text.find("agent-1.json: keystore: the passphrase does not fit"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace perpwire::signer
