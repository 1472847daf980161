#pragma once

#include "tools/venue-sim/core/exchange.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace perpwire::sim::testing {

constexpr Millis kStart = 1'760'000'400'000;  // some time within an hour
inline const Address kAlice{"0x00000000000000000000000000000000000000aa"};
inline const Address kBob{"0x00000000000000000000000000000000000000bb"};

inline Decimal number(std::string_view text) { return Decimal::parse(text).value(); }

struct OrderSpec {
  std::uint64_t asset = 0;
  Side side = Side::kBuy;
  std::string_view price;
  std::string_view size;
  TimeInForce tif = TimeInForce::kGtc;
  bool reduce_only = false;
  std::string cloid = {};
};

inline OrderRequest request(const OrderSpec& spec) {
  OrderRequest result;
  result.asset = spec.asset;
  result.side = spec.side;
  result.price = number(spec.price);
  result.size = number(spec.size);
  result.tif = spec.tif;
  result.reduce_only = spec.reduce_only;
  result.cloid = spec.cloid;
  return result;
}

/// A venue with two funded accounts that executes every action at once. Background markets stand
/// still unless asked; `empty` takes the ladder of a market away.
class Venue {
 public:
  explicit Venue(std::uint64_t seed = 0, bool background = false, Readings readings = {}) {
    ExchangeConfig config;
    config.seed = seed;
    config.block_ms = 0;
    config.documented_limits = false;
    config.background_trading = background;
    exchange_ = Exchange::make(config, readings, kStart).value();
    exchange_->fund(kAlice, whole_money(100'000));
    exchange_->fund(kBob, whole_money(100'000));
    exchange_->fund_spot(kAlice, 150, whole_money(1'000));
  }

  Exchange& operator*() { return *exchange_; }
  Exchange* operator->() { return exchange_.get(); }

  void empty(MarketIndex market) { exchange_->withdraw_liquidity(market); }

  ActionResult act(const Address& signer, ActionBody body) {
    Action action;
    action.body = std::move(body);
    action.signer = signer;
    action.nonce = static_cast<std::uint64_t>(kStart) + ++nonces_;
    exchange_->submit(std::move(action), now_);
    auto answers = exchange_->take_answers();
    return answers.at(0).result;
  }
  ActionResult place(const Address& signer, const OrderSpec& spec) {
    return act(signer, PlaceOrders{{request(spec)}, Grouping::kNone, {}});
  }
  void advance(Millis by) {
    now_ += by;
    exchange_->advance(now_);
  }
  Lots position(const Address& address, MarketIndex market = 0) {
    const auto account = exchange_->state().accounts.find(address).value();
    const Holding* holding = exchange_->state().find_holding(account, market);
    return holding == nullptr ? Lots{} : holding->position.size;
  }
  Money balance(const Address& address, std::size_t dex = 0) {
    const auto account = exchange_->state().accounts.find(address).value();
    return exchange_->state().accounts[account].perp_usd[dex];
  }
  /// Statuses of the order updates since the last call, of one account, in order.
  std::vector<std::string> updates(const Address& address) {
    std::vector<std::string> result;
    const auto account = exchange_->state().accounts.find(address).value();
    for (const auto& event : exchange_->take_output().events) {
      const auto* update = std::get_if<OrderUpdate>(&event.body);
      if (event.account == account && update != nullptr) {
        result.emplace_back(to_string(update->status));
      }
    }
    return result;
  }

 private:
  std::unique_ptr<Exchange> exchange_;
  Millis now_ = kStart;
  std::uint64_t nonces_ = 0;
};

template <class Answer>
Answer only(const ActionResult& result) {
  EXPECT_EQ(result.statuses.size(), 1U) << result.text;
  EXPECT_TRUE(std::holds_alternative<Answer>(result.statuses.at(0)))
      << (std::holds_alternative<Refused>(result.statuses.at(0))
              ? std::get<Refused>(result.statuses.at(0)).text
              : "another answer");
  return std::get<Answer>(result.statuses.at(0));
}

}  // namespace perpwire::sim::testing
