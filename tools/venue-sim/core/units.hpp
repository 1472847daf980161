#pragma once

#include "libs/common/decimal.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace perpwire::sim {

/// Unix milliseconds: the unit of every time of the venue.
using Millis = std::int64_t;

/// A whole number of smallest units with a meaning; the market or the token says how large the unit
/// is. Exact: the venue's prices and sizes are decimals with a fixed number of places per market.
template <class Rep, class Tag>
struct Units {
  Rep value{};

  [[nodiscard]] constexpr bool is_zero() const { return value == 0; }
  [[nodiscard]] constexpr bool is_positive() const { return value > 0; }
  [[nodiscard]] constexpr bool is_negative() const { return value < 0; }
  [[nodiscard]] constexpr Units abs() const { return value < 0 ? Units{-value} : *this; }

  friend constexpr auto operator<=>(const Units&, const Units&) = default;
  friend constexpr Units operator+(Units a, Units b) { return Units{a.value + b.value}; }
  friend constexpr Units operator-(Units a, Units b) { return Units{a.value - b.value}; }
  constexpr Units operator-() const { return Units{-value}; }
  constexpr Units& operator+=(Units other) { return *this = *this + other; }
  constexpr Units& operator-=(Units other) { return *this = *this - other; }
};

/// A price in units of 10^-(MAX_DECIMALS - szDecimals) of the market.
using Ticks = Units<std::int64_t, struct TicksTag>;
/// A size in units of 10^-szDecimals of the market; signed where it is a position.
using Lots = Units<std::int64_t, struct LotsTag>;
/// An amount of a token (USDC and others) in units of 10^-8.
using Money = Units<Int128, struct MoneyTag>;

constexpr int kMoneyDecimals = 8;
constexpr Money whole_money(std::int64_t whole) { return Money{Int128{whole} * 100'000'000}; }

enum class Rounding { kDown, kHalfEven };  // kDown = towards zero

/// a x b / c, rounded; c > 0. Wide enough for every product of this simulator.
Int128 mul_div(Int128 a, Int128 b, Int128 c, Rounding rounding);
Int128 power_of_ten(int exponent);

/// The venue's way to print a number: shortest, but at least one digit after the point ("30.0").
std::string fixed_text(Int128 value, int decimals);
std::string money_text(Money value);
/// The number as a Decimal; must fit (PW_ASSERT).
Decimal to_decimal(Int128 value, int decimals);

/// `value` in units of 10^-decimals; kMalformed if it is no whole number of them or out of range.
Result<std::int64_t> to_units(const Decimal& value, int decimals);
Result<Money> to_money(const Decimal& value);

}  // namespace perpwire::sim
