#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/secp256k1.hpp"
#include "libs/common/settings.hpp"
#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/actions.hpp"
#include "libs/venues/hyperliquid/exchange_reply.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "libs/venues/hyperliquid/signing.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::cli {

struct RunningTwap {
  std::string coin;
  std::uint64_t id = 0;
};

/// The venue of one account, asked and told by REST alone, with the key in this process: the way
/// that needs no other process of ours. One thing at a time; each call ends within its timeout.
class PanicVenue {
 public:
  PanicVenue(const VenueSettings& venue, const AccountSettings& account, std::string_view network,
             SigningKey key, Nanos timeout);

  /// The asset map: perpDexs, every DEX's meta, spot. Errors name the question.
  Status load_instruments();
  [[nodiscard]] const hyperliquid::Instruments& instruments() const { return instruments_; }

  /// Of every DEX of the configuration, spot included. Errors: an answer that is missing or holds
  /// an element that does not read proves nothing.
  Result<std::vector<venues::OrderWord>> open_orders();
  Result<std::vector<RunningTwap>> running_twaps();
  Result<std::vector<venues::PositionWord>> positions();

  /// Signs with a fresh nonce and posts. Errors: kMalformed or kVenueUnavailable where the venue's
  /// answer tells nothing: the action may have been executed.
  Result<hyperliquid::ExchangeReply> act(const hyperliquid::Action& action);

 private:
  Result<std::string> post(std::string_view path, const std::string& body);
  Result<std::string> info(const std::string& body);

  const VenueSettings& venue_;
  const AccountSettings& account_;
  hyperliquid::Network network_;
  SigningKey key_;
  Nanos timeout_;
  boost::asio::io_context io_{1};
  net::HttpClient http_;
  hyperliquid::Instruments instruments_;
  std::uint64_t last_nonce_ = 0;
};

}  // namespace perpwire::cli
