#include "libs/client/prices.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/market_data.pb.h"

#include <algorithm>
#include <limits>

namespace perpwire::client {
namespace {

const Decimal kBasisPoint = Decimal::of(1, -4);

// The power of ten of the most significant digit: 4 for 50000, -3 for 0.00123.
int leading_exponent(const Decimal& value) {
  int digits = 0;
  for (auto rest = value.mantissa(); rest != 0; rest /= 10) ++digits;
  return digits - 1 + value.exponent();
}

// A whole number; the range's end where it does not fit.
std::int64_t to_int64(const Result<WideDecimal>& value) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  if (!value) return kMost;
  Int128 whole = value->mantissa();
  for (int i = 0; i < value->exponent(); ++i) {
    if (whole > kMost || whole < -kMost) break;
    whole *= 10;
  }
  return static_cast<std::int64_t>(std::clamp<Int128>(whole, -Int128{kMost}, Int128{kMost}));
}

Result<WideDecimal> middle(const Decimal& a, const Decimal& b) {
  return add(widen(a), widen(b)).and_then([](const WideDecimal& sum) {
    return divide(sum, WideDecimal{2});
  });
}

Result<Price> to_price(const WideDecimal& value) {
  return narrow(value).map([](const Decimal& narrowed) { return Price{narrowed}; });
}

}  // namespace

Result<Decimal> price_step(const v1::Instrument& instrument, const Price& price) {
  if (instrument.has_tick_size()) return to_decimal(instrument.tick_size());
  if (!instrument.has_price_rule() || !price.is_positive()) {
    return fail(ErrorCode::kMalformed,
                "instrument " + instrument.trading_pair() +
                    ": expected a tick_size or price_rule, and a price above zero, found price " +
                    price.to_string());
  }
  const auto& rule = instrument.price_rule();
  const int exponent =
      std::max(-static_cast<int>(rule.max_decimals()),
               leading_exponent(price.value()) + 1 - static_cast<int>(rule.significant_figures()));
  return Decimal::from_parts(1, std::min(0, exponent));
}

Result<Price> round_price(const v1::Instrument& instrument, const Price& price, Side side) {
  const auto step = price_step(instrument, price);
  if (!step) return tl::unexpected(step.error());
  const auto rounded =
      side == Side::kBuy ? round_down_to(price.value(), *step) : round_up_to(price.value(), *step);
  return rounded.map([](const Decimal& value) { return Price{value}; });
}

Result<Price> price_from_middle(const v1::Instrument& instrument, const v1::Bbo& bbo, Side side,
                                const Decimal& basis_points) {
  if (!bbo.has_bid_price() || !bbo.has_ask_price()) {
    return fail(ErrorCode::kStalePrice, "the book of " + bbo.trading_pair() + " has an empty side");
  }
  const auto bid = to_decimal(bbo.bid_price());
  const auto ask = to_decimal(bbo.ask_price());
  if (!bid || !ask) return tl::unexpected(bid ? ask.error() : bid.error());
  const auto factor = add(WideDecimal{1}, multiply(basis_points, kBasisPoint));
  if (!factor) return tl::unexpected(factor.error());
  return middle(*bid, *ask)
      .and_then([&](const WideDecimal& mid) { return multiply(mid, *factor); })
      .map([](const WideDecimal& moved) { return round_half_even(moved, kQuotientPlaces); })
      .and_then(to_price)
      .and_then([&](const Price& price) { return round_price(instrument, price, side); });
}

bool has_moved(const Price& from, const Price& to, const Decimal& basis_points) {
  const auto distance = subtract(widen(to.value()), widen(from.value()));
  const auto least = multiply(multiply(from.value(), basis_points), widen(kBasisPoint));
  return distance && least && distance->abs() >= *least;
}

std::int64_t whole_lots(const Quantity& quantity, const Quantity& lot) {
  return to_int64(divide(widen(quantity.value()), widen(lot.value()), 0));
}

}  // namespace perpwire::client
