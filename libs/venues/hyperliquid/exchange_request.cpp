#include "libs/venues/hyperliquid/exchange_request.hpp"

#include "libs/venues/hyperliquid/json_fields.hpp"

#include <fmt/format.h>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

/// 0x + 1 to 64 hex digits: the SDK prints 256-bit numbers without leading zeros.
Hash256 read_number256(JsonFields& fields, std::string_view name) {
  const auto text = fields.text(name);
  if (text.starts_with("0x") && text.size() > 2 && text.size() <= 66) {
    if (const auto bytes =
            parse_hex_array<32>(std::string(66 - text.size(), '0') + text.substr(2))) {
      return *bytes;
    }
  }
  fields.errors().add(fields.path_of(name), "0x and 1 to 64 hex digits",
                      "\"" + text.substr(0, 80) + "\"");
  return {};
}

bool is_set(JsonFields& fields, std::string_view name) {
  if (!fields.has(name)) {
    return false;
  }
  return !fields.value(name)->is_null();
}

}  // namespace

Result<ExchangeRequest> parse_exchange_request(std::string_view body) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(body.data(), body.size()).get(document)) {
    return fail(ErrorCode::kMalformed,
                fmt::format("request: not JSON: {}", simdjson::error_message(error)));
  }
  ReadErrors errors;
  JsonFields fields{document, "request", errors};
  ExchangeRequest request;
  if (const auto action = fields.value("action")) {
    std::string_view type;
    if ((*action)["type"].get_string().get(type) != simdjson::SUCCESS) {
      errors.add("request.action.type", "a text", "none");
    }
    request.action_type = type;
    request.action_json = simdjson::minify(*action);
  }
  request.envelope.nonce = fields.unsigned_number("nonce");
  auto signature = fields.object("signature");
  request.signature.r = read_number256(signature, "r");
  request.signature.s = read_number256(signature, "s");
  const auto v = signature.unsigned_number("v");
  if (v > 255) {
    errors.add("request.signature.v", "27 or 28", std::to_string(v));
  }
  request.signature.v = static_cast<std::uint8_t>(v);
  signature.finish();
  if (is_set(fields, "vaultAddress")) {
    request.envelope.vault_address = fields.address("vaultAddress");
  }
  if (is_set(fields, "expiresAfter")) {
    request.envelope.expires_after_ms = fields.unsigned_number("expiresAfter");
  }
  fields.finish();
  if (errors.any()) {
    return tl::unexpected<Error>(errors.take());
  }
  return request;
}

}  // namespace perpwire::hyperliquid
