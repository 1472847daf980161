#pragma once

#include "libs/common/keccak.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::journal {

/// One thing that the signer did or refused, for the audit log. Empty fields are left out.
struct AuditRecord {
  UnixNanos time;
  std::string_view what;  // signed, refused, lease, locked, unlocked, asset_accepted, started, ...
  std::string_view key = {};
  std::string_view account = {};
  std::string_view action_type = {};
  std::uint64_t nonce = 0;
  std::uint64_t expires_after_ms = 0;
  std::optional<Hash256> digest = std::nullopt;  // what the key signed
  std::string_view action = {};                  // canonical JSON of the action
  std::string_view text = {};                    // the refusal, or what happened, in words
};

/// The hash chain of the audit log: one JSON object a line,
///   {"n":7,"time":...,"what":"signed",...,"hash":"<64 hex digits>"}
/// where hash = SHA-256(hash of the line before, as its 64 hex digits, then this line up to
/// `,"hash":`). The line before the first one counts as 64 zeros. Whoever changes, drops or inserts
/// a line changes every hash after it; a cut end shows against the head kept elsewhere.
class AuditChain {
 public:
  using Digits = std::array<char, 64>;

  AuditChain();
  /// Continues after line `number` with this hash.
  AuditChain(std::uint64_t number, std::string_view hash);

  /// The next line, with its newline; `first` of a file: it names the hash before it. The chain
  /// goes on from it once `accept` is called: a line that was not written leaves it as it was.
  std::string line(const AuditRecord& record, bool first);
  void accept();

  /// Checks that `line` (without newline) is the next one, and goes on from it.
  /// Errors: kMalformed saying what was expected and found.
  Status follow(std::string_view line);

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::string_view hash() const { return {hash_.data(), hash_.size()}; }

 private:
  [[nodiscard]] Digits hash_of(std::string_view content) const;

  std::uint64_t number_ = 0;
  Digits hash_{};
  Digits pending_{};
};

/// A line's number; 0 if it is no line of an audit log.
std::uint64_t audit_number(std::string_view line);

/// The text of a line's field, as it stands in the JSON (quotes stripped, escapes kept); nothing
/// where it is absent. For lines that AuditChain wrote.
std::optional<std::string_view> audit_field(std::string_view line, std::string_view name);

}  // namespace perpwire::journal
