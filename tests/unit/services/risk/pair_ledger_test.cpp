#include "services/risk/pair_ledger.hpp"

#include "perpwire/v1/risk.pb.h"

#include <boost/multiprecision/cpp_int.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace perpwire::risk {
namespace {

using Rational = boost::multiprecision::cpp_rational;
using Integer = boost::multiprecision::cpp_int;

Quantity quantity(std::string_view text) { return *parse_as<Quantity>(text, "quantity"); }
Price price(std::string_view text) { return *parse_as<Price>(text, "price"); }
Notional notional(std::string_view text) { return *parse_as<Notional>(text, "notional"); }

FillFact fill(std::string id, std::int64_t at, Side side, std::string_view amount,
              std::string_view at_price, std::string_view fee = "0") {
  return FillFact{.trade_id = TradeId{std::move(id)},
                  .executed_at = UnixNanos{at},
                  .side = side,
                  .price = price(at_price),
                  .quantity = quantity(amount),
                  .fee = notional(fee)};
}

/// The decimal's printed digits, so that the oracle shares no arithmetic with the code under test.
Rational exactly(const std::string& text) {
  const auto point = text.find('.');
  const std::string digits =
      text.substr(0, point) + (point == std::string::npos ? "" : text.substr(point + 1));
  Integer denominator = 1;
  if (point != std::string::npos) {
    for (std::size_t i = point + 1; i < text.size(); ++i) denominator *= 10;
  }
  const bool negative = digits.front() == '-';
  Integer numerator = 0;
  for (const char c : digits) {
    if (c != '-') numerator = numerator * 10 + (c - '0');
  }
  return Rational(negative ? Integer(-numerator) : numerator, denominator);
}

/// Average-cost accounting as the textbook has it, in exact fractions.
struct Oracle {
  Rational held = 0;
  Rational average = 0;
  Rational realized = 0;
  Rational cash = 0;

