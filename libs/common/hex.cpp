#include "libs/common/hex.hpp"

#include <fmt/format.h>

namespace perpwire {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

int digit_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

std::string_view without_prefix(std::string_view text) {
  return text.starts_with("0x") ? text.substr(2) : text;
}

}  // namespace

ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void append_hex(ByteView bytes, std::string& out) {
  out.reserve(out.size() + 2 * bytes.size());
  for (const auto byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

std::string to_hex(ByteView bytes) {
  std::string out;
  append_hex(bytes, out);
  return out;
}

std::string to_hex_0x(ByteView bytes) {
  std::string out = "0x";
  append_hex(bytes, out);
  return out;
}

Status parse_hex_into(std::string_view text, std::span<std::uint8_t> out) {
  const auto digits = without_prefix(text);
  if (digits.size() != 2 * out.size()) {
    return fail(ErrorCode::kMalformed, fmt::format("expected {} hex digits, found {} characters",
                                                   2 * out.size(), digits.size()));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_value(digits[2 * i]);
    const int low = digit_value(digits[2 * i + 1]);
    if (high < 0 || low < 0) {
      return fail(ErrorCode::kMalformed,
                  fmt::format("expected {} hex digits, found another character at digit {}",
                              2 * out.size(), high < 0 ? 2 * i : 2 * i + 1));
    }
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

Result<Bytes> parse_hex(std::string_view text) {
  const auto digits = without_prefix(text);
  if (digits.size() % 2 != 0) {
    return fail(ErrorCode::kMalformed,
                fmt::format("expected an even number of hex digits, found {}", digits.size()));
  }
  Bytes bytes(digits.size() / 2);
  if (auto parsed = parse_hex_into(digits, bytes); !parsed) {
    return tl::unexpected<Error>(parsed.error());
  }
  return bytes;
}

}  // namespace perpwire
