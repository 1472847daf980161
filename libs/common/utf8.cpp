#include "libs/common/utf8.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <simdjson.h>

#include <vector>

namespace perpwire {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the character that `bytes` begins with; 0 if it begins with none.
std::size_t character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = at(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || length > bytes.size()) return 0;
  return is_utf8(bytes.substr(0, length)) ? length : 0;
}

void make_field_readable(const pb::FieldDescriptor& field, pb::Message& message) {
  const pb::Reflection& fields = *message.GetReflection();
  const bool is_text = field.type() == pb::FieldDescriptor::TYPE_STRING;
  const bool is_message = field.type() == pb::FieldDescriptor::TYPE_MESSAGE;
  if (!is_text && !is_message) return;
  if (!field.is_repeated()) {
    if (is_message) {
      make_readable(*fields.MutableMessage(&message, &field));
    } else if (auto text = fields.GetString(message, &field); !is_utf8(text)) {
      fields.SetString(&message, &field, readable(text));
    }
    return;
  }
  for (int i = 0; i < fields.FieldSize(message, &field); ++i) {
    if (is_message) {
      make_readable(*fields.MutableRepeatedMessage(&message, &field, i));
    } else if (auto text = fields.GetRepeatedString(message, &field, i); !is_utf8(text)) {
      fields.SetRepeatedString(&message, &field, i, readable(text));
    }
  }
}

}  // namespace

bool is_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

std::string readable(std::string_view bytes, std::size_t most) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = character(bytes);
    const auto next = length == 0 ? kReplacement : bytes.substr(0, length);
    if (out.size() + next.size() > most) break;
    out += next;
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

void make_readable(pb::Message& message) {
  std::vector<const pb::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const auto* field : set) make_field_readable(*field, message);
}

}  // namespace perpwire
