#include "tools/cli/fields.hpp"

#include "libs/common/contract_json.hpp"
#include "tools/cli/table.hpp"

#include <fmt/format.h>

#include <unistd.h>

namespace perpwire::cli {

std::string cell(bool known, const v1::Decimal& value) {
  if (!known) return kNothing;
  const auto number = to_wide_decimal(value);
  if (!number) return "?";
  std::string out;
  number->append_json(out);
  return out;
}

std::string cell(const std::string& text) { return text.empty() ? kNothing : text; }

std::string json_of(const google::protobuf::Message& message) { return to_contract_json(message); }

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string new_request_id() {
  static int count = 0;
  return fmt::format("cli-{:x}-{:x}-{}", wall_clock_now().value(), ::getpid(), ++count);
}

}  // namespace perpwire::cli
