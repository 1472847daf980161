#include "tools/venue-sim/core/candles.hpp"

#include <algorithm>
#include <chrono>

namespace perpwire::sim {
namespace {

constexpr Millis kMinute = 60'000;
constexpr Millis kDayLength = 86'400'000;
constexpr std::size_t kMonth = 13;
constexpr std::array<Millis, 13> kLengths = {
    kMinute,      3 * kMinute,    5 * kMinute,   15 * kMinute,  30 * kMinute,
    60 * kMinute, 120 * kMinute,  240 * kMinute, 480 * kMinute, 720 * kMinute,
    kDayLength,   3 * kDayLength, 7 * kDayLength};
constexpr Millis kFirstMonday = 4 * kDayLength;  // 1970-01-05

std::chrono::year_month_day day_of(Millis time) {
  const auto days = std::chrono::days{time / kDayLength};
  return std::chrono::year_month_day{std::chrono::sys_days{days}};
}

Millis start_of(std::chrono::year_month month) {
  const auto day = std::chrono::sys_days{month / std::chrono::day{1}};
  return Millis{day.time_since_epoch().count()} * kDayLength;
}

}  // namespace

std::optional<std::size_t> candle_interval(std::string_view name) {
  const auto found = std::find(kCandleIntervals.begin(), kCandleIntervals.end(), name);
  if (found == kCandleIntervals.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - kCandleIntervals.begin());
}

Millis candle_open(std::size_t interval, Millis time) {
  if (interval == kMonth) {
    const auto day = day_of(time);
    return start_of(day.year() / day.month());
  }
  const Millis origin = kCandleIntervals[interval] == "1w" ? kFirstMonday : 0;
  return (time - origin) / kLengths[interval] * kLengths[interval] + origin;
}

Millis candle_next(std::size_t interval, Millis open_time) {
  if (interval == kMonth) {
    const auto day = day_of(open_time);
    return start_of(day.year() / day.month() + std::chrono::months{1});
  }
  return open_time + kLengths[interval];
}

void CandleStore::on_trade(Ticks price, Lots size, Millis time) {
  for (std::size_t i = 0; i < by_interval_.size(); ++i) {
    auto& candles = by_interval_[i];
    if (candles.empty() || time > candles.back().close_time) {
      const Millis open_time = candle_open(i, time);
      candles.push_back(
          {open_time, candle_next(i, open_time) - 1, price, price, price, price, Lots{}, 0});
      if (candles.size() > kKept) {
        candles.pop_front();
      }
    }
    Candle& candle = candles.back();
    candle.close = price;
    candle.high = std::max(candle.high, price);
    candle.low = std::min(candle.low, price);
    candle.volume += size;
    ++candle.trades;
  }
}

std::optional<Candle> CandleStore::running(std::size_t interval) const {
  const auto& candles = by_interval_[interval];
  return candles.empty() ? std::nullopt : std::optional{candles.back()};
}

std::vector<Candle> CandleStore::between(std::size_t interval, Millis start, Millis end) const {
  std::vector<Candle> result;
  for (const auto& candle : by_interval_[interval]) {
    if (candle.open_time >= start && candle.open_time <= end) {
      result.push_back(candle);
    }
  }
  return result;
}

}  // namespace perpwire::sim
