#pragma once

#include "libs/common/curve.hpp"
#include "libs/common/decimal.hpp"
#include "libs/common/gap_tracker.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"
#include "libs/common/side.hpp"
#include "libs/common/time.hpp"

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {
struct Settings;
}
namespace perpwire::v1 {
class Balance;
class Bbo;
class Book;
class BookDelta;
class Candle;
class Envelope;
class FeedStatus;
class Fill;
class FundingPayment;
class GatewayStatus;
class Heartbeat;
class Instrument;
class LedgerUpdate;
class Liquidation;
class Mids;
class OrderEvent;
class Position;
class PositionAdjusted;
class Ticker;
class Trade;
}  // namespace perpwire::v1

namespace perpwire::client {

struct ClientConfig {
  std::string market_events = "tcp://127.0.0.1:5555";
  std::string market_requests = "tcp://127.0.0.1:5554";
  std::string order_events = "tcp://127.0.0.1:5556";
  std::string commands = "ipc:///run/perpwire/gateway/commands.sock";
  std::string replay = "ipc:///run/perpwire/gateway/replay.sock";
  /// Where commands and replay are on TCP: our key pair, and the gateway's public key.
  std::optional<CurveClient> curve = std::nullopt;

  VenueName venue{"hyperliquid"};
  AccountName account{"main"};
  std::string strategy = {};  // goes with each order, for whoever reads the events later
  std::string id_prefix = "CC";
  Nanos request_timeout = std::chrono::seconds{2};
  /// Where an earlier life ended (Client::position): what happened since is delivered first.
  std::optional<StreamPosition> start = std::nullopt;
};

/// The endpoints of a perpwire.toml that was read (load_settings), and [curve] key where they are
/// on TCP (throws ConfigError if that cannot be used); the rest as by default.
ClientConfig config_of(const Settings& settings);

/// An order to place. Units: price in quote per unit of base, amount in base.
struct OrderSpec {
  TradingPair trading_pair;
  Quantity amount;
  std::optional<Price> price = std::nullopt;  // nothing: MARKET
  std::string order_type = {};                // empty: LIMIT, or MARKET without a price
  std::string time_in_force = {};             // empty: the contract's default
  bool reduce_only = false;
  std::optional<Price> trigger_price = std::nullopt;
};

/// The order is at the venue and may be filled, modified or cancelled: OPEN or PARTIALLY_FILLED.
bool is_open(const v1::OrderEvent& order);
/// FILLED, CANCELLED or FAILED.
bool is_final(const v1::OrderEvent& order);

/// One function for each kind of event; those left empty are not called. The messages are the
/// contract's (perpwire/v1/*.pb.h); `Envelope` has their numbers and times. They die with the call.
struct Callbacks {
  template <class Payload>
  using On = std::function<void(const Payload&, const v1::Envelope&)>;

  On<v1::OrderEvent> on_order_created = {}, on_order_partial_fill = {}, on_order_filled = {},
                     on_order_cancelled = {}, on_order_failed = {}, on_order_update = {};
  /// Every one of the six, beside its own.
  On<v1::OrderEvent> on_order = {};
  On<v1::Fill> on_fill = {};
  On<v1::Position> on_position = {};
  On<v1::Balance> on_balance = {};
  On<v1::PositionAdjusted> on_position_adjusted = {};
  On<v1::FundingPayment> on_funding = {};
  On<v1::LedgerUpdate> on_ledger = {};
  On<v1::GatewayStatus> on_gateway_status = {};

  On<v1::Book> on_book = {};
  On<v1::BookDelta> on_delta = {};
  On<v1::Bbo> on_bbo = {};
  On<v1::Trade> on_trade = {};
  On<v1::Ticker> on_ticker = {};
  On<v1::Mids> on_mids = {};
  On<v1::Candle> on_candle = {};
  On<v1::Liquidation> on_liquidation = {};
  On<v1::Instrument> on_instrument = {};
  On<v1::FeedStatus> on_feed_status = {};

