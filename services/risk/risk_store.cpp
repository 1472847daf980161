#include "services/risk/risk_store.hpp"

#include "libs/common/pages.hpp"
#include "libs/journal/storage.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::risk {
namespace {

constexpr journal::JournalConfig kJournal{.segment_bytes = 16ull << 20, .cap_bytes = 1ull << 30};
constexpr std::uint64_t kBytesBetweenCheckpoints = 8ull << 20;
constexpr int kReplayHighWaterMark = 4;  // counts whole pages (ARCHITECTURE.md section 3)

}  // namespace

RiskStore::RiskStore(RiskStoreConfig config,
                     const std::function<void(const v1::JournalRecord&)>& recovery)
    : config_(std::move(config)),
      storage_(journal::open_posix_storage((config_.data_folder / "journal").string())),
      syncer_(journal::make_thread_syncer()),
      watermark_(journal::open_watermark((config_.run_folder / "watermark").string())) {
  const journal::EventLogConfig numbers{.process = "risk",
                                        .instance = config_.instance,
                                        .boot_id = journal::kernel_boot_id(),
                                        .new_stream_id = make_stream_id("risk", config_.instance)};
  auto opened = journal::EventLog::open(*storage_, *syncer_, *watermark_, numbers, kJournal,
                                        recovery, wall_clock_now());
  if (!opened) throw ConfigError(fmt::format("journal: {}", opened.error().text));
  log_ = std::move(*opened);
  const auto& report = log_->journal().open_report();
  spdlog::info("journal opened stream={} decision={} records={} torn_bytes={}", log_->stream(),
               journal::to_string(log_->decision()), report.records, report.torn_bytes);
}

RiskStore::~RiskStore() = default;

void RiskStore::start(boost::asio::io_context& io, zmq::context_t& context,
                      std::function<void(v1::Heartbeat&)> heartbeat,
                      std::optional<CurveServer> replay_curve) {
  BusPublisherConfig bus;
  bus.endpoint = config_.events;
  bus.process = "risk";
  bus.instance = config_.instance;
  publisher_ = std::make_unique<BusPublisher>(io, context, std::move(bus));
  publisher_->follow_stream(log_->stream(), log_->last_sequence());
  publisher_->set_heartbeat_filler(std::move(heartbeat));
  log_->start_publishing(
      [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
        publisher_->publish_numbered(topic, envelope, encoded);
      });

  RequestServerConfig replay;
  replay.endpoint = config_.replay;
  replay.curve = std::move(replay_curve);
  replay.send_high_water_mark = kReplayHighWaterMark;
  replay_ = std::make_unique<RequestServer>(
      io, context, replay, [this](const IncomingRequest& request) { on_replay_request(request); });
}

void RiskStore::on_replay_request(const IncomingRequest& request) {
  PageHandlers handlers;
  handlers.process = "risk";
  handlers.instance = config_.instance;
  handlers.hello_policy.allow_builds = config_.allow_builds;
  handlers.replay = [this](const v1::PageRequest& page, bool json) {
    return log_->replay_page(page, json);
  };
  handlers.snapshot_of = [this](std::string_view topic) -> Result<const v1::Envelope*> {
    if (const auto* newest = publisher_->last_value(topic)) return newest;
    return fail(ErrorCode::kUnknownTopic, fmt::format("topic {}: no value yet", topic));
  };
  replay_->reply(request.reply_to, answer_page_request(request.payload, handlers));
}

Status RiskStore::publish(std::string_view topic, v1::Envelope& envelope) {
  const auto numbers = log_->append(topic, envelope, wall_clock_now());
  if (!numbers) return tl::unexpected<Error>(numbers.error());
  return {};
}

Status RiskStore::keep(v1::JournalRecord record) {
  const auto index = log_->append_note(record, wall_clock_now());
  if (!index) return tl::unexpected<Error>(index.error());
  return {};
}

void RiskStore::beat() {
  if (publisher_) publisher_->beat();
}

Status RiskStore::tidy(const std::function<v1::JournalRecord()>& checkpoint) {
  if (journal_bytes() < bytes_at_checkpoint_ + kBytesBetweenCheckpoints) return {};
  v1::JournalRecord record = checkpoint();
  const auto index = log_->append_note(record, wall_clock_now());
  if (!index) return tl::unexpected<Error>(index.error());
  newest_checkpoint_ = *index;
  const auto removed = log_->trim({}, newest_checkpoint_);
  bytes_at_checkpoint_ = journal_bytes();
  if (!removed) return tl::unexpected<Error>(removed.error());
  spdlog::info("checkpoint kept index={} segments_removed={}", *index, *removed);
  return {};
}

void RiskStore::flush() { syncer_->flush(); }

std::uint64_t RiskStore::journal_bytes() const { return log_->journal().bytes(); }

}  // namespace perpwire::risk
