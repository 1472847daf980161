#include "tools/cli/journal_check.hpp"

#include "libs/journal/record_format.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "tests/support/temp_dir.hpp"

#include "run_cli.hpp"
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace perpwire::cli {
namespace {

std::string record(std::uint64_t index, std::uint64_t sequence) {
  v1::Envelope envelope;
  envelope.set_stream("order-gateway.main.1");
  envelope.set_sequence(sequence);
  envelope.set_topic_sequence(sequence);
  std::string payload;
  journal::append_event_record(index, 1, "orders.hyperliquid.created", envelope.SerializeAsString(),
                               payload);
  std::string out;
  journal::append_record(payload, 0, out);
  return out;
}

class JournalCheck : public ::testing::Test {
 protected:
  void write(std::uint64_t first, const std::string& records) {
    std::ofstream(dir_.file(journal::segment_name(first)), std::ios::binary)
        << journal::segment_header(first) << records;
  }
  JournalReport check() { return check_journal(dir_.path()); }

  TempDir dir_;
};

TEST_F(JournalCheck, WholeSegmentsAreCountedAndNotChanged) {
  write(1, record(1, 1) + record(2, 2));
  write(3, record(3, 3));
  const auto report = check();
  EXPECT_TRUE(report.faults.empty()) << report.faults.front();
  EXPECT_EQ(report.records, 3U);
  EXPECT_EQ(report.streams.at("order-gateway.main.1").last, 3U);
  EXPECT_EQ(report.tail_bytes, 0U);
}

TEST_F(JournalCheck, ATornTailIsNoDamage) {
  const auto torn = record(2, 2);
  write(1, record(1, 1) + torn.substr(0, torn.size() - 3));
  const auto before = std::filesystem::file_size(dir_.file(journal::segment_name(1)));
  const auto report = check();
  EXPECT_TRUE(report.faults.empty());
  EXPECT_EQ(report.records, 1U);
  EXPECT_EQ(report.tail_bytes, torn.size() - 3);
  EXPECT_EQ(std::filesystem::file_size(dir_.file(journal::segment_name(1))), before);
}

TEST_F(JournalCheck, AnyChangedByteInTheMiddleIsFound) {
  const auto whole = record(1, 1) + record(2, 2) + record(3, 3);
  const auto first = record(1, 1).size();
  for (std::size_t at = 0; at < first; ++at) {
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write(1, changed);
    ASSERT_FALSE(check().faults.empty()) << "byte " << at;
  }
}

TEST_F(JournalCheck, AMissingSegmentAndAMissingNumberAreFound) {
  write(1, record(1, 1));
  write(3, record(3, 3));
  const auto report = check();
  ASSERT_EQ(report.faults.size(), 3U);  // the record, the event, its topic
  EXPECT_NE(report.faults[0].find("expected record 2 first, found 3"), std::string::npos);
  EXPECT_NE(report.faults[1].find("expected sequence 2, found 3"), std::string::npos);
}

TEST_F(JournalCheck, TheCommandEndsWithFourAndNamesFileAndOffset) {
  auto damaged = record(1, 1) + record(2, 2);
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  write(1, damaged);
  const auto run = run_cli({"journal", "verify", dir_.path().string()});
  EXPECT_EQ(run.exit, 4) << run.err;
  EXPECT_NE(run.out.find("DAMAGED"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(" at 32: "), std::string::npos) << run.out;
  EXPECT_EQ(lines_of(run.err).size(), 1U);
  write(1, record(1, 1));
  EXPECT_EQ(run_cli({"journal", "verify", dir_.path().string(), "-o", "json"}).exit, 0);
  EXPECT_EQ(run_cli({"journal", "verify", dir_.file("none")}).exit, 1);
}

}  // namespace
}  // namespace perpwire::cli
