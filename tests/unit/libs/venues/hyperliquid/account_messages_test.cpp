#include "libs/venues/hyperliquid/account_messages.hpp"

#include "libs/venues/hyperliquid/account_protocol.hpp"
#include "libs/venues/hyperliquid/errors.hpp"
#include "libs/venues/hyperliquid/exchange_reply.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace perpwire::hyperliquid {
namespace {

using nlohmann::json;
using venues::OrderStatus;

std::vector<json> recorded(const std::string& group) {
  std::ifstream file(std::string(PERPWIRE_SOURCE_DIR) +
                     "/tests/fixtures/hyperliquid/account_messages.jsonl");
  std::vector<json> all;
  for (std::string line; std::getline(file, line);) {
    json entry = json::parse(line);
    if (entry["group"] == group) all.push_back(std::move(entry));
  }
  EXPECT_FALSE(all.empty()) << group;
  return all;
}

TEST(AccountMessages, EveryRecordedOrderUpdateIsRead) {
  for (const json& entry : recorded("orderUpdates")) {
    const auto frame = parse_stream_frame(entry["frame"].dump());
    ASSERT_TRUE(frame.has_value()) << frame.error().text;
    const auto& words = std::get<OrderUpdates>(*frame).words;
    EXPECT_TRUE(words.problems.empty());
    ASSERT_EQ(words.items.size(), entry["frame"]["data"].size());
    const json& order = entry["frame"]["data"][0]["order"];
    EXPECT_EQ(words.items[0].venue_order_id.value(), order["oid"].dump());
    EXPECT_EQ(words.items[0].symbol.value(), order["coin"]);
    EXPECT_EQ(words.items[0].cloid, order.value("cloid", ""));
    EXPECT_EQ(words.items[0].side, order["side"] == "B" ? Side::kBuy : Side::kSell);
    EXPECT_EQ(words.items[0].created.millis(), order["timestamp"].get<std::int64_t>());
  }
}

TEST(AccountMessages, EveryRecordedUserFillIsReadToTheDigit) {
  for (const json& entry : recorded("user")) {
    const auto frame = parse_stream_frame(entry["frame"].dump());
    ASSERT_TRUE(frame.has_value()) << frame.error().text;
    const auto& fills = std::get<UserEvent>(*frame).fills;
    ASSERT_EQ(fills.items.size(), 1U);
    const json& fill = entry["frame"]["data"]["fills"][0];
    EXPECT_EQ(fills.items[0].price.value(), *Decimal::parse(fill["px"].get<std::string>()));
    EXPECT_EQ(fills.items[0].quantity.value(), *Decimal::parse(fill["sz"].get<std::string>()));
    EXPECT_EQ(fills.items[0].fee, *Decimal::parse(fill["fee"].get<std::string>()));
    EXPECT_EQ(fills.items[0].taker, fill["crossed"].get<bool>());
    EXPECT_EQ(fills.items[0].time.millis(), fill["time"].get<std::int64_t>());
    EXPECT_EQ(fills.items[0].fee_asset, fill.value("feeToken", ""));
  }
}

TEST(AccountMessages, RecordedAnswersOfInfoAreRead) {
  for (const std::string group : {"openOrders", "GetOpenOrdersExtended"}) {
    for (const json& entry : recorded(group)) {
      const auto orders = parse_open_orders(entry["response"].dump());
      ASSERT_TRUE(orders.has_value()) << orders.error().text;
      EXPECT_TRUE(orders->problems.empty()) << orders->problems.front();
      EXPECT_EQ(orders->items.size(), entry["response"].size());
      for (const auto& word : orders->items) EXPECT_EQ(word.status, OrderStatus::kOpen);
    }
  }
  for (const json& entry : recorded("orderStatus")) {
    const auto word = parse_order_status(entry["response"].dump());
    ASSERT_TRUE(word.has_value()) << word.error().text;
    EXPECT_EQ(word->has_value(), entry["response"]["status"] == "order");
  }
  for (const json& entry : recorded("historicalOrders")) {
    const auto orders = parse_historical_orders(entry["response"].dump());
    ASSERT_TRUE(orders.has_value()) << orders.error().text;
    EXPECT_EQ(orders->items.size(), entry["response"].size());
    EXPECT_EQ(orders->unknown_statuses, 0U);
  }
  for (const std::string group : {"userFills", "userFillsByTime"}) {
    for (const json& entry : recorded(group)) {
      const auto fills = parse_fills(entry["response"].dump());
      ASSERT_TRUE(fills.has_value()) << fills.error().text;
      EXPECT_EQ(fills->items.size(), entry["response"].size());
      EXPECT_TRUE(fills->problems.empty());
    }
  }
  for (const json& entry : recorded("clearinghouseState")) {
    const auto state = parse_clearinghouse_state(entry["response"].dump());
    ASSERT_TRUE(state.has_value()) << state.error().text;
    EXPECT_TRUE(state->positions.problems.empty());
    EXPECT_EQ(state->positions.items.size(), entry["response"]["assetPositions"].size());
    EXPECT_EQ(
        state->account_value,
        *Decimal::parse(entry["response"]["marginSummary"]["accountValue"].get<std::string>()));
  }
  for (const json& entry : recorded("spotClearinghouseState")) {
    const auto state = parse_spot_state(entry["response"].dump());
    ASSERT_TRUE(state.has_value()) << state.error().text;
    EXPECT_EQ(state->items.size(), entry["response"]["balances"].size());
  }
  for (const json& entry : recorded("userRateLimit")) {
    const auto budget = parse_user_rate_limit(entry["response"].dump());
    ASSERT_TRUE(budget.has_value()) << budget.error().text;
    EXPECT_EQ(budget->used, entry["response"]["nRequestsUsed"].get<std::uint64_t>());
  }
}

TEST(AccountMessages, OneBadElementIsNamedAndTheOthersAreKept) {
  const auto frame = parse_stream_frame(
      R"({"channel":"userFills","data":{"user":"0xAB","isSnapshot":true,"fills":[)"
      R"({"coin":"BTC","px":"1.0","sz":"1","side":"B","time":1,"tid":1,"oid":2,"fee":"0","feeToken":"USDC"},)"
      R"({"coin":"BTC","px":"1.0","sz":"not a number","side":"B","time":1,"tid":1,"oid":3}]}})");
  ASSERT_TRUE(frame.has_value());
  const auto& fills = std::get<UserFills>(*frame);
  EXPECT_EQ(fills.user, "0xab");
  EXPECT_TRUE(fills.snapshot);
  EXPECT_EQ(fills.fills.items.size(), 1U);
  ASSERT_EQ(fills.fills.problems.size(), 1U);
  EXPECT_NE(fills.fills.problems[0].find("sz"), std::string::npos) << fills.fills.problems[0];
}

TEST(AccountMessages, AnUnknownStatusIsMappedByItsSuffixOrLeftOpen) {
  EXPECT_EQ(meaning_of_status("marginCanceled").status, OrderStatus::kCancelled);
  EXPECT_EQ(meaning_of_status("somethingNewCanceled").status, OrderStatus::kCancelled);
  EXPECT_FALSE(meaning_of_status("somethingNewCanceled").in_table);
  EXPECT_EQ(meaning_of_status("brandNewRejected").status, OrderStatus::kRejected);
  EXPECT_EQ(meaning_of_status("teleported").status, OrderStatus::kUnrecognised);
  EXPECT_EQ(meaning_of_status("badAloPxRejected").code, ErrorCode::kPostOnly);
}

TEST(AccountMessages, MalformedFramesAreErrorsAndNothingElse) {
  for (const std::string_view frame :
       {"", "{", "[]", "null", R"({"channel":7})", R"({"channel":"orderUpdates"})",
        R"({"channel":"orderUpdates","data":{}})", R"({"channel":"post","data":{"id":-1}})",
        R"({"channel":"post","data":{"id":1,"response":{"type":"soup","payload":{}}}})"}) {
    EXPECT_FALSE(parse_stream_frame(frame).has_value()) << frame;
  }
}

TEST(AccountMessages, PostAnswersAndPendingPostErrorsNameTheirRequest) {
  const auto action = parse_stream_frame(
      R"({"channel":"post","data":{"id":256,"response":{"type":"action","payload":{"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":88383}}]}}}}}})");
  ASSERT_TRUE(action.has_value());
  const auto& answer = std::get<PostAnswer>(*action);
  EXPECT_EQ(answer.id, 256U);
  const auto reply = parse_exchange_reply(answer.payload);
  ASSERT_TRUE(reply.has_value()) << reply.error().text;
  EXPECT_EQ(reply->items.at(0).venue_order_id->value(), "88383");

  const auto full =
      parse_stream_frame(R"({"channel":"error","data":"too many pending post requests id=77"})");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(std::get<StreamError>(*full).pending_post, 77U);

  const auto info = parse_stream_frame(
      R"({"channel":"post","data":{"id":3,"response":{"type":"info","payload":{"type":"exchangeStatus","data":{"time":1700000000000,"specialStatuses":null}}}}})");
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(parse_exchange_status(std::get<PostAnswer>(*info).payload)->millis(), 1700000000000);
}

TEST(ExchangeReply, RecordedAnswersAreRead) {
  for (const json& entry : recorded("exchange.order")) {
    const auto reply = parse_exchange_reply(entry["response"].dump());
    ASSERT_TRUE(reply.has_value()) << reply.error().text;
    if (entry["response"]["status"] == "err") {
      EXPECT_EQ(reply->kind, ExchangeReply::Kind::kRefused);
      EXPECT_EQ(meaning_of(reply->text, Copies::kOnlyOne).verdict, Verdict::kRejected);
      EXPECT_EQ(meaning_of(reply->text, Copies::kMaybeMore).verdict, Verdict::kUnknown);
    } else {
      ASSERT_EQ(reply->items.size(), 1U);
      EXPECT_EQ(reply->items[0].kind, ItemReply::Kind::kResting);
      EXPECT_TRUE(reply->items[0].venue_order_id.has_value());
    }
  }
  for (const json& entry : recorded("exchange.cancelByCloid")) {
    const auto reply = parse_exchange_reply(entry["response"].dump());
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->items.size(), 1U);
    EXPECT_EQ(reply->items[0].kind, ItemReply::Kind::kError);
    EXPECT_EQ(meaning_of(reply->items[0].text, Copies::kOnlyOne).code, ErrorCode::kOrderNotFound);
  }
}

