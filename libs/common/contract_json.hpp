#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace perpwire::v1 {
class Decimal;
class Envelope;
}  // namespace perpwire::v1

namespace perpwire {

struct JsonOptions {
  /// Fields of the outermost message that are printed even when empty: the list that a query asked
  /// for.
  std::initializer_list<std::string_view> keep = {};
};

/// Appends the contract's JSON form of any message of proto/perpwire/v1.
///
/// Numbers: Decimals are JSON numbers, shortest exact form with at least one digit after the point;
/// 64-bit integers are
///          JSON integers. Absent fields: see proto/perpwire/v1/options.proto. An Envelope's
///          payload stands under "data". Text that is not UTF-8 is made readable (utf8.hpp).
void append_contract_json(const google::protobuf::Message& message, std::string& out,
                          JsonOptions options = {});
std::string to_contract_json(const google::protobuf::Message& message, JsonOptions options = {});

/// Fills `message` from its JSON form. Decimals are taken from JSON numbers or strings by their
/// digits; null means absent.
///
/// Errors: kInvalidCommand naming the field, what was expected and what was found: malformed or
/// truncated JSON, trailing
///         bytes, an unknown or doubled field, a wrong type, a number out of range. `message` is
///         then unspecified.
Status parse_contract_json(std::string_view json, google::protobuf::Message& message);

/// Whether a payload is JSON: its first byte is '{'. Everything else is protobuf.
constexpr bool is_json(std::string_view payload) {
  return !payload.empty() && payload.front() == '{';
}

/// Fills `message` from either encoding; errors as parse_contract_json.
Status parse_payload(std::string_view payload, google::protobuf::Message& message);

/// The protobuf form. Text that is not UTF-8 is made readable before (utf8.hpp): one such word
/// would make the whole message unreadable.
void to_protobuf(const google::protobuf::Message& message, std::string& out);
std::string to_protobuf(const google::protobuf::Message& message);

/// Decimals to and from the contract's message.
void set_decimal(const Decimal& value, v1::Decimal& out);
void set_decimal(const WideDecimal& value, v1::Decimal& out);
template <class Number, class Tag>
void set_decimal(const StrongDecimal<Number, Tag>& value, v1::Decimal& out) {
  set_decimal(value.value(), out);
}
Result<Decimal> to_decimal(const v1::Decimal& value);
Result<WideDecimal> to_wide_decimal(const v1::Decimal& value);

}  // namespace perpwire
