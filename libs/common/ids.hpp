#pragma once

#include "libs/common/result.hpp"

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace perpwire {

/// A string of one meaning: ids of different kinds do not mix.
template <class Tag>
class StringId {
 public:
  StringId() = default;
  explicit StringId(std::string value) : value_(std::move(value)) {}

  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend auto operator<=>(const StringId&, const StringId&) = default;
  friend bool operator==(const StringId&, const StringId&) = default;
  friend std::ostream& operator<<(std::ostream& out, const StringId& id) {
    return out << id.value_;
  }

 private:
  std::string value_;
};

using ClientOrderId = StringId<struct ClientOrderIdTag>;  // ours, unique per account for ever
using VenueOrderId = StringId<struct VenueOrderIdTag>;    // the venue's, known after it answers
using TradeId = StringId<struct TradeIdTag>;              // one execution
using AccountName = StringId<struct AccountNameTag>;      // [accounts.<name>] of the configuration
using TradingPair = StringId<struct TradingPairTag>;      // "BTC-USD", "hyna:BTC-USD"
using VenueSymbol = StringId<struct VenueSymbolTag>;  // the venue's own: "BTC", "hyna:BTC", "@107"
using VenueName = StringId<struct VenueNameTag>;      // "hyperliquid"

/// Checks the contract's form: 1 to 64 of [A-Za-z0-9._:-].
Result<ClientOrderId> parse_client_order_id(std::string_view text);

}  // namespace perpwire

template <class Tag>
struct std::hash<perpwire::StringId<Tag>> {
  std::size_t operator()(const perpwire::StringId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value());
  }
};
