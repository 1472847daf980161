#include "services/order-gateway/in_flight_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

using venues::OrderStatus;

Price price(std::int64_t value) { return Price{Decimal{value}}; }
Quantity tenths(std::int64_t value) { return Quantity{Decimal::of(value, -1)}; }
UnixNanos ms(std::int64_t value) { return UnixNanos::from_millis(value); }

OrderContent limit_order(TimeInForce time_in_force = TimeInForce::kGtc) {
  return {.client_order_id = ClientOrderId{"o-1"},
          .account = AccountName{"main"},
          .trading_pair = TradingPair{"BTC-USD"},
          .side = Side::kBuy,
          .type = OrderType::kLimit,
          .price = price(50000),
          .amount = tenths(10),
          .time_in_force = time_in_force,
          .reduce_only = false,
          .trigger_price = std::nullopt,
          .strategy = "",
          .slippage_bps = std::nullopt};
}

venues::OrderWord word_of(const std::string& id, OrderStatus status, std::int64_t at,
                          std::int64_t remaining = 0, std::int64_t original = 10) {
  venues::OrderWord word;
  word.symbol = VenueSymbol{"BTC"};
  word.venue_order_id = VenueOrderId{id};
  word.cloid = "0xf1a5";
  word.original = tenths(original);
  word.remaining = tenths(remaining);
  word.status = status;
  word.status_time = ms(at);
  word.reason = {ErrorCode::kNoLiquidity, "word"};
  return word;
}

venues::Fill fill_of(const std::string& id, const std::string& trade, std::int64_t quantity,
                     std::int64_t at) {
  venues::Fill fill;
  fill.trade_id = TradeId{trade};
  fill.symbol = VenueSymbol{"BTC"};
  fill.venue_order_id = VenueOrderId{id};
  fill.price = price(50000 + at);
  fill.quantity = tenths(quantity);
  fill.fee = Decimal::of(quantity, -2);
  fill.fee_asset = "USDC";
  fill.time = ms(at);
  return fill;
}

/// One thing learnt, by name so that a failing order of arrival can be read.
struct Fact {
  std::string name;
  std::function<void(InFlightOrder&)> apply;
};

Fact resting(const std::string& id) {
  return {"ack resting " + id, [id](InFlightOrder& o) {
            o.create_fate(Fate::kAccepted,
                          {.venue_order_id = VenueOrderId{id}, .executed = {}, .time = ms(1)});
          }};
}
Fact filled_at_once(const std::string& id, std::int64_t total) {
  return {"ack filled " + id, [id, total](InFlightOrder& o) {
            o.create_fate(
                Fate::kAccepted,
                {.venue_order_id = VenueOrderId{id}, .executed = tenths(total), .time = ms(1)});
          }};
}
Fact create_unknown() {
  return {"create unknown", [](InFlightOrder& o) { o.create_fate(Fate::kUnknown); }};
}
Fact create_refused(ErrorCode code) {
  return {"create refused", [code](InFlightOrder& o) {
            o.create_fate(Fate::kRejected, {}, Failure{code, "venue"});
          }};
}
Fact status(const std::string& id, OrderStatus s, std::int64_t at, std::int64_t remaining = 0,
            std::int64_t original = 10) {
  return {"status " + id + " " + std::to_string(static_cast<int>(s)),
          [=](InFlightOrder& o) { o.word(word_of(id, s, at, remaining, original)); }};
}
Fact fill(const std::string& id, const std::string& trade, std::int64_t quantity, std::int64_t at) {
  return {"fill " + trade, [=](InFlightOrder& o) {
            ASSERT_TRUE(o.fill(fill_of(id, trade, quantity, at)).has_value());
          }};
}
Fact cancel_confirmed() {
  return {"cancel confirmed", [](InFlightOrder& o) { o.cancel_fate(CancelFate::kConfirmed); }};
}
Fact cancel_refused() {
  return {"cancel refused", [](InFlightOrder& o) {
            o.cancel_fate(CancelFate::kRefused, Failure{ErrorCode::kOrderFinal, "never placed"});
          }};
}
Fact modify_accepted(std::uint64_t nonce, const std::string& id) {
  return {"modify accepted " + id, [=](InFlightOrder& o) {
            o.modify_fate(nonce, Fate::kAccepted,
                          {.venue_order_id = VenueOrderId{id}, .executed = {}, .time = ms(5)});
          }};
}
Fact modify_refused(std::uint64_t nonce) {
  return {"modify refused", [=](InFlightOrder& o) {
            o.modify_fate(nonce, Fate::kRejected, {}, Failure{ErrorCode::kPostOnly, "venue"});
          }};
}
Fact modify_unknown(std::uint64_t nonce) {
  return {"modify unknown", [=](InFlightOrder& o) { o.modify_fate(nonce, Fate::kUnknown); }};
}
Fact all_fills(std::int64_t through, std::vector<Fact> fills) {
  return {"round of fills", [=](InFlightOrder& o) {
            for (const Fact& f : fills) f.apply(o);
            o.fills_known_through(ms(through));
          }};
}

