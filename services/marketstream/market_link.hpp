#pragma once

#include "libs/net/websocket_session.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace perpwire::marketstream {

/// One WebSocket connection and the protocol that decides for it: hands frames in, sends what comes
/// out, and gives the rest to `sink`.
///
/// Owner: HyperliquidFeed. Thread: the io_context's. Lifetime: what the constructor is given
/// outlives it.
class MarketLink {
 public:
  struct Options {
    std::size_t number = 0;  // among the connections, for logs
    net::WebSocketOptions socket;
    hyperliquid::MarketProtocolOptions protocol;
  };
  /// What is not SendText or Reconnect. `received`: the moment at the socket of what caused it.
  /// Views die with the call.
  using Sink = std::function<void(const hyperliquid::MarketAction& action, UnixNanos received)>;
  /// A connection ended or an attempt failed.
  using Closed = std::function<void(const net::CloseReason& reason, bool was_open)>;

  MarketLink(boost::asio::io_context& io, Options options,
             const hyperliquid::MarketInstruments& instruments, Sink sink, Closed closed);
  ~MarketLink();
  MarketLink(const MarketLink&) = delete;
  MarketLink& operator=(const MarketLink&) = delete;

  void start();
  /// Nothing comes out any more.
  void stop();
  void on_timer();

  void add(const hyperliquid::Subscription& subscription);
  void remove(const hyperliquid::Subscription& subscription);
  void withdraw(std::string_view coin, const std::string& reason);
  void on_recent_trades(std::string_view coin, Result<std::string_view> answer, UnixNanos received);

  [[nodiscard]] const hyperliquid::MarketProtocol& protocol() const { return protocol_; }
  [[nodiscard]] std::size_t number() const { return number_; }

 private:
  void on_open();
  void on_text(std::string_view text, UnixNanos received);
  void on_close(const net::CloseReason& reason);
  void act(UnixNanos received);

  std::size_t number_;
  Sink sink_;
  Closed closed_;
  hyperliquid::MarketProtocol protocol_;
  std::vector<hyperliquid::MarketAction> actions_;  // asked and not done yet
  std::vector<hyperliquid::MarketAction> spare_;    // an empty batch that keeps its room
  bool open_ = false;
  bool stopped_ = false;
  net::WebSocketSession session_;
};

}  // namespace perpwire::marketstream
