// A segment file with any bytes in it: opening refuses it or repairs it, and then reads what it
// said it had; appending goes on.
#include "libs/common/assert.hpp"
#include "libs/journal/event_log.hpp"
#include "libs/journal/journal.hpp"
#include "libs/journal/memory_storage.hpp"
#include "libs/journal/record_format.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace perpwire;
using namespace perpwire::journal;

namespace {

void open_segment(std::string bytes) {
  MemoryStorage storage;
  storage.files()[segment_name(1)] =
      std::make_shared<MemoryStorage::File>(MemoryStorage::File{std::move(bytes), 0});
  const auto syncer = make_manual_syncer();
  std::uint64_t records = 0;
  auto journal = Journal::open(storage, *syncer, {},
                               [&](const RecordView& view) { PW_ASSERT(view.index == ++records); });
  if (!journal) return;
  PW_ASSERT((*journal)->last_index() == records);
  std::uint64_t read = 0;
  PW_ASSERT((*journal)->read(0, [&](const RecordView&) { return ++read > 0; }).has_value());
  PW_ASSERT(read == records);
  v1::JournalRecord record;
  record.mutable_state_note()->set_name("n");
  PW_ASSERT((*journal)->append(record, UnixNanos{1}).has_value());
}

/// The same bytes as the payload of a whole record: an event log must cope with what it reads.
void open_log(std::string_view payload) {
  MemoryStorage storage;
  std::string bytes = segment_header(1);
  append_record(payload, 0, bytes);
  storage.files()[segment_name(1)] =
      std::make_shared<MemoryStorage::File>(MemoryStorage::File{std::move(bytes), 0});
  const auto syncer = make_manual_syncer();
  const auto watermark = make_memory_watermark();
  auto log = EventLog::open(
      storage, *syncer, *watermark,
      {.process = "p", .instance = "i", .boot_id = "b", .new_stream_id = "p.i.1"}, {},
      [](const v1::JournalRecord&) {}, UnixNanos{1});
  if (!log) return;
  for (const bool json : {true, false}) {
    v1::PageRequest request;
    request.set_type("replay");
    PW_ASSERT(!(*log)->replay_page(request, json).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  open_segment(bytes);
  // Past the header's magic and checksum, which chance does not find.
  open_segment(segment_header(1) + bytes);
  if (size > 0 && size < 4'096) open_log(bytes);
  if (const auto peek = peek_record(bytes); peek && peek->event) {
    PW_ASSERT(peek->event->topic.size() <= size && peek->event->envelope.size() <= size);
  }
  return 0;
}
