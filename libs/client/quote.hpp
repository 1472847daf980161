#pragma once

#include "libs/client/client.hpp"

#include <optional>

namespace perpwire::client {

/// One post-only order that follows a wanted price: placed, modified, cancelled and placed anew
/// where a modify is refused, withdrawn. Its owner hands it every order event, refusal and unknown
/// outcome.
///
/// Thread:   the client's (callbacks, or Client::run). Lifetime: `suite` outlives it; it outlives
/// the
///           client's callbacks.
class Quote {
 public:
  struct Options {
    /// The wanted price is less than so many basis points away: the order stays where it is.
    Decimal least_move_bps = Decimal{1};
    /// Between two requests: the venue counts them.
    Nanos pause = std::chrono::seconds{1};
  };
  Quote(Client& suite, TradingPair pair, Side side, Quantity amount)
      : Quote(suite, std::move(pair), side, amount, Options{}) {}
  Quote(Client& suite, TradingPair pair, Side side, Quantity amount, const Options& options);
  Quote(const Quote&) = delete;
  Quote& operator=(const Quote&) = delete;

  /// Where it shall stand; nothing = nowhere. Call it as often as there is news: it sends a request
  /// only if something changes, none is unanswered, and the pause is over.
  void want(std::optional<Price> price, Nanos now);

  void on_order(const v1::OrderEvent& order);
  void on_rejected(const ClientOrderId& id);
  /// Sends the very same order again: the gateway places an id once.
  void on_unknown(const ClientOrderId& id);

  [[nodiscard]] Side side() const { return side_; }
  /// Empty while there is no order.
  [[nodiscard]] const ClientOrderId& id() const { return id_; }

 private:
  void modify(const Price& price);

  Client& suite_;
  TradingPair pair_;
  Side side_;
  Quantity amount_;
  Options options_;
  ClientOrderId id_;
  Price price_;
  bool is_open_ = false;
  Nanos quiet_until_{0};
};

}  // namespace perpwire::client
