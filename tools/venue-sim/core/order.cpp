#include "tools/venue-sim/core/order.hpp"

namespace perpwire::sim {

std::string_view to_string(TimeInForce tif) {
  switch (tif) {
    case TimeInForce::kGtc:
      return "Gtc";
    case TimeInForce::kIoc:
      return "Ioc";
    case TimeInForce::kAlo:
      return "Alo";
    case TimeInForce::kFrontendMarket:
      return "FrontendMarket";
    case TimeInForce::kLiquidationMarket:
      return "LiquidationMarket";
  }
  return "Gtc";
}

std::string_view to_string(OrderStatus status) {
  switch (status) {
    case OrderStatus::kOpen:
      return "open";
    case OrderStatus::kTriggered:
      return "triggered";
    case OrderStatus::kFilled:
      return "filled";
    case OrderStatus::kCanceled:
      return "canceled";
    case OrderStatus::kRejected:
      return "rejected";
    case OrderStatus::kMarginCanceled:
      return "marginCanceled";
    case OrderStatus::kSelfTradeCanceled:
      return "selfTradeCanceled";
    case OrderStatus::kReduceOnlyCanceled:
      return "reduceOnlyCanceled";
    case OrderStatus::kSiblingFilledCanceled:
      return "siblingFilledCanceled";
    case OrderStatus::kDelistedCanceled:
      return "delistedCanceled";
    case OrderStatus::kLiquidatedCanceled:
      return "liquidatedCanceled";
    case OrderStatus::kScheduledCancel:
      return "scheduledCancel";
    case OrderStatus::kTickRejected:
      return "tickRejected";
    case OrderStatus::kMinTradeNtlRejected:
      return "minTradeNtlRejected";
    case OrderStatus::kMinTradeSpotNtlRejected:
      return "minTradeSpotNtlRejected";
    case OrderStatus::kPerpMarginRejected:
      return "perpMarginRejected";
    case OrderStatus::kReduceOnlyRejected:
      return "reduceOnlyRejected";
    case OrderStatus::kBadAloPxRejected:
      return "badAloPxRejected";
    case OrderStatus::kIocCancelRejected:
      return "iocCancelRejected";
    case OrderStatus::kBadTriggerPxRejected:
      return "badTriggerPxRejected";
    case OrderStatus::kMarketOrderNoLiquidityRejected:
      return "marketOrderNoLiquidityRejected";
    case OrderStatus::kInsufficientSpotBalanceRejected:
      return "insufficientSpotBalanceRejected";
    case OrderStatus::kOpenInterestCapRejected:
      return "positionIncreaseAtOpenInterestCapRejected";
    case OrderStatus::kTooManyOpenOrdersRejected:
      return "tooManyOpenOrdersRejected";
  }
  return "rejected";
}

}  // namespace perpwire::sim
