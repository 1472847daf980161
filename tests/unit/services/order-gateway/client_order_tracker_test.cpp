#include "services/order-gateway/client_order_tracker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace perpwire::gateway {
namespace {

constexpr std::string_view kPrefix = "0xf1a50001";
const TradingPair kPair{"BTC-USD"};

UnixNanos ms(std::int64_t value) { return UnixNanos::from_millis(value); }
Quantity tenths(std::int64_t value) { return Quantity{Decimal::of(value, -1)}; }
std::string cloid_of(int number) {
  std::string digits = std::to_string(number);
  return std::string(kPrefix) + std::string(24 - digits.size(), '0') + digits;
}

OrderContent content(int number, std::int64_t amount = 10) {
  OrderContent made;
  made.client_order_id = ClientOrderId{"o-" + std::to_string(number)};
  made.account = AccountName{"main"};
  made.trading_pair = kPair;
  made.price = Price{Decimal{50000}};
  made.amount = tenths(amount);
  return made;
}

venues::OrderWord open_word(const std::string& id, const std::string& cloid) {
  venues::OrderWord word;
  word.symbol = VenueSymbol{"BTC"};
  word.venue_order_id = VenueOrderId{id};
  word.cloid = cloid;
  word.price = Price{Decimal{50000}};
  word.original = tenths(10);
  word.remaining = tenths(10);
  word.status = venues::OrderStatus::kOpen;
  word.status_time = ms(1);
  return word;
}

venues::Fill fill_of(const std::string& id, const std::string& trade, std::int64_t quantity,
                     const std::string& cloid = "") {
  venues::Fill fill;
  fill.trade_id = TradeId{trade};
  fill.symbol = VenueSymbol{"BTC"};
  fill.venue_order_id = VenueOrderId{id};
  fill.cloid = cloid;
  fill.price = Price{Decimal{50000}};
  fill.quantity = tenths(quantity);
  fill.fee_asset = "USDC";
  fill.time = ms(5);
  return fill;
}

std::vector<std::string> words(const std::vector<TrackerEvent>& events) {
  std::vector<std::string> all;
  for (const TrackerEvent& event : events) {
    if (const auto* fill = std::get_if<FillReport>(&event)) {
      all.push_back(fill->client_order_id ? "fill " + fill->client_order_id->value()
                                          : "unattributed");
    } else {
      const auto& order = std::get<OrderEvent>(event);
      all.push_back(std::string(topic_word(order.kind)) + " " +
                    order.order.content.client_order_id.value());
    }
  }
  return all;
}

class TrackerTest : public testing::Test {
 protected:
  ClientOrderTracker tracker{std::string(kPrefix)};
  std::vector<TrackerEvent> events;

  InFlightOrder& place(int number) {
    const auto admission = tracker.place(content(number), cloid_of(number), ms(0), events);
    EXPECT_EQ(admission.placement, ClientOrderTracker::Placement::kNew);
    return *admission.order;
  }
  void accept(InFlightOrder& order, const std::string& id) {
    order.create_fate(Fate::kAccepted,
                      {.venue_order_id = VenueOrderId{id}, .executed = {}, .time = ms(1)});
    tracker.settle(order, ms(1), events);
  }
};

TEST_F(TrackerTest, TheSameOrderTwiceIsOneOrder) {
  place(1);
  const auto again = tracker.place(content(1), cloid_of(1), ms(2), events);
  EXPECT_EQ(again.placement, ClientOrderTracker::Placement::kRepeated);
  EXPECT_EQ(tracker.size(), 1U);
}

TEST_F(TrackerTest, OtherContentUnderAUsedIdIsADuplicate) {
  place(1);
  EXPECT_EQ(tracker.place(content(1, 20), cloid_of(1), ms(2), events).placement,
            ClientOrderTracker::Placement::kDuplicate);
}

TEST_F(TrackerTest, AForgottenOrderIsStillNeverPlacedAgain) {
  accept(place(1), "100");
  auto word = open_word("100", cloid_of(1));
  word.status = venues::OrderStatus::kCancelled;
  tracker.on_word(word, kPair, ms(3), events);
  tracker.forget_final(ms(1000));
  ASSERT_EQ(tracker.size(), 0U);
  const auto again = tracker.place(content(1), cloid_of(1), ms(2000), events);
  EXPECT_EQ(again.placement, ClientOrderTracker::Placement::kRepeated);
  EXPECT_EQ(again.order, nullptr);
  EXPECT_EQ(tracker.place(content(1, 20), cloid_of(1), ms(2000), events).placement,
            ClientOrderTracker::Placement::kDuplicate);
}

TEST_F(TrackerTest, AFillIsBoundByItsCloidBeforeTheAck) {
  place(1);
  ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 10, cloid_of(1)), kPair, ms(5), events));
  EXPECT_EQ(words(events), (std::vector<std::string>{"fill o-1", "created o-1", "filled o-1"}));
}

