#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/side.hpp"

#include <cstdint>

namespace perpwire::v1 {
class Bbo;
class Instrument;
}  // namespace perpwire::v1

namespace perpwire::client {

/// The distance between valid prices around `price`: the instrument's tick, or what its price_rule
/// gives (whole numbers are always valid).
/// Errors: kMalformed if the instrument has neither, or the price is not above zero.
Result<Decimal> price_step(const v1::Instrument& instrument, const Price& price);

/// The nearest valid price that is no worse for us: down for kBuy, up for kSell.
Result<Price> round_price(const v1::Instrument& instrument, const Price& price, Side side);

/// The middle of the book moved by `basis_points` (above it if > 0), then round_price.
/// Errors: kStalePrice if a side of the book is empty; as price_step.
Result<Price> price_from_middle(const v1::Instrument& instrument, const v1::Bbo& bbo, Side side,
                                const Decimal& basis_points);

/// Whether the two are at least so many basis points of `from` apart.
bool has_moved(const Price& from, const Price& to, const Decimal& basis_points);

/// quantity / lot as a whole number, rounded half-even; its sign is the quantity's.
std::int64_t whole_lots(const Quantity& quantity, const Quantity& lot);

}  // namespace perpwire::client
