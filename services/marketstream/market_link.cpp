#include "services/marketstream/market_link.hpp"

#include <boost/asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include <utility>
#include <variant>

namespace perpwire::marketstream {

using hyperliquid::MarketAction;

MarketLink::MarketLink(boost::asio::io_context& io, Options options,
                       const hyperliquid::MarketInstruments& instruments, Sink sink, Closed closed)
    : number_(options.number),
      sink_(std::move(sink)),
      closed_(std::move(closed)),
      protocol_(options.protocol, instruments),
      session_(io, std::move(options.socket),
               {.on_open = [this] { on_open(); },
                .on_text = [this](std::string_view text,
                                  UnixNanos received) { on_text(text, received); },
                .on_close = [this](const net::CloseReason& reason) { on_close(reason); },
                .on_state = {}}) {}

MarketLink::~MarketLink() = default;

void MarketLink::start() { session_.start(); }

void MarketLink::stop() {
  stopped_ = true;
  session_.close();
}

void MarketLink::on_timer() {
  const UnixNanos now = wall_clock_now();
  protocol_.on_timer({monotonic_now(), now}, actions_);
  act(now);
}

void MarketLink::add(const hyperliquid::Subscription& subscription) {
  protocol_.add(subscription, actions_);
  act(wall_clock_now());
}

void MarketLink::remove(const hyperliquid::Subscription& subscription) {
  protocol_.remove(subscription);
}

void MarketLink::withdraw(std::string_view coin, const std::string& reason) {
  protocol_.withdraw(coin, reason, actions_);
  act(wall_clock_now());
}

void MarketLink::on_recent_trades(std::string_view coin, Result<std::string_view> answer,
                                  UnixNanos received) {
  protocol_.on_recent_trades(coin, std::move(answer), actions_);
  act(received);
}

void MarketLink::on_open() {
  open_ = true;
  spdlog::info("connected connection={} subscriptions={}", number_, protocol_.subscriptions());
  const UnixNanos now = wall_clock_now();
  protocol_.on_connected({monotonic_now(), now}, actions_);
  act(now);
}

void MarketLink::on_text(std::string_view text, UnixNanos received) {
  protocol_.on_text(text, {monotonic_now(), received}, actions_);
  act(received);
}

void MarketLink::on_close(const net::CloseReason& reason) {
  if (stopped_) return;
  const bool was_open = std::exchange(open_, false);
  closed_(reason, was_open);
  if (!was_open) return;
  protocol_.on_disconnected(reason.text, actions_);
  act(wall_clock_now());
}

void MarketLink::act(UnixNanos received) {
  if (stopped_) {
    actions_.clear();
    return;
  }
  // Doing may make the protocol speak again (reconnect() reports the close at once): that comes in
  // a batch of its own.
  std::vector<MarketAction> batch = std::exchange(spare_, {});
  batch.swap(actions_);
  for (const auto& action : batch) {
    if (const auto* send = std::get_if<hyperliquid::SendText>(&action)) {
      ignore(session_.send_text(send->text), "the protocol sends again what is not acknowledged");
    } else if (const auto* reconnect = std::get_if<hyperliquid::Reconnect>(&action)) {
      session_.reconnect(reconnect->reason);
    } else {
      sink_(action, received);
    }
  }
  batch.clear();
  spare_ = std::move(batch);
}

}  // namespace perpwire::marketstream
