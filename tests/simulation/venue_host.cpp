#include "tests/simulation/venue_host.hpp"

#include "libs/common/assert.hpp"
#include "tools/venue-sim/api/info.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace perpwire::simulation {
namespace {

using std::chrono::milliseconds;

constexpr sim::Millis kStart = 1'763'600'400'000;  // an hour's beginning

std::string words_of(const sim::ActionResult& result) {
  if (result.kind == sim::ActionResult::Kind::kError) return "err: " + result.text;
  std::string text;
  for (const auto& status : result.statuses) {
    if (const auto* resting = std::get_if<sim::Resting>(&status)) {
      text += " resting " + std::to_string(resting->oid);
    } else if (const auto* filled = std::get_if<sim::Filled>(&status)) {
      text += " filled " + std::to_string(filled->oid);
    } else if (const auto* refused = std::get_if<sim::Refused>(&status)) {
      text += " refused: " + refused->text;
    } else {
      text += " ok";
    }
  }
  return text.empty() ? " ok" : text;
}

std::string words_of(const sim::ActionBody& body) {
  std::string text;
  if (const auto* place = std::get_if<sim::PlaceOrders>(&body)) {
    text = "order";
    for (const auto& order : place->orders) text += " " + order.cloid;
  } else if (const auto* modify = std::get_if<sim::ModifyOrders>(&body)) {
    text = "modify";
    for (const auto& one : modify->modifies) text += " " + one.order.cloid;
  } else if (const auto* cancel = std::get_if<sim::CancelOrders>(&body)) {
    text = "cancel";
    for (const auto& one : cancel->cancels) {
      const auto* oid = std::get_if<sim::OrderNumber>(&one.name);
      text += " " + (oid != nullptr ? std::to_string(*oid) : std::get<std::string>(one.name));
    }
  } else if (std::holds_alternative<sim::Noop>(body)) {
    text = "noop";
  } else {
    text = "other";
  }
  return text;
}

}  // namespace

std::string coin_of(const std::string& pair) { return pair.substr(0, pair.rfind('-')); }

