#include "services/order-gateway/path_breaker.hpp"
#include "services/order-gateway/position_book.hpp"
#include "services/order-gateway/question_turns.hpp"
#include "services/order-gateway/reference_prices.hpp"
#include "services/order-gateway/risk_gate.hpp"
#include "services/order-gateway/token_budget.hpp"
#include "services/order-gateway/venue_clock.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::gateway {
namespace {

using limits::RiskLevel;
const TradingPair kPair{"BTC-USD"};

Nanos s(std::int64_t value) { return std::chrono::seconds{value}; }
Nanos ms(std::int64_t value) { return std::chrono::milliseconds{value}; }
UnixNanos at(std::int64_t seconds) { return UnixNanos::from_millis(seconds * 1'000); }
Price price(std::int64_t value) { return Price{Decimal{value}}; }
Quantity lots(std::int64_t value) { return Quantity{Decimal{value}}; }

// ---------------------------------------------------------------- RiskGate

RiskGate fresh_gate() {
  RiskGate gate;
  gate.on_limits({}, 1);
  gate.on_heartbeat(RiskLevel::kRunning, 5, 1, at(100), at(100), s(100));
  return gate;
}

TEST(RiskGate, WithoutAHeartbeatOrLimitsNothingIsUsable) {
  RiskGate gate;
  EXPECT_EQ(gate.usable(s(1)).error().code, ErrorCode::kRiskUnavailable);
  gate.on_heartbeat(RiskLevel::kRunning, 1, 1, at(100), at(100), s(100));
  EXPECT_FALSE(gate.usable(s(100)).has_value()) << "no limits were seen";
  gate.on_limits({}, 1);
  EXPECT_TRUE(gate.usable(s(100)).has_value());
}

TEST(RiskGate, ClosesTwoSecondsAfterTheLastHeartbeat) {
  const RiskGate gate = fresh_gate();
  EXPECT_TRUE(gate.usable(s(102)).has_value());
  EXPECT_EQ(gate.usable(s(102) + ms(1)).error().code, ErrorCode::kRiskUnavailable);
}

TEST(RiskGate, AHeartbeatThatWasLongOnItsWayOpensNothing) {
  RiskGate gate = fresh_gate();
  gate.on_heartbeat(RiskLevel::kRunning, 5, 1, at(100), at(103), s(103));
  EXPECT_FALSE(gate.usable(s(103)).has_value());
}

TEST(RiskGate, TheHighestVersionWinsWhoeverBringsIt) {
  RiskGate gate = fresh_gate();
  EXPECT_TRUE(gate.on_halt(RiskLevel::kCancelAll, 6).has_value());
  EXPECT_EQ(gate.level(), RiskLevel::kCancelAll);
  EXPECT_FALSE(gate.on_halt(RiskLevel::kRunning, 6).has_value());
  EXPECT_FALSE(gate.on_heartbeat(RiskLevel::kRunning, 5, 1, at(101), at(101), s(101)).has_value());
  EXPECT_EQ(gate.level(), RiskLevel::kCancelAll) << "an older word must not resume trading";
}

TEST(RiskGate, ALowerVersionThanKnownIsUnavailableUntilItCaughtUp) {
  RiskGate gate = fresh_gate();
  gate.restore(RiskLevel::kRunning, 9);
  gate.on_heartbeat(RiskLevel::kRunning, 5, 1, at(101), at(101), s(101));
  EXPECT_EQ(gate.usable(s(101)).error().code, ErrorCode::kRiskUnavailable);
  gate.on_heartbeat(RiskLevel::kRunning, 9, 1, at(102), at(102), s(102));
  EXPECT_TRUE(gate.usable(s(102)).has_value());
}

TEST(RiskGate, OtherLimitsThanRiskSpeaksOfAreNotTradedOn) {
  RiskGate gate = fresh_gate();
  gate.on_heartbeat(RiskLevel::kRunning, 5, 2, at(101), at(101), s(101));
  EXPECT_FALSE(gate.usable(s(101)).has_value());
  gate.on_limits({}, 2);
  EXPECT_TRUE(gate.usable(s(101)).has_value());
}

// ---------------------------------------------------------------- ReferencePrices

TEST(ReferencePrices, TheMiddleOfAFreshTopElseTheMark) {
  ReferencePrices references{s(5)};
  EXPECT_FALSE(references.reference(kPair, at(100)).price.has_value());
  references.on_mark(kPair, price(99), at(100));
  EXPECT_EQ(references.reference(kPair, at(100)).price, price(99));
  references.on_top(kPair, price(100), price(102), at(101));
  EXPECT_EQ(references.reference(kPair, at(101)).price, price(101));
}

TEST(ReferencePrices, OldPricesCountForNothingUnlessTheFeedLives) {
  ReferencePrices references{s(5)};
  references.on_top(kPair, price(100), price(102), at(100));
  EXPECT_FALSE(references.reference(kPair, at(106)).price.has_value());
  references.on_alive(at(104));
  EXPECT_TRUE(references.reference(kPair, at(106)).price.has_value());
  references.on_feed_lost(TradingPair{});
  EXPECT_FALSE(references.reference(kPair, at(104)).price.has_value());
}

// ---------------------------------------------------------------- VenueClock

TEST(VenueClock, NothingExpiresByOurClockOrWhileTheVenuesStandsStill) {
  VenueClock clock;
  EXPECT_FALSE(clock.is_past(at(0)));
  clock.on_time(at(100), at(100), s(1));
  EXPECT_FALSE(clock.is_past(at(99))) << "2 s must be over";
  EXPECT_TRUE(clock.is_past(at(97)));
  clock.on_time(at(100), at(106), s(7));  // stands still while ours went on
  EXPECT_FALSE(clock.is_past(at(97)));
}

TEST(VenueClock, AnOlderAnswerDoesNotTurnTimeBack) {
  VenueClock clock;
  clock.on_time(at(100), at(100), s(1));
  clock.on_time(at(90), at(101), s(2));
  EXPECT_EQ(clock.newest(), at(100));
}

TEST(VenueClock, SkewIsTheLeastDifferenceSeen) {
  VenueClock clock;
  clock.on_time(at(100), UnixNanos::from_millis(100'900), s(1));
  clock.on_time(at(101), UnixNanos::from_millis(101'100), s(2));
  EXPECT_EQ(clock.skew(), ms(100));
}

// ---------------------------------------------------------------- TokenBudget, PathBreaker

TEST(TokenBudget, OrdersLeaveTheReserveToCancels) {
  TokenBudget budget{200, {.burst_percent = 50, .reserve_percent = 20}};
  using enum TokenBudget::Urgency;
  EXPECT_TRUE(budget.take(80, kOrdinary, s(1)));
  EXPECT_FALSE(budget.take(1, kOrdinary, s(1)));
  EXPECT_TRUE(budget.take(20, kReserve, s(1)));
  EXPECT_FALSE(budget.take(1, kReserve, s(1)));
}

TEST(TokenBudget, RefillsByTheMinuteAndNeverBeyond) {
  TokenBudget budget{120, {.burst_percent = 50, .reserve_percent = 0}};
  using enum TokenBudget::Urgency;
  EXPECT_TRUE(budget.take(60, kOrdinary, s(1)));
  EXPECT_FALSE(budget.take(1, kOrdinary, s(1)));
  EXPECT_TRUE(budget.take(10, kOrdinary, s(11)));
  EXPECT_FALSE(budget.take(1, kOrdinary, s(11)));
  EXPECT_TRUE(budget.take(60, kOrdinary, s(1'000)));
  EXPECT_FALSE(budget.take(1, kOrdinary, s(1'000)));
}

TEST(TokenBudget, NoMinuteUsesMoreThanTheShare) {
  for (const std::uint64_t burst : {10U, 33U, 50U, 90U}) {
    TokenBudget budget{720, {.burst_percent = burst, .reserve_percent = 0}};
    std::uint64_t used = 0;
    // The first minute is the dearest: it begins with everything that may be used at once.
    for (int at = 0; at < 60'000; at += 50) {
      while (budget.take(2, TokenBudget::Urgency::kOrdinary, ms(3'600'000 + at))) used += 2;
    }
    EXPECT_LE(used, 720U) << burst;
    EXPECT_GT(used, 700U) << burst;
  }
}

TEST(TokenBudget, WhatAnAnswerCostBeyondItsQuestionIsOwed) {
  TokenBudget budget{120, {.burst_percent = 50, .reserve_percent = 0}};
  using enum TokenBudget::Urgency;
  EXPECT_TRUE(budget.take(50, kOrdinary, s(100)));
  budget.charge(40);
  EXPECT_FALSE(budget.take(1, kOrdinary, s(130)));
  EXPECT_TRUE(budget.take(1, kOrdinary, s(131)));
}

TEST(TokenBudget, WhatNeverFitsIsGivenWhenTheBudgetIsFull) {
  TokenBudget budget{20, {.burst_percent = 50, .reserve_percent = 20}};
  using enum TokenBudget::Urgency;
  EXPECT_TRUE(budget.take(30, kReserve, s(100)));
  EXPECT_FALSE(budget.take(30, kReserve, s(279))) << "it owes 20, and 10 come a minute";
  EXPECT_TRUE(budget.take(30, kReserve, s(281)));
}

TEST(QuestionTurns, ALargeOneIsNotPassedForEver) {
  QuestionTurns turns;
  TokenBudget budget{120, {.burst_percent = 50, .reserve_percent = 0}};
  using enum TokenBudget::Urgency;
  ASSERT_TRUE(budget.take(60, kReserve, s(100)));
  const auto large = turns.join(kReserve, s(100));
  // A small one for each token that comes back: it would never be affordable.
  std::optional<Nanos> left;
  int passed = 0;
  for (Nanos now = s(100); now < s(200) && !left; now += s(1)) {
    const auto small = turns.join(kReserve, now);
    if (turns.may_go(small, kReserve, now) && budget.take(1, kReserve, now)) ++passed;
    turns.leave(small);
    if (turns.may_go(large, kReserve, now) && budget.take(20, kReserve, now)) left = now;
  }
  turns.leave(large);
  ASSERT_TRUE(left);
  EXPECT_LE(*left, s(121));
  EXPECT_LE(passed, 1) << "only while it was young";
  EXPECT_EQ(turns.size(), 0U);
}

TEST(QuestionTurns, OrdinaryOnesNeverHoldUpTheReserve) {
  QuestionTurns turns;
  using enum TokenBudget::Urgency;
  const auto ordinary = turns.join(kOrdinary, s(0));
  const auto cancel = turns.join(kReserve, s(9));
  EXPECT_TRUE(turns.may_go(cancel, kReserve, s(10)));
  EXPECT_FALSE(turns.may_go(turns.join(kOrdinary, s(10)), kOrdinary, s(10)));
  EXPECT_TRUE(turns.may_go(ordinary, kOrdinary, s(10)));
  EXPECT_TRUE(turns.may_go(cancel, kReserve, s(60)));
}

TEST(PathBreaker, SwitchesOffAfterSoManyFailuresInARowAndTriesAgain) {
  PathBreaker breaker{true, 3, s(60)};
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(breaker.usable(s(10)));
    breaker.on_failure(s(10));
  }
  EXPECT_FALSE(breaker.usable(s(69)));
  EXPECT_TRUE(breaker.usable(s(70)));
  breaker.on_success();
  EXPECT_TRUE(breaker.usable(s(70)));
}

// ---------------------------------------------------------------- PositionBook

venues::Fill fill_of(Side side, std::int64_t quantity, std::int64_t time_ms,
                     std::optional<std::int64_t> start = std::nullopt) {
  venues::Fill fill;
  fill.side = side;
  fill.quantity = lots(quantity);
  fill.time = UnixNanos::from_millis(time_ms);
  if (start) fill.start_position = lots(*start);
  return fill;
}

TEST(PositionBook, FollowsTheFillsAndTheirStartPositions) {
  PositionBook book;
  using Moved = PositionBook::Moved;
  EXPECT_EQ(book.on_fill(fill_of(Side::kBuy, 3, 1, 0), kPair, s(0)), Moved::kByTheFill);
  // One of 1 in between was missed.
  EXPECT_EQ(book.on_fill(fill_of(Side::kSell, 5, 3, 4), kPair, s(0)), Moved::kPastMissedOne);
  EXPECT_EQ(book.quantity(kPair), lots(-1));
  EXPECT_EQ(book.on_fill(fill_of(Side::kBuy, 1, 2, 3), kPair, s(0)), Moved::kNo)
      << "its effect is in the later one";
  EXPECT_EQ(book.quantity(kPair), lots(-1));
}

struct EntryCase {
  const char* name;
  std::vector<std::pair<std::int64_t, const char*>> fills;  // signed quantity, price
  const char* entry;                                        // "" = none
};
class EntryPrice : public testing::TestWithParam<EntryCase> {};

TEST_P(EntryPrice, FollowsTheFillsAsTheVenueKeepsIt) {
  PositionBook book;
  std::int64_t position = 0;
  std::int64_t time = 1;
  for (const auto& [quantity, at_price] : GetParam().fills) {
    auto fill =
        fill_of(quantity > 0 ? Side::kBuy : Side::kSell, std::abs(quantity), time++, position);
    fill.price = Price{*Decimal::parse(at_price)};
    ASSERT_EQ(book.on_fill(fill, kPair, s(0)), PositionBook::Moved::kByTheFill);
    position += quantity;
  }
  const auto& held = book.all().at(kPair);
  EXPECT_EQ(held.entry_price ? held.entry_price->to_string() : "", GetParam().entry);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, EntryPrice,
    testing::Values(EntryCase{"opening", {{2, "100"}}, "100"},
                    EntryCase{"adding averages", {{2, "100"}, {1, "103"}}, "101"},
                    EntryCase{
                        "to twelve places, half to even", {{1, "1"}, {2, "2"}}, "1.666666666667"},
                    EntryCase{"reducing leaves it", {{3, "100"}, {-2, "90"}}, "100"},
                    EntryCase{"closing ends it", {{3, "100"}, {-3, "90"}}, ""},
                    EntryCase{"crossing zero begins anew", {{3, "100"}, {-5, "90"}}, "90"},
                    EntryCase{"short adding", {{-1, "100"}, {-3, "104"}}, "103"},
                    EntryCase{"short crossing", {{-1, "100"}, {2, "95"}}, "95"},
                    EntryCase{"again after flat", {{1, "100"}, {-1, "90"}, {1, "80"}}, "80"}),
    [](const auto& tested) {
      std::string name = tested.param.name;
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

TEST(PositionBook, AMissedFillLeavesTheEntryPriceUnknownUntilTheVenueTellsIt) {
  PositionBook book;
  auto fill = fill_of(Side::kBuy, 1, 1, 0);
  fill.price = price(100);
  book.on_fill(fill, kPair, s(0));
  auto later = fill_of(Side::kBuy, 1, 3, 4);  // three were bought in between, nobody knows at what
  later.price = price(110);
  book.on_fill(later, kPair, s(0));
  EXPECT_FALSE(book.all().at(kPair).entry_price.has_value());
  venues::PositionWord word;
  word.quantity = lots(5);
  word.entry_price = price(104);
  std::vector<TradingPair> changed;
  book.on_venue({{kPair, word}}, {kPair}, s(1), s(1), s(1), changed);
  EXPECT_EQ(book.all().at(kPair).entry_price, widen(price(104).value()));
  EXPECT_EQ(changed.size(), 1U);
}

TEST(PositionBook, ADifferenceCountsOnlyWhenSeenTwice) {
  PositionBook book;
  book.on_fill(fill_of(Side::kBuy, 3, 1, 0), kPair, s(0));
  venues::PositionWord word;
  word.quantity = lots(2);
  std::vector<TradingPair> changed;
  EXPECT_TRUE(book.on_venue({{kPair, word}}, {kPair}, s(1), s(1), s(1), changed).empty());
  EXPECT_TRUE(book.has_suspects());
  EXPECT_TRUE(book.on_venue({{kPair, word}}, {kPair}, s(1) + ms(500), s(1), s(1) + ms(500), changed)
                  .empty());
  // Seen twice, but no fills were asked for in between: a lost one may explain it.
  EXPECT_TRUE(book.on_venue({{kPair, word}}, {kPair}, s(12), s(1), s(1), changed).empty());
  const auto adjusted = book.on_venue({{kPair, word}}, {kPair}, s(12), s(1), s(2), changed);
  ASSERT_EQ(adjusted.size(), 1U);
  EXPECT_EQ(adjusted[0].before, lots(3));
  EXPECT_EQ(adjusted[0].after, lots(2));
  EXPECT_TRUE(book.on_venue({{kPair, word}}, {kPair}, s(15), s(1), s(15), changed).empty())
      << "running it again changes nothing";
}

TEST(PositionBook, AServerThatDoesNotKnowTheNewestFillAdjustsNothing) {
  PositionBook book;
  std::vector<TradingPair> changed;
  book.on_fill(fill_of(Side::kBuy, 3, 1, 0), kPair, s(100));
  for (const Nanos now : {s(101), s(103), s(109)}) {
    EXPECT_TRUE(book.on_venue({}, {kPair}, now, s(1), now, changed).empty()) << now.count();
  }
  EXPECT_EQ(book.quantity(kPair), lots(3));
  EXPECT_EQ(book.on_venue({}, {kPair}, s(110), s(1), s(110), changed).size(), 1U)
      << "ten seconds later no server is that far behind";
}

using Moved = PositionBook::Moved;

/// Buys (> 0) and sells, one after another, all at one venue time.
std::vector<venues::Fill> block_of(std::int64_t position, std::vector<std::int64_t> changes,
                                   std::int64_t time_ms) {
  std::vector<venues::Fill> fills;
  for (const std::int64_t change : changes) {
    fills.push_back(
        fill_of(change > 0 ? Side::kBuy : Side::kSell, std::abs(change), time_ms, position));
    fills.back().trade_id = TradeId{"t" + std::to_string(fills.size())};
    position += change;
  }
  return fills;
}

TEST(PositionBook, FillsOfOneBlockLeadToOnePositionInAnyOrder) {
  // The last one comes back to where one before it was.
  for (const auto& changes : std::vector<std::vector<std::int64_t>>{
           {1, 2, 3}, {-4, 2, 7, -1}, {5, -5}, {2, -2, 2, 1}, {-1, 3, -2, 6, 1}}) {
    std::int64_t end = 10;
    for (const std::int64_t change : changes) end += change;
    const auto fills = block_of(10, changes, 5);
    std::vector<std::size_t> order(fills.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    do {
      PositionBook book;
      book.on_fill(fill_of(Side::kBuy, 10, 4, 0), kPair, s(0));
      std::string text;
      for (const std::size_t i : order) {
        book.on_fill(fills[i], kPair, s(0));
        text += " " + std::to_string(i);
      }
      ASSERT_EQ(book.quantity(kPair), lots(end)) << text;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(PositionBook, AFillThatStartsElsewhereInTheSameBlockWaitsForTheOneBetween) {
  PositionBook book;
  const auto fills = block_of(0, {1, 2, 3}, 5);
  EXPECT_EQ(book.on_fill(fills[0], kPair, s(0)), Moved::kByTheFill);
  EXPECT_EQ(book.on_fill(fills[2], kPair, s(0)), Moved::kNotYet);
  EXPECT_EQ(book.quantity(kPair), lots(1)) << "which of the two is the newer cannot be told";
  EXPECT_EQ(book.on_fill(fills[1], kPair, s(0)), Moved::kByTheFill);
  EXPECT_EQ(book.quantity(kPair), lots(6));
}

TEST(PositionBook, WhatWaitsForAMissingFillIsInThePositionAtItsWorst) {
  PositionBook book;
  const auto fills = block_of(0, {1, 2, 3, -2}, 5);
  book.on_fill(fills[0], kPair, s(0));
  book.on_fill(fills[2], kPair, s(0));
  book.on_fill(fills[3], kPair, s(0));
  EXPECT_EQ(book.quantity(kPair), lots(1));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(4)) << "the sell may have come before";
  EXPECT_EQ(book.worst(kPair, Side::kSell), lots(-1));
  book.on_fill(fills[1], kPair, s(0));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(4));
  EXPECT_EQ(book.worst(kPair, Side::kSell), lots(4))
      << "all of them are known: there is one answer";
}

TEST(PositionBook, WhatWaitedBeforeARestartIsInThePositionAtItsWorst) {
  const auto fills = block_of(0, {1, 2, 3}, 5'000);
  PositionBook book;
  book.restore_fill(fills[0], kPair);
  book.restore(kPair, lots(1));
  book.restore_fill(fills[2], kPair);
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(5)) << "which of them it contains is not known";
  book.on_known_fill(fills[0], kPair, s(0));
  book.on_known_fill(fills[2], kPair, s(0));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(5));
  EXPECT_EQ(book.worst(kPair, Side::kSell), lots(1));
  book.on_fill(fills[1], kPair, s(0));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(6));
  EXPECT_EQ(book.worst(kPair, Side::kSell), lots(6));
}

TEST(PositionBook, TheVenuesFigureEndsTheDoubtOnceNoServerCanLackTheFill) {
  const auto fills = block_of(0, {3}, 5'000);
  PositionBook book;
  book.restore_fill(fills[0], kPair);
  book.restore(kPair, lots(3));
  book.confirm(kPair, lots(3), UnixNanos::from_millis(14'999));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(6)) << "it may be of before the fill";
  book.confirm(kPair, lots(2), UnixNanos::from_millis(15'000));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(6)) << "it is another figure";
  book.confirm(kPair, lots(3), UnixNanos::from_millis(15'000));
  EXPECT_EQ(book.worst(kPair, Side::kBuy), lots(3));
}

TEST(PositionBook, ARestartKnowsTheBlockOfItsNewestFillOnceItsFillsAreSeenAgain) {
  const auto fills = block_of(0, {1, 2, 3}, 5);
  PositionBook book;
  // The first and the last had come: the last waits for the one between.
  book.restore_fill(fills[0], kPair);
  book.restore(kPair, lots(1));
  book.restore_fill(fills[2], kPair);
  EXPECT_EQ(book.on_known_fill(fills[0], kPair, s(0)), Moved::kNo);
  EXPECT_NE(book.on_fill(fills[1], kPair, s(0)), Moved::kNo);
  EXPECT_NE(book.on_known_fill(fills[2], kPair, s(0)), Moved::kNo);
  EXPECT_EQ(book.quantity(kPair), lots(6));
  EXPECT_EQ(book.on_known_fill(fills[2], kPair, s(0)), Moved::kNo);
  EXPECT_EQ(book.quantity(kPair), lots(6));
}

TEST(PositionBook, AFillOfBeforeTheRestartMovesNothingWhenItIsSeenAgain) {
  const auto fills = block_of(0, {1, 2}, 5);
  PositionBook book;
  book.restore(kPair, lots(1));
  book.restore_fill(fills[0], kPair);
  book.restore(kPair, lots(3));
  book.restore_fill(fills[1], kPair);
  for (const auto& fill : fills) EXPECT_EQ(book.on_known_fill(fill, kPair, s(0)), Moved::kNo);
  EXPECT_EQ(book.quantity(kPair), lots(3));
}

TEST(PositionBook, AFillInBetweenEndsTheSuspicion) {
  PositionBook book;
  book.on_fill(fill_of(Side::kBuy, 3, 1, 0), kPair, s(0));
  venues::PositionWord word;
  word.quantity = lots(5);
  std::vector<TradingPair> changed;
  book.on_venue({{kPair, word}}, {kPair}, s(1), s(1), s(1), changed);
  book.on_fill(fill_of(Side::kBuy, 2, 2, 3), kPair, s(0));  // the venue was ahead of the stream
  EXPECT_FALSE(book.has_suspects());
  EXPECT_TRUE(book.on_venue({{kPair, word}}, {kPair}, s(3), s(1), s(3), changed).empty());
}

}  // namespace
}  // namespace perpwire::gateway
