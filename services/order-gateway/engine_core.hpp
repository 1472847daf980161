#pragma once

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "services/order-gateway/address_budget.hpp"
#include "services/order-gateway/client_order_tracker.hpp"
#include "services/order-gateway/engine_ports.hpp"
#include "services/order-gateway/foreign_book.hpp"
#include "services/order-gateway/venue_budget.hpp"
#include "services/order-gateway/venue_clock.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::gateway {

struct EngineCounters {
  std::uint64_t commands = 0;
  std::uint64_t rejected = 0;
  std::uint64_t placed = 0;
  std::uint64_t cancels_sent = 0;
  std::uint64_t ws_posts = 0;
  std::uint64_t rest_posts = 0;
  std::uint64_t fallbacks = 0;  // the same bytes by REST after the WebSocket
  std::uint64_t unknown_actions = 0;
  std::uint64_t fences = 0;  // noops sent
  std::uint64_t fences_held = 0;
  std::uint64_t proven_by_rounds = 0;
  std::uint64_t contradicted = 0;  // venue words against an inferred FAILED
  std::uint64_t reconciliations = 0;
  std::uint64_t repaired = 0;
  std::uint64_t adjustments = 0;
  std::uint64_t queries = 0;
  std::uint64_t queries_failed = 0;
  std::uint64_t problems = 0;  // elements of venue messages that did not read
};

/// What the parts of one account's engine share: tracker, journal, outgoing actions, questions to
/// the venue and their answers. Pure; owned by AccountEngine.
class EngineCore {
 public:
  /// budget, ids: shared with others and outlive it; null = its own.
  EngineCore(EngineSettings engine_settings, EventWriter& event_writer,
             VenueBudget* shared_budget = nullptr, IdMemory* ids = nullptr);
  ~EngineCore();
  EngineCore(const EngineCore&) = delete;
  EngineCore& operator=(const EngineCore&) = delete;

  EngineSettings settings;
  const hyperliquid::Instruments* instruments = nullptr;
  ClientOrderTracker tracker;
  ForeignBook foreign;  // fed only where foreign_orders = "report"
  VenueClock venue_clock;

 private:
  std::unique_ptr<VenueBudget> own_budget_;

 public:
  TokenBudget& weight;    // REST, per IP
  TokenBudget& messages;  // WebSocket, per IP
  AddressBudget address;  // orders, modifies and cancels of this account
  EngineCounters counters;
  Now now;
  bool stream_open = false;            // frames may be sent
  std::uint64_t connection_epoch = 0;  // +1 with each new connection
  std::vector<EngineOut> out;

  /// Journals and publishes, in order. What the disk refuses is kept and tried again; until it is
  /// written `writable()` is false.
  void emit(std::vector<TrackerEvent> events);
  void publish(std::string topic, v1::Envelope envelope);
  [[nodiscard]] bool note(v1::JournalRecord& record);
  /// Journals a StateNote.
  [[nodiscard]] bool note(std::string name, std::string value);
  /// The index that the journal's next record will have at least.
  [[nodiscard]] std::uint64_t next_record() const { return writer_.last_index() + 1; }
  [[nodiscard]] bool writable() const {
    return backlog_.empty() && !note_failed_ && !writer_.full();
  }
  void retry_backlog();

  using Answered = std::function<void(const Result<std::string>&)>;
  /// Asks the venue, as soon as the budget has what it weighs and it is its turn (QuestionTurns);
  /// a question that waits already is not asked twice. `done` gets the answer's body, or kTimeout
  /// (5 s after it left), kClosed, kRateLimited (it waited for a minute). Never calls `done` from
  /// inside.
  void ask(std::string body, TokenBudget::Urgency urgency, Answered done);
  void on_query_answer(QueryId id, const Result<std::string>& answer);
  /// A WebSocket post's answer that belongs to a question. False: it is none of them.
  bool on_post_info(std::uint64_t post_id, const Result<std::string>& answer);
  void on_stream_closed();
  void expire_questions();
  [[nodiscard]] std::size_t open_questions() const { return questions_.size(); }
  /// Questions that wait for weight.
  [[nodiscard]] std::size_t waiting_questions() const { return waiting_.size(); }

  std::uint64_t next_post_id() { return ++post_id_; }
  std::uint64_t next_action_id() { return ++action_id_; }

  using Signed = std::function<void(const Result<v1::SignReply>&)>;
  /// Returns the id that the driver names it by.
  SignId sign(v1::SignRequest request, Signed done);
  void on_signed(SignId id, const Result<v1::SignReply>& reply);

  [[nodiscard]] TradingPair pair_of(const VenueSymbol& symbol) const;
  void log(LogLevel level, std::string text) { out.emplace_back(LogLine{level, std::move(text)}); }
  /// Called for every new execution, whoever it belongs to, as soon as it is known and before it is
  /// told.
  std::function<void(const venues::Fill&, const TradingPair&)> on_execution;
  /// Called for each execution that was known before.
  std::function<void(const venues::Fill&, const TradingPair&)> on_repeated_execution;
  /// One word or fill from any source, into the tracker and out as events.
  void take_word(const venues::OrderWord& word);
  void take_twap(const hyperliquid::TwapWord& twap);
  /// What became of one order of ours: the request, and what takes its answer. Orders are asked for
  /// by cloid; the venue names its TWAPs itself, so that they are looked for in its history.
  struct StatusQuestion {
    std::string body;
    std::function<Status(const std::string&)> take;
  };
  [[nodiscard]] StatusQuestion status_question(const InFlightOrder& order);
  /// Returns whether it was new.
  bool take_fill(const venues::Fill& fill);

  /// First of all action ids of this life: later than those of any life before.
  void seed_ids(UnixNanos wall) { action_id_ = static_cast<std::uint64_t>(wall.value() / 1'000); }

 private:
  struct Question {
    std::vector<Answered> done;
    Nanos deadline;
    std::uint64_t post_id = 0;
    std::string type;
  };
  struct Waiting {
    QuestionTurns::Ticket ticket = 0;
    TokenBudget::Urgency urgency = TokenBudget::Urgency::kOrdinary;
    Nanos since{0};
    std::uint64_t cost = 0;
    std::string type;
    std::string body;
    std::vector<Answered> done;
  };
  struct Backlogged {
    std::string topic;
    v1::Envelope envelope;
  };

  bool leave_if_affordable(Waiting& waiting);
  void leave_waiting();
  void refuse(Waiting& waiting, const Error& error);

  QuestionTurns& turns_;
  EventWriter& writer_;
  std::deque<Backlogged> backlog_;
  bool note_failed_ = false;
  std::deque<Waiting> waiting_;  // the oldest first
  std::map<QueryId, Question> questions_;
  std::map<std::uint64_t, QueryId> posts_;
  struct Signing {
    Signed done;
    Nanos deadline;
  };
  std::map<SignId, Signing> signing_;
  std::vector<std::pair<Answered, Error>> refused_;
  QueryId query_id_ = 0;
  SignId sign_id_ = 0;
  std::uint64_t post_id_ = 0;
  std::uint64_t action_id_ = 0;
};

}  // namespace perpwire::gateway
