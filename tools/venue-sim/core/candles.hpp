#pragma once

#include "tools/venue-sim/core/units.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace perpwire::sim {

/// 1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M, as section 7.1 lists them.
constexpr std::array<std::string_view, 14> kCandleIntervals = {
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M"};

struct Candle {
  Millis open_time = 0;
  Millis close_time = 0;  // last millisecond
  Ticks open;
  Ticks close;
  Ticks high;
  Ticks low;
  Lots volume;
  std::uint64_t trades = 0;
};

/// The candles of one market, all intervals, from its trades; the most recent 5000 of each.
class CandleStore {
 public:
  static constexpr std::size_t kKept = 5000;

  void on_trade(Ticks price, Lots size, Millis time);
  /// The running candle of an interval at a time; nothing before the first trade.
  [[nodiscard]] std::optional<Candle> running(std::size_t interval) const;
  /// Candles that open within [start, end].
  [[nodiscard]] std::vector<Candle> between(std::size_t interval, Millis start, Millis end) const;

 private:
  std::array<std::deque<Candle>, kCandleIntervals.size()> by_interval_;
};

std::optional<std::size_t> candle_interval(std::string_view name);
/// The opening time of the candle that holds `time`; and of the one after. UTC; weeks start on
/// Monday, months on their first day.
Millis candle_open(std::size_t interval, Millis time);
Millis candle_next(std::size_t interval, Millis open_time);

}  // namespace perpwire::sim
