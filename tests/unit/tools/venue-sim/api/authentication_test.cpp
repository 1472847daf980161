// The signer is recovered from the action as the server understood it; vectors of the venue's SDK.
#include "tools/venue-sim/api/authentication.hpp"

#include "tests/unit/libs/venues/hyperliquid/signing_vectors.hpp"
#include "tests/unit/tools/venue-sim/api/client.hpp"
#include "tools/venue-sim/api/json_reader.hpp"

#include <set>

namespace perpwire::sim::testing {
namespace {

const std::set<std::string> kNotImplemented = {"dummy", "withdraw3"};

TEST(Authentication, RecoversTheSignerOfEveryVectorOfTheSdk) {
  std::size_t checked = 0;
  for (const auto& vector : hl::signing_vectors()) {
    const auto& action = vector.at("action");
    if (kNotImplemented.contains(action.at("type").get<std::string>())) {
      EXPECT_THROW(parse_action(action, {}), BadRequest);
      continue;
    }
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const ParsedAction parsed = parse_action(action, {});
    const auto& expected = vector.at("expected");
    if (expected.contains("connectionId")) {
      hl::ActionEnvelope envelope;
      envelope.nonce = vector.at("nonce").get<std::uint64_t>();
      EXPECT_EQ(to_hex_0x(hl::action_hash(parsed.msgpack, envelope)), expected.at("connectionId"));
      ++checked;
      continue;
    }
    const Signature signature{parse_scalar(expected.at("r").get<std::string>()).value(),
                              parse_scalar(expected.at("s").get<std::string>()).value(),
                              expected.at("v").get<std::uint8_t>()};
    const auto network =
        vector.at("isMainnet").get<bool>() ? hl::Network::kMainnet : hl::Network::kTestnet;
    const auto signer = recover_signer(parsed, network, vector.at("nonce").get<std::uint64_t>(),
                                       std::nullopt, std::nullopt, signature);
    ASSERT_TRUE(signer);
    EXPECT_EQ(signer->value(), "0x14791697260e4c9a71f18484c9f997b308e59325");
    ++checked;
  }
  EXPECT_EQ(checked, 16U);
}

TEST(Authentication, IgnoresKeyOrderSpacesAndPaddedZerosOfTheJson) {
  Client client;
  auto body = Document::parse(client.signed_body(Client::order("97000", "0.001")));
  body["action"]["orders"][0]["p"] = "97000.00";
  body["action"]["orders"][0]["s"] = "0.00100";  // nlohmann::json sorts the keys
  const auto answer = client.http("/exchange", body.dump(2)).json();
  EXPECT_TRUE(answer["response"]["data"]["statuses"][0].contains("resting")) << answer;
}

TEST(Authentication, AChangedActionIsSomebodyUnknown) {
  Client client;
  auto body = Document::parse(client.signed_body(Client::order("97000", "0.001")));
  body["action"]["orders"][0]["s"] = "0.002";
  const auto answer = client.http("/exchange", body.dump()).json();
  EXPECT_EQ(answer["status"], "err");
  EXPECT_TRUE(answer["response"].get<std::string>().starts_with("User or API Wallet 0x")) << answer;
}

// Recorded: a cloid without 0x is hashed with 0x by the venue (fixture Orders_Cloid#0).
TEST(Authentication, ACloidWithoutPrefixIsSomebodyUnknown) {
  Client client;
  hl::Action action = Client::order("97000", "0.001");
  auto body = Document::parse(client.signed_body(action));
  body["action"]["orders"][0]["c"] = "06c60000000000000000000000003f5a";
  const auto answer = client.http("/exchange", body.dump()).json();
  EXPECT_TRUE(answer["response"].get<std::string>().ends_with("does not exist.")) << answer;
}

struct MalformedCase {
  const char* name;
  const char* path;
  const char* value;
};
class Malformed : public ::testing::TestWithParam<MalformedCase> {};

TEST_P(Malformed, BodiesAre422AndExecuteNothing) {
  Client client;
  auto body = Document::parse(client.signed_body(Client::order("97000", "0.001")));
  body[Document::json_pointer(GetParam().path)] = Document::parse(GetParam().value);
  const auto answer = client.http("/exchange", body.dump());
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.body, "Failed to deserialize the JSON body into the target type");
  EXPECT_TRUE(client.info({{"type", "openOrders"}, {"user", client.user()}}).empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, Malformed,
    ::testing::Values(MalformedCase{"NineDecimals", "/action/orders/0/p", R"("1.123456789")"},
                      MalformedCase{"Exponent", "/action/orders/0/p", R"("1e5")"},
                      MalformedCase{"NumberForText", "/action/orders/0/p", "97000"},
                      MalformedCase{"NaN", "/action/orders/0/s", R"("NaN")"},
                      MalformedCase{"Empty", "/action/orders/0/s", R"("")"},
                      MalformedCase{"Tif", "/action/orders/0/t/limit/tif", R"("GTC")"},
                      MalformedCase{"Grouping", "/action/grouping", R"("oco")"},
                      MalformedCase{"Type", "/action/type", R"("dummy")"},
                      MalformedCase{"Nonce", "/nonce", R"("1")"},
                      MalformedCase{"Signature", "/signature/r", R"("zz")"},
                      MalformedCase{"Vault", "/vaultAddress", R"("0x12")"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace perpwire::sim::testing
