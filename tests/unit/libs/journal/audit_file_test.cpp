#include "libs/journal/audit_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>
#include <vector>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;

class AuditFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() /
        ("audit_file_test_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
         "_" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
         std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void fill(AuditFile& file, int lines) {
    for (int i = 0; i < lines; ++i) {
      ASSERT_TRUE(file.append({.time = UnixNanos{1'000 + i},
                               .what = i % 3 == 2 ? "refused" : "signed",
                               .key = "agent-1",
                               .nonce = 7,
                               .action = R"({"type":"noop"})",
                               .text = "a \"word\"\n"}));
    }
  }
  static std::uint64_t open(AuditFile& file) {
    std::uint64_t lines = 0;
    const auto opened = file.open([&](std::string_view) { ++lines; });
    EXPECT_TRUE(opened) << opened.error().text;
    return lines;
  }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
  }
  [[nodiscard]] std::string fault() const {
    const auto report = verify_audit_log(folder_, "");
    return report ? "" : report.error().text;
  }

  fs::path folder_;
};

TEST_F(AuditFileTest, GoesOnWhereItStoppedAndVerifiesAcrossFiles) {
  {
    AuditFile file(folder_, 1'000);
    open(file);
    fill(file, 20);
  }
  AuditFile file(folder_, 1'000);
  EXPECT_GT(open(file), 0U);
  EXPECT_EQ(file.number(), 20U);
  fill(file, 20);
  EXPECT_GT(files().size(), 4U);
  const auto report = verify_audit_log(folder_, file.head());
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->first, 1U);
  EXPECT_EQ(report->last, 40U);
  EXPECT_EQ(report->head, file.head());
  EXPECT_EQ(report->signed_actions + report->refused, 40U);
}

TEST_F(AuditFileTest, AnyChangedByteOfAnyLineIsFound) {
  AuditFile file(folder_);
  open(file);
  fill(file, 4);
  const auto path = files().front();
  const auto good = text_of(path);
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write(path, bad);
    EXPECT_NE(fault(), "") << "byte " << at;
  }
  write(path, good);
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditFileTest, RemovedInsertedAndSwappedLinesAreFound) {
  AuditFile file(folder_);
  open(file);
  fill(file, 3);
  const auto path = files().front();
  const auto good = text_of(path);
  const auto first = good.substr(0, good.find('\n') + 1);
  const auto rest = good.substr(first.size());
  const auto second = rest.substr(0, rest.find('\n') + 1);
  const auto third = rest.substr(second.size());
  for (const auto& bad :
       {second + third, first + third, first + first + second + third, first + third + second}) {
    write(path, bad);
    EXPECT_NE(fault(), "") << bad;
  }
}

TEST_F(AuditFileTest, ACutEndIsFoundByAHeadNotedEarlier) {
  AuditFile file(folder_);
  open(file);
  fill(file, 3);
  const auto head = file.head();
  const auto path = files().front();
  const auto good = text_of(path);
  write(path, good.substr(0, good.rfind('\n', good.size() - 2) + 1));
  EXPECT_EQ(fault(), "");  // two whole lines: the chain alone cannot know
  const auto report = verify_audit_log(folder_, head);
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().text.find("expected a line with hash " + head), std::string::npos);
}

TEST_F(AuditFileTest, OldFilesMayBeMovedAway) {
  AuditFile file(folder_, 500);
  open(file);
  fill(file, 10);
  fs::remove(files().front());
  const auto report = verify_audit_log(folder_, "");
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_GT(report->first, 1U);
  EXPECT_EQ(report->last, 10U);
  AuditFile again(folder_, 500);
  open(again);
  EXPECT_EQ(again.number(), 10U);
}

TEST_F(AuditFileTest, ATornEndIsPutAsideAndTheChainGoesOn) {
  {
    AuditFile file(folder_);
    open(file);
    fill(file, 2);
  }
  const auto path = files().front();
  write(path, text_of(path) + R"({"n":3,"time":10)");
  AuditFile file(folder_);
  EXPECT_EQ(open(file), 2U);
  EXPECT_EQ(file.torn_bytes(), 16U);
  fill(file, 1);
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(text_of(path.string() + ".torn"), R"({"n":3,"time":10)");
}

TEST_F(AuditFileTest, AnEmptyNewestFileIsGoneOnWith) {
  {
    AuditFile file(folder_, 300);
    open(file);
    fill(file, 3);
  }
  const auto number = [&] {
    AuditFile file(folder_);
    open(file);
    return file.number();
  };
  EXPECT_EQ(number(), 3U);
  write(folder_ / "audit-000000000004.log", "");
  AuditFile file(folder_);
  open(file);
  EXPECT_EQ(file.number(), 3U);
  fill(file, 1);
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditFileTest, ADamagedFileStopsTheStartNamingFileAndLine) {
  {
    AuditFile file(folder_);
    open(file);
    fill(file, 3);
  }
  const auto path = files().front();
  auto text = text_of(path);
  text.replace(text.find("agent-1"), 7, "agent-2");
  write(path, text);
  AuditFile file(folder_);
  const auto opened = file.open([](std::string_view) {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text.find(path.string() + ": line 1: expected hash "), 0U)
      << opened.error().text;
}

}  // namespace
}  // namespace perpwire::journal
