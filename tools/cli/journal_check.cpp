#include "tools/cli/journal_check.hpp"

#include "libs/journal/record_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace perpwire::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFaults = 20;              // more say nothing new
constexpr std::size_t kLookBehindDamage = 1 << 20;  // records are some hundred bytes

class Checker {
 public:
  explicit Checker(JournalReport& report) : report_(report) {}

  void segment(const fs::path& file, std::uint64_t first_index, bool newest) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    name_ = file.filename().string();
    ++report_.segments;
    report_.bytes += bytes.size();
    const auto header = journal::parse_segment_header(bytes);
    if (!header || *header != first_index) {
      if (newest && bytes.size() < journal::kSegmentHeaderBytes) {
        report_.tail_bytes = bytes.size();
        return;
      }
      fault(0, "expected the header that its name says, found another");
      return;
    }
    if (next_index_ != 0 && first_index != next_index_) {
      fault(0, fmt::format("expected record {} first, found {}", next_index_, first_index));
    }
    next_index_ = first_index;
    records(bytes, newest);
  }

 private:
  void records(std::string_view bytes, bool newest) {
    std::size_t offset = journal::kSegmentHeaderBytes;
    while (offset < bytes.size()) {
      journal::ParsedRecord record;
      const auto found = journal::parse_record(bytes.substr(offset), record);
      if (found != journal::RecordFault::kNone) {
        if (newest && !whole_record_after(bytes, offset)) {
          report_.tail_bytes = bytes.size() - offset;
        } else {
          fault(offset, found == journal::RecordFault::kShort ? "record ends beyond the file"
                                                              : "length or checksum is wrong");
        }
        return;
      }
      one(record, offset);
      offset += record.bytes;
    }
  }

  /// Whether a whole record stands somewhere behind: then this is damage, not a torn tail.
  static bool whole_record_after(std::string_view bytes, std::size_t offset) {
    const std::size_t end = std::min(bytes.size(), offset + kLookBehindDamage);
    for (std::size_t at = offset + 1; at < end; ++at) {
      journal::ParsedRecord record;
      if (journal::parse_record(bytes.substr(at), record) == journal::RecordFault::kNone)
        return true;
    }
    return false;
  }

  void one(const journal::ParsedRecord& record, std::size_t offset) {
    const auto peek = journal::peek_record(record.payload);
    if (!peek) {
      fault(offset, "is no journal record");
      ++next_index_;
      return;
    }
    if (peek->index != next_index_) {
      fault(offset, fmt::format("expected record {}, found {}", next_index_, peek->index));
    }
    next_index_ = peek->index + 1;
    ++report_.records;
    if (peek->event) event(*peek->event, offset);
  }

  void event(const journal::EventPeek& event, std::size_t offset) {
    auto& stream = report_.streams[std::string(event.stream)];
    if (stream.events == 0) stream.first = event.sequence;
    if (stream.events != 0 && event.sequence != stream.last + 1) {
      fault(offset, fmt::format("stream {}: expected sequence {}, found {}", event.stream,
                                stream.last + 1, event.sequence));
    }
    stream.last = event.sequence;
    ++stream.events;
    auto& topic = topics_[fmt::format("{} {}", event.stream, event.topic)];
    if (topic != 0 && event.topic_sequence != topic + 1) {
      fault(offset, fmt::format("topic {}: expected topic_sequence {}, found {}", event.topic,
                                topic + 1, event.topic_sequence));
    }
    topic = event.topic_sequence;
  }

  void fault(std::size_t offset, const std::string& what) {
    if (report_.faults.size() < kMaxFaults) {
      report_.faults.push_back(fmt::format("{} at {}: {}", name_, offset, what));
    }
  }

  JournalReport& report_;
  std::string name_;
  std::uint64_t next_index_ = 0;
  std::map<std::string, std::uint64_t> topics_;
};

}  // namespace

JournalReport check_journal(const fs::path& folder) {
  JournalReport report;
  report.folder = folder;
  std::map<std::uint64_t, fs::path> segments;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto first = journal::parse_segment_name(entry.path().filename().string());
    if (first) segments[*first] = entry.path();
  }
  if (error) {
    report.faults.push_back(fmt::format("{}: {}", folder.string(), error.message()));
    return report;
  }
  Checker checker(report);
  for (const auto& [first, file] : segments) {
    checker.segment(file, first, first == segments.rbegin()->first);
  }
  return report;
}

std::vector<fs::path> journal_folders(const fs::path& root) {
  std::set<fs::path> folders;
  std::error_code error;
  fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied, error);
  for (const auto end = fs::recursive_directory_iterator(); !error && walk != end;
       walk.increment(error)) {
    if (journal::parse_segment_name(walk->path().filename().string())) {
      folders.insert(walk->path().parent_path());
    }
  }
  return {folders.begin(), folders.end()};
}

}  // namespace perpwire::cli
