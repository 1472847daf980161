#include "libs/client/client.hpp"

#include "libs/client/conflator.hpp"
#include "libs/client/order_ids.hpp"
#include "libs/common/assert.hpp"
#include "libs/common/bus_subscriber.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/settings.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <zmq.hpp>

#include <map>
#include <set>
#include <thread>

namespace perpwire::client {
namespace {

namespace asio = boost::asio;

// Payloads of which only the newest of a topic counts.
bool is_conflated(const v1::Envelope& envelope) {
  return envelope.has_book() || envelope.has_bbo() || envelope.has_ticker() || envelope.has_mids();
}

// The reply's own refusal, or whatever kept it from coming.
Result<v1::Reply> read_reply(const Result<RequestClient::Reply>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  v1::Reply reply;
  if (answer->empty()) return fail(ErrorCode::kMalformed, "expected a reply, found no part");
  if (auto parsed = parse_payload(answer->front(), reply); !parsed) {
    return tl::unexpected(parsed.error());
  }
  if (reply.status() == "ACCEPTED" || reply.status() == "OK") return reply;
  const auto code = error_code_from_string(reply.code());
  return fail(code.value_or(ErrorCode::kInternal),
              fmt::format("{}: {}", reply.code(), reply.reason()));
}

v1::Command cancel_command(const ClientConfig& config, const ClientOrderId& id) {
  v1::Command command;
  command.set_type("cancel");
  command.set_client_order_id(id.value());
  command.set_account(config.account.value());
  return command;
}

v1::Command modify_command(const ClientConfig& config, const ClientOrderId& id,
                           const std::optional<Price>& price,
                           const std::optional<Quantity>& amount) {
  v1::Command command;
  command.set_type("modify");
  auto& modify = *command.mutable_modify();
  modify.set_client_order_id(id.value());
  modify.set_account(config.account.value());
  if (price) set_decimal(*price, *modify.mutable_price());
  if (amount) set_decimal(*amount, *modify.mutable_amount());
  return command;
}

Status status_of(const v1::Reply& /*accepted*/) { return {}; }

// No word about what became of it: it may have been done.
bool is_unknown(const Error& error) {
  return error.code == ErrorCode::kTimeout || error.code == ErrorCode::kMalformed;
}

}  // namespace

bool is_open(const v1::OrderEvent& order) {
  return order.order_state() == "OPEN" || order.order_state() == "PARTIALLY_FILLED";
}

bool is_final(const v1::OrderEvent& order) {
  const auto& state = order.order_state();
  return state == "FILLED" || state == "CANCELLED" || state == "FAILED";
}

ClientConfig config_of(const Settings& settings) {
  ClientConfig config;
  config.market_events = settings.marketstream.events;
  config.market_requests = settings.marketstream.requests;
  config.order_events = settings.order_gateway.events;
  config.commands = settings.order_gateway.commands;
  config.replay = settings.order_gateway.replay;
  const auto& server_key = settings.order_gateway.curve.public_key;
  for (const auto& endpoint : {config.commands, config.replay}) {
    if (config.curve) break;
    config.curve = curve_client(endpoint, server_key, settings.curve.key_file, "curve.key");
  }
  return config;
}

class Client::Impl {
 public:
  explicit Impl(ClientConfig config)
      : config_(std::move(config)),
        order_ids_(config_.id_prefix, wall_clock_now().millis() / 1000, random_instance(3)),
        request_ids_(random_instance(8)),
        work_(asio::make_work_guard(io_)) {
    for (const auto& [key, endpoint] : {std::pair{"market_events", config_.market_events},
                                        {"market_requests", config_.market_requests},
                                        {"order_events", config_.order_events},
                                        {"commands", config_.commands},
                                        {"replay", config_.replay}}) {
      const auto checked = check_endpoint(endpoint);
      if (!checked) throw ConfigError(fmt::format("{}: {}", key, checked.error().text));
    }
  }

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void start(Callbacks callbacks) {
    PW_ASSERT(!thread_.joinable());
    callbacks_ = std::move(callbacks);
    thread_ = std::thread([this] { run_thread(); });
  }

