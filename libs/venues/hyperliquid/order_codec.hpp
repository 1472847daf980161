#pragma once

#include "libs/common/hex.hpp"
#include "libs/common/result.hpp"
#include "libs/venues/hyperliquid/actions.hpp"

#include <string>
#include <string_view>

namespace perpwire::hyperliquid {

/// A price or size as the venue wants it (the SDK's floatToWire): at most 8 decimals, no exponent,
/// no trailing zeros, "-0" as "0".
///
/// Errors: kMalformed if the value needs more than 8 decimals: never rounded. Negative values are
///         refused: no price or size is one.
/// Source: hyperliquid.md section 2.2.
Result<std::string> to_wire(const Decimal& value);

/// Whether the venue's parser would take the action: every price and size in wire form.
/// Errors: kMalformed naming the field. Business rules (ticks, lots, limits) are not looked at.
Status check_encodable(const Action& action);

/// Appends the canonical msgpack bytes: what is hashed. The action must pass check_encodable.
/// Source: hyperliquid.md section 3.1, "msgpack rules".
void append_msgpack(const Action& action, Bytes& out);
/// Appends the canonical JSON text: what is sent. The action must pass check_encodable.
void append_json(const Action& action, std::string& out);

/// Reads an action from JSON in any key order.
///
/// Values:   trailing zeros and upper-case hex are normalised.
/// Errors:   kMalformed naming the field, what was expected and what was found: an unknown type, an
///           unknown, doubled, missing or null field, a number where a string belongs or the
///           reverse, more than 8 decimals, `f` or `a` false (which the venue wants left out).
///           The venue answers HTTP 422 for these (section 6.2).
/// Lifetime: keeps nothing of `json`.
Result<Action> parse_action(std::string_view json);

/// The `type` of an action of any kind; empty if there is none.
std::string peek_action_type(std::string_view json);

}  // namespace perpwire::hyperliquid
