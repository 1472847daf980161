#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/result.hpp"
#include "services/order-gateway/fill_memory.hpp"
#include "services/order-gateway/id_memory.hpp"
#include "services/order-gateway/in_flight_order.hpp"
#include "services/order-gateway/order_types.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace perpwire::gateway {

/// One execution to publish on `fills.<venue>.<pair>`; without a client order id it is
/// unattributed: not (yet) known to belong to an order of ours.
struct FillReport {
  venues::Fill fill;
  TradingPair trading_pair;
  std::optional<ClientOrderId> client_order_id;
};

/// What is to be journaled and published, in this order. A fill stands before the order event that
/// it causes, so that a writer killed between the two can make the second again.
using TrackerEvent = std::variant<FillReport, OrderEvent>;

/// An order on the venue that carries our prefix and that nobody here knows.
struct Orphan {
  std::string cloid;
  venues::OrderWord word;
  TradingPair trading_pair;
};

/// All orders of one account: indices by client order id, cloid and venue order id; facts in,
/// events out.
///
/// Idempotent: each input may come any number of times and in any order (see InFlightOrder).
/// Pure: no clock, no I/O. Owned by the account's engine, one thread.
class ClientOrderTracker {
 public:
  enum class Placement {
    kNew,        // tracked now: journal it, then send it
    kRepeated,   // the same content again: answer as the first time, send nothing
    kDuplicate,  // other content under a used id: refuse
  };
  struct Admission {
    Placement placement = Placement::kNew;
    InFlightOrder* order = nullptr;
  };

  /// cloid_prefix: "0x" and 8 hex digits; orders that carry it are ours.
  /// ids: outlives the tracker; null = one of its own, in memory.
  explicit ClientOrderTracker(std::string cloid_prefix, IdMemory* ids = nullptr);

  /// What `place` would do with this content, nothing changed.
  [[nodiscard]] Placement lookup(const OrderContent& content, std::string_view cloid) const;
  /// Tracks the order unless its id or cloid is taken. An adopted order that the content describes
  /// takes this name (kRepeated, with an `update`).
  Admission place(const OrderContent& content, std::string_view cloid, UnixNanos now,
                  std::vector<TrackerEvent>& out);

  /// Tracks an order that `lookup` calls new.
  InFlightOrder& track(const OrderContent& content, std::string_view cloid, UnixNanos now) {
    return insert(content, cloid, now);
  }

  [[nodiscard]] InFlightOrder* find(const ClientOrderId& id);
  [[nodiscard]] const InFlightOrder* find(const ClientOrderId& id) const;
  [[nodiscard]] InFlightOrder* find_by_cloid(std::string_view cloid);
  [[nodiscard]] InFlightOrder* find_by_venue_id(const VenueOrderId& id);
  [[nodiscard]] const InFlightOrder* find_by_venue_id(const VenueOrderId& id) const;

  /// One word of the venue. Returns false if no order of ours is meant: see orphans(), foreign().
  bool on_word(const venues::OrderWord& word, const TradingPair& pair, UnixNanos now,
               std::vector<TrackerEvent>& out);
  /// One execution, from any source. A fill that no order claims waits while an order of its pair
  /// and side has yet to learn its venue order id, then is published as unattributed; it is bound
  /// as soon as an order claims it.
  ///
  /// Returns: whether it was new. Errors: kMalformed on overflow (not counted).
  Result<bool> on_fill(const venues::Fill& fill, const TradingPair& pair, UnixNanos now,
                       std::vector<TrackerEvent>& out);
  /// Every fill up to this venue time has been handed over.
  void fills_known_through(UnixNanos venue_time, UnixNanos now, std::vector<TrackerEvent>& out);
  /// Publishes as unattributed what no order claimed for `patience`.
  void release_held(UnixNanos now, Nanos patience, std::vector<TrackerEvent>& out);

  /// To be called after facts were given to an order directly (fates of actions): binds what can be
  /// bound and collects its events.
  void settle(InFlightOrder& order, UnixNanos now, std::vector<TrackerEvent>& out);

  /// Adopts an order of ours that the journal does not know, as `cloid:0x...`.
  InFlightOrder& adopt(const Orphan& orphan, const AccountName& account, UnixNanos now,
                       std::vector<TrackerEvent>& out);
  /// A cloid of ours that the venue has seen finished and the journal does not know: never again.
  void mark_used(const std::string& cloid, UnixNanos now);
  /// Found since the last call.
  std::vector<Orphan> take_orphans();

  /// Open orders of the account that do not carry our prefix, as last seen.
  [[nodiscard]] const std::map<VenueOrderId, Orphan>& foreign() const { return foreign_; }
  void forget_foreign(const VenueOrderId& id) { foreign_.erase(id); }
  [[nodiscard]] bool is_ours(std::string_view cloid) const;

