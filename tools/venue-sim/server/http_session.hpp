#pragma once

#include "tools/venue-sim/api/http_reply.hpp"
#include "tools/venue-sim/api/venue_api.hpp"
#include "tools/venue-sim/server/websocket_connection.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace perpwire::sim {

/// One client's HTTP connection: requests one after the other, keep-alive; a WebSocket upgrade
/// hands the socket over.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  using Respond = std::function<void(std::optional<HttpReply>)>;  // nothing: close unanswered
  struct Callbacks {
    std::function<void(HttpRequest request, Respond respond)> on_request;
    /// Nothing in `on_upgrade`: upgrades are refused. It may refuse one by giving false.
    std::function<bool(const std::string& target, const std::string& ip)> may_upgrade;
    std::function<void(std::shared_ptr<WebSocketConnection>, const std::string& ip)> on_upgrade;
  };
  virtual ~HttpSession() = default;
  virtual void start() = 0;
  virtual void stop() = 0;

  static std::shared_ptr<HttpSession> make(boost::asio::ip::tcp::socket socket,
                                           const Callbacks& callbacks);
};

}  // namespace perpwire::sim
