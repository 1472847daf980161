#include "libs/venues/hyperliquid/decode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace perpwire::hyperliquid {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Recording {
  std::vector<std::string> events;
  std::vector<std::string> notes;
  Decoder decoder{[this](std::string_view line) { events.emplace_back(line); },
                  [this](std::string_view line) { notes.emplace_back(line); }};
  void file(const fs::path& path) {
    const auto read = for_each_line(path, [this](std::string_view line) { decoder.line(line); });
    ASSERT_TRUE(read) << read.error().text;
  }
};

fs::path shared_fixtures() {
  const char* named = std::getenv("PERPWIRE_SHARED");
  const fs::path shared =
      named != nullptr ? fs::path{named} : fs::path{PERPWIRE_SOURCE_DIR} / ".." / "shared";
  return shared / "fixtures" / "hyperliquid";
}

const fs::path kFixtures = fs::path{PERPWIRE_SOURCE_DIR} / "tests" / "fixtures" / "hyperliquid";

TEST(Decode, EventsAreTheContractsJson) {
  Recording run;
  run.decoder.line(
      "1765887848100000000\tws\t"
      R"({"channel":"bbo","data":{"coin":"SOL","time":1765887848009,"bbo":[{"px":"128.5","sz":"36.93","n":2},{"px":"129.0","sz":"18.7","n":2}]}})");
  EXPECT_THAT(
      run.events,
      ElementsAre(
          R"({"event_type":"bbo","timestamp":1765887848100000000,"stream":"decode","sequence":1,"topic_sequence":1,"data":{"venue":"hyperliquid","trading_pair":"SOL-USD","exchange_timestamp":1765887848009000000,"receive_timestamp":1765887848100000000,"bid_price":128.5,"bid_amount":36.93,"ask_price":129.0,"ask_amount":18.7}})"));
}

TEST(Decode, ABookIsABookAndADeltaAndItsSuccessorOnlyWhatChanged) {
  Recording run;
  run.decoder.line(
      R"({"channel":"l2Book","data":{"coin":"hyna:BTC","time":1,"levels":[[{"px":"2","sz":"1","n":1}],[{"px":"3.5","sz":"1","n":1}]]}})");
  run.decoder.line(
      R"({"channel":"l2Book","data":{"coin":"hyna:BTC","time":2,"levels":[[{"px":"2","sz":"1","n":1}],[{"px":"3.4","sz":"7","n":1}]]}})");
  ASSERT_EQ(run.events.size(), 4u);
  const auto book = Json::parse(run.events[2])["data"];
  EXPECT_EQ(book["trading_pair"], "hyna:BTC-USD");
  EXPECT_EQ(book["asks"].dump(), "[[3.4,7.0]]");
  EXPECT_EQ(book["depth"], 20);
  EXPECT_TRUE(book["update_id"].is_null());
  const auto first = Json::parse(run.events[1])["data"];
  EXPECT_EQ(first["snapshot"], true);
  const auto second = Json::parse(run.events[3]);
  EXPECT_EQ(second["topic_sequence"], 2);
  EXPECT_EQ(second["data"]["snapshot"], false);
  EXPECT_EQ(second["data"]["bids"].dump(), "[]");
  EXPECT_EQ(second["data"]["asks"].dump(), "[[3.4,7.0],[3.5,0.0]]");
}

