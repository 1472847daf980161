// A sample market maker: quotes both sides around the middle of the book, follows it by modify,
// leans against its inventory, cancels on exit. Its twin is
// clients/python/examples/market_maker.py.
#include "libs/client/client.hpp"
#include "libs/client/prices.hpp"
#include "libs/client/quote.hpp"
#include "libs/client/stop_signals.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/settings.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <iostream>

using namespace perpwire;

// In tenths of a basis point.
constexpr std::int64_t kHalfSpread = 1, kSkew = 1;
const client::Quote::Options kFollow{.least_move_bps = Decimal::of(1, -1)};
constexpr std::int64_t kMaxLots = 10;

struct MarketMaker {
  client::Client& suite;
  TradingPair pair;
  Quantity amount;
  client::Quote quotes[2] = {{suite, pair, Side::kBuy, amount, kFollow},
                             {suite, pair, Side::kSell, amount, kFollow}};
  v1::Instrument instrument = {};
  Quantity inventory = {}, traded = {};
  int orders = 0, fills = 0;
  bool stopped = false;

  void on_bbo(const v1::Bbo& bbo) {
    const auto lots = client::whole_lots(inventory, amount);
    for (auto& quote : quotes) {
      const std::int64_t sign = quote.side() == Side::kBuy ? -1 : 1;
      const auto bps = Decimal::of(sign * kHalfSpread - lots * kSkew, -1);
      const auto price = client::price_from_middle(instrument, bbo, quote.side(), bps);
      const bool wanted = price && -sign * lots < kMaxLots;
      if (!stopped) quote.want(wanted ? std::optional{*price} : std::nullopt, monotonic_now());
    }
  }

  void on_position(const v1::Position& position) {
    if (position.trading_pair() != pair.value()) return;
    inventory = Quantity{to_decimal(position.amount()).value()};
  }

  void on_fill(const v1::Fill& fill) {
    if (fill.trading_pair() != pair.value()) return;
    ++fills;
    const Quantity filled{to_decimal(fill.amount()).value()};
    const bool bought = side_from_string(fill.trade_type()) == Side::kBuy;
    traded = add(traded, bought ? filled : -filled).value();
  }

  std::vector<ClientOrderId> stop() {
    stopped = true;
    return {quotes[0].id(), quotes[1].id()};
  }
};

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: market_maker perpwire.toml BTC-USD 0.01\n", 1;
  const client::StopSignals signals;
  client::Client suite(client::config_of(load_settings(argv[1])));
  MarketMaker maker{suite, TradingPair{argv[2]}, parse_as<Quantity>(argv[3], "amount").value()};
  const auto for_each_quote = [&](auto method, auto& about) {
    for (auto& quote : maker.quotes) (quote.*method)(about);
  };
  suite.start({
      .on_order_created =
          [&](auto& order, auto&) { maker.orders += order.trading_pair() == maker.pair.value(); },
      .on_order = [&](auto& o, auto&) { for_each_quote(&client::Quote::on_order, o); },
      .on_fill = [&](auto& fill, auto&) { maker.on_fill(fill); },
      .on_position = [&](auto& position, auto&) { maker.on_position(position); },
      .on_bbo = [&](auto& bbo, auto&) { maker.on_bbo(bbo); },
      .on_instrument = [&](auto& found, auto&) { maker.instrument = found; },
      .on_order_rejected = [&](auto& id,
                               auto&) { for_each_quote(&client::Quote::on_rejected, id); },
      .on_order_unknown = [&](auto& id, auto&) { for_each_quote(&client::Quote::on_unknown, id); },
  });
  suite.subscribe({"bbo", "instrument"}, {maker.pair});
  signals.wait();
  std::vector<ClientOrderId> ours;
  suite.run([&] { ours = maker.stop(); });
  const auto left = suite.cancel_and_wait(ours);
  const auto pages = suite.counters().pages;
  suite.run([&] {
    std::cout << "stopped: " << maker.orders << " orders, " << maker.fills << " fills, traded "
              << maker.traded << ", inventory " << maker.inventory << ", left open: " << left.size()
              << ", pages: " << pages << "\n";
  });
  return left.empty() ? 0 : 2;
}
