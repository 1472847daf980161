#pragma once

#include "tools/venue-sim/api/venue_api.hpp"
#include "tools/venue-sim/server/http_session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

namespace perpwire::sim {

/// The sockets of the simulated venue on one io_context: REST and WebSocket on one port, control on
/// another. Owns them; the API is owned by the caller and outlives it.
class VenueServer {
 public:
  struct Endpoints {
    boost::asio::ip::tcp::endpoint venue;
    boost::asio::ip::tcp::endpoint control;
  };

  /// Binds both ports (0 = any free one). Throws ConfigError naming the endpoint that cannot be
  /// bound.
  VenueServer(boost::asio::io_context& io, VenueApi& api, const Endpoints& endpoints);

  void start();
  [[nodiscard]] std::uint16_t venue_port() const;
  [[nodiscard]] std::uint16_t control_port() const;

 private:
  using Respond = HttpSession::Respond;

  void accept_venue();
  void accept_control();
  void tick();
  void on_request(HttpRequest request, Respond respond);
  void on_upgrade(std::shared_ptr<WebSocketConnection> connection, const std::string& ip);
  void on_control(const HttpRequest& request, const Respond& respond);
  /// Hands what the API produced to the sockets.
  void forward();

  boost::asio::io_context& io_;
  VenueApi& api_;
  boost::asio::ip::tcp::acceptor venue_;
  boost::asio::ip::tcp::acceptor control_;
  boost::asio::steady_timer timer_;
  std::unordered_map<RequestId, Respond> requests_;
  std::map<ConnectionId, std::shared_ptr<WebSocketConnection>> connections_;
};

}  // namespace perpwire::sim
