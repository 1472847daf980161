#pragma once

#include "libs/journal/audit_chain.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace perpwire::journal {

/// An audit log in a folder of its own: files audit-<number of the first line>.log, a new one after
/// kMaxFileBytes, none ever removed or changed by us. The chain goes through all of them. Old files
/// may be moved away: verification then begins with the oldest that is left.
///
/// A line is in the file when append() returns (kill -9 loses none); the kernel writes it to the
/// disk within seconds, and sync() at once. Thread: one.
class AuditFile {
 public:
  static constexpr std::uint64_t kMaxFileBytes = 64ULL * 1024 * 1024;

  explicit AuditFile(std::filesystem::path folder, std::uint64_t max_file_bytes = kMaxFileBytes);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  /// Makes the folder where it is missing, verifies the newest file, hands each of its lines to
  /// `each`, and goes on after it. What a crash tore off the end (bytes behind the last whole line)
  /// is put aside in <file>.torn and told by torn_bytes().
  /// Errors: kIo, or kMalformed naming file and line where the chain does not hold.
  Status open(const std::function<void(std::string_view line)>& each);

  /// Errors: kIo; the record is not in the log then, and the chain is as it was.
  Status append(const AuditRecord& record);
  Status sync();

  [[nodiscard]] std::uint64_t torn_bytes() const { return torn_bytes_; }
  [[nodiscard]] std::uint64_t number() const { return chain_.number(); }
  [[nodiscard]] std::string head() const { return std::string(chain_.hash()); }

 private:
  Status begin_file();
  Status follow_file(const std::filesystem::path& file, bool first,
                     const std::function<void(std::string_view line)>& each);
  Status cut_torn_end(const std::filesystem::path& file, std::uint64_t whole);

  std::filesystem::path folder_;
  std::uint64_t max_file_bytes_;
  std::filesystem::path current_;
  AuditChain chain_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
  std::uint64_t torn_bytes_ = 0;
};

/// What verify_audit_log found right.
struct AuditReport {
  std::uint64_t files = 0;
  std::uint64_t first = 0;  // number of the first line, 0 = no line at all
  std::uint64_t last = 0;
  std::string head;  // hash of the last line
  std::uint64_t signed_actions = 0;
  std::uint64_t refused = 0;
};

/// Reads every file of the folder and checks the whole chain. Where the oldest file does not begin
/// with line 1 (older ones were moved away) its first line's hash is taken as it is found.
/// `head`, if not empty, must be the hash of one of the lines: what was noted elsewhere earlier.
/// Errors: kIo, or kMalformed naming file and line.
Result<AuditReport> verify_audit_log(const std::filesystem::path& folder, std::string_view head);

}  // namespace perpwire::journal
