#pragma once

#include "libs/net/http_client.hpp"
#include "libs/net/websocket_session.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/signer_client.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace perpwire::gateway {

/// The I/O of one account: its own WebSocket (user stream and posts), REST, the signer. Does what
/// the engine puts out, in order, and feeds back what comes of it; decides nothing.
/// Thread: the io_context's. Owned by GatewayApp; engine, client and signer outlive it.
class VenueLink {
 public:
  struct Endpoints {
    std::string rest_url;
    std::string ws_url;
    std::string proxy;
    std::shared_ptr<net::TlsContext> tls;
  };

  VenueLink(boost::asio::io_context& io, AccountEngine& engine, net::HttpClient& http,
            const Endpoints& endpoints, std::function<SignerClient*()> signer);

  void start() { session_->start(); }
  void close() {
    wake_.cancel();
    session_->close();
  }
  /// Runs an input of the engine at the present moment (or the one given), then does what it asks.
  void run(const std::function<void(AccountEngine&, Now)>& input);
  void run(const std::function<void(AccountEngine&, Now)>& input, Now at);

 private:
  void drain();
  /// As the engine asked last.
  void schedule_wake();
  void perform(EngineOut& out);
  void perform(SendWs& send);
  void perform(SendRest& send);
  void perform(AskOut& ask);
  void perform(SignOut& sign);

  AccountEngine& engine_;
  net::HttpClient& http_;
  Endpoints endpoints_;
  std::function<SignerClient*()> signer_;
  std::unique_ptr<net::WebSocketSession> session_;
  bool draining_ = false;
  boost::asio::steady_timer wake_;
  std::optional<Nanos> wakes_at_;
};

Now present();

}  // namespace perpwire::gateway