  std::function<void(const v1::Heartbeat&)> on_heartbeat = {};
  /// The gateway refused an order in its own words, or (kClosed, kWouldBlock) it provably never
  /// left: no order event follows.
  std::function<void(const ClientOrderId&, const Error&)> on_order_rejected = {};
  /// No answer in time: it may have been placed. resend() finds out.
  std::function<void(const ClientOrderId&, const Error&)> on_order_unknown = {};
  /// "order-gateway" or "marketstream": its newest heartbeat became over 2 s old, or fresh again.
  std::function<void(std::string_view process, bool stale)> on_stale = {};
  /// Messages that are lost for good: of a market data topic, or of a stream whose journal does not
  /// keep them any more. count 0 = unknown.
  std::function<void(std::string_view topic_or_stream, std::uint64_t count)> on_lost = {};
};

/// One strategy's connection to the suite. Order events and fills come exactly once and in order,
/// from replay pages where the bus lost them; book, bbo, ticker and mids are conflated to the
/// newest of each topic while callbacks are slower than the market.
///
/// Thread:   one thread of its own does all I/O and calls all callbacks: they must be quick, and
///           must not wait for the futures below. Every method may be called from any thread.
/// Lifetime: callbacks come from start() on until the destructor has returned.
class Client {
 public:
  struct Counters {
    std::uint64_t delivered = 0;
    std::uint64_t conflated = 0;
    std::uint64_t gaps = 0;
    std::uint64_t pages = 0;
    std::uint64_t malformed = 0;
  };

  /// Throws: ConfigError for an id_prefix or an endpoint that cannot be one.
  explicit Client(ClientConfig config);
  /// Ends the thread. Orders stay where they are; unanswered futures get kClosed.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Connects; callbacks come from now on. Only once, and before any of what follows.
  void start(Callbacks callbacks);

  /// `md.<venue>.<channel>.<trading_pair>`; candles: channel "candle.1m".
  void subscribe(const std::vector<std::string>& channels, const std::vector<TradingPair>& pairs);
  void unsubscribe(const std::vector<std::string>& channels, const std::vector<TradingPair>& pairs);

  /// Makes the client order id, sends, returns at once. What becomes of it: on_order_rejected,
  /// on_order_unknown, or order events.
  ClientOrderId buy(OrderSpec order) { return place(Side::kBuy, std::move(order)); }
  ClientOrderId sell(OrderSpec order) { return place(Side::kSell, std::move(order)); }
  ClientOrderId place(Side side, OrderSpec order);
  /// After on_order_unknown: the very same order again. The gateway places an id once and answers
  /// as the first time. Does nothing for an order that was answered.
  void resend(const ClientOrderId& client_order_id);

  /// Ready when the gateway has taken it, or refused: kClosed and kWouldBlock = it never left,
  /// kTimeout = it may have been done, all else is the gateway's refusal. The order's own end is an
  /// event.
  std::future<Status> cancel(const ClientOrderId& client_order_id);
  /// `amount` is the new total, fills included; nothing = as it is. The new leg is post-only.
  std::future<Status> modify(const ClientOrderId& client_order_id, std::optional<Price> price,
                             std::optional<Quantity> amount = std::nullopt);
  /// The same with a function that is called on the client's thread: for use in callbacks.
  using OnStatus = std::function<void(const Status&)>;
  void cancel(const ClientOrderId& client_order_id, OnStatus done);
  void modify(const ClientOrderId& client_order_id, std::optional<Price> price,
              std::optional<Quantity> amount, OnStatus done);

  std::future<Result<v1::OrderEvent>> get_order(const ClientOrderId& client_order_id);
  std::future<Result<std::vector<v1::OrderEvent>>> get_open_orders(const TradingPair& pair);

  /// Cancels these orders (empty ids are left out) and waits until they have ended, and the
  /// callbacks have heard of it. Returns those that have not, or are not known to have. Not from
  /// callbacks: it waits.
  std::vector<ClientOrderId> cancel_and_wait(std::vector<ClientOrderId> orders,
                                             Nanos timeout = std::chrono::seconds{5});

  /// Runs `function` on the client's thread, between two callbacks, and waits for it.
  void run(const std::function<void()>& function);
  /// Everything of the gateway's stream below it was delivered: store it to start there again.
  std::optional<StreamPosition> position();
  Counters counters();
  [[nodiscard]] const ClientConfig& config() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace perpwire::client
