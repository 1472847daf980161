#include "libs/common/request_server.hpp"

#include "libs/common/error_code.hpp"

#include <fmt/format.h>

#include <array>

namespace perpwire {
namespace {

SocketOptions socket_options(const RequestServerConfig& config) {
  SocketOptions options;
  options.send_high_water_mark = config.send_high_water_mark;
  options.receive_high_water_mark = config.receive_high_water_mark;
  options.max_message_bytes = config.max_message_bytes;
  options.router_mandatory = true;
  options.curve_server = config.curve;
  options.linger_ms = 100;  // replies given before a stop still leave
  return options;
}

}  // namespace

RequestServer::RequestServer(boost::asio::io_context& io, zmq::context_t& context,
                             const RequestServerConfig& config, Handler handler)
    : handler_(std::move(handler)),
      is_curve_(config.curve.has_value()),
      socket_(io, context, SocketType::kRouter, socket_options(config)) {
  auto bound = socket_.bind(config.endpoint);
  if (!bound) throw ConfigError(bound.error().text);
  endpoint_ = *bound;
  socket_.start([this](ZmqSocket::Message& message) { on_message(message); });
}

RequestServer::~RequestServer() = default;

void RequestServer::on_message(ZmqSocket::Message& message) {
  // [routing id][payload] from a DEALER, [routing id][][payload] from a REQ or who speaks like one.
  const bool delimiter = message.size() > 2 && message[1].view().empty();
  const std::size_t expected = delimiter ? 3 : 2;
  ReplyAddress reply_to{.routing_id = std::string(message.front().view()), .delimiter = delimiter};
  if (message.size() != expected) {
    ++counters_.malformed;
    if (message.size() > expected) {
      reply(
          reply_to,
          fmt::format(
              R"({{"status":"REJECTED","code":"INVALID_COMMAND","reason":"a request is one part, found {}"}})",
              message.size() - expected + 1));
    }
    return;
  }
  const ZmqFrame& payload = message.back();
  // A plain peer may send a property of that name itself: its word counts for nothing.
  const auto user = is_curve_ ? payload.property("User-Id") : std::string_view{};
  if (is_curve_ && user.empty()) {
    ++counters_.unknown_users;
    return;
  }
  ++counters_.requests;
  const auto peer_address = payload.property("Peer-Address");
  std::string connection =
      fmt::format("{}|{}|{}", reply_to.routing_id, peer_address, payload.source_fd());
  handler_({.payload = payload.view(),
            .reply_to = std::move(reply_to),
            .connection = std::move(connection),
            .peer = parse_peer_address(peer_address),
            .user = user});
}

bool RequestServer::reply(const ReplyAddress& to, std::span<const std::string> parts) {
  std::vector<std::string_view> views;
  views.reserve(parts.size() + 2);
  views.emplace_back(to.routing_id);
  if (to.delimiter) views.emplace_back();
  views.insert(views.end(), parts.begin(), parts.end());
  return send(views);
}

bool RequestServer::reply(const ReplyAddress& to, std::string_view part) {
  if (to.delimiter) {
    const std::array<std::string_view, 3> views{to.routing_id, std::string_view{}, part};
    return send(views);
  }
  const std::array<std::string_view, 2> views{to.routing_id, part};
  return send(views);
}

bool RequestServer::send(std::span<const std::string_view> parts) {
  const auto sent = socket_.send(parts);
  if (sent) {
    ++counters_.replies;
    return true;
  }
  if (sent.error().code == ErrorCode::kWouldBlock) {
    ++counters_.replies_full;
  } else {
    ++counters_.replies_unreachable;
  }
  return false;
}

}  // namespace perpwire
