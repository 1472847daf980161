#include "libs/venues/hyperliquid/signing.hpp"

#include "libs/venues/hyperliquid/order_codec.hpp"

#include <algorithm>
#include <array>

namespace perpwire::hyperliquid {
namespace {

constexpr std::uint64_t kAgentChainId = 1337;  // on both networks: only `source` tells them apart

void append_big_endian(std::uint64_t value, Bytes& out) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append(const Hash256& hash, Bytes& out) { out.insert(out.end(), hash.begin(), hash.end()); }

/// The parts of an agent digest that never change.
struct AgentConstants {
  Hash256 domain = domain_separator("Exchange", kAgentChainId);
  Hash256 type = keccak256(as_bytes("Agent(string source,bytes32 connectionId)"));
  Hash256 mainnet = keccak256(as_bytes("a"));
  Hash256 testnet = keccak256(as_bytes("b"));
};

}  // namespace

std::string_view to_string(Network network) {
  switch (network) {
    case Network::kMainnet:
      return "mainnet";
    case Network::kTestnet:
      return "testnet";
  }
  return "testnet";
}

Result<Network> parse_network(std::string_view text) {
  if (text == "mainnet") {
    return Network::kMainnet;
  }
  if (text == "testnet") {
    return Network::kTestnet;
  }
  return fail(ErrorCode::kMalformed, "network: expected mainnet or testnet, found \"" +
                                         std::string(text.substr(0, 80)) + "\"");
}

Hash256 action_hash(ByteView msgpack, const ActionEnvelope& envelope) {
  Bytes data;
  data.reserve(msgpack.size() + 40);
  data.assign(msgpack.begin(), msgpack.end());
  append_big_endian(envelope.nonce, data);
  data.push_back(envelope.vault_address ? 1 : 0);
  if (envelope.vault_address) {
    const auto& bytes = envelope.vault_address->bytes;
    data.insert(data.end(), bytes.begin(), bytes.end());
  }
  if (envelope.expires_after_ms) {
    data.push_back(0);
    append_big_endian(*envelope.expires_after_ms, data);
  }
  return keccak256(data);
}

Hash256 action_hash(const Action& action, const ActionEnvelope& envelope) {
  Bytes msgpack;
  msgpack.reserve(256);
  append_msgpack(action, msgpack);
  return action_hash(msgpack, envelope);
}

Hash256 domain_separator(std::string_view name, std::uint64_t chain_id) {
  Bytes data;
  data.reserve(160);
  append(keccak256(as_bytes("EIP712Domain(string name,string version,uint256 chainId,"
                            "address verifyingContract)")),
         data);
  append(keccak256(as_bytes(name)), data);
  append(keccak256(as_bytes("1")), data);
  data.resize(data.size() + 24);
  append_big_endian(chain_id, data);
  data.resize(data.size() + 32);  // verifyingContract: zero
  return keccak256(data);
}

Hash256 typed_data_digest(const Hash256& domain, const Hash256& struct_hash) {
  std::array<std::uint8_t, 66> data{0x19, 0x01};
  std::copy(domain.begin(), domain.end(), data.begin() + 2);
  std::copy(struct_hash.begin(), struct_hash.end(), data.begin() + 34);
  return keccak256(data);
}

Hash256 agent_digest(Network network, const Hash256& connection_id) {
  static const AgentConstants constants;
  const auto& source = network == Network::kMainnet ? constants.mainnet : constants.testnet;
  std::array<std::uint8_t, 96> data{};
  std::copy(constants.type.begin(), constants.type.end(), data.begin());
  std::copy(source.begin(), source.end(), data.begin() + 32);
  std::copy(connection_id.begin(), connection_id.end(), data.begin() + 64);
  return typed_data_digest(constants.domain, keccak256(data));
}

SignedAction sign_action(const SigningKey& key, Network network, const Action& action,
                         const ActionEnvelope& envelope) {
  SignedAction result;
  result.hash = action_hash(action, envelope);
  result.digest = agent_digest(network, result.hash);
  result.signature = key.sign(result.digest);
  return result;
}

Result<Address> recover_signer(Network network, const Action& action,
                               const ActionEnvelope& envelope, const Signature& signature) {
  return recover_address(agent_digest(network, action_hash(action, envelope)), signature);
}

void append_exchange_body(std::string_view action_json, const ActionEnvelope& envelope,
                          const Signature& signature, std::string& out) {
  out.reserve(out.size() + action_json.size() + 320);
  out += R"({"action":)";
  out += action_json;
  out += R"(,"nonce":)";
  out += std::to_string(envelope.nonce);
  out += R"(,"signature":{"r":"0x)";
  append_hex(signature.r, out);
  out += R"(","s":"0x)";
  append_hex(signature.s, out);
  out += R"(","v":)";
  out += std::to_string(signature.v);
  out += R"(},"vaultAddress":)";
  if (envelope.vault_address) {
    out += '"';
    out += envelope.vault_address->to_string();
    out += '"';
  } else {
    out += "null";
  }
  out += R"(,"expiresAfter":)";
  out += envelope.expires_after_ms ? std::to_string(*envelope.expires_after_ms) : "null";
  out += '}';
}

std::string exchange_body(const Action& action, const ActionEnvelope& envelope,
                          const Signature& signature) {
  std::string json;
  json.reserve(256);
  append_json(action, json);
  std::string body;
  append_exchange_body(json, envelope, signature, body);
  return body;
}

}  // namespace perpwire::hyperliquid