  template <class Function>
  void post(Function function) {
    asio::post(io_, std::move(function));
  }

  [[nodiscard]] bool on_own_thread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

  [[nodiscard]] bool waits_for_end(const ClientOrderId& id) const { return unended_.contains(id); }

  void subscribe(const std::string& topic) { market_->subscribe(topic); }
  void unsubscribe(const std::string& topic) { market_->unsubscribe(topic); }

  void send_order(v1::OrderRequest order) {
    const ClientOrderId id{order.client_order_id()};
    v1::Command command;
    command.set_type("place");
    *command.mutable_order() = order;
    unanswered_.insert_or_assign(id, std::move(order));
    unended_.insert(id);
    ask(std::move(command), [this, id](const Result<v1::Reply>& reply) {
      if (!reply && is_unknown(reply.error())) {
        if (callbacks_.on_order_unknown) callbacks_.on_order_unknown(id, reply.error());
        return;
      }
      unanswered_.erase(id);
      if (!reply) unended_.erase(id);
      if (!reply && callbacks_.on_order_rejected) callbacks_.on_order_rejected(id, reply.error());
    });
  }

  void resend(const ClientOrderId& id) {
    if (const auto order = unanswered_.find(id); order != unanswered_.end()) {
      send_order(v1::OrderRequest(order->second));
    }
  }

  using OnReply = std::function<void(const Result<v1::Reply>&)>;
  void ask(v1::Command command, OnReply on_reply) {
    const std::string request_id = request_ids_.next();
    command.set_request_id(request_id);
    commands_->request(
        request_id, command.SerializeAsString(), config_.request_timeout,
        [on_reply = std::move(on_reply)](const Result<RequestClient::Reply>& answer) {
          on_reply(read_reply(answer));
        });
  }

  // From any thread: asks on the client's own, and makes `read`'s value of the reply the future's.
  template <class Value, class Read>
  std::future<Value> future_of(v1::Command command, Read read) {
    struct Promise {
      std::promise<Value> promise;
      bool kept = false;
      // The client ended first: its queue was dropped, and this with it.
      ~Promise() {
        if (!kept)
          promise.set_value(fail(ErrorCode::kClosed, "the client ended before the answer"));
      }
    };
    auto promise = std::make_shared<Promise>();
    auto future = promise->promise.get_future();
    post([this, command = std::move(command), promise = std::move(promise), read]() mutable {
      ask(std::move(command), [promise = std::move(promise), read](const Result<v1::Reply>& reply) {
        promise->kept = true;
        promise->promise.set_value(reply ? read(*reply) : Value(tl::unexpected(reply.error())));
      });
    });
    return future;
  }

  void ask_then(v1::Command command, OnStatus done) {
    post([this, command = std::move(command), done = std::move(done)]() mutable {
      ask(std::move(command), [done = std::move(done)](const Result<v1::Reply>& reply) {
        if (done) done(reply.and_then(status_of));
      });
    });
  }

  [[nodiscard]] std::optional<StreamPosition> position() const { return orders_->position(); }
  [[nodiscard]] Counters counters() const {
    Counters sum;
    for (const auto* subscriber : {orders_.get(), state_.get(), market_.get()}) {
      const auto one = subscriber->counters();
      sum.delivered += one.delivered;
      sum.gaps += one.gaps;
      sum.pages += one.pages;
      sum.malformed += one.malformed;
    }
    sum.conflated = conflator_.conflated();
    return sum;
  }
  [[nodiscard]] const ClientConfig& config() const { return config_; }
  ClientOrderId next_order_id() { return order_ids_.next(); }

 private:
  // ZeroMQ sockets live and die on one thread.
  void run_thread() {
    make_sockets();
    io_.run();
    orders_.reset();
    state_.reset();
    market_.reset();
    commands_.reset();
  }