struct History {
  std::string name;
  TimeInForce time_in_force = TimeInForce::kGtc;
  std::vector<Fact> before;                    // causally first
  std::function<void(InFlightOrder&)> action;  // what we then do
  std::vector<Fact> facts;                     // arrive in any order
  OrderState end = OrderState::kFilled;
  std::int64_t filled = 10;
  int executions = 0;  // partial_fill and filled events in total
};

void PrintTo(const History& history, std::ostream* out) { *out << history.name; }

void begin_modify_7(InFlightOrder& order) {
  order.begin_modify(
      {.action = 7, .price = price(49000), .amount = tenths(12), .quantity = tenths(12)});
}

std::vector<History> histories() {
  const auto none = [](InFlightOrder&) {};
  const auto cancel = [](InFlightOrder& o) { o.begin_cancel(); };
  std::vector<History> all;
  all.push_back({.name = "rests and fills",
                 .before = {},
                 .action = none,
                 .facts = {resting("100"), status("100", OrderStatus::kOpen, 1, 10),
                           fill("100", "t1", 4, 2), fill("100", "t2", 6, 3),
                           fill("100", "t1", 4, 2), status("100", OrderStatus::kFilled, 3)},
                 .end = OrderState::kFilled,
                 .filled = 10,
                 .executions = 2});
  all.push_back(
      {.name = "unanswered, fills",
       .before = {},
       .action = none,
       .facts = {create_unknown(), status("100", OrderStatus::kOpen, 1, 10),
                 fill("100", "t1", 5, 2), fill("100", "t2", 5, 2),
                 status("100", OrderStatus::kFilled, 2), resting("100"), create_unknown()},
       .end = OrderState::kFilled,
       .filled = 10,
       .executions = 2});
  all.push_back(
      {.name = "cancelled after part",
       .before = {},
       .action = cancel,
       .facts = {resting("100"), status("100", OrderStatus::kOpen, 1, 10), fill("100", "t1", 3, 2),
                 fill("100", "t2", 2, 2), status("100", OrderStatus::kCancelled, 3, 5),
                 cancel_confirmed(), create_unknown()},
       .end = OrderState::kCancelled,
       .filled = 5,
       .executions = 2});
  all.push_back({.name = "cancel lost the race",
                 .before = {},
                 .action = cancel,
                 .facts = {resting("100"), fill("100", "t1", 3, 2), fill("100", "t2", 7, 2),
                           status("100", OrderStatus::kFilled, 2), cancel_refused(),
                           status("100", OrderStatus::kOpen, 1, 10), fill("100", "t2", 7, 2)},
                 .end = OrderState::kFilled,
                 .filled = 10,
                 .executions = 2});
  all.push_back({.name = "refused by both",
                 .before = {},
                 .action = none,
                 .facts = {create_refused(ErrorCode::kInsufficientMargin), create_unknown(),
                           status("100", OrderStatus::kRejected, 2, 10),
                           status("100", OrderStatus::kRejected, 2, 10)},
                 .end = OrderState::kFailed,
                 .filled = 0,
                 .executions = 0});
  all.push_back({.name = "ioc in part",
                 .time_in_force = TimeInForce::kIoc,
                 .before = {},
                 .action = none,
                 .facts = {filled_at_once("100", 6), status("100", OrderStatus::kOpen, 1, 10),
                           fill("100", "t1", 2, 1), fill("100", "t2", 4, 1),
                           status("100", OrderStatus::kFilled, 1, 0), create_unknown(),
                           fill("100", "t1", 2, 1)},
                 .end = OrderState::kCancelled,
                 .filled = 6,
                 .executions = 2});
  all.push_back({.name = "ioc in part, its rest shown",
                 .time_in_force = TimeInForce::kIoc,
                 .before = {},
                 .action = none,
                 .facts = {create_unknown(), fill("100", "t1", 2, 1), fill("100", "t2", 4, 1),
                           status("100", OrderStatus::kFilled, 1, 4),
                           status("100", OrderStatus::kOpen, 1, 10)},
                 .end = OrderState::kCancelled,
                 .filled = 6,
                 .executions = 2});
  all.push_back({.name = "ioc in part, only a round of fills tells",
                 .time_in_force = TimeInForce::kIoc,
                 .before = {},
                 .action = none,
                 .facts = {create_unknown(), fill("100", "t1", 2, 1),
                           status("100", OrderStatus::kFilled, 1, 0),
                           all_fills(5000, {fill("100", "t1", 2, 1), fill("100", "t2", 4, 1)})},
                 .end = OrderState::kCancelled,
                 .filled = 6,
                 .executions = 2});
  all.push_back(
      {.name = "ioc matches nothing",
       .time_in_force = TimeInForce::kIoc,
       .before = {},
       .action = none,
       .facts = {create_refused(ErrorCode::kNoLiquidity), status("100", OrderStatus::kOpen, 1, 10),
                 status("100", OrderStatus::kRejected, 1, 10), create_unknown()},
       .end = OrderState::kFailed,
       .filled = 0,
       .executions = 0});
  all.push_back(
      {.name = "reduce-only shrinks",
       .before = {resting("100")},
       .action = none,
       .facts = {fill("100", "t1", 4, 2), status("100", OrderStatus::kOpen, 1, 10),
                 status("100", OrderStatus::kCancelled, 2, 0, 4), fill("100", "t1", 4, 2)},
       .end = OrderState::kCancelled,
       .filled = 4,
       .executions = 1});
  all.push_back({.name = "modify, both legs fill",
                 .before = {resting("100")},
                 .action = begin_modify_7,
                 .facts = {modify_accepted(7, "200"), status("100", OrderStatus::kCancelled, 5, 10),
                           status("200", OrderStatus::kOpen, 5, 12), fill("200", "t1", 5, 6),
                           fill("200", "t2", 7, 7), status("200", OrderStatus::kFilled, 7),
                           status("100", OrderStatus::kOpen, 1, 10)},
                 .end = OrderState::kFilled,
                 .filled = 12,
                 .executions = 2});
  all.push_back({.name = "modify unanswered, old leg cancelled",
                 .before = {resting("100")},
                 .action = begin_modify_7,
                 .facts = {modify_unknown(7), status("100", OrderStatus::kCancelled, 5, 7),
                           fill("100", "t0", 3, 4), status("200", OrderStatus::kOpen, 5, 12),
                           fill("200", "t1", 4, 6), status("200", OrderStatus::kCancelled, 8, 8),
                           modify_accepted(7, "200")},
                 .end = OrderState::kCancelled,
                 .filled = 7,
                 .executions = 2});
  all.push_back({.name = "modify refused, order lives and fills",
                 .before = {resting("100")},
                 .action = begin_modify_7,
                 .facts = {modify_refused(7), modify_unknown(7), fill("100", "t1", 4, 5),
                           fill("100", "t2", 6, 6), status("100", OrderStatus::kFilled, 6)},
                 .end = OrderState::kFilled,
                 .filled = 10,
                 .executions = 2});
  all.push_back({.name = "modify refused, old leg gone",
                 .before = {resting("100")},
                 .action = begin_modify_7,
                 .facts = {modify_refused(7), modify_unknown(7),
                           status("100", OrderStatus::kCancelled, 5, 10),
                           status("100", OrderStatus::kOpen, 1, 10)},
                 .end = OrderState::kCancelled,
                 .filled = 0,
                 .executions = 0});
  all.push_back({.name = "modify, then the cancel of the new leg",
                 .before = {resting("100")},
                 .action =
                     [](InFlightOrder& o) {
                       begin_modify_7(o);
                       o.begin_cancel();
                     },
                 .facts = {modify_accepted(7, "200"), status("100", OrderStatus::kCancelled, 5, 10),
                           status("200", OrderStatus::kOpen, 5, 12), fill("200", "t1", 5, 6),
                           status("200", OrderStatus::kCancelled, 7, 7), cancel_confirmed()},
                 .end = OrderState::kCancelled,
                 .filled = 5,
                 .executions = 1});
  all.push_back({.name = "the cancel comes before the modify",
                 .before = {resting("100")},
                 .action =
                     [](InFlightOrder& o) {
                       begin_modify_7(o);
                       o.begin_cancel();
                     },
                 .facts = {modify_refused(7), status("100", OrderStatus::kCancelled, 5, 8),
                           fill("100", "t1", 2, 4), cancel_confirmed(), modify_unknown(7)},
                 .end = OrderState::kCancelled,
                 .filled = 2,
                 .executions = 1});
  return all;
}

