#include "services/order-gateway/engine_core.hpp"

#include "libs/venues/hyperliquid/rate_limits.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "services/order-gateway/order_messages.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace perpwire::gateway {
namespace {

// Sweeps want their weight evenly, orders their messages at once.
constexpr TokenBudget::Split kWeightSplit{.burst_percent = 33, .reserve_percent = 20};
constexpr TokenBudget::Split kMessageSplit{.burst_percent = 50, .reserve_percent = 20};
constexpr Nanos kTwapClockSlack = std::chrono::seconds{5};
constexpr Nanos kQuestionTimeout = std::chrono::seconds{5};  // from its leaving
// Questions that wait for weight: so many at most, and so long.
constexpr std::size_t kMostWaiting = 512;
constexpr Nanos kLongestWait = std::chrono::minutes{1};
// Longer than the client's own timeout: only for answers that the driver lost.
constexpr Nanos kSigningTimeout = std::chrono::seconds{3};

std::uint64_t share(std::uint64_t whole, const EngineSettings& settings) {
  return settings.documented_limits ? whole * settings.ip_share_percent / 100 : 0;
}

/// Elements of a list of fills, orders or TWAPs, counted by the member that each of them has.
std::uint32_t count_items(std::string_view body) {
  constexpr std::string_view kMember = "\"coin\"";
  std::uint32_t count = 0;
  for (auto at = body.find(kMember); at != std::string_view::npos;
       at = body.find(kMember, at + kMember.size())) {
    ++count;
  }
  return count;
}

std::string_view type_of(std::string_view body) {
  constexpr std::string_view kBegin = R"({"type":")";
  if (!body.starts_with(kBegin)) return "";
  body.remove_prefix(kBegin.size());
  return body.substr(0, body.find('"'));
}

}  // namespace

VenueBudget::VenueBudget(const EngineSettings& settings)
    : weight(share(hyperliquid::kRestWeightPerMinute, settings), kWeightSplit),
      messages(share(hyperliquid::kWsMessagesPerMinute, settings), kMessageSplit) {}

EngineCore::EngineCore(EngineSettings engine_settings, EventWriter& event_writer,
                       VenueBudget* shared_budget, IdMemory* ids)
    : settings(std::move(engine_settings)),
      tracker(settings.cloid_prefix, ids),
      foreign(AccountName{settings.account}),
      own_budget_(shared_budget == nullptr ? std::make_unique<VenueBudget>(settings) : nullptr),
      weight(shared_budget == nullptr ? own_budget_->weight : shared_budget->weight),
      messages(shared_budget == nullptr ? own_budget_->messages : shared_budget->messages),
      turns_(shared_budget == nullptr ? own_budget_->turns : shared_budget->turns),
      writer_(event_writer) {}

EngineCore::~EngineCore() {
  for (const Waiting& waiting : waiting_) turns_.leave(waiting.ticket);
}

// ---------------------------------------------------------------- journal

void EngineCore::emit(std::vector<TrackerEvent> events) {
  const AccountName account{settings.account};
  for (const TrackerEvent& event : events) {
    if (const auto* fill = std::get_if<FillReport>(&event)) {
      publish(topic_of(*fill), envelope_of(*fill, account));
    } else {
      const auto& order = std::get<OrderEvent>(event);
      publish(topic_of(order), envelope_of(order));
    }
  }
}

void EngineCore::publish(std::string topic, v1::Envelope envelope) {
  retry_backlog();
  if (backlog_.empty() && writer_.publish(topic, envelope)) return;
  // Nothing may overtake what is not written yet; nothing is lost while the process lives, and
  // after a crash the venue's answers bring it again.
  backlog_.push_back({std::move(topic), std::move(envelope)});
}

void EngineCore::retry_backlog() {
  // A refused record is not kept: what it stood for was refused too. The next one tells anew.
  note_failed_ = false;
  while (!backlog_.empty()) {
    if (!writer_.publish(backlog_.front().topic, backlog_.front().envelope)) return;
    backlog_.pop_front();
  }
}

bool EngineCore::note(v1::JournalRecord& record) {
  retry_backlog();
  note_failed_ = !backlog_.empty() || !writer_.note(record);
  return !note_failed_;
}

bool EngineCore::note(std::string name, std::string value) {
  v1::JournalRecord record;
  record.mutable_state_note()->set_name(std::move(name));
  record.mutable_state_note()->set_value(std::move(value));
  return note(record);
}

// ---------------------------------------------------------------- questions

