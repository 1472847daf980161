#include "libs/common/metrics_server.hpp"

#include "libs/common/metrics.hpp"
#include "libs/common/time.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace perpwire {
namespace {

std::string get(std::uint16_t port, const std::string& target) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket(io);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  boost::asio::write(socket,
                     boost::asio::buffer("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  std::string answer;
  boost::system::error_code error;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

TEST(MetricsServer, ServesCountersAndProcessFigures) {
  Metrics metrics;
  Health health;
  metrics.counter("perpwire_test_total", "A test", {{"venue", "hyperliquid"}}).increment(3);
  const MetricsServer server(0, metrics, health);
  const auto answer = get(server.port(), "/metrics");
  EXPECT_NE(answer.find("perpwire_test_total{venue=\"hyperliquid\"} 3"), std::string::npos)
      << answer;
  EXPECT_NE(answer.find("process_resident_memory_bytes "), std::string::npos);
  EXPECT_NE(answer.find("perpwire_build_info{"), std::string::npos);
}

TEST(MetricsServer, HealthIsGoodOnlyWhileTheLoopTickedWithinASecond) {
  Metrics metrics;
  Health health;
  const MetricsServer server(0, metrics, health);
  health.last_tick_ns = monotonic_now().count();
  EXPECT_EQ(get(server.port(), "/healthz").rfind("HTTP/1.1 200", 0), 0U);
  health.last_tick_ns = monotonic_now().count() - 1'100'000'000;
  EXPECT_EQ(get(server.port(), "/healthz").rfind("HTTP/1.1 503", 0), 0U);
  health.last_tick_ns = monotonic_now().count();
  health.well = false;
  EXPECT_EQ(get(server.port(), "/healthz").rfind("HTTP/1.1 503", 0), 0U);
  EXPECT_EQ(get(server.port(), "/nothing").rfind("HTTP/1.1 404", 0), 0U);
}

}  // namespace
}  // namespace perpwire
