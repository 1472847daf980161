#include "libs/venues/hyperliquid/signing.hpp"

#include "libs/venues/hyperliquid/exchange_request.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "tests/unit/libs/venues/hyperliquid/signing_vectors.hpp"

#include <gtest/gtest.h>

namespace perpwire::hyperliquid {
namespace {

using Json = nlohmann::ordered_json;

Hash256 number256(const Json& value) {
  auto text = value.get<std::string>().substr(2);
  return parse_hex_array<32>(std::string(64 - text.size(), '0') + text).value();
}

ActionEnvelope envelope_of(const Json& vector) {
  ActionEnvelope envelope;
  envelope.nonce = vector.at("nonce").get<std::uint64_t>();
  if (!vector.at("vaultAddress").is_null()) {
    envelope.vault_address = Address::parse(vector.at("vaultAddress").get<std::string>()).value();
  }
  if (!vector.at("expiresAfter").is_null()) {
    envelope.expires_after_ms = vector.at("expiresAfter").get<std::uint64_t>();
  }
  return envelope;
}

// Hash, digest and signature over the vector's own msgpack bytes: all L1 vectors, also those of
// actions that have no type of ours ("dummy").
TEST(Signing, EveryL1VectorOfTheSdkHasItsHashDigestAndSignature) {
  int count = 0;
  for (const auto& vector : signing_vectors()) {
    if (vector.at("kind") != "l1") {
      continue;
    }
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const auto& derived = vector.at("derived");
    const auto key = SigningKey::from_hex(vector.at("privateKey").get<std::string>()).value();
    const auto network = vector.at("isMainnet").get<bool>() ? Network::kMainnet : Network::kTestnet;
    const auto msgpack = parse_hex(derived.at("msgpack_hex").get<std::string>()).value();
    const auto hash = action_hash(msgpack, envelope_of(vector));
    EXPECT_EQ(to_hex_0x(hash), derived.at("connectionId").get<std::string>());
    const auto digest = agent_digest(network, hash);
    EXPECT_EQ(to_hex_0x(digest), derived.at("eip712_digest").get<std::string>());
    const auto signature = key.sign(digest);
    EXPECT_EQ(signature.r, number256(derived.at("r")));
    EXPECT_EQ(signature.s, number256(derived.at("s")));
    EXPECT_EQ(signature.v, derived.at("v").get<int>());
    if (vector.at("expected").contains("r")) {
      EXPECT_EQ(signature.r, number256(vector.at("expected").at("r")));
      EXPECT_EQ(signature.s, number256(vector.at("expected").at("s")));
    }
    EXPECT_EQ(key.address().to_string(), derived.at("signer").get<std::string>());
    ++count;
  }
  EXPECT_EQ(count, 19);
}

TEST(Signing, TradingVectorsAreEqualWhenParsedIntoTypesAndEncodedAgain) {
  int count = 0;
  for (const auto& vector : signing_vectors()) {
    const auto type = vector.at("action").at("type").get<std::string>();
    if (vector.at("kind") != "l1" || (type != "order" && type != "scheduleCancel")) {
      continue;
    }
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const auto action = parse_action(vector.at("action").dump());
    ASSERT_TRUE(action) << action.error().text;
    Bytes msgpack;
    append_msgpack(*action, msgpack);
    EXPECT_EQ(to_hex(msgpack), vector.at("derived").at("msgpack_hex").get<std::string>());
    const auto key = SigningKey::from_hex(vector.at("privateKey").get<std::string>()).value();
    const auto network = vector.at("isMainnet").get<bool>() ? Network::kMainnet : Network::kTestnet;
    const auto envelope = envelope_of(vector);
    const auto result = sign_action(key, network, *action, envelope);
    EXPECT_EQ(result.signature.r, number256(vector.at("derived").at("r")));
    EXPECT_EQ(recover_signer(network, *action, envelope, result.signature).value(), key.address());
    ++count;
  }
  EXPECT_EQ(count, 11);
}

TEST(Signing, EverythingInTheEnvelopeChangesTheHash) {
  const Action action = NoopAction{};
  const ActionEnvelope base{.nonce = 7};
  const auto hash = action_hash(action, base);
  auto other = base;
  other.nonce = 8;
  EXPECT_NE(action_hash(action, other), hash);
  other = base;
  other.vault_address = Address{};  // the zero address is set all the same
  EXPECT_NE(action_hash(action, other), hash);
  other = base;
  other.expires_after_ms = 0;  // and so is zero
  EXPECT_NE(action_hash(action, other), hash);
  EXPECT_NE(agent_digest(Network::kMainnet, hash), agent_digest(Network::kTestnet, hash));
}

// The bytes of the preimage by hand, as the SDK's action_hash puts them together
// (utils/signing.py): msgpack, nonce, 01 and the vault or 00, then 00 and the expiry where there is
// one.
TEST(Signing, ThePreimageIsLaidOutAsTheSdkDoes) {
  const std::string noop = "81a474797065a46e6f6f70";
  const std::string nonce = "0000018bcfe56800";
  const std::string vault = "1719884eb866cb12b2287399b15f7db5e7d775ea";
  const std::string expiry = "0000018bcfe58740";
  const auto hash_of = [](const std::string& hex) { return keccak256(parse_hex(hex).value()); };
  ActionEnvelope envelope{.nonce = 1'700'000'000'000};
  const Action action = NoopAction{};
  EXPECT_EQ(action_hash(action, envelope), hash_of(noop + nonce + "00"));
  envelope.expires_after_ms = 1'700'000'008'000;
  EXPECT_EQ(action_hash(action, envelope), hash_of(noop + nonce + "00" + "00" + expiry));
  envelope.vault_address = Address::parse("0x" + vault).value();
  EXPECT_EQ(action_hash(action, envelope), hash_of(noop + nonce + "01" + vault + "00" + expiry));
  envelope.expires_after_ms.reset();
  EXPECT_EQ(action_hash(action, envelope), hash_of(noop + nonce + "01" + vault));
}

TEST(Signing, TheExchangeBodyReadsBackToWhatWasSigned) {
  const auto key = SigningKey::from_hex(std::string(64, '1')).value();
  const Action action = ScheduleCancelAction{1'700'000'000'000};
  ActionEnvelope envelope{.nonce = UINT64_MAX};
  for (int variant = 0; variant < 2; ++variant) {
    const auto result = sign_action(key, Network::kTestnet, action, envelope);
    const auto body = exchange_body(action, envelope, result.signature);
    const auto request = parse_exchange_request(body);
    ASSERT_TRUE(request) << request.error().text;
    EXPECT_EQ(request->action_type, "scheduleCancel");
    EXPECT_EQ(request->envelope, envelope);
    EXPECT_EQ(request->signature, result.signature);
    const auto read = parse_action(request->action_json);
    ASSERT_TRUE(read);
    EXPECT_EQ(
        recover_signer(Network::kTestnet, *read, request->envelope, request->signature).value(),
        key.address());
    envelope.vault_address = key.address();
    envelope.expires_after_ms = 1'700'000'008'000;
  }
}

TEST(ExchangeRequest, TakesShortNumbersAndRefusesMalformedOnes) {
  const auto body = [](const std::string& r, const std::string& rest) {
    return R"({"action":{"type":"noop"},"nonce":1,"signature":{"r":")" + r +
           R"(","s":"0x1","v":27})" + rest + "}";
  };
  const auto request = parse_exchange_request(body("0xabc", ""));
  ASSERT_TRUE(request) << request.error().text;
  EXPECT_EQ(request->signature.r[31], 0xbc);
  EXPECT_EQ(request->signature.r[30], 0x0a);
  EXPECT_FALSE(parse_exchange_request(body("0x", "")));
  EXPECT_FALSE(parse_exchange_request(body("abc", "")));
  EXPECT_FALSE(parse_exchange_request(body("0x" + std::string(65, '1'), "")));
  EXPECT_FALSE(parse_exchange_request(body("0x1", R"(,"nonce":2)")));
  EXPECT_FALSE(parse_exchange_request(body("0x1", R"(,"vaultAddress":"0x12")")));
  EXPECT_FALSE(parse_exchange_request(R"({"action":{"type":"noop"}})"));
  EXPECT_FALSE(parse_exchange_request("[]"));
  EXPECT_FALSE(parse_exchange_request(""));
}

}  // namespace
}  // namespace perpwire::hyperliquid