VenueHost::VenueHost(Scheduler& scheduler, const Plan& plan, Trace& trace)
    : scheduler_(scheduler), trace_(trace), pairs_(plan.pairs), owner_trades_(plan.owner_trades) {
  Random random{plan.seed, "venue"};
  // Some runs cross the hour: funding is paid.
  start_ = kStart - (random.percent(20) ? random.between(0, 30'000) : 1'800'000);
  sim::ExchangeConfig config;
  config.seed = plan.seed;
  config.block_ms = plan.block_ms;
  config.documented_limits = plan.documented_limits;
  config.liquidity_interval_ms = plan.liquidity_ms;
  config.dexs.clear();
  for (const std::string& dex : plan.dexs) {
    if (dex.empty()) continue;
    config.dexs.emplace_back("-");  // a null entry before it: asset numbers count positions
    config.dexs.push_back(dex);
  }
  // Seed 0 of the readings is the documented mix.
  auto made = sim::Exchange::make(
      config, sim::readings_from_seed(random.percent(10) ? 0 : sim::mix64(plan.seed)), start_);
  PW_ASSERT(made.has_value());
  exchange_ = std::move(*made);
  const sim::Address account{std::string(kAccount)};
  exchange_->fund(account, sim::whole_money(1'000'000));
  PW_ASSERT(exchange_->approve_agent(account, sim::Address{std::string(kAgent)}, ""));
  exchange_->take_output();
  exchange_->on_executed = [this](const sim::Action& action, const sim::ActionResult& result) {
    executed(action, result);
  };
  api_ = std::make_unique<sim::VenueApi>(*exchange_, hyperliquid::Network::kTestnet);
  tick();
}

void VenueHost::executed(const sim::Action& action, const sim::ActionResult& result) {
  trace_.line("venue", "executes nonce {} {} ->{}", action.nonce, words_of(action.body),
              words_of(result));
  const auto* place = std::get_if<sim::PlaceOrders>(&action.body);
  if (place != nullptr || std::holds_alternative<sim::ModifyOrders>(action.body) ||
      std::holds_alternative<sim::CancelOrders>(action.body)) {
    ++changes_;
  }
  if (place == nullptr || result.statuses.size() != place->orders.size()) return;
  for (std::size_t i = 0; i < place->orders.size(); ++i) {
    if (std::holds_alternative<sim::Refused>(result.statuses[i])) continue;
    ++placements_[place->orders[i].cloid];
  }
}

// ---------------------------------------------------------------- sockets

std::optional<sim::ConnectionId> VenueHost::open() {
  const auto id = api_->open_connection("127.0.0.1", now());
  // The greeting waits for the connection to be known on the other side.
  scheduler_.after(Nanos{0}, [this] { pump(); });
  return id;
}

void VenueHost::text(sim::ConnectionId connection, const std::string& text) {
  trace_.line("venue", "hears on {}: {}", connection, brief(text));
  api_->on_text(connection, text, now());
  pump();
}

void VenueHost::closed(sim::ConnectionId connection) { api_->on_closed(connection); }

sim::RequestId VenueHost::request(const std::string& target, const std::string& body) {
  trace_.line("venue", "hears {}: {}", target, brief(body));
  const auto id = api_->on_request({.method = "POST",
                                    .target = target,
                                    .content_type = "application/json",
                                    .body = body,
                                    .ip = "127.0.0.1"},
                                   now());
  // The caller must know the request's id before its reply can come.
  scheduler_.after(Nanos{0}, [this] { pump(); });
  return id;
}

std::string VenueHost::info(const std::string& body) const {
  return sim::answer_info(*exchange_, exchange_->state().accounts, sim::Json::parse(body))
      .http.body;
}

void VenueHost::tick() {
  api_->on_timer(now());
  pump();
  const auto wait = std::max<sim::Millis>(api_->next_due() - now(), 1);
  scheduler_.after(milliseconds{wait}, [this] { tick(); });
}

void VenueHost::pump() {
  if (pumping_) return;
  pumping_ = true;
  const sim::ApiOutput output = api_->take(now());
  for (const auto& frame : output.frames) {
    if (on_frame) on_frame(frame.connection, *frame.text);
  }
  for (const auto& reply : output.replies) {
    if (on_reply) on_reply(reply.request, reply.reply);
  }
  for (const auto& close : output.closes) {
    if (on_close) on_close(close.connection);
  }
  pumping_ = false;
}

// ---------------------------------------------------------------- what happens to it

void VenueHost::stall(bool on) {
  trace_.line("venue", "{}", on ? "blocks stand still" : "blocks go on");
  exchange_->set_stalled(on);
}

void VenueHost::lag(sim::Millis ms) {
  trace_.line("venue", "info lags by {} ms", ms);
  api_->faults().info_lag = ms;
}

void VenueHost::lag_clock(sim::Millis ms) {
  trace_.line("venue", "block time is {} ms behind", ms);
  api_->faults().clock_shift = -ms;
}

void VenueHost::post_only(bool on) { exchange_->state().post_only_window = on; }

void VenueHost::halt_market(const std::string& pair, bool on) {
  trace_.line("venue", "{} {}", pair, on ? "halted" : "open");
  exchange_->halt(market(pair).index, on);
  api_->flush(now());
  pump();
}

std::vector<const sim::Order*> VenueHost::resting() const {
  std::vector<const sim::Order*> found;
  for (const sim::OrderNumber oid : account().live) {
    const sim::Order* order = exchange_->state().accounts.order(oid);
    if (order != nullptr && order->book_rank != 0) found.push_back(order);
  }
  return found;
}

void VenueHost::disturb(Random& random) {
  if (exchange_->is_stalled()) return;
  const auto live = resting();
  const auto kind = random.below(100);
  if (kind < 70 && !live.empty()) {
    const sim::Order& order = *live[random.below(live.size())];
    const sim::Lots size{random.percent(40) ? order.remaining.value
                                            : random.between(1, order.remaining.value)};
    trace_.line("venue", "somebody fills {} of {}", size.value, order.oid);
    PW_ASSERT(exchange_->fill_order(order.oid, size));
  } else if (kind < 75 && !live.empty()) {
    const sim::Order& order = *live[random.below(live.size())];
    trace_.line("venue", "the owner cancels {} by hand", order.oid);
    sim::CancelOrders cancel;
    cancel.cancels.push_back({exchange_->state().market(order.market).asset, order.oid});
    exchange_->cancel_as(sim::Address{std::string(kAccount)}, cancel);
  } else if (kind < 85) {
    const sim::Market& at = market(random.pick(pairs_));
    const sim::Ticks fair = exchange_->state().markets[at.index].fair;
    const sim::Ticks to =
        at.round_down(sim::Ticks{fair.value + fair.value * random.between(-40, 40) / 10'000});
    trace_.line("venue", "{} moves to {}", at.coin, at.text(to));
    exchange_->move_price(at.index, to);
  } else if (kind < 88 && owner_trades_) {
    // The owner trades by hand: no cloid of ours.
    const sim::Market& at = market(random.pick(pairs_));
    const sim::Ticks fair = exchange_->state().markets[at.index].fair;
    const bool buy = random.percent(50);
    const bool rests = random.percent(50);
    const std::int64_t away = rests == buy ? 9'900 : 10'100;
    sim::PlaceOrders place;
    sim::OrderRequest order;
    order.asset = at.asset;
    order.side = buy ? sim::Side::kBuy : sim::Side::kSell;
    const sim::Ticks price = at.round_down(sim::Ticks{fair.value / 10'000 * away});
    order.price = sim::to_decimal(price.value, at.price_decimals());
    const sim::Money one = at.notional(price, sim::Lots{1});
    const auto lots = static_cast<std::int64_t>(
        sim::whole_money(random.between(20, 300)).value / std::max<Int128>(one.value, 1) + 1);
    order.size = sim::to_decimal(lots, at.sz_decimals);
    order.tif = rests ? sim::TimeInForce::kGtc : sim::TimeInForce::kIoc;
    place.orders.push_back(order);
    const auto result = exchange_->place_as(sim::Address{std::string(kAccount)}, place);
    trace_.line("venue", "the owner trades {} by hand ->{}", at.coin, words_of(result));
    ++foreign_orders_;
    ++changes_;
  }
  api_->flush(now());
  pump();
}

void VenueHost::calm() {
  api_->faults().clear();
  exchange_->set_background_trading(false);
  stall(false);
  post_only(false);
  for (const std::string& pair : pairs_) {
    if (exchange_->state().markets[market(pair).index].halted) halt_market(pair, false);
  }
}

// ---------------------------------------------------------------- the truth

const sim::Account& VenueHost::account() const {
  const auto index = exchange_->state().accounts.find(sim::Address{std::string(kAccount)});
  PW_ASSERT(index.has_value());
  return exchange_->state().accounts[*index];
}

const sim::Market& VenueHost::market(const std::string& pair) const {
  const sim::Market* found = exchange_->state().universe.by_coin(coin_of(pair));
  PW_ASSERT(found != nullptr);
  return *found;
}

std::vector<const sim::Order*> VenueHost::orders() const {
  std::vector<const sim::Order*> found;
  const sim::Account& ours = account();
  for (const sim::OrderNumber oid : ours.finished) {
    if (const auto* order = exchange_->state().accounts.order(oid)) found.push_back(order);
  }
  for (const sim::OrderNumber oid : ours.live) {
    if (const auto* order = exchange_->state().accounts.order(oid)) found.push_back(order);
  }
  std::sort(found.begin(), found.end(),
            [](const auto* a, const auto* b) { return a->oid < b->oid; });
  return found;
}

std::uint64_t VenueHost::budget_refusals() const {
  const auto found = api_->counters().statuses.find(429);
  const std::uint64_t all = found == api_->counters().statuses.end() ? 0 : found->second;
  return all > injected_429_ ? all - injected_429_ : 0;
}

}  // namespace perpwire::simulation
