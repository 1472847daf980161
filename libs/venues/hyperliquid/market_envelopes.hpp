#pragma once

#include "libs/venues/hyperliquid/market_events.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class BookDelta;
class Candle;
class Envelope;
}  // namespace perpwire::v1

namespace perpwire::hyperliquid {

inline constexpr std::string_view kVenueName = "hyperliquid";

/// Bus channels that a stream feeds: l2Book feeds two.
std::string_view first_channel(Stream stream);  // book, bbo, trade, candle, ticker, mids
/// "main" for the main DEX, else the DEX's name.
std::string_view dex_label(std::string_view dex);

/// `md.hyperliquid.<channel>.<pair>`; candles `md.hyperliquid.candle.<interval>.<pair>`.
std::string market_topic(std::string_view channel, std::string_view pair);
std::string candle_topic(std::string_view interval, std::string_view pair);

/// Fill an empty Envelope's event_type and payload and name its topic. `received` is the moment at
/// the socket; numbers and publish time are the publisher's.
///
/// Lifetime: copies everything out of the event.
void fill(const BookEvent& event, std::size_t depth, UnixNanos received, v1::Envelope& out,
          std::string& topic);
void fill(const DeltaEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
void fill(const BboEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
void fill(const TradeEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
void fill(const TickerEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
void fill(const MidsEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
void fill(const CandleEvent& event, UnixNanos received, v1::Envelope& out, std::string& topic);
/// `channel` is a bus channel or `*`; `pair` a trading pair, a DEX label (mids) or `*`.
void fill_status(std::string_view channel, std::string_view pair, FeedState state,
                 std::string_view reason, UnixNanos received, v1::Envelope& out,
                 std::string& topic);

/// The parts that answers of requests share with events.
void fill_candle(const CandleEvent& event, UnixNanos received, v1::Candle& out);
void fill_delta(const DeltaEvent& event, UnixNanos received, v1::BookDelta& out);

}  // namespace perpwire::hyperliquid
