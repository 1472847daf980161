#include "services/risk/halt_procedure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::risk {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPrefix = "0xf1a50001";

VenueOrder ours(std::uint64_t id, std::string coin = "BTC") {
  return {.coin = std::move(coin),
          .venue_order_id = id,
          .cloid = std::string(kPrefix) + "000000000000000000000" + std::to_string(100 + id)};
}
VenueOrder foreign(std::uint64_t id) { return {.coin = "BTC", .venue_order_id = id, .cloid = ""}; }

/// Gateway, signer and venue around the procedure, on one simulated clock.
class World {
 public:
  struct Behaviour {
    std::optional<Nanos> gateway_ack = 20ms;       // none: silent (frozen)
    std::optional<Nanos> gateway_cancels = 100ms;  // after its acknowledgement; none: it never does
    std::optional<Nanos> venue_answer = 50ms;      // none: no answer, an error after 2 s
    bool signer_up = true;
  };

  explicit World(Behaviour with, HaltConfig config = default_config())
      : behaviour(with), procedure(config) {}

  static HaltConfig default_config() {
    HaltConfig config;
    config.accounts = {{.name = "main", .cloid_prefix = kPrefix}};
    config.dexs = {"", "hyna"};
    config.weight_per_minute = 0;
    return config;
  }

  void halt(RiskLevel level, std::uint64_t version = 1) {
    act([&](HaltActions& out) { procedure.start(level, version, "drill", now, out); });
  }

