#pragma once

#include "libs/common/ids.hpp"

#include <string_view>

namespace perpwire::sim {

/// An account, agent or vault: "0x" and 40 lower-case hex digits.
using Address = StringId<struct AddressTag>;

/// Any case is accepted, as by the venue. kMalformed otherwise.
Result<Address> parse_address(std::string_view text);
/// "0x" and exactly `digits` hex digits.
bool is_hex_text(std::string_view text, std::size_t digits);
std::string lower_case(std::string_view text);

}  // namespace perpwire::sim
