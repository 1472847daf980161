#include "libs/common/decimal.hpp"

#include "libs/common/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace perpwire {
namespace {

constexpr Int128 kMax128 = static_cast<Int128>(~UInt128{0} >> 1);
constexpr int kMaxPower = 38;  // 10^38 is the largest power of ten in 127 bits

constexpr std::array<Int128, kMaxPower + 1> make_powers() {
  std::array<Int128, kMaxPower + 1> powers{};
  Int128 power = 1;
  for (std::size_t i = 0; i < powers.size(); ++i) {
    powers[i] = power;
    if (i + 1 < powers.size()) power *= 10;
  }
  return powers;
}
constexpr auto kPowers = make_powers();

constexpr int kMaxPower64 = 18;  // 10^18 is the largest power of ten in 63 bits
constexpr std::array<std::int64_t, kMaxPower64 + 1> make_powers_64() {
  std::array<std::int64_t, kMaxPower64 + 1> powers{};
  for (std::size_t i = 0; i < powers.size(); ++i) powers[i] = static_cast<std::int64_t>(kPowers[i]);
  return powers;
}
constexpr auto kPowers64 = make_powers_64();

Int128 power_of_ten(int n) { return kPowers[static_cast<std::size_t>(n)]; }

template <class Mantissa>
constexpr Int128 max_mantissa() {
  if constexpr (sizeof(Mantissa) == 8) {
    return std::numeric_limits<std::int64_t>::max();
  } else {
    return kMax128;
  }
}

int digit_count(UInt128 value) {
  int digits = 1;
  while (value >= 10) {
    value /= 10;
    ++digits;
  }
  return digits;
}

UInt128 magnitude(Int128 value) {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

/// value x 10^n, or nothing on overflow.
bool scale_up(Int128& value, int n) {
  if (value == 0) return true;
  if (n > kMaxPower) return false;
  return !__builtin_mul_overflow(value, power_of_ten(n), &value) && value >= -kMax128;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 48;
  if (text.size() > kShown) {
    return fmt::format("'{}...' ({} characters)", readable(text, kShown), text.size());
  }
  return fmt::format("'{}'", readable(text));
}

tl::unexpected<Error> malformed(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kMalformed,
              fmt::format("expected a decimal number, found {}: {}", quoted(text), why));
}

struct Digits {
  bool negative = false;
  UInt128 mantissa = 0;
  int exponent = 0;
  bool dropped = false;  // digits beyond what 128 bits hold: half-even rounding applied
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Collects digits up to `limit`; what follows is rounded half-even and marked.
class DigitCollector {
 public:
  explicit DigitCollector(Int128 limit) : limit_(static_cast<UInt128>(limit)) {}

  void add(char c, bool after_point) {
    const auto digit = static_cast<unsigned>(c - '0');
    if (!full_) {
      if (digit == 0 && mantissa_ == 0) {  // leading zeros cost no room
        if (after_point) --exponent_;
        return;
      }
      if (digit == 0) {  // zeros count only once another digit follows
        ++pending_zeros_;
        if (!after_point) ++pending_whole_;
        return;
      }
      if (flush_zeros() && push(digit)) {
        if (after_point) --exponent_;
        return;
      }
      full_ = true;
    }
    if (pending_zeros_ > 0) {
      // The zeros that could not be flushed come before this digit.
      first_dropped_ = first_dropped_ < 0 ? 0 : first_dropped_;
      exponent_ += pending_whole_;
      pending_zeros_ = pending_whole_ = 0;
    }
    if (first_dropped_ < 0) {
      first_dropped_ = static_cast<int>(digit);
    } else if (digit != 0) {
      more_dropped_ = true;
    }
    if (!after_point) ++exponent_;
  }

  Digits finish(bool negative) {
    exponent_ += pending_whole_;
    Digits out{negative, mantissa_, exponent_, full_};
    if (full_ &&
        (first_dropped_ > 5 || (first_dropped_ == 5 && (more_dropped_ || mantissa_ % 2 == 1)))) {
      if (out.mantissa == limit_) {
        out.mantissa = (out.mantissa + 1) / 10;
        ++out.exponent;
      } else {
        ++out.mantissa;
      }
    }
    return out;
  }

