#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/result.hpp"
#include "services/order-gateway/order_types.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// What is known about one action (the placing of an order, a modify of it).
enum class Fate {
  kInFlight,     // signed or being signed, no answer yet
  kUnknown,      // timeout, disconnect, crash, unreadable answer: nobody here knows
  kNotExecuted,  // our inference: never left, or proven never to have landed
  kRejected,     // the venue's own word
  kAccepted,     // the venue's own word
};

/// What the answer to a cancel proved.
enum class CancelFate { kUnknown, kRefused, kConfirmed };

/// A modify as it was sent. Each one that the venue accepts makes a new leg.
struct ModifyIntent {
  std::uint64_t action = 0;  // names it
  Price price;
  Quantity amount;    // the order's new total, fills included
  Quantity quantity;  // of the leg that was sent: amount less what was filled when it was decided
};

/// Facts in the answer to a placing or a modify.
struct Acknowledgement {
  std::optional<VenueOrderId> venue_order_id;
  /// Executed at once ("filled" with its total). For an IOC this is all that it will ever execute.
  std::optional<Quantity> executed;
  UnixNanos time;  // the venue's, at least
};

/// The venue order id of the leg that a fill belongs to: of a slice, the TWAP's.
VenueOrderId leg_of(const venues::Fill& fill);

/// One order of ours: the facts learnt about it, and the state that follows from them.
///
/// The state is a function of the set of facts, never of the order in which they arrived: an
/// acknowledgement, stream updates, fills, answers of queries and reconciliation may come in any
/// sequence, any number of times. Facts are only added; a fill is counted once by its identity
/// (time, symbol, trade id, venue order id); executed quantity comes from fills alone. One case is
/// left where what was told first stays, because an end that was published is never taken back: an
/// order whose last leg was cancelled and whose fills, crossing a modify, reach its amount all the
/// same ends as CANCELLED or FILLED, by which of the two was known first.
///
/// An order is a chain of legs (venue order ids) under one client order id: the placing makes the
/// first, each accepted modify the next; any leg's fill counts. At most one modify is in flight.
///
/// Pure: no clock, no I/O. Owned by ClientOrderTracker.
class InFlightOrder {
 public:
  InFlightOrder(OrderContent content, std::string cloid, UnixNanos created);

  // ---- what we do
  /// PRE: can_modify().
  void begin_modify(const ModifyIntent& intent);
  void begin_cancel();

  // ---- what we learn
  void create_fate(Fate fate, const Acknowledgement& ack = {},
                   std::optional<Failure> failure = std::nullopt);
  void modify_fate(std::uint64_t action, Fate fate, const Acknowledgement& ack = {},
                   std::optional<Failure> failure = std::nullopt);
  /// at: the venue's time of a kConfirmed, at least.
  void cancel_fate(CancelFate fate, std::optional<Failure> failure = std::nullopt,
                   UnixNanos at = {});
  void word(const venues::OrderWord& word);
  /// A word about an order that no journal knows: it alone tells the size.
  void adopt(const venues::OrderWord& word);
  /// The journal may have lost modifies of it: the size of a leg is the venue's to tell, and until
  /// then no fill ends the order.
  void doubt_sizes();
  /// Returns: true for a fill that was not known yet. Errors: kMalformed if the sum overflows; the
  ///          fill is then not counted.
  Result<bool> fill(const venues::Fill& fill);
  /// Every fill of the account up to this venue time has been handed over.
  void fills_known_through(UnixNanos venue_time);

  /// The events that the facts added since the last call make: `created` before anything else,
  /// one `partial_fill` or `filled` per execution, one `cancelled` or `failed`, `update` for the
  /// rest.
  void settle(UnixNanos now, std::vector<OrderEvent>& out);

