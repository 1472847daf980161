// `perpwire keys` through the binary.

#include "libs/common/secp256k1.hpp"
#include "libs/venues/hyperliquid/user_signed.hpp"
#include "tests/support/temp_dir.hpp"

#include "run_cli.hpp"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sys/stat.h>

namespace perpwire::cli {
namespace {

using Json = nlohmann::json;

class CliKeys : public ::testing::Test {
 protected:
  CliKeys() {
    std::ofstream(config_) << "mode = \"sim\"\nrun_dir = \"" << dir_.file("run")
                           << "\"\ndata_dir = \"" << dir_.file("data")
                           << "\"\n[venues.hyperliquid]\n[accounts.main]\nvenue = "
                              "\"hyperliquid\"\naddress = "
                              "\"0x9f1b4a6a5b8c7d6e5f4031221304958677889900\"\nkey = \"agent-1\"\n";
  }
  CliRun keys(std::vector<std::string> words, const std::string& passphrase = "open sesame") {
    words.insert(words.begin(), {"--config", config_, "keys"});
    return run_cli(words, "", passphrase);
  }

  TempDir dir_;
  std::string config_ = dir_.file("perpwire.toml");
};

TEST_F(CliKeys, ANewKeyIsAPrivateFileThatTheListShowsWithItsAccounts) {
  const auto made = keys({"new", "agent-1", "--passphrase", "fd:3", "--light", "-o", "json"});
  ASSERT_EQ(made.exit, 0) << made.err;
  const auto found = Json::parse(made.out);
  struct stat file {};
  ASSERT_EQ(::stat(found.at("file").get<std::string>().c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
  const auto list = keys({"list", "-o", "json"});
  ASSERT_EQ(list.exit, 0) << list.err;
  const auto row = Json::parse(list.out).at(0);
  EXPECT_EQ(row.at("address"), found.at("address"));
  EXPECT_EQ(row.at("accounts"), Json({"main"}));
}

TEST_F(CliKeys, AnExistingKeyIsNeverOverwritten) {
  ASSERT_EQ(keys({"new", "a", "--passphrase", "fd:3", "--light"}).exit, 0);
  const auto again = keys({"new", "a", "--passphrase", "fd:3", "--light"});
  EXPECT_NE(again.exit, 0);
  EXPECT_EQ(lines_of(again.err).size(), 1U) << again.err;
  EXPECT_NE(again.err.find("exist"), std::string::npos) << again.err;
}

TEST_F(CliKeys, AKeystoreFileIsImportedUnderItsOwnPassphrase) {
  const auto made = keys({"new", "a", "--passphrase", "fd:3", "--light", "-o", "json"});
  ASSERT_EQ(made.exit, 0) << made.err;
  const auto file = Json::parse(made.out).at("file").get<std::string>();
  std::ofstream(dir_.file("new-passphrase")) << "another one";
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", dir_.path().c_str(), 1), 0);
  const std::vector<std::string> words{
      "import",           "b",    "--keystore",   file,
      "--old-passphrase", "fd:3", "--passphrase", "credential:new-passphrase",
      "--light",          "-o",   "json"};
  const auto wrong = keys(words, "not this");
  EXPECT_EQ(wrong.exit, 1) << wrong.err;
  const auto right = keys(words);
  ASSERT_EQ(right.exit, 0) << right.err;
  EXPECT_EQ(Json::parse(right.out).at("address"), Json::parse(made.out).at("address"));
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(CliKeys, APrivateKeyIsImportedFromADescriptorOnly) {
  std::ofstream(dir_.file("pass")) << "another one";
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", dir_.path().c_str(), 1), 0);
  // The key of the venue SDK's vectors (tests/fixtures/hyperliquid/PROVENANCE.md).
  const auto run = keys({"import", "a", "--private-key", "fd:3", "--passphrase", "credential:pass",
                         "--light", "-o", "json"},
                        "0x0123456789012345678901234567890123456789012345678901234567890123\n");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out).at("address"), "0x14791697260e4c9a71f18484c9f997b308e59325");
}

TEST_F(CliKeys, WrongInputIsOneLine) {
  struct Case {
    std::vector<std::string> words;
    std::string says;
  };
  for (const auto& [words, says] : std::vector<Case>{
           {{"new"}, "name is required"},
           {{"new", "../x"}, "../x"},
           {{"new", "a", "--passphrase", "secret"}, "passphrase"},
           {{"new", "a", "--passphrase", "fd:77"}, "77"},
           {{"import", "a"}, "expected one of --keystore and --private-key, found none"},
           {{"import", "a", "--keystore", "none.json"}, "none.json"},
           {{"import", "a", "--private-key", "fd:3", "--passphrase", "fd:3"}, "64"}}) {
    const auto run = keys(words, "zz");
    EXPECT_NE(run.exit, 0) << says;
    EXPECT_EQ(lines_of(run.err).size(), 1U) << run.err;
    EXPECT_NE(run.err.find(says), std::string::npos) << run.err;
  }
}

TEST_F(CliKeys, AnApprovalIsSignedByTheMasterKeyForWhatItShows) {
  const auto made = keys({"new", "agent-1", "--passphrase", "fd:3", "--light", "-o", "json"});
  ASSERT_EQ(made.exit, 0) << made.err;
  const auto agent = Json::parse(made.out).at("address").get<std::string>();
  // The key of the venue SDK's vectors (tests/fixtures/hyperliquid/PROVENANCE.md).
  const std::string master = "0123456789012345678901234567890123456789012345678901234567890123";
  const auto run = keys({"approve", "agent-1", "--agent-name", "desk", "--days", "30",
                         "--master-key", "fd:3", "--yes"},
                        master);
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_NE(run.err.find(agent), std::string::npos) << run.err;
  const auto body = Json::parse(run.out);
  const auto& action = body.at("action");
  EXPECT_EQ(action.at("agentAddress"), agent);
  EXPECT_EQ(action.at("nonce"), body.at("nonce"));
  const auto until = action.at("nonce").get<std::uint64_t>() + 30ULL * 86'400'000;
  EXPECT_EQ(action.at("agentName"), "desk valid_until " + std::to_string(until));
  const auto message =
      hyperliquid::parse_user_signed(action.dump(), hyperliquid::Network::kTestnet);
  ASSERT_TRUE(message) << message.error().text;
  Signature signature;
  signature.r = parse_hex_array<32>(body.at("signature").at("r").get<std::string>()).value();
  signature.s = parse_hex_array<32>(body.at("signature").at("s").get<std::string>()).value();
  signature.v = body.at("signature").at("v").get<std::uint8_t>();
  EXPECT_EQ(recover_address(message->digest, signature)->to_string(),
            "0x14791697260e4c9a71f18484c9f997b308e59325");
  EXPECT_EQ(run.out.find(master), std::string::npos);
}

TEST_F(CliKeys, AnApprovalWithoutAWordOfConsentSignsNothing) {
  ASSERT_EQ(keys({"new", "agent-1", "--passphrase", "fd:3", "--light"}).exit, 0);
  const auto run = keys({"approve", "agent-1", "--master-key", "fd:3"},
                        "0123456789012345678901234567890123456789012345678901234567890123");
  EXPECT_EQ(run.exit, 1) << run.err;
  EXPECT_EQ(run.out, "");
}

}  // namespace
}  // namespace perpwire::cli
