#include "tools/venue-sim/server/venue_server.hpp"

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "tools/venue-sim/api/control.hpp"

#include <algorithm>
#include <chrono>

namespace perpwire::sim {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr Millis kTick = 5;

Millis now_millis() { return wall_clock_now().millis(); }

void bind(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error;
  const auto step = [&](const char* what, const auto& run) {
    run();
    if (error) {
      throw ConfigError(std::string(what) + " " + endpoint.address().to_string() + ":" +
                        std::to_string(endpoint.port()) + ": " + error.message());
    }
  };
  step("open", [&] { acceptor.open(endpoint.protocol(), error); });
  step("reuse", [&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  step("bind", [&] { acceptor.bind(endpoint, error); });
  step("listen", [&] { acceptor.listen(asio::socket_base::max_listen_connections, error); });
}

}  // namespace

VenueServer::VenueServer(asio::io_context& io, VenueApi& api, const Endpoints& endpoints)
    : io_(io), api_(api), venue_(io), control_(io), timer_(io) {
  bind(venue_, endpoints.venue);
  bind(control_, endpoints.control);
}

std::uint16_t VenueServer::venue_port() const { return venue_.local_endpoint().port(); }
std::uint16_t VenueServer::control_port() const { return control_.local_endpoint().port(); }

void VenueServer::start() {
  accept_venue();
  accept_control();
  tick();
}

void VenueServer::accept_venue() {
  venue_.async_accept([this](error_code error, tcp::socket socket) {
    if (error) {
      if (error != asio::error::operation_aborted) {
        accept_venue();
      }
      return;
    }
    if (api_.faults().refuse_connections) {
      error_code ignored;
      // A reset: what a client sees when nobody listens.
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
      socket.close(ignored);
    } else {
      HttpSession::Callbacks callbacks;
      callbacks.on_request = [this](HttpRequest request, Respond respond) {
        on_request(std::move(request), std::move(respond));
      };
      callbacks.may_upgrade = [this](const std::string& target, const std::string& ip) {
        return target == "/ws" && api_.may_open_connection(ip, now_millis());
      };
      callbacks.on_upgrade = [this](std::shared_ptr<WebSocketConnection> connection,
                                    const std::string& ip) {
        on_upgrade(std::move(connection), ip);
      };
      HttpSession::make(std::move(socket), callbacks)->start();
    }
    accept_venue();
  });
}

void VenueServer::accept_control() {
  control_.async_accept([this](error_code error, tcp::socket socket) {
    if (error) {
      if (error != asio::error::operation_aborted) {
        accept_control();
      }
      return;
    }
    HttpSession::Callbacks callbacks;
    callbacks.on_request = [this](const HttpRequest& request, const Respond& respond) {
      on_control(request, respond);
    };
    HttpSession::make(std::move(socket), callbacks)->start();
    accept_control();
  });
}

void VenueServer::tick() {
  api_.on_timer(now_millis());
  forward();
  timer_.expires_after(std::chrono::milliseconds(kTick));
  timer_.async_wait([this](error_code error) {
    if (!error) {
      tick();
    }
  });
}

void VenueServer::on_request(HttpRequest request, Respond respond) {
  const RequestId id = api_.on_request(request, now_millis());
  requests_.emplace(id, std::move(respond));
  forward();
}

void VenueServer::on_control(const HttpRequest& request, const Respond& respond) {
  respond(control(api_, request.method, request.target, request.body, now_millis()));
  forward();
}

void VenueServer::on_upgrade(std::shared_ptr<WebSocketConnection> connection,
                             const std::string& ip) {
  const auto id = api_.open_connection(ip, now_millis());
  if (!id) {
    WebSocketConnection& refused = *connection;
    refused.start({});
    refused.close({0, false, 1008, "Too many connections"});
    return;
  }
  connections_[*id] = connection;
  WebSocketConnection::Callbacks callbacks;
  callbacks.on_text = [this, id = *id](const std::string& text) {
    api_.on_text(id, text, now_millis());
    forward();
  };
  callbacks.on_closed = [this, id = *id] {
    api_.on_closed(id);
    connections_.erase(id);
  };
  connection->start(std::move(callbacks));
  forward();
}

void VenueServer::forward() {
  ApiOutput output = api_.take(now_millis());
  for (auto& frame : output.frames) {
    const auto connection = connections_.find(frame.connection);
    if (connection != connections_.end()) {
      const auto keep = connection->second;  // send() may end it
      keep->send(std::move(frame.text));
    }
  }
  for (auto& reply : output.replies) {
    const auto request = requests_.find(reply.request);
    if (request == requests_.end()) {
      continue;
    }
    const Respond respond = std::move(request->second);
    requests_.erase(request);
    respond(std::move(reply.reply));
  }
  for (const auto& stall : output.stalls) {
    const auto connection = connections_.find(stall.connection);
    if (connection != connections_.end()) {
      connection->second->stall(stall);
    }
  }
  for (const auto& close : output.closes) {
    const auto connection = connections_.find(close.connection);
    if (connection != connections_.end()) {
      const auto keep = connection->second;
      keep->close(close);
    }
  }
}

}  // namespace perpwire::sim