  /// Orders of which something may be live at the venue, by pair: to be looked at, not to be given
  /// facts meanwhile.
  using LiveOrders = std::map<ClientOrderId, InFlightOrder*>;
  [[nodiscard]] const LiveOrders& live(const TradingPair& pair) const;
  /// Orders of which nothing is live any more, but fills that came before their end may be missing.
  [[nodiscard]] const LiveOrders& settling(const TradingPair& pair) const;
  [[nodiscard]] const std::map<TradingPair, LiveOrders>& live_by_pair() const { return live_; }
  /// Their ids, for whoever gives them facts.
  [[nodiscard]] std::vector<ClientOrderId> live() const;
  [[nodiscard]] std::size_t live_count() const { return live_count_; }
  /// Orders that are not final, in the order of their ids.
  [[nodiscard]] std::vector<ClientOrderId> open() const;
  [[nodiscard]] std::size_t size() const { return orders_.size(); }
  [[nodiscard]] UnixNanos newest_fill_time() const { return newest_fill_time_; }
  [[nodiscard]] std::size_t held_fills() const { return held_.size(); }
  [[nodiscard]] std::uint64_t unattributed_fills() const { return unattributed_count_; }
  void for_each(const std::function<void(const InFlightOrder&)>& each) const;
  void for_each(const std::function<void(InFlightOrder&)>& each);

  /// Drops final orders last touched before `before`, and the oldest of more than `max`; their ids
  /// stay known for as long as the IdMemory keeps them.
  void forget_final(UnixNanos before, std::size_t max = SIZE_MAX);
  [[nodiscard]] std::size_t final_count() const { return finals_.size(); }
  /// While rebuilding: at most so many final orders are held.
  void set_max_final(std::size_t max) { max_final_ = max; }

  // ---- what the journal must still hold
  [[nodiscard]] const FillMemory& known_fills() const { return known_fills_; }
  void restore_known_fills(std::string_view bytes) { known_fills_.restore(bytes); }
  void restore_snapshot(InFlightOrder order);

  // ---- rebuilding from the journal
  void restore_intent(const OrderContent& content, std::string_view cloid, UnixNanos at,
                      std::uint64_t record = 0);
  void restore_fill(const FillReport& report);
  void restore_event(const OrderEvent& event);
  /// After the last record: events that a killed writer had not written yet.
  void finish_restore(UnixNanos now, std::vector<TrackerEvent>& out);

 private:
  struct Waiting {
    venues::Fill fill;
    TradingPair trading_pair;
    UnixNanos since;
  };
  InFlightOrder& insert(const OrderContent& content, std::string_view cloid, UnixNanos at);
  void index(InFlightOrder& order);
  void touch_live(InFlightOrder& order);
  static const LiveOrders& of(const std::map<TradingPair, LiveOrders>& orders,
                              const TradingPair& pair);
  InFlightOrder* owner_of(const venues::Fill& fill);
  bool claim_possible(const venues::Fill& fill, const TradingPair& pair) const;
  Status count(InFlightOrder& order, const venues::Fill& fill, const TradingPair& pair,
               bool published_before, UnixNanos now, std::vector<TrackerEvent>& out);
  void bind_waiting(InFlightOrder& order, UnixNanos now, std::vector<TrackerEvent>& out);
  void report_unattributed(const Waiting& waiting, std::vector<TrackerEvent>& out);
  bool forget(const InFlightOrder& order);
  void collect(InFlightOrder& order, UnixNanos now, std::vector<TrackerEvent>& out);

  std::string cloid_prefix_;
  std::unordered_map<ClientOrderId, std::unique_ptr<InFlightOrder>> orders_;
  std::unordered_map<std::string, InFlightOrder*> by_cloid_;
  std::unordered_map<VenueOrderId, InFlightOrder*> by_venue_id_;
  std::unique_ptr<IdMemory> own_ids_;
  IdMemory& ids_;                     // of orders no longer held
  std::deque<ClientOrderId> finals_;  // in the order in which they ended
  std::size_t max_final_ = SIZE_MAX;
  std::unordered_set<std::size_t> forgotten_;  // while rebuilding: hashes of ids
  std::map<TradingPair, LiveOrders> live_;
  std::map<TradingPair, LiveOrders> settling_;
  std::size_t live_count_ = 0;

  FillMemory known_fills_;
  std::vector<Waiting> held_;          // not published yet
  std::vector<Waiting> unattributed_;  // published without an order, may still be claimed
  std::uint64_t unattributed_count_ = 0;
  UnixNanos newest_fill_time_;

  std::vector<Orphan> orphans_;
  std::map<VenueOrderId, Orphan> foreign_;
};

}  // namespace perpwire::gateway
