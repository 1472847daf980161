#include "libs/journal/event_log.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/pages.hpp"
#include "libs/common/protobuf_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

namespace perpwire::journal {
namespace {

constexpr UnixNanos kNow{1'705'747'200'000'000'000};

v1::Envelope fill(std::string_view id) {
  v1::Envelope envelope;
  envelope.set_event_type("fill");
  auto& event = *envelope.mutable_fill();
  event.set_trade_id(std::string(id));
  set_decimal(Decimal::of(5, -1), *event.mutable_price());
  set_decimal(Decimal{1}, *event.mutable_amount());
  set_decimal(Decimal{0}, *event.mutable_fee_paid());
  return envelope;
}

struct Page {
  v1::PageReply head;
  std::vector<std::pair<std::string, v1::Envelope>> events;
};

class EventLogTest : public testing::Test {
 protected:
  Result<std::unique_ptr<EventLog>> try_open() {
    const EventLogConfig config{.process = "order-gateway",
                                .instance = "main",
                                .boot_id = boot_id,
                                .new_stream_id = "order-gateway.main." + std::to_string(++opened)};
    recovered.clear();
    return EventLog::open(
        storage, *syncer, *watermark, config, journal_config,
        [this](const v1::JournalRecord& record) { recovered.push_back(record); }, kNow);
  }
  std::unique_ptr<EventLog> open() {
    syncer = make_manual_syncer();
    auto log = try_open();
    EXPECT_TRUE(log.has_value()) << (log ? "" : log.error().text);
    if (!log) return nullptr;
    (*log)->start_publishing(
        [this](std::string_view topic, const v1::Envelope& envelope, std::string_view encoded) {
          EXPECT_EQ(envelope.SerializeAsString(), encoded);
          published.emplace_back(topic, envelope);
        });
    return std::move(*log);
  }
  static EventNumbers append(EventLog& log, std::string_view topic, std::string_view id) {
    auto envelope = fill(id);
    const auto numbers = log.append(topic, envelope, kNow);
    EXPECT_TRUE(numbers.has_value()) << (numbers ? "" : numbers.error().text);
    return numbers.value_or(EventNumbers{});
  }
  static Page page(const EventLog& log, const v1::PageRequest& asked, bool json = false) {
    PageHandlers handlers;
    handlers.replay = [&](const v1::PageRequest& request, bool as_json) {
      return log.replay_page(request, as_json);
    };
    const auto parts = answer_page_request(encode_message(asked, json), handlers);
    Page out;
    EXPECT_EQ(is_json(parts.at(0)), json);
    EXPECT_TRUE(parse_payload(parts.at(0), out.head).has_value());
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
      EXPECT_EQ(is_json(parts[i + 1]), json);
      v1::Envelope envelope;
      EXPECT_TRUE(parse_payload(parts[i + 1], envelope).has_value()) << parts[i + 1];
      out.events.emplace_back(parts[i], envelope);
    }
    EXPECT_EQ(parts.size() % 2, 1U);
    return out;
  }
  static v1::PageRequest replay(std::uint64_t from, std::uint32_t limit = 1'000,
                                std::string_view stream = {}) {
    v1::PageRequest request;
    request.set_type("replay");
    request.set_request_id("r-1");
    request.set_from_sequence(from);
    request.set_limit(limit);
    request.set_stream(std::string(stream));
    return request;
  }