struct Outcome {
  OrderState state = OrderState::kPendingCreate;
  Quantity filled;
  Quantity amount;
  std::optional<Price> price;
  std::optional<VenueOrderId> id;
  std::optional<WideDecimal> average;
  WideDecimal fee;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(const InFlightOrder& order) {
  const OrderView view = order.view(ms(99));
  return {
      view.state,         view.filled, view.content.amount, view.content.price, view.venue_order_id,
      view.average_price, view.fee};
}

/// What holds for the events of any order, whatever arrived when.
void check_events(const std::vector<OrderEvent>& events, const History& history) {
  int created = 0;
  int ends = 0;
  int executions = 0;
  Quantity filled;
  for (const OrderEvent& event : events) {
    switch (event.kind) {
      case OrderEventKind::kCreated:
        ++created;
        EXPECT_EQ(executions + ends, 0) << "created is not first";
        break;
      case OrderEventKind::kFilled:
        ++ends;
        [[fallthrough]];
      case OrderEventKind::kPartialFill:
        EXPECT_EQ(created, 1) << "fill without created";
        EXPECT_TRUE(event.trade_id.has_value());
        EXPECT_GT(event.order.filled, filled);
        filled = event.order.filled;
        ++executions;
        break;
      case OrderEventKind::kCancelled:
        EXPECT_EQ(created, 1) << "cancelled without created";
        ++ends;
        break;
      case OrderEventKind::kFailed:
        ++ends;
        break;
      case OrderEventKind::kUpdate:
        break;
    }
  }
  EXPECT_EQ(executions, history.executions) << "each execution is exactly one event";
  EXPECT_EQ(ends, 1) << "exactly one end";
  EXPECT_LE(created, 1);
  if (history.end == OrderState::kFailed) {
    EXPECT_EQ(created, 0);
  }
}

class EveryOrderOfArrival : public testing::TestWithParam<History> {};

TEST_P(EveryOrderOfArrival, GivesOneResultAndSoundEvents) {
  const History& history = GetParam();
  ASSERT_LE(history.facts.size(), 7U);
  std::vector<std::size_t> order(history.facts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::optional<Outcome> first;
  int tried = 0;
  do {
    InFlightOrder o{limit_order(history.time_in_force), "0xf1a5", ms(0)};
    std::vector<OrderEvent> events;
    std::string schedule;
    for (const Fact& fact : history.before) {
      fact.apply(o);
      o.settle(ms(1), events);
    }
    history.action(o);
    for (const std::size_t i : order) {
      history.facts[i].apply(o);
      schedule += history.facts[i].name + "; ";
      o.settle(ms(2), events);
    }
    const Outcome outcome = outcome_of(o);
    if (!first) first = outcome;
    check_events(events, history);
    EXPECT_EQ(outcome.state, history.end) << to_string(outcome.state);
    EXPECT_EQ(outcome.filled, tenths(history.filled));
    EXPECT_TRUE(outcome == *first) << "result depends on the order of arrival";
    // Everything again changes nothing.
    const std::size_t before = events.size();
    for (const std::size_t i : order) {
      history.facts[i].apply(o);
    }
    o.settle(ms(3), events);
    EXPECT_EQ(events.size(), before) << "a repeated fact made an event";
    EXPECT_TRUE(outcome_of(o) == outcome);
    if (HasFailure()) {
      FAIL() << history.name << ": " << schedule;
    }
    ++tried;
  } while (std::next_permutation(order.begin(), order.end()));
  RecordProperty("permutations", tried);
}

/// The same with the facts taken several at a time: one frame of a venue may hold many.
TEST_P(EveryOrderOfArrival, GivesOneResultWhenFactsComeTogether) {
  const History& history = GetParam();
  std::vector<std::size_t> order(history.facts.size());
  std::iota(order.begin(), order.end(), 0U);
  do {
    InFlightOrder o{limit_order(history.time_in_force), "0xf1a5", ms(0)};
    std::vector<OrderEvent> events;
    for (const Fact& fact : history.before) fact.apply(o);
    history.action(o);
    std::string schedule;
    for (std::size_t i = 0; i < order.size(); ++i) {
      history.facts[order[i]].apply(o);
      schedule += history.facts[order[i]].name + "; ";
      if (i % 3 == 2) o.settle(ms(2), events);
    }
    o.settle(ms(3), events);
    check_events(events, history);
    EXPECT_EQ(o.state(), history.end);
    if (HasFailure()) {
      FAIL() << history.name << ": " << schedule;
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

/// Every history of up to 7 facts that a resting order of 10 can have by its answers, its `open`
/// word, its fills, its end and the answer of a cancel.
std::vector<History> generated_histories() {
  const auto none = [](InFlightOrder&) {};
  const auto cancel = [](InFlightOrder& o) { o.begin_cancel(); };
  const std::vector<std::vector<Fact>> answers{
      {resting("100")}, {create_unknown()}, {create_unknown(), resting("100")}};
  const std::vector<std::vector<std::int64_t>> fills{{}, {4}, {10}, {4, 6}, {3, 3}, {3, 3, 4}};
  std::vector<History> all;
  for (std::size_t answer = 0; answer < answers.size(); ++answer) {
    for (std::size_t parts = 0; parts < fills.size(); ++parts) {
      for (const bool open : {false, true}) {
        for (const bool cancelled_by_us : {false, true}) {
          History history{.name = "generated " + std::to_string(answer) + " " +
                                  std::to_string(parts) + (open ? " open" : "") +
                                  (cancelled_by_us ? " cancel" : ""),
                          .before = {},
                          .action = none,
                          .facts = answers[answer],
                          .end = OrderState::kFilled,
                          .filled = 0,
                          .executions = static_cast<int>(fills[parts].size())};
          if (open) history.facts.push_back(status("100", OrderStatus::kOpen, 1, 10));
          for (const std::int64_t part : fills[parts]) {
            history.filled += part;
            history.facts.push_back(
                fill("100", "t" + std::to_string(history.filled), part, 1 + history.filled));
          }
          const bool complete = history.filled == 10;
          const std::int64_t at = 2 + history.filled;
          history.facts.push_back(
              complete ? status("100", OrderStatus::kFilled, at)
                       : status("100", OrderStatus::kCancelled, at, 10 - history.filled));
          if (!complete) history.end = OrderState::kCancelled;
          if (cancelled_by_us) {
            history.action = cancel;
            history.facts.push_back(complete ? cancel_refused() : cancel_confirmed());
          }
          if (history.facts.size() <= 7) all.push_back(std::move(history));
        }
      }
    }
  }
  return all;
}

TEST(InFlightOrder, EveryHistoryOfARestingOrderGivesOneResultInEveryOrderOfArrival) {
  const auto all = generated_histories();
  ASSERT_GT(all.size(), 60U);
  for (const History& history : all) {
    std::vector<std::size_t> order(history.facts.size());
    std::iota(order.begin(), order.end(), 0U);
    std::optional<Outcome> first;
    do {
      InFlightOrder o{limit_order(history.time_in_force), "0xf1a5", ms(0)};
      std::vector<OrderEvent> events;
      history.action(o);
      std::string schedule;
      for (const std::size_t i : order) {
        history.facts[i].apply(o);
        schedule += history.facts[i].name + "; ";
        o.settle(ms(2), events);
      }
      if (!first) first = outcome_of(o);
      check_events(events, history);
      EXPECT_EQ(o.state(), history.end) << to_string(o.state());
      EXPECT_EQ(o.filled(), tenths(history.filled));
      EXPECT_TRUE(outcome_of(o) == *first) << "result depends on the order of arrival";
      if (HasFailure()) FAIL() << history.name << ": " << schedule;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(AllHistories, EveryOrderOfArrival, testing::ValuesIn(histories()),
                         [](const testing::TestParamInfo<History>& row) {
                           std::string name;
                           for (const char c : row.param.name) {
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

TEST(InFlightOrder, FillBeforeAckIsCountedOnce) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 1)));
  ASSERT_FALSE(*order.fill(fill_of("100", "t1", 4, 1)));
  order.create_fate(Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"100"}, .executed = {}, .time = ms(1)});
  order.settle(ms(1), events);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, OrderEventKind::kCreated);
  EXPECT_EQ(events[1].kind, OrderEventKind::kPartialFill);
  EXPECT_EQ(order.filled(), tenths(4));
}

TEST(InFlightOrder, SameTradeIdAtAnotherTimeIsAnotherExecution) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 1)));
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 2)));
  EXPECT_EQ(order.filled(), tenths(8));
}