void EngineCore::ask(std::string body, TokenBudget::Urgency urgency, Answered done) {
  // One that waits already is asked once: what is asked later needs no older an answer.
  const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
    return waiting.body == body && waiting.urgency == urgency;
  });
  if (same != waiting_.end()) {
    same->done.push_back(std::move(done));
    return;
  }
  if (waiting_.size() >= kMostWaiting) {
    refused_.emplace_back(std::move(done),
                          Error{ErrorCode::kRateLimited, "our share of the budget"});
    return;
  }
  std::string type(type_of(body));
  const std::uint64_t cost = hyperliquid::info_weight(type);
  waiting_.push_back({.ticket = turns_.join(urgency, now.mono),
                      .urgency = urgency,
                      .since = now.mono,
                      .cost = cost,
                      .type = std::move(type),
                      .body = std::move(body),
                      .done = {}});
  waiting_.back().done.push_back(std::move(done));
  if (leave_if_affordable(waiting_.back())) waiting_.pop_back();
}

bool EngineCore::leave_if_affordable(Waiting& waiting) {
  if (!turns_.may_go(waiting.ticket, waiting.urgency, now.mono)) return false;
  if (!weight.take(waiting.cost, waiting.urgency, now.mono)) return false;
  turns_.leave(waiting.ticket);
  ++counters.queries;
  const QueryId id = ++query_id_;
  std::uint64_t post_id = 0;
  if (stream_open && messages.take(1, waiting.urgency, now.mono)) {
    post_id = next_post_id();
    posts_.emplace(post_id, id);
  }
  questions_.emplace(id, Question{std::move(waiting.done), now.mono + kQuestionTimeout, post_id,
                                  std::move(waiting.type)});
  out.emplace_back(AskOut{id, post_id, std::move(waiting.body)});
  return true;
}

void EngineCore::leave_waiting() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const bool too_long = now.mono - it->since >= kLongestWait;
    if (too_long) {
      turns_.leave(it->ticket);
      refuse(*it, Error{ErrorCode::kRateLimited, "our share of the budget, for a minute"});
    }
    it = too_long || leave_if_affordable(*it) ? waiting_.erase(it) : std::next(it);
  }
}

void EngineCore::refuse(Waiting& waiting, const Error& error) {
  for (Answered& done : waiting.done) refused_.emplace_back(std::move(done), error);
}

void EngineCore::on_query_answer(QueryId id, const Result<std::string>& answer) {
  const auto found = questions_.find(id);
  if (found == questions_.end()) return;  // timed out before
  const std::vector<Answered> done = std::move(found->second.done);
  if (found->second.post_id != 0) posts_.erase(found->second.post_id);
  // Long lists cost more than their question (hyperliquid.md section 7).
  if (answer && hyperliquid::info_item_weight(found->second.type, 20) > 0) {
    weight.charge(hyperliquid::info_item_weight(found->second.type, count_items(*answer)));
  }
  questions_.erase(found);
  if (!answer) ++counters.queries_failed;
  for (const Answered& told : done) told(answer);
}

bool EngineCore::on_post_info(std::uint64_t post_id, const Result<std::string>& answer) {
  const auto found = posts_.find(post_id);
  if (found == posts_.end()) return false;
  on_query_answer(found->second, answer);
  return true;
}

void EngineCore::on_stream_closed() {
  std::vector<QueryId> lost;
  for (const auto& [post_id, id] : posts_) lost.push_back(id);
  for (const QueryId id : lost) {
    on_query_answer(id, fail(ErrorCode::kClosed, "the connection ended before the answer"));
  }
  // What still waits was asked about that connection.
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    turns_.leave(waiting.ticket);
    refuse(waiting, Error{ErrorCode::kClosed, "the connection ended before it was asked"});
  }
}

void EngineCore::expire_questions() {
  std::vector<QueryId> late;
  for (const auto& [id, question] : questions_) {
    if (now.mono >= question.deadline) late.push_back(id);
  }
  for (const QueryId id : late) on_query_answer(id, fail(ErrorCode::kTimeout, "no answer in 5 s"));
  std::vector<SignId> unsigned_ids;
  for (const auto& [id, signing] : signing_) {
    if (now.mono >= signing.deadline) unsigned_ids.push_back(id);
  }
  for (const SignId id : unsigned_ids) {
    on_signed(id, fail(ErrorCode::kSignerUnavailable, "the signer did not answer"));
  }
  leave_waiting();
  auto refused = std::exchange(refused_, {});
  for (auto& [done, error] : refused) done(tl::unexpected<Error>(error));
}

// ---------------------------------------------------------------- signer

