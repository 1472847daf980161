#include "services/risk/control_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/risk.pb.h"

#include <gtest/gtest.h>

namespace perpwire::risk {
namespace {

ControlHandlers handlers() {
  const auto taken = [](const v1::RiskCommand&, v1::RiskReply& reply) -> Status {
    reply.mutable_state()->set_level("RUNNING");
    return {};
  };
  ControlHandlers made;
  made.status = made.halt = made.resume = made.set_limits = taken;
  made.resume = [](const v1::RiskCommand& command, v1::RiskReply&) -> Status {
    return fail(ErrorCode::kInvalidCommand, "by " + command.operator_());
  };
  made.instance = "main";
  return made;
}

v1::RiskReply ask(std::string_view json) {
  v1::RiskReply reply;
  EXPECT_TRUE(parse_contract_json(answer_control(json, handlers()), reply));
  return reply;
}

TEST(ControlEndpoint, AnswersInTheEncodingOfTheRequestWithItsId) {
  const auto reply = ask(R"({"type":"status","request_id":"r-1"})");
  EXPECT_EQ(reply.request_id(), "r-1");
  EXPECT_EQ(reply.status(), "OK");
  EXPECT_EQ(reply.state().level(), "RUNNING");

  v1::RiskCommand command;
  command.set_type("status");
  command.set_request_id("r-2");
  v1::RiskReply binary;
  ASSERT_TRUE(binary.ParseFromString(answer_control(command.SerializeAsString(), handlers())));
  EXPECT_EQ(binary.request_id(), "r-2");
}

TEST(ControlEndpoint, WrongInputIsAnsweredPreciselyAndChangesNothing) {
  struct Case {
    std::string request;
    std::string reason;
  };
  const Case cases[] = {
      {R"({"type":"stop","request_id":"r"})",
       "type: expected status, halt, resume, set_limits or hello, found \"stop\""},
      {R"({"type":"status","surprise":1})", "surprise"},
      {R"({"type":)", ""},
      {"\x0a\xff", ""},
      {R"({"type":5})", "type"},
      {R"({"type":"resume","operator":"alice"})", "by alice"},
  };
  for (const auto& c : cases) {
    const auto bytes = answer_control(c.request, handlers());
    v1::RiskReply reply;
    ASSERT_TRUE(parse_payload(bytes, reply)) << c.request;
    EXPECT_EQ(reply.status(), "REJECTED") << c.request;
    EXPECT_EQ(reply.code(), "INVALID_COMMAND") << c.request;
    EXPECT_NE(reply.reason().find(c.reason), std::string::npos) << reply.reason();
  }
}

TEST(ControlEndpoint, WhomCurveProvedIsTheOperatorWhateverTheCommandSays) {
  std::string heard;
  ControlHandlers handlers;
  handlers.resume = [&](const v1::RiskCommand& command, v1::RiskReply&) -> Status {
    heard = command.operator_();
    return {};
  };
  const std::string command = R"({"type":"resume","request_id":"r","operator":"bob"})";
  answer_control(command, handlers);
  EXPECT_EQ(heard, "bob");
  answer_control(command, handlers, "alice");
  EXPECT_EQ(heard, "alice");
}

TEST(ControlEndpoint, APeerOfAnotherContractIsRefusedByName) {
  const auto reply =
      ask(R"({"type":"hello","request_id":"h","hello":{"process":"cli","contract":"0123"}})");
  EXPECT_EQ(reply.status(), "REJECTED");
  EXPECT_EQ(reply.code(), "VERSION_MISMATCH");
  EXPECT_EQ(reply.hello().process(), "risk");
}

}  // namespace
}  // namespace perpwire::risk
