#include "libs/venues/hyperliquid/market_events.hpp"

namespace perpwire::hyperliquid {

std::string_view to_string(FeedState state) {
  switch (state) {
    case FeedState::kLive:
      return "LIVE";
    case FeedState::kStale:
      return "STALE";
    case FeedState::kResyncing:
      return "RESYNCING";
    case FeedState::kDown:
      return "DOWN";
  }
  return "";
}

std::string_view to_string(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::kMalformed:
      return "malformed";
    case Notice::Kind::kUnknownChannel:
      return "unknown_channel";
    case Notice::Kind::kUnknownCoin:
      return "unknown_coin";
    case Notice::Kind::kVenueError:
      return "venue_error";
    case Notice::Kind::kOutOfOrder:
      return "out_of_order";
    case Notice::Kind::kDoubtfulBook:
      return "doubtful_book";
    case Notice::Kind::kTradeGap:
      return "trade_gap";
  }
  return "";
}

}  // namespace perpwire::hyperliquid