  void make_sockets() {
    const auto deliver = [this](std::string_view, const v1::Envelope& event) { dispatch(event); };
    const auto lost = [this](std::string_view what, std::uint64_t count) {
      if (callbacks_.on_lost) callbacks_.on_lost(what, count);
    };
    const auto events_lost = [this, lost](std::string_view what, std::uint64_t count) {
      unended_.clear();  // the end may be among them
      lost(what, count);
    };
    const auto stale = [this](std::string_view process) {
      return [this, process](bool is_stale) {
        if (callbacks_.on_stale) callbacks_.on_stale(process, is_stale);
      };
    };
    const auto heartbeat = [this](const v1::Heartbeat& beat, UnixNanos) {
      if (callbacks_.on_heartbeat) callbacks_.on_heartbeat(beat);
    };
    orders_ = std::make_unique<BusSubscriber>(
        io_, zmq_,
        BusSubscriberConfig{.endpoint = config_.order_events,
                            .mode = SubscriberMode::kComplete,
                            .topics = {"orders.", "fills.", "adjustments.", "funding.", "ledger."},
                            .requests_endpoint = config_.replay,
                            .requests_curve = curve_of(config_.replay),
                            .start = config_.start,
                            .page_timeout = config_.request_timeout},
        BusSubscriberHandlers{deliver, heartbeat, events_lost, stale("order-gateway")});
    // Last values stand for themselves: the newest counts, also one from before our beginning.
    state_ = std::make_unique<BusSubscriber>(
        io_, zmq_,
        BusSubscriberConfig{.endpoint = config_.order_events,
                            .mode = SubscriberMode::kLatest,
                            .topics = {"positions.", "balances.", "gateway."},
                            .requests_endpoint = {},
                            .start = {}},
        BusSubscriberHandlers{deliver, {}, {}, {}});
    market_ = std::make_unique<BusSubscriber>(
        io_, zmq_,
        BusSubscriberConfig{.endpoint = config_.market_events,
                            .mode = SubscriberMode::kLatest,
                            .topics = {"hb."},  // none would mean all
                            .requests_endpoint = config_.market_requests,
                            .start = {}},
        BusSubscriberHandlers{
            [this](std::string_view topic, const v1::Envelope& event) { on_market(topic, event); },
            heartbeat, lost, stale("marketstream")});
    commands_ =
        std::make_unique<RequestClient>(io_, zmq_,
                                        RequestClientConfig{.endpoint = config_.commands,
                                                            .hello = {},
                                                            .hello_request_id = {},
                                                            .curve = curve_of(config_.commands)});
  }

  /// Commands and replay may be apart: one on TCP, the other not.
  std::optional<CurveClient> curve_of(const std::string& endpoint) const {
    return endpoint.starts_with("tcp://") ? config_.curve : std::nullopt;
  }

  void on_market(std::string_view topic, const v1::Envelope& event) {
    if (!is_conflated(event)) return dispatch(event);
    const bool is_first = conflator_.empty();
    conflator_.push(topic, event);
    if (!is_first) return;
    // After whatever else the socket holds in this turn.
    asio::post(io_, [this] {
      for (const auto& [newest_topic, newest] : conflator_.pop_all()) dispatch(newest);
    });
  }

  template <class Payload>
  static void call(const Callbacks::On<Payload>& callback, const Payload& payload,
                   const v1::Envelope& event) {
    if (callback) callback(payload, event);
  }

  void dispatch_order(const v1::Envelope& event) {
    const auto& kind = event.event_type();
    const auto& order = event.order();
    if (kind == "order_created") call(callbacks_.on_order_created, order, event);
    if (kind == "order_partial_fill") call(callbacks_.on_order_partial_fill, order, event);
    if (kind == "order_filled") call(callbacks_.on_order_filled, order, event);
    if (kind == "order_cancelled") call(callbacks_.on_order_cancelled, order, event);
    if (kind == "order_failed") call(callbacks_.on_order_failed, order, event);
    if (kind == "order_update") call(callbacks_.on_order_update, order, event);
    call(callbacks_.on_order, order, event);
    if (is_final(order)) unended_.erase(ClientOrderId{order.client_order_id()});
  }

