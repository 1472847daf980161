#include "services/persister/page_reader.hpp"

#include "sample_events.hpp"
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace perpwire::persister {
namespace {

using namespace std::chrono_literals;

/// A process that keeps its events, as the contract describes replay.
class Journal {
 public:
  struct Stream {
    std::string name;
    std::uint64_t first = 1;  // first kept
    std::uint64_t last = 0;
    std::string previous{};
    std::uint64_t previous_last = 0;
    bool readable = true;
  };

  std::string open_stream(const std::string& name) {
    Stream stream{.name = name};
    if (!streams_.empty()) {
      stream.previous = streams_.back().name;
      stream.previous_last = streams_.back().last;
    }
    stream.last = 1;  // stream_opened itself
    streams_.push_back(stream);
    return name;
  }
  void append(std::uint64_t events = 1) { streams_.back().last += events; }
  Stream& stream(const std::string& name) {
    for (auto& stream : streams_) {
      if (stream.name == name) return stream;
    }
    throw std::out_of_range(name);
  }
  Stream& live() { return streams_.back(); }
  const std::vector<Stream>& streams() const { return streams_; }

  std::variant<Page, PageRefusal> answer(const AskPage& request) const {
    const Stream* stream = streams_.empty() ? nullptr : &streams_.back();
    if (!request.stream.empty()) {
      stream = nullptr;
      for (const auto& each : streams_) {
        if (each.name == request.stream && each.readable) stream = &each;
      }
      if (stream == nullptr) return PageRefusal{.code = ErrorCode::kUnknownStream};
    }
    if (stream == nullptr) return Page{.next_sequence = request.from_sequence};
    if (request.from_sequence < stream->first) {
      return PageRefusal{.code = ErrorCode::kNotKept, .first_sequence = stream->first};
    }
    Page page{.stream = stream->name,
              .next_sequence = request.from_sequence,
              .last_sequence = stream->last};
    while (page.next_sequence <= stream->last && page.events.size() < request.limit) {
      page.events.push_back(event(*stream, page.next_sequence++));
    }
    return page;
  }

  static Page::Event event(const Stream& stream, std::uint64_t sequence) {
    StoredEvent made = order_event(sequence, {}, stream.name);
    if (sequence == 1) {
      made.topic = "stream.order-gateway.main";
      made.envelope.set_event_type("stream_opened");
      auto& opened = *made.envelope.mutable_stream_opened();
      if (!stream.previous.empty()) {
        opened.set_previous_stream(stream.previous);
        opened.set_last_sequence(stream.previous_last);
      }
    }
    return {.topic = made.topic, .payload = made.envelope.SerializeAsString()};
  }

 private:
  std::vector<Stream> streams_;
};

/// Plays driver, process and store: answers every question, commits every batch, and checks that
/// what the reader hands out is each sequence once.
class Rig {
 public:
  explicit Rig(Journal& journal, PageReaderSettings settings = {})
      : journal_(journal), settings_(settings) {
    restart();
  }

  /// A new reader from what the store committed.
  void restart() {
    open_.reset();
    uncommitted_.clear();
    for (auto& [name, cursor] : handed_) {
      cursor = committed_.contains(name) ? committed_[name] : 1;
    }
    std::vector<StreamCursor> cursors;
    for (const auto& name : order_) {
      cursors.push_back(
          {.stream = name, .next_sequence = committed_[name], .closed = closed_.contains(name)});
    }
    reader_.emplace(settings_, cursors);
    step([&](ReaderActions& out) { reader_->start(out); });
  }

  template <class Call>
  void step(Call call) {
    ReaderActions out;
    call(out);
    for (auto& action : out) take(std::move(action));
  }
  void take(ReaderAction action) {
    if (auto* ask = std::get_if<AskPage>(&action)) {
      ASSERT_FALSE(open_) << "two questions at once";
      open_ = *ask;
      ++asked_;
    } else if (auto* store = std::get_if<StoreBatch>(&action)) {
      check(store->batch);
      uncommitted_.push_back(std::move(store->batch));
    } else {
      alarms_.push_back(std::get<Alarm>(action).text);
    }
  }
  void check(const Batch& batch) {
    if (!handed_.contains(batch.stream)) {
      handed_[batch.stream] = 1;
    }
    ASSERT_EQ(batch.from_sequence, handed_[batch.stream]) << batch.stream;
    std::set<std::uint64_t> covered;
    for (const auto& event : batch.events) {
      ASSERT_TRUE(covered.insert(event.envelope.sequence()).second);
      ASSERT_EQ(event.envelope.stream(), batch.stream);
    }
    for (const auto& event : batch.unreadable) ASSERT_TRUE(covered.insert(event.sequence).second);
    for (const auto& gap : batch.gaps) {
      for (auto n = gap.from; gap.to && n <= *gap.to; ++n) ASSERT_TRUE(covered.insert(n).second);
    }
    ASSERT_EQ(covered.size(), batch.next_sequence - batch.from_sequence);
    if (!covered.empty()) {
      ASSERT_EQ(*covered.begin(), batch.from_sequence);
      ASSERT_EQ(*covered.rbegin() + 1, batch.next_sequence);
    }
    handed_[batch.stream] = batch.next_sequence;
  }
  void commit_one() {
    const Batch batch = uncommitted_.front();
    uncommitted_.erase(uncommitted_.begin());
    if (!committed_.contains(batch.stream)) order_.push_back(batch.stream);
    committed_[batch.stream] = batch.next_sequence;
    if (batch.closes) closed_.insert(batch.stream);
    stored_events_ += batch.events.size();
    stored_[batch.stream] += batch.events.size();
    for (const auto& gap : batch.gaps) gaps_[batch.stream].push_back(gap);
    sequence_of_streams_.push_back(batch.stream);
    unreadable_ += batch.unreadable.size();
    step([&](ReaderActions& out) { reader_->on_committed(out); });
  }
  void answer() {
    const AskPage request = *open_;
    open_.reset();
    const auto reply = journal_.answer(request);
    step([&](ReaderActions& out) {
      if (const auto* page = std::get_if<Page>(&reply)) {
        reader_->on_page(*page, now_, out);
      } else {
        reader_->on_refused(std::get<PageRefusal>(reply), now_, out);
      }
    });
  }
  void lose_answer() {
    open_.reset();
    reader_->on_failed(now_);
  }
  void answer_with(const Page& page) {
    open_.reset();
    step([&](ReaderActions& out) { reader_->on_page(page, now_, out); });
  }
  void pass(Nanos time) {
    now_ += time;
    step([&](ReaderActions& out) { reader_->on_timer(now_, out); });
  }
  void hint(const std::string& stream, std::uint64_t newest) {
    step([&](ReaderActions& out) { reader_->on_hint(stream, newest, out); });
  }
  /// Answers and commits until nothing is asked any more at this moment.
  void settle() {
    for (int i = 0; i < 10'000 && (open_ || !uncommitted_.empty()); ++i) {
      if (open_) {
        answer();
      } else {
        commit_one();
      }
    }
    ASSERT_FALSE(open_);
  }
  /// The same, with time for retries and polls.
  void settle_for(Nanos time) {
    for (Nanos passed{0}; passed < time; passed += 50ms) {
      pass(50ms);
      settle();
    }
  }

  Journal& journal_;
  PageReaderSettings settings_;
  std::optional<PageReader> reader_;
  std::optional<AskPage> open_;
  std::vector<Batch> uncommitted_;
  std::map<std::string, std::uint64_t> handed_;
  std::map<std::string, std::uint64_t> committed_;
  std::vector<std::string> order_;
  std::set<std::string> closed_;
  std::vector<std::string> alarms_;
  std::map<std::string, std::vector<Gap>> gaps_;  // by stream
  std::map<std::string, std::uint64_t> stored_;
  std::vector<std::string> sequence_of_streams_;
  std::uint64_t stored_events_ = 0;
  std::uint64_t unreadable_ = 0;
  int asked_ = 0;
  Nanos now_{0};
};

const std::string kA = "order-gateway.main.a";
const std::string kB = "order-gateway.main.b";
const std::string kC = "order-gateway.main.c";

TEST(PageReader, FirstRunReadsFromSequenceOne) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(2'500);
  Rig rig(journal);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 2'501U);
  EXPECT_EQ(rig.committed_[kA], 2'502U);
  EXPECT_TRUE(rig.alarms_.empty());
}

TEST(PageReader, FirstRunBehindATrimmedJournalRecordsTheGapAndAlarms) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(100);
  journal.live().first = 41;
  Rig rig(journal);
  rig.settle();
  ASSERT_EQ(rig.gaps_[kA].size(), 1U);
  EXPECT_EQ(rig.gaps_[kA][0].from, 1U);
  EXPECT_EQ(rig.gaps_[kA][0].to, 40U);
  EXPECT_EQ(rig.gaps_[kA][0].reason, "NOT_KEPT");
  EXPECT_EQ(rig.stored_events_, 61U);
  EXPECT_EQ(rig.alarms_.size(), 1U);
  EXPECT_EQ(rig.reader_->counters().lost_events, 40U);
}

TEST(PageReader, UnderLoadNewsGatherUntilOnePageTakesThemAll) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal, {.gather = 20ms});
  rig.settle();
  rig.pass(20ms);
  const int before = rig.asked_;
  journal.append(1);
  rig.hint(kA, 2);
  EXPECT_EQ(rig.asked_, before + 1);  // after a quiet time at once
  rig.settle();
  for (std::uint64_t i = 3; i <= 50; ++i) {
    journal.append(1);
    rig.hint(kA, i);
  }
  EXPECT_EQ(rig.asked_, before + 1);
  rig.pass(19ms);
  EXPECT_EQ(rig.asked_, before + 1);
  rig.pass(1ms);
  EXPECT_EQ(rig.asked_, before + 2);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 50U);
}

