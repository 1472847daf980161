#include "libs/common/ids.hpp"

#include <fmt/format.h>

namespace perpwire {
namespace {

bool is_client_order_id_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '-';
}

}  // namespace

Result<ClientOrderId> parse_client_order_id(std::string_view text) {
  constexpr std::size_t kMaxLength = 64;
  if (text.empty() || text.size() > kMaxLength) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("client_order_id: expected 1 to 64 characters, found {}", text.size()));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_client_order_id_character(text[i])) {
      return fail(
          ErrorCode::kInvalidCommand,
          fmt::format("client_order_id: expected only [A-Za-z0-9._:-], found byte 0x{:02x} at {}",
                      static_cast<unsigned char>(text[i]), i));
    }
  }
  return ClientOrderId{std::string(text)};
}

}  // namespace perpwire