SignId EngineCore::sign(v1::SignRequest request, Signed done) {
  const SignId id = ++sign_id_;
  signing_.emplace(id, Signing{std::move(done), now.mono + kSigningTimeout});
  out.emplace_back(SignOut{id, std::move(request)});
  return id;
}

void EngineCore::on_signed(SignId id, const Result<v1::SignReply>& reply) {
  const auto found = signing_.find(id);
  if (found == signing_.end()) return;
  const Signed done = std::move(found->second.done);
  signing_.erase(found);
  done(reply);
}

// ---------------------------------------------------------------- words of the venue

TradingPair EngineCore::pair_of(const VenueSymbol& symbol) const {
  if (instruments != nullptr) {
    if (const auto* instrument = instruments->by_symbol(symbol.value())) {
      return instrument->trading_pair;
    }
  }
  if (hyperliquid::kind_of_coin(symbol.value()) == hyperliquid::CoinKind::kPerpetual) {
    return hyperliquid::perp_pair(symbol.value());
  }
  return TradingPair{symbol.value()};
}

void EngineCore::take_word(const venues::OrderWord& word) {
  std::vector<TrackerEvent> events;
  const TradingPair pair = pair_of(word.symbol);
  const bool ours = tracker.on_word(word, pair, now.wall, events);
  if (!ours && settings.foreign_orders == ForeignOrders::kReport && !tracker.is_ours(word.cloid)) {
    foreign.on_word(word, pair, now.wall, events);
  }
  emit(std::move(events));
}

void EngineCore::take_twap(const hyperliquid::TwapWord& twap) {
  const venues::OrderWord& word = twap.word;
  const TradingPair pair = pair_of(word.symbol);
  if (tracker.find_by_venue_id(word.venue_order_id) == nullptr) {
    // Ours without an answer? The oldest that asked for just this.
    InFlightOrder* claimant = nullptr;
    for (const auto& [id, order] : tracker.live(pair)) {
      const OrderContent& content = order->content();
      const bool same = content.twap && content.twap->minutes == twap.minutes &&
                        content.twap->randomize == twap.randomize && content.side == word.side &&
                        content.amount == *word.original && content.reduce_only == word.reduce_only;
      if (!same || !order->create_unsettled()) continue;
      // The venue's clock need not be ours.
      if (word.created + kTwapClockSlack < order->created()) continue;
      if (claimant == nullptr || order->created() < claimant->created()) claimant = order;
    }
    if (claimant == nullptr) return;  // somebody else's
    claimant->create_fate(
        Fate::kAccepted, {.venue_order_id = word.venue_order_id, .executed = {}, .time = now.wall});
    std::vector<TrackerEvent> events;
    tracker.settle(*claimant, now.wall, events);
    emit(std::move(events));
  }
  take_word(word);
}

EngineCore::StatusQuestion EngineCore::status_question(const InFlightOrder& order) {
  if (order.content().type == OrderType::kTwap) {
    return {hyperliquid::twap_history_request(settings.address),
            [this](const std::string& body) -> Status {
              const auto twaps = hyperliquid::parse_twap_history(body);
              if (!twaps) return tl::unexpected(twaps.error());
              for (const auto& twap : twaps->items) take_twap(twap);
              return {};
            }};
  }
  return {hyperliquid::order_status_request(settings.address, order.cloid()),
          [this](const std::string& body) -> Status {
            const auto word = hyperliquid::parse_order_status(body);
            if (!word) return tl::unexpected(word.error());
            if (*word) take_word(**word);
            return {};
          }};
}

bool EngineCore::take_fill(const venues::Fill& fill) {
  std::vector<TrackerEvent> events;
  const TradingPair pair = pair_of(fill.symbol);
  const auto fresh = tracker.on_fill(fill, pair, now.wall, events);
  if (!fresh) {
    ++counters.problems;
    log(LogLevel::kError, "account=" + settings.account + " fill " + fill.trade_id.value() +
                              " not counted: " + fresh.error().text);
  }
  const bool counted = fresh && *fresh;
  if (counted && settings.foreign_orders == ForeignOrders::kReport &&
      !tracker.is_ours(fill.cloid) && tracker.find_by_venue_id(fill.venue_order_id) == nullptr) {
    foreign.on_fill(fill, now.wall, events);
  }
  if (counted && on_execution) on_execution(fill, pair);
  if (fresh && !*fresh && on_repeated_execution) on_repeated_execution(fill, pair);
  emit(std::move(events));
  return counted;
}

}  // namespace perpwire::gateway
