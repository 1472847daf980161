#include "tools/venue-sim/config.hpp"

#include "libs/common/build_info.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>

namespace perpwire::sim {
namespace {

[[noreturn]] void bad(const std::string& option, const std::string& expected,
                      const std::string& found) {
  throw ConfigError(option + ": expected " + expected + ", found " + found);
}

std::pair<std::string, std::string> split(const std::string& option, const std::string& text,
                                          char mark, const std::string& expected) {
  const auto at = text.rfind(mark);
  if (at == std::string::npos) {
    bad(option, expected, text);
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

boost::asio::ip::tcp::endpoint parse_endpoint(const std::string& option, const std::string& text) {
  const auto [host, port] = split(option, text, ':', "127.0.0.1:PORT");
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  std::uint16_t number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error || !address.is_loopback() || code != std::errc{} || end != port.data() + port.size()) {
    bad(option, "a loopback address and a port", text);
  }
  return {address, number};
}

Address parse_account(const std::string& option, const std::string& text) {
  const auto address = parse_address(text);
  if (!address) {
    bad(option, "an address of 0x and 40 hex digits", text);
  }
  return *address;
}

Funding parse_funding(const std::string& text) {
  const std::string expected = "ADDRESS=AMOUNT or ADDRESS=AMOUNT@main|DEX|spot|token:N";
  auto [address, amount] = split("--fund", text, '=', expected);
  Funding funding;
  funding.account = parse_account("--fund", address);
  if (const auto at = amount.find('@'); at != std::string::npos) {
    funding.place = amount.substr(at + 1);
    amount.resize(at);
  }
  const auto decimal = Decimal::parse(amount);
  const auto money = decimal ? to_money(*decimal) : Result<Money>{fail(ErrorCode::kMalformed, "")};
  if (!money || !money->is_positive()) {
    bad("--fund", expected, text);
  }
  funding.amount = *money;
  return funding;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> result;
  std::string::size_type start = 0;
  while (!text.empty() && start <= text.size()) {
    const auto end = std::min(text.find(',', start), text.size());
    result.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return result;
}

void apply_reading(Readings& readings, const std::string& text) {
  const auto [name, value] = split("--reading", text, '=', "NAME=NUMBER");
  int number = -1;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (code != std::errc{} || end != value.data() + value.size()) {
    bad("--reading", "NAME=NUMBER", text);
  }
  if (const auto set = set_reading(readings, name, number); !set) {
    throw ConfigError("--reading: " + set.error().text);
  }
}

}  // namespace

std::optional<Config> parse_config(int argc, const char* const* argv) {
  CLI::App app{"A local Hyperliquid: REST and WebSocket on one port, control on another."};
  std::string listen = "127.0.0.1:4001";
  std::string control = "127.0.0.1:4002";
  std::string limits = "documented";
  std::string dexs = "hyna,-,flx";
  std::string network = "testnet";
  std::vector<std::string> fundings;
  std::vector<std::string> agents;
  std::vector<std::string> readings;
  bool is_still = false;
  bool show_version = false;
  std::optional<std::uint64_t> readings_seed;
  Config config;
  app.add_option("--listen", listen, "REST and WebSocket, loopback only; port 0 = any");
  app.add_option("--control", control, "control endpoint, loopback only; port 0 = any");
  app.add_option("--seed", config.exchange.seed, "of everything random: prices, trades, readings");
  app.add_option("--block-ms", config.exchange.block_ms, "0 = every action is a block of its own");
  app.add_option("--limits", limits, "documented | off");
  app.add_option("--fund", fundings, "ADDRESS=AMOUNT[@main|DEX|spot|token:N]; repeatable");
  app.add_option("--agent", agents,
                 "MASTER=AGENT, an approved API wallet; repeatable, up to 4 each");
  app.add_option("--dexs", dexs, "builder DEXs in the order of perpDexs, - = a null entry");
  app.add_option("--network", network, "testnet | mainnet: what signatures are made for");
  app.add_option("--readings-seed", readings_seed, "seed of the open readings (default: --seed)");
  app.add_option("--reading", readings, "NAME=NUMBER: sets one open reading; repeatable");
  app.add_option("--liquidity-ms", config.exchange.liquidity_interval_ms,
                 "how often the background market moves");
  app.add_flag("--still", is_still, "the background market stands still");
  app.add_flag("--version", show_version, "print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw ConfigError(error.what());
  }
  if (show_version) {
    std::cout << "perpwire-venue-sim " << version() << " " << build_id() << "\n";
    return std::nullopt;
  }
  config.listen = parse_endpoint("--listen", listen);
  config.control = parse_endpoint("--control", control);
  if (limits != "documented" && limits != "off") {
    bad("--limits", "documented or off", limits);
  }
  config.exchange.documented_limits = limits == "documented";
  if (config.exchange.block_ms < 0 || config.exchange.block_ms > 60'000) {
    bad("--block-ms", "0 to 60000", std::to_string(config.exchange.block_ms));
  }
  if (config.exchange.liquidity_interval_ms < 1) {
    bad("--liquidity-ms", "1 or more", std::to_string(config.exchange.liquidity_interval_ms));
  }
  config.exchange.dexs = split_list(dexs);
  config.exchange.background_trading = !is_still;
  const auto parsed_network = hyperliquid::parse_network(network);
  if (!parsed_network) {
    bad("--network", "testnet or mainnet", network);
  }
  config.network = *parsed_network;
  config.readings = readings_from_seed(readings_seed.value_or(config.exchange.seed));
  for (const auto& text : readings) {
    apply_reading(config.readings, text);
  }
  for (const auto& text : fundings) {
    config.fundings.push_back(parse_funding(text));
  }
  for (const auto& text : agents) {
    const auto [master, agent] = split("--agent", text, '=', "MASTER=AGENT");
    config.agents.emplace_back(parse_account("--agent", master), parse_account("--agent", agent));
  }
  return config;
}

std::unique_ptr<Exchange> open_exchange(const Config& config, Millis now) {
  auto made = Exchange::make(config.exchange, config.readings, now);
  if (!made) {
    throw ConfigError("--dexs: " + made.error().text);
  }
  auto& exchange = **made;
  for (const auto& funding : config.fundings) {
    if (funding.place.empty()) {
      exchange.fund(funding.account, funding.amount);
    } else if (funding.place == "spot") {
      exchange.fund_spot(funding.account, 0, funding.amount);
    } else if (funding.place.starts_with("token:")) {
      int token = -1;
      const char* end = funding.place.data() + funding.place.size();
      std::from_chars(funding.place.data() + 6, end, token);
      if (exchange.state().universe.token(token) == nullptr) {
        bad("--fund", "a token index of spotMeta", funding.place);
      }
      exchange.fund_spot(funding.account, token, funding.amount);
    } else {
      const auto dex =
          exchange.state().universe.dex_index(funding.place == "main" ? "" : funding.place);
      if (!dex) {
        bad("--fund", "main, spot, token:N or a name of --dexs", funding.place);
      }
      exchange.fund(funding.account, funding.amount, dex);
    }
  }
  std::map<Address, int> agents_of;  // the first is the unnamed one; the same name would replace it
  for (const auto& [master, agent] : config.agents) {
    exchange.open_account(master);
    const int number = ++agents_of[master];
    const std::string name = number == 1 ? "" : "agent-" + std::to_string(number);
    if (const auto approved = exchange.approve_agent(master, agent, name); !approved) {
      throw ConfigError("--agent: " + approved.error().text);
    }
  }
  return std::move(*made);
}

}  // namespace perpwire::sim
