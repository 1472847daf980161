#pragma once

#include "libs/venues/hyperliquid/exchange_reply.hpp"
#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/path_breaker.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// Name of the journal's note that a modify did nothing: "<action id> <client order id>".
inline constexpr std::string_view kModifySettled = "modify_settled";

enum class ActionKind { kOrder, kModify, kCancel, kNoop, kAccount };
std::string_view to_string(ActionKind kind);

/// An action whose fate nobody here knows.
struct UnknownAction {
  ActionId action = 0;
  ActionKind kind = ActionKind::kOrder;
  std::uint64_t nonce = 0;
  std::string key = {};                // that signed it; empty: of a journal that does not say
  std::uint64_t expires_after_ms = 0;  // venue time
  UnixNanos sent;
  std::vector<ClientOrderId> orders;
  std::uint64_t record = UINT64_MAX;  // of the journal; the highest = none
};

/// Signs and sends actions, one nonce each, and says what their answers prove.
///
/// A signed body goes by WebSocket post; the same bytes may follow by REST after a write error, a
/// lost connection, "too many pending" or a timeout, while 2 s of expiresAfter are left: one nonce,
/// so at most one execution. Only the venue's word about an order is a rejection; what is not
/// answered or not readable becomes UNKNOWN. Never signs an intent twice.
/// Pure; owned by AccountEngine.
class Executor {
 public:
  explicit Executor(EngineCore& core);

  /// Fates become facts of the orders; afterwards these are told.
  std::function<void(const UnknownAction&)> on_unknown;
  /// A cancel was refused or is unknown: the order's own status must be asked.
  std::function<void(const ClientOrderId&)> on_cancel_doubtful;
  /// The lease was refused to us.
  std::function<void(const std::string& reason)> on_lease_lost;
  /// An answer, whatever it says, to the copy of this path: how long it took.
  std::function<void(bool by_ws, Nanos took)> on_answered;
  /// Whether orders that were not sent yet may still go: asked just before the bytes leave.
  std::function<Status(const InFlightOrder&)> may_still_send;

  struct NewOrder {
    ClientOrderId id;
    Price wire_price;
  };
  /// Places tracked, journaled orders in one action (ALO apart from the rest: the caller's).
  /// grouping: na, normalTpsl (the first is the parent), positionTpsl.
  void place(std::vector<NewOrder> orders, std::string_view grouping = "na");
  /// It was tracked and journaled, and will not be signed.
  void never_sent(const ClientOrderId& id, const Error& why);
  /// Starts a tracked, journaled TWAP.
  void place_twap(const ClientOrderId& id);
  void modify(const ClientOrderId& id, ModifyIntent intent);
  void cancel(std::vector<ClientOrderId> orders);
  /// Orders that are not ours, by the venue's ids.
  void cancel_foreign(const std::vector<Orphan>& orders);
  /// What became of an action about the account itself.
  struct AccountOutcome {
    Fate fate = Fate::kUnknown;  // kAccepted, kRejected, kNotExecuted, kUnknown
    Failure failure;             // why, unless accepted
  };
  using AccountDone = std::function<void(const AccountOutcome&)>;
  /// Leverage, margin, scheduled cancel: `request` has its action already. Tells once.
  void account_action(v1::SignRequest request, AccountDone done);
  /// Everything of a signing request but its action; with the lease's epoch where it needs one.
  [[nodiscard]] v1::SignRequest new_request(bool with_lease) const;
  /// A noop with a used nonce: `held` is told whether the venue answered ok.
  /// `key` is the one that signed with it: nonces are each key's own.
  void fence(std::uint64_t nonce, const std::string& key, std::function<void(bool held)> held);

  /// Everything was checked, tracked and journaled: the request is at the signer.
  void on_handed_to_signer(SignId id);
  void on_copy_left(ActionId action, bool by_ws, CopyFate fate);
  void on_answer(ActionId action, bool by_ws, const CopyAnswer& answer);
  /// A post answer by its id; false if it belongs to no action.
  bool on_post_answer(std::uint64_t post_id, const CopyAnswer& answer);
  void on_stream_closed();
  void on_timer();
  /// The fate of an unknown action is known: late answers of its copies no longer matter.
  void forget(ActionId action) { finish(action); }
  /// Journals that a modify did nothing: without it a restart would take the leg of a later modify
  /// for this one's.
  void note_modify_settled(ActionId action, const ClientOrderId& id);

  void set_lease_epoch(std::uint64_t epoch) { lease_epoch_ = epoch; }
  /// Signed and not answered.
  [[nodiscard]] std::size_t unanswered() const { return pending_.size(); }
  [[nodiscard]] bool has_room() const { return pending_.size() < core_.settings.max_unanswered; }
  /// Whether one more action that adds risk fits into our share of the venue's budget, over either
  /// path, after those that are at the signer. RATE_LIMITED if not.
  [[nodiscard]] Status room_for_action() const;
  /// Of the journal's records of actions whose fate is open.
  [[nodiscard]] std::uint64_t oldest_record() const;
  [[nodiscard]] const PathBreaker& breaker() const { return breaker_; }

 private:
  struct Pending {
    ActionId id = 0;
    SignId sign_id = 0;
    ActionKind kind = ActionKind::kOrder;
    std::vector<ClientOrderId> orders;  // in the order of the action's list
    std::vector<ModifyIntent> intents;  // kModify
    std::function<void(bool)> fence;    // kNoop
    AccountDone done;                   // kAccount
    bool foreign = false;
    std::uint64_t nonce = 0;
    std::string key = {};
    std::uint64_t expires_after_ms = 0;
    std::string body;
    std::uint64_t post_id = 0;
    bool ws_open = false;  // a WebSocket copy waits for its answer
    bool ws_may_have_left = false;
    bool rest_open = false;
    bool rest_may_have_left = false;
    bool unknown = false;  // kept for late answers
    Nanos ws_began{0};
    Nanos ws_deadline{0};
    Nanos rest_began{0};
    Nanos rest_deadline{0};
    UnixNanos sent;
    std::uint64_t record = UINT64_MAX;  // of the journal
  };

  void cancel_twap(InFlightOrder& order);
  void tell(Pending& pending, const AccountOutcome& outcome);
  void sign(Pending pending, v1::SignRequest request);
  /// Of the orders that this action places.
  void stamp(const Pending& pending, std::int64_t Stamps::*moment);
  void on_signed(ActionId id, const Result<v1::SignReply>& reply);
  [[nodiscard]] Status allowed(const Pending& pending) const;
  bool journal_sending(Pending& pending, bool by_ws);
  void send(Pending& pending);
  void send_rest(Pending& pending);
  [[nodiscard]] bool time_left(const Pending& pending) const;
  /// One copy got no answer: the other path, or unknown.
  void copy_failed(ActionId id, bool by_ws, bool never_left, const std::string& reason);
  void give_up(ActionId id, const std::string& reason);
  void apply(Pending& pending, const hyperliquid::ExchangeReply& reply, bool only_copy);
  void apply_to_order(Pending& pending, std::size_t i, const hyperliquid::ItemReply& item);
  void not_executed(Pending& pending, Fate fate, const Failure& failure);
  void unknown(Pending& pending);
  void settle_orders(const Pending& pending);
  void finish(ActionId id);

  EngineCore& core_;
  PathBreaker breaker_;
  std::uint64_t lease_epoch_ = 0;
  std::map<ActionId, Pending> pending_;
  std::map<std::uint64_t, ActionId> posts_;
};

}  // namespace perpwire::gateway
