#include "services/order-gateway/client_order_tracker.hpp"

#include "libs/common/assert.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <algorithm>
#include <utility>

namespace perpwire::gateway {
namespace {

// Fills published without an order that are still watched for one.
constexpr std::size_t kUnattributedKept = 10'000;
// The venue itself keeps the newest 10,000 fills of an account (hyperliquid.md section 7.2); no
// message can repeat an older one.
constexpr std::size_t kFillKeysKept = 20'000;
// Of an id whose content is not known: equal to none.
constexpr std::uint32_t kNoContent = 0;

bool is_adopted(const InFlightOrder& order) {
  return order.content().client_order_id.value().starts_with(kAdopted);
}

/// Whether a place command describes the order that was adopted: what the venue shows of it.
bool describes(const OrderContent& content, const OrderContent& adopted) {
  return content.trading_pair == adopted.trading_pair && content.side == adopted.side &&
         content.price == adopted.price && content.amount == adopted.amount &&
         content.reduce_only == adopted.reduce_only;
}

/// The same for ever: it is kept on disk (FNV-1a over the contract's own words).
std::uint32_t fingerprint_of(const OrderContent& content) {
  std::uint32_t hash = 2166136261U;
  const auto append = [&hash](std::string_view part) {
    for (const char c : part) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
    hash = (hash ^ std::uint8_t{'\n'}) * 16777619U;
  };
  append(content.account.value());
  append(content.trading_pair.value());
  append(to_string(content.side));
  append(to_string(content.type));
  append(content.price ? content.price->to_string() : "-");
  append(content.amount.to_string());
  append(to_string(content.time_in_force));
  append(content.reduce_only ? "r" : "-");
  append(content.trigger_price ? content.trigger_price->to_string() : "-");
  append(content.strategy);
  append(content.slippage_bps ? std::to_string(*content.slippage_bps) : "-");
  if (!content.grouping.empty()) append(content.grouping);
  if (content.twap) {
    append(std::to_string(content.twap->minutes));
    append(content.twap->randomize ? "t" : "-");
  }
  return hash == kNoContent ? 1 : hash;
}

}  // namespace

ClientOrderTracker::ClientOrderTracker(std::string cloid_prefix, IdMemory* ids)
    : cloid_prefix_(std::move(cloid_prefix)),
      own_ids_(ids == nullptr ? std::make_unique<IdsInMemory>() : nullptr),
      ids_(ids == nullptr ? *own_ids_ : *ids),
      known_fills_(kFillKeysKept) {}

bool ClientOrderTracker::is_ours(std::string_view cloid) const {
  return !cloid.empty() && cloid.starts_with(cloid_prefix_);
}

// ---------------------------------------------------------------- placing

ClientOrderTracker::Placement ClientOrderTracker::lookup(const OrderContent& content,
                                                         std::string_view cloid) const {
  if (const InFlightOrder* known = find(content.client_order_id)) {
    return known->content() == content ? Placement::kRepeated : Placement::kDuplicate;
  }
  if (const auto adopted = by_cloid_.find(std::string(cloid)); adopted != by_cloid_.end()) {
    return describes(content, adopted->second->content()) ? Placement::kRepeated
                                                          : Placement::kDuplicate;
  }
  if (const auto key = IdMemory::key_of(cloid)) {
    if (const auto old = ids_.find(*key)) {
      return *old == fingerprint_of(content) ? Placement::kRepeated : Placement::kDuplicate;
    }
  }
  return Placement::kNew;
}

ClientOrderTracker::Admission ClientOrderTracker::place(const OrderContent& content,
                                                        std::string_view cloid, UnixNanos now,
                                                        std::vector<TrackerEvent>& out) {
  const Placement placement = lookup(content, cloid);
  if (placement == Placement::kDuplicate) return {placement, nullptr};
  if (placement == Placement::kNew) return {placement, &insert(content, cloid, now)};
  if (InFlightOrder* known = find(content.client_order_id)) return {placement, known};
  const auto adopted = by_cloid_.find(std::string(cloid));
  if (adopted == by_cloid_.end()) return {placement, nullptr};  // forgotten, but placed once
  // The adopted order takes the name that its cloid was derived from.
  InFlightOrder* order = adopted->second;
  const ClientOrderId old_id = order->content().client_order_id;
  auto node = orders_.extract(old_id);
  live_[order->content().trading_pair].erase(old_id);
  settling_[order->content().trading_pair].erase(old_id);
  order->rename(content);
  node.key() = content.client_order_id;
  orders_.insert(std::move(node));
  live_count_ = 0;
  for (const auto& [pair, ids] : live_) live_count_ += ids.size();
  touch_live(*order);
  OrderEvent renamed{.kind = OrderEventKind::kUpdate,
                     .order = order->view(now),
                     .failure = std::nullopt,
                     .trade_id = std::nullopt};
  out.emplace_back(std::move(renamed));
  return {placement, order};
}

InFlightOrder& ClientOrderTracker::insert(const OrderContent& content, std::string_view cloid,
                                          UnixNanos at) {
  auto order = std::make_unique<InFlightOrder>(content, std::string(cloid), at);
  InFlightOrder& placed = *order;
  orders_.emplace(content.client_order_id, std::move(order));
  if (!cloid.empty()) by_cloid_.emplace(std::string(cloid), &placed);
  touch_live(placed);
  return placed;
}

InFlightOrder* ClientOrderTracker::find(const ClientOrderId& id) {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : found->second.get();
}
const InFlightOrder* ClientOrderTracker::find(const ClientOrderId& id) const {
  const auto found = orders_.find(id);
  return found == orders_.end() ? nullptr : found->second.get();
}
InFlightOrder* ClientOrderTracker::find_by_cloid(std::string_view cloid) {
  if (cloid.empty()) return nullptr;
  const auto found = by_cloid_.find(std::string(cloid));
  return found == by_cloid_.end() ? nullptr : found->second;
}
InFlightOrder* ClientOrderTracker::find_by_venue_id(const VenueOrderId& id) {
  const auto found = by_venue_id_.find(id);
  return found == by_venue_id_.end() ? nullptr : found->second;
}
const InFlightOrder* ClientOrderTracker::find_by_venue_id(const VenueOrderId& id) const {
  const auto found = by_venue_id_.find(id);
  return found == by_venue_id_.end() ? nullptr : found->second;
}

// ---------------------------------------------------------------- facts

void ClientOrderTracker::index(InFlightOrder& order) {
  for (VenueOrderId& id : order.legs()) by_venue_id_.emplace(std::move(id), &order);
}

void ClientOrderTracker::touch_live(InFlightOrder& order) {
  const ClientOrderId& id = order.content().client_order_id;
  LiveOrders& orders = live_[order.content().trading_pair];
  if (order.may_be_live()) {
    if (orders.emplace(id, &order).second) ++live_count_;
  } else if (orders.erase(id) > 0) {
    --live_count_;
  }
  if (!order.may_be_live() && order.unseen_quantity().is_positive()) {
    settling_[order.content().trading_pair].insert_or_assign(id, &order);
  } else if (const auto known = settling_.find(order.content().trading_pair);
             known != settling_.end()) {
    known->second.erase(id);
  }
}

void ClientOrderTracker::collect(InFlightOrder& order, UnixNanos now,
                                 std::vector<TrackerEvent>& out) {
  std::vector<OrderEvent> events;
  order.settle(now, events);
  for (OrderEvent& event : events) {
    if (is_final(event.order.state) && !order.listed_as_final()) {
      order.list_as_final();
      finals_.push_back(order.content().client_order_id);
    }
    out.emplace_back(std::move(event));
  }
}

void ClientOrderTracker::settle(InFlightOrder& order, UnixNanos now,
                                std::vector<TrackerEvent>& out) {
  index(order);
  bind_waiting(order, now, out);
  collect(order, now, out);
  touch_live(order);
}

bool ClientOrderTracker::on_word(const venues::OrderWord& word, const TradingPair& pair,
                                 UnixNanos now, std::vector<TrackerEvent>& out) {
  InFlightOrder* order = find_by_venue_id(word.venue_order_id);
  if (order == nullptr) order = find_by_cloid(word.cloid);
  if (order == nullptr) {
    const bool live =
        word.status == venues::OrderStatus::kOpen || word.status == venues::OrderStatus::kTriggered;
    if (is_ours(word.cloid)) {
      const auto key = IdMemory::key_of(word.cloid);
      // A late word about an order that ended long ago says nothing new.
      if (!live && key && ids_.find(*key)) return true;
      orphans_.push_back({word.cloid, word, pair});
    } else if (live) {
      foreign_.insert_or_assign(word.venue_order_id, Orphan{word.cloid, word, pair});
    } else if (word.status != venues::OrderStatus::kUnrecognised) {
      foreign_.erase(word.venue_order_id);
    }
    return false;
  }
  order->word(word);
  settle(*order, now, out);
  return true;
}

InFlightOrder* ClientOrderTracker::owner_of(const venues::Fill& fill) {
  if (InFlightOrder* order = find_by_venue_id(leg_of(fill))) return order;
  if (InFlightOrder* order = find_by_venue_id(fill.venue_order_id)) return order;
  return find_by_cloid(fill.cloid);
}

bool ClientOrderTracker::claim_possible(const venues::Fill& fill, const TradingPair& pair) const {
  if (!fill.cloid.empty()) return false;  // it names its order, and that is none of ours
  const LiveOrders& orders = live(pair);
  return std::any_of(orders.begin(), orders.end(), [&](const auto& known) {
    const InFlightOrder& order = *known.second;
    return order.content().side == fill.side &&
           (order.create_unsettled() || order.modify_unsettled() || order.legs().empty());
  });
}

Status ClientOrderTracker::count(InFlightOrder& order, const venues::Fill& fill,
                                 const TradingPair& pair, bool published_before, UnixNanos now,
                                 std::vector<TrackerEvent>& out) {
  const auto counted = order.fill(fill);
  if (!counted) return tl::unexpected(counted.error());
  index(order);
  if (*counted && !published_before) {
    out.emplace_back(FillReport{fill, pair, order.content().client_order_id});
  }
  collect(order, now, out);
  touch_live(order);
  return {};
}

Result<bool> ClientOrderTracker::on_fill(const venues::Fill& fill, const TradingPair& pair,
                                         UnixNanos now, std::vector<TrackerEvent>& out) {
  const venues::FillKey key = fill.key();
  if (known_fills_.contains(key)) return false;
  InFlightOrder* order = owner_of(fill);
  if (order != nullptr) {
    const auto counted = count(*order, fill, pair, false, now, out);
    if (!counted) return tl::unexpected(counted.error());
    // Other fills may have waited for the leg that this one revealed.
    bind_waiting(*order, now, out);
  } else if (claim_possible(fill, pair)) {
    held_.push_back({fill, pair, now});
  } else {
    report_unattributed({fill, pair, now}, out);
  }
  known_fills_.insert(key);
  newest_fill_time_ = std::max(newest_fill_time_, fill.time);
  return true;
}

void ClientOrderTracker::report_unattributed(const Waiting& waiting,
                                             std::vector<TrackerEvent>& out) {
  ++unattributed_count_;
  out.emplace_back(FillReport{waiting.fill, waiting.trading_pair, std::nullopt});
  unattributed_.push_back(waiting);
  if (unattributed_.size() > kUnattributedKept) unattributed_.erase(unattributed_.begin());
}

void ClientOrderTracker::bind_waiting(InFlightOrder& order, UnixNanos now,
                                      std::vector<TrackerEvent>& out) {
  const auto claims = [&order](const Waiting& waiting) {
    return order.knows(leg_of(waiting.fill)) ||
           (!waiting.fill.cloid.empty() && waiting.fill.cloid == order.cloid());
  };
  const auto take = [&](std::vector<Waiting>& from, bool published_before) {
    if (from.empty()) return;
    std::vector<Waiting> claimed;
    for (auto it = from.begin(); it != from.end();) {
      if (claims(*it)) {
        claimed.push_back(std::move(*it));
        it = from.erase(it);
      } else {
        ++it;
      }
    }
    for (const Waiting& waiting : claimed) {
      ignore(count(order, waiting.fill, waiting.trading_pair, published_before, now, out),
             "its quantity was summed without overflow when it came");
    }
  };
  take(held_, false);
  take(unattributed_, true);
}

void ClientOrderTracker::fills_known_through(UnixNanos venue_time, UnixNanos now,
                                             std::vector<TrackerEvent>& out) {
  std::vector<ClientOrderId> ids = live();
  for (const auto& [pair, orders] : settling_) {
    for (const auto& [id, order] : orders) ids.push_back(id);
  }
  for (const ClientOrderId& id : ids) {
    InFlightOrder* order = find(id);
    if (order == nullptr) continue;
    order->fills_known_through(venue_time);
    settle(*order, now, out);
  }
}

void ClientOrderTracker::release_held(UnixNanos now, Nanos patience,
                                      std::vector<TrackerEvent>& out) {
  for (auto it = held_.begin(); it != held_.end();) {
    if (now - it->since < patience && claim_possible(it->fill, it->trading_pair)) {
      ++it;
      continue;
    }
    report_unattributed(*it, out);
    it = held_.erase(it);
  }
}

// ---------------------------------------------------------------- adoption

std::vector<Orphan> ClientOrderTracker::take_orphans() { return std::exchange(orphans_, {}); }

InFlightOrder& ClientOrderTracker::adopt(const Orphan& orphan, const AccountName& account,
                                         UnixNanos now, std::vector<TrackerEvent>& out) {
  if (InFlightOrder* known = find_by_cloid(orphan.cloid)) {
    known->word(orphan.word);
    settle(*known, now, out);
    return *known;
  }
  OrderContent content;
  content.client_order_id = ClientOrderId{std::string(kAdopted) + orphan.cloid};
  content.account = account;
  content.trading_pair = orphan.trading_pair;
  content.side = orphan.word.side;
  content.price = orphan.word.price;
  content.amount = orphan.word.original.value_or(Quantity{});
  content.reduce_only = orphan.word.reduce_only;
  if (orphan.word.time_in_force == "Alo") content.time_in_force = TimeInForce::kAlo;
  if (orphan.word.time_in_force == "Ioc") content.time_in_force = TimeInForce::kIoc;
  InFlightOrder& adopted =
      insert(content, orphan.cloid, orphan.word.created.value() != 0 ? orphan.word.created : now);
  adopted.adopt(orphan.word);
  adopted.create_fate(Fate::kAccepted,
                      {.venue_order_id = orphan.word.venue_order_id, .executed = {}, .time = now});
  settle(adopted, now, out);
  return adopted;
}

// ---------------------------------------------------------------- views

const ClientOrderTracker::LiveOrders& ClientOrderTracker::of(
    const std::map<TradingPair, LiveOrders>& orders, const TradingPair& pair) {
  static const LiveOrders kNone;
  const auto found = orders.find(pair);
  return found == orders.end() ? kNone : found->second;
}

const ClientOrderTracker::LiveOrders& ClientOrderTracker::live(const TradingPair& pair) const {
  return of(live_, pair);
}

const ClientOrderTracker::LiveOrders& ClientOrderTracker::settling(const TradingPair& pair) const {
  return of(settling_, pair);
}

std::vector<ClientOrderId> ClientOrderTracker::live() const {
  std::vector<ClientOrderId> all;
  all.reserve(live_count_);
  for (const auto& [pair, orders] : live_) {
    for (const auto& [id, order] : orders) all.push_back(id);
  }
  return all;
}

std::vector<ClientOrderId> ClientOrderTracker::open() const {
  std::vector<ClientOrderId> all;
  for (const ClientOrderId& id : live()) {
    const InFlightOrder* order = find(id);
    if (order != nullptr && !is_final(order->state())) all.push_back(id);
  }
  return all;
}

void ClientOrderTracker::for_each(const std::function<void(const InFlightOrder&)>& each) const {
  for (const auto& [id, order] : orders_) each(*order);
}

void ClientOrderTracker::for_each(const std::function<void(InFlightOrder&)>& each) {
  for (auto& [id, order] : orders_) each(*order);
}

void ClientOrderTracker::mark_used(const std::string& cloid, UnixNanos now) {
  if (const auto key = IdMemory::key_of(cloid)) ids_.keep(*key, kNoContent, now);
}

bool ClientOrderTracker::forget(const InFlightOrder& order) {
  if (const auto key = IdMemory::key_of(order.cloid())) {
    if (!ids_.keep(*key, fingerprint_of(order.content()), order.updated())) return false;
  }
  by_cloid_.erase(order.cloid());
  for (const VenueOrderId& id : order.legs()) by_venue_id_.erase(id);
  settling_[order.content().trading_pair].erase(order.content().client_order_id);
  const auto here = orders_.find(order.content().client_order_id);
  orders_.erase(here);
  return true;
}

void ClientOrderTracker::forget_final(UnixNanos before, std::size_t max) {
  while (!finals_.empty()) {
    InFlightOrder* order = find(finals_.front());
    if (order != nullptr && is_final(order->state()) && !order->may_be_live()) {
      if (finals_.size() <= max && order->updated() >= before) return;
      if (!forget(*order)) return;
    } else if (order != nullptr) {
      order->list_as_final(false);  // it lives again: it is listed when it ends
    }
    finals_.pop_front();
  }
}

// ---------------------------------------------------------------- rebuilding

void ClientOrderTracker::restore_intent(const OrderContent& content, std::string_view cloid,
                                        UnixNanos at, std::uint64_t record) {
  if (find(content.client_order_id) == nullptr) insert(content, cloid, at).set_record(record);
}

void ClientOrderTracker::restore_fill(const FillReport& report) {
  if (!known_fills_.insert(report.fill.key())) return;
  newest_fill_time_ = std::max(newest_fill_time_, report.fill.time);
  InFlightOrder* order = report.client_order_id ? find(*report.client_order_id) : nullptr;
  if (order == nullptr) {
    // Of an adopted order the first fill stands before its first event. Any other order that is
    // not known here ended long ago: the records that it began with are trimmed.
    const bool may_be_claimed =
        !report.client_order_id || report.client_order_id->value().starts_with(kAdopted);
    if (may_be_claimed) {
      unattributed_.push_back({report.fill, report.trading_pair, report.fill.time});
    }
    return;
  }
  ignore(order->fill(report.fill), "it was counted when it was journaled");
  index(*order);
}

void ClientOrderTracker::restore_event(const OrderEvent& event) {
  const OrderContent& content = event.order.content;
  InFlightOrder* order = find(content.client_order_id);
  if (order == nullptr &&
      forgotten_.contains(std::hash<ClientOrderId>{}(content.client_order_id))) {
    return;  // it ended, and many others after it
  }
  if (order == nullptr) {
    // An adopted order has no intent of its own; one that took its name has the adopted one.
    order = event.order.venue_order_id ? find_by_venue_id(*event.order.venue_order_id) : nullptr;
    if (order != nullptr && is_adopted(*order)) {
      const std::string cloid = order->cloid();
      std::vector<TrackerEvent> known;
      place(content, cloid, event.order.update_time, known);
      order = find(content.client_order_id);
    } else {
      const std::string_view id = content.client_order_id.value();
      if (!id.starts_with(kAdopted)) return;  // its beginning is trimmed: it ended long ago
      const std::string cloid(id.substr(kAdopted.size()));
      const auto key = IdMemory::key_of(cloid);
      if (key && ids_.find(*key)) return;
      order = &insert(content, cloid, event.order.creation_time);
    }
  }
  PW_ASSERT(order != nullptr);
  if (event.trade_id && event.order.venue_order_id) {
    // A fill that was first published as unattributed and claimed afterwards; of an earlier leg it
    // has another id than its order has now.
    for (auto it = unattributed_.begin(); it != unattributed_.end(); ++it) {
      const InFlightOrder* claimant = find_by_venue_id(it->fill.venue_order_id);
      const bool its_own =
          it->fill.venue_order_id == *event.order.venue_order_id ||
          (it->trading_pair == content.trading_pair && it->fill.side == content.side &&
           (claimant == nullptr || claimant == order));
      if (it->fill.trade_id != *event.trade_id || !its_own) continue;
      ignore(order->fill(it->fill), "it was counted when it was journaled");
      unattributed_.erase(it);
      break;
    }
  }
  order->restore(event);
  index(*order);
  touch_live(*order);
  if (is_final(event.order.state) && !order->listed_as_final()) {
    order->list_as_final();
    finals_.push_back(content.client_order_id);
  }
  while (finals_.size() > max_final_) {
    const ClientOrderId oldest = finals_.front();
    const std::size_t size = finals_.size();
    forget_final(UnixNanos{}, max_final_);
    if (finals_.size() == size) return;  // its id could not be kept
    if (find(oldest) == nullptr) forgotten_.insert(std::hash<ClientOrderId>{}(oldest));
  }
}

void ClientOrderTracker::restore_snapshot(InFlightOrder restored) {
  const ClientOrderId id = restored.content().client_order_id;
  if (InFlightOrder* known = find(id)) {
    const bool listed = known->listed_as_final();
    *known = std::move(restored);
    known->list_as_final(listed);
    index(*known);
    touch_live(*known);
    return;
  }
  auto owned = std::make_unique<InFlightOrder>(std::move(restored));
  InFlightOrder& order = *owned;
  orders_.emplace(id, std::move(owned));
  if (!order.cloid().empty()) by_cloid_.emplace(order.cloid(), &order);
  index(order);
  touch_live(order);
  if (is_final(order.state())) {
    order.list_as_final();
    finals_.push_back(id);
  }
}

void ClientOrderTracker::finish_restore(UnixNanos now, std::vector<TrackerEvent>& out) {
  forgotten_.clear();
  for (auto& [id, order] : orders_) settle(*order, now, out);
}

}  // namespace perpwire::gateway
