#include "libs/venues/hyperliquid/cloid.hpp"

#include "libs/common/keccak.hpp"

#include <algorithm>

namespace perpwire::hyperliquid {

Result<Cloid> Cloid::parse(std::string_view text) {
  // Without 0x the venue recovers a different signer (hyperliquid.md section 2.3): refuse it here.
  if (!text.starts_with("0x")) {
    return fail(ErrorCode::kMalformed, "cloid: expected 0x and 32 hex digits");
  }
  auto bytes = parse_hex_array<16>(text);
  if (!bytes) {
    return fail(ErrorCode::kMalformed, "cloid: " + bytes.error().text);
  }
  return Cloid{*bytes};
}

Result<CloidPrefix> parse_cloid_prefix(std::string_view text) {
  auto prefix = parse_hex_array<4>(text);
  if (!prefix || !text.starts_with("0x")) {
    return fail(ErrorCode::kMalformed,
                "cloid_prefix: expected 0x and 8 hex digits, found \"" + std::string(text) + "\"");
  }
  if (((*prefix)[0] & 0x80) == 0) {
    return fail(ErrorCode::kMalformed,
                "cloid_prefix: the highest bit must be set (0x80000000 or above), found \"" +
                    std::string(text) + "\"");
  }
  return *prefix;
}

Cloid cloid_for(const CloidPrefix& prefix, const Address& account, const ClientOrderId& id) {
  Bytes data(account.bytes.begin(), account.bytes.end());
  data.insert(data.end(), id.value().begin(), id.value().end());
  const auto hash = keccak256(data);
  Cloid cloid;
  std::copy(prefix.begin(), prefix.end(), cloid.bytes.begin());
  std::copy_n(hash.begin(), 12, cloid.bytes.begin() + 4);
  return cloid;
}

bool has_prefix(const Cloid& cloid, const CloidPrefix& prefix) {
  return std::equal(prefix.begin(), prefix.end(), cloid.bytes.begin());
}

}  // namespace perpwire::hyperliquid
