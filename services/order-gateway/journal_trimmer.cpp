#include "services/order-gateway/journal_trimmer.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kOrdersAtATime = 500;
constexpr Nanos kWarnEvery = std::chrono::minutes{1};

}  // namespace

JournalTrimmer::JournalTrimmer(journal::EventLog& log, IdFile& ids,
                               std::vector<AccountEngine*> engines, const RiskGate& risk,
                               Config config)
    : log_(log), ids_(ids), engines_(std::move(engines)), risk_(risk), config_(std::move(config)) {}

std::uint64_t JournalTrimmer::release(std::uint64_t index, Now now) {
  std::uint64_t needed = UINT64_MAX;
  for (AccountEngine* engine : engines_) {
    needed = std::min(needed, engine->release(index, kOrdersAtATime, now));
  }
  if (level_record_ < index) {
    v1::JournalRecord record;
    record.mutable_level_seen()->set_level(std::string(limits::to_string(risk_.level())));
    record.mutable_level_seen()->set_level_version(risk_.level_version());
    if (const auto written = log_.append_note(record, now.wall)) level_record_ = *written;
  }
  return std::min(needed, level_record_);
}

void JournalTrimmer::step(Now now) {
  const journal::Journal& journal = log_.journal();
  // A little beyond what trimming brings it to, so that each run has something to remove.
  if (journal.bytes() <= config_.cap_bytes / 2 + config_.cap_bytes / 16) return;
  ids_.forget_before(now.wall - config_.id_retention);
  // The older half may go, as far as it is whole segments.
  const std::uint64_t half =
      journal.first_index() + (journal.last_index() - journal.first_index()) / 2;
  const std::uint64_t needed = release(half, now);
  // Ids of orders that the journal forgets must be on the disk before.
  if (const Status synced = ids_.sync(); !synced) {
    spdlog::error("journal not trimmed: {}", synced.error().text);
    return;
  }
  const auto removed = log_.trim(config_.durable_consumers, std::min(half, needed));
  if (!removed) {
    spdlog::error("journal not trimmed: {}", removed.error().text);
    return;
  }
  removed_ += *removed;
  if (*removed > 0) {
    spdlog::info("journal trimmed segments={} bytes={} first_record={}", *removed, journal.bytes(),
                 journal.first_index());
  } else if (journal.over_cap() && now.mono >= next_warning_) {
    next_warning_ = now.mono + kWarnEvery;
    spdlog::error(
        "journal is over its cap, new orders are refused bytes={} needed_from={} "
        "durable_consumers={}: have they all stored what is in it?",
        journal.bytes(), needed, config_.durable_consumers.size());
  }
}

}  // namespace perpwire::gateway