TEST(PageReader, GatheringNeverHoldsUpAFullPageNorAnEndedStream) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(100);
  Rig rig(journal, {.gather = 1h, .page_limit = 10});
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 101U);
  journal.open_stream(kB);
  journal.append(5);
  rig.pass(1h);
  rig.settle();
  rig.pass(1h);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 107U);
}

TEST(PageReader, AHintBringsTheNewEventsAtOnce) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.settle();
  journal.append();
  rig.hint(kA, 2);
  ASSERT_TRUE(rig.open_);
  EXPECT_EQ(rig.open_->from_sequence, 2U);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 2U);
}

TEST(PageReader, WithoutAnyHintThePollFindsThem) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.settle();
  journal.append(3);
  rig.settle_for(300ms);
  EXPECT_EQ(rig.stored_events_, 4U);
}

TEST(PageReader, AHintThatLiesCostsOneQuestion) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.settle();
  const int before = rig.asked_;
  rig.hint(kA, 1'000'000);
  rig.settle();
  EXPECT_LE(rig.asked_ - before, 1);
  EXPECT_EQ(rig.stored_events_, 1U);
}

TEST(PageReader, AProcessWithoutEventsIsAskedAgainLater) {
  Journal journal;
  Rig rig(journal);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 0U);
  journal.open_stream(kA);
  rig.settle_for(300ms);
  EXPECT_EQ(rig.stored_events_, 1U);
}

