#pragma once

#include <optional>
#include <string_view>

namespace perpwire {

/// Of our order (STYLE.md section 4); the contract's `trade_type`.
enum class Side { kBuy, kSell };

constexpr std::string_view to_string(Side side) { return side == Side::kBuy ? "BUY" : "SELL"; }
constexpr std::optional<Side> side_from_string(std::string_view text) {
  if (text == "BUY") return Side::kBuy;
  if (text == "SELL") return Side::kSell;
  return std::nullopt;
}
constexpr Side opposite(Side side) { return side == Side::kBuy ? Side::kSell : Side::kBuy; }

}  // namespace perpwire
