#include "libs/journal/journal.hpp"

#include "libs/journal/memory_storage.hpp"
#include "libs/journal/record_format.hpp"
#include "perpwire/v1/journal.pb.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace perpwire::journal {
namespace {

constexpr UnixNanos kNow{1'000};

v1::JournalRecord note(std::string value) {
  v1::JournalRecord record;
  record.mutable_state_note()->set_name("n");
  record.mutable_state_note()->set_value(std::move(value));
  return record;
}

class JournalTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Journal>> open(JournalConfig config = {}) {
    found.clear();
    indexes.clear();
    return Journal::open(storage, *syncer, config, [this](const RecordView& view) {
      v1::JournalRecord record;
      ASSERT_TRUE(
          record.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())));
      EXPECT_EQ(record.index(), view.index);
      indexes.push_back(view.index);
      found.push_back(record.has_state_note() ? record.state_note().value() : "other");
    });
  }
  /// Opens what must open.
  std::unique_ptr<Journal> opened(JournalConfig config = {}) {
    auto journal = open(config);
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().text);
    return journal ? std::move(*journal) : nullptr;
  }
  static std::uint64_t append(Journal& journal, const std::string& value) {
    auto record = note(value);
    const auto index = journal.append(record, kNow);
    EXPECT_TRUE(index.has_value()) << (index ? "" : index.error().text);
    return index.value_or(0);
  }
  std::string& newest_bytes() { return storage.files().rbegin()->second->bytes; }
  /// As after a restart of the process.
  void restart() { syncer = make_manual_syncer(); }

  MemoryStorage storage;
  std::unique_ptr<Syncer> syncer = make_manual_syncer();
  std::vector<std::string> found;
  std::vector<std::uint64_t> indexes;
};

