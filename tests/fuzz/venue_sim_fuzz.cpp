// Anything a client may send to the simulated venue: /info, /exchange, WebSocket texts, control
// commands. The first byte says which. One venue for the whole run, so inputs meet its leftovers.
#include "tools/venue-sim/api/control.hpp"
#include "tools/venue-sim/api/venue_api.hpp"

#include <memory>
#include <string>

namespace {

using namespace perpwire::sim;

constexpr Millis kStart = 1'760'000'400'000;

struct Venue {
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<VenueApi> api;
  ConnectionId connection = 0;
  Millis now = kStart;

  Venue() {
    ExchangeConfig config;
    config.block_ms = 0;
    config.documented_limits = false;
    exchange = Exchange::make(config, {}, kStart).value();
    exchange->fund(Address{"0x00000000000000000000000000000000000000aa"}, whole_money(100'000));
    api = std::make_unique<VenueApi>(*exchange, perpwire::hyperliquid::Network::kTestnet);
    connect();
  }
  void connect() { connection = api->open_connection("127.0.0.1", now).value_or(0); }

  void feed(char route, const std::string& text) {
    now += 7;
    switch (route) {
      case 'i':
        api->on_request({"POST", "/info", "application/json", text, "127.0.0.1"}, now);
        break;
      case 'e':
        api->on_request({"POST", "/exchange", "application/json", text, "127.0.0.1"}, now);
        break;
      case 'w':
        api->on_text(connection, text, now);
        break;
      default: {
        const auto end = text.find('\n');
        const std::string target = text.substr(0, end);
        // These would stop or fill up the venue for every later input.
        if (target != "/blocks/step" && target != "/connections/refuse" &&
            target != "/clock/shift") {
          control(*api, "POST", target, end == std::string::npos ? "" : text.substr(end + 1), now);
        }
      }
    }
    api->on_timer(now);
    const ApiOutput output = api->take(now);
    if (!output.closes.empty()) {
      api->on_closed(connection);
      connect();
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Venue venue;
  if (size > 0) {
    venue.feed(static_cast<char>(data[0]),
               std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  }
  return 0;
}
