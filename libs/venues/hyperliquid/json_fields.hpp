#pragma once

#include "libs/common/address.hpp"
#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"

#include <simdjson.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// For the .cpp files of the codecs only: pulls in simdjson.
namespace perpwire::hyperliquid {

/// The first thing that was wrong with a document, kept while reading goes on with zero values, so
/// that a codec reads as a list of fields.
class ReadErrors {
 public:
  void add(const std::string& path, std::string_view expected, std::string_view found);
  [[nodiscard]] bool any() const { return error_.has_value(); }
  /// Takes the error out; any() must hold.
  [[nodiscard]] Error take() { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

/// One JSON object, read strictly: each field asked for must be there with the right type, fields
/// never asked for are errors (finish()), doubled ones too.
///
/// Lifetime: borrows the document and `errors`.
class JsonFields {
 public:
  JsonFields(simdjson::dom::element value, std::string path, ReadErrors& errors);
  /// A missing object, its absence already recorded: every field of it reads as zero.
  JsonFields(std::string path, ReadErrors& errors) : path_(std::move(path)), errors_(errors) {}

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The bare value; the error is recorded if it is missing.
  std::optional<simdjson::dom::element> value(std::string_view name);

  std::string text(std::string_view name);
  std::uint64_t unsigned_number(std::string_view name);
  std::int64_t signed_number(std::string_view name);
  bool boolean(std::string_view name);
  /// A field that may be left out but, where present, must be true: `f`, `a`.
  bool flag(std::string_view name);
  /// A non-negative decimal string of at most 8 decimals.
  Decimal wire_decimal(std::string_view name);
  Address address(std::string_view name);
  std::vector<std::pair<simdjson::dom::element, std::string>> array(std::string_view name);
  JsonFields object(std::string_view name);

  /// Records an error for the first field that nobody asked for.
  void finish();
  [[nodiscard]] std::string path_of(std::string_view name) const;
  ReadErrors& errors() { return errors_; }

 private:
  struct Field {
    std::string_view name;
    simdjson::dom::element value;
    bool asked = false;
  };
  [[nodiscard]] const Field* find(std::string_view name) const;

  std::string path_;
  ReadErrors& errors_;
  std::vector<Field> fields_;
};

/// What a JSON value is, for error texts: "a number", "null", the text "abc".
std::string describe(simdjson::dom::element value);

}  // namespace perpwire::hyperliquid