  void trade(const Rational& change, const Rational& at_price) {
    cash -= change * at_price;
    const Rational after = held + change;
    if (held == 0 || (held > 0) == (change > 0)) {
      average = after == 0 ? Rational(0) : (held * average + change * at_price) / after;
    } else {
      const Rational closed = abs(change) < abs(held) ? Rational(-change) : held;
      realized += closed * (at_price - average);
      if (abs(change) > abs(held)) average = at_price;
      if (after == 0) average = 0;
    }
    held = after;
  }
};

TEST(PairLedger, AverageEntryAndRealizedOfATextbookRoundTrip) {
  PairLedger ledger;
  ASSERT_TRUE(ledger.apply(fill("1", 1, Side::kBuy, "1", "100", "0.1")));
  ASSERT_TRUE(ledger.apply(fill("2", 2, Side::kBuy, "3", "104", "0.1")));
  EXPECT_EQ(ledger.state().entry_price()->to_string(), "103");
  ASSERT_TRUE(ledger.apply(fill("3", 3, Side::kSell, "2", "110", "0.2")));
  EXPECT_EQ(ledger.quantity(), quantity("2"));
  EXPECT_EQ(ledger.state().realized, notional("14"));
  EXPECT_EQ(ledger.state().entry_price()->to_string(), "103");
  ASSERT_TRUE(ledger.set_mark(price("101"), UnixNanos{4}));
  EXPECT_EQ(*ledger.unrealized(), notional("-4"));
  EXPECT_EQ(*ledger.equity(), notional("9.6"));
}

TEST(PairLedger, AFillThroughZeroClosesAtItsPriceAndOpensTheRestAtIt) {
  PairLedger ledger;
  ASSERT_TRUE(ledger.apply(fill("1", 1, Side::kBuy, "1", "100")));
  ASSERT_TRUE(ledger.apply(fill("2", 2, Side::kSell, "3", "90")));
  EXPECT_EQ(ledger.quantity(), quantity("-2"));
  EXPECT_EQ(ledger.state().realized, notional("-10"));
  EXPECT_EQ(ledger.state().entry_price()->to_string(), "90");
  ASSERT_TRUE(ledger.apply(fill("3", 3, Side::kBuy, "2", "80")));
  EXPECT_TRUE(ledger.quantity().is_zero());
  EXPECT_EQ(ledger.state().realized, notional("10"));
  EXPECT_TRUE(ledger.state().cost.is_zero());
  EXPECT_FALSE(ledger.state().entry_price());
}

TEST(PairLedger, AgreesWithExactFractionsOverRandomTradesThroughZero) {
  const auto first = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  int closes = 0;
  for (unsigned seed = first; seed < first + 30; ++seed) {
    std::mt19937 random{seed};
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return std::uniform_int_distribution<std::int64_t>{low, high}(random);
    };
    const int price_decimals = static_cast<int>(pick(0, 8));
    const int size_decimals = static_cast<int>(pick(0, 6));
    PairLedger ledger;
    Oracle oracle;
    for (int i = 0; i < 300; ++i) {
      // Drawn to zero, so that it is crossed often.
      const Side away = oracle.held > 0 ? Side::kBuy : Side::kSell;
      const Side side = pick(0, 9) < 4 ? away : opposite(away);
      const Quantity size{Decimal::of(pick(1, 5000), -size_decimals)};
      const Price at{Decimal::of(pick(1, 90'000'000), -price_decimals)};
      const Rational before = oracle.held;
      oracle.trade((side == Side::kBuy ? 1 : -1) * exactly(size.to_string()),
                   exactly(at.to_string()));
      if ((before > 0) != (oracle.held > 0)) ++closes;
      ASSERT_TRUE(ledger.apply(FillFact{.trade_id = TradeId{std::to_string(i)},
                                        .executed_at = UnixNanos{i},
                                        .side = side,
                                        .price = at,
                                        .quantity = size,
                                        .fee = {}}));
      const Price mark{Decimal::of(pick(1, 90'000'000), -price_decimals)};
      ASSERT_TRUE(ledger.set_mark(mark, UnixNanos{i}));

      ASSERT_EQ(exactly(ledger.quantity().to_string()), oracle.held) << "seed " << seed;
      // The total is exact, whatever was rounded on the way.
      const Rational total =
          exactly(ledger.state().realized.to_string()) + exactly(ledger.unrealized()->to_string());
      ASSERT_EQ(total, oracle.cash + oracle.held * exactly(mark.to_string())) << "seed " << seed;
      // The split is right to the 12 places of each average, times what was closed.
      const Rational off = exactly(ledger.state().realized.to_string()) - oracle.realized;
      ASSERT_LT(abs(off), Rational(1, 1'000'000)) << "seed " << seed << " fill " << i;
      if (oracle.held != 0) {
        const Rational entry = exactly(ledger.state().entry_price()->to_string());
        // An average that is worth less than 1e-6 of quote in all.
        ASSERT_LT(abs((entry - oracle.average) * oracle.held), Rational(1, 1'000'000));
      }
    }
  }
  EXPECT_GT(closes, 500) << "the walks hardly went through zero";
}

TEST(PairLedger, AnyOrderAndAnyNumberOfDeliveriesGivesOneState) {
  const auto first = static_cast<unsigned>(testing::UnitTest::GetInstance()->random_seed());
  for (unsigned seed = first; seed < first + 200; ++seed) {
    std::mt19937 random{seed};
    std::vector<FillFact> fills;
    for (int i = 0; i < 40; ++i) {
      // Several in one millisecond, as a sweep gives them.
      fills.push_back(fill("t" + std::to_string(random() % 1'000'000), i / 5,
                           random() % 2 == 0 ? Side::kBuy : Side::kSell,
                           std::to_string(1 + random() % 9), std::to_string(90 + random() % 20),
                           "0.01"));
    }
    PairLedger in_order;
    for (const auto& one : fills) ASSERT_TRUE(in_order.apply(one));

    std::vector<FillFact> mixed = fills;
    for (int i = 0; i < 20; ++i) mixed.push_back(fills[random() % fills.size()]);
    std::shuffle(mixed.begin(), mixed.end(), random);
    PairLedger out_of_order;
    int doubles = 0;
    for (const auto& one : mixed) {
      const auto applied = out_of_order.apply(one);
      ASSERT_TRUE(applied);
      if (*applied == PairLedger::Applied::kDuplicate) ++doubles;
    }
    EXPECT_EQ(doubles, 20);
    ASSERT_EQ(out_of_order.state(), in_order.state()) << "seed " << seed;
  }
}

