#pragma once

#include "libs/common/hex.hpp"
#include "libs/common/keccak.hpp"
#include "libs/common/secp256k1.hpp"
#include "libs/venues/hyperliquid/actions.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Signing of L1 actions. Source: hyperliquid.md section 3.1; equal to the venue's python SDK
/// 0.23.0.
namespace perpwire::hyperliquid {

enum class Network { kMainnet, kTestnet };
/// "mainnet", "testnet".
std::string_view to_string(Network network);
Result<Network> parse_network(std::string_view text);

/// What is signed beside the action. `nonce` and `expires_after_ms` in unix milliseconds.
struct ActionEnvelope {
  std::uint64_t nonce = 0;
  std::optional<Address> vault_address = std::nullopt;
  std::optional<std::uint64_t> expires_after_ms = std::nullopt;
  friend bool operator==(const ActionEnvelope&, const ActionEnvelope&) = default;
};

/// The hash of an action and its envelope, the `connectionId` of the phantom agent.
/// `msgpack` = the action's canonical msgpack bytes.
Hash256 action_hash(ByteView msgpack, const ActionEnvelope& envelope);
Hash256 action_hash(const Action& action, const ActionEnvelope& envelope);

/// The EIP-712 digest that is signed for an action hash.
Hash256 agent_digest(Network network, const Hash256& connection_id);
/// The EIP-712 domain separator: chain id 1337 on both networks for "Exchange".
Hash256 domain_separator(std::string_view name, std::uint64_t chain_id);
/// keccak256(0x19 0x01 || domain separator || struct hash)
Hash256 typed_data_digest(const Hash256& domain, const Hash256& struct_hash);

/// An action with its signature: ready to be sent.
struct SignedAction {
  Hash256 hash{};    // the connectionId
  Hash256 digest{};  // what the key signed
  Signature signature;
};
SignedAction sign_action(const SigningKey& key, Network network, const Action& action,
                         const ActionEnvelope& envelope);

/// Whose key signed this action; what the venue does with it.
/// Errors: kMalformed if the signature is none.
Result<Address> recover_signer(Network network, const Action& action,
                               const ActionEnvelope& envelope, const Signature& signature);

/// Appends the body of POST /exchange, which is also the payload of a WebSocket post.
/// `action_json` = the action's canonical JSON. r and s have 64 digits; what is unset is null.
void append_exchange_body(std::string_view action_json, const ActionEnvelope& envelope,
                          const Signature& signature, std::string& out);
std::string exchange_body(const Action& action, const ActionEnvelope& envelope,
                          const Signature& signature);

}  // namespace perpwire::hyperliquid
