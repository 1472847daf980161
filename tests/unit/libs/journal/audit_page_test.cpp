#include "libs/journal/audit_page.hpp"

#include "libs/journal/audit_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;

class AuditPageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              (std::string("audit_page_test_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Lines of very different lengths, so that no guess by bytes finds them.
  static void fill(AuditFile& file, std::size_t lines) {
    for (std::size_t i = 0; i < lines; ++i) {
      const std::string action = R"({"type":")" + std::string(i * 37 % 5 * 700, 'x') + "\"}";
      ASSERT_TRUE(file.append({.time = UnixNanos{1'000}, .what = "signed", .action = action}));
    }
  }

  fs::path folder_;
};

TEST_F(AuditPageTest, AnyLineIsFoundInAnyFile) {
  AuditFile file(folder_, 20'000);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  constexpr std::uint64_t kLines = 100;
  fill(file, kLines);
  ASSERT_GT(audit_files(folder_).value().size(), 3U);
  for (std::uint64_t from = 1; from <= kLines; ++from) {
    const auto page = read_audit_page(folder_, from, kLines, 1);
    ASSERT_TRUE(page) << page.error().text;
    ASSERT_EQ(page->lines.size(), 1U) << "one line is whole, whatever its length";
    EXPECT_EQ(audit_number(page->lines.front()), from);
    EXPECT_EQ(page->next, from + 1);
    EXPECT_EQ(page->first, 1U);
  }
}

TEST_F(AuditPageTest, PagesPutTogetherAreTheWholeChain) {
  AuditFile file(folder_, 20'000);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  fill(file, 100);
  AuditCheck check{AuditChain{}};
  std::uint64_t next = 0;
  int pages = 0;
  do {
    const auto page = read_audit_page(folder_, next, file.number(), 9'000);
    ASSERT_TRUE(page) << page.error().text;
    std::size_t bytes = 0;
    for (const auto& line : page->lines) {
      const auto whole = check.line(line);
      ASSERT_TRUE(whole) << whole.error().text;
      bytes += line.size() + 1;
    }
    EXPECT_LE(bytes, 9'000U);
    next = page->next;
    ++pages;
  } while (next <= file.number());
  const auto report = check.finish("pages");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->last, 100U);
  EXPECT_EQ(report->head, file.head());
  EXPECT_GT(pages, 10);
}

TEST_F(AuditPageTest, LinesWrittenAfterTheQuestionAreNotInIt) {
  AuditFile file(folder_);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  fill(file, 10);
  const auto page = read_audit_page(folder_, 8, 9, 100'000);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->lines.size(), 2U);
  EXPECT_EQ(page->next, 10U);
}

TEST_F(AuditPageTest, AHalfWrittenLineIsNoLine) {
  AuditFile file(folder_);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  fill(file, 3);
  std::ofstream(audit_files(folder_).value().front(), std::ios::app) << R"({"n":4,"time":1)";
  for (std::uint64_t from = 1; from <= 3; ++from) {
    const auto page = read_audit_page(folder_, from, 3, 100'000);
    ASSERT_TRUE(page) << page.error().text;
    EXPECT_EQ(page->next, 4U);
  }
}

TEST_F(AuditPageTest, TheEndIsAnEmptyPageAndBeyondItIsAnError) {
  AuditFile file(folder_);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  const auto none = read_audit_page(folder_, 0, 0, 1'000);
  ASSERT_TRUE(none) << none.error().text;
  EXPECT_TRUE(none->lines.empty());
  EXPECT_EQ(none->next, 1U);
  fill(file, 3);
  const auto end = read_audit_page(folder_, 4, 3, 1'000);
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_TRUE(end->lines.empty());
  EXPECT_EQ(end->next, 4U);
  const auto beyond = read_audit_page(folder_, 5, 3, 1'000);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kInvalidCommand);
  EXPECT_EQ(beyond.error().text, "audit.from: expected at most 4, found 5");
}

TEST_F(AuditPageTest, LinesThatWereMovedAwayAreNotKept) {
  AuditFile file(folder_, 5'000);
  ASSERT_TRUE(file.open([](std::string_view) {}));
  fill(file, 40);
  const auto files = audit_files(folder_).value();
  ASSERT_GT(files.size(), 2U);
  fs::remove(files.front());
  const auto first = audit_file_first(files[1]);
  const auto gone = read_audit_page(folder_, 1, 40, 1'000);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kNotKept);
  EXPECT_NE(gone.error().text.find("from " + std::to_string(first) + " on"), std::string::npos);
  const auto oldest = read_audit_page(folder_, 0, 40, 1'000);
  ASSERT_TRUE(oldest) << oldest.error().text;
  EXPECT_EQ(audit_number(oldest->lines.front()), first);
  EXPECT_EQ(oldest->first, first);
}

}  // namespace
}  // namespace perpwire::journal
