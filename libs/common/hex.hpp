#pragma once

#include "libs/common/result.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

/// The bytes of a text, seen as bytes. Lifetime: that of `text`.
ByteView as_bytes(std::string_view text);

/// Lower-case hex digits, without and with "0x" in front.
void append_hex(ByteView bytes, std::string& out);
std::string to_hex(ByteView bytes);
std::string to_hex_0x(ByteView bytes);

/// Reads hex digits of either case into `out`, with or without "0x" in front.
///
/// Errors: kMalformed saying how many digits were expected and found. The text itself is not
///         repeated: it may be a secret. `out` is then unspecified.
Status parse_hex_into(std::string_view text, std::span<std::uint8_t> out);
/// Any even number of digits.
Result<Bytes> parse_hex(std::string_view text);

template <std::size_t N>
Result<std::array<std::uint8_t, N>> parse_hex_array(std::string_view text) {
  std::array<std::uint8_t, N> bytes{};
  if (auto parsed = parse_hex_into(text, bytes); !parsed) {
    return tl::unexpected<Error>(parsed.error());
  }
  return bytes;
}

}  // namespace perpwire
