#include "libs/venues/hyperliquid/exchange_reply.hpp"

#include "libs/common/utf8.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"

#include <simdjson.h>

#include <charconv>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

using simdjson::dom::element;

tl::unexpected<Error> malformed(std::string_view what, std::string_view body) {
  return fail(ErrorCode::kMalformed, "hyperliquid exchange answer: expected " + std::string(what) +
                                         ", found " + readable(body, 120));
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
  } else if (value["running"].get(inner) == simdjson::SUCCESS) {
    std::uint64_t id = 0;
    if (inner["twapId"].get(id) == simdjson::SUCCESS) {
      item.kind = ItemReply::Kind::kResting;
      item.venue_order_id = twap_order_id(std::to_string(id));
    }
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

unsigned leading_http_status(std::string_view text) {
  unsigned status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (error != std::errc{} || end != text.data() + 3) return 0;
  return status;
}

}  // namespace perpwire::hyperliquid
