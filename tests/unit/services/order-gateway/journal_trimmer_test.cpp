#include "services/order-gateway/journal_trimmer.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/journal/memory_storage.hpp"
#include "services/order-gateway/order_messages.hpp"
#include "tests/unit/services/order-gateway/engine_bench.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

namespace perpwire::gateway {
namespace {

using bench::EngineBench;

constexpr std::uint64_t kCap = 400'000;
constexpr std::uint64_t kSegment = 20'000;

/// An engine on a journal on a disk in memory, trimmed as the service does it.
class Trimmed : public testing::Test {
 protected:
  Trimmed() { open(); }
  ~Trimmed() override { std::filesystem::remove_all(folder); }

  static std::filesystem::path make_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trim-XXXXXX").string();
    return ::mkdtemp(pattern.data());
  }
  static EngineSettings settings() {
    EngineSettings settings = EngineBench::default_settings();
    settings.max_final_orders = 20;
    settings.reconcile_interval = std::chrono::hours{1};
    return settings;
  }

  /// As after kill -9: the journal is read from the disk.
  void open() {
    log.reset();
    std::vector<v1::JournalRecord> records;
    auto opened = journal::EventLog::open(
        storage, *syncer, *watermark,
        {.process = "order-gateway",
         .instance = "main",
         .boot_id = "boot",
         .new_stream_id = "order-gateway.main.1"},
        {.segment_bytes = kSegment, .cap_bytes = kCap},
        [&](const v1::JournalRecord& record) { records.push_back(record); }, bench.now().wall);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    log = std::move(*opened);
    log->start_publishing([](auto, const auto&, auto) {});
    bench.writer.log = log.get();
    bench.restart_from(records);
    trimmer = std::make_unique<JournalTrimmer>(
        *log, *ids, std::vector<AccountEngine*>{bench.engine.get()}, bench.risk,
        JournalTrimmer::Config{.durable_consumers = {"persister.main"},
                               .cap_bytes = kCap,
                               .id_retention = std::chrono::hours{1}});
    bench.start();
  }

  void stored_all() { log->acknowledge("persister.main", log->stream(), log->last_sequence() + 1); }

  /// A hundred orders that end, so that the journal grows.
  void traffic(const std::string& name, int count = 100) {
    for (int i = 0; i < count; ++i) {
      bench.place(name + std::to_string(i), "BUY", "49000", "0.001",
                  [](auto& order) { order.set_time_in_force("IOC"); });
      bench.answer_statuses(
          bench.sent.back(),
          R"({"error":"Order could not immediately match against any resting orders. asset=0"})");
      bench.sent.clear();
    }
    bench.advance(100);
  }

  /// What must be the same after a restart.
  std::map<std::string, std::string> picture() {
    std::map<std::string, std::string> found;
    bench.engine->tracker().for_each([&](const InFlightOrder& order) {
      if (is_final(order.state())) return;
      std::string text = to_contract_json(order_data(order.view(UnixNanos{})));
      for (const auto& leg : order.legs()) text += " " + leg.value();
      text += " working " + order.working_quantity().to_string();
      found[order.content().client_order_id.value()] = text;
    });
    for (const auto& [pair, held] : bench.engine->positions().all()) {
      found["position " + pair.value()] =
          held.quantity.to_string() +
          (held.entry_price ? " at " + held.entry_price->to_string() : std::string());
    }
    for (const auto& [pair, reason] : bench.engine->stopped_pairs())
      found["stopped " + pair.value()] = reason;
    return found;
  }

