#pragma once

#include "libs/common/address.hpp"
#include "libs/limits/order_check.hpp"
#include "libs/venues/hyperliquid/account_protocol.hpp"
#include "libs/venues/hyperliquid/cloid.hpp"
#include "services/order-gateway/cancel_keeper.hpp"
#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/executor.hpp"
#include "services/order-gateway/order_coalescer.hpp"
#include "services/order-gateway/position_book.hpp"
#include "services/order-gateway/reconciler.hpp"
#include "services/order-gateway/reference_prices.hpp"
#include "services/order-gateway/risk_gate.hpp"
#include "services/order-gateway/scheduled_cancel.hpp"
#include "services/order-gateway/sessions.hpp"
#include "services/order-gateway/unknown_resolver.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::gateway {

enum class EngineState { kStarting, kReconciling, kReady, kHalted, kStopped };
std::string_view to_string(EngineState state);

/// Everything that decides for one account: commands in, replies out; signed actions, questions to
/// the venue and events as its outputs (EngineOut, EventWriter).
///
/// Pure: no clock, no I/O; each input carries its time. The driver does what `take_out()` returns,
/// in order, and feeds back what comes of it. Several accounts are several engines that share
/// nothing but the risk gate and the reference prices.
class AccountEngine {
 public:
  /// budget: of the process, shared by its accounts; ids: of orders no longer in memory. Both
  /// outlive it; null = its own.
  AccountEngine(EngineSettings settings, EventWriter& writer, RiskGate& risk,
                ReferencePrices& references, VenueBudget* budget = nullptr,
                IdMemory* ids = nullptr);

  // ---- once, in this order
  /// Every kept record of the journal, in order; other accounts' are passed over.
  void restore(const v1::JournalRecord& record);
  /// The journal is read: what an earlier life left open is taken up.
  void finish_restore(Now now);
  /// What an earlier life signed may be missing in the journal (another boot, a first start): READY
  /// only when none of it can land any more.
  void set_journal_may_be_behind(bool behind) { core_.settings.journal_may_be_behind = behind; }
  void set_instruments(const hyperliquid::Instruments& instruments, Now now);

  // ---- clients
  v1::Reply on_command(const v1::Command& command, Now now);
  /// The level changed (heartbeat or halt): cancel what must be cancelled.
  void on_level(Now now);
  /// on_stop = cancel.
  void cancel_everything(Now now);
  /// No new orders from here on. `leave`: the orders stay, so the scheduled cancel is cleared.
  void on_stop(Now now, bool leave = true);

  // ---- venue
  void on_stream_open(Now now);
  void on_stream_closed(Now now);
  void on_frame(std::string_view frame, Now now);
  void on_query_answer(QueryId id, const Result<std::string>& answer, Now now);
  void on_copy_left(ActionId action, bool by_ws, CopyFate fate, Now now);
  void on_copy_answer(ActionId action, bool by_ws, const CopyAnswer& answer, Now now);

  // ---- signer
  /// The request has left for the signer: what was decided is decided.
  void on_handed_to_signer(SignId id, Now now);
  void on_signed(SignId id, const Result<v1::SignReply>& reply, Now now);

  /// At least every 50 ms.
  void on_timer(Now now);
  /// When `on_wake` is wanted before the next timer: orders or cancels wait to share an action.
  [[nodiscard]] std::optional<Nanos> wakes_at() const;
  void on_wake(Now now);

  std::vector<EngineOut> take_out();
  /// Told of each answer to an action: by which path, and how long it took.
  void observe_answers(std::function<void(bool by_ws, Nanos took)> observer) {
    executor_.on_answered = std::move(observer);
  }

  // ---- the journal's length
  /// Writes again what is needed after a restart and stands before `index`, at most `budget` orders
  /// of it at a time. Returns the oldest record that is still needed.
  std::uint64_t release(std::uint64_t index, std::size_t budget, Now now);

