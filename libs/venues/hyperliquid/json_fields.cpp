#include "libs/venues/hyperliquid/json_fields.hpp"

#include "libs/venues/hyperliquid/order_codec.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::hyperliquid {

namespace dom = simdjson::dom;

std::string describe(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return "the number " + simdjson::to_string(value);
    case dom::element_type::STRING: {
      const std::string_view text = value.get_string().value_unsafe();
      return fmt::format("the text \"{}\"", text.substr(0, 80));
    }
    case dom::element_type::BOOL:
      return value.get_bool().value_unsafe() ? "true" : "false";
    case dom::element_type::NULL_VALUE:
      return "null";
  }
  return "something else";
}

void ReadErrors::add(const std::string& path, std::string_view expected, std::string_view found) {
  if (!error_) {
    error_ = Error{
        ErrorCode::kMalformed,
        fmt::format("{}: expected {}, found {}", path.empty() ? "input" : path, expected, found)};
  }
}

JsonFields::JsonFields(dom::element value, std::string path, ReadErrors& errors)
    : path_(std::move(path)), errors_(errors) {
  dom::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) {
    errors_.add(path_, "an object", describe(value));
    return;
  }
  for (const auto field : object) {
    if (find(field.key) != nullptr) {
      errors_.add(path_of(field.key), "it once", "it twice");
    }
    fields_.push_back({field.key, field.value});
  }
}

std::string JsonFields::path_of(std::string_view name) const {
  return fmt::format("{}{}{}", path_, path_.empty() ? "" : ".", name.substr(0, 80));
}

const JsonFields::Field* JsonFields::find(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Field& field) { return field.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

std::optional<dom::element> JsonFields::value(std::string_view name) {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Field& field) { return field.name == name; });
  if (found == fields_.end()) {
    errors_.add(path_of(name), "a value", "no such field");
    return std::nullopt;
  }
  found->asked = true;
  return found->value;
}

std::string JsonFields::text(std::string_view name) {
  const auto found = value(name);
  std::string_view text;
  if (found && found->get_string().get(text) != simdjson::SUCCESS) {
    errors_.add(path_of(name), "a text", describe(*found));
  }
  return std::string(text);
}

std::uint64_t JsonFields::unsigned_number(std::string_view name) {
  const auto found = value(name);
  if (!found) {
    return 0;
  }
  if (found->is_uint64() || (found->is_int64() && found->get_int64().value_unsafe() >= 0)) {
    return found->get_uint64().value_unsafe();
  }
  errors_.add(path_of(name), "a whole number from 0 to 2^64-1", describe(*found));
  return 0;
}

std::int64_t JsonFields::signed_number(std::string_view name) {
  const auto found = value(name);
  if (!found) {
    return 0;
  }
  if (found->is_int64()) {
    return found->get_int64().value_unsafe();
  }
  errors_.add(path_of(name), "a whole number of 64 bits", describe(*found));
  return 0;
}

bool JsonFields::boolean(std::string_view name) {
  const auto found = value(name);
  bool flag = false;
  if (found && found->get_bool().get(flag) != simdjson::SUCCESS) {
    errors_.add(path_of(name), "true or false", describe(*found));
  }
  return flag;
}

bool JsonFields::flag(std::string_view name) {
  if (!has(name)) {
    return false;
  }
  const auto found = value(name);
  bool flag = false;
  if (found->get_bool().get(flag) != simdjson::SUCCESS || !flag) {
    errors_.add(path_of(name), "true, or the field left out", describe(*found));
  }
  return flag;
}

Decimal JsonFields::wire_decimal(std::string_view name) {
  const auto found = value(name);
  if (!found) {
    return {};
  }
  std::string_view text;
  if (found->get_string().get(text) != simdjson::SUCCESS) {
    errors_.add(path_of(name), "a decimal text", describe(*found));
    return {};
  }
  const auto number = Decimal::parse(text);
  if (!number || !to_wire(*number)) {
    errors_.add(path_of(name), "a decimal text of at most 8 decimals, not negative",
                describe(*found));
    return {};
  }
  return *number;
}

Address JsonFields::address(std::string_view name) {
  const auto found = value(name);
  std::string_view text;
  if (!found) {
    return {};
  }
  if (found->get_string().get(text) == simdjson::SUCCESS) {
    if (const auto address = Address::parse(text)) {
      return *address;
    }
  }
  errors_.add(path_of(name), "an address of 0x and 40 hex digits", describe(*found));
  return {};
}

std::vector<std::pair<dom::element, std::string>> JsonFields::array(std::string_view name) {
  std::vector<std::pair<dom::element, std::string>> elements;
  const auto found = value(name);
  if (!found) {
    return elements;
  }
  dom::array array;
  if (found->get_array().get(array) != simdjson::SUCCESS) {
    errors_.add(path_of(name), "an array", describe(*found));
    return elements;
  }
  const auto path = path_of(name);
  for (const auto element : array) {
    elements.emplace_back(element, fmt::format("{}[{}]", path, elements.size()));
  }
  return elements;
}

JsonFields JsonFields::object(std::string_view name) {
  const auto found = value(name);
  return found ? JsonFields{*found, path_of(name), errors_} : JsonFields{path_of(name), errors_};
}

void JsonFields::finish() {
  for (const auto& field : fields_) {
    if (!field.asked) {
      errors_.add(path_of(field.name), "no field of this name", describe(field.value));
    }
  }
}

}  // namespace perpwire::hyperliquid
