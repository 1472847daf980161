#include "libs/keystore/keystore_file.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/keystore/passphrase.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace perpwire::keystore {
namespace {

// The two test vectors of "Web3 Secret Storage Definition" (version 3), passphrase "testpassword".
constexpr std::string_view kPbkdf2Vector = R"({
  "crypto": {"cipher": "aes-128-ctr",
    "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    "kdf": "pbkdf2",
    "kdfparams": {"c": 262144, "dklen": 32, "prf": "hmac-sha256",
      "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "version": 3})";
constexpr std::string_view kScryptVector = R"({
  "crypto": {"cipher": "aes-128-ctr",
    "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
    "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
    "kdf": "scrypt",
    "kdfparams": {"dklen": 32, "n": 262144, "p": 8, "r": 1,
      "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
    "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6", "version": 3})";
constexpr std::string_view kVectorSecret =
    "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

Secret secret(std::string_view text) { return Secret::copy_of(as_bytes(text)); }

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const auto at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

TEST(KeystoreFile, UnlocksTheTwoVectorsOfTheDefinition) {
  for (const auto vector : {kPbkdf2Vector, kScryptVector}) {
    const auto file = parse_keystore(vector);
    ASSERT_TRUE(file) << file.error().text;
    const auto key = unlock(*file, secret("testpassword"));
    ASSERT_TRUE(key) << key.error().text;
    EXPECT_EQ(to_hex(key->secret_bytes()), kVectorSecret);
  }
}

TEST(KeystoreFile, AWrongPassphraseIsToldByTheMac) {
  auto light = parse_keystore(seal(SigningKey::generate(), secret("right"), ScryptCost::kLight));
  ASSERT_TRUE(light);
  const auto wrong = unlock(*light, secret("wrong"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text, "keystore: the passphrase does not fit (MAC differs)");
  light->ciphertext[3] ^= 1;
  EXPECT_FALSE(unlock(*light, secret("right")));
}

TEST(KeystoreFile, WhatIsSealedUnlocksToTheSameKeyWithFreshSalts) {
  const auto key = SigningKey::from_hex(kVectorSecret).value();
  const auto first = seal(key, secret("pass phrase"), ScryptCost::kLight);
  const auto second = seal(key, secret("pass phrase"), ScryptCost::kLight);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.find(kVectorSecret), std::string::npos);
  const auto file = parse_keystore(first);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->address, key.address());
  EXPECT_EQ(to_hex(unlock(*file, secret("pass phrase"))->secret_bytes()), kVectorSecret);
  auto other = *file;
  other.address = Address{};
  EXPECT_FALSE(unlock(other, secret("pass phrase")));
}

TEST(KeystoreFile, ReadsTheCapitalCryptoOfOlderToolsAndIgnoresWhatIsNew) {
  EXPECT_TRUE(parse_keystore(replaced(kScryptVector, "\"crypto\"", "\"Crypto\"")));
  EXPECT_TRUE(
      parse_keystore(replaced(kScryptVector, "\"version\"", "\"x-ethers\": {}, \"version\"")));
}

TEST(KeystoreFile, RefusesWhatItCannotUnlockNamingTheField) {
  const auto text = [](std::string_view from, std::string_view to) {
    const auto file = parse_keystore(replaced(kScryptVector, from, to));
    return file ? std::string("read") : file.error().text;
  };
  EXPECT_EQ(text("\"version\": 3", "\"version\": 1"), "keystore: version: expected 3");
  EXPECT_EQ(text("aes-128-ctr", "aes-128-cbc"), "keystore: crypto.cipher: expected aes-128-ctr");
  EXPECT_EQ(text("\"scrypt\"", "\"argon2\""), "keystore: crypto.kdf: expected scrypt or pbkdf2");
  EXPECT_EQ(text("262144", "262145"),
            "keystore: crypto.kdfparams: expected n a power of two, r and p above zero");
  EXPECT_EQ(text("262144", "1073741824"),
            "keystore: crypto.kdfparams: expected at most 1 GiB of memory, r and p up to 1024");
  EXPECT_EQ(text("\"dklen\": 32", "\"dklen\": 16"),
            "keystore: crypto.kdfparams.dklen: expected 32");
  EXPECT_EQ(text("83dbcc", "83db"), "keystore: crypto.cipherparams.iv: expected 16 bytes in hex");
  EXPECT_FALSE(parse_keystore(kScryptVector.substr(0, 300)));
  EXPECT_FALSE(parse_keystore("[]"));
  EXPECT_FALSE(parse_keystore(""));
}

class KeystoreFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "perpwire-keys-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = std::filesystem::path(pattern) / "keys";
  }
  void TearDown() override { std::filesystem::remove_all(folder_.parent_path()); }

