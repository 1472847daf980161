// Replay pages as the persister reads them, part after part, one in a line: an error, or batches
// that hold each sequence once, in order, and become rows.
#include "libs/common/assert.hpp"
#include "services/persister/page_codec.hpp"
#include "services/persister/page_reader.hpp"
#include "services/persister/sqlite_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace perpwire;
using namespace perpwire::persister;

namespace {

class Reader {
 public:
  Reader() {
    ReaderActions out;
    reader_.start(out);
    take(out);
  }

  void answer(std::vector<std::string> parts) {
    now_ += std::chrono::seconds{3};
    ReaderActions out;
    reader_.on_timer(now_, out);
    take(out);
    out.clear();
    const auto decoded = decode_page_answer(std::move(parts));
    if (!decoded) {
      reader_.on_failed(now_);
    } else if (const auto* page = std::get_if<Page>(&*decoded)) {
      reader_.on_page(*page, now_, out);
    } else {
      reader_.on_refused(std::get<PageRefusal>(*decoded), now_, out);
    }
    take(out);
  }

 private:
  void take(ReaderActions& out) {
    for (auto& action : out) {
      if (auto* store = std::get_if<StoreBatch>(&action)) check(store->batch);
    }
    ReaderActions more;
    reader_.on_committed(more);
  }
  void check(const Batch& batch) {
    auto& next = next_.try_emplace(batch.stream, batch.from_sequence).first->second;
    PW_ASSERT(batch.from_sequence == next && batch.next_sequence >= next);
    for (const auto& event : batch.events) {
      PW_ASSERT(event.envelope.sequence() >= next &&
                event.envelope.sequence() < batch.next_sequence);
    }
    next = batch.next_sequence;
  }

  PageReader reader_{PageReaderSettings{}, {}};
  Nanos now_{std::chrono::hours{1}};
  std::map<std::string, std::uint64_t> next_;
};

}  // namespace

// An empty line ends an answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  Reader reader;
  std::vector<std::string> parts;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!line.empty()) parts.emplace_back(line);
    if (!parts.empty() && (line.empty() || rest.empty())) reader.answer(std::exchange(parts, {}));
  }
  return 0;
}
