#include "libs/venues/hyperliquid/exchange_reply.hpp"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

using simdjson::dom::element;

struct Words {
  std::string_view beginning;
  ErrorCode code;
};

// hyperliquid.md section 6.3. Matched on the beginning.
constexpr std::array kOrderErrors{
    Words{"Price must be divisible by tick size", ErrorCode::kPriceTick},
    Words{"Order has invalid price", ErrorCode::kPriceTick},
    Words{"Order has invalid size", ErrorCode::kAmountLot},
    Words{"Order has zero size", ErrorCode::kAmountLot},
    Words{"Order must have minimum value", ErrorCode::kMinNotional},
    Words{"Order value too large", ErrorCode::kVenueRejected},
    Words{"Order price cannot be more than", ErrorCode::kPriceRange},
    Words{"Order price too far from oracle", ErrorCode::kPriceRange},
    Words{"Invalid TP/SL price", ErrorCode::kPriceRange},
    Words{"Insufficient margin", ErrorCode::kInsufficientMargin},
    Words{"Order would cause position to exceed margin tier", ErrorCode::kInsufficientMargin},
    Words{"Reduce only order would increase position", ErrorCode::kReduceOnly},
    Words{"Post only order would have immediately matched", ErrorCode::kPostOnly},
    Words{"Only post-only orders allowed", ErrorCode::kPostOnly},
    Words{"Order could not immediately match", ErrorCode::kNoLiquidity},
    Words{"No liquidity available", ErrorCode::kNoLiquidity},
    Words{"Order would increase open interest", ErrorCode::kOpenInterestCap},
    Words{"Order rejected due to price more aggressive than oracle", ErrorCode::kOpenInterestCap},
    Words{"Order has insufficient spot balance", ErrorCode::kInsufficientBalance},
    Words{"Insufficient spot balance", ErrorCode::kInsufficientBalance},
    Words{"(Spot-only) Order has insufficient", ErrorCode::kInsufficientBalance},
    Words{"Order was never placed, already canceled, or filled", ErrorCode::kOrderFinal},
    Words{"Cannot modify canceled or filled order", ErrorCode::kOrderFinal},
    Words{"Attempted to modify to invalid new order", ErrorCode::kVenueRejected},
    Words{"Too many cumulative requests", ErrorCode::kRateLimited},
    Words{"Action already expired", ErrorCode::kExpired},
};

// Words about a whole action that say that it did nothing, if it was the only copy.
constexpr std::array kNotExecuted{
    Words{"L1 is congested", ErrorCode::kVenueUnavailable},
    Words{"Invalid nonce: nonce too low", ErrorCode::kVenueRejected},
    Words{"Invalid nonce: nonce too high", ErrorCode::kVenueRejected},
    Words{"Action already expired", ErrorCode::kExpired},
    Words{"User or API Wallet", ErrorCode::kVenueRejected},
    Words{"L1 error: User or API Wallet", ErrorCode::kVenueRejected},
    Words{"Must deposit before performing actions", ErrorCode::kVenueRejected},
    Words{"Unable to recover signer", ErrorCode::kVenueRejected},
    Words{"Vault not registered", ErrorCode::kVenueRejected},
    Words{"Signed action over weight limit", ErrorCode::kVenueRejected},
    Words{"Orders are empty", ErrorCode::kVenueRejected},
    Words{"Builder fee has not been approved", ErrorCode::kVenueRejected},
    Words{"Multi-sig required", ErrorCode::kVenueRejected},
    Words{"Mainnet and testnet require different signature", ErrorCode::kVenueRejected},
    Words{"Too many cumulative requests", ErrorCode::kRateLimited},
};

tl::unexpected<Error> malformed(std::string_view what, std::string_view body) {
  return fail(ErrorCode::kMalformed, "hyperliquid exchange answer: expected " + std::string(what) +
                                         ", found " + std::string(body.substr(0, 120)));
}

template <std::size_t N>
const Words* find(const std::array<Words, N>& table, std::string_view text) {
  for (const Words& words : table) {
    if (text.starts_with(words.beginning)) return &words;
  }
  return nullptr;
}

std::optional<VenueOrderId> id_in(const element& value) {
  std::uint64_t id = 0;
  if (value["oid"].get(id) != simdjson::SUCCESS) return std::nullopt;
  return VenueOrderId{std::to_string(id)};
}

