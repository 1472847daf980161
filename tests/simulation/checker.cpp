#include "tests/simulation/checker.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/journal/journal.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "tests/simulation/world.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace perpwire::simulation {
namespace {

using gateway::InFlightOrder;
using gateway::OrderState;

/// "time/tid/oid": one execution.
std::string execution(std::int64_t time_ms, std::string_view trade_id, std::string_view oid) {
  return fmt::format("{}/{}/{}", time_ms, trade_id, oid);
}

/// Maps have no order of their own in protobuf's bytes.
std::string bytes_of(const v1::Envelope& envelope) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  envelope.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

/// One order as the venue has it: all legs under one cloid.
struct VenueOrder {
  std::vector<const sim::Order*> legs;
  const sim::Order* live = nullptr;
  int live_legs = 0;
  sim::Lots filled;
  Decimal amount;  // filled
  int placements = 0;
};

class Checker {
 public:
  Checker(const World& world, const GatewayHost& gateway, std::vector<std::string>& findings)
      : world_(world), gateway_(gateway), engine_(gateway.engine()), findings_(findings) {}

  /// Of a gateway that does not trade now: what it has told still holds.
  void run_journal() {
    read_journal();
    check_bus();
  }

  void run() {
    read_venue();
    check_orders();
    check_client();
    read_journal();
    check_bus();
    check_fills();
    check_histories();
    check_modifies();
    check_positions();
    check_limits();
    check_signatures();
    check_budget();
  }

