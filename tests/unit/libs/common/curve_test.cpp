// Key files, and who is let in over TCP: real sockets on loopback.
#include "libs/common/curve.hpp"

#include "libs/common/curve_door.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/result.hpp"
#include "libs/common/service.hpp"
#include "tests/unit/libs/common/bus_fixture.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

namespace perpwire {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() /
              fmt::format("perpwire-curve-{}-{}", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::string read(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CurveKeys, AreReadBackFromTheirFileWhichOnlyItsOwnerMayRead) {
  const Folder folder;
  const auto file = folder / "a.key_secret";
  const auto made = CurveKeys::make();
  ASSERT_TRUE(made.save(file));
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  const auto loaded = CurveKeys::load(file);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->public_key(), made.public_key());
  EXPECT_TRUE(std::equal(loaded->secret_key().begin(), loaded->secret_key().end(),
                         made.secret_key().begin(), made.secret_key().end()));
  EXPECT_FALSE(made.save(file)) << "a pair is never written over";
  EXPECT_NE(CurveKeys::make().public_key(), made.public_key());
}

TEST(CurveKeys, AFileThatOthersMayReadIsRefused) {
  const Folder folder;
  const auto file = folder / "a.key_secret";
  ASSERT_TRUE(CurveKeys::make().save(file));
  for (const mode_t mode : {0640U, 0604U, 0660U}) {
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    const auto loaded = CurveKeys::load(file);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().text.find(fmt::format("found {:04o}", mode)), std::string::npos)
        << loaded.error().text;
  }
}

TEST(CurveKeys, FilesThatAreNoneAreRefusedWithoutRepeatingThem) {
  const Folder folder;
  const auto good = CurveKeys::make();
  const auto other = CurveKeys::make();
  ASSERT_TRUE(good.save(folder / "good"));
  auto mixed = read(folder / "good");
  mixed.replace(mixed.find(good.public_key()), 40, other.public_key());
  for (const std::string& text :
       {std::string(), std::string("public-key = \"short\"\nsecret-key = \"short\"\n"),
        "public-key = \"" + good.public_key() + "\"\n", mixed}) {
    const auto file = folder / "bad";
    fs::remove(file);
    std::ofstream(file) << text;
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    const auto loaded = CurveKeys::load(file);
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().text.find(file.string() + ": expected "), 0U) << loaded.error().text;
    EXPECT_EQ(loaded.error().text.find("secret-key = \"short\""), std::string::npos);
  }
  EXPECT_EQ(CurveKeys::load(folder / "none").error().code, ErrorCode::kIo);
}

/// As much of a service as a door sees.
class Service final : public ServiceContext {
 public:
  Service(boost::asio::io_context& io, zmq::context_t& zmq) : io_(io), zmq_(zmq) {}
  Settings settings_value;
  Metrics metrics_value;

  [[nodiscard]] const Settings& settings() const override { return settings_value; }
  [[nodiscard]] const std::string& instance() const override { return name_; }
  boost::asio::io_context& io() override { return io_; }
  zmq::context_t& zmq() override { return zmq_; }
  Metrics& metrics() override { return metrics_value; }
  [[nodiscard]] const fs::path& data_folder() const override { return folder_; }
  [[nodiscard]] const fs::path& run_folder() const override { return folder_; }
  void on_stop(std::function<void(std::function<void()>)> /*handler*/) override {}
  void on_reload(std::function<void(const Settings&)> /*handler*/) override {}
  void set_health(std::function<std::string()> /*reason*/) override {}
  void fail_at_run_time(const std::string& /*reason*/) override {}
  void run() override {}

 private:
  boost::asio::io_context& io_;
  zmq::context_t& zmq_;
  std::string name_ = "main";
  fs::path folder_;
};

