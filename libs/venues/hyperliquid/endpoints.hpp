#pragma once

#include "libs/venues/hyperliquid/signing.hpp"

#include <string_view>

/// Hosts and paths. Source: hyperliquid.md section 1.
namespace perpwire::hyperliquid {

inline constexpr std::string_view kInfoPath = "/info";          // POST
inline constexpr std::string_view kExchangePath = "/exchange";  // POST
inline constexpr std::string_view kWebSocketPath = "/ws";

constexpr std::string_view rest_url(Network network) {
  return network == Network::kMainnet ? "https://api.hyperliquid.xyz"
                                      : "https://api.hyperliquid-testnet.xyz";
}
constexpr std::string_view ws_url(Network network) {
  return network == Network::kMainnet ? "wss://api.hyperliquid.xyz/ws"
                                      : "wss://api.hyperliquid-testnet.xyz/ws";
}

}  // namespace perpwire::hyperliquid