  // ---- what follows
  [[nodiscard]] OrderState state() const;
  [[nodiscard]] OrderView view(UnixNanos now) const;
  [[nodiscard]] const OrderContent& content() const { return content_; }
  [[nodiscard]] const std::string& cloid() const { return cloid_; }
  [[nodiscard]] UnixNanos created() const { return created_; }
  /// When its last event was made.
  [[nodiscard]] UnixNanos updated() const { return updated_; }
  [[nodiscard]] Quantity filled() const { return filled_; }
  /// Total asked for, fills included, as the venue last accepted it.
  [[nodiscard]] Quantity amount() const;
  [[nodiscard]] std::optional<Price> price() const;
  [[nodiscard]] std::optional<VenueOrderId> venue_order_id() const;
  [[nodiscard]] std::vector<VenueOrderId> legs() const;
  [[nodiscard]] bool knows(const VenueOrderId& id) const;
  /// The most that may still be executed: unanswered and UNKNOWN actions at full size.
  [[nodiscard]] Quantity working_quantity() const;
  /// The most that legs which have ended may have executed unseen: until the venue says how much it
  /// was, or all fills up to their end are known.
  [[nodiscard]] Quantity unseen_quantity() const;
  /// Something of it may be live at the venue.
  [[nodiscard]] bool may_be_live() const;
  /// The venue calls it filled, its fills have not all been seen.
  [[nodiscard]] bool awaits_fills() const;
  /// Live although it should not be: filled beyond its amount by fills that crossed a modify, or
  /// alive after we had concluded that it never was.
  [[nodiscard]] bool must_be_cancelled() const;
  [[nodiscard]] bool can_modify() const;
  [[nodiscard]] bool cancel_in_flight() const { return cancel_ == Cancel::kInFlight; }
  [[nodiscard]] Fate creation() const { return create_; }
  [[nodiscard]] bool create_unsettled() const;
  [[nodiscard]] bool modify_unsettled() const;
  [[nodiscard]] std::optional<std::uint64_t> unsettled_modify() const;
  /// A venue word has contradicted an inferred FAILED or NEVER_PLACED.
  [[nodiscard]] bool contradicted() const { return contradicted_; }

  Stamps& stamps() { return stamps_; }
  /// Whether the tracker has it in its list of ended orders.
  [[nodiscard]] bool listed_as_final() const { return listed_as_final_; }
  void list_as_final(bool listed = true) { listed_as_final_ = listed; }
  /// Index of the oldest record of the journal that it is rebuilt from.
  [[nodiscard]] std::uint64_t record() const { return record_; }
  void set_record(std::uint64_t index) { record_ = index; }
  /// An adopted order takes the name and the content that its place command gives it.
  void rename(const OrderContent& content);

  // ---- rebuilding from the journal
  /// Everything that is known of it, as values: what a snapshot in the journal holds. Single fills
  /// are not in it: which were counted is known to the tracker.
  struct Facts;
  /// Nothing is in flight and nothing waits to be published: its facts are all there is.
  [[nodiscard]] bool may_be_compacted() const;
  [[nodiscard]] Facts facts() const;
  explicit InFlightOrder(Facts facts);
  /// An event that was published in an earlier life, in the order of the journal; the fill of a
  /// kFilled or kPartialFill has been handed to fill() before.
  void restore(const OrderEvent& event);

  struct Terminal {
    venues::OrderStatus status;
    UnixNanos time;
    venues::VenueReason reason;
  };
  /// What a leg's size is known from.
  enum class Sized {
    kAssumed,  // nothing says which action made it: a lost journal may have held others
    kOurs,     // our action, and the venue's answer to it
    kVenues,   // the venue's word: its size on top of what the other legs executed
  };
  struct Leg {
    VenueOrderId venue_order_id;
    std::optional<Price> price;
    Quantity amount;
    Quantity quantity;
    bool acknowledged = false;
    std::optional<Quantity> executed;  // what its fills will add up to, where the venue said so
    Quantity filled;
    std::optional<Terminal> terminal;
    UnixNanos ended;  // replaced or cancelled by then, the venue's time; 0: not in this life
    Sized sized = Sized::kAssumed;
    bool price_assumed = false;  // its predecessor's: nobody has said its own yet
  };
  enum class Cancel { kNone, kInFlight, kUnknown, kRefused, kConfirmed };

