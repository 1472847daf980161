#pragma once

#include "libs/venues/hyperliquid/signing.hpp"

#include <string>
#include <string_view>

namespace perpwire::hyperliquid {

/// A body of POST /exchange, with the action still as text: its type decides who reads it
/// (order_codec.hpp, account_actions.hpp). The venue's side: the simulator and tests.
struct ExchangeRequest {
  std::string action_type;
  std::string action_json;  // compact, keys in the order they came
  ActionEnvelope envelope;
  Signature signature;
};

/// Errors: kMalformed naming the field. r and s may lack leading zeros (the SDK prints them so).
Result<ExchangeRequest> parse_exchange_request(std::string_view body);

}  // namespace perpwire::hyperliquid
