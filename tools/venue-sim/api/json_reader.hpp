#pragma once

#include "libs/common/decimal.hpp"
#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/core/address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire::sim {

/// Thrown inside a parse of a request and caught at its entrance only: any field of a wrong type or
/// form is one and the same answer (HTTP 422).
struct BadRequest {};

/// JSON of a client; discarded if it is none, or nested so deeply (more than 64 levels) that
/// copying or printing it would take a stack of that depth.
Json parse_json(const std::string& text);
/// Prints it whatever the bytes of its texts are: what is no UTF-8 becomes U+FFFD.
std::string print_json(const Json& value);

/// Typed access to one JSON object of a request.
class JsonReader {
 public:
  explicit JsonReader(const Json& value);  // must be an object

  [[nodiscard]] bool has(const char* key) const;  // present and not null
  [[nodiscard]] const Json& at(const char* key) const;
  [[nodiscard]] JsonReader object(const char* key) const { return JsonReader{at(key)}; }
  [[nodiscard]] const Json& array(const char* key) const;
  [[nodiscard]] std::string text(const char* key) const;
  [[nodiscard]] std::string text_or(const char* key, std::string_view fallback) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] std::uint64_t number(const char* key) const;
  [[nodiscard]] std::int64_t signed_number(const char* key) const;
  [[nodiscard]] std::optional<std::uint64_t> optional_number(const char* key) const;
  /// A decimal in a string with at most 8 places: the wire form of prices and sizes.
  [[nodiscard]] Decimal decimal(const char* key) const;
  [[nodiscard]] Address address(const char* key) const;

 private:
  const Json& value_;
};

}  // namespace perpwire::sim
