#pragma once

#include "tools/venue-sim/core/account_actions.hpp"
#include "tools/venue-sim/core/liquidator.hpp"
#include "tools/venue-sim/core/liquidity.hpp"
#include "tools/venue-sim/core/order_entry.hpp"
#include "tools/venue-sim/core/price_feed.hpp"
#include "tools/venue-sim/core/twap_runner.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::sim {

struct ExchangeConfig {
  std::uint64_t seed = 0;
  Millis block_ms = 70;  // 0 = every action is a block of its own
  bool documented_limits = true;
  bool background_trading = true;  // false: the ladders stand still
  Millis liquidity_interval_ms = 500;
  std::vector<std::string> dexs = {"hyna", "-", "flx"};
};

/// The whole venue without sockets, clocks and threads: actions and the time go in, answers and
/// events come out. The same inputs and seed give the same outputs. Not thread-safe.
class Exchange {
 public:
  using Ticket = std::uint64_t;
  struct Answer {
    Ticket ticket = 0;
    ActionResult result;
  };

  /// Opens all markets at `start`. kInvalidCommand for bad DEX names.
  static Result<std::unique_ptr<Exchange>> make(const ExchangeConfig& config,
                                                const Readings& readings, Millis start);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Takes an action for the next block, or executes it now if block_ms is 0.
  Ticket submit(Action action, Millis now);
  /// Executes every block that is due; call it often (next_due tells when).
  void advance(Millis now);
  [[nodiscard]] Millis next_due() const;
  /// Executes one block at this time, due or not, stalled or not.
  void run_block(Millis time);
  /// While stalled, block time stands still and actions wait.
  void set_stalled(bool stalled) { is_stalled_ = stalled; }
  [[nodiscard]] bool is_stalled() const { return is_stalled_; }

  std::vector<Answer> take_answers();
  Output take_output();

  /// Told of every action when its block executes it: the venue's own account of what happened.
  std::function<void(const Action&, const ActionResult&)> on_executed;

  // What operators and tests do; each acts at once, at the time of the newest block.
  AccountIndex open_account(const Address& address);
  /// Credits every perp DEX and spot USDC, or one DEX.
  void fund(const Address& address, Money amount, std::optional<std::size_t> dex = {});
  void fund_spot(const Address& address, int token, Money amount);
  /// kInvalidCommand if the master is unknown or the agent is an account.
  Status approve_agent(const Address& master, const Address& agent, const std::string& name);
  void remove_agent(const Address& agent);
  /// Any order as any account, unsigned; not counted by limits.
  ActionResult place_as(const Address& address, const PlaceOrders& orders);
  ActionResult cancel_as(const Address& address, const CancelOrders& cancels);
  void move_price(MarketIndex market, Ticks fair);
  void withdraw_liquidity(MarketIndex market);
  void set_background_trading(bool active) { liquidity_.set_active(active); }
  /// Halts a market: every order in it is cancelled, new ones are refused; or opens it again.
  void halt(MarketIndex market, bool is_halted);
  /// Fills a resting order (wholly if size is 0) at its price. kOrderNotFound if it does not rest.
  Status fill_order(OrderNumber oid, Lots size);
  void pay_funding_now();

  [[nodiscard]] VenueState& state() { return state_; }
  [[nodiscard]] const VenueState& state() const { return state_; }
  [[nodiscard]] const ExchangeConfig& config() const { return config_; }
  [[nodiscard]] std::size_t waiting_actions() const { return waiting_.size(); }

 private:
  struct Waiting {
    Ticket ticket = 0;
    Action action;
  };
  Exchange(const ExchangeConfig& config, const Readings& readings, Universe universe, Millis start);
  void execute(const Waiting& waiting);
  ActionResult admit(const Action& action);
  ActionResult dispatch(AccountIndex account, const ActionBody& body);
  void run_periodic();
  void run_scheduled_cancels();
  void after_price_change(MarketIndex market);

  ExchangeConfig config_;
  VenueState state_;
  OrderLifecycle lifecycle_{state_};
  Matching matching_{state_, lifecycle_};
  OrderEntry entry_{state_, lifecycle_, matching_};
  AccountActions account_actions_{state_};
  TwapRunner twaps_{state_, entry_};
  PriceFeed prices_{state_};
  Liquidity liquidity_{state_, lifecycle_, matching_};
  Liquidator liquidator_{state_, lifecycle_, matching_, entry_};
  std::vector<Waiting> waiting_;
  std::vector<Answer> answers_;
  Ticket next_ticket_ = 1;
  bool is_stalled_ = false;
  Millis next_block_ = 0;
  Millis next_liquidity_ = 0;
  Millis next_mark_ = 0;
  Millis next_premium_ = 0;
  Millis next_hour_ = 0;
};

}  // namespace perpwire::sim
