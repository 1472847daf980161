// A sample market maker: quotes both sides around the middle of the book, follows it by modify,
// leans against its inventory, cancels on exit. Its twin is
// clients/python/examples/market_maker.py.
#include "libs/client/client.hpp"
#include "libs/client/prices.hpp"
#include "libs/client/stop_signals.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/settings.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <iostream>

using namespace perpwire;

constexpr std::int64_t kHalfSpreadBps = 3, kSkewBps = 1, kMoveBps = 1, kMaxLots = 10;
constexpr Nanos kPause = std::chrono::seconds{1};  // between two requests for one side

struct Quote {
  Side side;
  ClientOrderId id = {};
  Price price = {};
  bool is_open = false;
  Nanos quiet_until{0};
};

struct MarketMaker {
  client::Client& suite;
  TradingPair pair;
  Quantity amount;
  Quote quotes[2] = {{Side::kBuy}, {Side::kSell}};
  v1::Instrument instrument = {};
  Quantity inventory = {};
  bool stopped = false;

  void on_bbo(const v1::Bbo& bbo) {
    const auto lots = client::whole_lots(inventory, amount);
    for (Quote& quote : quotes) {
      const std::int64_t sign = quote.side == Side::kBuy ? -1 : 1;
      const auto bps = sign * kHalfSpreadBps - lots * kSkewBps;
      const auto price = client::price_from_middle(instrument, bbo, quote.side, bps);
      if (price && !stopped) requote(quote, *price, -sign * lots < kMaxLots);
    }
  }

  void requote(Quote& quote, const Price& price, bool wanted) {
    if (monotonic_now() < quote.quiet_until) return;
    if (quote.id.empty() && wanted) {
      quote.id = suite.place(quote.side, {pair, amount, price, "LIMIT", "ALO"});
    } else if (quote.is_open && !wanted) {
      suite.cancel(quote.id);
    } else if (quote.is_open && client::basis_points_between(quote.price, price) >= kMoveBps) {
      suite.modify(quote.id, price, amount);
    } else {
      return;
    }
    quote.price = price;
    quote.quiet_until = monotonic_now() + kPause;
  }

  void on_order(const v1::OrderEvent& order) {
    for (Quote& quote : quotes) {
      if (order.client_order_id() != quote.id.value()) continue;
      quote.is_open = client::is_open(order);
      if (order.has_failure()) suite.cancel(quote.id);  // a modify was refused: quote anew
      if (client::is_final(order)) quote.id = {};
    }
  }

  void on_rejected(const ClientOrderId& id, const Error& error) {
    std::cout << "order " << id << ": " << error.text << std::endl;
    for (Quote& quote : quotes) {
      if (quote.id == id) quote.id = {};
    }
  }
};

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: market_maker perpwire.toml BTC-USD 0.01\n", 1;
  const client::StopSignals signals;
  client::Client suite(client::config_of(load_settings(argv[1])));
  MarketMaker maker{suite, TradingPair{argv[2]}, parse_as<Quantity>(argv[3], "amount").value()};
  suite.start({.on_order = [&](auto& order, auto&) { maker.on_order(order); },
               .on_position =
                   [&](auto& position, auto&) {
                     if (position.trading_pair() == maker.pair.value())
                       maker.inventory = Quantity{to_decimal(position.amount()).value()};
                   },
               .on_bbo = [&](auto& bbo, auto&) { maker.on_bbo(bbo); },
               .on_instrument = [&](auto& found, auto&) { maker.instrument = found; },
               .on_order_rejected = [&](auto& id, auto& error) { maker.on_rejected(id, error); },
               .on_order_unknown = [&](auto& id, auto&) { suite.resend(id); }});
  suite.subscribe({"bbo", "instrument"}, {maker.pair});
  signals.wait();
  suite.run([&] { maker.stopped = true; });
  const auto left = suite.cancel_and_wait({maker.quotes[0].id, maker.quotes[1].id});
  std::cout << "stopped: inventory " << maker.inventory << ", left open: " << left.size() << "\n";
  return left.empty() ? 0 : 2;
}
