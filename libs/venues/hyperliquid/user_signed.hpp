#pragma once

#include "libs/venues/hyperliquid/account_actions.hpp"
#include "libs/venues/hyperliquid/signing.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// User-signed actions (money out, approvals): EIP-712 over the action's own fields, signed by the
/// master key. For the simulator, which verifies them, the offline tool and tests; the signer does
/// not link this target. Source: hyperliquid.md section 3.2.
namespace perpwire::hyperliquid {

struct UserSignedAction {
  std::string type;                     // "usdSend"
  std::string primary_type;             // "HyperliquidTransaction:UsdSend"
  Network network = Network::kTestnet;  // hyperliquidChain
  std::uint64_t chain_id = 0;           // signatureChainId
  std::uint64_t nonce = 0;              // the action's own `nonce` or `time`
  ActionFields fields;                  // as signed, hyperliquidChain left out
  Hash256 message_hash{};               // EIP-712 hash of the message
  Hash256 digest{};                     // what the key signs
};

/// usdSend, spotSend, withdraw3, usdClassTransfer, sendAsset, approveAgent, approveBuilderFee,
/// userSetAbstraction, userDexAbstraction, tokenDelegate, cDeposit, cWithdraw,
/// convertToMultiSigUser. Not the multi-signature envelope.
bool is_user_signed(std::string_view type);

/// Reads an action and computes what is signed. Texts are signed as given: an upper-case
/// destination is another message than a lower-case one. A missing agentName is signed as "".
///
/// `default_network` stands in where hyperliquidChain is missing, 0x66eee where signatureChainId is
/// (the SDK's own values).
/// Errors: kMalformed naming the field.
Result<UserSignedAction> parse_user_signed(std::string_view json, Network default_network);

}  // namespace perpwire::hyperliquid
