#include "libs/common/pages.hpp"

#include "libs/common/build_info.hpp"
#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace perpwire {
namespace {

class Pages : public testing::Test {
 protected:
  Pages() {
    for (const std::string topic : {"md.x.bbo.BTC-USD", "md.x.bbo.ETH-USD"}) {
      auto& event = events[topic];
      event.set_event_type("bbo");
      event.set_stream("marketstream.main.1");
      event.set_sequence(events.size());
      event.set_topic_sequence(1);
      event.mutable_bbo()->set_venue("x");
    }
    handlers.process = "marketstream";
    handlers.instance = "main";
    handlers.snapshot_of = [this](std::string_view topic) -> Result<const v1::Envelope*> {
      if (topic == "md.x.delta.BTC-USD") return fail(ErrorCode::kResyncing, "book out of step");
      const auto at = events.find(std::string(topic));
      if (at == events.end()) return fail(ErrorCode::kUnknownTopic, std::string(topic));
      return &at->second;
    };
  }
  std::vector<std::string> answer(const v1::PageRequest& request, bool json) {
    return answer_page_request(encode_message(request, json), handlers);
  }
  static v1::PageReply head(const std::vector<std::string>& parts) {
    v1::PageReply reply;
    EXPECT_TRUE(parse_payload(parts.at(0), reply).has_value()) << parts.at(0);
    return reply;
  }
  static v1::PageRequest snapshot(const std::vector<std::string>& topics) {
    v1::PageRequest request;
    request.set_type("snapshot");
    request.set_request_id("s-1");
    for (const auto& topic : topics) request.add_topics(topic);
    return request;
  }

  std::map<std::string, v1::Envelope> events;
  PageHandlers handlers;
};

TEST_F(Pages, ASnapshotAnswersInTheRequestsEncodingWithPlainTopics) {
  for (const bool json : {true, false}) {
    const auto parts = answer(snapshot({"md.x.bbo.ETH-USD", "md.x.bbo.BTC-USD"}), json);
    ASSERT_EQ(parts.size(), 5U);
    EXPECT_EQ(head(parts).type(), "snapshot_page");
    EXPECT_EQ(head(parts).request_id(), "s-1");
    EXPECT_EQ(head(parts).count(), 2U);
    EXPECT_EQ(parts[1], "md.x.bbo.ETH-USD");
    EXPECT_EQ(parts[3], "md.x.bbo.BTC-USD");
    for (const auto& part : {parts[0], parts[2], parts[4]}) EXPECT_EQ(is_json(part), json);
    v1::Envelope event;
    ASSERT_TRUE(parse_payload(parts[4], event).has_value());
    EXPECT_EQ(event.sequence(), events["md.x.bbo.BTC-USD"].sequence());
  }
}

TEST_F(Pages, OneBadTopicRefusesTheSnapshotAndNamesIt) {
  for (const bool json : {true, false}) {
    auto refused = head(answer(snapshot({"md.x.bbo.BTC-USD", "md.x.bbo.NONE"}), json));
    EXPECT_EQ(refused.status(), "REJECTED");
    EXPECT_EQ(refused.code(), "UNKNOWN_TOPIC");
    EXPECT_NE(refused.reason().find("md.x.bbo.NONE"), std::string::npos);
    EXPECT_EQ(refused.request_id(), "s-1");
    EXPECT_EQ(head(answer(snapshot({"md.x.delta.BTC-USD"}), json)).code(), "RESYNCING");
    EXPECT_EQ(head(answer(snapshot({"pb.md.x.bbo.BTC-USD"}), json)).code(), "INVALID_COMMAND");
    EXPECT_EQ(head(answer(snapshot({}), json)).code(), "INVALID_COMMAND");
    EXPECT_EQ(head(answer(snapshot(std::vector<std::string>(1'001, "a")), json)).code(),
              "INVALID_COMMAND");
  }
}

TEST_F(Pages, AHelloIsAnsweredWithOursAndRefusedByNameForAnotherContract) {
  std::vector<std::string> said;
  handlers.said_hello = [&](const v1::PageRequest& request) {
    said.push_back(request.hello().process());
  };
  v1::PageRequest request;
  request.set_type("hello");
  request.set_request_id("h-1");
  *request.mutable_hello() = own_hello("persister", "main");
  const auto accepted = head(answer(request, true));
  EXPECT_EQ(accepted.status(), "OK");
  EXPECT_EQ(accepted.hello().process(), "marketstream");
  EXPECT_EQ(accepted.hello().contract(), contract_hash());
  EXPECT_EQ(accepted.hello().build(), build_id());

  request.mutable_hello()->set_contract("theirs");
  const auto refused = head(answer(request, false));
  EXPECT_EQ(refused.code(), "VERSION_MISMATCH");
  EXPECT_NE(refused.reason().find("theirs"), std::string::npos);
  EXPECT_NE(refused.reason().find(contract_hash()), std::string::npos);
  EXPECT_EQ(said, (std::vector<std::string>{"persister"}));
}

TEST_F(Pages, WhatAProcessDoesNotAnswerIsUnsupported) {
  v1::PageRequest request;
  for (const std::string type : {"replay", "subscribe", "get_candles", "surprise"}) {
    request.set_type(type);
    EXPECT_EQ(head(answer(request, true)).code(), "UNSUPPORTED") << type;
  }
  handlers.other = [](const v1::PageRequest&, v1::PageReply&) -> Status {
    return fail(ErrorCode::kUnknownPair, "trading_pair: found 'X'");
  };
  request.set_type("get_candles");
  const auto refused = head(answer(request, true));
  EXPECT_EQ(refused.status(), "REJECTED");
  EXPECT_EQ(refused.code(), "UNKNOWN_PAIR");
}

TEST(Hello, OneBuildIsWantedWhereItMattersUnlessListed) {
  auto ours = own_hello("order-gateway", "main");
  ours.set_build("a");
  auto theirs = own_hello("signer", "main");
  theirs.set_build("b");
  EXPECT_TRUE(check_hello(theirs, ours, {}));
  const auto refused = check_hello(theirs, ours, {.same_build = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kVersionMismatch);
  EXPECT_TRUE(check_hello(theirs, ours, {.same_build = true, .allow_builds = {"b"}}));
  theirs.set_build("a");
  EXPECT_TRUE(check_hello(theirs, ours, {.same_build = true}));
}

}  // namespace
}  // namespace perpwire
