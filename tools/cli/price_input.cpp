#include "tools/cli/price_input.hpp"

#include "libs/common/contract_json.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::cli {
namespace {

constexpr int kPlaces = 18;  // of the mid price before it is brought to a valid one

/// Power of ten of the leading digit: 2 for 123, -3 for 0.00123.
int leading_power(const Decimal& value) {
  int digits = 0;
  for (auto rest = value.mantissa(); rest != 0; rest /= 10) ++digits;
  return digits - 1 + value.exponent();
}

tl::unexpected<Failure> wrong(const std::string& option, std::string_view expected,
                              const std::string& text) {
  return fail_with(Exit::kUsage,
                   fmt::format("{}: expected {}, found '{}'", option, expected, text));
}

}  // namespace

Outcome<Decimal> parse_positive(const std::string& option, const std::string& text) {
  const auto value = Decimal::parse(text);
  if (!value || !value->is_positive()) return wrong(option, "a number above zero", text);
  return *value;
}

Outcome<PriceInput> parse_price_input(const std::string& option, const std::string& text) {
  constexpr std::string_view kUnit = "bps";
  constexpr std::string_view kExpected =
      "a price above zero, 'mid', or basis points from it such as -10bps";
  if (text == "mid") return PriceInput{};
  const bool relative = text.size() > kUnit.size() &&
                        std::string_view(text).substr(text.size() - kUnit.size()) == kUnit;
  if (!relative) {
    const auto value = Decimal::parse(text);
    if (!value || !value->is_positive()) return wrong(option, kExpected, text);
    return PriceInput{.absolute = *value, .relative_bps = {}};
  }
  std::string_view number = std::string_view(text).substr(0, text.size() - kUnit.size());
  if (number.front() == '+') number.remove_prefix(1);
  const auto bps = Decimal::parse(number);
  // At -10,000 bps the price would be zero.
  if (!bps || *bps <= Decimal{-10'000} || *bps > Decimal{10'000})
    return wrong(option, kExpected, text);
  return PriceInput{.absolute = std::nullopt, .relative_bps = *bps};
}

Outcome<Decimal> step_at(const Decimal& price, const v1::Instrument& instrument) {
  if (instrument.has_tick_size()) {
    if (const auto tick = to_decimal(instrument.tick_size()); tick && tick->is_positive())
      return *tick;
  }
  const int figures = static_cast<int>(instrument.price_rule().significant_figures());
  if (figures <= 0) {
    return fail_with(Exit::kFailed,
                     fmt::format("{}: expected a tick_size or price_rule, found none",
                                 instrument.trading_pair()));
  }
  const int finest = -static_cast<int>(instrument.price_rule().max_decimals());
  const int by_figures = leading_power(price) - (figures - 1);
  // Whole numbers are always valid, however many figures they have.
  return Decimal::of(1, std::min(0, std::max(finest, by_figures)));
}

Outcome<Decimal> resolve_price(const PriceInput& input, Side side, const v1::Bbo& bbo,
                               const v1::Instrument& instrument) {
  if (input.absolute) return *input.absolute;
  const auto empty = [&](std::string_view what) {
    return fail_with(Exit::kFailed, fmt::format("{}: expected a bid and an ask, found {}",
                                                bbo.trading_pair(), what));
  };
  if (!bbo.has_bid_price()) return empty("no bid");
  if (!bbo.has_ask_price()) return empty("no ask");
  const auto sum = to_wide_decimal(bbo.bid_price()).and_then([&](const WideDecimal& bid) {
    return to_wide_decimal(bbo.ask_price()).and_then([&](const WideDecimal& ask) {
      return add(bid, ask);
    });
  });
  const auto factor = add(widen(Decimal{10'000}), widen(input.relative_bps));
  if (!sum || !factor) return empty("numbers out of range");
  const auto price =
      multiply(*sum, *factor)
          .and_then([](const WideDecimal& product) {
            return divide(product, widen(Decimal{20'000}), kPlaces);
          })
          // 64 bits hold any price with nine places and twelve digits.
          .and_then([](const WideDecimal& exact) { return narrow(round_half_even(exact, 9)); });
  if (!price || !price->is_positive()) return empty("a mid price out of range");
  const auto step = step_at(*price, instrument);
  if (!step) return tl::unexpected(step.error());
  const auto valid = side == Side::kBuy ? round_down_to(*price, *step) : round_up_to(*price, *step);
  if (!valid || !valid->is_positive()) return empty("no valid price there");
  return *valid;
}

}  // namespace perpwire::cli