  void old_orders() {
    bench.place("resting", "BUY", "48000", "0.01");
    bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":1}})");
    bench.place("partly", "BUY", "48000", "0.03");
    bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":2}})");
    filled_at = bench.venue_ms();
    bench.fill(bench.cloid("partly"), 2, "B", "48000", "0.01", "0.0", 11);
    bench.place("modified", "SELL", "52000", "0.02");
    bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":3}})");
    v1::Command modify;
    modify.set_type("modify");
    modify.set_client_order_id("modified");
    set_decimal(Decimal{53'000}, *modify.mutable_price());
    bench.command(modify);
    bench.answer_statuses(bench.sent.back(), R"({"resting":{"oid":4}})");
    open_at_venue();
  }
  void open_at_venue() {
    const auto row = [&](const std::string& id, const std::string& side, const std::string& price,
                         const std::string& size, const std::string& oid,
                         const std::string& ordered = "") {
      return R"({"coin":"BTC","side":")" + side + R"(","limitPx":")" + price + R"(","sz":")" +
             size + R"(","oid":)" + oid + R"(,"timestamp":1,"origSz":")" +
             (ordered.empty() ? size : ordered) + R"(","cloid":")" + bench.cloid(id) + "\"}";
    };
    bench.info["frontendOpenOrders"] = "[" + row("resting", "B", "48000", "0.01", "1") + "," +
                                       row("partly", "B", "48000", "0.02", "2", "0.03") + "," +
                                       row("modified", "A", "53000", "0.02", "4") + "]";
    bench.info["clearinghouseState"] =
        R"({"marginSummary":{"accountValue":"1000.0"},"withdrawable":"900.0","assetPositions":[)"
        R"({"type":"oneWay","position":{"coin":"BTC","szi":"0.01","leverage":{"type":"cross",)"
        R"("value":20},"entryPx":"48000.0"}}]})";
  }

  journal::MemoryStorage storage;
  std::unique_ptr<journal::Syncer> syncer = journal::make_manual_syncer();
  std::unique_ptr<journal::WatermarkStore> watermark = journal::make_memory_watermark();
  std::filesystem::path folder = make_folder();
  std::unique_ptr<IdFile> ids = std::make_unique<IdFile>(folder);
  EngineBench bench{settings(), ids.get()};
  std::unique_ptr<journal::EventLog> log;
  std::unique_ptr<JournalTrimmer> trimmer;
  std::int64_t filled_at = 0;
};

TEST_F(Trimmed, ARestartAfterTrimmingRecoversEverything) {
  old_orders();
  const auto first = log->journal().first_index();
  for (int round = 0; round < 12; ++round) {
    traffic("t" + std::to_string(round) + "-");
    stored_all();
    trimmer->step(bench.now());
    ASSERT_FALSE(log->journal().over_cap());
  }
  EXPECT_GT(trimmer->segments_removed(), 3U);
  EXPECT_GT(log->journal().first_index(), first + 100);
  const auto before = picture();
  EXPECT_EQ(before.size(), 4U);
  bench.writer.records.clear();
  open();
  EXPECT_EQ(picture(), before);
  EXPECT_TRUE(bench.events("order_created").empty()) << "nothing is told twice";
  EXPECT_TRUE(bench.events("position_adjusted").empty());
  // A trimmed order's id is still known; its fill is still counted.
  EXPECT_EQ(bench.place("t0-0", "BUY", "47000", "0.001").code(), "DUPLICATE_CLIENT_ORDER_ID");
  bench.fill(bench.cloid("partly"), 2, "B", "48000", "0.01", "0.0", 11, "", filled_at);
  EXPECT_TRUE(bench.events("fill").empty());
  EXPECT_EQ(bench.order("partly")->filled().to_string(), "0.01");
}

TEST_F(Trimmed, WhatAConsumerHasNotStoredStays) {
  for (int round = 0; round < 12 && !log->journal().over_cap(); ++round) {
    traffic("t" + std::to_string(round) + "-");
    trimmer->step(bench.now());
  }
  EXPECT_EQ(trimmer->segments_removed(), 0U);
  EXPECT_EQ(log->journal().first_index(), 1U);
}

TEST_F(Trimmed, OverTheCapCancelsGoOnAndNewOrdersAreRefused) {
  old_orders();
  bench.writer.is_full = true;
  EXPECT_EQ(bench.place("x", "BUY", "48000", "0.01").code(), "INTERNAL");
  v1::Command cancel;
  cancel.set_type("cancel");
  cancel.set_client_order_id("resting");
  EXPECT_EQ(bench.command(cancel).status(), "ACCEPTED");
  EXPECT_TRUE(bench.sent.back().request.has_cancel_by_cloid());
}

TEST_F(Trimmed, AKillAtAnyWriteOfATrimLosesNothing) {
  old_orders();
  for (int round = 0; round < 4; ++round) {
    traffic("t" + std::to_string(round) + "-");
    stored_all();
  }
  ASSERT_GT(log->journal().bytes(), kCap / 2 + kCap / 16);
  const auto before = picture();
  // How many writes the trim makes, and then one life for each: killed right after that write.
  for (std::size_t killed_at = 1; killed_at < 40; ++killed_at) {
    std::size_t writes = 0;
    struct Killed {};
    storage.on_append = [&](const std::string&, std::size_t) -> journal::AppendFault {
      if (++writes > killed_at) throw Killed{};
      return {};
    };
    bool finished = false;
    try {
      trimmer->step(bench.now());
      finished = true;
    } catch (const Killed&) {
    }
    storage.on_append = nullptr;
    open();
    ASSERT_EQ(picture(), before) << "killed at write " << killed_at;
    if (finished) break;
    stored_all();
  }
  EXPECT_GT(log->journal().first_index(), 1U) << "it was trimmed in the end";
}

}  // namespace
}  // namespace perpwire::gateway
