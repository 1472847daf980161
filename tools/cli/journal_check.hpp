#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace perpwire::cli {

/// What a journal's files say when they are only read.
struct JournalReport {
  struct Stream {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t events = 0;
  };
  std::filesystem::path folder;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::map<std::string, Stream> streams;
  /// Bytes after the last whole record of the newest segment: being written now, or torn by a crash
  /// and cut away at the next start.
  std::uint64_t tail_bytes = 0;
  /// Damage: checksum, order of records, numbers of events. Each names file and offset.
  std::vector<std::string> faults;
};

/// Reads every segment of a folder and changes nothing. A journal that is being written may be
/// checked.
JournalReport check_journal(const std::filesystem::path& folder);

/// Folders below `root` that hold segments.
std::vector<std::filesystem::path> journal_folders(const std::filesystem::path& root);

}  // namespace perpwire::cli
