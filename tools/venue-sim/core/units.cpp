#include "tools/venue-sim/core/units.hpp"

#include "libs/common/assert.hpp"

namespace perpwire::sim {

Int128 power_of_ten(int exponent) {
  PW_ASSERT(exponent >= 0 && exponent <= 37);
  Int128 result = 1;
  for (int i = 0; i < exponent; ++i) {
    result *= 10;
  }
  return result;
}

Int128 mul_div(Int128 a, Int128 b, Int128 c, Rounding rounding) {
  PW_ASSERT(c > 0);
  Int128 product = 0;
  PW_ASSERT(!__builtin_mul_overflow(a, b, &product));
  const Int128 quotient = product / c;
  const Int128 rest = product % c;
  if (rounding == Rounding::kDown || rest == 0) {
    return quotient;
  }
  const Int128 distance = (rest < 0 ? -rest : rest) * 2;
  const bool away = distance > c || (distance == c && quotient % 2 != 0);
  if (!away) {
    return quotient;
  }
  return product < 0 ? quotient - 1 : quotient + 1;
}

std::string fixed_text(Int128 value, int decimals) {
  const bool negative = value < 0;
  UInt128 rest = negative ? static_cast<UInt128>(-value) : static_cast<UInt128>(value);
  std::string digits;
  while (rest != 0) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  }
  const auto places = static_cast<std::size_t>(decimals);
  if (digits.size() <= places) {
    digits.insert(0, places + 1 - digits.size(), '0');
  }
  std::string fraction = digits.substr(digits.size() - places);
  digits.resize(digits.size() - places);
  while (!fraction.empty() && fraction.back() == '0') {
    fraction.pop_back();
  }
  if (fraction.empty()) {
    fraction = "0";
  }
  return (negative ? "-" : "") + digits + "." + fraction;
}

std::string money_text(Money value) { return fixed_text(value.value, kMoneyDecimals); }

Decimal to_decimal(Int128 value, int decimals) {
  const auto wide = WideDecimal::from_parts(value, -decimals);
  PW_ASSERT(wide.has_value());
  const auto narrowed = narrow(*wide);
  PW_ASSERT(narrowed.has_value());
  return *narrowed;
}

Result<std::int64_t> to_units(const Decimal& value, int decimals) {
  const int shift = value.exponent() + decimals;
  if (shift < 0) {
    return fail(ErrorCode::kMalformed, "more than " + std::to_string(decimals) + " decimals");
  }
  if (shift > 18) {
    return fail(ErrorCode::kMalformed, "out of range");
  }
  std::int64_t result = value.mantissa();
  for (int i = 0; i < shift; ++i) {
    if (__builtin_mul_overflow(result, std::int64_t{10}, &result)) {
      return fail(ErrorCode::kMalformed, "out of range");
    }
  }
  return result;
}

Result<Money> to_money(const Decimal& value) {
  return to_units(value, kMoneyDecimals).map([](std::int64_t units) { return Money{units}; });
}

}  // namespace perpwire::sim