  std::filesystem::path folder_;
};

TEST_F(KeystoreFolderTest, KeepsKeysPrivateListsThemAndNeverOverwrites) {
  const auto made = create_key(folder_, "agent-1", secret("p"), ScryptCost::kLight);
  ASSERT_TRUE(made) << made.error().text;
  struct stat found {};
  ASSERT_EQ(::stat(made->file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(folder_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);

  const auto again = create_key(folder_, "agent-1", secret("p"), ScryptCost::kLight);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kIo);

  const auto imported = import_keystore(
      folder_, "agent-0",
      seal(SigningKey::from_hex(kVectorSecret).value(), secret("old"), ScryptCost::kLight),
      secret("old"), secret("new"), ScryptCost::kLight);
  ASSERT_TRUE(imported) << imported.error().text;
  const auto keys = list_keys(folder_);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].name, "agent-0");
  EXPECT_EQ((*keys)[1].address, made->address);
  EXPECT_EQ(load_key(folder_, "agent-1", secret("p"))->address().to_string(), made->address);
  EXPECT_FALSE(load_key(folder_, "agent-0", secret("old")));
  EXPECT_TRUE(load_key(folder_, "agent-0", secret("new")));
}

TEST_F(KeystoreFolderTest, RefusesKeysThatOthersMayReadAndNamesThatLeaveTheFolder) {
  const auto made = create_key(folder_, "agent-1", secret("p"), ScryptCost::kLight);
  ASSERT_TRUE(made);
  ASSERT_EQ(::chmod(made->file.c_str(), 0640), 0);
  const auto loaded = load_key(folder_, "agent-1", secret("p"));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().text.find("mode 0640: only its owner may read a key (chmod 600)"),
            std::string::npos);
  for (const auto name : {"../x", "", ".hidden", "a/b"}) {
    EXPECT_FALSE(create_key(folder_, name, secret("p"), ScryptCost::kLight)) << name;
    EXPECT_FALSE(load_key(folder_, name, secret("p"))) << name;
  }
  EXPECT_EQ(load_key(folder_, "none", secret("p")).error().code, ErrorCode::kIo);
}

TEST_F(KeystoreFolderTest, AFileThatIsNoKeystoreIsNamed) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "broken.json") << "{}";
  const auto keys = list_keys(folder_);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().text,
            (folder_ / "broken.json").string() + ": keystore: version: expected 3");
}

int descriptor_with(std::string_view text) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return ends[0];
}

TEST(Passphrase, IsReadFromADescriptorWithoutItsLineEndAndTheDescriptorIsClosed) {
  const int file = descriptor_with("correct horse\n");
  const auto read = read_passphrase("fd:" + std::to_string(file));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(to_hex(read->bytes()), to_hex(as_bytes("correct horse")));
  EXPECT_EQ(::fcntl(file, F_GETFD), -1);
}

TEST(Passphrase, RefusesEmptyLongAndOtherSourcesWithoutRepeatingThem) {
  EXPECT_FALSE(read_passphrase("fd:" + std::to_string(descriptor_with("\n"))));
  EXPECT_FALSE(read_passphrase("fd:" + std::to_string(descriptor_with(std::string(2000, 'x')))));
  EXPECT_FALSE(read_passphrase("fd:x"));
  EXPECT_FALSE(read_passphrase("credential:none"));
  const auto inline_text = read_passphrase("hunter2");
  ASSERT_FALSE(inline_text);
  EXPECT_EQ(inline_text.error().text.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace perpwire::keystore
