#include "tools/venue-sim/api/authentication.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

void append_word(std::uint64_t number, Bytes& out) {
  out.insert(out.end(), 24, 0);
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(number >> static_cast<unsigned>(shift)));
  }
}

void append_hash(const Hash256& hash, Bytes& out) {
  out.insert(out.end(), hash.begin(), hash.end());
}

Result<perpwire::Address> raw_address(const Address& address) {
  return perpwire::Address::parse(address.value());
}

}  // namespace

Result<Hash256> parse_scalar(std::string_view text) {
  if (!text.starts_with("0x") || text.size() < 3 || text.size() > 66) {
    return fail(ErrorCode::kMalformed, "signature: expected 0x and up to 64 hex digits");
  }
  const std::string digits = std::string(66 - text.size(), '0') + std::string(text.substr(2));
  return parse_hex_array<32>(digits);
}

Hash256 typed_digest(const TypedData& typed) {
  std::string type = typed.primary_type + "(";
  for (std::size_t i = 0; i < typed.fields.size(); ++i) {
    type += (i == 0 ? "" : ",") + typed.fields[i].type + " " + typed.fields[i].name;
  }
  type += ")";
  Bytes encoded;
  append_hash(keccak256(as_bytes(type)), encoded);
  for (const auto& field : typed.fields) {
    if (field.type == "string") {
      append_hash(keccak256(as_bytes(field.text)), encoded);
    } else if (field.type == "bool") {
      append_word(field.flag ? 1 : 0, encoded);
    } else if (field.type == "address") {
      const auto address = perpwire::Address::parse(field.text);
      encoded.insert(encoded.end(), 12, 0);
      const auto bytes = address ? address->bytes : perpwire::Address{}.bytes;
      encoded.insert(encoded.end(), bytes.begin(), bytes.end());
    } else {
      append_word(field.number, encoded);
    }
  }
  return hyperliquid::typed_data_digest(
      hyperliquid::domain_separator("HyperliquidSignTransaction", typed.chain_id),
      keccak256(encoded));
}

Result<Address> recover_signer(const ParsedAction& action, hyperliquid::Network network,
                               std::uint64_t nonce, const std::optional<Address>& vault,
                               const std::optional<std::uint64_t>& expires_after,
                               const Signature& signature) {
  Hash256 digest{};
  if (action.typed) {
    digest = typed_digest(*action.typed);
  } else {
    hyperliquid::ActionEnvelope envelope;
    envelope.nonce = nonce;
    envelope.expires_after_ms = expires_after;
    if (vault) {
      const auto address = raw_address(*vault);
      if (!address) {
        return tl::unexpected<Error>(address.error());
      }
      envelope.vault_address = *address;
    }
    digest = hyperliquid::agent_digest(network, hyperliquid::action_hash(action.msgpack, envelope));
  }
  return recover_address(digest, signature).map([](const perpwire::Address& address) {
    return Address{address.to_string()};
  });
}

}  // namespace perpwire::sim