TEST(InFlightOrder, UnknownStaysUnknownUntilTheVenueSpeaks) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  order.create_fate(Fate::kUnknown);
  EXPECT_EQ(order.state(), OrderState::kUnknown);
  EXPECT_EQ(order.working_quantity(), tenths(10)) << "counted at full size";
  order.word(word_of("100", OrderStatus::kUnrecognised, 1));
  EXPECT_EQ(order.state(), OrderState::kUnknown);
  order.create_fate(Fate::kNotExecuted, {}, Failure{ErrorCode::kNeverPlaced, "fenced"});
  EXPECT_EQ(order.state(), OrderState::kFailed);
  EXPECT_TRUE(order.working_quantity().is_zero());
}

TEST(InFlightOrder, VenueWordBeatsAnInferredFailure) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  order.create_fate(Fate::kUnknown);
  order.create_fate(Fate::kNotExecuted, {}, Failure{ErrorCode::kNeverPlaced, "fenced"});
  order.settle(ms(1), events);
  ASSERT_EQ(events.back().kind, OrderEventKind::kFailed);
  order.word(word_of("100", OrderStatus::kOpen, 2, 10));
  order.settle(ms(2), events);
  EXPECT_EQ(order.state(), OrderState::kOpen);
  EXPECT_TRUE(order.contradicted());
  EXPECT_TRUE(order.must_be_cancelled());
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[1].kind, OrderEventKind::kCreated);
}

