#pragma once

#include "libs/venues/hyperliquid/market_book.hpp"

#include <map>
#include <string>
#include <string_view>

namespace perpwire::hyperliquid {

/// What market data need to know of one instrument.
struct MarketInstrument {
  std::string coin;  // the venue's: "BTC", "hyna:BTC", "@107"
  std::string pair;  // ours: "BTC-USD", "hyna:BTC-USD"
  std::string dex;   // "" = main
  bool spot = false;
  PriceGrid grid;
};

/// The known instruments by coin. Entries keep their place and are never taken out: a delisted
/// instrument is still known.
class MarketInstruments {
 public:
  void put(MarketInstrument instrument) {
    std::string coin = instrument.coin;
    by_pair_.insert_or_assign(instrument.pair, coin);
    by_coin_.insert_or_assign(std::move(coin), std::move(instrument));
  }
  [[nodiscard]] const MarketInstrument* by_coin(std::string_view coin) const {
    const auto found = by_coin_.find(coin);
    return found == by_coin_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const MarketInstrument* by_pair(std::string_view pair) const {
    const auto found = by_pair_.find(pair);
    return found == by_pair_.end() ? nullptr : by_coin(found->second);
  }
  [[nodiscard]] std::size_t size() const { return by_coin_.size(); }

 private:
  std::map<std::string, MarketInstrument, std::less<>> by_coin_;
  std::map<std::string, std::string, std::less<>> by_pair_;
};

}  // namespace perpwire::hyperliquid