TEST(Decode, TradesCandlesTickersAndMidsNameTheirFields) {
  Recording run;
  run.decoder.line(
      R"({"channel":"trades","data":[{"coin":"SOL","side":"A","px":"1","sz":"2.5","time":7,"tid":11,"hash":"0x","users":[]}]})");
  run.decoder.line(
      R"({"channel":"candle","data":[{"t":60000,"T":119999,"s":"SOL","i":"1m","o":"1","c":"2","h":"3","l":"0.5","v":"9","n":4}]})");
  run.decoder.line(
      R"({"channel":"activeAssetCtx","data":{"coin":"SOL","ctx":{"funding":"0.0000125","openInterest":"5","oraclePx":"1","markPx":"2"}}})");
  run.decoder.line(R"({"channel":"allMids","data":{"mids":{"SOL":"1.5","@107":"3"}}})");
  ASSERT_EQ(run.events.size(), 4u) << ::testing::PrintToString(run.notes);
  const auto data = [&](std::size_t i) { return Json::parse(run.events[i])["data"]; };
  EXPECT_EQ(data(0)["trade_id"], "11");
  EXPECT_EQ(data(0)["aggressor_side"], "SELL");
  EXPECT_EQ(data(0)["exchange_timestamp"], 7'000'000);
  EXPECT_EQ(data(1)["open_timestamp"], 60'000'000'000);
  EXPECT_EQ(data(1)["close_timestamp"], 120'000'000'000);
  EXPECT_EQ(data(1)["trades"], 4);
  EXPECT_EQ(data(1)["closed"], false);
  EXPECT_EQ(data(2)["funding_interval"], 3600);
  EXPECT_EQ(data(2)["mark_price"].dump(), "2.0");
  EXPECT_TRUE(data(2)["exchange_timestamp"].is_null());
  EXPECT_EQ(data(3)["mids"].dump(), R"({"@107":3.0,"SOL-USD":1.5})");
  EXPECT_FALSE(data(3).contains("trading_pair") && !data(3)["trading_pair"].is_null());
}

TEST(Decode, WhatIsLeftAsideIsNamedWithItsLineAndReason) {
  Recording run;
  run.decoder.line("1\tout:a\t{\"method\":\"ping\"}");
  run.decoder.line(R"({"channel":"pong"})");
  run.decoder.line("");
  run.decoder.line(R"({"channel":"userFills","data":{}})");
  run.decoder.line("<html>");
  EXPECT_THAT(
      run.notes,
      ElementsAre("line 1: ignored: sent by the client", "line 2: ignored: pong",
                  "line 4: ignored: channel userFills: account stream, not public market data",
                  HasSubstr("line 5: malformed: hyperliquid frame")));
  EXPECT_EQ(run.decoder.counts().malformed, 1u);
  EXPECT_THAT(run.events, IsEmpty());
}

TEST(Decode, FinalBookHasTheNewestFramesLevelsAsOnTheWire) {
  Recording run;
  run.decoder.line(
      R"({"channel":"l2Book","data":{"coin":"BTC","time":5,"levels":[[{"px":"96113.0","sz":"1.50","n":1}],[{"px":"96114.0","sz":"2","n":1}]]}})");
  run.decoder.line(R"({"channel":"l2Book","data":{"coin":"BTC","time":4,"levels":[[],[]]}})");
  run.decoder.line(
      R"({"channel":"l2Book","data":{"coin":"ETH","time":4,"levels":[[{"px":"3","sz":"1"}],[{"px":"2","sz":"1"}]]}})");
  const std::string trades =
      R"({"channel":"trades","data":[{"coin":"BTC","side":"B","px":"1","sz":"0.5","time":7,"tid":11},{"coin":"BTC","side":"A","px":"1","sz":"0.25","time":8,"tid":12}]})";
  run.decoder.line(trades);
  run.decoder.line(trades);
  const auto out = Json::parse(run.decoder.final_book());
  EXPECT_EQ(out["books"]["BTC"]["bids"].dump(), R"([["96113.0","1.50"]])");
  EXPECT_EQ(out["books"]["BTC"]["valid"], true);
  EXPECT_EQ(out["books"]["BTC"]["stale_ignored"], 1);
  EXPECT_EQ(out["books"]["BTC"]["bid_levels"], 1);
  EXPECT_EQ(out["books"]["ETH"]["valid"], false);
  EXPECT_EQ(out["books"]["ETH"]["crossed"], true);
  EXPECT_EQ(
      out["trades"]["BTC"].dump(),
      R"({"count":2,"duplicates":2,"first_id":11,"last_id":12,"taker_buy_qty":"0.5","taker_sell_qty":"0.25"})");
}

TEST(Decode, PlainAndGzipFilesReadAlike) {
  const auto folder = fs::temp_directory_path() / ("perpwire-decode-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::string text = "{\"channel\":\"pong\"}\n\n{\"channel\":\"pong\"}";
  std::ofstream(folder / "a.ndjson") << text;
  gzFile packed = gzopen((folder / "a.gz").c_str(), "wb");
  gzwrite(packed, text.data(), static_cast<unsigned>(text.size()));
  gzclose(packed);
  for (const auto* name : {"a.ndjson", "a.gz"}) {
    Recording run;
    run.file(folder / name);
    EXPECT_EQ(run.decoder.counts().lines, 3u) << name;
    EXPECT_EQ(run.decoder.counts().ignored, 2u) << name;
  }
  EXPECT_FALSE(for_each_line(folder / "none", [](std::string_view) {}));
  fs::remove_all(folder);
}

void every_line_is_decoded_or_named(const fs::path& file) {
  Recording run;
  run.file(file);
  const auto& counts = run.decoder.counts();
  EXPECT_GT(counts.lines, 0u) << file;
  EXPECT_EQ(counts.malformed, 0u) << file << ::testing::PrintToString(run.notes);
  EXPECT_EQ(counts.decoded + counts.ignored, counts.lines) << file;
  for (const auto& event : run.events) EXPECT_TRUE(Json::accept(event)) << event;
  for (const auto& note : run.notes) {
    EXPECT_THAT(note, HasSubstr("ignored: "));
    EXPECT_EQ(note.find("unknown channel"), std::string::npos) << note;
  }
}

TEST(Decode, EveryRecordedMessageDecodesOrIsNamedAsIgnored) {
  every_line_is_decoded_or_named(kFixtures / "ws_messages.jsonl");
  every_line_is_decoded_or_named(kFixtures / "rest_market_messages.jsonl");
}

TEST(Decode, EveryMessageOfTheSharedFixturesDecodesOrIsNamedAsIgnored) {
  if (!fs::exists(shared_fixtures() / "ws_messages.jsonl")) {
    GTEST_SKIP() << "no recorded messages under " << shared_fixtures()
                 << ": set PERPWIRE_SHARED to the folder that holds fixtures/hyperliquid";
  }
  every_line_is_decoded_or_named(shared_fixtures() / "ws_messages.jsonl");
  every_line_is_decoded_or_named(shared_fixtures() / "rest_messages.jsonl");
}

}  // namespace
}  // namespace perpwire::hyperliquid
