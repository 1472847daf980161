// `perpwire sign` through the binary: the venue SDK's vectors, and lines that cannot be signed.

#include "tests/unit/libs/venues/hyperliquid/signing_vectors.hpp"

#include "run_cli.hpp"
#include <gtest/gtest.h>

namespace perpwire::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string input_line(const Json& vector) {
  return Json{{"private_key", vector.at("privateKey")},
              {"network", vector.at("isMainnet").get<bool>() ? "mainnet" : "testnet"},
              {"action", vector.at("action")},
              {"nonce", vector.at("nonce")},
              {"vault_address", vector.at("vaultAddress")},
              {"expires_after", vector.at("expiresAfter")}}
      .dump();
}

std::string padded(const Json& value) {
  const auto digits = value.get<std::string>().substr(2);
  return "0x" + std::string(64 - digits.size(), '0') + digits;
}

TEST(CliSign, AllVectorsOfTheSdkInOneRunAreEqual) {
  const auto vectors = hyperliquid::signing_vectors();
  ASSERT_EQ(vectors.size(), 21U);
  std::string input;
  for (const auto& vector : vectors) input += input_line(vector) + "\n";
  const auto run = run_cli({"sign"}, input);
  EXPECT_EQ(run.exit, 0) << run.err;
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), vectors.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(vectors[i].at("name").get<std::string>());
    const auto found = Json::parse(lines[i]);
    const auto& derived = vectors[i].at("derived");
    EXPECT_EQ(found.at("r"), padded(derived.at("r")));
    EXPECT_EQ(found.at("s"), padded(derived.at("s")));
    EXPECT_EQ(found.at("v"), derived.at("v"));
    EXPECT_EQ(found.at("signer"), derived.at("signer"));
    EXPECT_EQ(found.at("action_hash"), vectors[i].at("kind") == "l1" ? derived.at("connectionId")
                                                                     : derived.at("message_hash"));
    const auto& expected = vectors[i].at("expected");
    if (expected.contains("r")) {
      EXPECT_EQ(found.at("r"), padded(expected.at("r")));
    }
  }
}

TEST(CliSign, LinesThatCannotBeSignedAreNamedAndTheOthersSigned) {
  const auto good = input_line(hyperliquid::signing_vectors().front());
  const auto run =
      run_cli({"sign"}, good + "\nnot json\n{\"network\":\"mainnet\"}\n" + good + "\n");
  EXPECT_EQ(run.exit, 1);
  const auto lines = lines_of(run.out);
  ASSERT_EQ(lines.size(), 4U) << run.out;
  EXPECT_EQ(lines[0], lines[3]);
  EXPECT_EQ(Json::parse(lines[1]).at("line"), 2);
  EXPECT_EQ(Json::parse(lines[2]).at("line"), 3);
  EXPECT_EQ(lines_of(run.err).size(), 1U) << run.err;
  EXPECT_NE(run.err.find("found 2 that cannot"), std::string::npos) << run.err;
}

TEST(CliSign, NothingInIsNothingOut) {
  const auto run = run_cli({"sign"}, "");
  EXPECT_EQ(run.exit, 0);
  EXPECT_EQ(run.out, "");
}

TEST(CliSign, AWrongKeyIsNotRepeatedInTheError) {
  const std::string secret = "0xdeadbeefdeadbeefdeadbeefdeadbeef";
  const auto run =
      run_cli({"sign"}, R"({"private_key":")" + secret +
                            R"(","network":"mainnet","action":{"type":"noop"},"nonce":1})"
                            "\n");
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ((run.out + run.err).find("deadbeef"), std::string::npos) << run.out;
}

}  // namespace
}  // namespace perpwire::cli