TEST(PageReader, ANewStreamIsReadAfterTheRestOfTheOldOne) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.settle();
  journal.append(5);  // nobody told us
  journal.open_stream(kB);
  journal.append(2);
  rig.hint(kB, 3);
  rig.settle();
  EXPECT_EQ(rig.committed_[kA], 7U);
  EXPECT_EQ(rig.committed_[kB], 4U);
  EXPECT_TRUE(rig.closed_.contains(kA));
  EXPECT_FALSE(rig.closed_.contains(kB));
  EXPECT_TRUE(rig.gaps_.empty());
}

TEST(PageReader, ANewStreamIsFoundWithoutTheBusToo) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.settle();
  journal.append(5);
  journal.open_stream(kB);
  rig.settle_for(1s);
  EXPECT_EQ(rig.committed_[kA], 7U);
  EXPECT_EQ(rig.committed_[kB], 2U);
}

TEST(PageReader, ALateHeartbeatOfAnOldStreamChangesNothing) {
  Journal journal;
  journal.open_stream(kA);
  journal.open_stream(kB);
  Rig rig(journal);
  rig.settle();
  rig.hint(kA, 1);
  rig.hint("order-gateway.main.never-seen", 7);
  rig.settle();
  journal.append();
  rig.hint(kB, 2);
  rig.settle();
  EXPECT_EQ(rig.committed_[kB], 3U);
  EXPECT_FALSE(rig.closed_.contains(kB));
}

TEST(PageReader, FirstRunReadsAllOldStreamsOldestFirst) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(3);
  journal.open_stream(kB);
  journal.append(3);
  journal.open_stream(kC);
  journal.append(3);
  Rig rig(journal);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 12U);
  EXPECT_EQ(rig.order_, (std::vector<std::string>{kA, kB, kC}));
}

