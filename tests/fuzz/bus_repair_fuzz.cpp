// Numbers of the bus as anyone may send them: each line is an envelope, in JSON, that comes as a
// live message, in a page or as a heartbeat, by its event_type. The repair neither hangs nor
// delivers what it delivered before.
#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/delta_repair.hpp"
#include "libs/common/gap_tracker.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace perpwire;

namespace {

BusEvent event_of(std::shared_ptr<const v1::Envelope> envelope) {
  BusEvent event;
  event.topic = "fills.x.BTC-USD";
  event.stream = envelope->stream();
  event.sequence = envelope->sequence();
  event.topic_sequence = envelope->topic_sequence();
  event.envelope = std::move(envelope);
  return event;
}

class Consumer {
 public:
  void take(const std::shared_ptr<v1::Envelope>& envelope) {
    StreamGapTracker::Actions out;
    const auto& kind = envelope->event_type();
    if (envelope->has_heartbeat()) {
      const auto& beat = envelope->heartbeat();
      stream_.on_heartbeat(beat.stream(), beat.newest_sequence(), out);
      const std::map<std::string, std::uint64_t> newest(beat.topics().begin(), beat.topics().end());
      (void)topics_.behind(beat.stream(), newest);
    } else if (envelope->stream().empty() || envelope->sequence() == 0 ||
               envelope->topic_sequence() == 0) {
      return;  // the subscriber counts it as malformed
    } else if (kind == "page" && stream_.page_open()) {
      stream_.on_page({event_of(envelope)}, envelope->sequence() + 1, envelope->topic_sequence(),
                      out);
    } else if (kind == "not_kept" && stream_.page_open()) {
      stream_.on_not_kept(envelope->sequence(), out);
    } else if (kind == "unknown" && stream_.page_open()) {
      stream_.on_unknown_stream(out);
    } else if (kind == "failed" && stream_.page_open()) {
      stream_.on_page_failed();
      stream_.retry(out);
    } else if (kind == "suspicion") {
      stream_.on_suspicion(out);
    } else {
      stream_.on_event(event_of(envelope), out);
      (void)topics_.on_event("t", envelope->stream(), envelope->topic_sequence());
    }
    check(out);
    DeltaRepair::Actions repaired;
    if (kind == "snapshot") {
      book_.on_snapshot(event_of(envelope), repaired);
    } else {
      (void)book_.on_delta(event_of(envelope), repaired);
    }
  }

 private:
  void check(const StreamGapTracker::Actions& out) {
    for (const auto& action : out) {
      const auto* delivered = std::get_if<StreamGapTracker::Deliver>(&action);
      if (delivered == nullptr) continue;
      auto& last = last_[delivered->event.stream];
      PW_ASSERT(delivered->event.sequence > last);
      last = delivered->event.sequence;
    }
  }

  StreamGapTracker stream_{StreamPosition{.stream = "p.i.1", .next_sequence = 1}, 16};
  TopicGapTracker topics_;
  DeltaRepair book_;
  std::map<std::string, std::uint64_t> last_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  Consumer consumer;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    auto envelope = std::make_shared<v1::Envelope>();
    if (parse_payload(line, *envelope)) consumer.take(envelope);
  }
  return 0;
}
