#include "libs/common/contract_json.hpp"

#include "libs/common/protobuf_log.hpp"
#include "libs/common/utf8.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/orders.pb.h"

#include <gtest/gtest.h>

namespace perpwire {
namespace {

void set(std::string_view text, v1::Decimal* out) { set_decimal(*WideDecimal::parse(text), *out); }

v1::Envelope filled_order() {
  v1::Envelope envelope;
  envelope.set_event_type("order_filled");
  envelope.set_timestamp(1705747200000000000);
  envelope.set_stream("order-gateway.main.7f3a");
  envelope.set_sequence(42);
  envelope.set_topic_sequence(7);
  auto& order = *envelope.mutable_order();
  order.set_client_order_id("LS-1705747200-abc123");
  order.set_trading_pair("BTC-USD");
  order.set_order_type("LIMIT");
  order.set_trade_type("BUY");
  set("50000", order.mutable_price());
  set("0.001", order.mutable_amount());
  set("0.001", order.mutable_filled_amount());
  set("0.05", order.mutable_fee_paid());
  order.set_order_state("FILLED");
  return envelope;
}

TEST(ContractJson, PrintsAnOrderEventUnderTheContractsNamesWithExactNumbers) {
  const auto json = to_contract_json(filled_order());
  EXPECT_EQ(
      json.rfind(R"({"event_type":"order_filled","timestamp":1705747200000000000,)"
                 R"("stream":"order-gateway.main.7f3a","sequence":42,"topic_sequence":7,"data":{)"
                 R"("client_order_id":"LS-1705747200-abc123","exchange_order_id":null,)",
                 0),
      0U)
      << json;
  EXPECT_NE(
      json.find(
          R"("price":50000.0,"amount":0.001,"filled_amount":0.001,"average_executed_price":null)"),
      std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("fee_asset":null)"), std::string::npos);
  EXPECT_EQ(json.find("failure"), std::string::npos);
}

TEST(ContractJson, ReadsBackWhatItPrints) {
  const auto original = filled_order();
  v1::Envelope read;
  const auto done = parse_contract_json(to_contract_json(original), read);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(read.SerializeAsString(), original.SerializeAsString());
}

TEST(ContractJson, KeepsNumbersThatNeed128Bits) {
  v1::Decimal message;
  const auto value = *WideDecimal::parse("123456789012345678901234.567891");
  set_decimal(value, message);
  EXPECT_EQ(*to_wide_decimal(message), value);
  EXPECT_FALSE(to_decimal(message));
  set_decimal(-value, message);
  EXPECT_EQ(*to_wide_decimal(message), -value);
}

TEST(ContractJson, PrintsBookLevelsAsPairsAndEmptySidesAsEmptyLists) {
  v1::Envelope envelope;
  envelope.set_event_type("book");
  auto& book = *envelope.mutable_book();
  auto& level = *book.add_bids();
  level.set_price_mantissa(5);
  level.set_price_exponent(4);
  level.set_amount_mantissa(1);
  level.set_amount_exponent(-3);
  const auto json = to_contract_json(envelope);
  EXPECT_NE(json.find(R"("bids":[[50000.0,0.001]],"asks":[])"), std::string::npos) << json;
  v1::Envelope read;
  ASSERT_TRUE(parse_contract_json(json, read));
  EXPECT_EQ(read.book().bids(0).price_mantissa(), 5);
}

TEST(ContractJson, HeartbeatStandsFlatAndReadsBack) {
  v1::Envelope envelope;
  envelope.set_event_type("heartbeat");
  envelope.set_timestamp(5);
  auto& heartbeat = *envelope.mutable_heartbeat();
  heartbeat.set_process("risk");
  heartbeat.set_stream("risk.main.1");
  heartbeat.set_newest_sequence(9);
  (*heartbeat.mutable_topics())["risk.hyperliquid.state"] = 3;
  heartbeat.set_level("RUNNING");
  const auto json = to_contract_json(envelope);
  EXPECT_NE(json.find(R"("process":"risk")"), std::string::npos);
  EXPECT_NE(json.find(R"("topics":{"risk.hyperliquid.state":3})"), std::string::npos) << json;
  EXPECT_EQ(json.find("data"), std::string::npos) << json;
  v1::Envelope read;
  const auto done = parse_contract_json(json, read);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(read.heartbeat().stream(), "risk.main.1");
  EXPECT_EQ(read.heartbeat().topics().at("risk.hyperliquid.state"), 3U);
}

TEST(ContractJson, TakesPricesAsStringsOrNumbersByTheirDigits) {
  for (const auto* price : {R"("50000.10")", "50000.10", "5.00001e4"}) {
    v1::Command command;
    const auto done = parse_contract_json(
        std::string(R"({"type":"place","order":{"reduce_only":false,"price":)") + price +
            R"(,"amount":"0.1"}})",
        command);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(*to_decimal(command.order().price()), Decimal::of(500001, -1));
    EXPECT_EQ(*to_decimal(command.order().amount()), Decimal::of(1, -1));
  }
}

TEST(ContractJson, RepliesLeaveOutWhatIsAbsentAndKeepTheListAskedFor) {
  v1::Reply reply;
  reply.set_request_id("r-1");
  reply.set_status("OK");
  EXPECT_EQ(to_contract_json(reply), R"({"request_id":"r-1","status":"OK"})");
  EXPECT_EQ(to_contract_json(reply, {.keep = {"orders"}}),
            R"({"request_id":"r-1","status":"OK","orders":[]})");
}

struct Bad {
  std::string_view name;
  std::string_view json;
  std::string_view error;
};
class ContractJsonRefuses : public testing::TestWithParam<Bad> {};

TEST_P(ContractJsonRefuses, WithOneErrorThatNamesTheField) {
  v1::Command command;
  const auto done = parse_contract_json(GetParam().json, command);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kInvalidCommand);
  EXPECT_NE(done.error().text.find(GetParam().error), std::string::npos) << done.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, ContractJsonRefuses,
    testing::Values(
        Bad{"unknown", R"({"type":"place","colour":"red"})",
            "expected a known field, found 'colour'"},
        Bad{"nested", R"({"order":{"prize":"1"}})", "order: expected a known field, found 'prize'"},
        Bad{"doubled", R"({"type":"a","type":"b"})",
            "type: expected the field once, found it twice"},
        Bad{"type", R"({"type":7})", "type: expected a string, found 7"},
        Bad{"number", R"({"order":{"price":true}})",
            "order.price: expected a decimal number, found a boolean"},
        Bad{"digits", R"({"order":{"price":"1O"}})",
            "order.price: expected a decimal number, found '1O'"},
        Bad{"truncated", R"({"type":"place")", "expected"},
        Bad{"trailing", R"({"type":"place"} x)",
            "expected an object, found JSON document ended early"},
        Bad{"second", R"({"type":"place"}{"type":"place"})", "expected nothing after the object"},
        Bad{"array", R"([1])", "expected an object"},
        Bad{"range", R"({"leverage":5000000000})", "leverage: expected an integer of 32 bits"},
        Bad{"negative", R"({"leverage":-1})",
            "leverage: expected an integer of 32 bits, not negative, found -1"},
        Bad{"fraction", R"({"leverage":1.5})", "leverage: expected an integer"},
        Bad{"list", R"({"orders":{}})", "orders: expected an array"}),
    [](const auto& row) { return std::string(row.param.name); });

// What libprotobuf would write to standard error is part of the error, or of the log.
TEST(ContractJson, TextOfAPeerThatIsNotUtf8IsAnErrorThatNamesTheField) {
  v1::Command command;
  command.set_type("c\xff");
  const ProtobufWords caught;  // libprotobuf complains of writing it too
  const std::string bytes = command.SerializeAsString();
  testing::internal::CaptureStderr();
  const auto before = protobuf_words();
  v1::Command read;
  const auto parsed = parse_payload(bytes, read);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().text.find("perpwire.v1.Command.type"), std::string::npos)
      << parsed.error().text;
  EXPECT_NE(parsed.error().text.find("UTF-8"), std::string::npos) << parsed.error().text;
  EXPECT_EQ(protobuf_words(), before + 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ContractJson, WhatLibprotobufSaysGoesToTheLogWhereNobodyCatchesIt) {
  static std::string said;
  set_protobuf_sink([](std::string_view text) { said = text; });
  testing::internal::CaptureStderr();
  v1::Command read;
  EXPECT_FALSE(read.ParseFromString("\x0a\x01\xff"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_NE(said.find("perpwire.v1.Command.type"), std::string::npos) << said;
  set_protobuf_sink(nullptr);
}

// A proxy's error page cut at 200 bytes: neither an event nor a reply may become unreadable by it.
TEST(ContractJson, TextThatIsNotUtf8IsMadeReadableInBothForms) {
  auto envelope = filled_order();
  envelope.mutable_order()->mutable_failure()->set_reason("caf\xc3\xa9 \xff caf\xc3");
  const std::string expected = "caf\xc3\xa9 \xEF\xBF\xBD caf\xEF\xBF\xBD";
  v1::Envelope read;
  ASSERT_TRUE(parse_payload(to_protobuf(envelope), read));
  EXPECT_EQ(read.order().failure().reason(), expected);
  ASSERT_TRUE(parse_payload(to_contract_json(envelope), read));
  EXPECT_EQ(read.order().failure().reason(), expected);
  EXPECT_EQ(envelope.order().failure().reason(), "caf\xc3\xa9 \xff caf\xc3");
}

TEST(Utf8, ReadableKeepsWholeCharactersAndReplacesTheRest) {
  const std::string euro = "\xe2\x82\xac";
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(readable("abc", 2), "ab");
  EXPECT_EQ(readable(euro + euro, 5), euro);
  EXPECT_EQ(readable(euro, 2), "");
  EXPECT_EQ(readable("\xff"
                     "a"),
            replacement + "a");
  EXPECT_EQ(readable("\xe2\x82"), replacement + replacement);
  EXPECT_EQ(readable("\xc0\x80"), replacement + replacement);                    // overlong
  EXPECT_EQ(readable("\xed\xa0\x80"), replacement + replacement + replacement);  // a surrogate
  EXPECT_EQ(readable("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      std::string text{static_cast<char>(first), static_cast<char>(second), '\x80', '\x80'};
      EXPECT_TRUE(is_utf8(readable(text)));
      if (is_utf8(text)) {
        EXPECT_EQ(readable(text), text);
      }
    }
  }
}

TEST(ContractJson, PayloadsThatDoNotBeginWithABraceAreProtobuf) {
  v1::Command command;
  command.set_type("cancel");
  v1::Command read;
  ASSERT_TRUE(parse_payload(command.SerializeAsString(), read));
  EXPECT_EQ(read.type(), "cancel");
  EXPECT_FALSE(parse_payload(" {\"type\":\"cancel\"}", read));
  EXPECT_FALSE(parse_payload("", read));
}

}  // namespace
}  // namespace perpwire