 private:
  struct Modify {
    ModifyIntent intent;
    Fate fate = Fate::kInFlight;
    bool bound = false;  // has a leg: the venue accepted it, whatever the answer was
  };
  struct CountedFill {
    venues::Fill fill;
    bool published = false;
  };

  [[nodiscard]] bool is_ioc() const;
  /// at: the venue's time of what is heard about it.
  Leg& leg(const VenueOrderId& id, UnixNanos at);
  void join_terminal(Leg& leg, const Terminal& terminal);
  void size_by(Leg& leg, const venues::OrderWord& word);
  void acknowledge(const Acknowledgement& ack);
  [[nodiscard]] bool done(const Leg& leg) const;
  [[nodiscard]] bool refused_at_once() const;
  /// Filled, and nothing that is under way can change that.
  [[nodiscard]] bool complete() const;
  [[nodiscard]] bool used_up(const Leg& leg) const;
  [[nodiscard]] bool is_doubtful(const Leg& leg) const;
  static void settle_unbound(Modify& modify);
  [[nodiscard]] const Modify* open_modify() const;
  [[nodiscard]] bool venue_knows_it() const;
  [[nodiscard]] OrderState live_state() const;
  OrderEvent event(OrderEventKind kind, OrderState state, UnixNanos now) const;
  void publish(OrderEventKind kind, OrderState state, UnixNanos now, std::vector<OrderEvent>& out,
               std::optional<Failure> failure = std::nullopt);
  [[nodiscard]] std::optional<Failure> end_reason() const;
  void count_published(const venues::Fill& fill);

  OrderContent content_;
  std::string cloid_;
  UnixNanos created_;
  UnixNanos updated_;
  Stamps stamps_;

  Fate create_ = Fate::kInFlight;
  std::optional<Failure> create_failure_;
  std::vector<Leg> legs_;  // in the order of the actions that made them; the last is the current
  std::vector<Modify> modifies_;
  Cancel cancel_ = Cancel::kNone;
  UnixNanos cancelled_at_;  // the venue's time, at least; 0: not in this life
  std::map<venues::FillKey, CountedFill> fills_;
  std::vector<venues::FillKey> unpublished_;
  Quantity filled_;
  UnixNanos fills_through_;
  bool contradicted_ = false;
  bool sizes_doubted_ = false;
  bool listed_as_final_ = false;
  std::uint64_t record_ = 0;

  // What has been published.
  bool created_published_ = false;
  OrderState published_state_ = OrderState::kPendingCreate;
  std::optional<Price> published_price_;
  Quantity published_amount_;
  std::optional<VenueOrderId> published_id_;
  Quantity published_filled_;
  WideDecimal published_notional_;
  WideDecimal published_fee_;
  std::string fee_asset_;
  std::vector<Failure> refusals_;  // of modifies and cancels, to be published
};

struct InFlightOrder::Facts {
  OrderContent content;
  std::string cloid;
  UnixNanos created;
  UnixNanos updated;
  Stamps stamps;
  Fate create = Fate::kInFlight;
  std::optional<Failure> create_failure;
  std::vector<Leg> legs;
  Cancel cancel = Cancel::kNone;
  bool contradicted = false;
  Quantity filled;
  bool created_published = false;
  OrderState published_state = OrderState::kPendingCreate;
  std::optional<Price> published_price;
  Quantity published_amount;
  std::optional<VenueOrderId> published_id;
  Quantity published_filled;
  WideDecimal published_notional;
  WideDecimal published_fee;
  std::string fee_asset;
};

}  // namespace perpwire::gateway
