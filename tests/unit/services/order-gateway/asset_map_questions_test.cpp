#include "services/order-gateway/asset_map_questions.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace perpwire::gateway {
namespace {

const std::map<std::string, std::string> kAnswers{
    {R"({"type":"perpDexs"})", R"([null,{"name":"hyna"}])"},
    {R"({"type":"spotMeta"})",
     R"({"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0}],"universe":[]})"},
    {R"({"type":"meta"})",
     R"({"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40}],"collateralToken":0})"},
    {R"({"type":"meta","dex":"hyna"})",
     R"({"universe":[{"szDecimals":4,"name":"hyna:ETH","maxLeverage":20}],"collateralToken":0})"},
};
const std::vector<std::string> kDexs{"", "hyna"};

using Round = std::vector<AssetMapQuestions::Question>;

std::set<std::string> bodies(const Round& round) {
  std::set<std::string> out;
  for (const auto& question : round) out.insert(question.body);
  return out;
}
void answer_well(AssetMapQuestions& questions, const AssetMapQuestions::Question& question) {
  questions.on_answer(question.id, kAnswers.at(question.body));
}
void refuse(AssetMapQuestions& questions, const AssetMapQuestions::Question& question) {
  questions.on_answer(question.id, fail(ErrorCode::kRateLimited, "HTTP 429"));
}

TEST(AssetMapQuestions, AllAnswersMakeAMapThatIsAskedForAgainAfterAMinute) {
  AssetMapQuestions questions(kDexs, 1);
  const auto round = questions.begin_round();
  EXPECT_EQ(round.size(), 4U);
  for (const auto& question : round) {
    EXPECT_FALSE(questions.round_over());
    answer_well(questions, question);
  }
  EXPECT_TRUE(questions.round_over());
  const auto outcome = questions.finish_round();
  ASSERT_TRUE(outcome.instruments) << outcome.problem;
  EXPECT_EQ(outcome.instruments->by_pair(TradingPair{"hyna:ETH-USD"})->asset, 110'000U);
  EXPECT_EQ(outcome.next, AssetMapQuestions::kRefresh);
  EXPECT_EQ(questions.begin_round().size(), 4U);
}

// A venue whose weight is used up answers some and refuses the others. Asking for all again each
// time would use up what comes back, for ever.
TEST(AssetMapQuestions, OneAnswerARoundIsEnough) {
  AssetMapQuestions questions(kDexs, 1);
  std::set<std::string> answered;
  for (std::size_t round_number = 0; round_number < 4; ++round_number) {
    const auto round = questions.begin_round();
    ASSERT_EQ(round.size(), 4 - round_number);
    for (const auto& question : round) {
      EXPECT_FALSE(answered.contains(question.body)) << "an answer that came is kept";
    }
    answer_well(questions, round.front());
    answered.insert(round.front().body);
    for (std::size_t i = 1; i < round.size(); ++i) refuse(questions, round[i]);
    ASSERT_TRUE(questions.round_over());
    const auto outcome = questions.finish_round();
    EXPECT_EQ(outcome.instruments.has_value(), round_number == 3);
    EXPECT_EQ(outcome.problem.empty(), round_number == 3);
    if (round_number == 0) {
      EXPECT_EQ(outcome.problem, "spotMeta: HTTP 429; meta:: HTTP 429; meta:hyna: HTTP 429");
    }
  }
}

TEST(AssetMapQuestions, RoundsThatFailComeEverMoreSlowly) {
  AssetMapQuestions questions(kDexs, 7);
  Nanos sum{0};
  Nanos longest{0};
  for (int i = 0; i < 40; ++i) {
    for (const auto& question : questions.begin_round()) refuse(questions, question);
    const auto outcome = questions.finish_round();
    EXPECT_GE(outcome.next, AssetMapQuestions::kRetry);
    EXPECT_LE(outcome.next, AssetMapQuestions::kRetry + std::chrono::seconds{5});
    sum += outcome.next;
    longest = std::max(longest, outcome.next);
  }
  EXPECT_GT(longest, std::chrono::seconds{3});
  EXPECT_GT(sum, std::chrono::seconds{60}) << "40 rounds of 80 weight within the share";
}

TEST(AssetMapQuestions, AnswersThatMakeNoMapAreAllAskedForAgain) {
  AssetMapQuestions questions(kDexs, 1);
  for (const auto& question : questions.begin_round()) {
    if (question.body == R"({"type":"meta"})") {
      questions.on_answer(question.id, std::string("<html>busy</html>"));
    } else {
      answer_well(questions, question);
    }
  }
  const auto outcome = questions.finish_round();
  EXPECT_FALSE(outcome.instruments);
  EXPECT_FALSE(outcome.problem.empty());
  EXPECT_EQ(bodies(questions.begin_round()).size(), 4U);
}

}  // namespace
}  // namespace perpwire::gateway
