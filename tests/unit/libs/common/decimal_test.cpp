#include "libs/common/decimal.hpp"

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>

#include <random>

namespace perpwire {
namespace {

using boost::multiprecision::cpp_int;

Decimal decimal(std::string_view text) {
  auto value = Decimal::parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Decimal{});
}

struct TextCase {
  std::string_view in;
  std::string_view plain;
  std::string_view json;
};

class DecimalText : public testing::TestWithParam<TextCase> {};

TEST_P(DecimalText, PrintsTheShortestExactForm) {
  const auto value = decimal(GetParam().in);
  EXPECT_EQ(value.to_string(), GetParam().plain);
  std::string json;
  value.append_json(json);
  EXPECT_EQ(json, GetParam().json);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, DecimalText,
    testing::Values(TextCase{"0", "0", "0.0"}, TextCase{"-0", "0", "0.0"},
                    TextCase{"0.000", "0", "0.0"}, TextCase{"50000", "50000", "50000.0"},
                    TextCase{"50000.0", "50000", "50000.0"},
                    TextCase{"2080.0100", "2080.01", "2080.01"},
                    TextCase{"-0.05", "-0.05", "-0.05"}, TextCase{"00012.50", "12.5", "12.5"},
                    TextCase{"0.000000000001", "0.000000000001", "0.000000000001"},
                    TextCase{"1000000000000", "1000000000000", "1000000000000.0"},
                    TextCase{"9223372036854775807", "9223372036854775807", "9223372036854775807.0"},
                    TextCase{"965843.7286000003", "965843.7286000003", "965843.7286000003"}));

class DecimalRefuses : public testing::TestWithParam<std::string_view> {};

TEST_P(DecimalRefuses, MalformedTextWithoutRounding) {
  const auto value = Decimal::parse(GetParam());
  ASSERT_FALSE(value) << GetParam();
  EXPECT_EQ(value.error().code, ErrorCode::kMalformed);
}

INSTANTIATE_TEST_SUITE_P(Texts, DecimalRefuses,
                         testing::Values("", "-", "+1", ".5", "5.", "1e5", "NaN", "Infinity", "1 ",
                                         " 1", "1,5", "0x10", "--1", "1.2.3", "9223372036854775808",
                                         "12345678901234567890.5", std::string_view("1\0", 2)));

TEST(Decimal, ReadsExponentsOnlyAsJsonNumbers) {
  EXPECT_EQ(*Decimal::parse_json_number("1e-5"), decimal("0.00001"));
  EXPECT_EQ(*Decimal::parse_json_number("2.50E+3"), decimal("2500"));
  EXPECT_FALSE(Decimal::parse_json_number("1e"));
  EXPECT_FALSE(Decimal::parse_json_number("1e99999999999"));
}

TEST(Decimal, RoundsOnlyWhenAsked) {
  bool rounded = false;
  constexpr std::string_view kTwentyDigits = "0.000012345678901234567855";
  EXPECT_FALSE(Decimal::parse(kTwentyDigits));
  const auto value = Decimal::parse_rounded(kTwentyDigits, rounded);
  ASSERT_TRUE(value);
  EXPECT_TRUE(rounded);
  EXPECT_EQ(value->to_string(), "0.00001234567890123456786");
  const auto exact = Decimal::parse_rounded("1.5", rounded);
  EXPECT_FALSE(rounded);
  EXPECT_EQ(*exact, decimal("1.5"));
}

TEST(Decimal, ParsePrintRoundTripsForRandomValues) {
  const auto seed = testing::UnitTest::GetInstance()->random_seed();
  RecordProperty("seed", seed);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  for (int i = 0; i < 200'000; ++i) {
    const auto mantissa = static_cast<std::int64_t>(random() >> (random() % 63 + 1));
    const auto value =
        Decimal::of(random() % 2 == 0 ? mantissa : -mantissa, static_cast<int>(random() % 31) - 18);
    ASSERT_EQ(decimal(value.to_string()), value) << "seed " << seed;
  }
}

/// a scaled to 10^-200 as an integer of any size: the oracle.
cpp_int scaled(const WideDecimal& value) {
  cpp_int out = 0;
  const bool negative = value.mantissa() < 0;
  auto bits =
      negative ? -static_cast<UInt128>(value.mantissa()) : static_cast<UInt128>(value.mantissa());
  out = static_cast<std::uint64_t>(bits >> 64);
  out <<= 64;
  out += static_cast<std::uint64_t>(bits);
  for (int i = -200; i < value.exponent(); ++i) out *= 10;
  return negative ? cpp_int(-out) : out;
}

TEST(Decimal, AgreesWithAnOracleOnOrderSumProductAndQuotient) {
  const auto seed = testing::UnitTest::GetInstance()->random_seed();
  std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 1);
  const auto number = [&] {
    const auto mantissa = static_cast<std::int64_t>(random() >> (random() % 63 + 1));
    return Decimal::of(random() % 2 == 0 ? mantissa : -mantissa,
                       static_cast<int>(random() % 19) - 12);
  };
  cpp_int unit = 1;
  for (int i = 0; i < 200; ++i) unit *= 10;
  for (int i = 0; i < 20'000; ++i) {
    const auto a = number();
    const auto b = number();
    const auto wide_a = widen(a);
    const auto wide_b = widen(b);
    const cpp_int x = scaled(wide_a);
    const cpp_int y = scaled(wide_b);
    ASSERT_EQ(a < b, x < y) << a << " " << b << " seed " << seed;
    if (const auto sum = add(a, b)) {
      ASSERT_EQ(scaled(widen(*sum)), x + y);
    }
    if (const auto difference = subtract(wide_a, wide_b)) {
      ASSERT_EQ(scaled(*difference), x - y);
    }
    ASSERT_EQ(scaled(multiply(a, b)) * unit, x * y);
    if (!b.is_zero()) {
      const auto quotient = divide(wide_a, wide_b);
      // Half-even to 12 places: |x/y - q| <= half a unit of the last place, and an even last digit
      // on a tie.
      if (quotient) {
        const cpp_int q = scaled(*quotient);
        cpp_int last_place = unit;
        for (int k = 0; k < 12; ++k) last_place /= 10;
        const cpp_int error = boost::multiprecision::abs(x * unit - q * y) * 2;
        const cpp_int bound = boost::multiprecision::abs(y) * last_place;
        ASSERT_LE(error, bound) << a << " / " << b << " = " << *quotient << " seed " << seed;
        if (error == bound) {
          ASSERT_EQ((q / last_place) % 2, 0) << a << " / " << b << " = " << *quotient;
        }
      }
    }
  }
}

