#include "test_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <sstream>

namespace perpwire::net::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

bool run_until(asio::io_context& io, const std::function<bool()>& done,
               std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds{5});
  }
  return true;
}

void run_for(asio::io_context& io, std::chrono::milliseconds time) {
  run_until(
      io, [] { return false; }, time);
}

Peer::Peer(Transport transport) { stream_.emplace(std::move(transport)); }

Transport& Peer::transport() { return stream_->next_layer(); }

void Peer::read_request(std::function<void(std::string, std::string)> then) {
  auto request = std::make_shared<http::request<http::string_body>>();
  http::async_read(transport(), buffer_, *request,
                   [self = shared_from_this(), request, then = std::move(then)](
                       const error_code& ec, std::size_t) {
                     if (ec) {
                       self->ended_ = true;
                       return;
                     }
                     std::ostringstream head;
                     head << request->base();
                     then(head.str(), request->body());
                   });
}

void Peer::write(std::string bytes, std::function<void()> then) {
  auto text = std::make_shared<std::string>(std::move(bytes));
  asio::async_write(
      transport(), asio::buffer(*text),
      [self = shared_from_this(), text, then = std::move(then)](const error_code& ec, std::size_t) {
        if (!ec && then) then();
      });
}

void Peer::accept_websocket(std::function<void()> then) {
  stream_->async_accept([self = shared_from_this(), then = std::move(then)](const error_code& ec) {
    if (ec) {
      self->ended_ = true;
      return;
    }
    if (then) then();
    self->read_messages();
  });
}

void Peer::read_messages() {
  if (!reading_) return;
  stream_->async_read(buffer_, [self = shared_from_this()](const error_code& ec, std::size_t) {
    if (ec) {
      self->ended_ = true;
      return;
    }
    std::string text = beast::buffers_to_string(self->buffer_.data());
    self->buffer_.consume(self->buffer_.size());
    self->texts.push_back(text);
    if (self->on_text) self->on_text(text);
    self->read_messages();
  });
}

void Peer::send_text(std::string text) {
  outgoing_.push_back(std::move(text));
  if (outgoing_.size() == 1) write_next();
}

void Peer::write_next() {
  stream_->text(true);
  stream_->async_write(asio::buffer(outgoing_.front()),
                       [self = shared_from_this()](const error_code& ec, std::size_t) {
                         if (ec) return;
                         self->outgoing_.pop_front();
                         if (!self->outgoing_.empty()) self->write_next();
                       });
}

void Peer::close_websocket(std::uint16_t code, const std::string& reason) {
  stream_->async_close({static_cast<beast::websocket::close_code>(code), reason},
                       [self = shared_from_this()](const error_code&) { self->ended_ = true; });
}

void Peer::close() {
  transport().close();
  ended_ = true;
}

void Peer::reset() {
  transport().reset_on_close();
  close();
}

TestServer::TestServer(asio::io_context& io, OnPeer on_peer,
                       const std::optional<Identity>& identity)
    : io_(io), on_peer_(std::move(on_peer)), acceptor_(io) {
  if (identity) {
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->use_certificate_chain(asio::buffer(identity->certificate_pem));
    tls_->use_private_key(asio::buffer(identity->key_pem), asio::ssl::context::pem);
  }
  const asio::ip::tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};
  acceptor_.open(any_port.protocol());
  acceptor_.bind(any_port);
  acceptor_.listen();
  port_ = acceptor_.local_endpoint().port();
  accept_next();
}

TestServer::~TestServer() {
  *alive_ = false;
  for (const auto& peer : peers) peer->close();
}

std::string TestServer::url(const std::string& scheme, const std::string& target,
                            const std::string& host) const {
  return scheme + "://" + host + ":" + std::to_string(port_) + target;
}

void TestServer::stop_listening() {
  error_code ignored;
  acceptor_.close(ignored);
}

void TestServer::accept_next() {
  auto socket = std::make_shared<std::unique_ptr<Transport::Socket>>(
      std::make_unique<Transport::Socket>(io_));
  acceptor_.async_accept(**socket, [this, socket, alive = alive_](const error_code& ec) {
    if (ec || !*alive) return;
    ++accepted;
    (*socket)->set_option(asio::ip::tcp::no_delay{true});
    if (tls_) {
      start_tls(std::move(*socket));
    } else {
      auto peer = std::make_shared<Peer>(Transport{std::move(*socket)});
      if (keep_peers) peers.push_back(peer);
      on_peer_(peer);
    }
    accept_next();
  });
}

void TestServer::start_tls(std::unique_ptr<Transport::Socket> socket) {
  struct Pending {
    std::unique_ptr<Transport::Socket> socket;
    std::unique_ptr<Transport::TlsStream> tls;
  };
  auto pending = std::make_shared<Pending>();
  pending->socket = std::move(socket);
  pending->tls = std::make_unique<Transport::TlsStream>(*pending->socket, *tls_);
  pending->tls->async_handshake(
      asio::ssl::stream_base::server, [this, pending, alive = alive_](const error_code& ec) {
        if (!*alive) return;
        if (ec) {
          ++tls_failures;
          return;
        }
        auto peer =
            std::make_shared<Peer>(Transport{std::move(pending->socket), std::move(pending->tls)});
        if (keep_peers) peers.push_back(peer);
        on_peer_(peer);
      });
}

}  // namespace perpwire::net::test