 private:
  template <class... Args>
  void found(fmt::format_string<Args...> format, Args&&... args) {
    if (findings_.size() < 40) {
      findings_.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
  }

  void read_venue();
  void check_orders();
  void check_order(const InFlightOrder& order);
  void check_client();
  void read_journal();
  void check_bus();
  void check_fills();
  void check_histories();
  void check_history(const std::string& id, const std::vector<const v1::Envelope*>& events);
  void check_modifies();
  void check_positions();
  void check_limits();
  void check_signatures();
  void check_budget();

  const World& world_;
  const GatewayHost& gateway_;
  const gateway::AccountEngine& engine_;
  std::vector<std::string>& findings_;

  std::map<std::string, VenueOrder> by_cloid_;
  std::map<std::string, const sim::Fill*> fills_;  // by execution
  std::vector<v1::JournalRecord> records_;
  std::map<std::string, std::string> names_;  // client order id by cloid, as tracked
};

// ---------------------------------------------------------------- the venue

void Checker::read_venue() {
  const VenueHost& venue = world_.venue();
  for (const sim::Order* order : venue.orders()) {
    if (order->cloid.empty()) continue;
    VenueOrder& known = by_cloid_[order->cloid];
    known.legs.push_back(order);
    if (order->phase != sim::OrderPhase::kDone) {
      known.live = order;
      ++known.live_legs;
    }
  }
  std::map<std::string, std::int64_t> filled;
  for (const sim::Fill& fill : venue.account().fills) {
    fills_[execution(fill.time, std::to_string(fill.trade_id), std::to_string(fill.oid))] = &fill;
    if (fill.cloid.empty()) continue;
    VenueOrder& order = by_cloid_[fill.cloid];
    order.filled += fill.size;
    const sim::Market& market = venue.exchange().state().market(fill.market);
    order.amount = sim::to_decimal(order.filled.value, market.sz_decimals);
  }
  for (const auto& [cloid, count] : venue.placements()) {
    by_cloid_[cloid].placements = count;
    if (count > 1) found("{} was placed {} times", cloid, count);
  }
  for (const auto& [cloid, order] : by_cloid_) {
    if (order.live_legs > 1) found("{} has {} live legs at the venue", cloid, order.live_legs);
  }
}

// ---------------------------------------------------------------- the tracker

void Checker::check_orders() {
  engine_.tracker().for_each([this](const InFlightOrder& order) {
    const auto [known, fresh] =
        names_.try_emplace(order.cloid(), order.content().client_order_id.value());
    if (!fresh)
      found("{} and {} are one order at the venue", known->second,
            order.content().client_order_id.value());
    check_order(order);
  });
  for (const auto& [cloid, order] : by_cloid_) {
    if (order.live == nullptr || names_.contains(cloid)) continue;
    if (cloid.starts_with("0xf1a50001")) found("{} is live at the venue and not tracked", cloid);
  }
  if (limits::demands_cancel(world_.level())) {
    for (const auto& [cloid, order] : by_cloid_) {
      if (order.live != nullptr) found("{} is live at the level CANCEL_ALL", cloid);
    }
  }
  for (const sim::Order* order : world_.venue().orders()) {
    if (!order->cloid.empty()) continue;
    const bool live = order->phase != sim::OrderPhase::kDone;
    const bool known =
        engine_.tracker().foreign().contains(VenueOrderId{std::to_string(order->oid)});
    if (live && !known) found("the foreign order {} is live and not known", order->oid);
  }
}

void Checker::check_order(const InFlightOrder& order) {
  static const VenueOrder kNone;
  const auto at = by_cloid_.find(order.cloid());
  const VenueOrder& truth = at == by_cloid_.end() ? kNone : at->second;
  const std::string name =
      order.content().client_order_id.value() + " " + std::string(to_string(order.state()));
  if (order.filled().value() != truth.amount) {
    found("{}: filled {} here, {} at the venue", name, order.filled().to_string(),
          truth.amount.to_string());
  }
  if (order.contradicted()) found("{}: FAILED had been told although the venue had it", name);
  switch (order.state()) {
    case OrderState::kPendingCreate:
    case OrderState::kPendingCancel:
    case OrderState::kUnknown:
      found("{}: not known at rest", name);
      break;
    case OrderState::kOpen:
    case OrderState::kPartiallyFilled:
      if (truth.live == nullptr) found("{}: not live at the venue", name);
      break;
    case OrderState::kFilled:
      if (truth.placements == 0) found("{}: never placed at the venue", name);
      if (order.filled() < order.amount())
        found("{}: {} of {}", name, order.filled().to_string(), order.amount().to_string());
      break;
    case OrderState::kCancelled:
      if (truth.placements == 0) found("{}: never placed at the venue", name);
      break;
    case OrderState::kFailed:
      if (truth.placements > 0) found("{}: the venue had placed it", name);
      break;
  }
  if (is_final(order.state()) && truth.live != nullptr) {
    found("{}: live at the venue as {}", name, truth.live->oid);
  }
  if (order.may_be_live() != (truth.live != nullptr)) {
    found("{}: {} here, {} at the venue", name, order.may_be_live() ? "may be live" : "not live",
          truth.live != nullptr ? "live" : "not live");
  }
  if (truth.live != nullptr) {
    const std::string oid = std::to_string(truth.live->oid);
    if (order.venue_order_id().value_or(VenueOrderId{}).value() != oid) {
      found("{}: current leg {} here, {} at the venue", name,
            order.venue_order_id().value_or(VenueOrderId{}).value(), oid);
    }
    const sim::Market& market = world_.venue().exchange().state().market(truth.live->market);
    const Decimal price = sim::to_decimal(truth.live->price.value, market.price_decimals());
    if (order.price() && order.price()->value() != price) {
      found("{}: price {} here, {} at the venue", name, order.price()->to_string(),
            price.to_string());
    }
    const Decimal rest = sim::to_decimal(truth.live->remaining.value, market.sz_decimals);
    if (order.working_quantity().value() != rest && !truth.live->reduce_only) {
      found("{}: {} working here, {} at the venue", name, order.working_quantity().to_string(),
            rest.to_string());
    }
  }
}

void Checker::check_client() {
  for (const auto& [id, intent] : world_.client().intents()) {
    if (!intent.accepted || world_.journal_lost()) continue;
    if (intent.by != gateway_.instance()) continue;  // the other one's journal knows it
    if (engine_.tracker().find(ClientOrderId{id}) == nullptr) {
      found("{} was accepted and forgotten", id);
    }
  }
  for (const auto& [id, life] : world_.client().cancels()) {
    const InFlightOrder* order = engine_.tracker().find(ClientOrderId{id});
    // A wish that its process took with it is the client's to repeat.
    if (order == nullptr || life != gateway_.life()) continue;
    const auto at = by_cloid_.find(order->cloid());
    if (at != by_cloid_.end() && at->second.live != nullptr) {
      found("{}: its cancel was accepted, and it is live at the venue", id);
    }
  }
  for (const auto& gateway : world_.gateways()) {
    if (!gateway->findings().empty()) found("{}", gateway->findings().front());
  }
  for (const std::string& finding : world_.client().findings()) found("{}", finding);
}

// ---------------------------------------------------------------- the journal and the bus

void Checker::read_journal() {
  const journal::Journal& journal = gateway_.log().journal();
  std::uint64_t last = 0;
  const Status read = journal.read(1, [&](const journal::RecordView& view) {
    v1::JournalRecord record;
    if (!record.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()))) {
      found("journal record {} does not read", view.index);
      return false;
    }
    if (last != 0 && view.index != last + 1) found("journal: {} after {}", view.index, last);
    last = view.index;
    records_.push_back(std::move(record));
    return true;
  });
  if (!read) found("the journal does not read: {}", read.error().text);