  /// Pairs that take no new orders since their position was adjusted, with the reason.
  [[nodiscard]] const std::map<TradingPair, std::string>& stopped_pairs() const {
    return stopped_pairs_;
  }
  [[nodiscard]] EngineState state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// Why the reconciliation that it waits for does not get on; empty if it does.
  [[nodiscard]] std::string reconciliation_problem() const {
    return reconciled_ ? "" : reconciler_.problem();
  }
  [[nodiscard]] const EngineCounters& counters() const { return core_.counters; }
  [[nodiscard]] const hyperliquid::AccountProtocol::Counters& stream_counters() const {
    return protocol_.counters();
  }
  [[nodiscard]] const ClientOrderTracker& tracker() const { return core_.tracker; }
  [[nodiscard]] const PositionBook& positions() const { return positions_; }
  [[nodiscard]] const EngineSettings& settings() const { return core_.settings; }
  [[nodiscard]] std::size_t unanswered() const { return executor_.unanswered(); }
  [[nodiscard]] std::size_t unknown() const { return resolver_.size(); }
  [[nodiscard]] const AddressBudget& address_budget() const { return core_.address; }
  [[nodiscard]] std::optional<Nanos> clock_skew() const { return core_.venue_clock.skew(); }

 private:
  struct Checked {
    OrderContent content;
    std::string cloid;
    Price wire_price;
  };
  struct KnownReply {
    v1::Reply reply;
    UnixNanos at;
    std::uint64_t record = 0;  // of the journal
  };

  // Commands (account_commands.cpp)
  v1::Reply place(const v1::OrderRequest& request, const std::string& request_id);
  void place_batch(const v1::Command& command, v1::Reply& reply);
  /// Everything that is checked before an order is tracked; `repeated` is set for a known one.
  Result<Checked> check(OrderContent content, bool& repeated);
  Status admit(const Checked& checked);
  v1::Reply modify(const v1::ModifyRequest& request, const std::string& request_id);
  Status do_modify(const v1::ModifyRequest& request);
  v1::Reply cancel(const v1::CancelRequest& request, const std::string& request_id);
  v1::Reply cancel_all(const v1::Command& command);
  v1::Reply close_position(const v1::Command& command);
  /// Orders that stand or fall together: all are checked before the first is tracked.
  void place_group(const v1::Command& command, v1::Reply& reply);
  Result<std::vector<Checked>> check_group(const std::vector<OrderContent>& contents,
                                           const std::string& grouping, bool& repeated);
  /// Whether it would meet one of our own orders on the book.
  [[nodiscard]] Status check_self_trade(const OrderContent& content, const Price& price,
                                        const ClientOrderId* instead_of) const;
  v1::Reply accept_adjustment(const v1::Command& command);
  v1::Reply get_order(const v1::Command& command);
  v1::Reply get_open_orders(const v1::Command& command);
  v1::Reply get_positions(const v1::Command& command);
  v1::Reply get_balances(const v1::Command& command);
  /// Whether orders may be taken now at all.
  [[nodiscard]] Status open_for_orders() const;
  [[nodiscard]] Status check_limits(const OrderContent& content, const Price& wire_price,
                                    const Quantity& quantity,
                                    const ClientOrderId* instead_of) const;
  /// What an order of `side` is added to: the position at its worst for that side.
  [[nodiscard]] limits::Exposure exposure(const TradingPair& pair, Side side,
                                          const ClientOrderId* instead_of) const;
  Result<Price> wire_price(const OrderContent& content,
                           const hyperliquid::Instrument& instrument) const;
  [[nodiscard]] Status may_still_send(const InFlightOrder& order) const;
  /// Whether the pair's position is as our fills say, or accepted.
  [[nodiscard]] Status pair_open(const TradingPair& pair, bool reduce_only) const;

  void remember_reply(const std::string& key, const v1::Reply& reply);
  // The account itself (account_terms.cpp)
  v1::Reply set_terms(const v1::Command& command);
  Result<v1::SignRequest> leverage_request(const v1::Command& command) const;
  Result<v1::SignRequest> isolated_margin_request(const v1::Command& command) const;
  void on_terms(const std::string& key, const std::string& type, const TradingPair& pair,
                const Executor::AccountOutcome& outcome);
  v1::Reply session(const v1::Command& command);
  void end_silent_sessions();
  void keep_scheduled_cancel();
  void send_scheduled_cancel(const ScheduledCancel::Step& step);

  void send_coalesced();

