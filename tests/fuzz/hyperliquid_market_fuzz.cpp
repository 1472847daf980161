// Bytes of the venue into the public parser and the protocol: never a crash, and what is published
// is sane.
#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

using namespace perpwire;               // NOLINT(google-build-using-namespace): a test
using namespace perpwire::hyperliquid;  // NOLINT(google-build-using-namespace)

namespace {

struct Checks {
  void operator()(const BookEvent& event) const {
    for (std::size_t i = 1; i < event.bids.size(); ++i)
      PW_ASSERT(event.bids[i].price < event.bids[i - 1].price);
    for (std::size_t i = 1; i < event.asks.size(); ++i)
      PW_ASSERT(event.asks[i].price > event.asks[i - 1].price);
    if (!event.bids.empty() && !event.asks.empty()) {
      PW_ASSERT(event.bids.front().price < event.asks.front().price);
    }
  }
  void operator()(const TradeEvent& event) const {
    PW_ASSERT(!event.price.is_negative() && !event.quantity.is_negative());
  }
  template <class Other>
  void operator()(const Other& /*event*/) const {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  static MarketMessageParser answers;
  ignore(answers.parse_l2_book(text), "only that it survives");
  ignore(answers.parse_recent_trades(text), "only that it survives");
  ignore(answers.parse_candle_snapshot(text), "only that it survives");
  ignore(answers.parse_all_mids(text), "only that it survives");
  ignore(answers.parse_meta_and_contexts(text), "only that it survives");
  ignore(parse_subscription(text), "only that it survives");

  // Each line of the input is a frame: sequences find more than single frames do.
  static const MarketInstruments instruments = [] {
    MarketInstruments made;
    for (const char* coin : {"BTC", "SOL", "HYPE", "hyna:BTC"}) {
      MarketInstrument instrument;
      instrument.coin = coin;
      instrument.pair = std::string{coin} + "-USD";
      instrument.grid = {.max_decimals = 6, .size_decimals = 8};
      made.put(instrument);
    }
    return made;
  }();
  MarketProtocol protocol{MarketProtocolOptions{}, instruments};
  std::vector<MarketAction> actions;
  for (const char* coin : {"BTC", "SOL", "HYPE", "hyna:BTC"}) {
    protocol.add({.stream = Stream::kL2Book, .coin = coin}, actions);
    protocol.add({.stream = Stream::kBbo, .coin = coin}, actions);
    protocol.add({.stream = Stream::kTrades, .coin = coin}, actions);
    protocol.add({.stream = Stream::kActiveAssetCtx, .coin = coin}, actions);
    protocol.add({.stream = Stream::kCandle, .coin = coin, .interval = "1d"}, actions);
  }
  protocol.add({.stream = Stream::kAllMids}, actions);
  actions.clear();
  Moment now{std::chrono::hours{1}, UnixNanos::from_millis(1'763'600'000'000)};
  protocol.on_connected(now, actions);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto frame = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    actions.clear();
    protocol.on_text(frame, now, actions);
    for (const auto& action : actions) std::visit(Checks{}, action);
    now.monotonic += std::chrono::seconds{1};
    now.wall = now.wall + std::chrono::seconds{1};
    actions.clear();
    protocol.on_timer(now, actions);
  }
  protocol.on_recent_trades("BTC", text, actions);
  return 0;
}
