#include "tools/venue-sim/core/exchange.hpp"

#include "libs/common/assert.hpp"
#include "tools/venue-sim/core/address_limit.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr Millis kIdleTick = 50;  // with block_ms 0: how often time passes without actions
constexpr Millis kDayLength = 86'400'000;

AccountIndex add_background(VenueState& state, const char* address) {
  Account account;
  account.address = Address{address};
  account.is_background = true;
  return state.accounts.add(std::move(account));
}

}  // namespace

Result<std::unique_ptr<Exchange>> Exchange::make(const ExchangeConfig& config,
                                                 const Readings& readings, Millis start) {
  auto universe = make_universe(config.dexs);
  if (!universe) {
    return tl::unexpected<Error>(universe.error());
  }
  return std::unique_ptr<Exchange>(new Exchange(config, readings, std::move(*universe), start));
}

Exchange::Exchange(const ExchangeConfig& config, const Readings& readings, Universe universe,
                   Millis start)
    : config_(config) {
  state_.universe = std::move(universe);
  state_.readings = readings;
  state_.rng = Rng{mix64(config.seed) ^ 0x73696dU};
  state_.markets.resize(state_.universe.markets.size());
  state_.now = start;
  // Today's oids have 12 digits.
  state_.next_oid = 270'000'000'000 + mix64(config.seed) % 1'000'000'000;
  state_.documented_limits = config.documented_limits;
  state_.maker = add_background(state_, "0x00000000000000000000000000000000000a1a1a");
  state_.taker = add_background(state_, "0x00000000000000000000000000000000000b2b2b");
  state_.liquidator = add_background(state_, "0x4000000000000000000000000000000000000000");
  next_block_ = start + std::max(config_.block_ms, kIdleTick);
  next_liquidity_ = start + config_.liquidity_interval_ms;
  next_mark_ = start;
  next_premium_ = start + PriceFeed::kPremiumInterval;
  next_hour_ = (start / PriceFeed::kHour + 1) * PriceFeed::kHour;
  state_.start_transaction();
  liquidity_.open_markets();
  liquidity_.set_active(config_.background_trading);
  state_.output = {};
}

Exchange::Ticket Exchange::submit(Action action, Millis now) {
  const Ticket ticket = next_ticket_++;
  waiting_.push_back({ticket, std::move(action)});
  if (config_.block_ms == 0 && !is_stalled_) {
    state_.now = std::max(state_.now, now);
    ++state_.block;
    const auto due = std::move(waiting_);
    waiting_.clear();
    for (const auto& waiting : due) {
      execute(waiting);
    }
  }
  return ticket;
}

Millis Exchange::next_due() const { return next_block_; }

void Exchange::advance(Millis now) {
  if (is_stalled_) {
    next_block_ = std::max(next_block_, now + std::max(config_.block_ms, Millis{1}));
    return;
  }
  const Millis step = config_.block_ms == 0 ? kIdleTick : config_.block_ms;
  // After a long pause of the driver one block catches up.
  if (now - next_block_ > 20 * step) {
    next_block_ = now;
  }
  while (next_block_ <= now) {
    run_block(next_block_);
    next_block_ += step;
  }
}

void Exchange::run_block(Millis time) {
  state_.now = std::max(state_.now, time);
  ++state_.block;
  auto due = std::move(waiting_);
  waiting_.clear();
  std::stable_sort(due.begin(), due.end(), [](const Waiting& a, const Waiting& b) {
    return block_class(a.action.body) < block_class(b.action.body);
  });
  for (const auto& waiting : due) {
    execute(waiting);
  }
  run_periodic();
}

void Exchange::execute(const Waiting& waiting) {
  state_.start_transaction();
  answers_.push_back({waiting.ticket, admit(waiting.action)});
  if (on_executed) {
    on_executed(waiting.action, answers_.back().result);
  }
}