  void dispatch(const v1::Envelope& event) {
    using E = v1::Envelope;
    switch (event.payload_case()) {
      case E::kOrder:
        return dispatch_order(event);
      case E::kFill:
        return call(callbacks_.on_fill, event.fill(), event);
      case E::kPosition:
        return call(callbacks_.on_position, event.position(), event);
      case E::kBalance:
        return call(callbacks_.on_balance, event.balance(), event);
      case E::kPositionAdjusted:
        return call(callbacks_.on_position_adjusted, event.position_adjusted(), event);
      case E::kFunding:
        return call(callbacks_.on_funding, event.funding(), event);
      case E::kLedger:
        return call(callbacks_.on_ledger, event.ledger(), event);
      case E::kGatewayStatus:
        return call(callbacks_.on_gateway_status, event.gateway_status(), event);
      case E::kBook:
        return call(callbacks_.on_book, event.book(), event);
      case E::kDelta:
        return call(callbacks_.on_delta, event.delta(), event);
      case E::kBbo:
        return call(callbacks_.on_bbo, event.bbo(), event);
      case E::kTrade:
        return call(callbacks_.on_trade, event.trade(), event);
      case E::kTicker:
        return call(callbacks_.on_ticker, event.ticker(), event);
      case E::kMids:
        return call(callbacks_.on_mids, event.mids(), event);
      case E::kCandle:
        return call(callbacks_.on_candle, event.candle(), event);
      case E::kLiquidation:
        return call(callbacks_.on_liquidation, event.liquidation(), event);
      case E::kInstrument:
        return call(callbacks_.on_instrument, event.instrument(), event);
      case E::kStatus:
        return call(callbacks_.on_feed_status, event.status(), event);
      case E::kStreamOpened:
      case E::kRiskState:
      case E::kRiskLimits:
      case E::kRiskBreach:
      case E::kRiskKill:
      case E::kHeartbeat:
      case E::PAYLOAD_NOT_SET:
        return;
    }
  }

