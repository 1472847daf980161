#include "tools/venue-sim/api/json_reader.hpp"

#include <nlohmann/json.hpp>

namespace perpwire::sim {
namespace {

constexpr int kMostLevels = 64;

bool is_too_deep(const std::string& text) {
  int level = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_text = false;
      }
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++level > kMostLevels) {
        return true;
      }
    } else if (c == ']' || c == '}') {
      --level;
    }
  }
  return false;
}

}  // namespace

Json parse_json(const std::string& text) {
  return is_too_deep(text) ? Json(Json::value_t::discarded) : Json::parse(text, nullptr, false);
}

std::string print_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JsonReader::JsonReader(const Json& value) : value_(value) {
  if (!value.is_object()) {
    throw BadRequest{};
  }
}

bool JsonReader::has(const char* key) const {
  const auto found = value_.find(key);
  return found != value_.end() && !found->is_null();
}

const Json& JsonReader::at(const char* key) const {
  const auto found = value_.find(key);
  if (found == value_.end()) {
    throw BadRequest{};
  }
  return *found;
}

const Json& JsonReader::array(const char* key) const {
  const Json& value = at(key);
  if (!value.is_array()) {
    throw BadRequest{};
  }
  return value;
}

std::string JsonReader::text(const char* key) const {
  const Json& value = at(key);
  if (!value.is_string()) {
    throw BadRequest{};
  }
  return value.get<std::string>();
}

std::string JsonReader::text_or(const char* key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

bool JsonReader::boolean(const char* key) const {
  const Json& value = at(key);
  if (!value.is_boolean()) {
    throw BadRequest{};
  }
  return value.get<bool>();
}

std::uint64_t JsonReader::number(const char* key) const {
  const Json& value = at(key);
  if (!value.is_number_unsigned()) {
    throw BadRequest{};
  }
  return value.get<std::uint64_t>();
}

std::int64_t JsonReader::signed_number(const char* key) const {
  const Json& value = at(key);
  if (!value.is_number_integer()) {
    throw BadRequest{};
  }
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
    throw BadRequest{};
  }
  return value.get<std::int64_t>();
}

std::optional<std::uint64_t> JsonReader::optional_number(const char* key) const {
  return has(key) ? std::optional{number(key)} : std::nullopt;
}

Decimal JsonReader::decimal(const char* key) const {
  const auto value = Decimal::parse(text(key));
  if (!value || value->decimals() > 8) {
    throw BadRequest{};
  }
  return *value;
}

Address JsonReader::address(const char* key) const {
  const auto value = parse_address(text(key));
  if (!value) {
    throw BadRequest{};
  }
  return *value;
}

}  // namespace perpwire::sim
