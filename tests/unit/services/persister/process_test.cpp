// The built perpwire-persister against a journal served by this test, over real sockets.

#include "libs/common/bus_publisher.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/request_server.hpp"
#include "libs/journal/event_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "perpwire/v1/requests.pb.h"
#include "services/persister/sqlite.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/libs/common/bus_fixture.hpp"

#include "sample_events.hpp"
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fstream>
#include <memory>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perpwire::persister {
namespace {

using namespace std::chrono_literals;

/// Keeps and publishes events as an order gateway does.
class EventSource {
 public:
  EventSource(boost::asio::io_context& io, zmq::context_t& context, std::string replay,
              journal::Storage& storage, const std::string& boot_id, const std::string& events)
      : syncer_(journal::make_manual_syncer()), watermark_(journal::make_memory_watermark()) {
    log_ = journal::EventLog::open(storage, *syncer_, *watermark_,
                                   {.process = "order-gateway",
                                    .instance = "main",
                                    .boot_id = boot_id,
                                    .new_stream_id = make_stream_id("order-gateway", "main")},
                                   {}, {}, wall_clock_now())
               .value();
    publisher_ = std::make_unique<BusPublisher>(
        io, context,
        BusPublisherConfig{.endpoint = events, .process = "order-gateway", .instance = "main"});
    publisher_->follow_stream(log_->stream(), log_->last_sequence());
    log_->start_publishing(
        [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
          publisher_->publish_numbered(topic, envelope, encoded);
          publisher_->follow_stream(log_->stream(), log_->last_sequence());
        });
    handlers_.process = "order-gateway";
    handlers_.instance = "main";
    handlers_.replay = [this](const v1::PageRequest& request, bool json) {
      if (request.stored_stream() == log_->stream()) stored_below = request.stored_below();
      return log_->replay_page(request, json);
    };
    server_ = std::make_unique<RequestServer>(
        io, context, RequestServerConfig{.endpoint = std::move(replay), .send_high_water_mark = 4},
        [this](const IncomingRequest& request) {
          server_->reply(request.reply_to, answer_page_request(request.payload, handlers_));
        });
  }

  void append(std::uint64_t events) {
    for (std::uint64_t n = 0; n < events; ++n) {
      const auto sequence = log_->last_sequence() + 1;
      StoredEvent event =
          sequence % 4 == 0 ? fill_event(sequence, log_->stream() + "-" + std::to_string(sequence))
                            : order_event(sequence, {.id = "LS-" + std::to_string(sequence / 4)});
      ASSERT_TRUE(log_->append(event.topic, event.envelope, wall_clock_now()));
    }
  }
  [[nodiscard]] const journal::EventLog& log() const { return *log_; }
  [[nodiscard]] std::string endpoint() const { return publisher_->endpoint(); }

  std::uint64_t stored_below = 0;  // as the persister says

