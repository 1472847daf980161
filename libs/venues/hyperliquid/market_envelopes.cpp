#include "libs/venues/hyperliquid/market_envelopes.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/market_data.pb.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace perpwire::hyperliquid {
namespace {

void set_topic(std::string& out, std::string_view channel, std::string_view pair) {
  out.assign("md.");
  out.append(kVenueName).append(".").append(channel).append(".").append(pair);
}

/// What every payload has.
template <class Payload>
void stamp(Payload& payload, std::string_view pair, UnixNanos received) {
  payload.set_venue(kVenueName.data(), kVenueName.size());
  payload.set_trading_pair(pair.data(), pair.size());
  payload.set_receive_timestamp(received.value());
}

template <class Levels>
void set_levels(std::span<const BookLevel> from, Levels& to) {
  to.Reserve(static_cast<int>(from.size()));
  for (const auto& level : from) {
    auto& out = *to.Add();
    out.set_price_mantissa(level.price.value().mantissa());
    out.set_price_exponent(level.price.value().exponent());
    out.set_amount_mantissa(level.quantity.value().mantissa());
    out.set_amount_exponent(level.quantity.value().exponent());
  }
}

}  // namespace

std::string_view first_channel(Stream stream) {
  switch (stream) {
    case Stream::kAllMids:
      return "mids";
    case Stream::kL2Book:
      return "book";
    case Stream::kBbo:
      return "bbo";
    case Stream::kTrades:
      return "trade";
    case Stream::kCandle:
      return "candle";
    case Stream::kActiveAssetCtx:
      return "ticker";
  }
  return "";
}

std::string_view dex_label(std::string_view dex) { return dex.empty() ? "main" : dex; }

std::string market_topic(std::string_view channel, std::string_view pair) {
  std::string out;
  set_topic(out, channel, pair);
  return out;
}

std::string candle_topic(std::string_view interval, std::string_view pair) {
  return fmt::format("md.{}.candle.{}.{}", kVenueName, interval, pair);
}

void fill(const BookEvent& event, std::size_t depth, UnixNanos received, v1::Envelope& out,
          std::string& topic) {
  set_topic(topic, "book", event.pair);
  out.set_event_type("book");
  auto& book = *out.mutable_book();
  stamp(book, event.pair, received);
  book.set_exchange_timestamp(event.exchange_timestamp.value());
  set_levels(event.bids, *book.mutable_bids());
  set_levels(event.asks, *book.mutable_asks());
  book.set_depth(static_cast<std::uint32_t>(depth));
}

void fill_delta(const DeltaEvent& event, UnixNanos received, v1::BookDelta& out) {
  stamp(out, event.pair, received);
  out.set_exchange_timestamp(event.exchange_timestamp.value());
  set_levels(event.bids, *out.mutable_bids());
  set_levels(event.asks, *out.mutable_asks());
  out.set_snapshot(event.snapshot);
}

void fill(const DeltaEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  set_topic(topic, "delta", event.pair);
  out.set_event_type("delta");
  fill_delta(event, received, *out.mutable_delta());
}

void fill(const BboEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  set_topic(topic, "bbo", event.pair);
  out.set_event_type("bbo");
  auto& bbo = *out.mutable_bbo();
  stamp(bbo, event.pair, received);
  bbo.set_exchange_timestamp(event.exchange_timestamp.value());
  if (event.bid) {
    set_decimal(event.bid->price, *bbo.mutable_bid_price());
    set_decimal(event.bid->quantity, *bbo.mutable_bid_amount());
  }
  if (event.ask) {
    set_decimal(event.ask->price, *bbo.mutable_ask_price());
    set_decimal(event.ask->quantity, *bbo.mutable_ask_amount());
  }
}

void fill(const TradeEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  set_topic(topic, "trade", event.pair);
  out.set_event_type("trade");
  auto& trade = *out.mutable_trade();
  stamp(trade, event.pair, received);
  trade.set_exchange_timestamp(event.exchange_timestamp.value());
  trade.set_trade_id(fmt::format_int(event.trade_id).str());
  set_decimal(event.price, *trade.mutable_price());
  set_decimal(event.quantity, *trade.mutable_amount());
  const auto side = to_string(event.side);
  trade.set_aggressor_side(side.data(), side.size());
  trade.set_backfilled(event.backfilled);
}

void fill(const TickerEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  set_topic(topic, "ticker", event.pair);
  out.set_event_type("ticker");
  auto& ticker = *out.mutable_ticker();
  stamp(ticker, event.pair, received);
  if (event.mark_price) set_decimal(*event.mark_price, *ticker.mutable_mark_price());
  if (event.index_price) set_decimal(*event.index_price, *ticker.mutable_index_price());
  if (event.funding_rate) set_decimal(*event.funding_rate, *ticker.mutable_funding_rate());
  if (event.funding_interval) {
    ticker.set_funding_interval(
        std::chrono::duration_cast<std::chrono::seconds>(*event.funding_interval).count());
  }
  if (event.next_funding) ticker.set_next_funding_timestamp(event.next_funding->value());
  if (event.open_interest) set_decimal(*event.open_interest, *ticker.mutable_open_interest());
}

void fill(const MidsEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  set_topic(topic, "mids", dex_label(event.dex));
  out.set_event_type("mids");
  auto& mids = *out.mutable_mids();
  mids.set_venue(kVenueName.data(), kVenueName.size());
  mids.set_dex(std::string{dex_label(event.dex)});
  mids.set_receive_timestamp(received.value());
  auto& map = *mids.mutable_mids();
  for (const auto& item : event.mids) set_decimal(item.price, map[std::string{item.coin}]);
}

void fill_candle(const CandleEvent& event, UnixNanos received, v1::Candle& out) {
  stamp(out, event.pair, received);
  out.set_interval(event.interval.data(), event.interval.size());
  out.set_open_timestamp(event.open_time.value());
  out.set_close_timestamp(event.close_time.value());
  set_decimal(event.open, *out.mutable_open());
  set_decimal(event.high, *out.mutable_high());
  set_decimal(event.low, *out.mutable_low());
  set_decimal(event.close, *out.mutable_close());
  set_decimal(event.volume, *out.mutable_volume());
  out.set_trades(event.trades);
  out.set_closed(event.closed);
}

void fill(const CandleEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic) {
  topic.clear();
  fmt::format_to(std::back_inserter(topic), "md.{}.candle.{}.{}", kVenueName, event.interval,
                 event.pair);
  out.set_event_type("candle");
  fill_candle(event, received, *out.mutable_candle());
}

void fill_status(std::string_view channel, std::string_view pair, FeedState state,
                 std::string_view reason, UnixNanos received, v1::Envelope& out,
                 std::string& topic) {
  topic.assign("md.");
  topic.append(kVenueName).append(".status.").append(channel).append(".").append(pair);
  out.set_event_type("status");
  auto& status = *out.mutable_status();
  status.set_venue(kVenueName.data(), kVenueName.size());
  if (pair != "*") status.set_trading_pair(pair.data(), pair.size());
  status.set_receive_timestamp(received.value());
  status.set_channel(channel.data(), channel.size());
  const auto word = to_string(state);
  status.set_state(word.data(), word.size());
  status.set_reason(reason.data(), reason.size());
}

}  // namespace perpwire::hyperliquid
