#pragma once

#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/core/action.hpp"
#include "tools/venue-sim/core/readings.hpp"

#include <string>
#include <utility>
#include <vector>

namespace perpwire::sim {

/// One field of a user-signed action as EIP-712 hashes it.
struct TypedField {
  std::string type;  // string, uint64, bool, address
  std::string name;
  std::string text;  // string and address
  std::uint64_t number = 0;
  bool flag = false;
};

/// A user-signed action: what its signature covers. Section 3.2.
struct TypedData {
  std::string primary_type;
  std::uint64_t chain_id = 0;
  std::vector<TypedField> fields;
};

/// An action parsed from JSON: what to execute, and what its signature must cover. Like the venue,
/// the action is read into types and written again in canonical order: key order, spaces and padded
/// zeros of the JSON do not matter, the client must have hashed the canonical form. Section 3.1.
struct ParsedAction {
  ActionBody body;
  std::vector<std::uint8_t> msgpack;  // L1 actions
  std::optional<TypedData> typed;     // user-signed actions
  std::optional<std::uint64_t> inner_nonce;
  std::string chain;             // user-signed: "Mainnet" or "Testnet"
  std::size_t array_length = 0;  // for the IP weight 1 + floor(n / 40)
};

/// Throws BadRequest for anything that the venue would answer with 422: an unknown type, a missing
/// field, a wrong type, a bad number text; also for known actions that this simulator leaves out.
ParsedAction parse_action(const Json& action, const Readings& readings);

}  // namespace perpwire::sim