TEST_F(TrackerTest, AFillWithoutCloidWaitsForTheAckThatNamesItsOrder) {
  InFlightOrder& order = place(1);
  ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 4), kPair, ms(5), events));
  EXPECT_TRUE(events.empty());
  accept(order, "100");
  EXPECT_EQ(words(events),
            (std::vector<std::string>{"fill o-1", "created o-1", "partial_fill o-1"}));
  EXPECT_EQ(tracker.held_fills(), 0U);
}

TEST_F(TrackerTest, AFillThatNoOrderClaimsIsPublishedAsUnattributedOnce) {
  ASSERT_TRUE(*tracker.on_fill(fill_of("900", "t1", 4), kPair, ms(5), events));
  ASSERT_FALSE(*tracker.on_fill(fill_of("900", "t1", 4), kPair, ms(6), events));
  EXPECT_EQ(words(events), (std::vector<std::string>{"unattributed"}));
}

TEST_F(TrackerTest, AnUnattributedFillIsBoundLaterWithoutBeingDoubled) {
  InFlightOrder& order = place(1);
  ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 4), kPair, ms(5), events));
  tracker.release_held(ms(20'000), std::chrono::seconds{10}, events);
  EXPECT_EQ(words(events), (std::vector<std::string>{"unattributed"}));
  events.clear();
  accept(order, "100");
  EXPECT_EQ(words(events), (std::vector<std::string>{"created o-1", "partial_fill o-1"}));
  EXPECT_EQ(order.filled(), tenths(4));
}

TEST_F(TrackerTest, AnOrderWithOurPrefixIsAnOrphanAndOthersAreForeign) {
  tracker.on_word(open_word("100", cloid_of(7)), kPair, ms(1), events);
  tracker.on_word(open_word("200", ""), kPair, ms(1), events);
  tracker.on_word(open_word("300", "0xdeadbeef000000000000000000000000"), kPair, ms(1), events);
  ASSERT_EQ(tracker.take_orphans().size(), 1U);
  EXPECT_EQ(tracker.foreign().size(), 2U);
  EXPECT_TRUE(events.empty());
}

TEST_F(TrackerTest, AnAdoptedOrderTakesTheNameThatAPlaceGivesIt) {
  tracker.on_word(open_word("100", cloid_of(7)), kPair, ms(1), events);
  const auto orphans = tracker.take_orphans();
  ASSERT_EQ(orphans.size(), 1U);
  tracker.adopt(orphans[0], AccountName{"main"}, ms(2), events);
  EXPECT_EQ(words(events), (std::vector<std::string>{"created cloid:" + cloid_of(7)}));
  events.clear();
  EXPECT_EQ(tracker.place(content(7, 20), cloid_of(7), ms(3), events).placement,
            ClientOrderTracker::Placement::kDuplicate);
  const auto named = tracker.place(content(7), cloid_of(7), ms(3), events);
  EXPECT_EQ(named.placement, ClientOrderTracker::Placement::kRepeated);
  EXPECT_EQ(words(events), (std::vector<std::string>{"update o-7"}));
  EXPECT_NE(tracker.find(ClientOrderId{"o-7"}), nullptr);
  EXPECT_EQ(tracker.live_count(), 1U);
}

class LostModify : public TrackerTest, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(FillFirst, LostModify, testing::Bool());

TEST_P(LostModify, AnEarlierLegThatIsHeardOfLateIsNotTheCurrentOne) {
  // A modify was lost with the journal: the live leg is 200, and 100 had executed some.
  const auto fill_it = [&] {
    ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 4, cloid_of(7)), kPair, ms(5), events));
  };
  if (GetParam()) fill_it();
  tracker.on_word(open_word("200", cloid_of(7)), kPair, ms(1), events);
  InFlightOrder& order =
      tracker.adopt(tracker.take_orphans().at(0), AccountName{"main"}, ms(2), events);
  if (!GetParam()) fill_it();
  EXPECT_EQ(order.venue_order_id(), VenueOrderId{"200"});
  EXPECT_EQ(order.working_quantity(), tenths(10));
  EXPECT_EQ(order.amount(), tenths(14));
  EXPECT_EQ(order.state(), OrderState::kPartiallyFilled);

  ClientOrderTracker rebuilt{std::string(kPrefix)};
  for (const TrackerEvent& event : events) {
    if (const auto* fill = std::get_if<FillReport>(&event)) {
      rebuilt.restore_fill(*fill);
    } else {
      rebuilt.restore_event(std::get<OrderEvent>(event));
    }
  }
  std::vector<TrackerEvent> again;
  rebuilt.finish_restore(ms(9), again);
  rebuilt.on_word(open_word("200", cloid_of(7)), kPair, ms(9), again);
  EXPECT_TRUE(again.empty());
  const InFlightOrder* known = rebuilt.find_by_venue_id(VenueOrderId{"200"});
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->filled(), tenths(4));
  EXPECT_EQ(known->working_quantity(), tenths(10));
}