  MemoryStorage storage;
  std::unique_ptr<Syncer> syncer = make_manual_syncer();
  std::unique_ptr<WatermarkStore> watermark = make_memory_watermark();
  JournalConfig journal_config;
  std::string boot_id = "boot-1";
  int opened = 0;
  std::vector<v1::JournalRecord> recovered;
  std::vector<std::pair<std::string, v1::Envelope>> published;
};

// Words of others, cut in the middle of a character: the event must read again, and be numbered.
TEST_F(EventLogTest, TextThatIsNotUtf8MakesNoRecordUnreadable) {
  const ProtobufWords caught;
  auto log = open();
  auto failed = fill("a");
  failed.mutable_fill()->set_fee_asset("caf\xc3");
  ASSERT_TRUE(log->append("fills.x.BTC-USD", failed, kNow).has_value());
  v1::JournalRecord note;
  note.mutable_command_seen()->set_key("k\xff");
  ASSERT_TRUE(log->append_note(note, kNow).has_value());
  const auto last = log->last_sequence();
  EXPECT_EQ(page(*log, replay(1)).events.back().second.fill().fee_asset(), "caf\xEF\xBF\xBD");
  log.reset();
  log = open();
  EXPECT_EQ(log->last_sequence(), last);
  ASSERT_GE(recovered.size(), 2U);
  EXPECT_EQ(recovered.back().command_seen().key(), "k\xEF\xBF\xBD");
  EXPECT_EQ(recovered[recovered.size() - 2].event().envelope().fill().fee_asset(),
            "caf\xEF\xBF\xBD");
}

// As a build that did not look left it: its number is used all the same.
TEST_F(EventLogTest, AnEventThatDoesNotReadKeepsItsNumber) {
  const ProtobufWords caught;
  std::string stream;
  {
    auto log = open();
    append(*log, "fills.x.BTC-USD", "a");
    auto bad = fill("b\xff");
    bad.set_stream(log->stream());
    bad.set_sequence(log->last_sequence() + 1);
    bad.set_topic_sequence(2);
    ASSERT_TRUE(log->journal().append_event("fills.x.BTC-USD", bad.SerializeAsString(), kNow));
    stream = log->stream();
    watermark->write(stream, {.sequence = bad.sequence()});
  }
  auto log = open();
  ASSERT_EQ(log->stream(), stream);
  const auto numbers = append(*log, "fills.x.BTC-USD", "c");
  EXPECT_EQ(numbers.sequence, 4U);  // 1: stream_opened, 2: a, 3: the unreadable one
  EXPECT_EQ(numbers.topic_sequence, 3U);
}

TEST_F(EventLogTest, AFreshLogOpensAStreamAndSaysSoFirst) {
  auto log = open();
  EXPECT_EQ(log->decision(), StreamDecision::kFirst);
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].first, "stream.order-gateway.main");
  const auto& event = published[0].second;
  EXPECT_EQ(event.event_type(), "stream_opened");
  EXPECT_EQ(event.stream(), "order-gateway.main.1");
  EXPECT_EQ(event.sequence(), 1U);
  EXPECT_EQ(event.topic_sequence(), 1U);
  EXPECT_FALSE(event.stream_opened().has_previous_stream());
}

TEST_F(EventLogTest, EventsAreJournaledBeforeTheyArePublished) {
  auto log = open();
  std::uint64_t journaled = 0;
  log->start_publishing([&](std::string_view, const v1::Envelope&, std::string_view) {
    journaled = log->journal().last_index();
  });
  const auto before = log->journal().last_index();
  append(*log, "fills.x.BTC-USD", "1");
  EXPECT_EQ(journaled, before + 1);
}

TEST_F(EventLogTest, ARestartUnderTheSameBootKeepsStreamAndAllNumbers) {
  {
    auto log = open();
    append(*log, "fills.x.BTC-USD", "1");
    append(*log, "fills.x.ETH-USD", "2");
    append(*log, "fills.x.BTC-USD", "3");
    v1::JournalRecord record;
    record.mutable_state_note()->set_name("note");
    ASSERT_TRUE(log->append_note(record, kNow).has_value());
  }
  published.clear();
  auto log = open();
  EXPECT_EQ(log->decision(), StreamDecision::kContinue);
  EXPECT_TRUE(published.empty());
  EXPECT_EQ(recovered.size(), 6U);  // stream start, stream_opened, three fills, the note
  EXPECT_EQ(append(*log, "fills.x.BTC-USD", "4"),
            (EventNumbers{.sequence = 5, .topic_sequence = 3}));
  EXPECT_EQ(append(*log, "fills.x.ETH-USD", "5"),
            (EventNumbers{.sequence = 6, .topic_sequence = 2}));
  EXPECT_EQ(log->stream(), "order-gateway.main.1");
}