ItemReply read_item(const element& value) {
  ItemReply item;
  std::string_view text;
  element inner;
  if (value.get(text) == simdjson::SUCCESS) {
    item.text = std::string(text);
    if (text == "success") item.kind = ItemReply::Kind::kSuccess;
    if (text.starts_with("waitingFor")) item.kind = ItemReply::Kind::kWaiting;
    return item;
  }
  if (!value.is_object()) {
    item.text = simdjson::minify(value);
    return item;
  }
  if (value["error"].get(text) == simdjson::SUCCESS) {
    item.kind = ItemReply::Kind::kError;
    item.text = std::string(text);
  } else if (value["resting"].get(inner) == simdjson::SUCCESS) {
    item.venue_order_id = id_in(inner);
    if (item.venue_order_id) item.kind = ItemReply::Kind::kResting;
  } else if (value["filled"].get(inner) == simdjson::SUCCESS) {
    item.venue_order_id = id_in(inner);
    if (inner["totalSz"].get(text) == simdjson::SUCCESS) {
      const auto total = Decimal::parse(text);
      if (total && !total->is_negative()) item.total = Quantity{*total};
    }
    if (item.venue_order_id) item.kind = ItemReply::Kind::kFilled;
  } else {
    item.text = simdjson::minify(value);
  }
  return item;
}

}  // namespace

const ItemReply* ExchangeReply::item(std::size_t i, std::size_t count) const {
  if (kind != Kind::kStatuses || items.empty()) return nullptr;
  if (items.size() == count) return i < count ? &items[i] : nullptr;
  // An error found before execution comes back once for the whole batch.
  if (items.size() == 1 && items.front().kind == ItemReply::Kind::kError) return &items.front();
  return nullptr;
}

Result<ExchangeReply> parse_exchange_reply(std::string_view body) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS) {
    return malformed("JSON", body);
  }
  std::string_view status;
  element response;
  if (!root.is_object() || root["status"].get(status) != simdjson::SUCCESS ||
      root["response"].get(response) != simdjson::SUCCESS) {
    return malformed("status and response", body);
  }
  ExchangeReply reply;
  std::string_view text;
  if (status == "err") {
    reply.text =
        response.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(response);
    return reply;
  }
  if (status != "ok" || !response.is_object()) return malformed("status ok or err", body);
  element data;
  if (response["data"].get(data) != simdjson::SUCCESS || !data.is_object()) {
    reply.kind = ExchangeReply::Kind::kDefault;
    return reply;
  }
  simdjson::dom::array statuses;
  element single;
  if (data["statuses"].get(statuses) == simdjson::SUCCESS) {
    for (const element& value : statuses) reply.items.push_back(read_item(value));
    if (reply.items.empty()) return malformed("at least one status", body);
  } else if (data["status"].get(single) == simdjson::SUCCESS) {  // TWAP
    reply.items.push_back(read_item(single));
  } else {
    reply.kind = ExchangeReply::Kind::kDefault;
    return reply;
  }
  reply.kind = ExchangeReply::Kind::kStatuses;
  return reply;
}

ErrorCode code_of_order_error(std::string_view text) {
  const Words* words = find(kOrderErrors, text);
  return words != nullptr ? words->code : ErrorCode::kVenueRejected;
}

ActionError meaning_of_action_error(std::string_view text, bool only_copy) {
  if (!only_copy) return {Proof::kNothing, ErrorCode::kVenueRejected};
  if (const Words* words = find(kNotExecuted, text)) return {Proof::kNotExecuted, words->code};
  // An error of one order that comes back as the answer to the whole batch.
  if (const Words* words = find(kOrderErrors, text)) return {Proof::kNotExecuted, words->code};
  // "Invalid nonce: duplicate nonce": the first copy landed or was refused; and words that nobody
  // has seen before.
  return {Proof::kNothing, ErrorCode::kVenueRejected};
}

ActionError meaning_of_http_status(unsigned status, bool only_copy) {
  if (only_copy && (status == 400 || status == 415 || status == 422)) {
    return {Proof::kNotExecuted, ErrorCode::kVenueRejected};
  }
  if (status == 429) return {Proof::kNothing, ErrorCode::kRateLimited};
  return {Proof::kNothing, ErrorCode::kVenueUnavailable};
}

unsigned leading_http_status(std::string_view text) {
  unsigned status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (error != std::errc{} || end != text.data() + 3) return 0;
  return status;
}

}  // namespace perpwire::hyperliquid