TEST_F(TrackerTest, RebuiltFromItsEventsItIsTheSameAndSaysNothing) {
  InFlightOrder& first = place(1);
  accept(first, "100");
  ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 4), kPair, ms(5), events));
  ASSERT_TRUE(*tracker.on_fill(fill_of("900", "t9", 4), kPair, ms(5), events));
  InFlightOrder& second = place(2);
  second.create_fate(Fate::kUnknown);
  tracker.settle(second, ms(6), events);

  ClientOrderTracker rebuilt{std::string(kPrefix)};
  rebuilt.restore_intent(content(1), cloid_of(1), ms(0));
  rebuilt.restore_intent(content(2), cloid_of(2), ms(0));
  for (const TrackerEvent& event : events) {
    if (const auto* fill = std::get_if<FillReport>(&event)) {
      rebuilt.restore_fill(*fill);
    } else {
      rebuilt.restore_event(std::get<OrderEvent>(event));
    }
  }
  rebuilt.find(ClientOrderId{"o-2"})->create_fate(Fate::kUnknown);
  std::vector<TrackerEvent> again;
  rebuilt.finish_restore(ms(9), again);
  EXPECT_TRUE(again.empty()) << words(again).front();
  EXPECT_EQ(rebuilt.find(ClientOrderId{"o-1"})->filled(), tenths(4));
  EXPECT_EQ(rebuilt.find(ClientOrderId{"o-2"})->state(), OrderState::kUnknown);
  EXPECT_FALSE(*rebuilt.on_fill(fill_of("100", "t1", 4), kPair, ms(10), again));
  EXPECT_FALSE(*rebuilt.on_fill(fill_of("900", "t9", 4), kPair, ms(10), again));
  EXPECT_TRUE(again.empty());
}

TEST_F(TrackerTest, KilledBetweenFillAndItsOrderEventItMakesTheEventOnce) {
  InFlightOrder& order = place(1);
  accept(order, "100");
  const std::size_t before = events.size();
  ASSERT_TRUE(*tracker.on_fill(fill_of("100", "t1", 10), kPair, ms(5), events));
  ASSERT_EQ(events.size(), before + 2);
  ClientOrderTracker rebuilt{std::string(kPrefix)};
  rebuilt.restore_intent(content(1), cloid_of(1), ms(0));
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {  // all but the last
    if (const auto* fill = std::get_if<FillReport>(&events[i])) {
      rebuilt.restore_fill(*fill);
    } else {
      rebuilt.restore_event(std::get<OrderEvent>(events[i]));
    }
  }
  std::vector<TrackerEvent> again;
  rebuilt.finish_restore(ms(9), again);
  EXPECT_EQ(words(again), (std::vector<std::string>{"filled o-1"}));
}

}  // namespace
}  // namespace perpwire::gateway
