#include "services/order-gateway/order_types.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace perpwire::gateway {
namespace {

template <class Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Words<OrderType, 7> kOrderTypes{{
    {OrderType::kLimit, "LIMIT"},
    {OrderType::kMarket, "MARKET"},
    {OrderType::kStopLimit, "STOP_LIMIT"},
    {OrderType::kStopMarket, "STOP_MARKET"},
    {OrderType::kTakeProfitLimit, "TAKE_PROFIT_LIMIT"},
    {OrderType::kTakeProfitMarket, "TAKE_PROFIT_MARKET"},
    {OrderType::kTwap, "TWAP"},
}};
constexpr Words<TimeInForce, 5> kTimesInForce{{
    {TimeInForce::kGtc, "GTC"},
    {TimeInForce::kIoc, "IOC"},
    {TimeInForce::kAlo, "ALO"},
    {TimeInForce::kFok, "FOK"},
    {TimeInForce::kGtd, "GTD"},
}};
constexpr Words<OrderState, 8> kOrderStates{{
    {OrderState::kPendingCreate, "PENDING_CREATE"},
    {OrderState::kOpen, "OPEN"},
    {OrderState::kPartiallyFilled, "PARTIALLY_FILLED"},
    {OrderState::kPendingCancel, "PENDING_CANCEL"},
    {OrderState::kUnknown, "UNKNOWN"},
    {OrderState::kFilled, "FILLED"},
    {OrderState::kCancelled, "CANCELLED"},
    {OrderState::kFailed, "FAILED"},
}};

template <class Enum, std::size_t N>
std::string_view word_of(const Words<Enum, N>& words, Enum value) {
  for (const auto& [known, word] : words) {
    if (known == value) return word;
  }
  return "";
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const Words<Enum, N>& words, std::string_view text) {
  for (const auto& [known, word] : words) {
    if (word == text) return known;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(OrderType type) { return word_of(kOrderTypes, type); }
std::string_view to_string(TimeInForce value) { return word_of(kTimesInForce, value); }
std::string_view to_string(OrderState state) { return word_of(kOrderStates, state); }

std::optional<OrderType> order_type_from_string(std::string_view text) {
  return value_of(kOrderTypes, text);
}
std::optional<TimeInForce> time_in_force_from_string(std::string_view text) {
  return value_of(kTimesInForce, text);
}
std::optional<OrderState> order_state_from_string(std::string_view text) {
  return value_of(kOrderStates, text);
}

std::string_view topic_word(OrderEventKind kind) {
  switch (kind) {
    case OrderEventKind::kCreated:
      return "created";
    case OrderEventKind::kFilled:
      return "filled";
    case OrderEventKind::kPartialFill:
      return "partial_fill";
    case OrderEventKind::kCancelled:
      return "cancelled";
    case OrderEventKind::kFailed:
      return "failed";
    case OrderEventKind::kUpdate:
      return "update";
  }
  return "";
}

std::string_view event_type(OrderEventKind kind) {
  switch (kind) {
    case OrderEventKind::kCreated:
      return "order_created";
    case OrderEventKind::kFilled:
      return "order_filled";
    case OrderEventKind::kPartialFill:
      return "order_partial_fill";
    case OrderEventKind::kCancelled:
      return "order_cancelled";
    case OrderEventKind::kFailed:
      return "order_failed";
    case OrderEventKind::kUpdate:
      return "order_update";
  }
  return "";
}

}  // namespace perpwire::gateway