TEST(PageReader, AnOldStreamThatNobodyHasAnyMoreIsAGapOfKnownLength) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(9);
  Rig rig(journal);
  rig.settle();
  journal.append(10);
  journal.open_stream(kB);
  journal.stream(kA).readable = false;
  rig.settle_for(8s);
  EXPECT_EQ(rig.committed_[kB], 2U);
  ASSERT_EQ(rig.gaps_[kA].size(), 1U);
  EXPECT_EQ(rig.gaps_[kA][0].from, 11U);
  EXPECT_FALSE(rig.alarms_.empty());
  EXPECT_TRUE(rig.closed_.contains(kA));
}

TEST(PageReader, AStreamNamedByItsSuccessorButGoneIsAGapUpToTheNamedEnd) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(9);
  journal.open_stream(kB);
  journal.stream(kA).readable = false;
  Rig rig(journal);
  rig.settle_for(8s);
  ASSERT_EQ(rig.gaps_[kA].size(), 1U);
  EXPECT_EQ(rig.gaps_[kA][0].from, 1U);
  EXPECT_EQ(rig.gaps_[kA][0].to, 10U);
  EXPECT_EQ(rig.gaps_[kA][0].reason, "UNKNOWN_STREAM");
  EXPECT_EQ(rig.committed_[kB], 2U);
}

TEST(PageReader, AJournalThatLostEventsWeAlreadyHaveGoesOnWithTheNewStream) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(9);
  Rig rig(journal);
  rig.settle();
  journal.live().last = 5;  // a power cut took the tail
  journal.open_stream(kB);
  journal.append(1);
  rig.hint(kB, 2);
  rig.settle_for(2s);
  EXPECT_EQ(rig.committed_[kA], 11U);
  EXPECT_EQ(rig.committed_[kB], 3U);
  EXPECT_TRUE(rig.gaps_.empty());
}

TEST(PageReader, AHoleInsideAPageIsAGapNotSilence) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(4);
  Rig rig(journal);
  rig.answer();  // which stream?
  Page page = std::get<Page>(journal.answer({.stream = kA, .from_sequence = 1}));
  page.events.erase(page.events.begin() + 1, page.events.begin() + 3);
  rig.answer_with(page);
  rig.settle();
  ASSERT_EQ(rig.gaps_[kA].size(), 1U);
  EXPECT_EQ(rig.gaps_[kA][0].from, 2U);
  EXPECT_EQ(rig.gaps_[kA][0].to, 3U);
  EXPECT_EQ(rig.stored_events_, 3U);
}

TEST(PageReader, AnUnreadablePayloadKeepsItsNumberAndStopsNothing) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(4);
  Rig rig(journal);
  rig.answer();
  Page page = std::get<Page>(journal.answer({.stream = kA, .from_sequence = 1}));
  page.events[2].payload = "\xff\xff\xff";
  rig.answer_with(page);
  rig.settle();
  EXPECT_EQ(rig.unreadable_, 1U);
  EXPECT_EQ(rig.stored_events_, 4U);
  EXPECT_TRUE(rig.gaps_.empty());
}

TEST(PageReader, APageThatContradictsItsHeaderIsNotTaken) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(4);
  Rig rig(journal);
  rig.answer();
  Page page = std::get<Page>(journal.answer({.stream = kA, .from_sequence = 1}));
  page.next_sequence = 3;
  rig.answer_with(page);
  EXPECT_TRUE(rig.uncommitted_.empty());
  EXPECT_EQ(rig.alarms_.size(), 1U);
  rig.settle_for(6s);
  EXPECT_EQ(rig.stored_events_, 5U);
}

// The queue of the store is as long as this says: what does not fit would end the process.
TEST(PageReader, WhatIsUncommittedIsBoundedAlsoWhereStreamsEnd) {
  for (std::size_t full = 1; full <= 4; ++full) {
    const PageReaderSettings settings{.max_in_flight = full, .page_limit = 5};
    std::size_t most = 0;
    for (std::uint64_t events = 1; events <= 25; ++events) {
      Journal journal;
      journal.open_stream(kA);
      journal.append(events);
      Rig rig(journal, settings);
      rig.settle();
      journal.append(events);
      journal.open_stream(kB);
      journal.append(30);
      rig.step([&](ReaderActions& out) { rig.reader_->on_hint(kB, 1, out); });
      for (int i = 0; i < 50; ++i) {
        while (rig.open_) rig.answer();
        rig.pass(1s);
      }
      most = std::max(most, rig.uncommitted_.size());
      rig.settle_for(6s);
      EXPECT_EQ(rig.stored_events_, 2 + 2 * events + 30);
    }
    EXPECT_EQ(most, settings.most_uncommitted());
  }
}