TEST(InFlightOrder, FillsThatCrossAModifyAreKnownAsOverfillAndCancelled) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  order.create_fate(Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"100"}, .executed = {}, .time = ms(1)});
  order.begin_modify(
      {.action = 7, .price = price(49000), .amount = tenths(10), .quantity = tenths(10)});
  EXPECT_EQ(order.working_quantity(), tenths(20)) << "the bound is known before sending";
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 4)));
  order.modify_fate(7, Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"200"}, .executed = {}, .time = ms(5)});
  ASSERT_TRUE(*order.fill(fill_of("200", "t2", 6, 6)));
  order.settle(ms(6), events);
  EXPECT_EQ(events.back().kind, OrderEventKind::kFilled);
  EXPECT_TRUE(order.must_be_cancelled()) << "4 of the new leg still rest";
  EXPECT_EQ(order.working_quantity(), tenths(4));
  order.begin_cancel();
  order.cancel_fate(CancelFate::kConfirmed);
  EXPECT_FALSE(order.may_be_live());
  EXPECT_EQ(order.state(), OrderState::kFilled);
}

/// Filled to its amount by fills that crossed one modify, a rest live, and a modify to more of that
/// rest under way.
InFlightOrder filled_while_a_modify_to_more_is_open(std::vector<OrderEvent>& events) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  order.create_fate(Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"100"}, .executed = {}, .time = ms(1)});
  order.settle(ms(1), events);
  order.begin_modify(
      {.action = 7, .price = price(49000), .amount = tenths(10), .quantity = tenths(10)});
  EXPECT_TRUE(*order.fill(fill_of("100", "t1", 4, 4)));
  order.settle(ms(4), events);
  order.modify_fate(7, Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"200"}, .executed = {}, .time = ms(5)});
  order.settle(ms(5), events);
  order.begin_modify(
      {.action = 8, .price = price(48000), .amount = tenths(14), .quantity = tenths(10)});
  EXPECT_TRUE(*order.fill(fill_of("200", "t2", 6, 6)));
  order.settle(ms(6), events);
  return order;
}

