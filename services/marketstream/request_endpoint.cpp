#include "services/marketstream/request_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <fmt/format.h>

#include <array>

namespace perpwire::marketstream {
namespace {

constexpr int kMaxTopics = 1'000;
constexpr std::size_t kMaxPageBytes = std::size_t{4} << 20;

template <class Message>
std::string encode(const Message& message, bool json,
                   std::initializer_list<std::string_view> keep = {}) {
  return json ? to_contract_json(message, {.keep = keep}) : to_protobuf(message);
}

}  // namespace

RequestEndpoint::RequestEndpoint(boost::asio::io_context& io, zmq::context_t& context,
                                 const RequestServerConfig& config, std::string instance,
                                 std::vector<VenueFeed*> feeds, Metrics& metrics)
    : instance_(std::move(instance)),
      metrics_(metrics),
      server_(io, context, config,
              [this](const IncomingRequest& incoming) { on_request(incoming); }) {
  for (auto* feed : feeds) feeds_.emplace(feed->venue(), feed);
}

Result<VenueFeed*> RequestEndpoint::feed_of(std::string_view venue) const {
  const auto found = feeds_.find(venue);
  if (found == feeds_.end()) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("venue: expected a configured venue, found '{}'", venue));
  }
  return found->second;
}

void RequestEndpoint::answer(const ReplyAddress& to, const v1::PageReply& reply, bool json,
                             std::initializer_list<std::string_view> keep) {
  server_.reply(to, encode(reply, json, keep));
}

void RequestEndpoint::reject(const ReplyAddress& to, const std::string& request_id,
                             const Error& error, bool json) {
  const std::string code{to_string(error.code)};
  metrics_
      .counter("perpwire_requests_rejected_total", "Requests that were refused.", {{"code", code}})
      .increment();
  v1::PageReply reply;
  reply.set_request_id(request_id);
  reply.set_status("REJECTED");
  reply.set_code(code);
  reply.set_reason(error.text);
  answer(to, reply, json);
}

void RequestEndpoint::on_request(const IncomingRequest& incoming) {
  const bool json = is_json(incoming.payload);
  v1::PageRequest request;
  if (auto parsed = parse_payload(incoming.payload, request); !parsed) {
    reject(incoming.reply_to, request.request_id(), parsed.error(), json);
    return;
  }
  // Names of series are not taken from outside.
  constexpr std::array<std::string_view, 6> kTypes{"snapshot",    "subscribe",       "unsubscribe",
                                                   "get_candles", "get_instruments", "hello"};
  const auto* const known = std::find(kTypes.begin(), kTypes.end(), request.type());
  metrics_
      .counter("perpwire_requests_total", "Requests taken, by type.",
               {{"type", known == kTypes.end() ? "unknown" : std::string{*known}}})
      .increment();
  const auto& to = incoming.reply_to;
  v1::PageReply reply;
  reply.set_request_id(request.request_id());
  if (request.type() == "snapshot") return on_snapshot(request, to, json);
  if (request.type() == "get_candles") return on_candles(request, to, json);
  if (request.type() == "hello") {
    const auto own = own_hello("marketstream", instance_);
    if (const auto check = check_hello(request.hello(), own, {}); !check) {
      return reject(to, request.request_id(), check.error(), json);
    }
    reply.set_status("OK");
    *reply.mutable_hello() = own;
    return answer(to, reply, json);
  }
  if (request.type() == "subscribe" || request.type() == "unsubscribe") {
    const auto feed = feed_of(request.venue());
    if (!feed) return reject(to, request.request_id(), feed.error(), json);
    const std::vector<std::string> pairs{request.trading_pairs().begin(),
                                         request.trading_pairs().end()};
    const std::vector<std::string> channels{request.channels().begin(), request.channels().end()};
    const auto done = request.type() == "subscribe"
                          ? (*feed)->subscribe(incoming.connection, pairs, channels)
                          : (*feed)->unsubscribe(incoming.connection, pairs, channels);
    if (!done) return reject(to, request.request_id(), done.error(), json);
    reply.set_status("OK");
    return answer(to, reply, json);
  }
  if (request.type() == "get_instruments") {
    const auto feed = feed_of(request.venue());
    if (!feed) return reject(to, request.request_id(), feed.error(), json);
    auto instruments = (*feed)->instruments();
    if (!instruments) return reject(to, request.request_id(), instruments.error(), json);
    reply.set_status("OK");
    for (auto& instrument : *instruments) reply.add_instruments()->Swap(&instrument);
    return answer(to, reply, json, {"instruments"});
  }
  reject(
      to, request.request_id(),
      {ErrorCode::kInvalidCommand, fmt::format("type: expected snapshot, subscribe, unsubscribe, "
                                               "get_candles, get_instruments or hello, "
                                               "found '{}'",
                                               request.type())},
      json);
}

void RequestEndpoint::on_snapshot(const v1::PageRequest& request, const ReplyAddress& to,
                                  bool json) {
  if (request.topics().empty() || request.topics_size() > kMaxTopics) {
    reject(to, request.request_id(),
           {ErrorCode::kInvalidCommand,
            fmt::format("topics: expected 1 to {}, found {}", kMaxTopics, request.topics_size())},
           json);
    return;
  }
  std::vector<std::string> parts(1);
  std::size_t bytes = 0;
  for (const auto& topic : request.topics()) {
    Result<v1::Envelope> envelope =
        fail(ErrorCode::kUnknownTopic, fmt::format("topic '{}' is not of this process", topic));
    const auto dot = topic.find('.', 3);
    if (topic.starts_with("md.") && dot != std::string::npos) {
      const auto feed = feeds_.find(std::string_view{topic}.substr(3, dot - 3));
      if (feed != feeds_.end()) envelope = feed->second->snapshot(topic);
    }
    if (!envelope) return reject(to, request.request_id(), envelope.error(), json);
    parts.push_back(topic);
    parts.push_back(encode(*envelope, json));
    bytes += parts.back().size();
    if (bytes > kMaxPageBytes) {
      return reject(
          to, request.request_id(),
          {ErrorCode::kInvalidCommand, "topics: the answer is larger than 4 MiB, ask for fewer"},
          json);
    }
  }
  v1::PageReply reply;
  reply.set_type("snapshot_page");
  reply.set_request_id(request.request_id());
  reply.set_count(static_cast<std::uint32_t>(request.topics_size()));
  parts.front() = encode(reply, json);
  server_.reply(to, parts);
}

void RequestEndpoint::on_candles(const v1::PageRequest& request, const ReplyAddress& to,
                                 bool json) {
  const auto feed = feed_of(request.venue());
  if (!feed) return reject(to, request.request_id(), feed.error(), json);
  if (!request.has_start() || !request.has_end()) {
    return reject(
        to, request.request_id(),
        {ErrorCode::kInvalidTimeInterval, "start, end: expected ns since the epoch, found none"},
        json);
  }
  (*feed)->candles(
      {.pair = request.trading_pair(),
       .interval = request.interval(),
       .start = UnixNanos{request.start()},
       .end = UnixNanos{request.end()}},
      [this, to, id = request.request_id(), json](Result<std::vector<v1::Candle>> candles) {
        if (!candles) return reject(to, id, candles.error(), json);
        v1::PageReply reply;
        reply.set_request_id(id);
        reply.set_status("OK");
        for (auto& candle : *candles) reply.add_candles()->Swap(&candle);
        answer(to, reply, json, {"candles"});
      });
}

}  // namespace perpwire::marketstream