TEST_F(EventLogTest, ANewStreamIsOpenedWheneverNumbersMightBeGivenTwice) {
  struct Case {
    std::string_view name;
    std::function<void()> what;
    StreamDecision decision;
  };
  const std::vector<Case> cases = {
      {"other boot", [&] { boot_id = "boot-2"; }, StreamDecision::kOtherBoot},
      {"run_dir emptied", [&] { watermark = make_memory_watermark(); },
       StreamDecision::kWatermarkMissing},
      {"backup restored, behind",
       [&] { watermark->write("order-gateway.main.1", {.sequence = 4}); },
       StreamDecision::kBehindWatermark},
      {"another journal's watermark",
       [&] { watermark->write("order-gateway.main.9", {.sequence = 1}); },
       StreamDecision::kOtherStream},
      {"torn tail",
       [&] {
         auto& bytes = storage.files().begin()->second->bytes;
         bytes.resize(bytes.size() - 1);
       },
       StreamDecision::kBehindWatermark},
  };
  for (const auto& c : cases) {
    storage.files().clear();
    watermark = make_memory_watermark();
    boot_id = "boot-1";
    opened = 0;
    {
      auto log = open();
      append(*log, "fills.x.BTC-USD", "1");
      append(*log, "fills.x.BTC-USD", "2");
    }
    c.what();
    published.clear();
    auto log = open();
    EXPECT_EQ(log->decision(), c.decision) << c.name;
    EXPECT_EQ(log->stream(), "order-gateway.main.2") << c.name;
    ASSERT_EQ(published.size(), 1U) << c.name;
    const auto& event = published[0].second.stream_opened();
    EXPECT_EQ(event.previous_stream(), "order-gateway.main.1") << c.name;
    EXPECT_EQ(event.last_sequence(), c.name == "torn tail" ? 2U : 3U) << c.name;
    // topic_sequence begins anew with its stream.
    EXPECT_EQ(append(*log, "fills.x.BTC-USD", "3"),
              (EventNumbers{.sequence = 2, .topic_sequence = 1}));
    // The old stream stays readable.
    const auto old = page(*log, replay(1, 1'000, "order-gateway.main.1"));
    EXPECT_EQ(old.events.size(), event.last_sequence()) << c.name;
    EXPECT_EQ(old.head.last_sequence(), event.last_sequence());
    EXPECT_EQ(old.head.next_sequence(), event.last_sequence() + 1);
  }
}

TEST_F(EventLogTest, AnEmptiedJournalUnderAKnownWatermarkNamesTheLostStream) {
  {
    auto log = open();
    append(*log, "fills.x.BTC-USD", "1");
  }
  storage.files().clear();
  published.clear();
  auto log = open();
  EXPECT_EQ(log->decision(), StreamDecision::kBehindWatermark);
  EXPECT_EQ(published[0].second.stream_opened().previous_stream(), "order-gateway.main.1");
  EXPECT_EQ(published[0].second.stream_opened().last_sequence(), 0U);
}

// An order that was sent is a note without a number: a journal without it is behind all the same.
TEST_F(EventLogTest, ARestoredJournalThatLacksNotesAloneBeginsAStream) {
  const auto note = [&](EventLog& log) {
    v1::JournalRecord record;
    record.mutable_state_note()->set_name("x");
    ASSERT_TRUE(log.append_note(record, kNow));
  };
  {
    auto log = open();
    append(*log, "fills.x.BTC-USD", "1");
    note(*log);
  }
  const std::string backup = storage.files().begin()->second->bytes;
  EXPECT_EQ(open()->decision(), StreamDecision::kContinue);
  { note(*open()); }
  storage.files().begin()->second->bytes = backup;
  EXPECT_EQ(open()->decision(), StreamDecision::kBehindWatermark);
  EXPECT_EQ(open()->decision(), StreamDecision::kContinue) << "of the stream that has begun";
}

TEST_F(EventLogTest, AJournalAheadOfTheWatermarkGoesOn) {
  // Killed between the journal's write and the watermark's.
  { append(*open(), "fills.x.BTC-USD", "1"); }
  watermark->write("order-gateway.main.1", {.sequence = 1});
  EXPECT_EQ(open()->decision(), StreamDecision::kContinue);
}

TEST_F(EventLogTest, AKillAtAnyWriteNeverGivesANumberTwice) {
  journal_config.segment_bytes = 400;
  for (std::size_t killed_at = 0; killed_at < 60; ++killed_at) {
    storage.files().clear();
    watermark = make_memory_watermark();
    std::map<std::pair<std::string, std::uint64_t>, std::string> given;
    std::map<std::tuple<std::string, std::string, std::uint64_t>, std::string> by_topic;
    int made = 0;
    const auto remember = [&](std::string_view topic, const v1::Envelope& envelope) {
      EXPECT_TRUE(given
                      .emplace(std::pair{envelope.stream(), envelope.sequence()},
                               envelope.fill().trade_id())
                      .second)
          << killed_at;
      EXPECT_TRUE(
          by_topic
              .emplace(std::tuple{envelope.stream(), std::string(topic), envelope.topic_sequence()},
                       envelope.fill().trade_id())
              .second)
          << killed_at;
    };
    for (int life = 0; life < 3; ++life) {
      std::size_t writes = 0;
      bool dead = false;
      storage.on_append = [&](const std::string&, std::size_t bytes) {
        if (life == 2 || writes++ < killed_at) return AppendFault{};
        dead = true;
        storage.truncate_fails = true;
        return AppendFault{.short_write = bytes / 2};
      };
      syncer = make_manual_syncer();
      auto log = try_open();
      if (log) {
        (*log)->start_publishing([&](std::string_view topic, const v1::Envelope& envelope,
                                     std::string_view) { remember(topic, envelope); });
        for (int i = 0; i < 8 && !dead; ++i) {
          auto envelope = fill(std::to_string(++made));
          ignore((*log)->append("fills.x." + std::to_string(i % 2), envelope, kNow), "may be dead");
        }
      }
      storage.truncate_fails = false;
    }
    // What was published is what the pages say.
    auto log = open();
    for (const auto& [number, trade] : given) {
      const auto kept = page(*log, replay(number.second, 1, number.first));
      ASSERT_EQ(kept.events.size(), 1U) << number.first << " " << number.second;
      EXPECT_EQ(kept.events[0].second.fill().trade_id(), trade);
    }
    storage.on_append = {};
  }
}

TEST_F(EventLogTest, AFullDiskNumbersNothingAndPublishesNothing) {
  auto log = open();
  storage.on_append = [](const std::string&, std::size_t) { return AppendFault{.short_write = 3}; };
  published.clear();
  auto envelope = fill("1");
  const auto refused = log->append("fills.x.BTC-USD", envelope, kNow);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_TRUE(published.empty());
  storage.on_append = {};
  EXPECT_EQ(append(*log, "fills.x.BTC-USD", "1"),
            (EventNumbers{.sequence = 2, .topic_sequence = 1}));
}

TEST_F(EventLogTest, PagesWalkTheWholeStreamInBothEncodings) {
  auto log = open();
  for (int i = 2; i <= 2'500; ++i) {
    append(*log, i % 2 == 0 ? "fills.x.BTC-USD" : "orders.x.created", std::to_string(i));
    if (i % 7 == 0) {
      v1::JournalRecord record;
      record.mutable_state_note()->set_name("between");
      ASSERT_TRUE(log->append_note(record, kNow).has_value());
    }
  }
  for (const bool json : {false, true}) {
    std::uint64_t next = 1;
    std::vector<std::uint64_t> seen;
    std::size_t pages = 0;
    for (;;) {
      const auto got = page(*log, replay(next), json);
      EXPECT_EQ(got.head.type(), "replay_page");
      EXPECT_EQ(got.head.request_id(), "r-1");
      EXPECT_EQ(got.head.last_sequence(), 2'500U);
      EXPECT_LE(got.events.size(), 1'000U);
      for (const auto& [topic, event] : got.events) seen.push_back(event.sequence());
      ASSERT_GT(got.head.next_sequence(), next);
      next = got.head.next_sequence();
      ++pages;
      if (next > got.head.last_sequence()) break;
    }
    EXPECT_EQ(pages, 3U);
    ASSERT_EQ(seen.size(), 2'500U);
    for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i + 1);
  }
}

TEST_F(EventLogTest, PagesStartAtAnySequence) {
  auto log = open();
  for (int i = 2; i <= 600; ++i) append(*log, "fills.x.BTC-USD", std::to_string(i));
  for (std::uint64_t from = 1; from <= 600; ++from) {
    const auto got = page(*log, replay(from, 2));
    ASSERT_EQ(got.events.size(), from == 600 ? 1U : 2U) << from;
    EXPECT_EQ(got.events[0].second.sequence(), from);
    EXPECT_EQ(got.head.next_sequence(), std::min<std::uint64_t>(from + 2, 601));
  }
  const auto beyond = page(*log, replay(601));
  EXPECT_TRUE(beyond.events.empty());
  EXPECT_EQ(beyond.head.next_sequence(), 601U);
  EXPECT_EQ(beyond.head.last_sequence(), 600U);
}

TEST_F(EventLogTest, TopicPrefixesFilterAndStillAdvance) {
  auto log = open();
  for (int i = 2; i <= 100; ++i) {
    append(*log, i % 10 == 0 ? "orders.x.created" : "fills.x.BTC-USD", std::to_string(i));
  }
  auto request = replay(1);
  request.add_topics("orders.");
  const auto got = page(*log, request);
  EXPECT_EQ(got.events.size(), 10U);
  for (const auto& [topic, event] : got.events) EXPECT_EQ(topic, "orders.x.created");
  EXPECT_EQ(got.head.next_sequence(), 101U);

  request.set_topics(0, "nothing.");
  const auto none = page(*log, request);
  EXPECT_TRUE(none.events.empty());
  EXPECT_EQ(none.head.next_sequence(), 101U);
}

TEST_F(EventLogTest, APageHoldsFourMebibytesAndReadsNoMore) {
  auto log = open();
  const std::string big(300'000, 'b');
  for (int i = 2; i <= 40; ++i) append(*log, "fills.x.BTC-USD", big);
  const auto first = page(*log, replay(2));
  EXPECT_GE(first.events.size(), 12U);
  EXPECT_LE(first.events.size(), 13U);
  EXPECT_EQ(first.head.next_sequence(), 2 + first.events.size());
  // An unwanted topic costs the same reading: an empty page that still advances.
  auto request = replay(2);
  request.add_topics("orders.");
  const auto empty = page(*log, request);
  EXPECT_TRUE(empty.events.empty());
  EXPECT_GT(empty.head.next_sequence(), 2U);
  EXPECT_LT(empty.head.next_sequence(), 20U);
}

TEST_F(EventLogTest, BadPageRequestsAreAnsweredPrecisely) {
  auto log = open();
  append(*log, "fills.x.BTC-USD", "1");
  auto unknown = replay(1, 10, "order-gateway.main.none");
  for (const bool json : {false, true}) {
    auto got = page(*log, unknown, json);
    EXPECT_EQ(got.head.type(), "replay_error");
    EXPECT_EQ(got.head.code(), "UNKNOWN_STREAM");
    EXPECT_EQ(got.head.request_id(), "r-1");

    got = page(*log, replay(1, 0), json);
    EXPECT_EQ(got.head.code(), "INVALID_COMMAND");

    auto prefixed = replay(1);
    prefixed.add_topics("pb.orders.");
    got = page(*log, prefixed, json);
    EXPECT_EQ(got.head.code(), "INVALID_COMMAND");
  }
  PageHandlers handlers;
  const auto garbage = answer_page_request("{\"type\":", handlers);
  EXPECT_NE(garbage.at(0).find("INVALID_COMMAND"), std::string::npos);
  const auto not_here = answer_page_request(R"({"type":"snapshot","topics":["a"]})", handlers);
  EXPECT_NE(not_here.at(0).find("UNSUPPORTED"), std::string::npos);
}

TEST_F(EventLogTest, WhatWasTrimmedIsNotKeptAndNumbersGoOn) {
  journal_config = {.segment_bytes = 2'000, .cap_bytes = 8'000};
  auto log = open();
  append(*log, "orders.x.rare", "rare");  // its topic_sequence survives its segment
  for (int i = 0; i < 200; ++i) append(*log, "fills.x.BTC-USD", std::to_string(i));
  EXPECT_TRUE(log->journal().over_cap());
  const std::vector<std::string> consumers{"persister"};
  EXPECT_EQ(*log->trim(consumers, UINT64_MAX), 0U);  // it has not said how far it is
  log->acknowledge("persister", log->stream(), 80);
  EXPECT_GT(*log->trim(consumers, UINT64_MAX), 0U);
  EXPECT_TRUE(page(*log, replay(80)).head.type() == "replay_page");
  EXPECT_EQ(*log->trim(consumers, 1), 0U);
  log->acknowledge("persister", log->stream(), 203);
  EXPECT_GT(*log->trim(consumers, UINT64_MAX), 0U);
  EXPECT_FALSE(log->journal().over_cap());

  const auto check = [&] {
    for (const bool json : {false, true}) {
      const auto refused = page(*log, replay(1), json);
      EXPECT_EQ(refused.head.type(), "replay_error");
      EXPECT_EQ(refused.head.code(), "NOT_KEPT");
      const auto first = refused.head.first_sequence();
      EXPECT_GT(first, 50U);
      const auto kept = page(*log, replay(first), json);
      ASSERT_FALSE(kept.events.empty());
      EXPECT_EQ(kept.events[0].second.sequence(), first);
      EXPECT_EQ(kept.events.back().second.sequence(), 202U);
    }
  };
  check();
  log.reset();
  log = open();
  EXPECT_EQ(log->decision(), StreamDecision::kContinue);
  check();
  EXPECT_EQ(append(*log, "orders.x.rare", "again"),
            (EventNumbers{.sequence = 203, .topic_sequence = 2}));
}

TEST_F(EventLogTest, StreamsThatAreTrimmedAwayAreUnknown) {
  journal_config = {.segment_bytes = 1'000, .cap_bytes = 2'000};
  {
    auto log = open();
    for (int i = 0; i < 30; ++i) append(*log, "fills.x.BTC-USD", std::to_string(i));
  }
  boot_id = "boot-2";
  auto log = open();
  EXPECT_EQ(page(*log, replay(1, 10, "order-gateway.main.1")).events.size(), 10U);
  for (int i = 0; i < 60; ++i) append(*log, "fills.x.BTC-USD", std::to_string(i));
  EXPECT_GT(*log->trim({}, UINT64_MAX), 0U);
  EXPECT_EQ(page(*log, replay(1, 10, "order-gateway.main.1")).head.code(), "UNKNOWN_STREAM");
}

TEST_F(EventLogTest, PowerCutsNeverGiveANumberTwiceWhateverTheDiskKept) {
  std::mt19937_64 random(
      static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed()));
  journal_config.segment_bytes = 600;
  std::set<std::pair<std::string, std::uint64_t>> given;
  for (int life = 0; life < 100; ++life) {
    const bool power_cut = random() % 2 == 0;
    if (power_cut) {
      storage.cut_power([&](const std::string&, std::size_t unsynced) {
        return static_cast<std::size_t>(random() % (unsynced + 1));
      });
      watermark = make_memory_watermark();  // tmpfs is gone
      boot_id = "boot-" + std::to_string(life);
    }
    syncer = make_manual_syncer();
    auto log = try_open();
    ASSERT_TRUE(log.has_value()) << life << " " << log.error().text;
    if (!power_cut && life > 0) {
      EXPECT_EQ((*log)->decision(), StreamDecision::kContinue) << life;
    }
    (*log)->start_publishing([&](std::string_view, const v1::Envelope& envelope, std::string_view) {
      EXPECT_TRUE(given.emplace(envelope.stream(), envelope.sequence()).second) << life;
    });
    for (auto i = random() % 10; i > 0; --i) {
      append(**log, "fills.x." + std::to_string(random() % 3), "1");
      if (random() % 4 == 0) syncer->flush();
    }
  }
}

TEST(MappedWatermark, SurvivesItsProcessButNotItsFile) {
  const auto file =
      (std::filesystem::temp_directory_path() / ("perpwire-watermark-" + std::to_string(getpid())))
          .string();
  std::filesystem::remove(file);
  {
    auto mark = open_watermark(file);
    EXPECT_FALSE(mark->read().has_value());
    mark->write("a.main.1", {.sequence = 41, .record = 5});
    mark->write("a.main.1", {.sequence = 42, .record = 5});
  }
  {
    auto mark = open_watermark(file);
    ASSERT_TRUE(mark->read().has_value());
    EXPECT_EQ(mark->read()->stream, "a.main.1");
    EXPECT_EQ(mark->read()->written.sequence, 42U);
    mark->write("a.main.2", {.sequence = 0, .record = 5});
    mark->write("a.main.2", {.sequence = 7, .record = 5});
  }
  {
    auto mark = open_watermark(file);
    EXPECT_EQ(mark->read()->stream, "a.main.2");
    EXPECT_EQ(mark->read()->written.sequence, 7U);
  }
  { std::ofstream(file, std::ios::trunc) << "garbage"; }
  EXPECT_FALSE(open_watermark(file)->read().has_value());
  std::filesystem::remove(file);
  EXPECT_THROW(ignore(open_watermark("/nonexistent/folder/x"), "throws"), ConfigError);
}

TEST(DecideStream, ContinuesOnlyWhenNothingCanRepeat) {
  const RecoveredStream journal{
      .stream = "s", .boot_id = "b", .last_sequence = 10, .last_record = 30};
  using D = StreamDecision;
  EXPECT_EQ(decide_stream(std::nullopt, "b", std::nullopt), D::kFirst);
  EXPECT_EQ(decide_stream(std::nullopt, "b", Watermark{"s", {.sequence = 1}}), D::kBehindWatermark);
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"s", {.sequence = 10}}), D::kContinue);
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"s", {.sequence = 9}}), D::kContinue);
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"s", {.sequence = 11}}), D::kBehindWatermark);
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"s", {.sequence = 10, .record = 30}}),
            D::kContinue);
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"s", {.sequence = 10, .record = 31}}),
            D::kBehindWatermark)
      << "notes are missing";
  EXPECT_EQ(decide_stream(journal, "b", Watermark{"t", {.sequence = 1}}), D::kOtherStream);
  EXPECT_EQ(decide_stream(journal, "b", std::nullopt), D::kWatermarkMissing);
  EXPECT_EQ(decide_stream(journal, "c", Watermark{"s", {.sequence = 10}}), D::kOtherBoot);
}

