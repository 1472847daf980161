#include "tools/venue-sim/core/action.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

bool takes_liquidity(const OrderRequest& order) {
  return order.trigger || order.tif != TimeInForce::kAlo;
}

}  // namespace

ActionResult ActionResult::error(std::string text) {
  ActionResult result;
  result.kind = Kind::kError;
  result.text = std::move(text);
  return result;
}

ActionResult ActionResult::with_statuses(std::string type, std::vector<OrderAnswer> statuses) {
  ActionResult result;
  result.kind = Kind::kStatuses;
  result.type = std::move(type);
  result.statuses = std::move(statuses);
  return result;
}

bool is_cancel(const ActionBody& body) {
  return std::holds_alternative<CancelOrders>(body) || std::holds_alternative<CancelTwap>(body);
}

int block_class(const ActionBody& body) {
  if (is_cancel(body)) {
    return 2;
  }
  if (const auto* place = std::get_if<PlaceOrders>(&body)) {
    return std::any_of(place->orders.begin(), place->orders.end(), takes_liquidity) ? 3 : 1;
  }
  if (const auto* modify = std::get_if<ModifyOrders>(&body)) {
    const bool takes = std::any_of(modify->modifies.begin(), modify->modifies.end(),
                                   [](const auto& one) { return takes_liquidity(one.order); });
    return takes ? 3 : 1;
  }
  return 1;
}

std::size_t action_weight(const ActionBody& body) {
  std::size_t count = 1;
  if (const auto* place = std::get_if<PlaceOrders>(&body)) {
    count = place->orders.size();
  } else if (const auto* modify = std::get_if<ModifyOrders>(&body)) {
    count = modify->modifies.size();
  } else if (const auto* cancel = std::get_if<CancelOrders>(&body)) {
    count = cancel->cancels.size();
  }
  return std::max<std::size_t>(count, 1);
}

}  // namespace perpwire::sim
