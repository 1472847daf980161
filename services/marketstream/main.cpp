#include "libs/common/bus_publisher.hpp"
#include "libs/common/service.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "services/marketstream/config.hpp"
#include "services/marketstream/hyperliquid_feed.hpp"
#include "services/marketstream/market_publisher.hpp"
#include "services/marketstream/request_endpoint.hpp"

#include <spdlog/spdlog.h>

int main(int argc, char** argv) {
  using namespace perpwire;
  return run_service(
      argc, argv, {.process = "marketstream", .metrics_port_offset = 0, .before_threads = {}},
      [](ServiceContext& context) {
        const auto& settings = context.settings();
        const auto venue = marketstream::hyperliquid_config(settings);  // throws ConfigError
        BusPublisher bus{context.io(), context.zmq(),
                         marketstream::publisher_config(settings, context.instance())};
        marketstream::MarketPublisher publisher{bus, context.metrics()};
        marketstream::HyperliquidFeed hyperliquid{context.io(), venue, publisher,
                                                  context.metrics()};
        marketstream::RequestEndpoint requests{
            context.io(),       context.zmq(),  marketstream::request_config(settings),
            context.instance(), {&hyperliquid}, context.metrics()};
        bus.set_heartbeat_filler(
            [&](v1::Heartbeat& beat) { beat.set_state(std::string{hyperliquid.state()}); });
        context.on_stop([&](std::function<void()> done) {
          hyperliquid.stop();
          done();
        });
        spdlog::info("listening events={} requests={}", bus.endpoint(), requests.endpoint());
        hyperliquid.start();
        context.run();
      });
}
