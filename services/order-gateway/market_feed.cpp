#include "services/order-gateway/market_feed.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/limits_codec.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "services/order-gateway/order_messages.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::gateway {
namespace {

std::optional<Price> price_of(bool present, const v1::Decimal& value) {
  if (!present) return std::nullopt;
  const auto number = to_decimal(value);
  if (!number || !number->is_positive()) return std::nullopt;
  return Price{*number};
}

}  // namespace

MarketFeed::MarketFeed(boost::asio::io_context& io, zmq::context_t& zmq,
                       const std::string& endpoint, ReferencePrices& references)
    : references_(references) {
  const std::string root = "md." + std::string(kVenue) + ".";
  BusSubscriberConfig config;
  config.endpoint = endpoint;
  config.mode = SubscriberMode::kLatest;
  config.topics = {root + "bbo.", root + "ticker.", root + "status."};
  BusSubscriberHandlers handlers;
  handlers.on_event = [this](std::string_view topic, const v1::Envelope& envelope) {
    on_event(topic, envelope);
  };
  handlers.on_heartbeat = [this](const v1::Heartbeat& /*heartbeat*/, UnixNanos /*sent*/) {
    references_.on_alive(wall_clock_now());
  };
  handlers.on_stale = [this](bool stale) {
    if (!stale) return;
    spdlog::warn("marketstream is silent: reference prices count no more");
    references_.on_feed_lost(TradingPair{});
  };
  bus_ = std::make_unique<BusSubscriber>(io, zmq, config, handlers);
}

void MarketFeed::on_event(std::string_view /*topic*/, const v1::Envelope& envelope) {
  if (envelope.has_bbo()) {
    const v1::Bbo& bbo = envelope.bbo();
    references_.on_top(
        TradingPair{bbo.trading_pair()}, price_of(bbo.has_bid_price(), bbo.bid_price()),
        price_of(bbo.has_ask_price(), bbo.ask_price()), UnixNanos{bbo.receive_timestamp()});
  } else if (envelope.has_ticker()) {
    const v1::Ticker& ticker = envelope.ticker();
    references_.on_mark(TradingPair{ticker.trading_pair()},
                        price_of(ticker.has_mark_price(), ticker.mark_price()),
                        UnixNanos{ticker.receive_timestamp()});
  } else if (envelope.has_status()) {
    const v1::FeedStatus& status = envelope.status();
    if (status.state() == "LIVE") return;
    if (status.channel() == "*") references_.on_feed_lost(TradingPair{status.trading_pair()});
    if (status.channel() == "bbo" || status.channel() == "ticker") {
      references_.on_feed_lost(TradingPair{status.trading_pair()});
    }
  }
}

RiskFeed::RiskFeed(boost::asio::io_context& io, zmq::context_t& zmq, const Config& config,
                   RiskGate& gate, std::function<void(const RiskGate::Change&)> on_change)
    : config_(config), gate_(gate), on_change_(std::move(on_change)) {
  BusSubscriberConfig bus_config;
  bus_config.endpoint = config.endpoint;
  bus_config.mode = SubscriberMode::kLatest;
  bus_config.topics = {"risk." + std::string(kVenue) + ".limits"};
  BusSubscriberHandlers handlers;
  handlers.on_event = [this](std::string_view /*topic*/, const v1::Envelope& envelope) {
    on_event(envelope);
  };
  handlers.on_heartbeat = [this](const v1::Heartbeat& heartbeat, UnixNanos sent) {
    on_heartbeat(heartbeat, sent);
  };
  bus_ = std::make_unique<BusSubscriber>(io, zmq, bus_config, handlers);
}

void RiskFeed::on_event(const v1::Envelope& envelope) {
  if (!envelope.has_risk_limits()) return;
  auto table = limits::from_proto(envelope.risk_limits().limits());
  if (!table) {
    spdlog::error("limits of risk do not read: {}", table.error().text);
    return;
  }
  if (gate_.limits_version() != envelope.risk_limits().limits_version()) {
    spdlog::info("limits of risk version={}", envelope.risk_limits().limits_version());
  }
  gate_.on_limits(std::move(*table), envelope.risk_limits().limits_version());
}

void RiskFeed::on_heartbeat(const v1::Heartbeat& heartbeat, UnixNanos sent) {
  if (heartbeat.process() != "risk" || !heartbeat.has_level()) return;
  v1::Hello theirs;
  theirs.set_process(heartbeat.process());
  theirs.set_instance(heartbeat.instance());
  theirs.set_version(heartbeat.version());
  theirs.set_build(heartbeat.build());
  theirs.set_contract(heartbeat.contract());
  const Status same = check_hello(theirs, own_hello("order-gateway", config_.instance),
                                  {.same_build = true, .allow_builds = config_.allow_builds});
  if (!same) {
    // Another risk than ours does not keep our orders going: it counts as none.
    if (refused_build_ != heartbeat.build()) spdlog::error("risk: {}", same.error().text);
    refused_build_ = heartbeat.build();
    return;
  }
  const auto level = limits::risk_level_from_string(heartbeat.level());
  if (!level) {
    spdlog::error("heartbeat of risk: unknown level {}", heartbeat.level());
    return;
  }
  const auto change =
      gate_.on_heartbeat(*level, heartbeat.level_version(), heartbeat.limits_version(), sent,
                         wall_clock_now(), monotonic_now());
  if (change) on_change_(*change);
}

}  // namespace perpwire::gateway
