// What a plain ZeroMQ client meets: an event socket, a page socket, events that go on. Prints its
// endpoints, ends when its standard input does.
#include "libs/common/bus_publisher.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/request_server.hpp"
#include "libs/journal/event_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <zmq.hpp>

#include <cstdio>
#include <unistd.h>

using namespace perpwire;

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  zmq::context_t context;
  boost::asio::io_context io{1};

  journal::MemoryStorage storage;
  const auto syncer = journal::make_manual_syncer();
  const auto watermark = journal::make_memory_watermark();
  auto opened = journal::EventLog::open(storage, *syncer, *watermark,
                                        {.process = "order-gateway",
                                         .instance = "main",
                                         .boot_id = "boot",
                                         .new_stream_id = make_stream_id("order-gateway", "main")},
                                        {}, {}, wall_clock_now());
  if (!opened) return 2;
  auto& log = **opened;

  BusPublisherConfig config;
  config.endpoint = "tcp://127.0.0.1:0";
  config.process = "order-gateway";
  config.instance = "main";
  BusPublisher publisher(io, context, config);
  publisher.follow_stream(log.stream(), log.last_sequence());
  publisher.set_heartbeat_filler([](v1::Heartbeat& beat) { beat.set_state("READY"); });
  log.start_publishing(
      [&](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
        publisher.publish_numbered(topic, envelope, encoded);
      });

  PageHandlers handlers;
  handlers.process = "order-gateway";
  handlers.instance = "main";
  handlers.replay = [&](const v1::PageRequest& request, bool json) {
    return log.replay_page(request, json);
  };
  std::unique_ptr<RequestServer> pages;
  pages = std::make_unique<RequestServer>(
      io, context,
      RequestServerConfig{.endpoint = fmt::format("ipc://{}", argv[1]), .send_high_water_mark = 4},
      [&](const IncomingRequest& in) {
        pages->reply(in.reply_to, answer_page_request(in.payload, handlers));
      });

  std::printf("%s %s %s\n", publisher.endpoint().c_str(), pages->endpoint().c_str(),
              log.stream().c_str());
  std::fflush(stdout);

  boost::asio::steady_timer timer(io);
  int made = 0;
  const std::function<void()> tick = [&] {
    timer.expires_after(std::chrono::milliseconds(10));
    timer.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      v1::Envelope envelope;
      envelope.set_event_type("order_created");
      auto& order = *envelope.mutable_order();
      order.set_client_order_id(fmt::format("c-{}", ++made));
      order.set_trading_pair("BTC-USD");
      set_decimal(Decimal{50'000}, *order.mutable_price());
      set_decimal(Decimal::of(1, -3), *order.mutable_amount());
      if (!log.append("orders.hyperliquid.created", envelope, wall_clock_now())) std::abort();
      tick();
    });
  };
  tick();
  boost::asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  input.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [&](const boost::system::error_code&) { io.stop(); });
  io.run_for(std::chrono::seconds(30));
  return 0;
}
