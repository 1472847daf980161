#include "libs/venues/hyperliquid/sign_lines.hpp"

#include "libs/venues/hyperliquid/action_writers.hpp"
#include "libs/venues/hyperliquid/json_fields.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "libs/venues/hyperliquid/signing.hpp"
#include "libs/venues/hyperliquid/user_signed.hpp"

#include <fmt/format.h>

#include <istream>
#include <ostream>

namespace perpwire::hyperliquid {
namespace {

namespace dom = simdjson::dom;

struct Line {
  std::string private_key;
  Network network = Network::kTestnet;
  std::string action_type;
  std::string action_json;
  ActionEnvelope envelope;
};

bool is_set(JsonFields& fields, std::string_view name) {
  if (!fields.has(name)) {
    return false;
  }
  return !fields.value(name)->is_null();
}

Result<Line> read_line(std::string_view text) {
  dom::parser parser;
  dom::element document;
  if (const auto error = parser.parse(text.data(), text.size()).get(document)) {
    return fail(ErrorCode::kMalformed, fmt::format("not JSON: {}", simdjson::error_message(error)));
  }
  ReadErrors errors;
  JsonFields fields{document, "", errors};
  Line line;
  line.private_key = fields.text("private_key");
  const auto network = fields.text("network");
  if (const auto parsed = parse_network(network)) {
    line.network = *parsed;
  } else {
    errors.add("network", "mainnet or testnet", "\"" + network.substr(0, 80) + "\"");
  }
  if (const auto action = fields.value("action")) {
    std::string_view type;
    if ((*action)["type"].get_string().get(type) != simdjson::SUCCESS) {
      errors.add("action.type", "a text", "none");
    }
    line.action_type = type;
    line.action_json = simdjson::minify(*action);
  }
  line.envelope.nonce = fields.unsigned_number("nonce");
  if (is_set(fields, "vault_address")) {
    line.envelope.vault_address = fields.address("vault_address");
  }
  if (is_set(fields, "expires_after")) {
    line.envelope.expires_after_ms = fields.unsigned_number("expires_after");
  }
  fields.finish();
  if (errors.any()) {
    return tl::unexpected<Error>(errors.take());
  }
  return line;
}

struct Digests {
  Hash256 action_hash{};
  Hash256 digest{};
};

Result<Digests> user_signed_digests(const Line& line) {
  const auto action = parse_user_signed(line.action_json, line.network);
  if (!action) {
    return tl::unexpected(action.error());
  }
  if (action->network != line.network) {
    return fail(ErrorCode::kMalformed, "action.hyperliquidChain: is not that of network");
  }
  if (action->nonce != line.envelope.nonce) {
    return fail(ErrorCode::kMalformed,
                fmt::format("nonce: expected that of the action, {}, found {}", action->nonce,
                            line.envelope.nonce));
  }
  if (line.envelope.vault_address || line.envelope.expires_after_ms) {
    return fail(ErrorCode::kMalformed,
                "vault_address and expires_after: a user-signed action has neither");
  }
  return Digests{action->message_hash, action->digest};
}

/// Hash and digest of whatever kind of action this is.
Result<Digests> digests_of(const Line& line) {
  if (is_user_signed(line.action_type)) {
    return user_signed_digests(line);
  }
  Bytes msgpack;
  if (is_account_action(line.action_type)) {
    const auto action = parse_account_action(line.action_json);
    if (!action) {
      return tl::unexpected(action.error());
    }
    append_msgpack(*action, msgpack);
  } else {
    const auto action = parse_action(line.action_json);
    if (!action) {
      return tl::unexpected(action.error());
    }
    append_msgpack(*action, msgpack);
  }
  const auto hash = action_hash(msgpack, line.envelope);
  return Digests{hash, agent_digest(line.network, hash)};
}

}  // namespace

Result<std::string> sign_json_line(std::string_view text) {
  auto line = read_line(text);
  if (!line) {
    return tl::unexpected(line.error());
  }
  const auto key = SigningKey::from_hex(line->private_key);
  wipe({reinterpret_cast<std::uint8_t*>(line->private_key.data()), line->private_key.size()});
  if (!key) {
    return fail(ErrorCode::kMalformed, key.error().text);
  }
  const auto digests = digests_of(*line);
  if (!digests) {
    return tl::unexpected(digests.error());
  }
  const auto signature = key->sign(digests->digest);
  return fmt::format(R"({{"action_hash":"{}","r":"{}","s":"{}","v":{},"signer":"{}"}})",
                     to_hex_0x(digests->action_hash), to_hex_0x(signature.r),
                     to_hex_0x(signature.s), signature.v, key->address().to_string());
}

std::uint64_t sign_json_lines(std::istream& in, std::ostream& out) {
  std::uint64_t errors = 0;
  std::uint64_t number = 0;
  std::string line;
  while (std::getline(in, line)) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    if (const auto result = sign_json_line(line)) {
      out << *result << '\n';
    } else {
      ++errors;
      std::string text = "{";
      JsonWriter writer{text};
      writer.key("error");
      writer.text(fmt::format("line {}: {}", number, result.error().text));
      writer.key("line");
      writer.unsigned_number(number);
      writer.end_map();
      out << text << '\n';
    }
  }
  return errors;
}

}  // namespace perpwire::hyperliquid