  /// Lets time pass in steps of 10 ms.
  void run(Nanos duration) {
    const Nanos end = now + duration;
    while (now < end) {
      now += 10ms;
      while (!later_.empty() && later_.begin()->first <= now) {
        auto due = std::move(later_.begin()->second);
        later_.erase(later_.begin());
        due();
      }
      act([&](HaltActions& out) { procedure.on_timer(now, out); });
      check();
    }
  }
  /// Until confirmed; how long it took, or nothing within `limit`.
  std::optional<Nanos> run_until_confirmed(Nanos limit) {
    const Nanos begin = now;
    while (now < begin + limit) {
      run(10ms);
      if (procedure.confirmed()) return now - begin;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<std::string> stages() const {
    std::vector<std::string> names;
    for (const auto& report : reports) {
      const std::string name = report.stage + "/" + report.path;
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    return names;
  }

  Nanos now = 1h;
  Behaviour behaviour;
  HaltProcedure procedure;
  std::map<std::size_t, std::vector<VenueOrder>> book;  // by DEX
  std::map<std::size_t, std::vector<VenuePosition>> held;
  std::vector<Report> reports;
  std::vector<CancelOrders> cancels;
  std::vector<TellGateway> told;
  int questions = 0;
  int closes = 0;

 private:
  void after(Nanos delay, std::function<void()> what) {
    later_.emplace(now + delay, std::move(what));
  }
  void act(const std::function<void(HaltActions&)>& call) {
    HaltActions actions;
    call(actions);
    for (auto& action : actions) std::visit([&](auto& one) { perform(one); }, action);
  }

  void perform(const TellGateway& one) {
    told.push_back(one);
    if (!behaviour.gateway_ack) return;
    after(*behaviour.gateway_ack, [this, one] {
      act([&](HaltActions& out) { procedure.on_gateway_answer(one.version, {}, now, out); });
      if (!behaviour.gateway_cancels || !demands_cancel(one.level)) return;
      after(*behaviour.gateway_cancels, [this] {
        for (auto& [dex, orders] : book) {
          std::erase_if(orders, [](const auto& o) { return o.cloid.starts_with(kPrefix); });
        }
      });
    });
  }
  void perform(const AskOpenOrders& one) {
    ++questions;
    if (!behaviour.venue_answer) {
      after(2s, [this, one] {
        act([&](HaltActions& out) {
          procedure.on_open_orders(one, fail(ErrorCode::kTimeout, "venue: no answer"), now, out);
        });
      });
      return;
    }
    // Read half way, as the venue would.
    after(*behaviour.venue_answer / 2, [this, one] {
      after(*behaviour.venue_answer / 2, [this, one, orders = book[one.dex]] {
        act([&](HaltActions& out) { procedure.on_open_orders(one, orders, now, out); });
      });
    });
  }
  void perform(const AskPositions& one) {
    after(20ms, [this, one] {
      act([&](HaltActions& out) { procedure.on_positions(one, held[one.dex], now, out); });
    });
  }
  void perform(const CancelOrders& one) {
    cancels.push_back(one);
    after(100ms, [this, one] {
      Status outcome;
      if (!behaviour.signer_up) {
        outcome = fail(ErrorCode::kSignerUnavailable, "signer: no answer");
      } else {
        auto& orders = book[one.dex];
        for (const auto& gone : one.orders) std::erase(orders, gone);
      }
      act([&](HaltActions& out) { procedure.on_cancel_done(one, outcome, now, out); });
    });
  }
  void perform(const ClosePosition& one) {
    ++closes;
    after(100ms, [this, one] {
      for (auto& [dex, positions] : held) {
        std::erase_if(positions, [&](const auto& p) { return p.coin == one.coin; });
      }
    });
  }
  void perform(const Report& one) { reports.push_back(one); }

  /// At the moment of the word it must be true.
  void check() {
    const bool newly = procedure.confirmed() && !confirmed_before_;
    confirmed_before_ = procedure.confirmed();
    if (!newly) return;
    for (const auto& [dex, orders] : book) {
      for (const auto& order : orders) {
        ASSERT_FALSE(order.cloid.starts_with(kPrefix)) << "confirmed with an order open";
      }
    }
  }

  std::multimap<Nanos, std::function<void()>> later_;
  bool confirmed_before_ = false;
};

TEST(HaltProcedure, AGatewayThatDoesItsWorkIsOnlyWatchedAndConfirmedByTheVenue) {
  World world{{}};
  world.book[0] = {ours(1), ours(2)};
  world.book[1] = {ours(3, "hyna:BTC")};
  world.halt(RiskLevel::kCancelAll);
  const auto took = world.run_until_confirmed(5s);
  ASSERT_TRUE(took);
  EXPECT_LT(*took, 2s);
  EXPECT_TRUE(world.cancels.empty());
  EXPECT_EQ(world.stages(),
            (std::vector<std::string>{"requested/gateway", "gateway_acknowledged/gateway",
                                      "confirmed/gateway"}));
}

TEST(HaltProcedure, AFrozenGatewayIsOvertakenAfterItsDeadline) {
  World world{{.gateway_ack = std::nullopt}};
  for (std::uint64_t i = 0; i < 80; ++i) world.book[0].push_back(ours(i));
  world.book[1] = {ours(900, "hyna:BTC")};
  world.halt(RiskLevel::kCancelAll);
  const auto took = world.run_until_confirmed(5s);
  ASSERT_TRUE(took);
  EXPECT_LT(*took, 2s);
  EXPECT_EQ(world.stages(),
            (std::vector<std::string>{"requested/gateway", "own_path/risk", "confirmed/risk"}));
  EXPECT_EQ(world.cancels.size(), 2u);
  // The gateway is told until it answers.
  world.run(3s);
  EXPECT_GE(world.told.size(), 4u);
}

TEST(HaltProcedure, MoreOrdersThanOneActionHoldsGoInSeveral) {
  World world{{.gateway_ack = std::nullopt}};
  for (std::uint64_t i = 0; i < 250; ++i) world.book[0].push_back(ours(i));
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(10s));
  ASSERT_EQ(world.cancels.size(), 3u);
  EXPECT_EQ(world.cancels[0].orders.size(), HaltProcedure::kMostCancels);
  EXPECT_EQ(world.cancels[2].orders.size(), 50u);
}

TEST(HaltProcedure, AGatewayThatAcknowledgesAndDoesNothingIsOvertakenToo) {
  World world{{.gateway_cancels = std::nullopt}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  world.run(1900ms);
  EXPECT_TRUE(world.cancels.empty());
  const auto took = world.run_until_confirmed(3s);
  ASSERT_TRUE(took);
  EXPECT_EQ(world.stages().back(), "confirmed/risk");
}

TEST(HaltProcedure, AGatewayThatIsSlowButWithinTheDeadlineIsLeftAlone) {
  World world{{.gateway_ack = 400ms, .gateway_cancels = 800ms}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(5s));
  EXPECT_TRUE(world.cancels.empty());
}

TEST(HaltProcedure, NothingIsConfirmedWhileTheVenueDoesNotAnswer) {
  World world{{.venue_answer = std::nullopt}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  EXPECT_FALSE(world.run_until_confirmed(60s));
  const auto failed = std::count_if(world.reports.begin(), world.reports.end(),
                                    [](const auto& r) { return r.stage == "failed"; });
  EXPECT_GE(failed, 2);                // somebody is told
  EXPECT_LT(world.questions, 2 * 30);  // and the venue is not hammered
  world.behaviour.venue_answer = 50ms;
  EXPECT_TRUE(world.run_until_confirmed(20s));
}

TEST(HaltProcedure, ASlowVenueDelaysTheWordNotTheTruth) {
  World world{{.gateway_ack = std::nullopt, .venue_answer = 1500ms}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  const auto took = world.run_until_confirmed(20s);
  ASSERT_TRUE(took);
  EXPECT_GT(*took, 3s);
}

TEST(HaltProcedure, WithoutTheSignerItSaysFailedGoesOnAndNeverConfirms) {
  World world{{.gateway_ack = std::nullopt, .signer_up = false}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  EXPECT_FALSE(world.run_until_confirmed(20s));
  EXPECT_EQ(world.stages()[2], "failed/risk");
  EXPECT_GT(world.cancels.size(), 2u);
  world.behaviour.signer_up = true;
  EXPECT_TRUE(world.run_until_confirmed(20s));
}

TEST(HaltProcedure, ForeignOrdersAreNeitherTouchedNorInTheWay) {
  World world{{.gateway_ack = std::nullopt}};
  world.book[0] = {foreign(7), ours(1)};
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(5s));
  EXPECT_EQ(world.book[0], std::vector<VenueOrder>{foreign(7)});
}

TEST(HaltProcedure, ForeignOrdersGoTooWhereThePolicySaysAll) {
  auto config = World::default_config();
  config.accounts[0].foreign_orders = ForeignOrders::kAll;
  World world{{.gateway_ack = std::nullopt}, config};
  world.book[0] = {foreign(7), ours(1)};
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(5s));
  EXPECT_TRUE(world.book[0].empty());
}

TEST(HaltProcedure, AnOrderThatWasUnderWayIsFoundAndTheWordTakenBack) {
  World world{{}};
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(5s));
  world.book[1] = {ours(5, "hyna:BTC")};
  bool taken_back = false;
  for (int i = 0; i < 1000 && !taken_back; ++i) {
    world.run(10ms);
    taken_back = !world.procedure.confirmed();
  }
  EXPECT_TRUE(taken_back);
  EXPECT_TRUE(world.run_until_confirmed(5s));
  EXPECT_TRUE(world.book[1].empty());
  EXPECT_EQ(world.stages().back(), "confirmed/risk");
}

TEST(HaltProcedure, TheWatchEndsWhenNothingCanBeUnderWayAnyMore) {
  World world{{}};
  world.halt(RiskLevel::kCancelAll);
  ASSERT_TRUE(world.run_until_confirmed(5s));
  world.run(12s);
  const int asked = world.questions;
  world.run(30s);
  EXPECT_EQ(world.questions, asked);
}

TEST(HaltProcedure, AnAnswerFromBeforeTheHaltDoesNotCount) {
  World world{{.gateway_ack = std::nullopt, .venue_answer = 800ms}};
  world.halt(RiskLevel::kCancelAll, 1);
  world.run(600ms);  // the questions of the first halt are under way, the book is empty
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kFlatten, 2);
  world.run(400ms);  // their empty answers arrive
  EXPECT_FALSE(world.procedure.confirmed());
  ASSERT_TRUE(world.run_until_confirmed(20s));
  EXPECT_TRUE(world.book[0].empty());
}

TEST(HaltProcedure, FlattenClosesPositionsOnceOrdersAreGoneAndConfirmsNothingBefore) {
  World world{{}};
  world.book[0] = {ours(1)};
  world.held[0] = {{.coin = "BTC", .quantity = Quantity{Decimal{1}}}};
  world.held[1] = {{.coin = "hyna:BTC", .quantity = Quantity{Decimal{-1}}}};
  world.halt(RiskLevel::kFlatten);
  world.run(100ms);
  EXPECT_EQ(world.closes, 0);
  ASSERT_TRUE(world.run_until_confirmed(10s));
  EXPECT_EQ(world.closes, 2);
  EXPECT_TRUE(world.held[0].empty());
}

TEST(HaltProcedure, LevelsThatLeaveOrdersAloneOnlyTellTheGateway) {
  World world{{}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kPaused);
  world.run(10s);
  EXPECT_EQ(world.questions, 0);
  EXPECT_TRUE(world.reports.empty());
  EXPECT_EQ(world.told.size(), 1u);
  EXPECT_EQ(world.book[0].size(), 1u);
}

TEST(HaltProcedure, AResumeEndsItAndLateAnswersAreIgnored) {
  World world{{.gateway_ack = std::nullopt}};
  world.book[0] = {ours(1)};
  world.halt(RiskLevel::kCancelAll);
  world.run(510ms);
  world.procedure.stop();
  world.run(10s);
  EXPECT_TRUE(world.cancels.empty());
  EXPECT_FALSE(world.procedure.confirmed());
}

TEST(HaltProcedure, QuestionsStayWithinRisksShareOfTheVenuesWeight) {
  auto config = World::default_config();
  config.weight_per_minute = 180;
  World world{{.gateway_ack = std::nullopt, .signer_up = false}, config};
  world.book[0] = {ours(1)};
  world.book[1] = {ours(2, "hyna:BTC")};
  world.halt(RiskLevel::kCancelAll);
  world.run(60s);
  // A full bucket and a minute's refill.
  EXPECT_LE(world.questions * HaltProcedure::kOpenOrdersWeight, 360);
  EXPECT_GT(world.questions, 4);
}

}  // namespace
}  // namespace perpwire::risk