TEST(ExchangeReply, OneErrorStandsForAWholeBatchAndOneSuccessDoesNot) {
  const auto error = parse_exchange_reply(
      R"({"status":"ok","response":{"type":"order","data":{"statuses":[{"error":"Orders are empty."}]}}})");
  ASSERT_TRUE(error.has_value());
  EXPECT_NE(error->item(2, 3), nullptr);
  const auto resting = parse_exchange_reply(
      R"({"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":5}}]}}})");
  ASSERT_TRUE(resting.has_value());
  EXPECT_EQ(resting->item(0, 3), nullptr) << "an id may not be given to three orders";
}

TEST(ExchangeReply, TheHttpStatusOfAPostErrorIsRead) {
  EXPECT_EQ(leading_http_status("422 Unprocessable Entity: x"), 422U);
  EXPECT_EQ(leading_http_status("4225"), 0U);
  EXPECT_EQ(leading_http_status("no"), 0U);
}

TEST(ExchangeReply, GarbageIsNoAnswer) {
  for (const std::string_view body :
       {"", "null", "<html>502</html>", "{}", R"({"status":"ok"})",
        R"({"status":"maybe","response":{}})",
        R"({"status":"ok","response":{"type":"order","data":{"statuses":[]}}})"}) {
    EXPECT_FALSE(parse_exchange_reply(body).has_value()) << body;
  }
}