ActionResult Exchange::admit(const Action& action) {
  const std::string prefix = state_.readings.unknown_signer_prefix != 0 ? "L1 error: " : "";
  auto account = state_.accounts.find(action.signer);
  if (!account) {
    const auto agent = state_.accounts.agents.find(action.signer);
    const bool is_known = agent != state_.accounts.agents.end() &&
                          (!agent->second.valid_until || *agent->second.valid_until > state_.now);
    if (action.is_user_signed) {
      return ActionResult::error("Must deposit before performing actions. User: " +
                                 action.signer.value());
    }
    if (!is_known) {
      return ActionResult::error(prefix + "User or API Wallet " + action.signer.value() +
                                 " does not exist.");
    }
    account = agent->second.master;
  }
  if (action.vault) {
    const auto vault = state_.accounts.find(*action.vault);
    if (!vault || state_.accounts[*vault].master != *account) {
      return ActionResult::error("Vault not registered: " + action.vault->value());
    }
    account = vault;
  }
  NonceSet& nonces = state_.accounts.nonces[action.signer];
  if (auto refusal = nonces.check(action.nonce, state_.now); !refusal.empty()) {
    return ActionResult::error(std::move(refusal));
  }
  Account& owner = state_.accounts[*account];
  const bool cancels = is_cancel(action.body);
  const std::size_t weight = action_weight(action.body);
  if (state_.documented_limits) {
    auto refusal = AddressLimit::check(owner, cancels, weight, state_.now);
    if (!refusal.empty()) {
      if (state_.readings.limit_refusal_uses_nonce != 0) {
        nonces.use(action.nonce);
      }
      return ActionResult::error(std::move(refusal));
    }
  }
  nonces.use(action.nonce);
  if (action.expires_after) {
    const auto block_time = static_cast<std::uint64_t>(state_.now);
    if (block_time > *action.expires_after ||
        (state_.readings.expiry_is_inclusive != 0 && block_time == *action.expires_after)) {
      AddressLimit::count(owner, cancels, 5, state_.now);
      return ActionResult::error("Action already expired");
    }
  }
  AddressLimit::count(owner, cancels, weight, state_.now);
  return dispatch(*account, action.body);
}

ActionResult Exchange::dispatch(AccountIndex account, const ActionBody& body) {
  return std::visit(
      [&](const auto& action) -> ActionResult {
        using Kind = std::decay_t<decltype(action)>;
        if constexpr (std::is_same_v<Kind, PlaceOrders>) {
          return entry_.place(account, action);
        } else if constexpr (std::is_same_v<Kind, ModifyOrders>) {
          return entry_.modify(account, action);
        } else if constexpr (std::is_same_v<Kind, CancelOrders>) {
          return entry_.cancel(account, action);
        } else if constexpr (std::is_same_v<Kind, PlaceTwap>) {
          return twaps_.place(account, action);
        } else if constexpr (std::is_same_v<Kind, CancelTwap>) {
          return twaps_.cancel(account, action);
        } else if constexpr (std::is_same_v<Kind, Noop>) {
          return {};
        } else {
          return account_actions_.run(account, action);
        }
      },
      body);
}

void Exchange::after_price_change(MarketIndex market) {
  prices_.update_mark(market);
  entry_.fire_triggers(market);
}

void Exchange::run_periodic() {
  const Millis now = state_.now;
  if (now >= next_liquidity_) {
    liquidity_.step();
    next_liquidity_ = now + config_.liquidity_interval_ms;
  }
  if (now >= next_premium_) {
    for (MarketIndex market = 0; market < state_.markets.size(); ++market) {
      prices_.sample_premium(market);
    }
    next_premium_ = now + PriceFeed::kPremiumInterval;
  }
  if (now >= next_hour_) {
    prices_.pay_funding(next_hour_);
    next_hour_ = (now / PriceFeed::kHour + 1) * PriceFeed::kHour;
  }
  if (now >= next_mark_) {
    for (MarketIndex market = 0; market < state_.markets.size(); ++market) {
      if (!state_.market(market).delisted) {
        after_price_change(market);
      }
    }
    liquidator_.check_all();
    next_mark_ = now + PriceFeed::kMarkInterval;
  }
  twaps_.run();
  run_scheduled_cancels();
}