TEST(Decimal, OverflowIsAnErrorAndNeverWraps) {
  const auto big = decimal("9223372036854775807");
  EXPECT_FALSE(add(big, decimal("1")));
  EXPECT_FALSE(subtract(-big, decimal("2")));
  EXPECT_FALSE(add(big, decimal("0.1")));
  EXPECT_FALSE(narrow(multiply(big, big)));
  EXPECT_FALSE(divide(widen(big), WideDecimal{}));
}

TEST(Decimal, KnowsMultiplesAndTheirNeighbours) {
  EXPECT_TRUE(is_multiple(decimal("0.3"), decimal("0.1")));
  EXPECT_TRUE(is_multiple(decimal("10000000"), decimal("10000000")));
  EXPECT_TRUE(is_multiple(decimal("2.5"), decimal("0.5")));
  EXPECT_FALSE(is_multiple(decimal("50000.01"), decimal("1")));
  EXPECT_FALSE(is_multiple(decimal("0.25"), decimal("0.1")));
  EXPECT_EQ(*round_down_to(decimal("50000.01"), decimal("1")), decimal("50000"));
  EXPECT_EQ(*round_up_to(decimal("50000.01"), decimal("1")), decimal("50001"));
  EXPECT_EQ(*round_down_to(decimal("-0.25"), decimal("0.1")), decimal("-0.3"));
  EXPECT_EQ(*round_up_to(decimal("-0.25"), decimal("0.1")), decimal("-0.2"));
}

TEST(StrongDecimal, PriceTimesQuantityIsExactNotional) {
  const Price price{decimal("98765.4321")};
  const Quantity quantity{decimal("0.00012345")};
  EXPECT_EQ((price * quantity).to_string(), "12.192592592745");
}

template <class A, class B>
concept Addable = requires(A a, B b) {
  add(a, b);
};
static_assert(Addable<Price, Price>);
static_assert(!Addable<Price, Quantity>);

}  // namespace
}  // namespace perpwire
