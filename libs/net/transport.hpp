#pragma once

// For the sessions' .cpp files only: pulls in asio.

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/websocket/teardown.hpp>

#include <memory>
#include <sys/socket.h>
#include <utility>

namespace perpwire::net {

/// One connected byte stream, plain or TLS, behind one type: Beast's templates are built once for
/// both.
///
/// A handle: moving it leaves operations under way untouched. Closing never blocks: no TLS
/// close_notify is sent, since both protocols above end their messages themselves, and an answer
/// cut short is told by their own framing.
class Transport {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor_type>;
  using TlsStream = boost::asio::ssl::stream<Socket&>;

  explicit Transport(std::unique_ptr<Socket> socket, std::unique_ptr<TlsStream> tls = nullptr)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  executor_type get_executor() { return socket_->get_executor(); }
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }

  /// Ends all operations with operation_aborted.
  void close() {
    boost::system::error_code ignored;  // nothing follows a close, whatever it says
    socket_->close(ignored);
  }

  /// The next close() sends RST instead of FIN.
  void reset_on_close() {
    boost::system::error_code ignored;
    socket_->set_option(boost::asio::socket_base::linger{true, 0}, ignored);
  }

  enum class Peek { kQuiet, kBytes, kEnded };
  /// Whether the kernel holds something that was not asked for. Nothing is taken out.
  [[nodiscard]] Peek peek() const {
    char byte = 0;
    const auto got = ::recv(socket_->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return Peek::kBytes;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Peek::kQuiet;
    return Peek::kEnded;
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) {
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_->async_read_some(buffers, std::forward<Handler>(handler));
    }
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) {
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    } else {
      socket_->async_write_some(buffers, std::forward<Handler>(handler));
    }
  }

 private:
  // The TLS stream refers to the socket: it is declared after it and goes first.
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<TlsStream> tls_;
};

/// Beast's hooks.
inline void beast_close_socket(Transport& transport) { transport.close(); }
inline void teardown(boost::beast::role_type /*role*/, Transport& transport,
                     boost::system::error_code& ec) {
  transport.close();
  ec = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type /*role*/, Transport& transport, Handler&& handler) {
  transport.close();
  boost::asio::post(transport.get_executor(),
                    boost::beast::bind_front_handler(std::forward<Handler>(handler),
                                                     boost::system::error_code{}));
}

}  // namespace perpwire::net