// The file in run_dir is ours, but what lies there at a start need not be.
TEST(Watermark, AFileThatIsNotOursCountsAsMissing) {
  const auto file =
      std::filesystem::temp_directory_path() / ("perpwire-watermark-" + std::to_string(getpid()));
  const auto with = [&](std::uint64_t active, std::uint64_t length) {
    std::string bytes(528, 'x');
    std::memcpy(bytes.data(), "PWWMARK2", 8);
    std::memcpy(bytes.data() + 8, &active, sizeof active);
    for (const std::size_t slot : {16U + 8U, 16U + 256U + 8U}) {
      std::memcpy(bytes.data() + slot, &length, sizeof length);
    }
    std::ofstream(file, std::ios::binary) << bytes;
  };
  for (const auto& [active, length] : {std::pair<std::uint64_t, std::uint64_t>{1ULL << 40, 4},
                                       {7, 4},
                                       {0, 1ULL << 40},
                                       {1, 233}}) {
    with(active, length);
    const auto watermark = open_watermark(file.string());
    EXPECT_FALSE(watermark->read().has_value());
    watermark->write("order-gateway.main.1", {.sequence = 7});
    ASSERT_TRUE(watermark->read().has_value());
    EXPECT_EQ(watermark->read()->written.sequence, 7U);
  }
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace perpwire::journal