 private:
  std::unique_ptr<journal::Syncer> syncer_;
  std::unique_ptr<journal::WatermarkStore> watermark_;
  std::unique_ptr<journal::EventLog> log_;
  std::unique_ptr<BusPublisher> publisher_;
  PageHandlers handlers_;
  std::unique_ptr<RequestServer> server_;
};

class PersisterProcess : public BusTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_.path() / "data");
    open_source("boot-1", "tcp://127.0.0.1:0");
    std::ofstream(dir_.file("perpwire.toml"))
        << "mode = \"sim\"\nrun_dir = \"" << dir_.file("run") << "\"\ndata_dir = \""
        << dir_.file("data") << "\"\n[venues.hyperliquid]\n[order_gateway]\nevents = \""
        << source_->endpoint() << "\"\nreplay = \"" << replay() << "\"\n[risk]\nreplay = \"ipc://"
        << dir_.file("none.sock") << "\"\n[persister]\npoll_interval = \"100ms\"\n"
        << "[metrics]\nenabled = false\n";
  }
  void TearDown() override {
    if (child_ > 0) end(SIGKILL);
    source_.reset();
  }

  std::string replay() const { return "ipc://" + dir_.file("replay.sock"); }
  void open_source(const std::string& boot_id, const std::string& events) {
    // A socket of ZeroMQ gives its port back a moment after it is closed.
    ASSERT_TRUE(run_until([&] {
      try {
        source_ = std::make_unique<EventSource>(io, context, replay(), storage_, boot_id, events);
      } catch (const ConfigError&) {
        ++streams_begun_in_vain_;  // its log was open before its socket failed: one event more
        return false;
      }
      return true;
    }));
  }

  void start() {
    child_ = ::fork();
    ASSERT_GE(child_, 0);
    if (child_ != 0) return;
    const int log = ::open(dir_.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDERR_FILENO);
    ::dup2(log, STDOUT_FILENO);
    const std::string program = PERPWIRE_BIN_DIR + "/perpwire-persister";
    ::execl(program.c_str(), program.c_str(), "--config", dir_.file("perpwire.toml").c_str(),
            nullptr);
    _exit(127);
  }
  /// The exit code, or -1 if a signal ended it.
  int end(int signal) {
    ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::int64_t ask(const std::string& sql) {
    if (!std::filesystem::exists(database())) return -1;
    auto connection = Connection::open(database());
    if (!connection) return -1;
    const auto value = connection->query_int(sql);
    return value ? value->value_or(-1) : -1;
  }
  std::string database() const { return dir_.file("data/perpwire.db"); }
  std::int64_t rows() {
    return ask(
        "SELECT (SELECT count(*) FROM order_events) + (SELECT count(*) FROM fills)"
        " + (SELECT count(*) FROM account_events)");
  }
  std::string log_text() {
    std::ifstream in(dir_.file("log"));
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  TempDir dir_;
  journal::MemoryStorage storage_;
  std::unique_ptr<EventSource> source_;
  std::int64_t streams_begun_in_vain_ = 0;
  pid_t child_ = -1;
};

TEST_F(PersisterProcess, EveryEventIsStoredOnceThoughItIsKilledAgainAndAgain) {
  const int given = ::testing::UnitTest::GetInstance()->random_seed();
  const unsigned seed =
      (given != 0 ? static_cast<unsigned>(given) : std::random_device{}()) % 100'000;
  SCOPED_TRACE("repeat with --gtest_random_seed=" + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 5; ++round) {
    start();
    const auto kill_at = monotonic_now() + std::chrono::milliseconds(50 + random() % 250);
    while (monotonic_now() < kill_at) {
      source_->append(random() % 60);
      run_for(5ms);
    }
    ASSERT_EQ(end(SIGKILL), -1);
  }
  start();
  const auto last = static_cast<std::int64_t>(source_->log().last_sequence());
  EXPECT_TRUE(run_until([&] { return rows() == last; })) << rows() << " of " << last << log_text();
  EXPECT_EQ(ask("SELECT count(*) FROM fills"), last / 4) << last;
  EXPECT_EQ(ask("SELECT count(*) FROM fill_repeats"), 0);
  EXPECT_EQ(ask("SELECT count(*) FROM gaps"), 0);
  EXPECT_EQ(ask("SELECT next_sequence FROM streams"), last + 1);
  // What it says to the journal's owner is what is in the database.
  EXPECT_TRUE(
      run_until([&] { return source_->stored_below == static_cast<std::uint64_t>(last) + 1; }));
  EXPECT_EQ(end(SIGTERM), 0) << log_text();
}

TEST_F(PersisterProcess, ANewEventIsInTheDatabaseWithoutWaitingForAPoll) {
  start();
  ASSERT_TRUE(run_until([&] { return rows() >= 1; })) << log_text();
  source_->append(1);
  const auto appended = monotonic_now();
  ASSERT_TRUE(run_until([&] { return rows() == 2; })) << log_text();
  // Generous for a loaded machine; what counts is that the event is there.
  EXPECT_LT(monotonic_now() - appended, Nanos(2s));
  EXPECT_EQ(end(SIGTERM), 0);
}

TEST_F(PersisterProcess, AGatewayThatComesBackWithANewStreamIsReadToTheEndOfBoth) {
  source_->append(20);
  start();
  ASSERT_TRUE(run_until([&] { return rows() == 21; })) << log_text();
  const auto events = source_->endpoint();
  const auto old_stream = source_->log().stream();
  source_->append(7);
  source_.reset();
  open_source("boot-2", events);
  ASSERT_NE(source_->log().stream(), old_stream);
  source_->append(5);
  ASSERT_TRUE(run_until([&] { return rows() == 21 + 7 + streams_begun_in_vain_ + 1 + 5; }))
      << rows() << log_text();
  EXPECT_EQ(ask("SELECT closed FROM streams WHERE stream = '" + old_stream + "'"), 1);
  EXPECT_EQ(ask("SELECT count(*) FROM gaps"), 0);
  EXPECT_EQ(end(SIGTERM), 0);
}

TEST_F(PersisterProcess, ALockedDatabaseHoldsUpNobodyAndLosesNothing) {
  start();
  ASSERT_TRUE(run_until([&] { return rows() >= 1; })) << log_text();
  auto other = Connection::open(database());
  ASSERT_TRUE(other->exec("PRAGMA busy_timeout = 2000"));
  ASSERT_TRUE(other->exec("BEGIN IMMEDIATE"));
  source_->append(3'000);
  ASSERT_TRUE(run_until([&] { return log_text().find("DEGRADED") != std::string::npos; }));
  EXPECT_EQ(rows(), 1);
  ASSERT_TRUE(other->exec("ROLLBACK"));
  EXPECT_TRUE(run_until([&] { return rows() == 3'001; })) << rows() << log_text();
  EXPECT_EQ(end(SIGTERM), 0);
}

TEST_F(PersisterProcess, ANewerSchemaIsRefusedAtStartInOneLine) {
  start();
  ASSERT_TRUE(run_until([&] { return rows() >= 1; })) << log_text();
  EXPECT_EQ(end(SIGTERM), 0);
  ASSERT_TRUE(Connection::open(database())
                  ->exec("INSERT INTO schema_version (version, applied_at) VALUES (99, 0)"));
  std::filesystem::remove(dir_.file("log"));
  start();
  int status = 0;
  ASSERT_EQ(::waitpid(child_, &status, 0), child_);
  child_ = -1;
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(log_text().find("schema version 99"), std::string::npos) << log_text();
}

}  // namespace
}  // namespace perpwire::persister
