#include "libs/venues/hyperliquid/sign_lines.hpp"

#include "libs/venues/hyperliquid/user_signed.hpp"
#include "tests/unit/libs/venues/hyperliquid/signing_vectors.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace perpwire::hyperliquid {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kKey =
    "0x0123456789012345678901234567890123456789012345678901234567890123";

Json line_of(const Json& vector) {
  return {{"private_key", vector.at("privateKey")},
          {"network", vector.at("isMainnet").get<bool>() ? "mainnet" : "testnet"},
          {"action", vector.at("action")},
          {"nonce", vector.at("nonce")},
          {"vault_address", vector.at("vaultAddress")},
          {"expires_after", vector.at("expiresAfter")}};
}

std::string padded(const Json& value) {
  const auto text = value.get<std::string>().substr(2);
  return "0x" + std::string(64 - text.size(), '0') + text;
}

std::string sign(const Json& line) {
  const auto result = sign_json_line(line.dump());
  return result ? *result : "error: " + result.error().text;
}

TEST(SignLines, EveryVectorOfTheSdkIsEqual) {
  const auto vectors = signing_vectors();
  ASSERT_EQ(vectors.size(), 21U);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const auto& derived = vector.at("derived");
    const Json expected{{"action_hash", vector.at("kind") == "l1" ? derived.at("connectionId")
                                                                  : derived.at("message_hash")},
                        {"r", padded(derived.at("r"))},
                        {"s", padded(derived.at("s"))},
                        {"v", derived.at("v")},
                        {"signer", derived.at("signer")}};
    EXPECT_EQ(sign(line_of(vector)), expected.dump());
    // Keys sorted, null fields left out: the same signature.
    auto other = nlohmann::json::parse(line_of(vector).dump());
    other.erase("vault_address");
    if (vector.at("vaultAddress").is_null()) {
      EXPECT_EQ(sign_json_line(other.dump()).value(), expected.dump());
    }
  }
}

TEST(SignLines, UserSignedDigestsEqualTheVectors) {
  int count = 0;
  for (const auto& vector : signing_vectors()) {
    if (vector.at("kind") != "user") {
      continue;
    }
    const auto action = parse_user_signed(vector.at("action").dump(), Network::kMainnet);
    ASSERT_TRUE(action) << action.error().text;
    const auto& derived = vector.at("derived");
    EXPECT_EQ(action->primary_type, derived.at("primaryType").get<std::string>());
    EXPECT_EQ(action->chain_id, derived.at("chainId").get<std::uint64_t>());
    EXPECT_EQ(to_hex_0x(action->digest), derived.at("eip712_digest").get<std::string>());
    ++count;
  }
  EXPECT_EQ(count, 2);
}

Json order_line(const std::string& price, const std::string& cloid, const std::string& builder) {
  return {{"private_key", kKey},
          {"network", "mainnet"},
          {"action",
           {{"type", "order"},
            {"orders",
             {{{"a", 1},
               {"b", true},
               {"p", price},
               {"s", "1"},
               {"r", false},
               {"t", {{"limit", {{"tif", "Gtc"}}}}},
               {"c", cloid}}}},
            {"grouping", "na"},
            {"builder", {{"b", builder}, {"f", 10}}}}},
          {"nonce", 1}};
}

TEST(SignLines, ZerosAndCaseOfTheInputDoNotMatter) {
  const auto plain = sign(order_line("100.5", "0x000000000000000000000000000000ab",
                                     "0x14791697260e4c9a71f18484c9f997b308e59325"));
  EXPECT_EQ(plain.find("error"), std::string::npos) << plain;
  EXPECT_EQ(sign(order_line("100.500", "0x000000000000000000000000000000AB",
                            "0x14791697260E4C9A71F18484C9F997B308E59325")),
            plain);
  EXPECT_NE(sign(order_line("100.51", "0x000000000000000000000000000000ab",
                            "0x14791697260e4c9a71f18484c9f997b308e59325")),
            plain);
}

