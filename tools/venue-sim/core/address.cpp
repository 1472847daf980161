#include "tools/venue-sim/core/address.hpp"

#include <algorithm>

namespace perpwire::sim {

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return result;
}

bool is_hex_text(std::string_view text, std::size_t digits) {
  return text.size() == digits + 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
         std::all_of(text.begin() + 2, text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

Result<Address> parse_address(std::string_view text) {
  if (!is_hex_text(text, 40)) {
    return fail(ErrorCode::kMalformed,
                "address: expected 0x and 40 hex digits, found " + std::string(text.substr(0, 60)));
  }
  return Address{lower_case(text)};
}

}  // namespace perpwire::sim
