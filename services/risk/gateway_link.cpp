#include "services/risk/gateway_link.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::risk {
namespace {

constexpr const char* kHelloId = "hello";

GatewayAnswer read_answer(const Result<RequestClient::Reply>& reply) {
  if (!reply) return {.status = tl::unexpected<Error>(reply.error()), .level_version = {}};
  v1::Reply answer;
  if (reply->empty()) {
    return {.status = fail(ErrorCode::kMalformed, "gateway: expected a reply, found no part"),
            .level_version = {}};
  }
  if (auto parsed = parse_payload(reply->front(), answer); !parsed) {
    return {.status = tl::unexpected<Error>(parsed.error()), .level_version = {}};
  }
  GatewayAnswer out;
  if (answer.has_level_version()) out.level_version = answer.level_version();
  if (answer.status() != "OK" && answer.status() != "ACCEPTED") {
    out.status = fail(error_code_from_string(answer.code()).value_or(ErrorCode::kInternal),
                      fmt::format("gateway: {} {}", answer.code(), answer.reason()));
  }
  return out;
}

RequestClientConfig commands_config(const GatewayLinkConfig& config) {
  v1::Command hello;
  hello.set_type("hello");
  hello.set_request_id(kHelloId);
  *hello.mutable_hello() = own_hello("risk", config.instance);
  RequestClientConfig client;
  client.endpoint = config.commands;
  client.curve = config.commands_curve;
  client.hello = hello.SerializeAsString();
  client.hello_request_id = kHelloId;
  client.accept_hello = [policy = config.hello_policy,
                         ours = own_hello("risk", config.instance)](const auto& parts) -> Status {
    v1::Reply reply;
    if (auto parsed = parse_payload(parts.front(), reply); !parsed) return parsed;
    Status accepted = check_hello(reply.hello(), ours, policy);
    if (reply.status() == "REJECTED") {
      accepted = fail(ErrorCode::kVersionMismatch, "gateway: " + reply.reason());
    }
    if (!accepted) spdlog::error("gateway refused reason=\"{}\"", accepted.error().text);
    return accepted;
  };
  return client;
}

}  // namespace

GatewayLink::GatewayLink(boost::asio::io_context& io, zmq::context_t& context,
                         GatewayLinkConfig config, std::optional<StreamPosition> start,
                         Handlers handlers)
    : io_(io),
      context_(context),
      config_(std::move(config)),
      handlers_(std::move(handlers)),
      commands_(io, context, commands_config(config_)) {
  if (start) {
    subscribe(std::move(start));
  } else {
    find_stream();
  }
}

GatewayLink::~GatewayLink() = default;

void GatewayLink::find_stream() {
  if (!pages_) {
    RequestClientConfig client;
    client.endpoint = config_.replay;
    client.curve = config_.replay_curve;
    client.reply_kind = ReplyKind::kPage;
    pages_ = std::make_unique<RequestClient>(io_, context_, client);
  }
  v1::PageRequest request;
  request.set_type("replay");
  request.set_request_id(fmt::format("first-{}", ++last_request_));
  request.set_from_sequence(1);
  request.set_limit(1);
  pages_->request(request.request_id(), request.SerializeAsString(), std::chrono::seconds{1},
                  [this](const Result<RequestClient::Reply>& reply) { on_first_page(reply); });
}

void GatewayLink::on_first_page(const Result<RequestClient::Reply>& reply) {
  v1::PageReply page;
  if (!reply || reply->empty() || !parse_payload(reply->front(), page) || page.stream().empty()) {
    find_stream();  // the request itself waited its second
    return;
  }
  const bool kept = page.type() == "replay_page";
  StreamPosition start{.stream = page.stream(), .next_sequence = 1};
  if (!kept) start.next_sequence = std::max<std::uint64_t>(page.first_sequence(), 1);
  spdlog::info("gateway stream found stream={} from_sequence={}", start.stream,
               start.next_sequence);
  subscribe(std::move(start));
  // Not from inside its own callback.
  boost::asio::post(io_, [this] { pages_.reset(); });
}

void GatewayLink::subscribe(std::optional<StreamPosition> start) {
  BusSubscriberConfig bus;
  bus.endpoint = config_.events;
  bus.mode = SubscriberMode::kComplete;
  bus.topics = {"orders.", "fills.", "positions.", "adjustments.", "funding."};
  bus.requests_endpoint = config_.replay;
  bus.requests_curve = config_.replay_curve;
  bus.process = "risk";
  bus.instance = config_.instance;
  bus.start = std::move(start);
  BusSubscriberHandlers handlers;
  handlers.on_event = handlers_.on_event;
  handlers.on_lost = handlers_.on_lost;
  handlers.on_stale = handlers_.on_stale;
  events_ = std::make_unique<BusSubscriber>(io_, context_, std::move(bus), std::move(handlers));
}

void GatewayLink::ask(v1::Command command, std::function<void(GatewayAnswer)> done) {
  const auto id = fmt::format("risk-{}-{}", wall_clock_now().value(), ++last_request_);
  command.set_request_id(id);
  commands_.request(id, command.SerializeAsString(), config_.command_timeout,
                    [done = std::move(done)](const Result<RequestClient::Reply>& reply) {
                      done(read_answer(reply));
                    });
}

void GatewayLink::halt(limits::RiskLevel level, std::uint64_t version, const std::string& reason,
                       std::function<void(GatewayAnswer)> done) {
  v1::Command command;
  command.set_type("halt");
  command.set_level(std::string(limits::to_string(level)));
  command.set_level_version(version);
  command.set_reason(reason);
  ask(std::move(command), std::move(done));
}

void GatewayLink::close_position(const std::string& account, const std::string& trading_pair,
                                 const std::string& client_order_id,
                                 std::function<void(GatewayAnswer)> done) {
  v1::Command command;
  command.set_type("close_position");
  command.set_account(account);
  command.set_trading_pair(trading_pair);
  command.set_client_order_id(client_order_id);
  ask(std::move(command), std::move(done));
}

bool GatewayLink::in_step() const { return events_ && events_->in_step() && events_->position(); }
bool GatewayLink::stale() const { return !events_ || events_->stale(); }
std::optional<StreamPosition> GatewayLink::position() const {
  return events_ ? events_->position() : std::nullopt;
}

}  // namespace perpwire::risk