  ClientConfig config_;
  Callbacks callbacks_;
  OrderIds order_ids_;
  RequestIds request_ids_;
  zmq::context_t zmq_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Conflator<v1::Envelope> conflator_;
  std::map<ClientOrderId, v1::OrderRequest> unanswered_;  // orders whose place was not answered
  std::set<ClientOrderId> unended_;  // orders placed here whose end no event told yet
  std::unique_ptr<BusSubscriber> orders_;
  std::unique_ptr<BusSubscriber> state_;
  std::unique_ptr<BusSubscriber> market_;
  std::unique_ptr<RequestClient> commands_;
  std::thread thread_;
};

Client::Client(ClientConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}

Client::~Client() = default;

void Client::start(Callbacks callbacks) { impl_->start(std::move(callbacks)); }

void Client::subscribe(const std::vector<std::string>& channels,
                       const std::vector<TradingPair>& pairs) {
  for (const auto& pair : pairs) {
    for (const auto& channel : channels) {
      auto topic = fmt::format("md.{}.{}.{}", config().venue.value(), channel, pair.value());
      impl_->post([impl = impl_.get(), topic = std::move(topic)] { impl->subscribe(topic); });
    }
  }
}

void Client::unsubscribe(const std::vector<std::string>& channels,
                         const std::vector<TradingPair>& pairs) {
  for (const auto& pair : pairs) {
    for (const auto& channel : channels) {
      auto topic = fmt::format("md.{}.{}.{}", config().venue.value(), channel, pair.value());
      impl_->post([impl = impl_.get(), topic = std::move(topic)] { impl->unsubscribe(topic); });
    }
  }
}

ClientOrderId Client::place(Side side, OrderSpec order) {
  auto id = impl_->next_order_id();
  v1::OrderRequest request;
  request.set_client_order_id(id.value());
  request.set_account(config().account.value());
  request.set_trading_pair(order.trading_pair.value());
  request.set_trade_type(std::string(to_string(side)));
  const char* plain_type = order.price ? "LIMIT" : "MARKET";
  request.set_order_type(order.order_type.empty() ? plain_type : order.order_type);
  set_decimal(order.amount, *request.mutable_amount());
  if (order.price) set_decimal(*order.price, *request.mutable_price());
  if (order.trigger_price) set_decimal(*order.trigger_price, *request.mutable_trigger_price());
  request.set_time_in_force(order.time_in_force);
  request.set_reduce_only(order.reduce_only);
  request.set_strategy(config().strategy);
  impl_->post([impl = impl_.get(), request = std::move(request)]() mutable {
    impl->send_order(std::move(request));
  });
  return id;
}

void Client::resend(const ClientOrderId& client_order_id) {
  impl_->post([impl = impl_.get(), client_order_id] { impl->resend(client_order_id); });
}

std::future<Status> Client::cancel(const ClientOrderId& client_order_id) {
  return impl_->future_of<Status>(cancel_command(config(), client_order_id), status_of);
}

std::future<Status> Client::modify(const ClientOrderId& client_order_id, std::optional<Price> price,
                                   std::optional<Quantity> amount) {
  return impl_->future_of<Status>(modify_command(config(), client_order_id, price, amount),
                                  status_of);
}

void Client::cancel(const ClientOrderId& client_order_id, OnStatus done) {
  impl_->ask_then(cancel_command(config(), client_order_id), std::move(done));
}

void Client::modify(const ClientOrderId& client_order_id, std::optional<Price> price,
                    std::optional<Quantity> amount, OnStatus done) {
  impl_->ask_then(modify_command(config(), client_order_id, price, amount), std::move(done));
}

std::future<Result<v1::OrderEvent>> Client::get_order(const ClientOrderId& client_order_id) {
  v1::Command command;
  command.set_type("get_order");
  command.set_client_order_id(client_order_id.value());
  command.set_account(config().account.value());
  using Answer = Result<v1::OrderEvent>;
  return impl_->future_of<Answer>(std::move(command), [](const v1::Reply& reply) -> Answer {
    if (reply.orders_size() == 1) return reply.orders(0);
    return fail(ErrorCode::kMalformed,
                fmt::format("expected one order, found {}", reply.orders_size()));
  });
}

std::future<Result<std::vector<v1::OrderEvent>>> Client::get_open_orders(const TradingPair& pair) {
  v1::Command command;
  command.set_type("get_open_orders");
  command.set_account(config().account.value());
  command.set_trading_pair(pair.value());
  using Answer = Result<std::vector<v1::OrderEvent>>;
  return impl_->future_of<Answer>(std::move(command), [](const v1::Reply& reply) -> Answer {
    return std::vector<v1::OrderEvent>(reply.orders().begin(), reply.orders().end());
  });
}

std::vector<ClientOrderId> Client::cancel_and_wait(std::vector<ClientOrderId> orders,
                                                   Nanos timeout) {
  PW_ASSERT(!impl_->on_own_thread());
  const Nanos deadline = monotonic_now() + timeout;
  std::erase_if(orders, [](const ClientOrderId& id) { return id.empty(); });
  while (!orders.empty() && monotonic_now() < deadline) {
    std::erase_if(orders, [this](const ClientOrderId& id) {
      const auto order = get_order(id).get();
      if (!order) return order.error().code == ErrorCode::kOrderNotFound;
      if (is_final(*order)) {
        bool told = false;
        run([&] { told = !impl_->waits_for_end(id); });
        return told;
      }
      ignore(cancel(id).get(), "asked again until the order has ended");
      return false;
    });
    if (!orders.empty()) std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return orders;
}

void Client::run(const std::function<void()>& function) {
  PW_ASSERT(!impl_->on_own_thread());
  std::promise<void> done;
  impl_->post([&function, &done] {
    function();
    done.set_value();
  });
  done.get_future().wait();
}

std::optional<StreamPosition> Client::position() {
  std::optional<StreamPosition> position;
  run([&] { position = impl_->position(); });
  return position;
}

Client::Counters Client::counters() {
  Counters counters;
  run([&] { counters = impl_->counters(); });
  return counters;
}

const ClientConfig& Client::config() const { return impl_->config(); }

}  // namespace perpwire::client
