#pragma once

#include "libs/common/bus_publisher.hpp"
#include "libs/journal/event_log.hpp"
#include "services/order-gateway/engine_ports.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace perpwire::gateway {

struct EventPublisherConfig {
  std::string instance;
  std::filesystem::path data_folder;
  std::filesystem::path run_folder;
  std::string events_endpoint;
  std::uint64_t journal_max_bytes = 0;
};

/// Journal first, then the bus: the one way by which events leave the gateway.
/// Thread: the io_context's. Owned by main.
class EventPublisher : public EventWriter {
 public:
  /// Opens the journal; `recovery` sees every kept record, in order.
  /// Throws: ConfigError if the journal is damaged or cannot be opened.
  EventPublisher(const EventPublisherConfig& config,
                 const std::function<void(const v1::JournalRecord&)>& recovery);

  /// Binds the event endpoint and publishes from now on.
  void start(boost::asio::io_context& io, zmq::context_t& zmq,
             std::function<void(v1::Heartbeat&)> heartbeat);

  bool publish(const std::string& topic, v1::Envelope& envelope) override;
  bool note(v1::JournalRecord& record) override;
  [[nodiscard]] bool full() const override;
  [[nodiscard]] std::uint64_t last_index() const override;

  [[nodiscard]] journal::EventLog& log() { return *log_; }
  /// What an earlier life signed may be missing in the journal: another boot, or a first start.
  [[nodiscard]] bool may_be_behind() const;
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] const BusPublisher* bus() const { return bus_.get(); }

 private:
  EventPublisherConfig config_;
  std::unique_ptr<journal::Storage> storage_;
  std::unique_ptr<journal::Syncer> syncer_;
  std::unique_ptr<journal::WatermarkStore> watermark_;
  std::unique_ptr<journal::EventLog> log_;
  std::unique_ptr<BusPublisher> bus_;
  std::map<std::string, v1::Envelope> last_values_;
  std::uint64_t failures_ = 0;
};

}  // namespace perpwire::gateway
