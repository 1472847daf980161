#pragma once

#include "tools/venue-sim/server/websocket_connection.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <deque>

namespace perpwire::sim {

/// The Beast implementation; included by server .cpp files only.
class WebSocketStream : public WebSocketConnection,
                        public std::enable_shared_from_this<WebSocketStream> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  WebSocketStream(boost::beast::tcp_stream stream, Request upgrade);
  void start(Callbacks callbacks) override;
  void send(std::shared_ptr<const std::string> text) override;
  void close(const ApiOutput::Close& how) override;
  void stall(const ApiOutput::Stall& how) override;

 private:
  void read();
  void write();
  void gone();

  boost::beast::websocket::stream<boost::beast::tcp_stream> socket_;
  Request upgrade_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::shared_ptr<const std::string>> queue_;
  std::size_t queued_bytes_ = 0;
  Callbacks callbacks_;
  boost::asio::steady_timer stall_timer_;
  std::optional<boost::beast::websocket::close_reason> closing_;
  bool is_accepted_ = false;
  bool is_writing_ = false;
  bool is_gone_ = false;
  bool is_mute_ = false;
  bool is_deaf_ = false;
  bool is_read_pending_ = false;
};

}  // namespace perpwire::sim
