#pragma once

#include "libs/common/ids.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Names of perps: the venue's coin to and from our trading pair. Spot pairs need the token names
/// of spotMeta: see instruments.hpp.
///
///   BTC       <->  BTC-USD          main DEX
///   kPEPE     <->  kPEPE-USD
///   hyna:BTC  <->  hyna:BTC-USD     builder DEX (HIP-3): the venue's own DEX name
///
/// Source: ARCHITECTURE.md section 3 ("Trading pairs"), hyperliquid.md sections 2.1 and 10.1.
namespace perpwire::hyperliquid {

enum class CoinKind { kPerpetual, kSpot, kOutcome };

/// What a coin string names: `@n` and `A/B` are spot, `#n` outcomes, the rest perps.
CoinKind kind_of_coin(std::string_view coin);

/// The DEX of a perp's coin or pair: what stands before the first colon; "" = the main DEX.
std::string_view dex_of(std::string_view coin_or_pair);

/// "hyna:BTC" -> "hyna:BTC-USD". Perps quote USD whatever the collateral.
TradingPair perp_pair(std::string_view coin);
/// "hyna:BTC-USD" -> "hyna:BTC"; nothing if it does not end in "-USD".
std::optional<std::string> perp_coin(const TradingPair& pair);

}  // namespace perpwire::hyperliquid
