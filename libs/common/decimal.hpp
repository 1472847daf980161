#pragma once

#include "libs/common/result.hpp"

#include <compare>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

namespace perpwire {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

/// An exact decimal number: mantissa x 10^exponent, kept in its shortest form (no trailing zero in
/// the mantissa; zero has exponent 0), so equal values are equal in every bit and print alike.
///
/// Units:  none; Price, Quantity and Notional below carry the meaning.
/// Range:  `Decimal` has a 64-bit mantissa and exponents -40 to 40, `WideDecimal` 128 bits and -120
/// to 120 (products,
///         sums, quotients).
/// Errors: everything that could overflow returns a Result; nothing wraps or rounds unasked.
template <class Mantissa>
class BasicDecimal {
 public:
  static constexpr int kMaxExponent =
      sizeof(Mantissa) == 8 ? 40 : 120;  // a product of two always fits
  static constexpr int kMinExponent = -kMaxExponent;

  constexpr BasicDecimal() = default;
  /// A whole number.
  constexpr explicit BasicDecimal(Mantissa whole) : mantissa_(whole) { normalise(); }
  /// mantissa x 10^exponent; kMalformed if the exponent is out of range after normalising.
  static constexpr Result<BasicDecimal> from_parts(Mantissa mantissa, int exponent) {
    BasicDecimal value;
    value.mantissa_ = mantissa;
    value.exponent_ = exponent;
    value.normalise();
    if (value.exponent_ < kMinExponent || value.exponent_ > kMaxExponent) {
      return fail(ErrorCode::kMalformed, "decimal: exponent out of range");
    }
    return value;
  }
  /// For literals in code and tests: `Decimal::of(15, -1)` is 1.5. The parts must be in range.
  static constexpr BasicDecimal of(Mantissa mantissa, int exponent = 0) {
    return *from_parts(mantissa, exponent);
  }

  /// Reads plain digits: [-]d+[.d+]. No exponent, no '+', no spaces, no bare point. kMalformed says
  /// what was found; more digits than the mantissa holds are an error, never rounded.
  static Result<BasicDecimal> parse(std::string_view text);
  /// As parse, with the exponent notation of JSON numbers too ("1e-5", "2.5E+3").
  static Result<BasicDecimal> parse_json_number(std::string_view text);
  /// As parse, but digits that do not fit are rounded half-even and `rounded` is set: only for
  /// figures that are no price, amount or fee (dYdX funding rates have 20 digits).
  static Result<BasicDecimal> parse_rounded(std::string_view text, bool& rounded);

  [[nodiscard]] constexpr Mantissa mantissa() const { return mantissa_; }
  [[nodiscard]] constexpr int exponent() const { return exponent_; }
  [[nodiscard]] constexpr bool is_zero() const { return mantissa_ == 0; }
  [[nodiscard]] constexpr bool is_negative() const { return mantissa_ < 0; }
  [[nodiscard]] constexpr bool is_positive() const { return mantissa_ > 0; }
  /// Digits after the point that the value needs.
  [[nodiscard]] constexpr int decimals() const { return exponent_ < 0 ? -exponent_ : 0; }

  /// The shortest plain text: "50000", "0.1", "-2.5". What venues want on the wire.
  void append_plain(std::string& out) const;
  [[nodiscard]] std::string to_string() const {
    std::string out;
    append_plain(out);
    return out;
  }
  /// The contract's JSON number: as plain, with at least one digit after the point: "50000.0".
  void append_json(std::string& out) const;

  friend constexpr bool operator==(const BasicDecimal&, const BasicDecimal&) = default;
  friend std::strong_ordering operator<=>(const BasicDecimal& a, const BasicDecimal& b) {
    return compare(a, b);
  }
  friend std::ostream& operator<<(std::ostream& out, const BasicDecimal& value) {
    return out << value.to_string();
  }
  constexpr BasicDecimal operator-() const {
    BasicDecimal value = *this;
    value.mantissa_ =
        -value.mantissa_;  // INT_MIN is never stored: parsing and arithmetic keep |m| <= max
    return value;
  }
  [[nodiscard]] constexpr BasicDecimal abs() const { return is_negative() ? -*this : *this; }

 private:
  static std::strong_ordering compare(const BasicDecimal& a, const BasicDecimal& b);
  constexpr void normalise() {
    if (mantissa_ == 0) {
      exponent_ = 0;
      return;
    }
    while (mantissa_ % 10 == 0) {
      mantissa_ /= 10;
      ++exponent_;
    }
  }

