#pragma once

#include "libs/common/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace perpwire::journal {

/// Lines of an audit log, from one number on.
struct AuditPage {
  std::vector<std::string> lines;  // without their newlines
  std::uint64_t first = 0;         // the oldest line that is kept; 0 = none
  std::uint64_t next = 0;          // where the next page begins
};

/// The files of an audit log, oldest first (by the number of their first line, which the name
/// carries with leading zeros). Errors: kIo.
Result<std::vector<std::filesystem::path>> audit_files(const std::filesystem::path& folder);
/// The number of a file's first line, by its name.
std::uint64_t audit_file_first(const std::filesystem::path& file);

/// Reads lines `from`, `from` + 1, ... up to `last` (the newest that was written when it was asked
/// for) while they have at most `max_bytes` together; the first is in it whatever its length. from
/// 0 = the oldest that is kept. The place is found by halving: a file of 64 MiB costs some 30 small
/// reads.
///
/// Errors: kNotKept if line `from` was moved away, naming the oldest; kInvalidCommand if `from` is
/// above `last` + 1; kMalformed naming the file if it is no audit log; kIo. Thread: any; the log
/// may be written meanwhile.
Result<AuditPage> read_audit_page(const std::filesystem::path& folder, std::uint64_t from,
                                  std::uint64_t last, std::size_t max_bytes);

}  // namespace perpwire::journal
