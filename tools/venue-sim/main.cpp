#include "libs/common/build_info.hpp"
#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "tools/venue-sim/api/venue_api.hpp"
#include "tools/venue-sim/config.hpp"
#include "tools/venue-sim/core/exchange.hpp"
#include "tools/venue-sim/server/venue_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  using namespace perpwire;
  try {
    const auto config = sim::parse_config(argc, argv);
    if (!config) {
      return 0;  // --help, --version
    }
    boost::asio::io_context io{1};
    const auto exchange = sim::open_exchange(*config, wall_clock_now().millis());
    sim::VenueApi api{*exchange, config->network};
    sim::VenueServer server{io, api, {config->listen, config->control}};
    server.start();
    boost::asio::signal_set signals{io, SIGTERM, SIGINT};
    signals.async_wait([&](const auto&, int) { io.stop(); });
    std::printf("listening rest=127.0.0.1:%u control=127.0.0.1:%u\n",
                static_cast<unsigned>(server.venue_port()),
                static_cast<unsigned>(server.control_port()));
    std::fflush(stdout);
    io.run();
    return 0;
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "perpwire-venue-sim: %s\n", error.what());
    return 1;
  }
}
