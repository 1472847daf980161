#pragma once

#include "libs/journal/audit_chain.hpp"
#include "libs/journal/audit_syncer.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace perpwire::journal {

/// An audit log in a folder of its own: files audit-<number of the first line>.log, a new one after
/// kMaxFileBytes, none ever removed or changed by us. The chain goes through all of them. Old files
/// may be moved away: verification then begins with the oldest that is left.
///
/// A line is in the file when append() returns (kill -9 loses none), and on the disk when the
/// syncer says so; without one the kernel writes it there within seconds. Thread: one.
class AuditFile {
 public:
  static constexpr std::uint64_t kMaxFileBytes = 64ULL * 1024 * 1024;

  /// `syncer` (or null) outlives it.
  explicit AuditFile(std::filesystem::path folder, std::uint64_t max_file_bytes = kMaxFileBytes,
                     AuditSyncer* syncer = nullptr);
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

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
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
  AuditSyncer* syncer_;
  std::filesystem::path current_;
  AuditChain chain_;
  std::shared_ptr<AuditDescriptor> file_;
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

/// Checks an audit log line by line, wherever the lines come from.
class AuditCheck {
 public:
  /// `head`, if not empty, must be the hash of one of the lines.
  explicit AuditCheck(AuditChain before_first, std::string head = {});

  /// The chain before a line that begins a file, or the log: by what the line itself says of it.
  static AuditChain chain_before(std::string_view first_line);

  /// The next line, without its newline. Errors: kMalformed saying what was expected and found.
  Status line(std::string_view text);
  /// Errors: kMalformed, beginning with `where`, if `head` was in none of the lines.
  Result<AuditReport> finish(std::string_view where) const;

 private:
  AuditChain chain_;
  std::string wanted_head_;
  bool head_seen_;
  AuditReport report_;
};

/// Reads every file of the folder and checks the whole chain. Where the oldest file does not begin
/// with line 1 (older ones were moved away) its first line's hash is taken as it is found.
/// `head`, if not empty, must be the hash of one of the lines: what was noted elsewhere earlier.
/// Errors: kIo, or kMalformed naming file and line.
Result<AuditReport> verify_audit_log(const std::filesystem::path& folder, std::string_view head);

}  // namespace perpwire::journal
