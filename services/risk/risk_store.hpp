#pragma once

#include "libs/common/bus_publisher.hpp"
#include "libs/common/hello.hpp"
#include "libs/common/request_server.hpp"
#include "libs/journal/event_log.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class Envelope;
class Heartbeat;
class JournalRecord;
}  // namespace perpwire::v1

namespace perpwire::risk {

struct RiskStoreConfig {
  std::string instance;
  std::filesystem::path data_folder;
  std::filesystem::path run_folder;
  std::string events;  // endpoints
  std::string replay;
  std::vector<std::string> allow_builds;
};

/// Risk's memory and voice: its journal, its event socket, its replay pages. I/O.
///
/// Everything that must survive is written here before anybody is told.
/// Threads: the io_context's. Lifetime: `io` and `context` outlive it.
class RiskStore {
 public:
  /// Opens and plays the journal to `recovery`. Throws ConfigError if journal or endpoints cannot
  /// be opened.
  RiskStore(RiskStoreConfig config, const std::function<void(const v1::JournalRecord&)>& recovery);
  ~RiskStore();

  /// Binds the sockets: from now on events and heartbeats go out.
  void start(boost::asio::io_context& io, zmq::context_t& context,
             std::function<void(v1::Heartbeat&)> heartbeat,
             std::optional<CurveServer> replay_curve = {});

  /// Journals and publishes. Errors: kIo: neither.
  Status publish(std::string_view topic, v1::Envelope& envelope);
  /// Journals only. Errors: kIo.
  Status keep(v1::JournalRecord record);
  /// A heartbeat at once: the level changed.
  void beat();
  /// Now and then: keeps what `checkpoint` makes, if the journal has grown enough since the last
  /// one, and removes old segments where it has grown over half its cap. Errors: kIo.
  Status tidy(const std::function<v1::JournalRecord()>& checkpoint);
  void flush();

  [[nodiscard]] std::uint64_t journal_bytes() const;

 private:
  void on_replay_request(const IncomingRequest& request);

  RiskStoreConfig config_;
  std::unique_ptr<journal::Storage> storage_;
  std::unique_ptr<journal::Syncer> syncer_;
  std::unique_ptr<journal::WatermarkStore> watermark_;
  std::unique_ptr<journal::EventLog> log_;
  std::unique_ptr<BusPublisher> publisher_;
  std::unique_ptr<RequestServer> replay_;
  std::uint64_t newest_checkpoint_ = 0;  // its index; 0 = none since the start
  std::uint64_t bytes_at_checkpoint_ = 0;
};

}  // namespace perpwire::risk