  std::map<std::string, std::uint64_t> streams;
  std::map<std::string, std::uint64_t> topics;  // of the stream that is open
  std::string stream;
  for (const v1::JournalRecord& record : records_) {
    if (!record.has_event()) continue;
    const v1::Envelope& event = record.event().envelope();
    if (event.stream() != stream) {
      stream = event.stream();
      topics.clear();
      if (streams.contains(stream)) found("stream {} goes on after another", stream);
      if (event.sequence() != 1 || event.event_type() != "stream_opened") {
        found("stream {} begins with {} {}", stream, event.sequence(), event.event_type());
      }
    } else if (event.sequence() != streams[stream] + 1) {
      found("stream {}: {} follows {}", stream, event.sequence(), streams[stream]);
    }
    streams[stream] = event.sequence();
    const std::uint64_t topic_before = topics[record.event().topic()];
    if (event.topic_sequence() != topic_before + 1) {
      found("{}: topic_sequence {} follows {}", record.event().topic(), event.topic_sequence(),
            topic_before);
    }
    topics[record.event().topic()] = event.topic_sequence();
  }
}

void Checker::check_bus() {
  std::map<std::pair<std::string, std::uint64_t>, std::string> kept;
  for (const v1::JournalRecord& record : records_) {
    if (!record.has_event()) continue;
    const v1::Envelope& event = record.event().envelope();
    kept[{event.stream(), event.sequence()}] = bytes_of(event);
  }
  std::map<std::pair<std::string, std::uint64_t>, std::string> told;
  std::string stream;
  std::uint64_t last = 0;
  for (const BusEvent& published : gateway_.bus()) {
    v1::Envelope event;
    if (!event.ParseFromString(published.encoded)) {
      found("an event on the bus does not read");
      continue;
    }
    const std::pair key{event.stream(), event.sequence()};
    const std::string bytes = bytes_of(event);
    const auto [known, fresh] = told.try_emplace(key, bytes);
    if (!fresh && known->second != bytes) {
      found("{} {} was given to two events", event.stream(), event.sequence());
    }
    if (event.stream() == stream && event.sequence() <= last && fresh) {
      found("{}: {} after {} on the bus", stream, event.sequence(), last);
    }
    stream = event.stream();
    last = event.sequence();
    const auto at = kept.find(key);
    if (at == kept.end()) {
      // What a power cut takes was published by a stream that is never continued.
      if (!world_.journal_lost() || event.stream() == gateway_.log().stream()) {
        found("{} {} was published and is not in the journal", event.stream(), event.sequence());
      }
    } else if (at->second != bytes) {
      found("{} {} was published otherwise than it stands in the journal", event.stream(),
            event.sequence());
    }
  }
}