// ---------------------------------------------------------------- the protocol

constexpr std::string_view kUser = "0x1111111111111111111111111111111111111111";
Nanos seconds(int value) { return std::chrono::seconds{value}; }
std::string ack(std::string_view type) {
  return R"({"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":")" +
         std::string(type) + R"(","user":"0x1111111111111111111111111111111111111111"}}})";
}
std::string snapshot(std::string_view user = kUser) {
  return R"({"channel":"userFills","data":{"user":")" + std::string(user) +
         R"(","isSnapshot":true,"fills":[]}})";
}
template <class T>
std::size_t count(const std::vector<AccountProtocol::Action>& actions) {
  std::size_t n = 0;
  for (const auto& action : actions) n += std::holds_alternative<T>(action) ? 1U : 0U;
  return n;
}

TEST(AccountProtocol, IsReadyOnlyAfterAllAcksAndTheFillSnapshot) {
  AccountProtocol protocol{std::string(kUser)};
  std::vector<AccountProtocol::Action> out;
  protocol.on_connected(seconds(1), out);
  EXPECT_EQ(count<AccountProtocol::SendText>(out), 3U);
  out.clear();
  protocol.on_text(ack("orderUpdates"), seconds(1), out);
  protocol.on_text(ack("userFills"), seconds(1), out);
  protocol.on_text(snapshot(), seconds(1), out);
  EXPECT_FALSE(protocol.ready());
  protocol.on_text(ack("userEvents"), seconds(1), out);
  EXPECT_TRUE(protocol.ready());
  EXPECT_EQ(count<AccountProtocol::StreamReady>(out), 1U);
  protocol.on_disconnected();
  EXPECT_FALSE(protocol.ready());
}