void Exchange::run_scheduled_cancels() {
  for (AccountIndex index = 0; index < state_.accounts.size(); ++index) {
    Account& account = state_.accounts[index];
    if (!account.scheduled_cancel || *account.scheduled_cancel > state_.now) {
      continue;
    }
    account.scheduled_cancel.reset();
    const std::int64_t today = state_.now / kDayLength;
    account.cancels_triggered = account.cancel_day == today ? account.cancels_triggered + 1 : 1;
    account.cancel_day = today;
    state_.start_transaction();
    entry_.cancel_all(index, OrderStatus::kScheduledCancel);
  }
}

std::vector<Exchange::Answer> Exchange::take_answers() { return std::exchange(answers_, {}); }
Output Exchange::take_output() { return std::exchange(state_.output, {}); }

AccountIndex Exchange::open_account(const Address& address) {
  if (const auto known = state_.accounts.find(address)) {
    return *known;
  }
  Account account;
  account.address = address;
  return state_.accounts.add(std::move(account));
}

void Exchange::fund(const Address& address, Money amount, std::optional<std::size_t> dex) {
  const AccountIndex account = open_account(address);
  state_.start_transaction();
  if (dex) {
    account_actions_.deposit(account, *dex, amount);
    return;
  }
  for (std::size_t i = 0; i < state_.universe.dexs.size(); ++i) {
    if (state_.universe.dexs[i].present) {
      account_actions_.deposit(account, i, amount);
    }
  }
  account_actions_.deposit_spot(account, 0, amount);
}

void Exchange::fund_spot(const Address& address, int token, Money amount) {
  account_actions_.deposit_spot(open_account(address), token, amount);
}

Status Exchange::approve_agent(const Address& master, const Address& agent,
                               const std::string& name) {
  const auto account = state_.accounts.find(master);
  if (!account) {
    return fail(ErrorCode::kInvalidCommand, "agent: unknown master " + master.value());
  }
  const auto result = account_actions_.run(*account, ApproveAgent{agent, name});
  if (result.kind == ActionResult::Kind::kError) {
    return fail(ErrorCode::kInvalidCommand, "agent " + agent.value() + ": " + result.text);
  }
  return {};
}

void Exchange::remove_agent(const Address& agent) {
  state_.accounts.agents.erase(agent);
  state_.accounts.nonces.erase(agent);  // its nonce set is forgotten. Section 3.2.
}

ActionResult Exchange::place_as(const Address& address, const PlaceOrders& orders) {
  state_.start_transaction();
  return entry_.place(open_account(address), orders);
}

ActionResult Exchange::cancel_as(const Address& address, const CancelOrders& cancels) {
  state_.start_transaction();
  return entry_.cancel(open_account(address), cancels);
}

void Exchange::move_price(MarketIndex market, Ticks fair) {
  liquidity_.move_to(market, fair);
  MarketState& book = state_.markets[market];
  book.basis_average = 0;
  book.last = book.fair;
  after_price_change(market);
  liquidator_.check_all();
}

void Exchange::withdraw_liquidity(MarketIndex market) { liquidity_.withdraw(market); }

void Exchange::halt(MarketIndex market, bool is_halted) {
  state_.markets[market].halted = is_halted;
  if (!is_halted) {
    return;
  }
  state_.start_transaction();
  for (AccountIndex account = 0; account < state_.accounts.size(); ++account) {
    entry_.cancel_market(account, OrderStatus::kDelistedCanceled, market);
  }
}

Status Exchange::fill_order(OrderNumber oid, Lots size) {
  Order* resting = state_.accounts.order(oid);
  if (resting == nullptr || resting->book_rank == 0) {
    return fail(ErrorCode::kOrderNotFound, "no resting order " + std::to_string(oid));
  }
  state_.start_transaction();
  Order order;
  order.account = state_.taker;
  order.market = resting->market;
  order.side = opposite(resting->side);
  order.price = resting->price;
  order.tif = TimeInForce::kIoc;
  order.remaining = order.original =
      size.is_zero() ? resting->remaining : std::min(size, resting->remaining);
  Order& taker = lifecycle_.create(std::move(order));
  matching_.execute(taker, *resting, resting->price, taker.remaining);
  lifecycle_.finish(taker, OrderStatus::kFilled);
  return {};
}

void Exchange::pay_funding_now() { prices_.pay_funding(state_.now); }

}  // namespace perpwire::sim
