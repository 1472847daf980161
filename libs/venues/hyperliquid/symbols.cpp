#include "libs/venues/hyperliquid/symbols.hpp"

namespace perpwire::hyperliquid {

constexpr std::string_view kPerpSuffix = "-USD";

CoinKind kind_of_coin(std::string_view coin) {
  if (coin.starts_with('#')) {
    return CoinKind::kOutcome;
  }
  return coin.starts_with('@') || coin.find('/') != std::string_view::npos ? CoinKind::kSpot
                                                                           : CoinKind::kPerpetual;
}

std::string_view dex_of(std::string_view coin_or_pair) {
  const auto colon = coin_or_pair.find(':');
  return colon == std::string_view::npos ? std::string_view{} : coin_or_pair.substr(0, colon);
}

TradingPair perp_pair(std::string_view coin) {
  return TradingPair{std::string(coin) + std::string(kPerpSuffix)};
}

std::optional<std::string> perp_coin(const TradingPair& pair) {
  const std::string_view text = pair.value();
  if (!text.ends_with(kPerpSuffix) || text.size() == kPerpSuffix.size()) {
    return std::nullopt;
  }
  return std::string(text.substr(0, text.size() - kPerpSuffix.size()));
}

}  // namespace perpwire::hyperliquid