TEST(InFlightOrder, NoEndIsToldWhileAModifyToMoreMayBeAccepted) {
  std::vector<OrderEvent> events;
  InFlightOrder order = filled_while_a_modify_to_more_is_open(events);
  EXPECT_EQ(events.back().kind, OrderEventKind::kPartialFill);
  EXPECT_EQ(order.state(), OrderState::kPartiallyFilled);
  EXPECT_FALSE(order.must_be_cancelled()) << "the new leg would go with it";
  order.modify_fate(8, Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"300"}, .executed = {}, .time = ms(7)});
  order.settle(ms(7), events);
  EXPECT_EQ(order.state(), OrderState::kPartiallyFilled);
  ASSERT_TRUE(*order.fill(fill_of("300", "t3", 4, 8)));
  order.settle(ms(8), events);
  EXPECT_EQ(events.back().kind, OrderEventKind::kFilled);
  for (const OrderEvent& event : events) {
    EXPECT_EQ(is_final(event.order.state), &event == &events.back());
  }
}

TEST(InFlightOrder, AnEndThatWaitedForARefusedModifyIsToldOnceAndKnownAfterARestart) {
  std::vector<OrderEvent> events;
  InFlightOrder order = filled_while_a_modify_to_more_is_open(events);
  order.modify_fate(8, Fate::kRejected, {}, Failure{ErrorCode::kVenueRejected, "words"});
  order.settle(ms(7), events);
  EXPECT_EQ(order.state(), OrderState::kFilled);
  EXPECT_TRUE(order.must_be_cancelled());
  const auto ends = std::count_if(events.begin(), events.end(), [](const OrderEvent& event) {
    return event.kind == OrderEventKind::kFilled;
  });
  EXPECT_EQ(ends, 1);

  InFlightOrder restored{limit_order(), "0xf1a5", ms(0)};
  std::map<std::string, venues::Fill> fills{{"t1", fill_of("100", "t1", 4, 4)},
                                            {"t2", fill_of("200", "t2", 6, 6)}};
  for (const OrderEvent& event : events) {
    if (event.order.venue_order_id == VenueOrderId{"200"} && !restored.knows(VenueOrderId{"200"})) {
      restored.begin_modify(
          {.action = 7, .price = price(49000), .amount = tenths(10), .quantity = tenths(10)});
    }
    if (event.trade_id == TradeId{"t2"}) {
      restored.begin_modify(
          {.action = 8, .price = price(48000), .amount = tenths(14), .quantity = tenths(10)});
    }
    if (event.trade_id) {
      ASSERT_TRUE(*restored.fill(fills.at(event.trade_id->value())));
    }
    restored.restore(event);
  }
  EXPECT_EQ(restored.state(), OrderState::kFilled) << "although no note says that it was refused";
  std::vector<OrderEvent> again;
  restored.settle(ms(9), again);
  EXPECT_TRUE(again.empty());
}

