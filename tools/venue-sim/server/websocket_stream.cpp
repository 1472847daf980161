#include "tools/venue-sim/server/websocket_stream.hpp"

namespace perpwire::sim {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

WebSocketStream::WebSocketStream(beast::tcp_stream stream, Request upgrade)
    : socket_(std::move(stream)),
      upgrade_(std::move(upgrade)),
      stall_timer_(socket_.get_executor()) {}

void WebSocketStream::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  beast::get_lowest_layer(socket_).expires_never();
  socket_.read_message_max(4U << 20U);
  websocket::stream_base::timeout limits{};
  limits.handshake_timeout = std::chrono::seconds(5);  // closing handshakes too
  limits.idle_timeout = websocket::stream_base::none();
  socket_.set_option(limits);
  socket_.async_accept(upgrade_, [self = shared_from_this()](beast::error_code error) {
    if (error) {
      self->gone();
      return;
    }
    self->is_accepted_ = true;
    self->read();
    self->write();
  });
}

void WebSocketStream::read() {
  if (is_gone_ || is_deaf_ || is_read_pending_) {
    return;
  }
  is_read_pending_ = true;
  socket_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
    self->is_read_pending_ = false;
    if (error) {
      self->gone();
      return;
    }
    std::string text = beast::buffers_to_string(self->buffer_.data());
    self->buffer_.consume(self->buffer_.size());
    if (!self->is_gone_ && !self->is_mute_ && self->callbacks_.on_text) {
      self->callbacks_.on_text(std::move(text));
    }
    self->read();
  });
}

void WebSocketStream::send(std::shared_ptr<const std::string> text) {
  if (is_gone_ || is_mute_ || closing_) {
    return;
  }
  queued_bytes_ += text->size();
  if (queued_bytes_ > kMostQueuedBytes) {
    gone();  // a slow reader
    return;
  }
  queue_.push_back(std::move(text));
  write();
}

void WebSocketStream::write() {
  if (is_gone_ || !is_accepted_ || is_writing_) {
    return;
  }
  if (queue_.empty()) {
    if (closing_) {
      is_writing_ = true;
      socket_.async_close(*closing_, [self = shared_from_this()](beast::error_code) {
        self->is_writing_ = false;
        self->gone();
      });
    }
    return;
  }
  is_writing_ = true;
  socket_.text(true);
  socket_.async_write(asio::buffer(*queue_.front()),
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        self->is_writing_ = false;
                        if (error) {
                          self->gone();
                          return;
                        }
                        if (!self->queue_.empty()) {
                          self->queued_bytes_ -= self->queue_.front()->size();
                          self->queue_.pop_front();
                        }
                        self->write();
                      });
}

void WebSocketStream::close(const ApiOutput::Close& how) {
  if (is_gone_) {
    return;
  }
  if (how.is_abrupt) {
    gone();
    return;
  }
  closing_ = websocket::close_reason(static_cast<websocket::close_code>(how.code), how.reason);
  write();
}

void WebSocketStream::stall(const ApiOutput::Stall& how) {
  is_mute_ = true;
  is_deaf_ = !how.reads_on;
  if (how.duration > 0) {
    stall_timer_.expires_after(std::chrono::milliseconds(how.duration));
    stall_timer_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error) {
        self->is_mute_ = false;
        self->is_deaf_ = false;
        self->read();
      }
    });
  }
}

void WebSocketStream::gone() {
  if (std::exchange(is_gone_, true)) {
    return;
  }
  stall_timer_.cancel();
  beast::error_code error;
  auto& socket = beast::get_lowest_layer(socket_).socket();
  socket.close(error);
  // on_text stays: this may be called from inside it.
  const auto on_closed = std::exchange(callbacks_.on_closed, nullptr);
  if (on_closed) {
    on_closed();
  }
}

}  // namespace perpwire::sim
