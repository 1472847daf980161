#pragma once

#include "libs/common/address.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace perpwire::hyperliquid {

/// The venue's client order id: 128 bits, on the wire `0x` + 32 lower-case hex digits.
struct Cloid {
  std::array<std::uint8_t, 16> bytes{};

  /// Reads 0x + 32 hex digits of any case.
  static Result<Cloid> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const { return to_hex_0x(bytes); }

  friend auto operator<=>(const Cloid&, const Cloid&) = default;
  friend bool operator==(const Cloid&, const Cloid&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Cloid& cloid) {
    return out << cloid.to_string();
  }
};

using CloidPrefix = std::array<std::uint8_t, 4>;

/// `cloid_prefix` of an account: 0x + 8 hex digits, the highest bit set.
///
/// Errors: kMalformed otherwise. The high bit keeps the value above 2^53: at least one SDK turns a
///         smaller cloid into a number where "oid or cloid" is taken (hyperliquid.md section 14).
Result<CloidPrefix> parse_cloid_prefix(std::string_view text);

/// prefix + the first 12 bytes of keccak256(20 raw account address bytes || client_order_id).
/// Source: ARCHITECTURE.md section 3, "Commands".
Cloid cloid_for(const CloidPrefix& prefix, const Address& account, const ClientOrderId& id);

/// Whether an order carries the prefix: it is one of ours.
bool has_prefix(const Cloid& cloid, const CloidPrefix& prefix);

}  // namespace perpwire::hyperliquid

template <>
struct std::hash<perpwire::hyperliquid::Cloid> {
  std::size_t operator()(const perpwire::hyperliquid::Cloid& cloid) const noexcept {
    std::size_t value = 14695981039346656037U;  // FNV-1a
    for (const auto byte : cloid.bytes) {
      value = (value ^ byte) * 1099511628211U;
    }
    return value;
  }
};
