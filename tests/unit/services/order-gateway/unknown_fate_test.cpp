#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

/// An order whose WebSocket copy got no answer, so that the same bytes followed by REST.
class SecondCopy : public testing::Test {
 protected:
  SecondCopy() {
    bench.start();
    bench.place("a", "BUY", "49000", "0.01");
    bench.advance(5'100);  // the WebSocket answer does not come
  }
  EngineBench bench;
};

class SecondCopyWords : public SecondCopy, public testing::WithParamInterface<const char*> {};

TEST_P(SecondCopyWords, ItsRefusalProvesNothingAboutTheFirst) {
  ASSERT_EQ(bench.sent.size(), 2U);
  ASSERT_EQ(bench.sent[1].post_id, 0U) << "by REST";
  ASSERT_EQ(bench.sent[0].nonce, bench.sent[1].nonce) << "the same bytes";
  bench.answer(bench.sent[1], R"({"status":"err","response":")" + std::string(GetParam()) + "\"}");
  EXPECT_EQ(bench.state("a"), OrderState::kUnknown) << GetParam();
  // The first copy had landed all the same.
  bench.update(bench.cloid("a"), 900, "open", "49000", "0.01");
  EXPECT_EQ(bench.state("a"), OrderState::kOpen);
  EXPECT_TRUE(bench.events("order_failed").empty());
}

INSTANTIATE_TEST_SUITE_P(Words, SecondCopyWords,
                         testing::Values("Invalid nonce: nonce too low 5 < 9",
                                         "Invalid nonce: duplicate nonce 5",
                                         "Action already expired",
                                         "L1 is congested. Action not sent to L1."));

TEST(OnlyCopy, ItsCongestionIsProofThatNothingWasDone) {
  EngineBench bench;
  bench.start();
  bench.place("a", "BUY", "49000", "0.01");
  bench.answer(bench.sent.at(0),
               R"({"status":"err","response":"L1 is congested. Action not sent to L1."})");
  EXPECT_EQ(bench.state("a"), OrderState::kFailed);
}

/// Unknown, and the venue knows nothing of it yet: the fence is never answered.
class Unanswered : public testing::Test {
 protected:
  Unanswered() : bench(settings()) {
    bench.start();
    bench.place("a", "BUY", "49000", "0.01");
    bench.advance(5'100);
  }
  static EngineSettings settings() {
    EngineSettings settings = EngineBench::default_settings();
    settings.ws_post.fallback_to_rest = false;
    return settings;
  }
  EngineBench bench;
};

TEST_F(Unanswered, NothingIsConcludedBeforeItsExpiryHoweverOftenTheVenueDoesNotKnowIt) {
  ASSERT_EQ(bench.state("a"), OrderState::kUnknown);
  const auto expires = static_cast<std::int64_t>(bench.sent.at(0).expires_after_ms);
  bench.advance(expires + 1'900 - bench.wall_ms());
  EXPECT_EQ(bench.state("a"), OrderState::kUnknown) << "it may still land";
  bench.update(bench.cloid("a"), 900, "open", "49000", "0.01");
  EXPECT_EQ(bench.state("a"), OrderState::kOpen);
  EXPECT_TRUE(bench.events("order_failed").empty());
}

TEST_F(Unanswered, AfterItsExpiryTwoStatusesTwoSecondsApartAndARoundAreProof) {
  const auto expires = static_cast<std::int64_t>(bench.sent.at(0).expires_after_ms);
  bench.advance(expires + 4'000 - bench.wall_ms());
  EXPECT_EQ(bench.state("a"), OrderState::kUnknown) << "the second status is not asked yet";
  bench.advance(3'000);
  EXPECT_EQ(bench.state("a"), OrderState::kFailed);
  ASSERT_EQ(bench.events("order_failed").size(), 1U);
  EXPECT_EQ(bench.events("order_failed")[0].order().failure().code(), "NEVER_PLACED");
}

TEST_F(Unanswered, WhileTheVenuesTimeStandsStillNothingExpires) {
  bench.venue_stands = true;
  bench.advance(60'000);
  EXPECT_EQ(bench.state("a"), OrderState::kUnknown);
}

TEST(ChangedKey, TheFenceIsAskedOfTheKeyThatSignedTheNonceAlsoAfterARestart) {
  EngineSettings settings = EngineBench::default_settings();
  settings.ws_post.fallback_to_rest = false;
  for (const bool restarted : {false, true}) {
    EngineBench bench(settings);
    bench.start();
    bench.place("a", "BUY", "49000", "0.01");
    EXPECT_EQ(bench.sent.back().request.key(), "") << "the signer knows who signs";
    bench.signing_key = "agent-2";
    if (restarted) {
      bench.advance(1'000);
      bench.restart();
      bench.start();
    }
    bench.advance(5'100);
    ASSERT_TRUE(bench.sent.back().request.has_noop()) << restarted;
    EXPECT_EQ(bench.sent.back().request.key(), "agent-1") << restarted;
    EXPECT_EQ(bench.sent.back().nonce, bench.sent.front().nonce);
  }
}

TEST_F(Unanswered, AFenceThatIsAnsweredOkEndsItAtOnce) {
  ASSERT_TRUE(bench.sent.back().request.has_noop());
  EXPECT_EQ(bench.sent.back().nonce, bench.sent.at(0).nonce);
  bench.answer(bench.sent.back(), R"({"status":"ok","response":{"type":"default"}})");
  EXPECT_EQ(bench.state("a"), OrderState::kFailed);
}

}  // namespace
}  // namespace perpwire::gateway
