#pragma once

#include "libs/common/result.hpp"
#include "libs/venues/hyperliquid/actions.hpp"
#include "services/signer/asset_pins.hpp"

#include <vector>

namespace perpwire::v1 {
class SignRequest;
}

namespace perpwire::signer {

/// The action of a signing request as types, with every asset number beside the pair it was named
/// with.
struct ActionRequest {
  hyperliquid::Action action;
  std::vector<AssetEntry> assets;
};

/// Errors: INVALID_COMMAND naming the field: no action or more than one, an unknown word, a price
///         or size that the venue would not take, an empty or too large batch, a pair left out.
Result<ActionRequest> read_action_request(const v1::SignRequest& request);

}  // namespace perpwire::signer
