#include "tests/bench/path_bench.hpp"

#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "libs/venues/hyperliquid/signing.hpp"
#include "tests/unit/libs/net/test_ca.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <zmq.hpp>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace perpwire::bench {
namespace {

namespace asio = boost::asio;
namespace hl = hyperliquid;
using asio::ip::tcp;

constexpr std::string_view kKey =
    "0123456789012345678901234567890123456789012345678901234567890123";
constexpr std::string_view kAnswer = "{\"status\":\"ok\"}\n";

zmq::message_t receive(zmq::socket_t& socket) {
  zmq::message_t message;
  PW_ASSERT(socket.recv(message, zmq::recv_flags::none).has_value());
  return message;
}
void send(zmq::socket_t& socket, std::string_view bytes) {
  PW_ASSERT(socket.send(zmq::buffer(bytes), zmq::send_flags::none).has_value());
}

/// Body after body, each under the next nonce.
[[noreturn]] void run_signer(const std::string& endpoint) {
  const auto key = SigningKey::from_hex(kKey).value();
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.bind(endpoint);
  for (std::uint64_t nonce = 1'705'747'200'000;; ++nonce) {
    const auto request = receive(socket);
    hl::OrderAction orders;
    hl::WireOrder order;
    order.is_buy = true;
    order.price = Price{Decimal::of(500'000 + static_cast<std::int64_t>(nonce % 1'000), -1)};
    order.quantity = Quantity{Decimal::of(1, -3)};
    order.type = hl::LimitType{hl::WireTif::kGtc};
    order.cloid = hl::Cloid{{0xf1, 0xa5, 0x00, 0x01}};
    orders.orders.push_back(order);
    const hl::Action action = orders;
    const hl::ActionEnvelope envelope{.nonce = nonce, .expires_after_ms = nonce + 8'000};
    const auto signature = hl::sign_action(key, hl::Network::kTestnet, action, envelope).signature;
    send(socket, hl::exchange_body(action, envelope, signature));
  }
}

/// Answers each line.
template <class Stream>
void serve(Stream& stream) {
  std::string line;
  for (;;) {
    const auto bytes = asio::read_until(stream, asio::dynamic_buffer(line), '\n');
    line.erase(0, bytes);
    asio::write(stream, asio::buffer(kAnswer));
  }
}

[[noreturn]] void run_venue(int port_pipe, const net::test::Identity* identity) {
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = acceptor.local_endpoint().port();
  PW_ASSERT(::write(port_pipe, &port, sizeof port) == sizeof port);
  tcp::socket socket(io);
  acceptor.accept(socket);
  socket.set_option(tcp::no_delay(true));
  if (identity == nullptr) {
    serve(socket);
  } else {
    asio::ssl::context tls(asio::ssl::context::tls_server);
    tls.use_certificate_chain(asio::buffer(identity->certificate_pem));
    tls.use_private_key(asio::buffer(identity->key_pem), asio::ssl::context::pem);
    asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
    stream.handshake(asio::ssl::stream_base::server);
    serve(stream);
  }
  ::_exit(0);
}

template <class Stream>
void forward(Stream& stream, zmq::socket_t& client, zmq::socket_t& signer) {
  std::string answer;
  for (;;) {
    const auto request = receive(client);
    const auto begin = monotonic_now();
    send(signer, request.to_string_view());
    auto body = receive(signer).to_string() + '\n';
    asio::write(stream, asio::buffer(body));
    const Nanos took = monotonic_now() - begin;
    answer.erase(0, asio::read_until(stream, asio::dynamic_buffer(answer), '\n'));
    send(client, {reinterpret_cast<const char*>(&took), sizeof took});
  }
}

[[noreturn]] void run_gateway(const std::string& commands, const std::string& signer_endpoint,
                              std::uint16_t port, bool over_tls) {
  zmq::context_t context;
  zmq::socket_t client(context, zmq::socket_type::rep);
  client.bind(commands);
  zmq::socket_t signer(context, zmq::socket_type::req);
  signer.connect(signer_endpoint);
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  socket.set_option(tcp::no_delay(true));
  if (!over_tls) {
    forward(socket, client, signer);
  } else {
    asio::ssl::context tls(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
    stream.handshake(asio::ssl::stream_base::client);
    forward(stream, client, signer);
  }
  ::_exit(0);
}

/// The child ends with its parent.
template <class Role>
pid_t fork_role(const Role& role) {
  const pid_t child = ::fork();
  PW_ASSERT(child >= 0);
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    role();
  } catch (const std::exception&) {
    // The parent is gone, and the others with it.
  }
  ::_exit(0);
}

}  // namespace

struct BarePath::Client {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::req};
};

BarePath::BarePath(Wire wire) {
  std::strcpy(folder_.data(), "/tmp/perpwire-path-XXXXXX");  // NOLINT: fits
  PW_ASSERT(::mkdtemp(folder_.data()) != nullptr);
  const std::string commands = std::string("ipc://") + folder_.data() + "/commands";
  const std::string signer = std::string("ipc://") + folder_.data() + "/signer";
  const bool over_tls = wire == Wire::kTls;
  net::test::Identity identity;
  if (over_tls) identity = net::test::TestCa().issue({"127.0.0.1"});
  std::array<int, 2> pipe{};
  PW_ASSERT(::pipe(pipe.data()) == 0);
  children_[0] = fork_role([&] { run_venue(pipe[1], over_tls ? &identity : nullptr); });
  std::uint16_t port = 0;
  PW_ASSERT(::read(pipe[0], &port, sizeof port) == sizeof port);
  ::close(pipe[0]);
  ::close(pipe[1]);
  children_[1] = fork_role([&] { run_signer(signer); });
  children_[2] = fork_role([&] { run_gateway(commands, signer, port, over_tls); });
}

BarePath::~BarePath() {
  client_.reset();
  for (const pid_t child : children_) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  std::filesystem::remove_all(folder_.data());
}

std::vector<Nanos> BarePath::run(int count) {
  if (client_ == nullptr) {
    client_ = std::make_unique<Client>();
    client_->socket.connect(std::string("ipc://") + folder_.data() + "/commands");
  }
  std::vector<Nanos> took;
  for (int i = 0; i < count; ++i) {
    send(client_->socket, std::string(120, 'o'));  // as many bytes as a command has
    Nanos one{};
    const auto reply = receive(client_->socket);
    PW_ASSERT(reply.size() == sizeof one);
    std::memcpy(&one, reply.data(), sizeof one);
    took.push_back(one);
  }
  return took;
}

}  // namespace perpwire::bench