void Checker::check_fills() {
  std::map<std::string, int> reported;
  std::map<std::string, int> counted;  // order events with a trade id, by order and execution
  for (const v1::JournalRecord& record : records_) {
    if (!record.has_event()) continue;
    const v1::Envelope& event = record.event().envelope();
    if (event.has_fill()) {
      const std::string key = execution(event.fill().exchange_timestamp() / 1'000'000,
                                        event.fill().trade_id(), event.fill().exchange_order_id());
      ++reported[key];
      const auto at = fills_.find(key);
      if (at == fills_.end()) {
        found("fill {} was never made", key);
        continue;
      }
      const sim::Market& market = world_.venue().exchange().state().market(at->second->market);
      const auto amount = to_decimal(event.fill().amount());
      if (!amount || *amount != sim::to_decimal(at->second->size.value, market.sz_decimals)) {
        found("fill {}: another amount than at the venue", key);
      }
    } else if (event.has_order() && event.order().has_trade_id()) {
      ++counted[event.order().client_order_id() + " " + event.order().trade_id()];
    }
  }
  std::map<std::string, int> made;  // executions by order and trade id
  for (const auto& [key, fill] : fills_) {
    ++made[fill->cloid + " " + std::to_string(fill->trade_id)];
  }
  for (const auto& [key, fill] : fills_) {
    if (reported[key] != 1)
      found("fill {} of {} is reported {} times", key, fill->cloid, reported[key]);
    const auto name = names_.find(fill->cloid);
    if (fill->cloid.empty() || name == names_.end()) continue;
    // An adopted order may have taken its client's name later.
    int events = counted[name->second + " " + std::to_string(fill->trade_id)];
    if (name->second != "cloid:" + fill->cloid) {
      events += counted["cloid:" + fill->cloid + " " + std::to_string(fill->trade_id)];
    }
    if (events != made[fill->cloid + " " + std::to_string(fill->trade_id)]) {
      found("fill {} of {} has {} order events", key, name->second, events);
    }
  }
}

void Checker::check_histories() {
  std::map<std::string, std::vector<const v1::Envelope*>> histories;
  for (const v1::JournalRecord& record : records_) {
    if (!record.has_event() || !record.event().envelope().has_order()) continue;
    const v1::Envelope& event = record.event().envelope();
    histories[event.order().client_order_id()].push_back(&event);
  }
  for (const auto& [id, events] : histories) check_history(id, events);
}

