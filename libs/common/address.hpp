#pragma once

#include "libs/common/hex.hpp"
#include "libs/common/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace perpwire {

/// An account or key on an Ethereum-like venue: 20 bytes. Printed as 0x + 40 lower-case digits.
struct Address {
  std::array<std::uint8_t, 20> bytes{};

  /// Reads 0x + 40 hex digits of any case; a mixed-case checksum (EIP-55) is not checked.
  static Result<Address> parse(std::string_view text);

  [[nodiscard]] std::string to_string() const { return to_hex_0x(bytes); }

  friend auto operator<=>(const Address&, const Address&) = default;
  friend bool operator==(const Address&, const Address&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Address& address) {
    return out << address.to_string();
  }
};

}  // namespace perpwire

template <>
struct std::hash<perpwire::Address> {
  std::size_t operator()(const perpwire::Address& address) const noexcept {
    std::size_t value = 14695981039346656037U;  // FNV-1a
    for (const auto byte : address.bytes) {
      value = (value ^ byte) * 1099511628211U;
    }
    return value;
  }
};
