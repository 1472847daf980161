#include "tools/cli/market_view.hpp"

#include "libs/common/decimal.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/session.hpp"
#include "tools/cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::cli {
namespace {

std::string number(std::int64_t mantissa, std::int32_t exponent) {
  const auto value = Decimal::from_parts(mantissa, exponent);
  return value ? value->to_string() : "?";
}

/// "venue 41.2 ms -> receive 35 us -> publish 120 us -> here": how old what is shown is.
template <class Message>
std::string delays(const Message& message, const v1::Envelope& envelope,
                   std::optional<UnixNanos> arrived) {
  const auto micros = [](std::int64_t from, std::int64_t to) { return (to - from) / 1'000; };
  std::string out;
  if (message.has_exchange_timestamp()) {
    out += fmt::format("venue to us {} us, ",
                       micros(message.exchange_timestamp(), message.receive_timestamp()));
  }
  out += fmt::format("to publish {} us", micros(message.receive_timestamp(), envelope.timestamp()));
  if (arrived) {
    out += fmt::format(", to here {} us", micros(envelope.timestamp(), arrived->value()));
  }
  return out;
}

std::string book_text(const v1::Envelope& envelope, std::optional<UnixNanos> arrived,
                      unsigned depth) {
  const auto& book = envelope.book();
  Table table({"bid amount", "bid", "ask", "ask amount"});
  const int levels =
      std::min(static_cast<int>(depth), std::max(book.bids_size(), book.asks_size()));
  for (int i = 0; i < levels; ++i) {
    std::vector<std::string> row(4);
    if (i < book.bids_size()) {
      const auto& level = book.bids(i);
      row[0] = number(level.amount_mantissa(), level.amount_exponent());
      row[1] = number(level.price_mantissa(), level.price_exponent());
    }
    if (i < book.asks_size()) {
      const auto& level = book.asks(i);
      row[2] = number(level.price_mantissa(), level.price_exponent());
      row[3] = number(level.amount_mantissa(), level.amount_exponent());
    }
    table.add(std::move(row));
  }
  return fmt::format("{} {}  {}\n{}", book.trading_pair(), utc(UnixNanos{envelope.timestamp()}),
                     delays(book, envelope, arrived), table.text());
}

}  // namespace

std::string market_text(const v1::Envelope& envelope, std::optional<UnixNanos> arrived,
                        unsigned depth) {
  const auto at = utc(UnixNanos{envelope.timestamp()});
  switch (envelope.payload_case()) {
    case v1::Envelope::kBook:
      return book_text(envelope, arrived, depth);
    case v1::Envelope::kBbo: {
      const auto& bbo = envelope.bbo();
      return fmt::format(
          "{} {}  {} x {}  |  {} x {}  {}\n", at, bbo.trading_pair(),
          cell(bbo.has_bid_amount(), bbo.bid_amount()), cell(bbo.has_bid_price(), bbo.bid_price()),
          cell(bbo.has_ask_price(), bbo.ask_price()), cell(bbo.has_ask_amount(), bbo.ask_amount()),
          delays(bbo, envelope, arrived));
    }
    case v1::Envelope::kTrade: {
      const auto& trade = envelope.trade();
      return fmt::format("{} {}  {:<4} {} at {}  id {}  {}\n", at, trade.trading_pair(),
                         trade.aggressor_side(), cell(trade.amount()), cell(trade.price()),
                         trade.trade_id(), delays(trade, envelope, arrived));
    }
    case v1::Envelope::kTicker: {
      const auto& ticker = envelope.ticker();
      return fmt::format("{} {}  mark {}  index {}  funding {} per {} s  open interest {}\n", at,
                         ticker.trading_pair(), cell(ticker.has_mark_price(), ticker.mark_price()),
                         cell(ticker.has_index_price(), ticker.index_price()),
                         cell(ticker.has_funding_rate(), ticker.funding_rate()),
                         ticker.funding_interval(),
                         cell(ticker.has_open_interest(), ticker.open_interest()));
    }
    case v1::Envelope::kInstrument: {
      const auto& instrument = envelope.instrument();
      return fmt::format(
          "{}  {}  {}  {}  lot {}  least value {}  most leverage {}  settles in {}\n",
          instrument.trading_pair(), instrument.venue_symbol(), instrument.status(),
          instrument.has_tick_size() ? "tick " + cell(instrument.tick_size())
                                     : fmt::format("{} significant figures, at most {} decimals",
                                                   instrument.price_rule().significant_figures(),
                                                   instrument.price_rule().max_decimals()),
          cell(instrument.lot_size()),
          cell(instrument.has_min_notional(), instrument.min_notional()),
          instrument.has_max_leverage() ? std::to_string(instrument.max_leverage()) : kNothing,
          instrument.settle());
    }
    default:
      return json_of(envelope) + "\n";
  }
}

}  // namespace perpwire::cli