void Checker::check_history(const std::string& id, const std::vector<const v1::Envelope*>& events) {
  static const std::set<std::string> kFinal{"FILLED", "CANCELLED", "FAILED"};
  int created = 0;
  int ends = 0;
  bool cancelled = false;
  std::string state = "PENDING_CREATE";
  Decimal filled;
  const bool adopted = id.starts_with("cloid:");
  // Who does not hold the lease does not know of the other's modify: the end of its old leg looks
  // like the order's. Nor that an id which it has told as FAILED was given to the other.
  const auto intent = world_.client().intents().find(id);
  const bool given_away =
      intent != world_.client().intents().end() && intent->second.by != gateway_.instance();
  const bool others = world_.plan().two_gateways && (adopted || given_away);
  for (const v1::Envelope* envelope : events) {
    const std::string& type = envelope->event_type();
    const v1::OrderEvent& order = envelope->order();
    if (type == "order_created") ++created;
    const bool needs_created =
        type == "order_filled" || type == "order_partial_fill" || type == "order_cancelled";
    if (needs_created && created == 0 && !adopted && !world_.journal_lost()) {
      found("{}: {} before created", id, type);
    }
    // The fill that completes an order is `filled` also after `cancelled`.
    const bool late_fill = type == "order_filled" && cancelled;
    if (!late_fill &&
        (type == "order_cancelled" || type == "order_failed" || type == "order_filled")) {
      ++ends;
    }
    cancelled = cancelled || type == "order_cancelled";
    const std::string& next = order.order_state();
    if (kFinal.contains(state) && next != state && !others) {
      found("{}: {} after {}", id, next, state);
    }
    if (state == "PARTIALLY_FILLED" && next == "OPEN") found("{}: OPEN after PARTIALLY_FILLED", id);
    if (next == "PENDING_CREATE") found("{}: PENDING_CREATE was published", id);
    if (type == "order_failed" && next != "FAILED") found("{}: failed as {}", id, next);
    if (type == "order_cancelled" && next != "CANCELLED") found("{}: cancelled as {}", id, next);
    state = next;
    const Decimal now = to_decimal(order.filled_amount()).value_or(Decimal{});
    if (now < filled)
      found("{}: filled_amount went from {} to {}", id, filled.to_string(), now.to_string());
    filled = now;
  }
  if (created > 1) found("{}: created {} times", id, created);
  if (ends > 1 && !others) found("{}: ended {} times", id, ends);
  const InFlightOrder* order = engine_.tracker().find(ClientOrderId{id});
  if (order != nullptr && !events.empty()) {
    if (state != to_string(order->state())) {
      found("{}: told as {}, tracked as {}", id, state, to_string(order->state()));
    }
    if (filled != order->filled().value()) {
      found("{}: told {} filled, tracked {}", id, filled.to_string(), order->filled().to_string());
    }
  }
}

