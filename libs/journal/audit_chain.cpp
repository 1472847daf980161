#include "libs/journal/audit_chain.hpp"

#include "libs/common/hex.hpp"
#include "libs/common/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace perpwire::journal {
namespace {

constexpr std::string_view kHashField = R"(,"hash":")";
constexpr std::string_view kNumberField = R"({"n":)";
// A client's words are kept up to here.
constexpr std::size_t kMaxText = 512;

void append_text(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), R"(,"{}":")", name);
  for (const char c : value.substr(0, kMaxText)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_number(std::string_view name, std::uint64_t value, std::string& out) {
  if (value != 0) fmt::format_to(std::back_inserter(out), R"(,"{}":{})", name, value);
}

}  // namespace

AuditChain::AuditChain() { hash_.fill('0'); }

AuditChain::AuditChain(std::uint64_t number, std::string_view hash) : number_(number) {
  hash_.fill('0');
  std::copy_n(hash.begin(), std::min(hash.size(), hash_.size()), hash_.begin());
}

AuditChain::Digits AuditChain::hash_of(std::string_view content) const {
  const auto digest = sha256({as_bytes(hash()), as_bytes(content)});
  const auto text = to_hex(digest);
  Digits digits{};
  std::copy_n(text.begin(), digits.size(), digits.begin());
  return digits;
}

std::string AuditChain::line(const AuditRecord& record, bool first) {
  std::string out;
  out.reserve(512 + record.action.size());
  fmt::format_to(std::back_inserter(out), R"({}{},"time":{})", kNumberField, number_ + 1,
                 record.time.value());
  if (first) append_text("previous", hash(), out);
  append_text("what", record.what, out);
  append_text("key", record.key, out);
  append_text("account", record.account, out);
  append_text("type", record.action_type, out);
  append_number("nonce", record.nonce, out);
  append_number("expires_after", record.expires_after_ms, out);
  if (record.digest) append_text("digest", to_hex_0x(*record.digest), out);
  if (!record.action.empty()) {
    out += R"(,"action":)";
    out += record.action;
  }
  append_text("text", record.text, out);
  pending_ = hash_of(out);
  out += kHashField;
  out.append(pending_.data(), pending_.size());
  out += "\"}\n";
  return out;
}

void AuditChain::accept() {
  ++number_;
  hash_ = pending_;
}

Status AuditChain::follow(std::string_view line) {
  const auto at = line.rfind(kHashField);
  if (!line.starts_with(kNumberField) || at == std::string_view::npos ||
      line.size() != at + kHashField.size() + hash_.size() + 2 || !line.ends_with("\"}")) {
    return fail(ErrorCode::kMalformed,
                fmt::format("expected line {} of an audit log, found {} bytes that are none",
                            number_ + 1, line.size()));
  }
  const auto content = line.substr(0, at);
  const auto number = audit_number(line.substr(0, at));
  if (number != number_ + 1) {
    return fail(ErrorCode::kMalformed,
                fmt::format("expected line {}, found line {}", number_ + 1, number));
  }
  const auto expected = hash_of(content);
  const auto found = line.substr(at + kHashField.size(), hash_.size());
  if (found != std::string_view(expected.data(), expected.size())) {
    return fail(ErrorCode::kMalformed,
                fmt::format("line {}: expected hash {}, found {}: this line, or what was before "
                            "it, is not what was written",
                            number, std::string_view(expected.data(), expected.size()), found));
  }
  number_ = number;
  hash_ = expected;
  return {};
}

std::uint64_t audit_number(std::string_view line) {
  std::uint64_t number = 0;
  if (line.starts_with(kNumberField)) {
    std::from_chars(line.data() + kNumberField.size(), line.data() + line.size(), number);
  }
  return number;
}

std::optional<std::string_view> audit_field(std::string_view line, std::string_view name) {
  const auto key = fmt::format(R"(,"{}":)", name);
  auto at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  at += key.size();
  if (at >= line.size()) return std::nullopt;
  std::size_t end = at;
  if (line[at] == '{') {  // an action: objects, arrays and strings without escapes
    int depth = 0;
    for (; end < line.size(); ++end) {
      if (line[end] == '{') ++depth;
      if (line[end] == '}' && --depth == 0) return line.substr(at, end + 1 - at);
    }
    return std::nullopt;
  }
  if (line[at] != '"') {
    end = line.find_first_of(",}", at);
    return end == std::string_view::npos ? std::nullopt : std::optional(line.substr(at, end - at));
  }
  for (end = at + 1; end < line.size(); ++end) {
    if (line[end] == '\\') {
      ++end;
    } else if (line[end] == '"') {
      return line.substr(at + 1, end - at - 1);
    }
  }
  return std::nullopt;
}

}  // namespace perpwire::journal
