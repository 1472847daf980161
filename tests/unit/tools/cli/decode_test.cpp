// `perpwire decode` through the binary, over recorded messages of the venue.

#include "run_cli.hpp"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>

namespace perpwire::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string fixture(const std::string& name) {
  return PERPWIRE_SOURCE_DIR + "/tests/fixtures/hyperliquid/" + name;
}

TEST(CliDecode, RecordedMessagesBecomeEventsOfTheContract) {
  const auto run = run_cli({"decode", "--venue", "hyperliquid", fixture("ws_messages.jsonl")});
  ASSERT_EQ(run.exit, 0) << run.err;
  std::map<std::string, int> events;
  std::uint64_t sequence = 0;
  for (const auto& line : lines_of(run.out)) {
    const auto event = Json::parse(line);
    EXPECT_EQ(event.at("sequence"), ++sequence);
    EXPECT_EQ(event.at("data").at("venue"), "hyperliquid");
    ++events[event.at("event_type")];
  }
  for (const auto* type : {"candle", "mids"}) {
    EXPECT_GT(events[type], 0) << type;
  }
  EXPECT_NE(run.err.find(" 0 malformed"), std::string::npos) << run.err;
}

TEST(CliDecode, FinalBookIsOneObjectInsteadOfTheEvents) {
  const std::string frame =
      R"({"channel":"l2Book","data":{"coin":"BTC","time":5,"levels":[[{"px":"96113.0","sz":"1.50","n":1}],[{"px":"96114.0","sz":"2","n":1}]]}})";
  const auto run = run_cli({"decode", "--venue", "hyperliquid", "-", "--final-book"}, frame + "\n");
  ASSERT_EQ(run.exit, 0) << run.err;
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(Json::parse(lines.back()).at("books").at("BTC").at("bids").dump(),
            R"([["96113.0","1.50"]])");
}

TEST(CliDecode, AMalformedLineIsNamedAndTheOthersDecoded) {
  const std::string bbo =
      R"({"channel":"bbo","data":{"coin":"SOL","time":1765887848009,"bbo":[{"px":"128.5","sz":"36.93","n":2},{"px":"129.0","sz":"18.7","n":2}]}})";
  const auto run =
      run_cli({"decode", "--venue", "hyperliquid", "-"}, bbo + "\n<html>\n" + bbo + "\n");
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(lines_of(run.out).size(), 2U) << run.out;
  EXPECT_NE(run.err.find("line 2: malformed"), std::string::npos) << run.err;
}

TEST(CliDecode, WrongUseIsOneLine) {
  const auto none = run_cli({"decode", "--venue", "hyperliquid", fixture("none.jsonl")});
  EXPECT_EQ(none.exit, 1);
  EXPECT_EQ(lines_of(none.err).size(), 1U);
  EXPECT_NE(none.err.find("none.jsonl"), std::string::npos);
  EXPECT_EQ(run_cli({"decode", "--venue", "other", "-"}).exit, 1);
  EXPECT_EQ(run_cli({"decode", "-"}).exit, 1);
}

}  // namespace
}  // namespace perpwire::cli