TEST(AccountProtocol, SubscribesAgainWhereNoAckComes) {
  AccountProtocol protocol{std::string(kUser)};
  std::vector<AccountProtocol::Action> out;
  protocol.on_connected(seconds(1), out);
  protocol.on_text(ack("orderUpdates"), seconds(1), out);
  out.clear();
  protocol.on_timer(seconds(10), out);
  EXPECT_EQ(count<AccountProtocol::SendText>(out), 2U);
}

TEST(AccountProtocol, AConnectionThatNeverGetsReadyIsGivenUp) {
  AccountProtocol protocol{std::string(kUser)};
  std::vector<AccountProtocol::Action> out;
  const Nanos start = std::chrono::seconds{100};
  protocol.on_connected(start, out);
  // Everything is acknowledged; the snapshot, which the venue sends once, was lost.
  for (const char* type : {"orderUpdates", "userFills", "userEvents"}) {
    protocol.on_text(ack(type), start, out);
  }
  out.clear();
  protocol.on_timer(start + AccountProtocol::kReadyDeadline - Nanos{1}, out);
  EXPECT_EQ(count<AccountProtocol::Stuck>(out), 0U);
  protocol.on_timer(start + AccountProtocol::kReadyDeadline, out);
  ASSERT_EQ(count<AccountProtocol::Stuck>(out), 1U);
  EXPECT_EQ(std::get<AccountProtocol::Stuck>(out.back()).waiting_for, "the userFills snapshot");
  protocol.on_timer(start + 2 * AccountProtocol::kReadyDeadline, out);
  EXPECT_EQ(count<AccountProtocol::Stuck>(out), 1U) << "said once for a connection";

  out.clear();
  protocol.on_disconnected();
  protocol.on_connected(start, out);
  protocol.on_text(ack("userFills"), start, out);
  out.clear();
  protocol.on_timer(start + AccountProtocol::kReadyDeadline, out);
  ASSERT_EQ(count<AccountProtocol::Stuck>(out), 1U);
  EXPECT_EQ(std::get<AccountProtocol::Stuck>(out.back()).waiting_for,
            "the acknowledgement of orderUpdates, userEvents and the userFills snapshot");
}

TEST(AccountProtocol, FillsOfAnotherUserAreDropped) {
  AccountProtocol protocol{std::string(kUser)};
  std::vector<AccountProtocol::Action> out;
  protocol.on_connected(seconds(1), out);
  out.clear();
  protocol.on_text(snapshot("0x2222222222222222222222222222222222222222"), seconds(1), out);
  EXPECT_EQ(count<UserFills>(out), 0U);
  EXPECT_EQ(protocol.counters().other_users, 1U);
}

TEST(AccountProtocol, AMalformedFrameIsCountedAndTheStreamGoesOn) {
  AccountProtocol protocol{std::string(kUser)};
  std::vector<AccountProtocol::Action> out;
  protocol.on_connected(seconds(1), out);
  EXPECT_EQ(protocol.on_text("{broken", seconds(1), out).size(), 1U);
  EXPECT_EQ(protocol.counters().malformed, 1U);
  EXPECT_TRUE(protocol.on_text(ack("userEvents"), seconds(1), out).empty());
}

}  // namespace
}  // namespace perpwire::hyperliquid