TEST_F(JournalTest, WhatWasAppendedIsThereAfterAKillWithoutAnySync) {
  {
    auto journal = opened();
    EXPECT_EQ(append(*journal, "a"), 1U);
    EXPECT_EQ(append(*journal, "b"), 2U);
  }
  restart();
  auto journal = opened();
  EXPECT_EQ(found, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(journal->last_index(), 2U);
  EXPECT_EQ(append(*journal, "c"), 3U);
  EXPECT_EQ(journal->open_report().torn_bytes, 0U);
}

TEST_F(JournalTest, AnAppendIsOneWrite) {
  auto journal = opened();
  const auto before = storage.appends();
  append(*journal, "a");
  EXPECT_EQ(storage.appends(), before + 1);
}

TEST_F(JournalTest, ALastRecordTornAtAnyByteIsCutAndNothingElse) {
  std::string whole;
  std::size_t start = 0;
  {
    auto journal = opened();
    append(*journal, "first");
    append(*journal, "second");
    start = newest_bytes().size();
    append(*journal, "the last record");
    whole = newest_bytes();
  }
  for (std::size_t cut = start; cut < whole.size(); ++cut) {
    restart();
    newest_bytes() = whole.substr(0, cut);
    auto journal = opened();
    ASSERT_NE(journal, nullptr);
    EXPECT_EQ(found, (std::vector<std::string>{"first", "second"})) << cut;
    EXPECT_EQ(journal->open_report().torn_bytes, cut - start);
    EXPECT_EQ(newest_bytes().size(), start);
    // And the journal goes on from there.
    EXPECT_EQ(append(*journal, "again"), 3U);
    restart();
    opened();
    EXPECT_EQ(found, (std::vector<std::string>{"first", "second", "again"}));
  }
}

TEST_F(JournalTest, ALastRecordWithAnyByteFlippedOrZeroedIsCut) {
  std::string whole;
  std::size_t start = 0;
  {
    auto journal = opened();
    append(*journal, "first");
    start = newest_bytes().size();
    append(*journal, "last");
    whole = newest_bytes();
  }
  for (std::size_t at = start; at < whole.size(); ++at) {
    for (const char damage : {static_cast<char>(whole[at] ^ 0x40), '\0'}) {
      if (damage == whole[at]) continue;
      restart();
      newest_bytes() = whole;
      newest_bytes()[at] = damage;
      ASSERT_NE(opened(), nullptr);
      EXPECT_EQ(found, (std::vector<std::string>{"first"})) << at;
    }
  }
}

TEST_F(JournalTest, ZerosThatAFileSystemLeftBehindTheLastRecordAreCut) {
  {
    auto journal = opened();
    append(*journal, "a");
  }
  newest_bytes() += std::string(5'000, '\0');
  restart();
  auto journal = opened();
  EXPECT_EQ(found, (std::vector<std::string>{"a"}));
  EXPECT_EQ(journal->open_report().torn_bytes, 5'000U);
}

TEST_F(JournalTest, DamageToADurableRecordIsAnErrorThatNamesFileAndOffset) {
  std::string whole;
  std::size_t start = 0;
  std::size_t end = 0;
  {
    auto journal = opened();
    append(*journal, "first");
    start = newest_bytes().size();
    append(*journal, "second");
    end = newest_bytes().size();
    syncer->flush();
    append(*journal, "third");  // says that 2 is durable
    whole = newest_bytes();
  }
  for (std::size_t at = start; at < end; ++at) {
    restart();
    newest_bytes() = whole;
    newest_bytes()[at] = static_cast<char>(whole[at] ^ 0x01);
    const auto journal = open();
    ASSERT_FALSE(journal.has_value()) << at;
    EXPECT_EQ(journal.error().code, ErrorCode::kMalformed);
    EXPECT_NE(journal.error().text.find(segment_name(1)), std::string::npos);
    EXPECT_NE(journal.error().text.find("offset " + std::to_string(start)), std::string::npos)
        << journal.error().text;
    // Nothing was changed: an operator can still look.
    EXPECT_EQ(newest_bytes().size(), whole.size());
  }
}

TEST_F(JournalTest, UnsyncedPagesLostOutOfOrderByAPowerCutAreCutWithWhatFollows) {
  std::size_t start = 0;
  std::size_t end = 0;
  {
    auto journal = opened();
    append(*journal, "durable");
    syncer->flush();
    start = newest_bytes().size();
    append(*journal, "lost");
    end = newest_bytes().size();
    append(*journal, "kept by the disk");  // knows of record 1 only
  }
  for (std::size_t at = start; at < end; ++at) newest_bytes()[at] = '\0';
  restart();
  auto journal = opened();
  EXPECT_EQ(found, (std::vector<std::string>{"durable"}));
  EXPECT_GT(journal->open_report().torn_bytes, end - start);
}

TEST_F(JournalTest, SegmentsRotateAndAreReadAsOne) {
  const JournalConfig config{.segment_bytes = 200};
  std::vector<std::string> written;
  {
    auto journal = opened(config);
    for (int i = 0; i < 50; ++i) {
      written.push_back("value " + std::to_string(i));
      append(*journal, written.back());
    }
    EXPECT_GT(storage.files().size(), 5U);
  }
  restart();
  auto journal = opened(config);
  EXPECT_EQ(found, written);
  for (std::uint64_t from = 0; from <= 52; ++from) {
    std::vector<std::uint64_t> read;
    ASSERT_TRUE(journal->read(from, [&](const RecordView& view) {
      read.push_back(view.index);
      return read.size() < 7;
    }));
    const std::uint64_t first = std::max<std::uint64_t>(from, 1);
    std::vector<std::uint64_t> expected;
    for (auto i = first; i <= 50 && expected.size() < 7; ++i) expected.push_back(i);
    EXPECT_EQ(read, expected) << from;
  }
}

TEST_F(JournalTest, DamageInAnOlderSegmentIsAlwaysAnError) {
  const JournalConfig config{.segment_bytes = 200};
  {
    auto journal = opened(config);
    for (int i = 0; i < 20; ++i) append(*journal, "value " + std::to_string(i));
  }
  const auto oldest = storage.files().begin();
  const auto whole = oldest->second->bytes;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    restart();
    oldest->second->bytes = whole;
    oldest->second->bytes[at] = static_cast<char>(oldest->second->bytes[at] ^ 0x10);
    const auto journal = open(config);
    ASSERT_FALSE(journal.has_value()) << at;
    EXPECT_NE(journal.error().text.find(oldest->first), std::string::npos);
  }
  // So is a segment that is cut short or gone.
  restart();
  oldest->second->bytes = whole.substr(0, whole.size() - 1);
  EXPECT_FALSE(open(config).has_value());
  restart();
  oldest->second->bytes = whole;
  storage.files().erase(std::next(storage.files().begin()));
  const auto gap = open(config);
  ASSERT_FALSE(gap.has_value());
  EXPECT_NE(gap.error().text.find("follows"), std::string::npos) << gap.error().text;
}

TEST_F(JournalTest, AKillAtAnyWriteOfARotationLosesNothing) {
  const JournalConfig config{.segment_bytes = 120};
  const auto checkpoint = [](v1::JournalRecord& record) {
    record.mutable_state_note()->set_name("checkpoint");
    record.mutable_state_note()->set_value("c");
  };
  std::size_t total = 0;
  for (std::size_t killed_at = 0;; ++killed_at) {
    storage.files().clear();
    restart();
    // From the killed write on nothing reaches the disk, that write itself in half.
    std::size_t writes = 0;
    storage.on_append = [&](const std::string&, std::size_t bytes) {
      const auto n = writes++;
      if (n < killed_at) return AppendFault{};
      return AppendFault{.short_write = n == killed_at ? bytes / 2 : 0};
    };
    storage.truncate_fails = false;
    std::vector<std::string> done;
    if (auto journal = open(config)) {
      (*journal)->on_new_segment(checkpoint);
      for (int i = 0; i < 6; ++i) {
        auto record = note("v" + std::to_string(i));
        if (writes > killed_at) storage.truncate_fails = true;  // a dead process cuts nothing
        if (!(*journal)->append(record, kNow)) break;
        done.push_back(record.state_note().value());
      }
    }
    total = writes;
    storage.on_append = {};
    storage.truncate_fails = false;
    restart();
    auto journal = opened(config);
    ASSERT_NE(journal, nullptr) << killed_at;
    std::erase(found, "c");
    EXPECT_EQ(found, done) << killed_at;
    const auto last = journal->last_index();
    EXPECT_GT(append(*journal, "on"), last) << killed_at;
    if (done.size() == 6) break;
  }
  EXPECT_GT(total, 9U);
}

TEST_F(JournalTest, AFullDiskIsReportedAndLeavesTheJournalWhole) {
  auto journal = opened();
  append(*journal, "a");
  for (std::size_t written = 0; written < 20; ++written) {
    storage.on_append = [&](const std::string&, std::size_t) {
      return AppendFault{.short_write = written};
    };
    auto record = note("refused");
    const auto index = journal->append(record, kNow);
    ASSERT_FALSE(index.has_value());
    EXPECT_EQ(index.error().code, ErrorCode::kIo);
    EXPECT_FALSE(journal->broken());
  }
  storage.on_append = {};
  EXPECT_EQ(append(*journal, "b"), 2U);
  restart();
  opened();
  EXPECT_EQ(found, (std::vector<std::string>{"a", "b"}));
}

TEST_F(JournalTest, AShortWriteThatCannotBeCutBreaksTheJournalUntilRestart) {
  auto journal = opened();
  append(*journal, "a");
  storage.on_append = [](const std::string&, std::size_t) { return AppendFault{.short_write = 5}; };
  storage.truncate_fails = true;
  auto record = note("b");
  EXPECT_FALSE(journal->append(record, kNow).has_value());
  EXPECT_TRUE(journal->broken());
  storage.on_append = {};
  storage.truncate_fails = false;
  EXPECT_FALSE(journal->append(record, kNow).has_value());
  restart();
  auto again = opened();
  EXPECT_EQ(found, (std::vector<std::string>{"a"}));
  EXPECT_EQ(append(*again, "b"), 2U);
}

TEST_F(JournalTest, AFailedSyncRefusesAllFurtherAppends) {
  auto journal = opened();
  append(*journal, "a");
  storage.sync_fails = true;
  syncer->flush();
  storage.sync_fails = false;
  auto record = note("b");
  EXPECT_FALSE(journal->append(record, kNow).has_value());
  EXPECT_TRUE(journal->broken());
}

TEST_F(JournalTest, OpeningMakesWhatAKilledProcessLeftUnsyncedDurable) {
  {
    auto journal = opened();
    append(*journal, "a");
  }
  restart();
  auto journal = opened();
  EXPECT_EQ(journal->synced_index(), 0U);
  syncer->flush();
  EXPECT_EQ(journal->synced_index(), 1U);
  storage.cut_power();
  restart();
  opened();
  EXPECT_EQ(found, (std::vector<std::string>{"a"}));
}

TEST_F(JournalTest, TrimRemovesWholeOldSegmentsAndOnlyWhatMayGo) {
  const JournalConfig config{.segment_bytes = 200, .cap_bytes = 1'000};
  auto journal = opened(config);
  for (int i = 0; i < 60; ++i) append(*journal, "value " + std::to_string(i));
  EXPECT_TRUE(journal->over_cap());
  const auto keep = journal->first_index();
  EXPECT_EQ(*journal->trim(keep), 0U);  // everything is still needed: over the cap it stays
  EXPECT_TRUE(journal->over_cap());

  EXPECT_GT(*journal->trim(20), 0U);
  EXPECT_LE(journal->first_index(), 20U);
  EXPECT_GT(*journal->trim(61), 0U);
  EXPECT_LE(journal->bytes(), 500U);
  EXPECT_FALSE(journal->over_cap());
  EXPECT_EQ(journal->last_index(), 60U);

  const auto first = journal->first_index();
  restart();
  journal = opened(config);
  EXPECT_EQ(indexes.front(), first);
  EXPECT_EQ(indexes.back(), 60U);
}

TEST_F(JournalTest, ANewSegmentBeginsWithTheCheckpoint) {
  const JournalConfig config{.segment_bytes = 200};
  auto journal = opened(config);
  journal->on_new_segment([](v1::JournalRecord& record) {
    record.mutable_state_note()->set_name("checkpoint");
    record.mutable_state_note()->set_value("c");
  });
  for (int i = 0; i < 10; ++i) append(*journal, "value " + std::to_string(i));
  restart();
  opened(config);
  for (const auto& [name, file] : storage.files()) {
    const auto first = *parse_segment_name(name);
    EXPECT_EQ(found[first - 1], first == 1 ? "value 0" : "c");
  }
}

TEST_F(JournalTest, RandomPowerCutsLoseOnlyUnsyncedRecordsFromTheEnd) {
  std::mt19937_64 random(
      static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed()));
  const JournalConfig config{.segment_bytes = 300};
  std::vector<std::string> expected;
  std::size_t durable = 0;
  for (int round = 0; round < 300; ++round) {
    restart();
    auto journal = opened(config);
    ASSERT_NE(journal, nullptr) << round;
    ASSERT_GE(found.size(), durable) << round;
    ASSERT_LE(found.size(), expected.size());
    expected.resize(found.size());
    ASSERT_EQ(found, expected) << round;
    const auto steps = random() % 8;
    for (std::size_t i = 0; i < steps; ++i) {
      expected.push_back(std::string(random() % 40, 'x') + std::to_string(random() % 1000));
      append(*journal, expected.back());
      if (random() % 3 == 0) syncer->flush();
    }
    durable = std::min<std::size_t>(expected.size(), journal->synced_index());
    journal.reset();
    storage.cut_power([&](const std::string&, std::size_t unsynced) {
      return static_cast<std::size_t>(random() % (unsynced + 1));
    });
  }
}

TEST(PosixJournal, KeepsRecordsInFilesAndTheThreadMakesThemDurable) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("perpwire-journal-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  {
    auto storage = open_posix_storage(folder.string());
    auto syncer = make_thread_syncer(std::chrono::milliseconds(10));
    auto journal = Journal::open(*storage, *syncer, {.segment_bytes = 4'096});
    ASSERT_TRUE(journal.has_value()) << journal.error().text;
    for (int i = 0; i < 100; ++i) {
      auto record = note("value " + std::to_string(i));
      ASSERT_TRUE((*journal)->append(record, kNow).has_value());
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while ((*journal)->synced_index() < 100 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ((*journal)->synced_index(), 100U);
    EXPECT_FALSE((*journal)->broken());
  }
  auto storage = open_posix_storage(folder.string());
  auto syncer = make_manual_syncer();
  std::uint64_t records = 0;
  auto journal = Journal::open(*storage, *syncer, {.segment_bytes = 4'096},
                               [&](const RecordView&) { ++records; });
  ASSERT_TRUE(journal.has_value()) << journal.error().text;
  EXPECT_EQ(records, 100U);
  std::filesystem::remove_all(folder);
}

TEST(RecordFormat, EventRecordIsTheProtobufThatItClaimsToBe) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U, 70'000U}) {
    v1::Envelope envelope;
    envelope.set_event_type("fill");
    envelope.set_timestamp(5);
    envelope.set_stream("order-gateway.main.1");
    envelope.set_sequence(300);
    envelope.set_topic_sequence(7);
    envelope.mutable_fill()->set_trade_id(std::string(size, 't'));
    std::string payload;
    append_event_record(9, -1, "fills.x.BTC-USD", envelope.SerializeAsString(), payload);

    v1::JournalRecord record;
    ASSERT_TRUE(record.ParseFromString(payload));
    EXPECT_EQ(record.index(), 9U);
    EXPECT_EQ(record.timestamp(), -1);
    EXPECT_EQ(record.event().topic(), "fills.x.BTC-USD");
    EXPECT_EQ(record.event().envelope().SerializeAsString(), envelope.SerializeAsString());
    EXPECT_EQ(record.SerializeAsString(), payload);

    const auto peek = peek_record(payload);
    ASSERT_TRUE(peek && peek->event);
    EXPECT_EQ(peek->index, 9U);
    EXPECT_EQ(peek->kind, static_cast<std::uint64_t>(v1::JournalRecord::kEvent));
    EXPECT_EQ(peek->event->stream, "order-gateway.main.1");
    EXPECT_EQ(peek->event->sequence, 300U);
    EXPECT_EQ(peek->event->topic_sequence, 7U);
    EXPECT_EQ(peek->event->envelope, envelope.SerializeAsString());
  }
}

TEST(RecordFormat, SegmentNamesAndHeadersReadBack) {
  EXPECT_EQ(segment_name(42), "00000000000000000042.journal");
  EXPECT_EQ(parse_segment_name(segment_name(42)), 42U);
  for (const std::string_view name :
       {"00000000000000000000.journal", "0000000000000000004x.journal", "42.journal",
        "00000000000000000042.tmp", "", "99999999999999999999.journal"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
  EXPECT_EQ(parse_segment_header(segment_header(42)), 42U);
  auto damaged = segment_header(42);
  damaged[9] ^= 1;
  EXPECT_FALSE(parse_segment_header(damaged));
}

}  // namespace
}  // namespace perpwire::journal