class CurveDoorTest : public BusTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_keys_.save(file()));
    allow("gateway", gateway_, {"signer"});
    allow("alice", alice_, {"commands"});
  }

  fs::path file() const { return folder_ / "server.key_secret"; }
  CurveIdentity own() const {
    return {.key_file = file(), .public_key = server_keys_.public_key()};
  }
  void allow(const std::string& name, const CurveKeys& keys, std::set<std::string> may) {
    service_.settings_value.curve.clients[name] = {
        .name = name, .public_key = keys.public_key(), .may = std::move(may)};
  }

  void start_server(std::optional<CurveServer> curve) {
    RequestServerConfig config;
    config.endpoint = "tcp://127.0.0.1:0";
    config.curve = std::move(curve);
    server_ = std::make_unique<RequestServer>(
        io, context, config, [this](const IncomingRequest& request) {
          users_.emplace_back(request.user);
          server_->reply(request.reply_to, R"({"request_id":"r","status":"OK"})");
        });
  }
  std::optional<CurveServer> door(std::string_view word = "signer") {
    door_ = std::make_unique<CurveDoor>(service_, own(), "signer");
    return door_->of("tcp://127.0.0.1:0", word);
  }

  /// Whether a client with these keys is answered; `keys` null: a plain one.
  bool is_served(const CurveKeys* keys, const std::string& server_key, Nanos within = 500ms) {
    RequestClientConfig config;
    config.endpoint = server_->endpoint();
    if (keys != nullptr) config.curve = CurveClient{copy(*keys), server_key};
    RequestClient client(io, client_context_, config);
    std::optional<bool> answered;
    client.request(
        "r", R"({"type":"status","request_id":"r"})", within,
        [&](const Result<RequestClient::Reply>& reply) { answered = reply.has_value(); });
    EXPECT_TRUE(run_until([&] { return answered.has_value(); }));
    return answered.value_or(false);
  }
  bool is_served(const CurveKeys& keys) { return is_served(&keys, server_keys_.public_key()); }

  /// Keys are not copied; a test hands the same to several sockets.
  std::shared_ptr<const CurveKeys> copy(const CurveKeys& keys) {
    const auto name = folder_ / "copy";
    fs::remove(name);
    EXPECT_TRUE(keys.save(name));
    return std::make_shared<const CurveKeys>(std::move(*CurveKeys::load(name)));
  }
  std::string refusal(std::string_view word = "signer") {
    try {
      door(word);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  bool counted(std::string_view outcome) {
    const auto text = service_.metrics_value.text();
    return text.find(fmt::format(
               R"(perpwire_curve_handshakes_total{{endpoint="signer",outcome="{}"}})", outcome)) !=
           std::string::npos;
  }

  Folder folder_;
  zmq::context_t client_context_;
  CurveKeys server_keys_ = CurveKeys::make();
  CurveKeys gateway_ = CurveKeys::make();
  CurveKeys alice_ = CurveKeys::make();
  Service service_{io, context};
  std::unique_ptr<CurveDoor> door_;
  std::unique_ptr<RequestServer> server_;
  std::vector<std::string> users_;
};

TEST_F(CurveDoorTest, WhoIsListedIsServedUnderItsName) {
  start_server(door());
  EXPECT_TRUE(is_served(gateway_));
  EXPECT_EQ(users_, std::vector<std::string>{"gateway"});
  EXPECT_TRUE(counted("accepted"));
  EXPECT_FALSE(counted("refused"));
}

TEST_F(CurveDoorTest, WhoIsNotListedIsRefusedAndCounted) {
  start_server(door());
  EXPECT_FALSE(is_served(CurveKeys::make()));
  EXPECT_TRUE(users_.empty());
  EXPECT_TRUE(counted("refused"));
  EXPECT_FALSE(counted("accepted"));
}

TEST_F(CurveDoorTest, WhoIsListedForAnotherEndpointIsRefused) {
  start_server(door());
  EXPECT_FALSE(is_served(alice_));
  EXPECT_TRUE(users_.empty());
  EXPECT_TRUE(counted("refused"));
}

TEST_F(CurveDoorTest, APlainClientGetsNothing) {
  start_server(door());
  EXPECT_FALSE(is_served(nullptr, ""));
  EXPECT_TRUE(users_.empty());
}

TEST_F(CurveDoorTest, AClientThatExpectsAnotherServerSendsNothing) {
  start_server(door());
  EXPECT_FALSE(is_served(&gateway_, CurveKeys::make().public_key()));
  EXPECT_TRUE(users_.empty());
}

TEST_F(CurveDoorTest, WithoutADoorNobodyIsLetIn) {
  start_server(CurveServer{copy(server_keys_), "signer"});
  EXPECT_FALSE(is_served(gateway_));
  EXPECT_TRUE(users_.empty());
}

/// What a ZMTP 3.0 peer says that is no libzmq (RFC 23): greeting, READY with properties of its own
/// choice.
std::string raw_peer(std::string_view user) {
  std::string out = "\xff" + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0') + "NULL" +
                    std::string(16 + 32, '\0');
  std::string ready = "\x05READY";
  const auto add = [&](std::string_view name, std::string_view value) {
    ready += static_cast<char>(name.size());
    ready += name;
    ready += std::string(3, '\0') + static_cast<char>(value.size());
    ready += value;
  };
  add("Socket-Type", "DEALER");
  add("User-Id", user);
  out += '\x04';
  out += static_cast<char>(ready.size());
  return out + ready;
}

TEST_F(CurveDoorTest, APlainSocketKnowsNobodyByNameWhateverPeersSayOfThemselves) {
  start_server(std::nullopt);
  boost::asio::ip::tcp::socket liar(io);
  const auto& bound = server_->endpoint();
  const auto port = std::stoi(bound.substr(bound.rfind(':') + 1));
  liar.connect({boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  boost::asio::write(liar, boost::asio::buffer(raw_peer("gateway")));
  std::array<char, 64 + 2 + 41> greeting{};  // the server's, and its READY
  boost::asio::read(liar, boost::asio::buffer(greeting));
  boost::asio::write(liar, boost::asio::buffer(std::string("\0\x02{}", 4)));
  EXPECT_TRUE(run_until([&] { return !users_.empty(); }));
  EXPECT_EQ(users_, std::vector<std::string>{""});
}

TEST_F(CurveDoorTest, ALocalSocketNeedsNoDoor) {
  door_ = std::make_unique<CurveDoor>(service_, CurveIdentity{}, "signer");
  EXPECT_FALSE(door_->of("ipc:///tmp/x.sock", "signer"));
}

TEST_F(CurveDoorTest, WhatIsWrongWithTheConfigurationStopsTheStart) {
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(refusal("control"),
            "curve.clients: expected a client that may connect to tcp://127.0.0.1:0 (may = "
            "[\"control\"]), found none");
  ASSERT_EQ(::chmod(file().c_str(), 0644), 0);
  EXPECT_EQ(refusal(), fmt::format("signer.curve_key: {}: expected mode 0600 (only its owner may "
                                   "read a secret key), found 0644",
                                   file().string()));
  fs::remove(file());
  ASSERT_TRUE(alice_.save(file()));
  EXPECT_EQ(refusal(),
            fmt::format("signer.curve_public_key: expected {}, which {} has, found {}",
                        alice_.public_key(), file().string(), server_keys_.public_key()));
}

TEST_F(CurveDoorTest, TcpBeyondLoopbackNeedsCurve) {
  EXPECT_FALSE(check_endpoint("tcp://10.0.0.1:5601"));
  EXPECT_TRUE(check_endpoint("tcp://10.0.0.1:5601", true));
  EXPECT_THROW(curve_client("tcp://10.0.0.1:5601", server_keys_.public_key(), "", "risk.curve_key"),
               ConfigError);
  EXPECT_FALSE(curve_client("ipc:///tmp/x", server_keys_.public_key(), "", "risk.curve_key"));
}

}  // namespace
}  // namespace perpwire
