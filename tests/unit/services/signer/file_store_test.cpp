#include "services/signer/file_store.hpp"

#include "services/signer/nonce_source.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace perpwire::signer {
namespace {

using namespace std::chrono_literals;

class FileStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "perpwire-signer-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    std::filesystem::create_directories(data());
    std::filesystem::create_directories(run());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path data() const { return root_ / "data"; }
  std::filesystem::path run() const { return root_ / "run"; }

  SignerState load(const std::string& boot = "boot-1") {
    store_.emplace(data(), run());
    auto state = store_->load({"agent-1"}, {"main"}, boot, now_);
    EXPECT_TRUE(state) << state.error().text;
    return state.value_or(SignerState{});
  }
  std::string load_error() {
    store_.emplace(data(), run());
    const auto state = store_->load({"agent-1"}, {"main"}, "boot-1", now_);
    return state ? "" : state.error().text;
  }

  static constexpr std::uint64_t kNowMs = 1'700'000'000'000;
  static constexpr std::uint64_t kGap = 2 * NonceSource::kBlockMs;
  ClockReading now_{UnixNanos::from_millis(kNowMs), 1'000s};
  std::filesystem::path root_;
  std::optional<FileStore> store_;
};

TEST_F(FileStoreTest, WhatIsSavedIsReadBack) {
  auto state = load();
  EXPECT_FALSE(state.issued_may_be_incomplete);  // nothing was ever signed
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 60'000));
  ASSERT_TRUE(store_->save_lease("main", {7, "order-gateway.main", "boot-1"}));
  ASSERT_TRUE(store_->save_pins({{TradingPair{"hyna:BTC-USD"}, 130'001}}));
  ASSERT_TRUE(store_->append_issued({"agent-1", "main", 5, 9, 999s}, kNowMs - 1'000));
  state = load();
  EXPECT_EQ(state.nonce_marks.at("agent-1"), kNowMs + 60'000);
  EXPECT_EQ(state.leases.at("main"), (LeaseRecord{7, "order-gateway.main", "boot-1"}));
  EXPECT_EQ(state.pins, (std::vector<AssetEntry>{{TradingPair{"hyna:BTC-USD"}, 130'001}}));
  ASSERT_EQ(state.issued.size(), 1U);
  EXPECT_EQ(state.issued[0].nonce, 5U);
  EXPECT_EQ(state.issued[0].at, 999s);  // by the boot clock again
  EXPECT_FALSE(state.issued_may_be_incomplete);
}

TEST_F(FileStoreTest, AFreeLeaseIsReadBackFree) {
  load();
  ASSERT_TRUE(store_->save_lease("main", {8, "", ""}));
  EXPECT_EQ(load().leases.at("main"), (LeaseRecord{8, "", ""}));
}

TEST_F(FileStoreTest, ARestoredBackupShowsByTheCopyInTheRunFolder) {
  load();
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 1));
  std::filesystem::copy_file(data() / "nonce-agent-1", root_ / "backup");
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 5'000));
  std::filesystem::copy_file(root_ / "backup", data() / "nonce-agent-1",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(load().nonce_marks.at("agent-1"), kNowMs + 5'000);
}

TEST_F(FileStoreTest, AfterAnotherBootNoncesGoOnBeyondWhatABackupMayHaveForgotten) {
  load();
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 1));
  std::filesystem::remove_all(run());
  std::filesystem::create_directories(run());
  const auto state = load("boot-2");
  EXPECT_EQ(state.nonce_marks.at("agent-1"), kNowMs + kGap);
  EXPECT_TRUE(state.issued_may_be_incomplete);
  EXPECT_FALSE(load("boot-2").issued_may_be_incomplete);  // told apart by its own boot id
}

TEST_F(FileStoreTest, LocksAreReadWithTheirUserAlsoFromAFileThatHasNone) {
  load();
  const std::set<KeyLock> locks{{"agent-1", "operator", 0}, {"agent-1", "risk.main", 101}};
  ASSERT_TRUE(store_->save_locks(locks));
  EXPECT_EQ(load().locks, locks);
  std::ofstream(data() / "locks") << "agent-1 risk.main\n";
  EXPECT_EQ(load().locks, (std::set<KeyLock>{{"agent-1", "risk.main", KeyLock::kNobody}}));
}

TEST_F(FileStoreTest, AChangeOfKeysIsReadBackAndADamagedOneIsNotPassedOver) {
  load();
  const KeyPlan plan{.accounts = {{"main", {"agent-1", "agent-3", {"agent-1", "agent-2"}}},
                                  {"sub", {"agent-1", "agent-1", {}}}},
                     .retired = {"agent-0"}};
  ASSERT_TRUE(store_->save_key_plan(plan));
  EXPECT_EQ(load().plan, plan);
  for (const auto* line : {"account main agent-1\n", "retired\n", "gone agent-1\n"}) {
    std::ofstream(data() / "keys") << line;
    EXPECT_NE(load_error().find("/keys: damaged: expected"), std::string::npos) << line;
  }
}

TEST_F(FileStoreTest, AKeyThatIsAddedGoesOnAboveWhateverItSignedBefore) {
  load();
  ASSERT_TRUE(store_->save_nonce_mark("agent-3", kNowMs + 60'000));
  EXPECT_EQ(store_->nonce_mark("agent-3", now_).value(), kNowMs + 60'000);
  EXPECT_GE(store_->nonce_mark("agent-4", now_).value(), kNowMs) << "new here: ahead of the clock";
}

TEST_F(FileStoreTest, ALockThatCannotBeReadIsNotPassedOver) {
  load();
  for (const auto* line : {"agent-1\n", "agent-1 risk.main alice\n"}) {
    std::ofstream(data() / "locks") << line;
    EXPECT_NE(load_error().find("/locks: damaged: expected"), std::string::npos) << line;
  }
}

TEST_F(FileStoreTest, AMarkAheadOfTheClockStays) {
  load();
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 3'600'000));
  std::filesystem::remove(run() / "nonce-agent-1");
  EXPECT_EQ(load().nonce_marks.at("agent-1"), kNowMs + 3'600'000);
}

TEST_F(FileStoreTest, ALostDataFolderIsNotAFirstStart) {
  load();
  ASSERT_TRUE(store_->save_nonce_mark("agent-1", kNowMs + 1));
  std::filesystem::remove_all(data());
  std::filesystem::create_directories(data());
  const auto state = load();
  EXPECT_TRUE(state.issued_may_be_incomplete);
  EXPECT_EQ(state.nonce_marks.at("agent-1"), kNowMs + 1);
}

TEST_F(FileStoreTest, ATornLastLineIsLeftAsideAndTheNextOneStandsAlone) {
  load();
  ASSERT_TRUE(store_->append_issued({"agent-1", "main", 5, 9, 999s}, kNowMs - 2'000));
  std::ofstream(data() / "issued.log", std::ios::app) << "1699999999000 agent-1 main 66";
  auto state = load();
  ASSERT_EQ(state.issued.size(), 1U);
  ASSERT_TRUE(store_->append_issued({"agent-1", "main", 7, 9, 999s}, kNowMs - 1'000));
  state = load();
  ASSERT_EQ(state.issued.size(), 2U);
  EXPECT_EQ(state.issued[1].nonce, 7U);
}

TEST_F(FileStoreTest, OldSignaturesAreNotLoaded) {
  load();
  ASSERT_TRUE(store_->append_issued({"agent-1", "main", 5, 9, 0s}, kNowMs - 120'001));
  ASSERT_TRUE(store_->append_issued({"agent-1", "main", 6, 9, 0s}, kNowMs - 119'000));
  const auto state = load();
  ASSERT_EQ(state.issued.size(), 1U);
  EXPECT_EQ(state.issued[0].nonce, 6U);
}

TEST_F(FileStoreTest, ADamagedFileIsNamedAndNotGuessedAround) {
  load();
  std::ofstream(data() / "nonce-agent-1") << "x";
  EXPECT_EQ(load_error(), (data() / "nonce-agent-1").string() + ": damaged: expected a nonce");
  std::filesystem::remove(data() / "nonce-agent-1");
  std::ofstream(data() / "lease-main") << "3 gw";
  EXPECT_EQ(load_error(),
            (data() / "lease-main").string() + ": damaged: expected epoch, holder and boot id");
  std::filesystem::remove(data() / "lease-main");
  std::ofstream(data() / "assets") << "BTC-USD zero";
  EXPECT_EQ(load_error(),
            (data() / "assets").string() + ": damaged: expected a number after BTC-USD");
}

TEST_F(FileStoreTest, NamesThatWouldLeaveTheFolderAreRefused) {
  load();
  EXPECT_FALSE(store_->save_lease("main", {1, "a b", "b"}));
  FileStore other{data(), run()};
  EXPECT_FALSE(other.load({"../agent"}, {"main"}, "b", now_));
}

TEST_F(FileStoreTest, LinesOfTheAuditLogAreSyncedLaterAndRareOnesBeforeTheyAreAnswered) {
  std::atomic<int> syncs{0};
  store_.emplace(data(), run(), 1h, [&](int) {
    ++syncs;
    return 0;
  });
  ASSERT_TRUE(store_->load({"agent-1"}, {"main"}, "boot-1", now_));
  const auto append = [&](std::string_view what) {
    ASSERT_TRUE(store_->append_audit({.time = now_.wall, .what = what}));
  };
  append("signed");
  append("refused");
  EXPECT_EQ(syncs, 0);
  for (const auto* what : {"locked", "unlocked", "lease", "asset_accepted", "sealed", "started"}) {
    const int before = syncs;
    append(what);
    EXPECT_EQ(syncs, before + 1) << what;
  }
  EXPECT_EQ(store_->audit_syncer().synced(), 8U);
  store_.reset();
}

TEST_F(FileStoreTest, AnAuditLogThatCannotBeSyncedIsNotWellUntilTheNextStart) {
  bool fails = true;
  store_.emplace(data(), run(), 0ms, [&](int) {
    errno = EIO;
    return fails ? -1 : 0;
  });
  ASSERT_TRUE(store_->load({"agent-1"}, {"main"}, "boot-1", now_));
  EXPECT_TRUE(store_->audit_health());
  ASSERT_TRUE(store_->append_audit({.time = now_.wall, .what = "signed"}));
  EXPECT_FALSE(store_->audit_health());
  fails = false;
  ASSERT_TRUE(store_->append_audit({.time = now_.wall, .what = "signed"}));
  EXPECT_FALSE(store_->audit_health()) << "a later success proves nothing";
  load();
  EXPECT_TRUE(store_->audit_health());
}

}  // namespace
}  // namespace perpwire::signer
