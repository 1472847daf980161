// What risk counts: each line is an envelope of the gateway, or a note of risk's own journal. Money
// is never counted half: the engine lives, and what it keeps of itself it reads again.
#include "libs/common/assert.hpp"
#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "services/risk/engine.hpp"
#include "services/risk/recovery.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

using namespace perpwire;
using namespace perpwire::risk;

namespace {

EngineConfig config() {
  EngineConfig made;
  made.venue = "hyperliquid";
  made.accounts = {"main"};
  return made;
}

struct Counter {
  KillSwitch kill_switch{{}, std::nullopt};
  Engine engine{config(), kill_switch};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  Counter live;
  Counter replayed;
  Recovery recovery(replayed.engine);
  UnixNanos now = UnixNanos::from_millis(1'700'000'000'000);
  for (const auto& one : {&live, &replayed}) one->engine.positions().add_account("main", now);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    now = now + std::chrono::seconds{1};
    v1::JournalRecord record;
    if (parse_payload(line, record)) recovery.on_record(record);
    v1::Envelope envelope;
    if (!parse_payload(line, envelope)) continue;
    std::vector<Breach> breaches;
    if (live.engine.on_gateway_event(envelope, now, breaches)) {
      auto note = notes::gateway_event("t", envelope);
      note.set_timestamp(now.value());
      recovery.on_record(note);
    }
    if (envelope.has_ticker() && envelope.ticker().has_mark_price()) {
      const auto mark = to_decimal(envelope.ticker().mark_price());
      if (mark && mark->is_positive()) {
        live.engine.on_mark(envelope.ticker().trading_pair(), Price{*mark}, now, now, breaches);
      }
    }
    (void)live.engine.on_timer(now, breaches);
  }
  std::vector<v1::AccountRisk> rows;
  live.engine.describe(rows);
  (void)live.engine.standing();
  const auto checkpoint =
      notes::checkpoint(live.engine, std::nullopt, live.kill_switch.memory(), LimitsMemory{});
  Counter again;
  Recovery from_checkpoint(again.engine);
  from_checkpoint.on_record(checkpoint);
  PW_ASSERT(from_checkpoint.status().has_value());
  return 0;
}
