#pragma once

#include "libs/net/transport.hpp"

#include "test_ca.hpp"
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::net::test {

/// Runs `io` until `done` holds.
/// Returns: whether it came to hold within `limit`.
bool run_until(boost::asio::io_context& io, const std::function<bool()>& done,
               std::chrono::milliseconds limit = std::chrono::seconds{5});
/// Runs `io` for so long: to see that something does not happen.
void run_for(boost::asio::io_context& io, std::chrono::milliseconds time);

/// One accepted connection, as the server side of a script. Bytes, HTTP or WebSocket, as the script
/// goes on.
class Peer : public std::enable_shared_from_this<Peer> {
 public:
  explicit Peer(Transport transport);

  /// Waits for one whole HTTP request; gives its head and body as text.
  void read_request(std::function<void(std::string head, std::string body)> then);
  /// Sends bytes as they are.
  void write(std::string bytes, std::function<void()> then = {});
  /// Answers the WebSocket handshake, then reads messages for ever.
  void accept_websocket(std::function<void()> then = {});
  void send_text(std::string text);
  void close_websocket(std::uint16_t code, const std::string& reason);
  /// Never reads again: pings stay unanswered, the kernel's buffers fill. Call it before
  /// accept_websocket.
  void stop_reading() { reading_ = false; }
  /// FIN.
  void close();
  /// RST.
  void reset();
  [[nodiscard]] bool ended() const { return ended_; }

  std::function<void(const std::string&)> on_text;
  std::vector<std::string> texts;

 private:
  using WebSocket = boost::beast::websocket::stream<Transport, false>;
  void read_messages();
  void write_next();
  Transport& transport();

  std::optional<WebSocket> stream_;  // holds the transport from the beginning
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> outgoing_;
  bool reading_ = true;
  bool ended_ = false;
};

/// A server on 127.0.0.1, port chosen by the kernel, plain or TLS; every connection goes to
/// `on_peer`. Runs on the same io_context thread as what it tests: no threads, no races.
class TestServer {
 public:
  using OnPeer = std::function<void(const std::shared_ptr<Peer>&)>;
  TestServer(boost::asio::io_context& io, OnPeer on_peer,
             const std::optional<Identity>& identity = std::nullopt);
  ~TestServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& scheme, const std::string& target = "/",
                                const std::string& host = "127.0.0.1") const;
  void stop_listening();

  std::vector<std::shared_ptr<Peer>> peers;
  std::size_t accepted = 0;
  std::size_t tls_failures = 0;
  bool keep_peers = true;

 private:
  void accept_next();
  void start_tls(std::unique_ptr<Transport::Socket> socket);

  boost::asio::io_context& io_;
  OnPeer on_peer_;
  std::optional<boost::asio::ssl::context> tls_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Transport::executor_type> acceptor_;
  std::uint16_t port_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace perpwire::net::test