TEST(InFlightOrder, FillAfterCancelledIsPublishedAndTheStateStays) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  order.create_fate(Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"100"}, .executed = {}, .time = ms(1)});
  order.word(word_of("100", OrderStatus::kCancelled, 3, 6));
  order.settle(ms(3), events);
  ASSERT_EQ(events.back().kind, OrderEventKind::kCancelled);
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 2)));
  order.settle(ms(4), events);
  EXPECT_EQ(events.back().kind, OrderEventKind::kPartialFill);
  EXPECT_EQ(events.back().order.state, OrderState::kCancelled);
  EXPECT_EQ(order.state(), OrderState::kCancelled);
}

TEST(InFlightOrder, RestoredFromItsEventsItSaysNothingAgain) {
  InFlightOrder order{limit_order(), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  order.create_fate(Fate::kAccepted,
                    {.venue_order_id = VenueOrderId{"100"}, .executed = {}, .time = ms(1)});
  ASSERT_TRUE(*order.fill(fill_of("100", "t1", 4, 2)));
  order.settle(ms(2), events);

  InFlightOrder restored{limit_order(), "0xf1a5", ms(0)};
  ASSERT_TRUE(*restored.fill(fill_of("100", "t1", 4, 2)));
  for (const OrderEvent& event : events) restored.restore(event);
  std::vector<OrderEvent> again;
  restored.settle(ms(3), again);
  EXPECT_TRUE(again.empty());
  EXPECT_TRUE(outcome_of(restored) == outcome_of(order));
}

TEST(InFlightOrder, AKilledWriterLeavesAFillWithoutItsEventWhichFollowsOnce) {
  InFlightOrder restored{limit_order(), "0xf1a5", ms(0)};
  OrderEvent created{.kind = OrderEventKind::kCreated, .order = {}, .failure = {}, .trade_id = {}};
  created.order.content = limit_order();
  created.order.venue_order_id = VenueOrderId{"100"};
  created.order.state = OrderState::kOpen;
  restored.restore(created);
  ASSERT_TRUE(*restored.fill(fill_of("100", "t1", 10, 2)));  // its order event was not written
  std::vector<OrderEvent> events;
  restored.settle(ms(3), events);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, OrderEventKind::kFilled);
}

