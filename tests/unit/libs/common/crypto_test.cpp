#include "libs/common/address.hpp"
#include "libs/common/hex.hpp"
#include "libs/common/keccak.hpp"
#include "libs/common/secp256k1.hpp"
#include "libs/common/secret.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <type_traits>

namespace perpwire {
namespace {

constexpr std::string_view kSdkKey =
    "0x0123456789012345678901234567890123456789012345678901234567890123";

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_copy_constructible_v<SigningKey>);
template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Printable<Secret> && !Printable<SigningKey>);

TEST(Hex, ReadsBothCasesWithAndWithoutPrefixAndPrintsLowerCase) {
  for (const std::string_view text : {"0x00aBfF", "00ABFF", "00abff"}) {
    const auto bytes = parse_hex(text);
    ASSERT_TRUE(bytes) << text;
    EXPECT_EQ(to_hex(*bytes), "00abff");
    EXPECT_EQ(to_hex_0x(*bytes), "0x00abff");
  }
}

TEST(Hex, RefusesOddLengthsAndForeignCharactersWithoutRepeatingTheText) {
  EXPECT_FALSE(parse_hex("abc"));
  const auto bad = parse_hex_array<2>("12zz");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text, "expected 4 hex digits, found another character at digit 2");
  const auto longer = parse_hex_array<2>("0x123456");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().text.find("123456"), std::string::npos);
}

// Keccak team, ShortMsgKAT_256 (the original submission, not FIPS 202), lengths 0 and 8; and the
// hash of "abc" that Ethereum's tools print.
TEST(Keccak, EqualsPublishedVectors) {
  EXPECT_EQ(to_hex(keccak256({})),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  const auto cc = parse_hex("CC").value();
  EXPECT_EQ(to_hex(keccak256(cc)),
            "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a");
  EXPECT_EQ(to_hex(keccak256(as_bytes("abc"))),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

// Hyperliquid python SDK 0.23.0, tests/signing_test.py: the digest of
// test_l1_action_signing_matches on testnet, its signature, and the address of the test key.
TEST(Secp256k1, SignsAsTheVenuesSdk) {
  const auto key = SigningKey::from_hex(kSdkKey);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->address().to_string(), "0x14791697260e4c9a71f18484c9f997b308e59325");
  const auto digest =
      parse_hex_array<32>("0xc05ce2df9d9d18fab3570746cc27e1136a4020a28561171a24f60c2258989224")
          .value();
  const auto signature = key->sign(digest);
  EXPECT_EQ(to_hex(signature.r),
            "542af61ef1f429707e3c76c5293c80d01f74ef853e34b76efffcb57e574f9510");
  EXPECT_EQ(to_hex(signature.s),
            "17b8b32f086e8cdede991f1e2c529f5dd5297cbe8128500e00cbaf766204a613");
  EXPECT_EQ(signature.v, 28);
}

TEST(Secp256k1, RecoversTheSignerOfRandomDigestsAndAlwaysGivesLowS) {
  std::mt19937_64 random(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  const auto half_order =
      parse_hex_array<32>("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")
          .value();
  for (int i = 0; i < 50; ++i) {
    const auto key = SigningKey::generate();
    Hash256 digest;
    for (auto& byte : digest) {
      byte = static_cast<std::uint8_t>(random());
    }
    const auto signature = key.sign(digest);
    EXPECT_LE(signature.s, half_order);
    const auto signer = recover_address(digest, signature);
    ASSERT_TRUE(signer);
    EXPECT_EQ(*signer, key.address());
    auto other = digest;
    other[0] ^= 1;
    const auto wrong = recover_address(other, signature);
    EXPECT_TRUE(!wrong || *wrong != key.address());
  }
}

TEST(Secp256k1, RefusesKeysOutsideOfTheCurve) {
  EXPECT_FALSE(SigningKey::from_hex(std::string(64, '0')));
  // The order n of the group: the smallest number that is too large.
  EXPECT_FALSE(
      SigningKey::from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
  EXPECT_TRUE(
      SigningKey::from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"));
  EXPECT_FALSE(SigningKey::from_secret(Secret(31)));
}

TEST(Secp256k1, RefusesSignaturesThatAreNone) {
  const Hash256 digest = keccak256(as_bytes("x"));
  EXPECT_FALSE(recover_address(digest, Signature{}));
  Signature zero;
  zero.v = 27;
  EXPECT_FALSE(recover_address(digest, zero));
  zero.r.fill(0xff);
  zero.s.fill(0xff);
  EXPECT_FALSE(recover_address(digest, zero));
}

TEST(Address, ReadsAnyCaseAndRefusesTheRest) {
  const auto address = Address::parse("0x14791697260E4c9A71f18484C9f997B308e59325");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "0x14791697260e4c9a71f18484c9f997b308e59325");
  EXPECT_FALSE(Address::parse("14791697260e4c9a71f18484c9f997b308e59325"));
  EXPECT_FALSE(Address::parse("0x14791697260e4c9a71f18484c9f997b308e593"));
  EXPECT_FALSE(Address::parse("0x14791697260e4c9a71f18484c9f997b308e5932g"));
  EXPECT_FALSE(Address::parse(""));
}

TEST(Secret, MovesItsBytesAndLeavesTheSourceEmpty) {
  auto secret = Secret::copy_of(as_bytes("correct horse"));
  const auto* where = secret.bytes().data();
  Secret other = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  EXPECT_EQ(other.bytes().data(), where);
  other.shrink(7);
  EXPECT_EQ(other.size(), 7U);
  EXPECT_EQ(where[8], 0);
}

}  // namespace
}  // namespace perpwire
