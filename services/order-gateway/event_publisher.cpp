#include "services/order-gateway/event_publisher.hpp"

#include "libs/common/crash_point.hpp"
#include "libs/common/time.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::uint64_t kSegments = 16;
constexpr std::uint64_t kLeastSegment = 64u << 10;

}  // namespace

EventPublisher::EventPublisher(const EventPublisherConfig& config,
                               const std::function<void(const v1::JournalRecord&)>& recovery)
    : config_(config),
      storage_(journal::open_posix_storage((config.data_folder / "journal").string())),
      syncer_(journal::make_thread_syncer()),
      watermark_(journal::open_watermark((config.run_folder / "sequence").string())) {
  const journal::EventLogConfig log_config{
      .process = "order-gateway",
      .instance = config.instance,
      .boot_id = journal::kernel_boot_id(),
      .new_stream_id = make_stream_id("order-gateway", config.instance)};
  journal::JournalConfig journal_config;
  if (config.journal_max_bytes > 0) journal_config.cap_bytes = config.journal_max_bytes;
  // Trimming removes whole segments: several must fit under the cap.
  journal_config.segment_bytes = std::clamp<std::uint64_t>(
      journal_config.cap_bytes / kSegments, kLeastSegment, journal_config.segment_bytes);
  const auto each = [&](const v1::JournalRecord& record) {
    if (record.has_event() && keeps_last_value(record.event().topic())) {
      last_values_[record.event().topic()] = record.event().envelope();
    }
    recovery(record);
  };
  auto opened = journal::EventLog::open(*storage_, *syncer_, *watermark_, log_config,
                                        journal_config, each, wall_clock_now());
  if (!opened) throw ConfigError("journal: " + opened.error().text);
  log_ = std::move(*opened);
  spdlog::info("journal stream={} last_sequence={} decision={} torn_bytes={}", log_->stream(),
               log_->last_sequence(), journal::to_string(log_->decision()),
               log_->journal().open_report().torn_bytes);
}

void EventPublisher::start(boost::asio::io_context& io, zmq::context_t& zmq,
                           std::function<void(v1::Heartbeat&)> heartbeat) {
  BusPublisherConfig bus_config;
  bus_config.endpoint = config_.events_endpoint;
  bus_config.process = "order-gateway";
  bus_config.instance = config_.instance;
  bus_ = std::make_unique<BusPublisher>(io, zmq, bus_config);
  for (const auto& [topic, envelope] : last_values_) bus_->restore_last_value(topic, envelope);
  last_values_.clear();
  bus_->follow_stream(log_->stream(), log_->last_sequence());
  bus_->set_heartbeat_filler(std::move(heartbeat));
  log_->start_publishing(
      [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
        crash_point("gateway.event_journaled");
        bus_->publish_numbered(topic, envelope, encoded);
        crash_point("gateway.event_published");
      });
}

bool EventPublisher::publish(const std::string& topic, v1::Envelope& envelope) {
  const auto numbers = log_->append(topic, envelope, wall_clock_now());
  if (numbers) return true;
  if (failures_++ == 0) spdlog::error("journal refused an event: {}", numbers.error().text);
  return false;
}

bool EventPublisher::note(v1::JournalRecord& record) {
  const auto index = log_->append_note(record, wall_clock_now());
  if (record.has_order_intent()) crash_point("gateway.intent_journaled");
  if (record.has_action_sent()) crash_point("gateway.sending_journaled");
  if (index) return true;
  if (failures_++ == 0) spdlog::error("journal refused a record: {}", index.error().text);
  return false;
}

bool EventPublisher::full() const { return log_->journal().over_cap() || log_->journal().broken(); }

std::uint64_t EventPublisher::last_index() const { return log_->journal().last_index(); }

bool EventPublisher::may_be_behind() const {
  return log_->decision() != journal::StreamDecision::kContinue;
}

}  // namespace perpwire::gateway
