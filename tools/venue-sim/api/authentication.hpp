#pragma once

#include "libs/common/secp256k1.hpp"
#include "libs/venues/hyperliquid/signing.hpp"
#include "tools/venue-sim/api/action_parser.hpp"

namespace perpwire::sim {

/// Whose key signed a parsed action: the hash is made from the action as the server understood it,
/// so a client that hashed something else is somebody unknown. Sections 3.1, 3.2.
/// Errors: kMalformed if the signature recovers to no key.
Result<Address> recover_signer(const ParsedAction& action, hyperliquid::Network network,
                               std::uint64_t nonce, const std::optional<Address>& vault,
                               const std::optional<std::uint64_t>& expires_after,
                               const Signature& signature);

/// The EIP-712 digest of a user-signed action.
Hash256 typed_digest(const TypedData& typed);

/// 256-bit hex with or without leading zeros (the SDK prints none). kMalformed otherwise.
Result<Hash256> parse_scalar(std::string_view text);

}  // namespace perpwire::sim