 private:
  bool push(unsigned digit) {
    if (mantissa_ > (limit_ - digit) / 10) return false;
    mantissa_ = mantissa_ * 10 + digit;
    return true;
  }
  bool flush_zeros() {
    UInt128 scaled = mantissa_;
    for (int i = 0; i < pending_zeros_; ++i) {
      if (scaled > limit_ / 10) return false;
      scaled *= 10;
    }
    mantissa_ = scaled;
    exponent_ -= pending_zeros_ - pending_whole_;
    pending_zeros_ = pending_whole_ = 0;
    return true;
  }

  UInt128 limit_;
  UInt128 mantissa_ = 0;
  int exponent_ = 0;
  int pending_zeros_ = 0;
  int pending_whole_ = 0;  // of the pending zeros, those before the point
  bool full_ = false;
  int first_dropped_ = -1;
  bool more_dropped_ = false;
};

struct ParseRules {
  bool json_exponent = false;
  bool may_round = false;
};

Result<Digits> parse_digits(std::string_view text, Int128 limit, ParseRules rules) {
  constexpr std::size_t kMaxLength = 128;
  if (text.size() > kMaxLength) {
    return malformed(text, "too long");
  }
  std::size_t at = 0;
  const bool negative = at < text.size() && text[at] == '-';
  if (negative) ++at;
  DigitCollector collector{limit};
  const std::size_t whole_begin = at;
  while (at < text.size() && is_digit(text[at])) collector.add(text[at++], false);
  if (at == whole_begin) {
    return malformed(text, "no digit before the point");
  }
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction_begin = ++at;
    while (at < text.size() && is_digit(text[at])) collector.add(text[at++], true);
    if (at == fraction_begin) {
      return malformed(text, "no digit after the point");
    }
  }
  Digits digits = collector.finish(negative);
  if (rules.json_exponent && at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    bool negative_exponent = false;
    if (at < text.size() && (text[at] == '+' || text[at] == '-'))
      negative_exponent = text[at++] == '-';
    const std::size_t exponent_begin = at;
    int exponent = 0;
    while (at < text.size() && is_digit(text[at])) {
      exponent = std::min(exponent * 10 + (text[at++] - '0'), 10'000);
    }
    if (at == exponent_begin) {
      return malformed(text, "no digit in the exponent");
    }
    digits.exponent += negative_exponent ? -exponent : exponent;
  }
  if (at != text.size()) {
    return malformed(text, fmt::format("unexpected character at {}", at));
  }
  if (digits.dropped && !rules.may_round) {
    return malformed(text, "more digits than the decimal holds");
  }
  return digits;
}

template <class Mantissa>
Result<BasicDecimal<Mantissa>> from_digits(std::string_view text, const Digits& digits) {
  const auto mantissa = static_cast<Mantissa>(digits.mantissa);
  auto value =
      BasicDecimal<Mantissa>::from_parts(digits.negative ? -mantissa : mantissa, digits.exponent);
  if (!value) {
    return malformed(text, "exponent out of range");
  }
  return value;
}

void append_digits(UInt128 value, std::string& out) {
  std::array<char, 40> buffer{};
  auto* end = buffer.data() + buffer.size();
  auto* at = end;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  out.append(at, end);
}

/// Half-even quotient of non-negative numbers.
UInt128 divide_half_even(UInt128 numerator, UInt128 denominator) {
  UInt128 quotient = numerator / denominator;
  const UInt128 remainder = numerator % denominator;
  const UInt128 rest = denominator - remainder;
  if (remainder > rest || (remainder == rest && quotient % 2 == 1)) ++quotient;
  return quotient;
}

template <class Number>
Result<Number> combine(const Number& a, const Number& b, int sign) {
  const int exponent = std::min(a.exponent(), b.exponent());
  Int128 x = a.mantissa();
  Int128 y = b.mantissa();
  Int128 sum = 0;
  if (!scale_up(x, a.is_zero() ? 0 : a.exponent() - exponent) ||
      !scale_up(y, b.is_zero() ? 0 : b.exponent() - exponent) ||
      __builtin_add_overflow(x, sign < 0 ? -y : y, &sum) || sum < -kMax128) {
    return fail(ErrorCode::kMalformed, fmt::format("decimal: {} {} {} overflows", a.to_string(),
                                                   sign < 0 ? "-" : "+", b.to_string()));
  }
  auto wide = WideDecimal::from_parts(sum, exponent);
  if constexpr (std::is_same_v<Number, WideDecimal>) {
    return wide;
  } else {
    return wide.and_then([](const WideDecimal& value) { return narrow(value); });
  }
}

}  // namespace

template <class Mantissa>
Result<BasicDecimal<Mantissa>> BasicDecimal<Mantissa>::parse(std::string_view text) {
  const auto digits = parse_digits(text, max_mantissa<Mantissa>(), {});
  if (!digits) return tl::unexpected(digits.error());
  return from_digits<Mantissa>(text, *digits);
}

template <class Mantissa>
Result<BasicDecimal<Mantissa>> BasicDecimal<Mantissa>::parse_json_number(std::string_view text) {
  const auto digits = parse_digits(text, max_mantissa<Mantissa>(), {.json_exponent = true});
  if (!digits) return tl::unexpected(digits.error());
  return from_digits<Mantissa>(text, *digits);
}

template <class Mantissa>
Result<BasicDecimal<Mantissa>> BasicDecimal<Mantissa>::parse_rounded(std::string_view text,
                                                                     bool& rounded) {
  const auto digits = parse_digits(text, max_mantissa<Mantissa>(), {.may_round = true});
  if (!digits) return tl::unexpected(digits.error());
  rounded = digits->dropped;
  return from_digits<Mantissa>(text, *digits);
}

template <class Mantissa>
void BasicDecimal<Mantissa>::append_plain(std::string& out) const {
  if (is_negative()) out.push_back('-');
  std::string digits;
  append_digits(magnitude(mantissa_), digits);
  if (exponent_ >= 0) {
    out += digits;
    out.append(static_cast<std::size_t>(exponent_), '0');
    return;
  }
  const auto places = static_cast<std::size_t>(-exponent_);
  if (digits.size() <= places) {
    out += "0.";
    out.append(places - digits.size(), '0');
    out += digits;
    return;
  }
  out.append(digits, 0, digits.size() - places);
  out.push_back('.');
  out.append(digits, digits.size() - places);
}

template <class Mantissa>
void BasicDecimal<Mantissa>::append_json(std::string& out) const {
  append_plain(out);
  if (exponent_ >= 0) out += ".0";
}

template <class Mantissa>
std::strong_ordering BasicDecimal<Mantissa>::compare(const BasicDecimal& a, const BasicDecimal& b) {
  const int sign_a = a.is_negative() ? -1 : a.is_positive() ? 1 : 0;
  const int sign_b = b.is_negative() ? -1 : b.is_positive() ? 1 : 0;
  if (sign_a != sign_b || sign_a == 0) return sign_a <=> sign_b;
  if (a.exponent_ == b.exponent_) return a.mantissa_ <=> b.mantissa_;
  if constexpr (sizeof(Mantissa) == 8) {
    // The usual case: the one with the larger exponent fits 64 bits at the other's.
    const int apart = a.exponent_ - b.exponent_;
    if (apart >= -kMaxPower64 && apart <= kMaxPower64) {
      std::int64_t scaled = 0;
      if (apart > 0 && !__builtin_mul_overflow(
                           a.mantissa_, kPowers64[static_cast<std::size_t>(apart)], &scaled)) {
        return scaled <=> b.mantissa_;
      }
      if (apart < 0 && !__builtin_mul_overflow(
                           b.mantissa_, kPowers64[static_cast<std::size_t>(-apart)], &scaled)) {
        return a.mantissa_ <=> scaled;
      }
    }
  }
  const UInt128 x = magnitude(a.mantissa_);
  const UInt128 y = magnitude(b.mantissa_);
  // Compare the position of the leading digit first: then the scaled mantissas are of like size and
  // fit.
  const int top_a = digit_count(x) + a.exponent_;
  const int top_b = digit_count(y) + b.exponent_;
  auto order = top_a <=> top_b;
  if (order == std::strong_ordering::equal) {
    const int exponent = std::min(a.exponent_, b.exponent_);
    // Equal leading positions: the scaled mantissas both have top - exponent digits, at most 39,
    // which 128 bits unsigned hold.
    const UInt128 scaled_x = x * static_cast<UInt128>(power_of_ten(a.exponent_ - exponent));
    const UInt128 scaled_y = y * static_cast<UInt128>(power_of_ten(b.exponent_ - exponent));
    order = scaled_x <=> scaled_y;
  }
  return sign_a > 0 ? order : 0 <=> order;
}

template class BasicDecimal<std::int64_t>;
template class BasicDecimal<Int128>;

WideDecimal widen(const Decimal& value) {
  return WideDecimal::of(value.mantissa(), value.exponent());
}

Result<Decimal> narrow(const WideDecimal& value) {
  if (value.mantissa() > std::numeric_limits<std::int64_t>::max() ||
      value.mantissa() < -std::numeric_limits<std::int64_t>::max()) {
    return fail(ErrorCode::kMalformed,
                fmt::format("decimal: {} needs more than 64 bits", value.to_string()));
  }
  return Decimal::of(static_cast<std::int64_t>(value.mantissa()), value.exponent());
}

Result<Decimal> add(const Decimal& a, const Decimal& b) { return combine(a, b, 1); }
Result<Decimal> subtract(const Decimal& a, const Decimal& b) { return combine(a, b, -1); }
Result<WideDecimal> add(const WideDecimal& a, const WideDecimal& b) { return combine(a, b, 1); }
Result<WideDecimal> subtract(const WideDecimal& a, const WideDecimal& b) {
  return combine(a, b, -1);
}

WideDecimal multiply(const Decimal& a, const Decimal& b) {
  const Int128 product = static_cast<Int128>(a.mantissa()) * b.mantissa();
  return WideDecimal::of(product, a.exponent() + b.exponent());
}

Result<WideDecimal> multiply(const WideDecimal& a, const WideDecimal& b) {
  Int128 product = 0;
  if (__builtin_mul_overflow(a.mantissa(), b.mantissa(), &product) || product < -kMax128) {
    return fail(ErrorCode::kMalformed,
                fmt::format("decimal: {} x {} overflows", a.to_string(), b.to_string()));
  }
  return WideDecimal::from_parts(product, a.exponent() + b.exponent());
}

Result<WideDecimal> divide(const WideDecimal& a, const WideDecimal& b, int places) {
  if (b.is_zero()) {
    return fail(ErrorCode::kMalformed, fmt::format("decimal: {} / 0", a.to_string()));
  }
  if (a.is_zero()) return WideDecimal{};
  // a/b at `places` digits = (ma / mb) x 10^(ea - eb + places), an integer after rounding.
  UInt128 numerator = magnitude(a.mantissa());
  UInt128 denominator = magnitude(b.mantissa());
  int shift = a.exponent() - b.exponent() + places;
  const bool negative = a.is_negative() != b.is_negative();
  const auto too_large = [&] {
    return fail(ErrorCode::kMalformed, fmt::format("decimal: {} / {} does not fit at {} places",
                                                   a.to_string(), b.to_string(), places));
  };
  // Long division, one decimal digit at a time: the running value never exceeds 10 x denominator.
  if (shift < 0) {
    if (shift < -kMaxPower - 1) return WideDecimal{};
    for (; shift < 0; ++shift) {
      if (denominator > static_cast<UInt128>(kMax128) / 10) {
        // The quotient is below one unit of the last place unless the numerator is as large.
        numerator /= 10;  // both are beyond 37 digits: the dropped digit cannot decide a half
      } else {
        denominator *= 10;
      }
    }
  }
  UInt128 quotient = numerator / denominator;
  UInt128 remainder = numerator % denominator;
  for (; shift > 0; --shift) {
    if (quotient > static_cast<UInt128>(kMax128) / 10) return too_large();
    quotient *= 10;
    // remainder x 10 may pass 128 bits: add it ten times, taking the denominator off as it goes.
    UInt128 next = 0;
    unsigned digit = 0;
    for (int i = 0; i < 10; ++i) {
      if (next >= denominator - remainder && remainder != 0) {
        next -= denominator - remainder;
        ++digit;
      } else {
        next += remainder;
      }
    }
    quotient += digit;
    remainder = next;
  }
  const UInt128 rest = denominator - remainder;
  if (remainder > rest || (remainder == rest && quotient % 2 == 1)) ++quotient;
  if (quotient > static_cast<UInt128>(kMax128)) return too_large();
  const auto signed_quotient = static_cast<Int128>(quotient);
  return WideDecimal::from_parts(negative ? -signed_quotient : signed_quotient, -places);
}

WideDecimal round_half_even(const WideDecimal& value, int places) {
  if (value.exponent() >= -places) return value;
  const int drop = -places - value.exponent();
  if (drop > kMaxPower) return WideDecimal{};
  const UInt128 kept =
      divide_half_even(magnitude(value.mantissa()), static_cast<UInt128>(power_of_ten(drop)));
  const auto signed_kept = static_cast<Int128>(kept);
  return WideDecimal::of(value.is_negative() ? -signed_kept : signed_kept, -places);
}

bool is_multiple(const Decimal& value, const Decimal& step) {
  if (value.is_zero()) return true;
  if (step.is_zero()) return false;
  // value / step = (mv / ms) x 10^(ev - es).
  const int shift = value.exponent() - step.exponent();
  Int128 numerator = value.mantissa();
  Int128 denominator = step.mantissa();
  if (shift >= 0) {
    // The numerator modulo the denominator, times ten each round, never leaves 128 bits.
    numerator %= denominator;
    for (int i = 0; i < shift && numerator != 0; ++i) numerator = numerator * 10 % denominator;
    return numerator == 0;
  }
  // The value has more decimals than the step: its normalised mantissa ends in no zero, so only
  // factors of 2 or 5 in the step could cancel them, and a step of 0.5 does.
  if (-shift > kMaxPower || !scale_up(denominator, -shift)) return false;
  return numerator % denominator == 0;
}

namespace {

Result<Decimal> round_to(const Decimal& value, const Decimal& step, bool up) {
  if (!step.is_positive()) {
    return fail(ErrorCode::kMalformed,
                fmt::format("decimal: expected a step above zero, found {}", step.to_string()));
  }
  if (is_multiple(value, step)) return value;
  const int exponent = std::min(value.exponent(), step.exponent());
  Int128 numerator = value.mantissa();
  Int128 denominator = step.mantissa();
  if (!scale_up(numerator, value.exponent() - exponent) ||
      !scale_up(denominator, step.exponent() - exponent)) {
    return fail(ErrorCode::kMalformed, fmt::format("decimal: {} cannot be rounded to {}",
                                                   value.to_string(), step.to_string()));
  }
  Int128 quotient = numerator / denominator;
  if (numerator < 0 && !up) --quotient;
  if (numerator > 0 && up) ++quotient;
  return WideDecimal::from_parts(quotient * denominator, exponent)
      .and_then([](const WideDecimal& wide) { return narrow(wide); });
}

}  // namespace

Result<Decimal> round_down_to(const Decimal& value, const Decimal& step) {
  return round_to(value, step, false);
}
Result<Decimal> round_up_to(const Decimal& value, const Decimal& step) {
  return round_to(value, step, true);
}

}  // namespace perpwire