  // Life cycle (account_engine.cpp)
  void set_state(EngineState state, std::string reason, const Reconciler::Repaired& repaired = {});
  void publish_status(const Reconciler::Repaired& repaired);
  void evaluate();
  [[nodiscard]] std::string not_ready_because() const;
  /// Why actions that this life does not know of may still land; empty if none may.
  [[nodiscard]] std::string others_may_land() const;
  void look_again();
  /// Intents of which no sending is noted: never sent, or their note was lost with the journal's
  /// tail.
  void take_up_unsent(const std::vector<ClientOrderId>& orders);
  void note_behind(bool behind);
  void ask_lease();
  void on_lease(const Result<v1::SignReply>& reply);
  void poll_venue_time();
  void poll_address_budget();
  void on_actions(std::vector<hyperliquid::AccountProtocol::Action>& actions);
  void on_post(const hyperliquid::PostAnswer& answer);
  void on_fill(const venues::Fill& fill);
  void on_adjustment(const PositionBook::Adjustment& adjustment);
  void on_position_moved(const TradingPair& pair, PositionBook::Moved moved);
  [[nodiscard]] bool note_stopped_pairs();
  [[nodiscard]] bool note_settled_epoch();
  [[nodiscard]] bool note_sessions();
  [[nodiscard]] bool note_scheduled_cancel();
  void restore_note(const v1::StateNote& note, UnixNanos at);
  [[nodiscard]] bool carry_notes();
  std::uint64_t release_orders(std::uint64_t index, std::size_t budget);
  [[nodiscard]] v1::Position position_data(const TradingPair& pair,
                                           const PositionBook::Held& held) const;
  void publish_position(const TradingPair& pair);
  void publish_balance(const std::string& asset, const Decimal& total, const Decimal& available);
  void sweep();
  /// A fill is missing that may yet come by itself: asked for if it has not soon.
  void want_fills();
  [[nodiscard]] bool mine(const std::string& account) const {
    return account == core_.settings.account;
  }

  EngineCore core_;
  RiskGate& risk_;
  ReferencePrices& references_;
  PositionBook positions_;
  Executor executor_;
  UnknownResolver resolver_;
  Reconciler reconciler_;
  CancelKeeper canceller_;
  OrderCoalescer coalescer_;
  Sessions sessions_;
  ScheduledCancel scheduled_cancel_;
  hyperliquid::AccountProtocol protocol_;
  Address address_;
  hyperliquid::CloidPrefix prefix_{};

  EngineState state_ = EngineState::kStarting;
  std::string reason_ = "starting";
  bool reconciled_ = false;
  bool stopping_ = false;
  // Lease
  bool lease_held_ = false;
  bool lease_asked_ = false;
  bool signer_ok_ = false;
  bool signer_silent_ = false;
  /// Why there is no lease, or that the signer is silent: since when, and what was tried where.
  std::string signer_problem_ = "the signer was not asked for the trading lease yet";
  std::string lease_refused_;
  UnixNanos others_may_land_until_;  // venue time
  bool wait_for_others_ = false;
  std::uint64_t lease_epoch_ = 0;
  std::uint64_t settled_epoch_ = 0;  // of the last READY, this life's or an earlier one's
  // One more reconciliation once nothing of others can land: what landed meanwhile, and finished.
  bool look_again_ = false;
  bool looking_again_ = false;
  Nanos next_lease_{0};
  // Pace
  Nanos next_time_poll_{0};
  bool time_asked_ = false;
  Nanos next_budget_poll_{0};
  bool budget_asked_ = false;
  Nanos next_sweep_{0};
  std::size_t sweep_dex_ = 0;
  Nanos next_forget_{0};
  std::map<std::string, Nanos> dirty_dexs_;  // positions moved: ask for their terms at
  bool fills_wanted_ = false;
  Nanos fills_wanted_at_{0};
  bool floor_known_ = false;

  std::map<TradingPair, std::string> stopped_pairs_;
  std::uint64_t notes_record_ = 0;  // where all notes that are needed begin in the journal
  bool first_start_ = false;

  std::map<std::string, v1::Balance> balances_;
  std::map<std::string, KnownReply> replies_;  // of modifies, by key
  // From the journal, until finish_restore.
  std::map<ActionId, UnknownAction> restored_actions_;
  std::map<ActionId, std::vector<ModifyIntent>> restored_intents_;
  std::vector<ClientOrderId> restored_cancels_;
  bool restored_behind_ = false;  // an earlier life had not finished waiting
};

}  // namespace perpwire::gateway
