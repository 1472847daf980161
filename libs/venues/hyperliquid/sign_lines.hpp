#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

/// `perpwire sign`: offline signing of any action with a key from the input, for checking the wire
/// format against other implementations. Not part of the signer.
namespace perpwire::hyperliquid {

/// Signs one line of JSON:
///   {private_key, network: "mainnet"|"testnet", action, nonce, vault_address, expires_after}
/// The action is parsed into types and encoded again, so key order, trailing zeros and the case of
/// hex digits do not matter. vault_address and expires_after may be null or missing. Trading
/// actions, account actions and user-signed ones are taken; a user-signed action has neither
/// vault_address nor expires_after, and its own nonce or time must equal `nonce`.
///
/// Returns: {"action_hash","r","s","v","signer"}; r and s with 64 digits. action_hash is the
///          connectionId, or the EIP-712 message hash of a user-signed action.
/// Errors:  kMalformed naming the field.
Result<std::string> sign_json_line(std::string_view line);

/// Every line of `in` (blank ones skipped) to one line of `out`: the signature, or
/// {"error":"...","line":N}. Returns the number of errors.
std::uint64_t sign_json_lines(std::istream& in, std::ostream& out);

}  // namespace perpwire::hyperliquid
