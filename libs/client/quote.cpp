#include "libs/client/quote.hpp"

#include "libs/client/prices.hpp"
#include "libs/common/contract_json.hpp"
#include "perpwire/v1/orders.pb.h"

namespace perpwire::client {

Quote::Quote(Client& suite, TradingPair pair, Side side, Quantity amount, const Options& options)
    : suite_(suite), pair_(std::move(pair)), side_(side), amount_(amount), options_(options) {}

void Quote::want(std::optional<Price> price, Nanos now) {
  if (now < quiet_until_) return;
  if (id_.empty() && price) {
    id_ = suite_.place(
        side_, {.trading_pair = pair_, .amount = amount_, .price = *price, .time_in_force = "ALO"});
  } else if (is_open_ && !price) {
    suite_.cancel(id_, {});
  } else if (is_open_ && has_moved(price_, *price, options_.least_move_bps)) {
    modify(*price);
  } else {
    return;
  }
  quiet_until_ = now + options_.pause;
}

void Quote::modify(const Price& price) {
  suite_.modify(id_, price, amount_, [this, id = id_](const Status& taken) {
    // Refused (it would cross, the rest is too small): placed anew once this one is gone.
    if (!taken && id == id_) suite_.cancel(id, {});
  });
}

void Quote::on_order(const v1::OrderEvent& order) {
  if (id_.empty() || order.client_order_id() != id_.value()) return;
  is_open_ = is_open(order);
  if (const auto price = to_decimal(order.price()); price) price_ = Price{*price};
  if (is_final(order)) {
    id_ = {};
  } else if (order.has_failure()) {
    suite_.cancel(id_, {});  // the venue refused a modify
  }
}

void Quote::on_rejected(const ClientOrderId& id) {
  if (id == id_) id_ = {};
}

void Quote::on_unknown(const ClientOrderId& id) {
  if (id == id_) suite_.resend(id);
}

}  // namespace perpwire::client