TEST(InFlightOrder, ARefusedOrderWhoseIdIsLearntAfterItsEndStaysFailedInARestart) {
  InFlightOrder order{limit_order(TimeInForce::kIoc), "0xf1a5", ms(0)};
  std::vector<OrderEvent> events;
  order.create_fate(Fate::kRejected, {}, Failure{ErrorCode::kNoLiquidity, "no match"});
  order.settle(ms(1), events);
  order.word(word_of("100", OrderStatus::kRejected, 1, 10));
  order.cancel_fate(CancelFate::kRefused, Failure{ErrorCode::kOrderNotFound, "never placed"});
  order.settle(ms(2), events);
  ASSERT_EQ(events.size(), 2U);
  ASSERT_TRUE(events.back().order.venue_order_id.has_value());

  InFlightOrder restored{limit_order(TimeInForce::kIoc), "0xf1a5", ms(0)};
  for (const OrderEvent& event : events) restored.restore(event);
  std::vector<OrderEvent> again;
  restored.settle(ms(3), again);

  EXPECT_EQ(restored.state(), OrderState::kFailed);
  EXPECT_FALSE(restored.may_be_live());
  EXPECT_TRUE(again.empty());
}

TEST(InFlightOrder, RestoredAsCancelledItStaysSoWhateverNoteOfItsModifyIsMissing) {
  InFlightOrder restored{limit_order(), "0xf1a5", ms(0)};
  OrderEvent event{.kind = OrderEventKind::kCreated, .order = {}, .failure = {}, .trade_id = {}};
  event.order.content = limit_order();
  event.order.venue_order_id = VenueOrderId{"100"};
  event.order.state = OrderState::kOpen;
  restored.restore(event);
  restored.begin_modify(
      {.action = 7, .price = price(49000), .amount = tenths(12), .quantity = tenths(12)});
  event.kind = OrderEventKind::kCancelled;
  event.order.state = OrderState::kCancelled;
  restored.restore(event);
  restored.modify_fate(7, Fate::kUnknown);
  EXPECT_EQ(restored.state(), OrderState::kCancelled);
  EXPECT_FALSE(restored.modify_unsettled());
  std::vector<OrderEvent> again;
  restored.settle(ms(9), again);
  EXPECT_TRUE(again.empty());
}

}  // namespace
}  // namespace perpwire::gateway
