#pragma once

#include "libs/venues/hyperliquid/signing.hpp"
#include "tools/venue-sim/core/exchange.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::sim {

struct Funding {
  Address account;
  Money amount;
  std::string place;  // "" everywhere, "main", a DEX, "spot", or "token:<index>"
};

struct Config {
  boost::asio::ip::tcp::endpoint listen;
  boost::asio::ip::tcp::endpoint control;
  hyperliquid::Network network = hyperliquid::Network::kTestnet;
  ExchangeConfig exchange;
  Readings readings;
  std::vector<Funding> fundings;
  std::vector<std::pair<Address, Address>> agents;  // master, agent
};

/// Reads the command line. Nothing after --help or --version. Throws ConfigError naming the option,
/// what was expected and what was found.
std::optional<Config> parse_config(int argc, const char* const* argv);

/// The venue as configured, its accounts funded.
std::unique_ptr<Exchange> open_exchange(const Config& config, Millis now);

}  // namespace perpwire::sim