void Checker::check_modifies() {
  // A leg asks for what is left of the new total: what was told as filled some time before it was
  // sent must have been taken off. (Signing takes up to 1.5 s.)
  Nanos deciding = std::chrono::milliseconds{1'600};
  // Records carry the wall clock, which leaps by up to 4 s each way.
  if (world_.plan().faults.clock_step > 0) deciding += std::chrono::seconds{8};
  std::map<std::string, std::vector<std::pair<std::int64_t, Decimal>>> filled;
  for (const v1::JournalRecord& record : records_) {
    if (record.has_event() && record.event().envelope().has_order()) {
      const v1::OrderEvent& order = record.event().envelope().order();
      filled[order.client_order_id()].emplace_back(
          record.timestamp(), to_decimal(order.filled_amount()).value_or(Decimal{}));
    }
    if (!record.has_action_sent()) continue;
    for (const v1::LegSent& leg : record.action_sent().legs()) {
      Decimal known;
      for (const auto& [at, amount] : filled[leg.client_order_id()]) {
        if (at < record.timestamp() - deciding.count()) known = amount;
      }
      const auto sum = add(to_decimal(leg.quantity()).value_or(Decimal{}), known);
      if (!sum || *sum > to_decimal(leg.amount()).value_or(Decimal{})) {
        found("{}: a modify to {} asks for {} although {} are filled", leg.client_order_id(),
              to_decimal(leg.amount())->to_string(), to_decimal(leg.quantity())->to_string(),
              known.to_string());
      }
    }
  }
}

// ---------------------------------------------------------------- positions, limits, signatures

void Checker::check_positions() {
  const VenueHost& venue = world_.venue();
  std::map<std::string, Decimal> told;
  for (const v1::JournalRecord& record : records_) {
    if (!record.has_event()) continue;
    const v1::Envelope& event = record.event().envelope();
    if (event.has_position()) {
      told[event.position().trading_pair()] =
          to_decimal(event.position().amount()).value_or(Decimal{});
    }
    if (event.has_position_adjusted() && !world_.journal_lost()) {
      found("the position of {} was adjusted from {} to {}: every change had its fill",
            event.position_adjusted().trading_pair(),
            to_decimal(event.position_adjusted().before()).value_or(Decimal{}).to_string(),
            to_decimal(event.position_adjusted().after()).value_or(Decimal{}).to_string());
    }
  }
  for (const std::string& pair : world_.plan().pairs) {
    const sim::Market& market = venue.market(pair);
    const auto holding = venue.account().holdings.find(market.index);
    const std::int64_t lots =
        holding == venue.account().holdings.end() ? 0 : holding->second.position.size.value;
    const Decimal truth = sim::to_decimal(lots, market.sz_decimals);
    const Quantity ours = engine_.positions().quantity(TradingPair{pair});
    if (ours.value() != truth) {
      found("position of {}: {} here, {} at the venue", pair, ours.to_string(), truth.to_string());
    }
    if (told.contains(pair) && told[pair] != truth) {
      found("position of {}: {} was told last, {} at the venue", pair, told[pair].to_string(),
            truth.to_string());
    }
  }
}

void Checker::check_limits() {
  // What the owner trades by hand, and what a lost journal forgot for a while, nobody can bound.
  if (world_.venue().had_foreign_orders() || world_.journal_lost()) return;
  std::map<sim::MarketIndex, std::int64_t> held;
  // Prices move by some percent between the check and the fill; one order may cross the bound.
  const sim::Money most = sim::whole_money(world_.plan().max_position_usd * 108 / 100 + 20);
  for (const sim::Fill& fill : world_.venue().account().fills) {
    std::int64_t& lots = held[fill.market];
    lots += fill.side == sim::Side::kBuy ? fill.size.value : -fill.size.value;
    const sim::Market& market = world_.venue().exchange().state().market(fill.market);
    const sim::Money notional = market.notional(fill.price, sim::Lots{lots}.abs());
    if (notional > most) {
      found("position of {}: {} USD, the limit is {}", market.coin, sim::money_text(notional),
            world_.plan().max_position_usd);
      return;
    }
  }
}

void Checker::check_signatures() {
  std::set<std::uint64_t> issued;
  std::uint64_t newest = 0;
  std::map<std::string, int> placed;
  std::uint64_t epoch = 0;
  std::uint64_t may_land_until = 0;  // what was signed under this epoch
  std::uint64_t others_may_land_until = 0;
  for (const SignedAction& action : world_.signer().signatures()) {
    if (world_.plan().two_gateways && action.request.lease_epoch() != 0) {
      const std::uint64_t with = action.request.lease_epoch();
      if (with < action.newest_epoch) {
        found("signed with the epoch {}, {} was given", with, action.newest_epoch);
      }
      if (with > epoch) others_may_land_until = std::max(others_may_land_until, may_land_until);
      epoch = std::max(epoch, with);
      may_land_until = std::max(may_land_until, action.expires_after);
      if (action.venue_ms <= static_cast<std::int64_t>(others_may_land_until)) {
        found("signed with the epoch {} at {}, while what others signed may land until {}", with,
              action.venue_ms, others_may_land_until);
      }
    }
    if (action.request.has_noop() && action.request.has_nonce()) {
      if (!issued.contains(action.nonce)) found("a noop with nonce {}, never issued", action.nonce);
      continue;
    }
    if (action.nonce <= newest) found("nonce {} after {}", action.nonce, newest);
    newest = std::max(newest, action.nonce);
    issued.insert(action.nonce);
    for (const auto& order : action.request.order().orders()) ++placed[order.cloid()];
  }
  for (const auto& [cloid, times] : placed) {
    if (world_.plan().two_gateways) continue;  // what the other one signed may have died
    if (times > 1 && !world_.journal_lost()) found("{} was signed {} times", cloid, times);
  }
}

void Checker::check_budget() {
  // Each life begins with what may be used at once, and nobody told it what the one before used.
  if (gateway_.lives() > 2) return;
  if (world_.venue().budget_refusals() > 0) {
    found("the venue answered 429 {} times", world_.venue().budget_refusals());
  }
}

}  // namespace

void check(const World& world, std::vector<std::string>& findings) {
  Checker{world, world.gateway(), findings}.run();
  for (const auto& other : world.gateways()) {
    if (other.get() != &world.gateway()) Checker{world, *other, findings}.run_journal();
  }
}

}  // namespace perpwire::simulation