TEST(SignLines, ErrorsNameTheFieldAndNeverTheKey) {
  auto line = order_line("1", "0x000000000000000000000000000000ab",
                         "0x14791697260e4c9a71f18484c9f997b308e59325");
  const auto with = [&](const std::string& name, const Json& value) {
    auto changed = line;
    changed[name] = value;
    return sign(changed);
  };
  EXPECT_EQ(with("nonce", "1"),
            "error: nonce: expected a whole number from 0 to 2^64-1, found the text \"1\"");
  EXPECT_EQ(with("network", "main"), "error: network: expected mainnet or testnet, found \"main\"");
  EXPECT_EQ(with("vault_address", "0x12"),
            "error: vault_address: expected an address of 0x and 40 hex digits, found the text "
            "\"0x12\"");
  EXPECT_EQ(with("action", {{"type", "perpDeploy"}}),
            "error: action.type: expected a trading action, found \"perpDeploy\"");
  EXPECT_EQ(with("vault", 1), "error: vault: expected no field of this name, found the number 1");
  const auto bad_key = with("private_key", "0x5555555555555555555555555555555555zz");
  EXPECT_EQ(bad_key, "error: private key: expected 64 hex digits, found 36 characters");
  line.erase("nonce");
  EXPECT_EQ(sign(line), "error: nonce: expected a value, found no such field");
}

TEST(SignLines, AUserSignedActionMustFitItsEnvelope) {
  for (const auto& vector : signing_vectors()) {
    if (vector.at("name") != "usd_transfer_action") {
      continue;
    }
    auto line = line_of(vector);
    line["nonce"] = 1;
    EXPECT_EQ(sign(line), "error: nonce: expected that of the action, 1687816341423, found 1");
    line = line_of(vector);
    line["network"] = "mainnet";
    EXPECT_EQ(sign(line), "error: action.hyperliquidChain: is not that of network");
    line = line_of(vector);
    line["expires_after"] = 1;
    EXPECT_EQ(sign(line),
              "error: vault_address and expires_after: a user-signed action has neither");
  }
}

TEST(SignLines, ABadLineIsAnsweredWithItsNumberAndTheRestIsSigned) {
  std::istringstream in("{\n\n" +
                        order_line("1", "0x000000000000000000000000000000ab",
                                   "0x14791697260e4c9a71f18484c9f997b308e59325")
                            .dump() +
                        "\n[]");
  std::ostringstream out;
  EXPECT_EQ(sign_json_lines(in, out), 2U);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("line"), 1);
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("v").is_number_integer(), true);
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("error"), "line 4: input: expected an object, found an array");
}

// Actions without a vector of their own: encoded as an independent packer does.
TEST(AccountActions, MsgpackEqualsAnIndependentEncoder) {
  for (
      const std::string_view json :
      {R"({"type":"vaultModify","vaultAddress":"0x14791697260e4c9a71f18484c9f997b308e59325","allowDeposits":null,"alwaysCloseOnWithdraw":true})",
       R"({"type":"hip3LiquidatorTransfer","dex":"hyna","ntl":-5000000,"isDeposit":false})",
       R"({"type":"claimRewards"})", R"({"type":"reserveRequestWeight","weight":70000})",
       R"({"type":"borrowLend","operation":"repay","token":0,"amount":null})"}) {
    const auto action = parse_account_action(json);
    ASSERT_TRUE(action) << action.error().text;
    Bytes bytes;
    append_msgpack(*action, bytes);
    EXPECT_EQ(bytes, Json::to_msgpack(Json::parse(json))) << json;
    std::string text;
    append_json(*action, text);
    EXPECT_EQ(text, json);
  }
  EXPECT_FALSE(parse_account_action(R"({"type":"order"})"));
  EXPECT_FALSE(parse_account_action(R"({"type":"createSubAccount","name":1})"));
}

TEST(UserSigned, AnUnnamedAgentIsSignedAsTheEmptyName) {
  const std::string start =
      R"({"type":"approveAgent","hyperliquidChain":"Mainnet","signatureChainId":"0xa4b1",)"
      R"("agentAddress":"0x14791697260E4c9a71f18484c9f997b308e59325","nonce":5)";
  const auto unnamed = parse_user_signed(start + "}", Network::kTestnet);
  const auto empty = parse_user_signed(start + R"(,"agentName":""})", Network::kTestnet);
  const auto named = parse_user_signed(start + R"(,"agentName":"x"})", Network::kTestnet);
  ASSERT_TRUE(unnamed && empty && named);
  EXPECT_EQ(unnamed->digest, empty->digest);
  EXPECT_NE(unnamed->digest, named->digest);
  EXPECT_EQ(unnamed->chain_id, 42161U);
  EXPECT_EQ(unnamed->network, Network::kMainnet);
  EXPECT_FALSE(parse_user_signed(R"({"type":"order"})", Network::kTestnet));
}

}  // namespace
}  // namespace perpwire::hyperliquid