  Mantissa mantissa_ = 0;
  int exponent_ = 0;
};

using Decimal = BasicDecimal<std::int64_t>;
using WideDecimal = BasicDecimal<Int128>;

extern template class BasicDecimal<std::int64_t>;
extern template class BasicDecimal<Int128>;

WideDecimal widen(const Decimal& value);
/// kMalformed if the value needs more than 64 bits.
Result<Decimal> narrow(const WideDecimal& value);

/// Exact sums and differences; kMalformed on overflow.
Result<Decimal> add(const Decimal& a, const Decimal& b);
Result<Decimal> subtract(const Decimal& a, const Decimal& b);
Result<WideDecimal> add(const WideDecimal& a, const WideDecimal& b);
Result<WideDecimal> subtract(const WideDecimal& a, const WideDecimal& b);
/// Exact; two 64-bit mantissas always fit 128 bits.
WideDecimal multiply(const Decimal& a, const Decimal& b);
/// Exact; kMalformed where the product needs more than 128 bits.
Result<WideDecimal> multiply(const WideDecimal& a, const WideDecimal& b);

/// The contract rounds every quotient (average, entry price, PnL) half-even to this many places.
constexpr int kQuotientPlaces = 12;
/// a / b rounded half-even to `places` digits after the point. kMalformed if b is zero or the
/// result does not fit.
Result<WideDecimal> divide(const WideDecimal& a, const WideDecimal& b,
                           int places = kQuotientPlaces);
/// Rounded half-even to `places` digits after the point.
WideDecimal round_half_even(const WideDecimal& value, int places);

/// Whether value is a whole multiple of step (step > 0): ticks and lots.
bool is_multiple(const Decimal& value, const Decimal& step);
/// The nearest multiples of step at or below, and at or above, value. kMalformed on overflow.
Result<Decimal> round_down_to(const Decimal& value, const Decimal& step);
Result<Decimal> round_up_to(const Decimal& value, const Decimal& step);

/// A number with a meaning. Costs nothing; price + quantity does not compile.
template <class Number, class Tag>
class StrongDecimal {
 public:
  using NumberType = Number;

  constexpr StrongDecimal() = default;
  constexpr explicit StrongDecimal(Number value) : value_(value) {}

  [[nodiscard]] constexpr const Number& value() const { return value_; }
  [[nodiscard]] constexpr bool is_zero() const { return value_.is_zero(); }
  [[nodiscard]] constexpr bool is_negative() const { return value_.is_negative(); }
  [[nodiscard]] constexpr bool is_positive() const { return value_.is_positive(); }
  [[nodiscard]] std::string to_string() const { return value_.to_string(); }
  [[nodiscard]] constexpr StrongDecimal abs() const { return StrongDecimal{value_.abs()}; }

  friend constexpr bool operator==(const StrongDecimal&, const StrongDecimal&) = default;
  friend std::strong_ordering operator<=>(const StrongDecimal& a, const StrongDecimal& b) {
    return a.value_ <=> b.value_;
  }
  constexpr StrongDecimal operator-() const { return StrongDecimal{-value_}; }
  friend std::ostream& operator<<(std::ostream& out, const StrongDecimal& value) {
    return out << value.value_;
  }

 private:
  Number value_;
};

using Price = StrongDecimal<Decimal, struct PriceTag>;  // per unit, in quote
using Quantity =
    StrongDecimal<Decimal, struct QuantityTag>;  // units of base; signed where it is a position
using Notional = StrongDecimal<WideDecimal, struct NotionalTag>;  // price x quantity, in quote;
                                                                  // also PnL and fees

template <class Number, class Tag>
Result<StrongDecimal<Number, Tag>> add(const StrongDecimal<Number, Tag>& a,
                                       const std::type_identity_t<StrongDecimal<Number, Tag>>& b) {
  return add(a.value(), b.value()).map([](const Number& n) {
    return StrongDecimal<Number, Tag>{n};
  });
}
template <class Number, class Tag>
Result<StrongDecimal<Number, Tag>> subtract(
    const StrongDecimal<Number, Tag>& a,
    const std::type_identity_t<StrongDecimal<Number, Tag>>& b) {
  return subtract(a.value(), b.value()).map([](const Number& n) {
    return StrongDecimal<Number, Tag>{n};
  });
}
inline Notional operator*(const Price& price, const Quantity& quantity) {
  return Notional{multiply(price.value(), quantity.value())};
}

/// Any strong number from plain digits; the error names `what`.
template <class Strong>
Result<Strong> parse_as(std::string_view text, std::string_view what) {
  auto number = Strong::NumberType::parse(text);
  if (!number) {
    return fail(number.error().code, std::string(what) + ": " + number.error().text);
  }
  return Strong{*number};
}

}  // namespace perpwire
