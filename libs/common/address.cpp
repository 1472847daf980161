#include "libs/common/address.hpp"

#include <fmt/format.h>

namespace perpwire {

Result<Address> Address::parse(std::string_view text) {
  if (!text.starts_with("0x")) {
    return fail(
        ErrorCode::kMalformed,
        fmt::format("address: expected 0x and 40 hex digits, found {} characters", text.size()));
  }
  auto bytes = parse_hex_array<20>(text);
  if (!bytes) {
    return fail(ErrorCode::kMalformed, "address: " + bytes.error().text);
  }
  return Address{*bytes};
}

}  // namespace perpwire