TEST(PageReader, ReadingPausesWhileTheStoreIsFull) {
  Journal journal;
  journal.open_stream(kA);
  journal.append(100);
  Rig rig(journal, {.max_in_flight = 2, .page_limit = 10});
  while (rig.open_) rig.answer();
  EXPECT_EQ(rig.uncommitted_.size(), 2U);
  rig.pass(1s);
  EXPECT_FALSE(rig.open_);
  rig.commit_one();
  EXPECT_TRUE(rig.open_);
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 101U);
}

TEST(PageReader, NoAnswerIsAskedAgainAfterABackoff) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(rig.open_);
    rig.lose_answer();
    EXPECT_FALSE(rig.reader_->reachable());
    for (int j = 0; j < 200 && !rig.open_; ++j) rig.pass(50ms);
  }
  rig.settle();
  EXPECT_TRUE(rig.reader_->reachable());
  EXPECT_EQ(rig.stored_events_, 1U);
}

TEST(PageReader, OtherProcessesStreamsInTheStoreDoNoHarm) {
  Journal journal;
  journal.open_stream(kA);
  Rig rig(journal);
  rig.committed_["risk.main.r"] = 17;
  rig.order_.push_back("risk.main.r");
  rig.restart();
  rig.settle();
  EXPECT_EQ(rig.stored_events_, 1U);
  EXPECT_FALSE(rig.closed_.contains("risk.main.r"));
}

/// Everything at once: the process appends, trims, changes streams; answers are lost; hints are
/// true, late or missing; the persister is killed. In the end each event is stored once or named in
/// a gap.
TEST(PageReader, AnyHistoryEndsWithEachEventOnceOrInANamedGap) {
  const int given = ::testing::UnitTest::GetInstance()->random_seed();
  const unsigned base =
      (given != 0 ? static_cast<unsigned>(given) : std::random_device{}()) % 99'999;
  for (unsigned round = 0; round < 150; ++round) {
    SCOPED_TRACE("seed " + std::to_string(base) + " round " + std::to_string(round) +
                 ": repeat with --gtest_random_seed=" + std::to_string(base));
    std::mt19937 random(base * 1'000 + round);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    Journal journal;
    journal.open_stream("order-gateway.main.0");
    Rig rig(journal, {.max_in_flight = 1 + random() % 4,
                      .page_limit = static_cast<std::uint32_t>(1 + random() % 20)});
    std::uint64_t trimmed = 0;
    for (int step = 0; step < 400; ++step) {
      if (chance(30)) journal.append(1 + random() % 15);
      if (chance(2)) {
        journal.open_stream("order-gateway.main." + std::to_string(journal.streams().size()));
      }
      if (chance(2)) {
        auto& live = journal.live();
        live.first = std::max(live.first, 1 + random() % live.last);
        ++trimmed;
        // A journal is trimmed from its oldest event on: the older streams are gone whole.
        for (const auto& old : journal.streams()) {
          if (old.name != live.name) journal.stream(old.name).readable = false;
        }
      }
      if (chance(20)) rig.hint(journal.live().name, journal.live().last);
      if (chance(3)) rig.hint(journal.streams()[random() % journal.streams().size()].name, 3);
      if (chance(2)) rig.restart();
      if (chance(40)) rig.pass(Nanos{random() % 100'000'000});
      if (rig.open_ && chance(50)) {
        if (chance(10)) {
          rig.lose_answer();
        } else {
          rig.answer();
        }
      }
      if (!rig.uncommitted_.empty() && chance(50)) rig.commit_one();
      if (HasFatalFailure()) return;
    }
    rig.settle_for(30s);
    if (HasFatalFailure()) return;
    std::uint64_t in_gaps = 0;
    for (const auto& stream : journal.streams()) {
      ASSERT_EQ(rig.closed_.contains(stream.name),
                rig.committed_.contains(stream.name) && stream.name != journal.live().name);
      if (!stream.readable) continue;  // what nobody has, nobody can store
      ASSERT_EQ(rig.committed_[stream.name], stream.last + 1) << stream.name;
      std::uint64_t missing = 0;
      for (const auto& gap : rig.gaps_[stream.name]) missing += *gap.to - gap.from + 1;
      ASSERT_EQ(rig.stored_[stream.name] + missing, stream.last) << stream.name;
      in_gaps += missing;
    }
    if (trimmed == 0) {
      ASSERT_EQ(in_gaps, 0U);
    }
  }
}

}  // namespace
}  // namespace perpwire::persister