TEST(PairLedger, DoublesAreKnownLongAfterTheyLeftTheWindow) {
  PairLedger ledger;
  const auto early = fill("early", 0, Side::kBuy, "1", "100");
  ASSERT_TRUE(ledger.apply(early));
  for (int i = 1; i < 3000; ++i) {
    ASSERT_TRUE(ledger.apply(fill(std::to_string(i), i, Side::kBuy, "1", "100")));
  }
  EXPECT_EQ(*ledger.apply(early), PairLedger::Applied::kDuplicate);
  EXPECT_EQ(ledger.quantity(), quantity("3000"));
}

TEST(PairLedger, AFillOlderThanTheWindowStillCountsInTheTotal) {
  PairLedger ledger;
  for (int i = 1; i <= 500; ++i) {
    ASSERT_TRUE(ledger.apply(fill(std::to_string(i), i, i % 2 == 0 ? Side::kBuy : Side::kSell, "1",
                                  std::to_string(100 + i % 7))));
  }
  ASSERT_TRUE(ledger.set_mark(price("100"), UnixNanos{501}));
  const auto before = *ledger.equity();
  ASSERT_TRUE(ledger.apply(fill("late", 0, Side::kBuy, "2", "90")));
  EXPECT_EQ(*subtract(*ledger.equity(), before), notional("20"));
  EXPECT_EQ(ledger.quantity(), quantity("2"));
}

TEST(PairLedger, APositionTakenOverIsNoProfit) {
  PairLedger ledger;
  ASSERT_TRUE(ledger.set_mark(price("110"), UnixNanos{1}));
  const auto jump = ledger.set_position(quantity("2"), price("100"));
  ASSERT_TRUE(jump);
  EXPECT_EQ(*jump, notional("20"));  // worth more than it cost, but not by today's trading
  EXPECT_EQ(ledger.state().entry_price()->to_string(), "100");

  // A correction of a position that is held is valued at the mark: nothing is won by it.
  const auto equity = *ledger.equity();
  const auto corrected = ledger.set_position(quantity("1.5"), std::nullopt);
  ASSERT_TRUE(corrected);
  EXPECT_TRUE(corrected->is_zero());
  EXPECT_EQ(*ledger.equity(), equity);
}

TEST(PairLedger, APositionTakenOverBeforeAnyMarkIsValuedByTheFirstOne) {
  PairLedger ledger;
  const auto jump = ledger.set_position(quantity("-2"), price("100"));
  ASSERT_TRUE(jump);
  EXPECT_TRUE(jump->is_zero());
  EXPECT_EQ(*ledger.set_mark(price("90"), UnixNanos{1}), notional("20"));
  EXPECT_TRUE(ledger.set_mark(price("80"), UnixNanos{2})->is_zero());
}

TEST(PairLedger, SavedAndLoadedItGoesOnAsIfNothingHadHappened) {
  PairLedger ledger;
  for (int i = 1; i <= 300; ++i) {
    ASSERT_TRUE(ledger.apply(fill(std::to_string(i), i * 10, i % 3 == 0 ? Side::kSell : Side::kBuy,
                                  "0.7", std::to_string(100 + i % 13), "0.003")));
  }
  ASSERT_TRUE(ledger.add_funding(notional("-1.25")));
  ASSERT_TRUE(ledger.set_mark(price("105.5"), UnixNanos{9999}));
  v1::RiskPairState saved;
  ledger.save(saved);
  auto loaded = PairLedger::load(saved);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->state(), ledger.state());
  EXPECT_EQ(*loaded->equity(), *ledger.equity());
  for (auto* one : {&ledger, &*loaded}) {
    EXPECT_EQ(*one->apply(fill("17", 170, Side::kBuy, "0.7", "104")),
              PairLedger::Applied::kDuplicate);
    EXPECT_TRUE(one->apply(fill("late", 2905, Side::kSell, "5", "99")));
  }
  EXPECT_EQ(loaded->state(), ledger.state());
}

TEST(PairLedger, FiguresOutOfRangeCountNothing) {
  PairLedger ledger;
  ASSERT_TRUE(ledger.apply(fill("1", 1, Side::kBuy, "9000000000000000001", "1")));
  const auto before = ledger.state();
  EXPECT_FALSE(ledger.apply(fill("2", 2, Side::kBuy, "9000000000000000001", "1")));
  EXPECT_EQ(ledger.state(), before);
  EXPECT_TRUE(ledger.apply(fill("2", 2, Side::kSell, "1", "1")));  // its id was not used up
}

}  // namespace
}  // namespace perpwire::risk
