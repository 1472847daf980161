#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/side.hpp"
#include "perpwire/v1/market_data.pb.h"
#include "tools/cli/failure.hpp"

#include <optional>
#include <string>

namespace perpwire::cli {

/// A price as a person writes it: "50000.5", or relative to the mid price: "-10bps", "+2.5bps",
/// "mid".
struct PriceInput {
  std::optional<Decimal> absolute;
  Decimal relative_bps;  // where not absolute

  [[nodiscard]] bool relative() const { return !absolute.has_value(); }
};

/// Errors: kUsage naming the option, what was expected and what was found.
Outcome<PriceInput> parse_price_input(const std::string& option, const std::string& text);

/// A positive number, exactly as written. Errors as above.
Outcome<Decimal> parse_positive(const std::string& option, const std::string& text);

/// The price that a relative input means at this top of book: the mid price moved by the basis
/// points, then the nearest valid price that is not worse for us (buy: at or below, sell: at or
/// above).
///
/// Errors: kFailed if a side of the book is empty or the instrument has neither tick nor rule.
Outcome<Decimal> resolve_price(const PriceInput& input, Side side, const v1::Bbo& bbo,
                               const v1::Instrument& instrument);

/// The instrument's step at a price: its tick, or what its significant figures leave.
Outcome<Decimal> step_at(const Decimal& price, const v1::Instrument& instrument);

}  // namespace perpwire::cli
